import type { Duplex } from 'node:stream';
import { nothing } from '../base/nothing.ts';
import type { ByteStream, CallOptions, CloseReport, PeerAddress } from '../streams/byte-stream.ts';
import { Changes } from '../streams/changes.ts';
import { DrainClock, type DrainLimits, type DrainOptions, drainLimits } from '../streams/drain.ts';
import { BrokenError, Closed, ClosedError, reasonOf } from '../streams/errors.ts';
import { Fuse } from '../streams/fuse.ts';
import { Inbox } from '../streams/inbox.ts';
import { abortable } from '../streams/signals.ts';
import { nextTurn, Turns } from '../streams/turns.ts';

/** In what a socket differs from other duplexes: one for all of a kind. */
export interface DuplexHandling<Kind extends Duplex> {
  /** Whether the error of a failed write is kept from the duplex, which it would destroy, and what was received with it. */
  readonly keepsWriteErrors: boolean;
  /** `bytes` from the duplex as an array that belongs to the reader. */
  own(bytes: Uint8Array): Uint8Array;
  /** What the duplex gets for one write. It may be aborted; then the caller may change `parts` while it still goes on. */
  pack(parts: readonly Uint8Array[], isAbortable: boolean): readonly Uint8Array[];
  /** Drops the connection, in a way that nobody takes for an end. */
  drop(duplex: Kind, reason: ClosedError): void;
}

/** Where the other end is, as far as the duplex says. */
interface Located {
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
}

/** A duplex of Node's as a `ByteStream`: what sockets and all others have in common. */
export class DuplexStream implements ByteStream {
  readonly remoteAddress: PeerAddress | undefined;
  /** Settles when the duplex has closed. Never rejects. */
  readonly closed: Promise<void>;

  readonly #duplex: Duplex;
  readonly #handling: DuplexHandling<Duplex>;
  readonly #limits: DrainLimits;
  readonly #changes = new Changes();
  readonly #turns = new Turns();
  readonly #writeHalf = new Fuse();
  /** For the read that waits, and for what Node's stream still holds when an error destroys it: the rest stays there. */
  readonly #inbox = new Inbox(0);
  #listensForInput = false;
  #inputEnd: { readonly error: Error | undefined } | undefined;
  #onProgress: () => void = nothing;
  /** `finishing`: the kernel has everything but perhaps the FIN. */
  #output: 'open' | 'ending' | 'finishing' | 'finished' = 'open';
  #outputEnd: Promise<void> | undefined;
  #discardedBytes: number | undefined;
  #isDestroyed = false;
  #isGone = false;
  #closing: Promise<CloseReport> | undefined;
  #closed: Closed | undefined;

  constructor(duplex: Duplex & Located, handling: DuplexHandling<Duplex>, drain: DrainOptions | undefined) {
    this.#duplex = duplex;
    this.#handling = handling;
    this.#limits = drainLimits('client', drain);
    this.remoteAddress = peerAddress(duplex.remoteAddress, duplex.remotePort);
    if (handling.keepsWriteErrors) this.#keepWriteErrors();
    duplex.on('end', () => this.#onEnd());
    duplex.on('error', (error) => this.#onError(error));
    duplex.on('finish', () => this.#onFinish());
    this.closed = new Promise((resolve) => {
      duplex.on('close', () => {
        this.#onClose();
        resolve();
      });
    });
    if (duplex.readableEnded) this.#onEnd();
    if (duplex.writableFinished) this.#onFinish();
    if (duplex.closed) duplex.emit('close');
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
    const parts = (data instanceof Uint8Array ? [data] : data).filter((part) => part.length > 0);
    if (parts.length === 0) return;
    const packed = this.#handling.pack(parts, signal !== undefined);
    await abortable(this.#write(packed), signal, () => this.#abort(signal?.reason));
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    // The duplex may take everything at once, for ever: reads must have their turn.
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
    this.#closed ??= new Closed('The stream was closed');
    this.#closing ??= this.#close(this.#closed);
    this.#closing.catch(() => {});
    return abortable(this.#closing, options.signal, () => this.destroy());
  }

  /** Resets the connection, unless our end was sent already: then there is none to be mistaken for. */
  destroy(): void {
    this.#closed ??= new Closed('The stream was destroyed');
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

  /** Node destroys a duplex whose write fails. The error stays here; Node's stream is told that all went well. */
  #keepWriteErrors(): void {
    const duplex = this.#duplex;
    const { _write: write, _writev: writev, _final: final } = duplex;
    const keep = (callback: () => void) => (error?: Error | null) => {
      if (error) this.#writeHalf.blow(reasonOf(error, 'The connection broke while writing'));
      this.#changes.notify();
      callback();
    };
    duplex._write = (chunk, encoding, callback) => write.call(duplex, chunk, encoding, keep(callback));
    if (writev) duplex._writev = (chunks, callback) => writev.call(duplex, chunks, keep(callback));
    duplex._final = (callback) => {
      this.#output = 'finishing';
      final.call(duplex, keep(callback));
    };
  }

  /** Node's stream reads ahead by itself, up to its high-water mark, from the first listener on. */
  #readNow(): Uint8Array | undefined {
    if (!this.#listensForInput) {
      this.#listensForInput = true;
      this.#duplex.on('readable', () => this.#onReadable());
    }
    const bytes: Uint8Array | null = this.#duplex.read();
    return bytes === null ? undefined : this.#handling.own(bytes);
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
    this.#rescueInput();
    const error = reasonOf(cause, 'The connection broke');
    this.#endInput(error);
    this.#writeHalf.blow(error);
    this.#changes.notify();
  }

  /** Node's stream throws away what it holds when it is destroyed, but not before the listeners of that have returned. */
  #rescueInput(): void {
    for (let bytes = this.#readNow(); bytes !== undefined; bytes = this.#readNow()) this.#inbox.put(bytes);
  }

  #onFinish(): void {
    this.#output = 'finished';
    this.#changes.notify();
  }

  #onClose(): void {
    // An error is not made for nothing: its stack costs as much as a record.
    if (!this.#isDone()) {
      const gone = new BrokenError('The connection is gone');
      if (this.#inputEnd === undefined) this.#rescueInput();
      this.#endInput(gone);
      if (this.#output !== 'finished') this.#writeHalf.blow(gone);
    }
    this.#isGone = true;
    this.#changes.notify();
  }

  #endInput(error: Error | undefined): void {
    this.#inputEnd ??= { error };
    this.#inbox.end(error);
    this.#changes.notify();
  }

  #write(parts: readonly Uint8Array[]): Promise<void> {
    const duplex = this.#duplex;
    return this.#writeHalf.promise((resolve, reject) => {
      const done = (cause?: Error | null): void => {
        this.#onProgress();
        const error = this.#whyNotTaken(cause);
        if (error === undefined) resolve();
        else reject(error);
        this.#changes.notify();
      };
      duplex.cork();
      parts.forEach((part, i) => {
        if (i < parts.length - 1) duplex.write(part);
        else duplex.write(part, done);
      });
      duplex.uncork();
    });
  }

  #whyNotTaken(cause: Error | null | undefined): Error | undefined {
    const { destroyed, errored } = this.#duplex;
    if (cause) return reasonOf(errored ?? cause, 'The connection broke while writing');
    // A write that was pending when its socket was destroyed is reported as a success.
    return destroyed ? new BrokenError('The connection is gone') : undefined;
  }

  #endOutput(): Promise<void> {
    this.#outputEnd ??= this.#writeHalf.guard(
      new Promise((resolve, reject) => {
        if (this.#writeHalf.isBlown) return;
        if (this.#output === 'finished') {
          resolve();
          return;
        }
        this.#output = 'ending';
        this.#duplex.end((cause?: Error | null) => {
          const error = this.#output === 'finished' ? undefined : this.#whyNotTaken(cause);
          if (error === undefined) resolve();
          else reject(error);
        });
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

  async #close(closed: Closed): Promise<CloseReport> {
    const clock = new DrainClock(this.#limits.timeout, this.#limits.slots, () => this.#changes.notify());
    this.#onProgress = () => clock.restart();
    try {
      this.#inbox.close(closed);
      this.#discardedBytes = 0;
      this.#discard();
      void this.#endOutput();
      await this.#changes.until(
        () => this.#isDestroyed || clock.expired || this.#writeHalf.isBlown || this.#isDone(),
      );
      return await this.#report(clock);
    } finally {
      clock.stop();
      this.#onProgress = nothing;
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

  async #report(clock: DrainClock): Promise<CloseReport> {
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
    // A duplex may be told not to say that it has closed.
    await this.#changes.until(() => this.#isGone || clock.expired);
    return { ended: input === undefined ? 'timeout' : 'fin', discardedBytes: this.#discardedBytes ?? 0 };
  }

  #release(): void {
    if (this.#duplex.destroyed) return;
    const isEnded = this.#output === 'finishing' || this.#output === 'finished';
    if (isEnded) this.#duplex.destroy();
    else this.#handling.drop(this.#duplex, (this.#closed ?? new Closed('The stream was closed')).error);
  }

  #checkOpen(): void {
    if (this.#closed !== undefined) throw this.#closed.error;
  }

  #checkWritable(): void {
    this.#checkOpen();
    if (this.#outputEnd !== undefined)
      throw new ClosedError('Nothing can be written any more: closeWrite() was called');
    this.#writeHalf.check();
    if (this.#duplex.writableEnded)
      throw new BrokenError('Nothing can be written any more: the duplex has ended its writable side itself');
  }
}

/** @returns undefined where either is not known: a Unix socket's peer has no address */
export function peerAddress(host: string | undefined, port: number | undefined): PeerAddress | undefined {
  return host === undefined || port === undefined ? undefined : { host, port };
}
