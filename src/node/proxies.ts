import https from 'node:https';
import { TlsUsageError } from '../base/errors.ts';
import { nodeError } from './errors.ts';

/** What Node keeps of a proxy on its agents, as it has read it from an environment. */
export interface ProxyConfig {
  /** That of the connection to the proxy: `http:` or `https:`. */
  readonly protocol: string;
  /** The value of proxy-authorization, where the proxy's URL has credentials. */
  readonly auth?: string | undefined;
  readonly proxyConnectionOptions: { readonly host: string; readonly port: number };
  /** Whether NO_PROXY leaves a host to it. */
  shouldUseProxy(host: string, port: number | string | undefined): boolean;
}

/** By agent, since Node reads an environment once, when it makes one. */
const known = new WeakMap<object, { readonly proxy: ProxyConfig | undefined }>();

/** The proxy of one of Node's agents, where it has one. */
export function proxyOf(agent: object): ProxyConfig | undefined {
  let found = known.get(agent);
  if (found === undefined) {
    found = { proxy: readProxy(agent) };
    known.set(agent, found);
  }
  return found.proxy;
}

/** Node exports the name of that field nowhere. */
function readProxy(agent: object): ProxyConfig | undefined {
  const name = Object.getOwnPropertySymbols(agent).find(({ description }) => description === 'kProxyConfig');
  const proxy = name && ((agent as Record<symbol, unknown>)[name] as Partial<ProxyConfig> | null | undefined);
  const { host, port } = proxy?.proxyConnectionOptions ?? {};
  const isKnown =
    (proxy?.protocol === 'http:' || proxy?.protocol === 'https:') &&
    typeof proxy.shouldUseProxy === 'function' &&
    typeof host === 'string' &&
    typeof port === 'number';
  return isKnown ? (proxy as ProxyConfig) : undefined;
}

let isThere: boolean | undefined;

/** Whether the agents of this Node know proxies, in the way in which they can be asked about them. */
export function knowsProxies(): boolean {
  const proxyEnv = { https_proxy: 'http://localhost' };
  isThere ??= proxyOf(new https.Agent({ proxyEnv } as https.AgentOptions)) !== undefined;
  return isThere;
}

/**
 * @param environment where the proxy of an agent comes from
 * @throws TlsUsageError for one that no agent of ours can go through: to go past it without a word would be worse
 * @throws Error (`ERR_PROXY_INVALID_CONFIG`) for what is no URL; Node's own error would show the credentials in it
 */
export function checkProxy(environment: NodeJS.ProcessEnv | null | undefined): void {
  // In Node's order.
  const name = ['https_proxy', 'HTTPS_PROXY'].find((name) => environment?.[name]);
  if (name === undefined) return;
  const url = String(environment?.[name]);
  if (!knowsProxies())
    throw new TlsUsageError(
      `${name}: Node ${process.version} knows no proxies; connect to it yourself, and give createConnection a socket through it`,
    );
  if (!/^https?:\/\//.test(url))
    throw new TlsUsageError(
      `${name}: expected a URL of http:// or https://; connect to another proxy yourself, and give createConnection a socket through it`,
    );
  if (/[\r\n]/.test(url) || !URL.canParse(url))
    throw nodeError('ERR_PROXY_INVALID_CONFIG', `${name}: the proxy's URL is invalid`);
}
