import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import type { ClientRequest } from 'node:http';
import https, { type AgentOptions, type RequestOptions } from 'node:https';
import tls from 'node:tls';
import { isSaid } from './command-line.ts';
import { type ConnectOptions, connect, connectOver, trustsEverybody } from './connect.ts';
import { connectArguments } from './connect-arguments.ts';
import { checkProxy, knowsProxies, type ProxyConfig, proxyOf } from './proxies.ts';
import type { TLSSocket } from './tls-socket.ts';
import { openTunnel } from './tunnel.ts';

/** What Node's agents are given for a connection, beside what has types. */
interface Wishes extends RequestOptions {
  /** What connections are told apart by. */
  readonly _agentKey?: string;
  readonly session?: Buffer | undefined;
  readonly secureContext?: object | undefined;
  readonly ALPNProtocols?: unknown;
  readonly socketPath?: string | undefined;
  readonly timeout?: number | undefined;
}

/** As `https.Agent`, whose connections are Tacit's. Sessions are resumed as Node's agent does, `maxCachedSessions` of them. */
export class Agent extends https.Agent {
  declare maxCachedSessions: number;
  declare defaultPort: number;
  declare keepAlive: boolean;
  readonly #sessions = new Map<string, Buffer>();
  readonly #followed: (() => https.Agent) | undefined;
  /** Of connections that were made, by the options that Node keeps for each: what another agent says may change. */
  readonly #routes = new WeakMap<object, { readonly proxy: ProxyConfig | undefined }>();

  /** @param followed for the global agent: the one whose proxy it uses */
  constructor(options: AgentOptions = {}, followed?: () => https.Agent) {
    super(checked(options));
    this.#followed = followed;
  }

  /** Node's, and behind it all else that decides whom a connection was made to, and as whom. */
  override getName(wishes: RequestOptions = {}): string {
    const { checkServerIdentity, secureContext, ALPNProtocols, rejectUnauthorized } = wishes as Wishes;
    const { pfx, ca, cert, key, crl } = wishes;
    const check = checkServerIdentity === tls.checkServerIdentity ? undefined : checkServerIdentity;
    const isLax = rejectUnauthorized === undefined && trustsEverybody();
    const own = [
      numberOf(check),
      numberOf(secureContext),
      String(ALPNProtocols ?? ''),
      isLax ? 'lax' : '',
      numberOf(this.#proxyFor(wishes)),
      ...[pfx, ca, cert, key, crl].map(filesNamed),
    ];
    const name = super.getName(wishes);
    return own.every((part) => part === '') ? name : `${name}:${own.join(':')}`;
  }

  override createConnection(...given: readonly unknown[]): TLSSocket {
    const { options, listener } = connectArguments(given);
    const { _agentKey: key, session: wished } = options as Wishes;
    if (usesProxies() && (this.#followed || !knowsProxies())) checkProxy(process.env);
    const session = wished ?? (key === undefined ? undefined : this.#sessions.get(key));
    const wishes = { ...options, ...(session && { session }) } as ConnectOptions;
    const proxy = this.#proxyFor(options);
    const [kept] = given;
    if (typeof kept === 'object' && kept !== null) this.#routes.set(kept, { proxy });
    const socket = proxy ? this.#connectThrough(proxy, wishes, listener) : connect(wishes, listener);
    if (key !== undefined) {
      socket.on('session', (given: Buffer) => this.#keep(key, given));
      // It may be what the connection failed for.
      socket.once('error', () => this.#sessions.delete(key));
    }
    return socket;
  }

  /** What comes while nobody has asked belongs to no response: such a connection is not used again. */
  override keepSocketAlive(socket: TLSSocket): boolean {
    // The types leave its answer out.
    const isKept = super.keepSocketAlive(socket) as unknown as boolean;
    if (isKept) socket.on('data', destroySocket);
    return isKept;
  }

  override reuseSocket(socket: TLSSocket, request: ClientRequest): void {
    socket.removeListener('data', destroySocket);
    super.reuseSocket(socket, request);
  }

  #connectThrough(proxy: ProxyConfig, wishes: ConnectOptions, listener: (() => void) | undefined): TLSSocket {
    const { host, port, timeout, maxHeaderSize } = wishes as Wishes;
    const isKept = this.keepAlive || this.maxSockets !== Number.POSITIVE_INFINITY;
    const place = { host: host || 'localhost', port: port || this.defaultPort };
    const target = { ...place, timeout, maxHeaderSize, isKept };
    return connectOver((opened) => openTunnel(proxy, target, opened), wishes, listener);
  }

  #proxyFor(wishes: Wishes): ProxyConfig | undefined {
    const route = this.#routes.get(wishes);
    if (route !== undefined) return route.proxy;
    const proxy = proxyOf(this.#followed?.() ?? this);
    const { socketPath, host, port } = wishes;
    return !socketPath && proxy?.shouldUseProxy(host || 'localhost', port ?? undefined) ? proxy : undefined;
  }

  #keep(key: string, session: Buffer): void {
    if (this.maxCachedSessions === 0) return;
    this.#sessions.delete(key);
    if (this.#sessions.size >= this.maxCachedSessions)
      this.#sessions.delete(this.#sessions.keys().next().value!);
    this.#sessions.set(key, session);
  }
}

function destroySocket(this: TLSSocket): void {
  this.destroy();
}

/** What Node's name does not tell: a file in an object is `[object Object]`, and so is a view; bytes are not always text. */
function filesNamed(given: unknown): string {
  const files: readonly unknown[] = Array.isArray(given) ? given : [given];
  const names = files.map((one) => (isToldByNode(one) ? '' : hashOf(contentOf(one))));
  return names.every((name) => name === '') ? '' : names.join();
}

function isToldByNode(value: unknown): boolean {
  return typeof value === 'string' || (Buffer.isBuffer(value) && isUtf8(value));
}

/** Of a file with its passphrase, in `pfx` or in `key`. */
function contentOf(value: unknown): unknown {
  const { buf, pem } = (value ?? {}) as { readonly buf?: unknown; readonly pem?: unknown };
  return buf || pem || value;
}

function hashOf(value: unknown): string {
  return isBytes(value) ? createHash('sha256').update(value).digest('base64') : '';
}

function isBytes(value: unknown): value is string | NodeJS.ArrayBufferView {
  return typeof value === 'string' || ArrayBuffer.isView(value);
}

const numbers = new WeakMap<object, number>();
let lastNumber = 0;

/** Tells functions and contexts apart, of which there is nothing to compare. */
function numberOf(value: object | undefined | null): number | '' {
  if (value === undefined || value === null) return '';
  let known = numbers.get(value);
  if (known === undefined) {
    lastNumber += 1;
    known = lastNumber;
    numbers.set(value, known);
  }
  return known;
}

/** Whether Node was told to go through the proxies of the environment; a flag goes before the variable. */
function usesProxies(): boolean {
  return isSaid('--use-env-proxy') ?? process.env['NODE_USE_ENV_PROXY'] === '1';
}

/** For the constructor, which has to know before it calls Node's. */
function checked(options: AgentOptions): AgentOptions {
  checkProxy((options as { readonly proxyEnv?: NodeJS.ProcessEnv | null } | null)?.proxyEnv);
  return options;
}
