import {
  handshakeTimeout as defaultHandshakeTimeout,
  idleTimeout as defaultIdleTimeout,
} from '../base/defaults.ts';
import { TlsTruncatedError, TlsUsageError } from '../base/errors.ts';
import type { HandshakeInfo } from '../connection/events.ts';
import { TlsConnection } from '../connection/tls-connection.ts';
import type { ByteStream, CallOptions, CloseReport, PeerAddress } from './byte-stream.ts';
import { type DrainLimits, type DrainOptions, drainLimits } from './drain.ts';
import { Ending } from './ending.ts';
import { Closed, ClosedError } from './errors.ts';
import { requireIdleTimeout } from './idle.ts';
import { Link } from './link.ts';
import { abortable } from './signals.ts';
import type { Slots } from './slots.ts';
import { requireMilliseconds } from './timer.ts';
import { WriteQueue } from './write-queue.ts';

type ClientConfig = Parameters<typeof TlsConnection.client>[0];
type ServerConfig = Parameters<typeof TlsConnection.server>[0];

/** Whom a client wants to talk to. */
export interface TlsPeer {
  /** The DNS name or IP address that the server's certificate must be valid for. */
  readonly host: string;
  /** Part of the name under which sessions are kept. */
  readonly port?: number | undefined;
  /** What server_name says; `host` by default, if it is a DNS name. Empty: nothing. */
  readonly serverName?: string | undefined;
}

export interface TlsStreamOptions {
  /**
   * Bytes that were already read from the transport, behind the command that begins TLS. Pass them always: they are
   * part of TLS or nothing. A server's handshake fails if they are plaintext, a client's if there are any at all, since
   * anybody on the way can have inserted them.
   */
  readonly preread?: Uint8Array | undefined;
  /**
   * `tolerate` takes a FIN without close_notify for an end, as https does: only after the handshake and between two
   * records. An attacker can cut the peer's data off there.
   */
  readonly truncation?: 'strict' | 'tolerate' | undefined;
  /** Milliseconds from the first use (on a server: from now) to the end of the handshake; 10 000 by default. */
  readonly handshakeTimeout?: number | undefined;
  /**
   * Milliseconds. If after the handshake nothing moves for so long although a read or a write of the transport is
   * outstanding, reads and writes fail with one TlsTimeoutError, and the transport is destroyed. No byte is spent on it.
   * An application that has not taken what was received is not idle, nor is a `close()`, which has a bound of its own;
   * a write counts as moved when the transport has taken all of it, 128 KiB at most. Never by default.
   */
  readonly idleTimeout?: number | undefined;
  /** Shared by streams whose handshakes may be in flight only so many at once: those of one listener. */
  readonly handshakeSlots?: Slots | undefined;
  readonly drain?: DrainOptions | undefined;
}

/** What of the options has to be checked. @throws TlsUsageError naming the option */
export function streamLimits(role: 'client' | 'server', options: TlsStreamOptions): StreamLimits {
  const { handshakeTimeout = defaultHandshakeTimeout, idleTimeout = defaultIdleTimeout } = options;
  return {
    handshakeTimeout: requireMilliseconds('handshakeTimeout', handshakeTimeout),
    idleTimeout: requireIdleTimeout(idleTimeout),
    drain: drainLimits(role, options.drain),
  };
}

interface StreamLimits {
  readonly handshakeTimeout: number;
  readonly idleTimeout: number;
  readonly drain: DrainLimits;
}

/** What `unwrap()` gives back. */
export interface Unwrapped {
  readonly transport: ByteStream;
  /** Bytes that came behind the peer's close_notify. They were not protected: anybody on the way can have made them. */
  readonly trailing: Uint8Array;
}

/**
 * TLS on any stream of bytes. After its handshake it writes only when the application does: reading never writes
 * (but for one fatal alert), and `close()` loses nothing.
 */
export class TlsStream implements ByteStream {
  readonly #link: Link;
  readonly #writes: WriteQueue;
  readonly #ending: Ending;
  #writeEnding: Promise<void> | undefined;
  #isUnwrapping = false;
  #unwrapped: Unwrapped | undefined;
  #closing: Promise<CloseReport> | undefined;
  #closed: Closed | undefined;

  /** The client's side of a connection. Nothing is sent before the first use. */
  static client(
    transport: ByteStream,
    config: ClientConfig,
    peer: TlsPeer,
    options: TlsStreamOptions = {},
  ): TlsStream {
    return new TlsStream(TlsConnection.client(config, peer), transport, config, options);
  }

  /** The server's side of a connection. The time for the handshake starts now, the handshake with the first use. */
  static server(transport: ByteStream, config: ServerConfig, options: TlsStreamOptions = {}): TlsStream {
    const stream = new TlsStream(TlsConnection.server(config), transport, config, options);
    stream.#link.startDeadline();
    return stream;
  }

  private constructor(
    engine: TlsConnection,
    transport: ByteStream,
    config: ClientConfig | ServerConfig,
    options: TlsStreamOptions,
  ) {
    const { handshakeTimeout, idleTimeout, drain } = streamLimits(config.role, options);
    this.#link = new Link(engine, transport, {
      handshakeTimeout,
      handshakeSlots: options.handshakeSlots,
      idleTimeout,
      toleratesTruncation: options.truncation === 'tolerate',
      drainBytes: drain.bytes,
      onKeyLog: typeof config.keyLog === 'function' ? config.keyLog : undefined,
      onFatal: (reason) => this.#ending.linger(reason),
    });
    this.#writes = new WriteQueue(this.#link);
    this.#ending = new Ending(this.#link, this.#writes, drain);
    if (options.preread !== undefined && options.preread.length > 0)
      this.#link.receive(new Uint8Array(options.preread));
  }

  /** What the handshake agreed on; undefined before its end. */
  get info(): HandshakeInfo | undefined {
    return this.#link.engine.handshakeInfo;
  }

  get remoteAddress(): PeerAddress | undefined {
    return this.#link.transport.remoteAddress;
  }

  /** The TLS reason that ended the connection, once there is one: what reading and writing reject with. */
  get failure(): Error | undefined {
    return this.#link.fatal;
  }

  /** Runs the handshake, if it has not run: once, and everybody shares its outcome. */
  async handshake(options: CallOptions = {}): Promise<HandshakeInfo> {
    options.signal?.throwIfAborted();
    this.#checkOpen();
    this.#link.start();
    return abortable(this.#link.handshake.promise, options.signal);
  }

  async read(options: CallOptions = {}): Promise<Uint8Array | null> {
    options.signal?.throwIfAborted();
    this.#checkOpen();
    return this.#link.take(options.signal);
  }

  async write(data: Uint8Array | readonly Uint8Array[], options: CallOptions = {}): Promise<void> {
    requireBytes(data);
    return this.#enqueue(() => this.#writes.sendAll(data), options);
  }

  /**
   * Tells the peer that we send nothing more, and half-closes the transport. A one-way receiver does not call it before
   * the end. In TLS 1.2 it ends the peer's writing too.
   */
  async closeWrite(options: CallOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    this.#checkOpen();
    if (this.#isUnwrapping)
      throw new TlsUsageError('unwrap() has ended the writing: close() ends the connection too');
    if (this.#writeEnding !== undefined) return abortable(this.#writeEnding, options.signal);
    this.#writeEnding = this.#enqueue(() => this.#endWriting());
    return abortable(this.#writeEnding, options.signal, () => this.#writes.abort(options.signal?.reason));
  }

  /**
   * Sends what is still to be sent, close_notify and our end of stream, and discards what the peer sends until its
   * end: nothing that we wrote is lost to a reset. Bounded in time, and by pausing in bytes (`drain` of the options).
   * Keeps the process alive; wait for it before you call `process.exit`.
   *
   * @throws BrokenError where the transport broke before the peer's end; the TLS reason where the connection failed;
   *   TlsTimeoutError where what we wrote could not be handed over within the bound: data may be lost
   */
  async close(options: CallOptions = {}): Promise<CloseReport> {
    options.signal?.throwIfAborted();
    if (this.#closing === undefined) {
      const closed = this.#setClosed('The stream was closed');
      this.#closing = this.#ending.close(closed);
      this.#closing.catch(() => {});
      this.#link.inbox.close(closed);
    }
    return abortable(this.#closing, options.signal, () => this.destroy());
  }

  destroy(): void {
    if (this.#unwrapped !== undefined) return;
    this.#closing ??= Promise.resolve({ ended: 'reset', discardedBytes: 0 });
    const closed = this.#setClosed('The stream was destroyed');
    this.#link.stop(closed);
    this.#link.inbox.close(closed);
    this.#link.transport.destroy();
  }

  /**
   * Sends `count` session tickets, alone; only a server can.
   *
   * @returns how many went: none to a client that cannot use them, and none in TLS 1.2
   */
  async sendTickets(count: number, options: CallOptions = {}): Promise<number> {
    const { engine } = this.#link;
    return this.#enqueue(() => this.#link.write(() => engine.sendTickets(count)), options);
  }

  /** Moves to new keys, and asks the peer to do the same (RFC 9846 §4.7.3). @throws TlsUsageError in TLS 1.2, which cannot */
  async updateKeys(options: CallOptions = {}): Promise<void> {
    const { engine } = this.#link;
    return this.#enqueue(() => this.#link.write(() => engine.updateKeys()), options);
  }

  /**
   * Keeps the records that are sent from now on to so many bytes of content, or to less where the peer wants that.
   * Small ones reach a reader sooner over a slow link, and cost 22 bytes and a seal each.
   * @param contentLength 64 to 16 384 bytes
   * @throws TlsUsageError for another number
   */
  limitRecords(contentLength: number): void {
    this.#link.engine.limitRecords(contentLength);
  }

  /**
   * Ends TLS and gives the transport back: sends our close_notify and waits for the peer's. What the peer sent
   * before it has to be read, before or meanwhile. The transport is not half-closed.
   */
  async unwrap(options: CallOptions = {}): Promise<Unwrapped> {
    options.signal?.throwIfAborted();
    this.#checkOpen();
    if (this.#writeEnding !== undefined && !this.#isUnwrapping) {
      throw new TlsUsageError('unwrap() ends the writing itself: call it instead of closeWrite()');
    }
    const link = this.#link;
    this.#isUnwrapping = true;
    this.#writeEnding ??= this.#enqueue(() => link.write(() => link.engine.closeWrite()));
    await abortable(this.#writeEnding, options.signal);
    const isOver = (): boolean =>
      link.fatal !== undefined ||
      link.isStopped ||
      ((link.peerEnded || link.isInputOver) && link.inbox.isEmpty);
    await abortable(link.changes.until(isOver), options.signal);
    if (link.fatal !== undefined) throw link.fatal;
    // The sticky end, or why there is none.
    await link.inbox.take(undefined);
    if (this.#unwrapped !== undefined) return this.#unwrapped;
    this.#checkOpen();
    if (!link.peerEnded) throw new TlsTruncatedError('The peer ended its transport, and not TLS alone', true);
    this.#unwrapped = this.#release();
    return this.#unwrapped;
  }

  /**
   * A secret that both ends share and that is bound to `label` and `context` (RFC 9846 §7.5, RFC 5705).
   * @param length in bytes
   * @throws TlsUsageError where there is no connection, and in TLS 1.2 without extended master secret (RFC 7627 §5.4)
   */
  exportKeyingMaterial(label: string, context: Uint8Array | undefined, length: number): Uint8Array {
    return this.#link.engine.exportKeyingMaterial(label, context, length);
  }

  async *[Symbol.asyncIterator](): AsyncIterableIterator<Uint8Array> {
    for (let bytes = await this.read(); bytes !== null; bytes = await this.read()) yield bytes;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #enqueue<T>(operation: () => T | Promise<T>, options: CallOptions = {}): Promise<T> {
    options.signal?.throwIfAborted();
    this.#checkOpen();
    if (this.#writeEnding !== undefined)
      throw new ClosedError('Nothing can be written any more: the writing was ended');
    const done = this.#writes.enqueue(operation, options.signal);
    this.#link.start();
    return done;
  }

  async #endWriting(): Promise<void> {
    this.#link.engine.closeWrite();
    const error = await this.#link.endOutput();
    if (error !== undefined) throw this.#link.fatal ?? error;
  }

  #release(): Unwrapped {
    const trailing = this.#link.engine.takeTrailing();
    const closed = this.#setClosed('The stream was unwrapped');
    this.#closing = Promise.resolve({ ended: 'close_notify', discardedBytes: 0 });
    this.#link.stop(closed);
    this.#link.inbox.close(closed);
    return { transport: this.#link.transport, trailing };
  }

  #checkOpen(): void {
    if (this.#closed !== undefined) throw this.#closed.error;
  }

  #setClosed(message: string): Closed {
    this.#closed ??= new Closed(message);
    return this.#closed;
  }
}

/** Another view, a string or a number would be sent as something else, or in part. */
function requireBytes(data: unknown): void {
  const parts: readonly unknown[] = Array.isArray(data) ? data : [data];
  if (parts.every((part) => part instanceof Uint8Array)) return;
  throw new TlsUsageError('write() takes a Uint8Array or an array of them');
}
