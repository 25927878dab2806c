import type { Socket } from 'node:net';
import type { ByteStream, CallOptions, CloseReport, PeerAddress } from '../streams/byte-stream.ts';
import { Changes } from '../streams/changes.ts';
import { Deferred } from '../streams/deferred.ts';
import { DrainClock, type DrainLimits, type DrainOptions, drainLimits } from '../streams/drain.ts';
import { BrokenError, brokenBy, ClosedError } from '../streams/errors.ts';
import { Fuse } from '../streams/fuse.ts';
import { Inbox, owned } from '../streams/inbox.ts';
import { abortable } from '../streams/signals.ts';
import { nextTurn, Turns } from '../streams/turns.ts';

/**
 * A TCP or Unix socket as a `ByteStream`. Its halves are independent: a failed write leaves everything that was
 * received readable, what lies in the kernel included (Node's own socket throws it away).
 *
 * The end of a TCP stream proves little: the streams of a process that dies end too, and Node 20 and 22 report some
 * resets as an end.
 */
export class TcpStream implements ByteStream {
  readonly remoteAddress: PeerAddress | undefined;
  readonly localAddress: PeerAddress | undefined;
  /** Settles when the descriptor is gone. Never rejects. */
  readonly closed: Promise<void>;

  readonly #socket: Socket;
  readonly #limits: DrainLimits;
  readonly #changes = new Changes();
  readonly #turns = new Turns();
  readonly #writeHalf = new Fuse();
  /** For the read that waits, and for what Node's stream still holds when an error destroys it: the rest stays there. */
  readonly #inbox = new Inbox(0);
  #listensForInput = false;
  #inputEnd: { readonly error: BrokenError | undefined } | undefined;
  #onProgress: () => void = () => {};
  /** `finishing`: the kernel has everything but perhaps the FIN. */
  #output: 'open' | 'ending' | 'finishing' | 'finished' = 'open';
  #outputEnd: Promise<void> | undefined;
  #discardedBytes: number | undefined;
  #isDestroyed = false;
  #closing: Promise<CloseReport> | undefined;
  #closed: ClosedError | undefined;

  /** @param socket connected, never read from, made with `allowHalfOpen`; from now on nobody else may use it */
  constructor(socket: Socket, options: { readonly drain?: DrainOptions | undefined } = {}) {
    this.#socket = socket;
    this.#limits = drainLimits('client', options.drain);
    this.remoteAddress = address(socket.remoteAddress, socket.remotePort);
    this.localAddress = address(socket.localAddress, socket.localPort);
    // Nagle would hold a small last record back until the one before it is acknowledged.
    socket.setNoDelay(true);
    this.#keepWriteErrors();
    const gone = new Deferred<void>();
    this.closed = gone.promise;
    socket.on('end', () => this.#onEnd());
    socket.on('error', (error) => this.#onError(error));
    socket.on('finish', () => this.#onFinish());
    socket.on('close', () => {
      this.#onClose();
      gone.resolve();
    });
    if (socket.closed) socket.emit('close');
  }

  async read(options: CallOptions = {}): Promise<Uint8Array | null> {
    options.signal?.throwIfAborted();
    this.#checkOpen();
    if (this.#inbox.isAwaited || !this.#inbox.isEmpty) return this.#inbox.take(options.signal);
    return this.#readNow() ?? this.#inbox.take(options.signal);
  }

  async write(data: Uint8Array | readonly Uint8Array[], options: CallOptions = {}): Promise<void> {
    const { signal } = options;
    signal?.throwIfAborted();
    this.#checkWritable();
    let parts = (data instanceof Uint8Array ? [data] : data).filter((part) => part.length > 0);
    if (parts.length === 0) return;
    // After an abort the caller may change its arrays while the socket still holds them.
    if (signal !== undefined) parts = parts.map((part) => new Uint8Array(part));
    await abortable(this.#write(parts), signal, () => this.#abort(signal?.reason));
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    // The kernel may take everything at once, for ever: reads must have their turn.
    if (this.#turns.spend(length)) await nextTurn();
  }

  async closeWrite(options: CallOptions = {}): Promise<void> {
    const { signal } = options;
    signal?.throwIfAborted();
    this.#checkOpen();
    if (this.#outputEnd !== undefined) return abortable(this.#outputEnd, signal);
    return abortable(this.#endOutput(), signal, () => this.#abort(signal?.reason));
  }

  async close(options: CallOptions = {}): Promise<CloseReport> {
    options.signal?.throwIfAborted();
    this.#closed ??= new ClosedError('The stream was closed');
    this.#closing ??= this.#close(this.#closed);
    this.#closing.catch(() => {});
    return abortable(this.#closing, options.signal, () => this.destroy());
  }

  /** Resets the connection, unless our end was sent already: then there is none to be mistaken for. */
  destroy(): void {
    this.#closed ??= new ClosedError('The stream was destroyed');
    this.#closing ??= Promise.resolve({ ended: 'reset', discardedBytes: 0 });
    this.#isDestroyed = true;
    this.#inbox.close(this.#closed);
    this.#release();
    this.#writeHalf.blow(this.#closed);
    this.#changes.notify();
  }

  async *[Symbol.asyncIterator](): AsyncIterableIterator<Uint8Array> {
    for (let bytes = await this.read(); bytes !== null; bytes = await this.read()) yield bytes;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Node destroys a socket whose write fails. The error stays here; Node's stream is told that all went well. */
  #keepWriteErrors(): void {
    const socket = this.#socket;
    const { _write: write, _writev: writev, _final: final } = socket;
    const keep = (callback: () => void) => (error?: Error | null) => {
      if (error) this.#writeHalf.blow(brokenBy(error, 'The connection broke while writing'));
      this.#changes.notify();
      callback();
    };
    socket._write = (chunk, encoding, callback) => write.call(socket, chunk, encoding, keep(callback));
    if (writev) socket._writev = (chunks, callback) => writev.call(socket, chunks, keep(callback));
    socket._final = (callback) => {
      this.#output = 'finishing';
      final.call(socket, keep(callback));
    };
  }

  /** Node's stream reads ahead by itself, up to its high-water mark, from the first listener on. */
  #readNow(): Uint8Array | undefined {
    if (!this.#listensForInput) {
      this.#listensForInput = true;
      this.#socket.on('readable', () => this.#onReadable());
    }
    const bytes: Uint8Array | null = this.#socket.read();
    return bytes === null ? undefined : owned(bytes);
  }

  #onReadable(): void {
    this.#discard();
    if (!this.#inbox.isAwaited) return;
    const bytes = this.#readNow();
    if (bytes !== undefined) this.#inbox.put(bytes);
  }

  #onEnd(): void {
    // The kernel gives a reset's error once. Where a write took it, what looks like an end is none; but EPIPE says
    // that the peer's FIN had come before.
    const { reason } = this.#writeHalf;
    const isReset = reason instanceof BrokenError && reason.code !== undefined && reason.code !== 'EPIPE';
    this.#endInput(isReset ? reason : undefined);
  }

  #onError(cause: Error): void {
    // An error throws away what Node's stream holds, but not before this listener returns.
    for (let bytes = this.#readNow(); bytes !== undefined; bytes = this.#readNow()) this.#inbox.put(bytes);
    const error = brokenBy(cause, 'The connection broke');
    this.#endInput(error);
    this.#writeHalf.blow(error);
    this.#changes.notify();
  }

  #onFinish(): void {
    this.#output = 'finished';
    this.#changes.notify();
  }

  #onClose(): void {
    const gone = new BrokenError('The connection is gone');
    this.#endInput(gone);
    if (this.#output !== 'finished') this.#writeHalf.blow(gone);
    this.#changes.notify();
  }

  #endInput(error: BrokenError | undefined): void {
    this.#inputEnd ??= { error };
    this.#inbox.end(error);
    this.#changes.notify();
  }

  #write(parts: readonly Uint8Array[]): Promise<void> {
    const socket = this.#socket;
    const taken = new Promise<void>((resolve, reject) => {
      const done = (): void => {
        this.#onProgress();
        // A write that was pending when its socket was destroyed is reported as a success.
        if (socket.destroyed) reject(new BrokenError('The connection is gone'));
        else resolve();
        this.#changes.notify();
      };
      socket.cork();
      parts.forEach((part, i) => {
        if (i < parts.length - 1) socket.write(part);
        else socket.write(part, done);
      });
      socket.uncork();
    });
    return this.#writeHalf.guard(taken);
  }

  #endOutput(): Promise<void> {
    this.#outputEnd ??= this.#writeHalf.guard(
      new Promise((resolve) => {
        if (this.#writeHalf.reason !== undefined) return;
        this.#output = 'ending';
        this.#socket.end(resolve);
      }),
    );
    this.#outputEnd.catch(() => {});
    return this.#outputEnd;
  }

  #abort(cause: unknown): void {
    this.#writeHalf.blow(
      new BrokenError('A write was aborted: what was written may be cut, so nothing more can follow', {
        cause,
      }),
    );
    this.#changes.notify();
  }

  async #close(closed: ClosedError): Promise<CloseReport> {
    const clock = new DrainClock(this.#limits.timeout, this.#limits.slots, () => this.#changes.notify());
    this.#onProgress = () => clock.restart();
    try {
      this.#inbox.close(closed);
      this.#discardedBytes = 0;
      this.#discard();
      void this.#endOutput();
      await this.#changes.until(
        () => this.#isDestroyed || clock.expired || this.#writeHalf.reason !== undefined || this.#isDone(),
      );
      return await this.#report();
    } finally {
      clock.stop();
      this.#onProgress = () => {};
    }
  }

  /** While we close, the peer's bytes are read and forgotten, up to the bound; from there on nothing is read. */
  #discard(): void {
    while (this.#discardedBytes !== undefined && this.#discardedBytes < this.#limits.bytes) {
      const bytes = this.#readNow();
      if (bytes === undefined) return;
      this.#discardedBytes += bytes.length;
    }
  }

  #isDone(): boolean {
    return this.#output === 'finished' && this.#inputEnd !== undefined;
  }

  async #report(): Promise<CloseReport> {
    const input = this.#inputEnd;
    const { reason } = this.#writeHalf;
    const isHandedOver = this.#output === 'finished';
    if (this.#isDestroyed) throw new ClosedError('The stream was destroyed while it was closing');
    this.#release();
    if (input?.error !== undefined) throw input.error;
    if (reason !== undefined) throw reason;
    if (!isHandedOver) {
      const { timeout } = this.#limits;
      throw new BrokenError(
        `close() could not hand over everything: the peer took nothing for ${timeout} ms`,
      );
    }
    await this.closed;
    return { ended: input === undefined ? 'timeout' : 'fin', discardedBytes: this.#discardedBytes ?? 0 };
  }

  #release(): void {
    const socket = this.#socket;
    if (socket.destroyed) return;
    if (this.#output === 'finishing' || this.#output === 'finished') {
      socket.destroy();
      return;
    }
    try {
      socket.resetAndDestroy();
    } catch {
      // A Unix socket cannot be reset.
      socket.destroy();
    }
  }

  #checkOpen(): void {
    if (this.#closed !== undefined) throw this.#closed;
  }

  #checkWritable(): void {
    this.#checkOpen();
    if (this.#output !== 'open')
      throw new ClosedError('Nothing can be written any more: closeWrite() was called');
    this.#writeHalf.check();
  }
}

function address(host: string | undefined, port: number | undefined): PeerAddress | undefined {
  return host === undefined || port === undefined ? undefined : { host, port };
}
