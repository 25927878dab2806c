import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import type { ClientRequest } from 'node:http';
import https, { type AgentOptions, type RequestOptions } from 'node:https';
import tls from 'node:tls';
import { TlsUsageError } from '../base/errors.ts';
import { isSaid } from './command-line.ts';
import { type ConnectOptions, connect, trustsEverybody } from './connect.ts';
import { connectArguments } from './connect-arguments.ts';
import type { TLSSocket } from './tls-socket.ts';

/** What Node's agents are given for a connection, beside what has types. */
interface Wishes extends RequestOptions {
  /** What connections are told apart by. */
  readonly _agentKey?: string;
  readonly session?: Buffer | undefined;
  readonly secureContext?: object | undefined;
  readonly ALPNProtocols?: unknown;
}

/** As `https.Agent`, whose connections are Tacit's. Sessions are resumed as Node's agent does, `maxCachedSessions` of them. */
export class Agent extends https.Agent {
  declare maxCachedSessions: number;
  readonly #sessions = new Map<string, Buffer>();

  constructor(options: AgentOptions = {}) {
    super(options);
    refuseProxy((options as { readonly proxyEnv?: NodeJS.ProcessEnv | undefined } | null)?.proxyEnv);
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
      ...[pfx, ca, cert, key, crl].map(filesNamed),
    ];
    const name = super.getName(wishes);
    return own.every((part) => part === '') ? name : `${name}:${own.join(':')}`;
  }

  override createConnection(...given: readonly unknown[]): TLSSocket {
    const { options, listener } = connectArguments(given);
    const { _agentKey: key, session: wished } = options as Wishes;
    refuseProxy(usesProxies() ? process.env : undefined);
    const session = wished ?? (key === undefined ? undefined : this.#sessions.get(key));
    const socket = connect({ ...options, ...(session && { session }) } as ConnectOptions, listener);
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

/** To go past a proxy that somebody relies on, without a word, would be worse. @throws TlsUsageError where one is named */
function refuseProxy(environment: NodeJS.ProcessEnv | undefined): void {
  const name = ['https_proxy', 'HTTPS_PROXY'].find((name) => environment?.[name]);
  if (name === undefined) return;
  throw new TlsUsageError(
    `${name}: this agent knows no proxies; connect to it yourself, and give createConnection a socket through it`,
  );
}
