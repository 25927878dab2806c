import { captureRejectionSymbol } from 'node:events';
import { Server as NetServer, type Socket } from 'node:net';
import type { SecureContextOptions, TlsOptions } from 'node:tls';
import { maxDraining } from '../base/defaults.ts';
import { TlsUsageError } from '../base/errors.ts';
import { Slots } from '../streams/slots.ts';
import { adopting } from './callable.ts';
import { asContext, newContext } from './current-context.ts';
import { type ServerSettings, serverConfigOf } from './endpoint.ts';
import { nodeError } from './errors.ts';
import { alpnCallbackOf, convertALPNProtocols, protocolNamesOf } from './protocols.ts';
import {
  type ContextMaterial,
  refusedOfConnections,
  refuseOptions,
  type SecureContext,
} from './secure-context.ts';
import { contextOf, requireSniCallback } from './sni.ts';
import { type ServerSide, TLSSocket } from './tls-socket.ts';
import { invalidType, requireObject, requireTypeIfAny } from './validation.ts';

type ServerConfig = ReturnType<typeof serverConfigOf>;
type Identity = ContextMaterial['identities'][number];

/** Beside Node's own options. */
export interface ServerOptions extends TlsOptions {
  /** How many session tickets are owed after a handshake; they leave with the first write of the application. */
  readonly numTickets?: number | undefined;
  readonly allowHalfOpen?: boolean | undefined;
  readonly pauseOnConnect?: boolean | undefined;
}

/** Milliseconds, as in Node. */
const defaultHandshakeTimeout = 120_000;

const AdoptingServer: typeof NetServer = adopting(NetServer);

/**
 * As `tls.Server`. Its connections get session tickets only with what the application writes, so that clients which only
 * write and close lose nothing.
 */
export class Server extends AdoptingServer {
  readonly #options: ServerOptions;
  readonly #contexts: { readonly pattern: RegExp; readonly context: SecureContext }[] = [];
  /** By what they were made from: what is read of a context is read once. */
  readonly #stapled = new WeakMap<ContextMaterial, ContextMaterial>();
  #context: SecureContext;
  #shared: { readonly settings: ServerSettings; readonly config: ServerConfig } | undefined;
  #keeper: ServerConfig['tickets']['keeper'] | undefined;
  readonly #drainSlots = new Slots(maxDraining);
  #protocols: Buffer | undefined;

  constructor(
    options?: ServerOptions | ((socket: TLSSocket) => void) | null,
    listener?: (socket: TLSSocket) => void,
  ) {
    const [own, onSecure] = typeof options === 'function' ? [{}, options] : [options ?? {}, listener];
    super(own);
    requireTypeIfAny('options.handshakeTimeout', own.handshakeTimeout, 'number');
    refuseOptions(own, refusedOfConnections);
    // Its own from here on: neither what becomes of the caller's object counts, nor what all objects inherit.
    this.#options = Object.assign(Object.create(null), own);
    this.#context = newContext(own);
    // Which says nothing of what is neither a list nor bytes.
    protocolNamesOf(own.ALPNProtocols);
    convertALPNProtocols(own.ALPNProtocols, this);
    alpnCallbackOf(own);
    requireSniCallback(own.SNICallback);
    if (onSecure) this.on('secureConnection', onSecure);
    this.on('connection', (raw: Socket) => this.#accept(raw));
  }

  /** In their wire form (RFC 7301 §3.1); counts for connections from now on. */
  get ALPNProtocols(): Buffer | undefined {
    return this.#protocols;
  }

  set ALPNProtocols(protocols: Buffer | undefined) {
    this.#protocols = protocols;
    this.#shared = undefined;
  }

  /**
   * Another context for clients that ask for `hostname`, which may have a `*` for a label. The one that was added last
   * goes before the others.
   */
  addContext(hostname: string, context: SecureContextOptions | SecureContext): void {
    if (typeof hostname !== 'string' || hostname === '')
      throw nodeError(
        'ERR_TLS_REQUIRED_SERVER_NAME',
        '"servername" is required parameter for Server.addContext',
      );
    const pattern = new RegExp(
      `^${hostname.replace(/([.^$+?\\\-[\]{}])/g, '\\$1').replaceAll('*', '[^.]*')}$`,
      'i',
    );
    this.#contexts.unshift({ pattern, context: asContext(context) });
    this.#shared = undefined;
  }

  /** For connections from now on; sessions are resumed as long as the certificate is the same. */
  setSecureContext(options: SecureContextOptions): void {
    requireObject('options', options);
    this.#context = newContext(options);
    this.#shared = undefined;
    const { ticketKeys } = this.#context.context;
    if (ticketKeys !== undefined) this.#ticketKeys().use(ticketKeys);
  }

  /** 48 bytes that seal session tickets, for `setTicketKeys` of another process. From now on they stay what they are. */
  getTicketKeys(): Buffer {
    return Buffer.from(this.#ticketKeys().share(Date.now()));
  }

  /**
   * Tickets are sealed with these from now on, and those under others are refused.
   * @param keys 48 random bytes, which are secret; the tickets are Tacit's, so that no other implementation reads them
   */
  setTicketKeys(keys: NodeJS.ArrayBufferView): void {
    if (!ArrayBuffer.isView(keys))
      throw invalidType('buffer', 'an instance of Buffer, TypedArray, or DataView', keys);
    if (keys.byteLength !== 48) throw new TlsUsageError('Session ticket keys must be a 48-byte buffer');
    this.#ticketKeys().use(new Uint8Array(keys.buffer, keys.byteOffset, keys.byteLength));
  }

  #ticketKeys(): Extract<ServerConfig['tickets']['keeper'], { readonly kind: 'keys' }> {
    const { keeper } = this.#side().config.tickets;
    if (keeper.kind !== 'keys') throw new TlsUsageError('the sessions of this server are in a store');
    return keeper;
  }

  #accept(raw: Socket): void {
    const { pauseOnConnect = false } = this.#options;
    let side: ServerSide;
    try {
      side = this.#side();
    } catch (error) {
      raw.destroy();
      this.emit('error', error);
      return;
    }
    const socket = new TLSSocket(raw, {
      isServer: true,
      secureContext: this.#context,
      serverSide: side,
    } as ConstructorParameters<typeof TLSSocket>[1]);
    // A stranger's reset must not end the process: 'close' tells of it, as in Node.
    socket.on('error', () => {});
    // Node's http2 looks for it there.
    Object.assign(socket, { server: this });
    if (pauseOnConnect) socket.pause();
    socket.once('secure', () => this.emit('secureConnection', socket));
  }

  #side(): ServerSide {
    this.#shared ??= this.#share();
    return {
      ...this.#shared,
      onKeyLog:
        this.listenerCount('keylog') > 0 ? (line, socket) => this.emit('keylog', line, socket) : undefined,
      onClientError: (error, socket) => this.emit('tlsClientError', error, socket),
    };
  }

  #share(): { readonly settings: ServerSettings; readonly config: ServerConfig } {
    const { requestCert, rejectUnauthorized, handshakeTimeout, numTickets } = this.#options;
    const hasOthers = Boolean(this.#options.SNICallback) || this.#contexts.length > 0;
    const settings: ServerSettings = {
      material: this.#stapling(this.#context.context),
      alpnProtocols: protocolNamesOf(this.#protocols),
      alpnCallback: alpnCallbackOf(this.#options),
      requestsCertificate: requestCert === true,
      rejectsUnauthorized: rejectUnauthorized !== false,
      handshakeTimeout: handshakeTimeout ?? defaultHandshakeTimeout,
      numTickets,
      contextFor: hasOthers ? (serverName) => this.#contextFor(serverName) : undefined,
      keeper: this.#keeper,
      drainSlots: this.#drainSlots,
    };
    const config = serverConfigOf(settings);
    this.#keeper = config.tickets.keeper;
    return { settings, config };
  }

  async #contextFor(serverName: string): Promise<ContextMaterial | undefined> {
    const { SNICallback } = this.#options;
    if (!SNICallback) {
      const found = this.#contexts.find(({ pattern }) => pattern.test(serverName));
      return found && this.#stapling(found.context.context);
    }
    const given = await contextOf(serverName, SNICallback);
    return given && this.#stapling(given);
  }

  /** With what 'OCSPRequest' says for those who ask. */
  #stapling(material: ContextMaterial): ContextMaterial {
    let stapled = this.#stapled.get(material);
    if (stapled === undefined) {
      stapled = this.#withStaples(material);
      this.#stapled.set(material, stapled);
    }
    return stapled;
  }

  #withStaples(material: ContextMaterial): ContextMaterial {
    const identities = material.identities.map((identity) => ({
      ...identity,
      ocspResponse: () => this.#askOcsp(identity),
    }));
    return { ...material, identities };
  }

  #askOcsp({ chain }: Identity): Promise<Uint8Array | undefined> | undefined {
    if (this.listenerCount('OCSPRequest') === 0) return undefined;
    const [leaf, issuer] = chain.map((der) => Buffer.from(der));
    return new Promise((resolve, reject) => {
      const answer = (error: Error | null, response?: Uint8Array | null): void => {
        if (error) reject(error);
        else resolve(response ?? undefined);
      };
      this.emit('OCSPRequest', leaf, issuer, answer);
    });
  }
}

const inherited = NetServer.prototype[captureRejectionSymbol];

/** With `captureRejections`: what a listener for a connection rejects with ends that connection alone. */
Object.defineProperty(Server.prototype, captureRejectionSymbol, {
  configurable: true,
  value(this: Server, error: Error, event: string | symbol, ...details: unknown[]): void {
    const [socket] = details;
    if (event === 'secureConnection' && socket instanceof TLSSocket) socket.destroy(error);
    else inherited?.call(this, error, event, ...details);
  },
});

/** As `tls.createServer`. */
export function createServer(
  options?: ServerOptions | ((socket: TLSSocket) => void) | null,
  listener?: (socket: TLSSocket) => void,
): Server {
  return new Server(options, listener);
}
