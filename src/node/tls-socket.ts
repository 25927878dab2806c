import { isIP, type Socket } from 'node:net';
import { addAbortSignal, type Duplex } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { ConnectionOptions, SecureContextOptions, TLSSocketOptions } from 'node:tls';
import { TlsCertificateError, TlsTruncatedError, TlsUsageError } from '../base/errors.ts';
import type { HandshakeInfo } from '../connection/events.ts';
import { DuplexPump, whenSettled } from '../net/duplex-pump.ts';
import type { TlsStream } from '../streams/tls-stream.ts';
import { asContext, contextFrom } from './current-context.ts';
import {
  clientStream,
  type EndpointHooks,
  judgeAgain,
  type ServerSettings,
  serverConfigOf,
  serverStream,
} from './endpoint.ts';
import { canceledWrite, connectionError, neverSecured, nodeError } from './errors.ts';
import { InspectedSocket, type Known } from './inspected-socket.ts';
import { keyLogFile } from './key-log-file.ts';
import { defineGetters } from './over-socket.ts';
import { type AlpnCallback, alpnCallbackOf, protocolNamesOf, protocolSelector } from './protocols.ts';
import { ReadBuffer, type ReadBufferOptions } from './read-buffer.ts';
import { owesNoResponse } from './responses.ts';
import type { ContextMaterial, SecureContext } from './secure-context.ts';
import { type KeptSession, keptOf, withoutTicket } from './sessions.ts';
import { contextOf } from './sni.ts';
import { checkSocketOptions, type SocketMarks } from './socket-options.ts';
import { hasFramesLeft, offerStreamBase } from './stream-base.ts';
import { Transport } from './transport.ts';
import { isToleratedEnd } from './truncation.ts';
import { invalidType, requireInteger, requireType } from './validation.ts';
import { bytesOf, type Written } from './written.ts';

type Callback = (error?: Error | null) => void;

/** What a server of this module shares among its sockets. */
export interface ServerSide {
  readonly settings: ServerSettings;
  readonly config: ReturnType<typeof serverConfigOf>;
  readonly onKeyLog: ((line: Buffer, socket: TLSSocket) => void) | undefined;
  /** The handshake failed, and the socket is being destroyed. */
  onClientError(error: Error, socket: TLSSocket): void;
}

/** What a socket is made with, beside the options of its context. */
export interface SocketOptions
  extends Omit<ConnectionOptions & TLSSocketOptions, 'server' | 'secureContext' | 'socket' | 'onread'> {
  readonly secureContext?: SecureContext | undefined;
  readonly serverSide?: ServerSide | undefined;
  /** Whom `connect` has to find: the check of the server's identity is about this name. */
  readonly hostName?: string | undefined;
  readonly onread?: ReadBufferOptions | undefined;
}

/**
 * As `tls.TLSSocket`: TLS on a socket or any other duplex. After its handshake it writes only what it is told to write,
 * and its end loses nothing: what was written before `end()` arrives, although nobody reads what the peer sends.
 */
export class TLSSocket extends InspectedSocket {
  readonly encrypted = true;
  authorized = false;
  /** The code of what is wrong with the peer's certificate, as Node has it; `null` where nothing is. */
  authorizationError: Error | null = null;
  /** The protocol that was agreed on, `false` where there is none, `null` before the handshake is done. */
  alpnProtocol: string | false | null = null;
  /** The name that the client asked for. */
  servername: string | false | null = null;
  secureConnecting = true;

  readonly #options: SocketOptions;
  readonly #isServer: boolean;
  readonly #readBuffer: ReadBuffer | undefined;
  /** That of the name that the client asked for, where there is one. */
  #material: ContextMaterial;
  readonly #alpnCallback: AlpnCallback | undefined;
  #keyCert: ContextMaterial | undefined;
  #stream: TlsStream | undefined;
  #transport: Transport | undefined;
  #pump: DuplexPump | undefined;
  #info: HandshakeInfo | undefined;
  /** What waits for the handshake to begin, and what waits for its end. */
  #onBegun: (() => void)[] = [];
  #onSecured: (() => void)[] = [];
  #judgement: Error | undefined;
  #offeredSession: Uint8Array | undefined;
  #kept: KeptSession | undefined;
  #heldSessions: KeptSession[] = [];
  #bytesRead = 0;
  #bytesWritten = 0;
  /** Of `writableLength`, what was handed on; the rest waits in Node's own buffer, which `destroy` throws away. */
  #handedOn = 0;

  /** @param raw a socket, connected or about to be, or any other duplex; without one, `connect` makes it */
  constructor(raw?: Duplex | null, options: SocketOptions = {}) {
    const { isServer = false, ...marks } = options as SocketMarks;
    // A signal that has fired already would destroy what is not there yet: it is added below.
    super({
      allowHalfOpen: raw ? raw.allowHalfOpen : (marks.allowHalfOpen ?? false),
      highWaterMark: marks.highWaterMark,
      ...(marks.readableHighWaterMark !== undefined && {
        readableHighWaterMark: marks.readableHighWaterMark,
      }),
      ...(marks.writableHighWaterMark !== undefined && {
        writableHighWaterMark: marks.writableHighWaterMark,
      }),
    } as ConstructorParameters<typeof Socket>[0]);
    checkSocketOptions(options);
    this.#alpnCallback = options.serverSide
      ? options.serverSide.settings.alpnCallback
      : alpnCallbackOf(options);
    this.#options = options;
    this.#isServer = isServer;
    this.#material = contextFrom(options).context;
    this.#readBuffer = options.onread && new ReadBuffer(options.onread, this, () => this.#pump?.read());
    if (options.servername) this.setServername(options.servername);
    if (options.session) this.setSession(options.session);
    // Where a program accepts connections itself, a stranger must not end the process: this is what smtp-server listens to.
    if (isServer && !options.serverSide) this.on('error', (error) => this.emit('_tlsError', error));
    if (raw) this.attach(raw);
    const { signal } = options as { readonly signal?: AbortSignal };
    if (signal !== undefined) addAbortSignal(signal, this);
  }

  static {
    defineGetters(TLSSocket, {
      bytesRead: (socket) => socket.#bytesRead,
      bytesWritten: (socket) => socket.#bytesWritten + socket.writableLength,
      // Not in Node's documentation, but programs look at it to see whether a handshake is over.
      _secureEstablished: (socket) => socket.#info !== undefined,
    });
  }

  override _read(): void {
    this.#whenSecured(() => this.#pump?.read());
  }

  override _write(chunk: Buffer | string, encoding: BufferEncoding, callback: Callback): void {
    const bytes = bytesOf({ chunk, encoding });
    this.#send(bytes, bytes.length, callback);
  }

  override _writev(chunks: Written[], callback: Callback): void {
    const parts = chunks.map(bytesOf);
    this.#send(
      parts,
      parts.reduce((sum, { length }) => sum + length, 0),
      callback,
    );
  }

  override _final(callback: Callback): void {
    this.#whenBegun(() => this.#pump?.endOutput(callback));
  }

  override _destroy(error: Error | null, callback: Callback): void {
    this.setTimeout(0);
    this.giveUp();
    this.#onBegun = [];
    this.#onSecured = [];
    const stream = this.#stream;
    // A failed connection ends by itself, so that the peer can read why.
    if (stream !== undefined && stream.failure === undefined) {
      // What the kernel still has must arrive, though nobody reads any more (RFC 9293 §3.6.1).
      if (!error && this.#info !== undefined && this.#isSaid()) stream.close().catch(() => {});
      else this.#letGo(stream, this.writableLength === this.#handedOn && owesNoResponse(this));
    }
    // Strangers decide whether a handshake fails: it is told by 'tlsClientError', and brings no server down.
    const isTold = this.#options.serverSide !== undefined && this.#info === undefined;
    callback(isTold ? null : error);
    this.#pump?.stop();
    // `net.Socket` switches off what streams do by themselves; its own 'close' comes in a later turn, too.
    setImmediate(() => this.emit('close', Boolean(error)));
  }

  /** The session, to be offered by `session` or `setSession` of another socket: as long as no ticket has come, in vain. */
  getSession(): Buffer | undefined {
    return this.#kept?.session ?? (this.#info && withoutTicket(this.#info));
  }

  getTLSTicket(): Buffer | undefined {
    return this.#kept && Buffer.from(this.#kept.ticket);
  }

  /** Before the handshake. One that is not Tacit's is not offered. */
  setSession(session: string | Buffer): void {
    this.#offeredSession = typeof session === 'string' ? Buffer.from(session, 'latin1') : session;
  }

  setServername(name: string): void {
    requireType('name', name, 'string');
    if (this.#isServer)
      throw nodeError('ERR_TLS_SNI_FROM_SERVER', 'Cannot issue SNI from a TLS server-side socket');
    this.servername = name;
  }

  /** @throws Error (`ERR_TLS_INVALID_STATE`) before the handshake is done */
  exportKeyingMaterial(length: number, label: string, context: Buffer = Buffer.alloc(0)): Buffer {
    requireInteger('length', length, 1, 2 ** 31 - 1);
    requireType('label', label, 'string');
    if (!ArrayBuffer.isView(context))
      throw invalidType('context', 'an instance of Buffer, TypedArray, or DataView', context);
    if (this.#stream === undefined || this.#info === undefined)
      throw nodeError('ERR_TLS_INVALID_STATE', 'TLS socket connection must be securely established');
    return Buffer.from(this.#stream.exportKeyingMaterial(label, context, length));
  }

  /** Another certificate for this socket, as long as its handshake has not shown one: for a server's `ALPNCallback`. */
  setKeyCert(context: SecureContext | SecureContextOptions): void {
    this.#keyCert = asContext(context).context;
  }

  /**
   * Keeps records from now on to so many bytes of content.
   * @returns false, and changes nothing, but for 512 to 16 384, as in Node
   */
  setMaxSendFragment(size: number): boolean {
    requireInteger('size', size, -(2 ** 31), 2 ** 31 - 1);
    if (size < 512 || size > 16_384) return false;
    this.#whenBegun(() => this.#stream?.limitRecords(size));
    return true;
  }

  /** As `end()`; resolves once close_notify is handed over. Reading goes on where the socket is half open. */
  async closeWrite(): Promise<void> {
    this.#established('closeWrite');
    this.end();
    await finished(this, { readable: false });
  }

  /** Sends session tickets now, alone; nobody does without being asked. @returns how many */
  async sendTickets(count: number): Promise<number> {
    return this.#established('sendTickets').sendTickets(count);
  }

  /** Moves to new keys, and asks the peer to (RFC 9846 §4.7.3). */
  async updateKeys(): Promise<void> {
    return this.#established('updateKeys').updateKeys();
  }

  override resume(): this {
    super.resume();
    this.#readBuffer?.resume();
    return this;
  }

  override resetAndDestroy(): this {
    this.#stream?.destroy();
    return this.destroy();
  }

  protected override known(): Known {
    return { isServer: this.#isServer, info: this.#info, material: this.#material };
  }

  protected override begin(raw: Duplex): void {
    try {
      const stream = this.#makeStream(raw);
      this.#stream = stream;
      this.#pump = new DuplexPump(this, stream, {
        deliver: (bytes) => this.#deliver(bytes),
        end: () => {
          this.#transport?.peerEnded();
          this.push(null);
          // Node's end comes also to one who does not read, where there is nothing left to be read.
          this.read(0);
        },
        errorOf: (error) => this.#told(error),
        isEnd: (error) => isToleratedEnd(error, this),
        hasMore: () => hasFramesLeft(this),
      });
      whenSettled(
        stream.handshake(),
        (info) => this.#secured(info),
        (error) => this.#failed(this.#told(error)),
      );
      for (const begun of this.#onBegun.splice(0)) begun();
    } catch (error) {
      this.#failed(error as Error);
    }
  }

  #makeStream(raw: Duplex): TlsStream {
    const options = this.#options;
    const { serverSide, ALPNProtocols } = options;
    const transport = new Transport(raw);
    this.#transport = transport;
    const hooks = this.#hooks();
    const onContext = (material: ContextMaterial): void => {
      this.#material = material;
    };
    const keyCert = (): ContextMaterial | undefined => this.#keyCert;
    const selectProtocol = this.#alpnCallback && protocolSelector(this.#alpnCallback, this);
    const onServerName = (name: string): void => {
      this.servername = name;
    };
    const serverHooks = { ...hooks, onServerName, onContext, keyCert, selectProtocol };
    if (serverSide !== undefined)
      return serverStream(transport, serverSide.config, serverSide.settings, serverHooks);
    const material = this.#material;
    const alpnProtocols = protocolNamesOf(ALPNProtocols);
    if (this.#isServer) {
      const settings: ServerSettings = {
        material,
        alpnProtocols,
        alpnCallback: this.#alpnCallback,
        requestsCertificate: Boolean(options.requestCert),
        rejectsUnauthorized: hooks.rejectsUnauthorized,
        handshakeTimeout: Number.POSITIVE_INFINITY,
        numTickets: undefined,
        contextFor: options.SNICallback ? (name) => contextOf(name, options.SNICallback) : undefined,
      };
      return serverStream(transport, serverConfigOf(settings), settings, serverHooks);
    }
    // What is made of a context is kept with the object itself.
    const own = this.#keyCert ? { ...material, identities: this.#keyCert.identities } : material;
    return clientStream(transport, own, {
      ...hooks,
      // RFC 6066 §3: no address is a server_name.
      serverName: !this.servername || isIP(this.servername) ? '' : this.servername,
      alpnProtocols,
      offeredSession: () => this.#offeredSession,
      onSession: (session, ticket) => this.#keepSession(session, ticket),
    });
  }

  #hooks(): EndpointHooks {
    const { serverSide, requestOCSP, rejectUnauthorized, checkServerIdentity, hostName } = this.#options;
    const name = hostName ?? (this.servername || undefined);
    const logsKeys =
      this.listenerCount('keylog') > 0 || serverSide?.onKeyLog !== undefined || keyLogFile() !== undefined;
    return {
      rejectsUnauthorized: serverSide?.settings.rejectsUnauthorized ?? rejectUnauthorized !== false,
      requestsOcspResponse: !this.#isServer && requestOCSP === true,
      identityCheck:
        this.#isServer || checkServerIdentity === undefined || name === undefined
          ? undefined
          : { host: name, check: checkServerIdentity },
      onJudged: (error) => {
        this.#judgement = error;
      },
      onOcspResponse: (response) => {
        this.emit('OCSPResponse', response);
      },
      onKeyLog: logsKeys ? (line) => this.#logKeys(Buffer.from(`${line}\n`)) : undefined,
    };
  }

  #logKeys(line: Buffer): void {
    keyLogFile()?.(line);
    this.emit('keylog', line);
    this.#options.serverSide?.onKeyLog?.(line, this);
  }

  #secured(info: HandshakeInfo): void {
    if (this.destroyed) return;
    const isAsked =
      this.#isServer &&
      (this.#options.serverSide?.settings.requestsCertificate ?? Boolean(this.#options.requestCert));
    if (isAsked && info.resumed && info.peerCertificates.length > 0) {
      const hooks = this.#hooks();
      judgeAgain(this.#material, 'client', info.peerCertificates, hooks);
      if (this.#judgement !== undefined && hooks.rejectsUnauthorized) {
        this.#failed(this.#judgement);
        return;
      }
    }
    this.#info = info;
    if (info.resumed && !this.#isServer) this.#kept ??= keptOf(this.#offeredSession);
    this.secureConnecting = false;
    this.alpnProtocol = info.alpnProtocol ?? false;
    if (this.#isServer) this.servername = info.serverName ?? false;
    if (this.alpnProtocol === 'h2') offerStreamBase(this);
    const isAnonymous = info.peerCertificates.length === 0;
    const error = isAsked && isAnonymous ? 'UNABLE_TO_GET_ISSUER_CERT' : codeOf(this.#judgement);
    this.authorized = error === undefined && (!this.#isServer || isAsked);
    this.#setAuthorizationError(error);
    this.emit('secure');
    if (!this.#isServer) this.emit('secureConnect');
    for (const held of this.#heldSessions.splice(0)) this.#tellSession(held);
    for (const secured of this.#onSecured.splice(0)) secured();
    // Who does not read must see the end all the same.
    if (!this.destroyed) this.read(0);
  }

  /** Node's type says Error, and its value is the code. */
  #setAuthorizationError(code: string | undefined): void {
    this.authorizationError = (code ?? null) as unknown as Error | null;
  }

  /** What was handed over arrives, without a word behind it: nobody takes it for all, unless it is (`isWhole`). */
  #letGo(stream: TlsStream, isWhole: boolean): void {
    if (this.#info === undefined || this.#transport === undefined) {
      stream.destroy();
      return;
    }
    this.#transport.isGentle = true;
    if (isWhole) stream.closeWrite().catch(() => {});
    // A write that was made just before has its turn.
    setImmediate(() => stream.destroy());
  }

  /** All was written that there was to write: our end was said, or the peer's has come, as behind `for await`. */
  #isSaid(): boolean {
    return this.writableFinished || (this.writableLength === 0 && (this.writableEnded || this.readableEnded));
  }

  #failed(error: Error): void {
    if (this.destroyed) return;
    this.#setAuthorizationError(codeOf(this.#judgement));
    const { serverSide } = this.#options;
    if (serverSide === undefined) {
      this.destroy(error);
      return;
    }
    serverSide.onClientError(error, this);
    this.destroy();
  }

  /** What Node would say of `error`. */
  #told(error: Error): Error {
    if (error instanceof TlsCertificateError && this.#judgement !== undefined) return this.#judgement;
    if (this.#info === undefined && error instanceof TlsTruncatedError) return this.disconnected();
    return connectionError(error);
  }

  protected override disconnected(): Error {
    return this.#isServer ? nodeError('ECONNRESET', 'socket hang up') : neverSecured(this.#options);
  }

  /** Somebody has destroyed what is below: whoever is not reading is told, too. A handshake tells of it itself. */
  protected override dropped(): void {
    if (this.#info === undefined || this.#transport?.isLetGo !== false) return;
    this.destroy(this.writableLength > 0 ? canceledWrite() : undefined);
  }

  #deliver(bytes: Uint8Array): void {
    this.#bytesRead += bytes.length;
    touch(this);
    if (this.#readBuffer !== undefined) this.#readBuffer.put(bytes);
    else this.push(bytes);
  }

  #send(data: Uint8Array | readonly Uint8Array[], length: number, callback: Callback): void {
    // Node gives one at a time, and with it all that it has.
    this.#handedOn = this.writableLength;
    this.#whenBegun(() => {
      touch(this);
      this.#pump?.write(data, (error) => {
        if (!error) this.#bytesWritten += length;
        this.#handedOn = 0;
        touch(this);
        callback(error);
      });
    });
  }

  #keepSession(session: Buffer, ticket: Uint8Array): void {
    const kept = { session, ticket };
    this.#kept ??= kept;
    // Whose session it is is not certain before the handshake is done.
    if (this.#info === undefined) this.#heldSessions.push(kept);
    else process.nextTick(() => this.#tellSession(kept));
  }

  /** `getSession()` gives what was told last. */
  #tellSession(kept: KeptSession): void {
    this.#kept = kept;
    this.emit('session', kept.session);
  }

  #whenBegun(action: () => void): void {
    if (this.#stream !== undefined) action();
    else this.#onBegun.push(action);
  }

  #whenSecured(action: () => void): void {
    if (this.#info !== undefined) action();
    else this.#onSecured.push(action);
  }

  #established(what: string): TlsStream {
    if (this.#stream !== undefined && this.#info !== undefined) return this.#stream;
    throw new TlsUsageError(`${what}: there is no connection yet`);
  }
}

function codeOf(error: Error | undefined): string | undefined {
  if (error === undefined) return undefined;
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message;
}

/** Something has moved: the time of `setTimeout` begins again. */
function touch(socket: Socket): void {
  (socket as unknown as { _unrefTimer(): void })._unrefTimer();
}
