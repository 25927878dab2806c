import http, { type ClientRequest, type IncomingMessage } from 'node:http';
import nodeHttps from 'node:https';
import { callable } from './callable.ts';
import { Agent as FaceAgent } from './https-agent.ts';
import { Server as FaceServer } from './https-server.ts';
import type { TlsOptions } from './typed.ts';

export type { AgentOptions, RequestOptions } from 'node:https';

type OnResponse = (response: IncomingMessage) => void;
type AnyRequest = typeof http.IncomingMessage;
type AnyResponse<Request extends AnyRequest> = typeof http.ServerResponse<InstanceType<Request>>;

/** As `https.ServerOptions`, and more. */
export type HttpsServerOptions<
  Request extends AnyRequest = AnyRequest,
  Response extends AnyResponse<Request> = AnyResponse<Request>,
> = nodeHttps.ServerOptions<Request, Response> & Pick<TlsOptions, 'numTickets'>;

/** `node:https`, as programs see it. */
interface Https extends Omit<typeof nodeHttps, 'createServer'> {
  createServer<Request extends AnyRequest, Response extends AnyResponse<Request>>(
    listener?: http.RequestListener<Request, Response>,
  ): nodeHttps.Server<Request, Response>;
  createServer<Request extends AnyRequest, Response extends AnyResponse<Request>>(
    options: HttpsServerOptions<Request, Response>,
    listener?: http.RequestListener<Request, Response>,
  ): nodeHttps.Server<Request, Response>;
}

export type Agent = nodeHttps.Agent;
export type Server<
  Request extends AnyRequest = AnyRequest,
  Response extends AnyResponse<Request> = AnyResponse<Request>,
> = nodeHttps.Server<Request, Response>;

export const Agent: Https['Agent'] = callable(FaceAgent) as unknown as Https['Agent'];
export const Server: Https['Server'] = callable(FaceServer) as unknown as Https['Server'];
/** Its proxy is that of Node's own: by NODE_USE_ENV_PROXY, `--use-env-proxy` or `http.setGlobalProxyFromEnv()`. */
export const globalAgent: Agent = new FaceAgent(
  { keepAlive: true, timeout: 5_000 },
  () => nodeHttps.globalAgent,
) as unknown as Agent;

/** As `https.request`, in all of its forms: `(url, options, onResponse)` with either or both of the first two. */
export const request: Https['request'] = (...given: readonly unknown[]) => requestBy(given);

/** As `https.get`. */
export const get: Https['get'] = (...given: readonly unknown[]) => {
  const made = requestBy(given);
  made.end();
  return made;
};

/** As `https.createServer`. */
export const createServer: Https['createServer'] = ((
  options?: ConstructorParameters<typeof FaceServer>[0],
  listener?: http.RequestListener,
) => new FaceServer(options, listener)) as unknown as Https['createServer'];

/** Node's own request, with agents of this module where it brings none: `agent: false` is one for this request. */
function requestBy(given: readonly unknown[]): ClientRequest {
  const [url, rest] = isUrl(given[0]) ? [given[0], given.slice(1)] : [undefined, given];
  const [first] = rest;
  const isOptions = Boolean(first) && typeof first !== 'function';
  const options = {
    ...(isOptions ? (first as object) : undefined),
    _defaultAgent: https.globalAgent,
  } as nodeHttps.RequestOptions;
  // What is no listener, Node says.
  const onResponse = rest[isOptions || typeof first !== 'function' ? 1 : 0] as OnResponse | undefined;
  return url === undefined ? http.request(options, onResponse) : http.request(url, options, onResponse);
}

/** As Node tells them from options: those of other realms too. */
function isUrl(value: unknown): value is string | URL {
  if (typeof value === 'string') return true;
  const { href, protocol, auth, path } = (value ?? {}) as Partial<Record<string, unknown>>;
  return Boolean(href && protocol) && auth === undefined && path === undefined;
}

/** `node:https`. `globalAgent` is what requests use that bring no agent; it may be replaced. */
const https: Https = { Agent, Server, createServer, get, globalAgent, request };

/** So that the default import has the types, too: `https.RequestOptions`. */
declare namespace https {
  export type Agent = nodeHttps.Agent;
  export type AgentOptions = nodeHttps.AgentOptions;
  export type RequestOptions = nodeHttps.RequestOptions;
  export type Server<
    Request extends AnyRequest = AnyRequest,
    Response extends AnyResponse<Request> = AnyResponse<Request>,
  > = nodeHttps.Server<Request, Response>;
  export type ServerOptions<
    Request extends AnyRequest = AnyRequest,
    Response extends AnyResponse<Request> = AnyResponse<Request>,
  > = HttpsServerOptions<Request, Response>;
}

export default https;
