import type { ByteStream, CallOptions, CloseReport } from '../streams/byte-stream.ts';
import { Deferred } from '../streams/deferred.ts';
import { BrokenError, BusyError, brokenBy, ClosedError } from '../streams/errors.ts';
import { abortable } from '../streams/signals.ts';
import { ByteQueue, joined, pieceLength } from './byte-queue.ts';
import type { RawSocket } from './raw-socket.ts';

/** What a test may do when a program uses its end. */
export interface StreamHooks {
  /**
   * Called with each write of the program that is not empty, before it has any effect. The write, and all behind it,
   * wait for a promise that it returns; if that rejects, or if it throws, the write half is broken.
   */
  readonly onWrite?: ((parts: readonly Uint8Array[]) => void | Promise<void>) | undefined;
}

/** A read that is waiting. */
interface Reader {
  deliver(bytes: Uint8Array | null): void;
  fail(error: Error): void;
}

/** A write, or our end, that has not had its turn yet. */
interface Job {
  /** What is left to write; undefined: our end. */
  readonly bytes: ByteQueue | undefined;
  /** What of it the socket is being offered. */
  piece: Uint8Array;
  isHeld: boolean;
  readonly done: Deferred<void>;
}

/** A `ByteStream` on a raw socket, with a record of what the program did. All streams of the kit are of this class. */
export class TestStream<Socket extends RawSocket = RawSocket> implements ByteStream {
  /** For raw calls, as a program that knows no streams would make them. Do not mix them with the stream's own. */
  readonly socket: Socket;
  /** What was written: one array for each write that was not empty, at the time of the call. */
  readonly writes: Uint8Array[] = [];

  readonly #hooks: StreamHooks;
  #reader: Reader | undefined;
  /** Sticky. */
  #inputEnd: { readonly error: BrokenError | undefined } | undefined;
  #jobs: Job[] = [];
  #writeBroken: Error | undefined;
  #outputEnd: Promise<void> | undefined;
  #isOutputEnded = false;
  #closed: ClosedError | undefined;
  #closing: Promise<CloseReport> | undefined;
  /** Set while `close()` discards. */
  #drain: { discardedBytes: number; readonly report: Deferred<CloseReport> } | undefined;
  #isReleased = false;
  #isAdvancing = false;
  #hasChanged = false;

  constructor(socket: Socket, hooks: StreamHooks = {}) {
    this.socket = socket;
    this.#hooks = hooks;
    socket.onChange = () => this.#advance();
  }

  /** A read of the program is waiting. */
  get isReading(): boolean {
    return this.#reader !== undefined;
  }

  /** How many writes, and ends, of the program are waiting. */
  get pendingWrites(): number {
    return this.#jobs.length;
  }

  async read({ signal }: CallOptions = {}): Promise<Uint8Array | null> {
    signal?.throwIfAborted();
    if (this.#closed !== undefined) throw this.#closed;
    if (this.#reader !== undefined)
      throw new BusyError('read() was called while another read is waiting: await that one first');
    return this.#wait(signal);
  }

  async write(data: Uint8Array | readonly Uint8Array[], { signal }: CallOptions = {}): Promise<void> {
    signal?.throwIfAborted();
    this.#checkWritable();
    const parts = (data instanceof Uint8Array ? [data] : data).filter((part) => part.length > 0);
    if (parts.length === 0) return;
    this.writes.push(joined(parts));
    const bytes = new ByteQueue();
    for (const part of parts) bytes.push(part);
    const done = this.#enqueue(bytes, this.#callHook(parts));
    return abortable(done, signal, () => this.#abort(signal?.reason));
  }

  async closeWrite({ signal }: CallOptions = {}): Promise<void> {
    signal?.throwIfAborted();
    if (this.#closed !== undefined) throw this.#closed;
    if (this.#outputEnd !== undefined) return abortable(this.#outputEnd, signal);
    return abortable(this.#endOutput(), signal, () => this.#abort(signal?.reason));
  }

  /** Waits for the peer's end without any bound: abort it, or `destroy()`. */
  async close({ signal }: CallOptions = {}): Promise<CloseReport> {
    signal?.throwIfAborted();
    if (this.#closing === undefined) {
      this.#setClosed('The stream was closed');
      const report = new Deferred<CloseReport>();
      this.#closing = report.promise;
      this.#drain = { discardedBytes: 0, report };
      void this.#endOutput();
      this.#advance();
    }
    return abortable(this.#closing, signal, () => this.destroy());
  }

  destroy(): void {
    this.#leave('The stream was destroyed', 'reset');
    // Where our end was sent there is none to be mistaken for: no reset is needed.
    this.#release();
  }

  /**
   * What a program does that does not drain: closes at once, whatever is unread. A TCP endpoint answers that with a
   * reset, and what it had not sent is lost. What a waiting write had not handed over is lost in any case.
   */
  kernelClose(): void {
    this.#leave('The stream was closed without draining it', 'timeout');
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.socket.close();
  }

  async *[Symbol.asyncIterator](): AsyncIterableIterator<Uint8Array> {
    for (let bytes = await this.read(); bytes !== null; bytes = await this.read()) yield bytes;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #wait(signal: AbortSignal | undefined): Promise<Uint8Array | null> {
    return new Promise((resolve, reject) => {
      // Once bytes are on their way to the reader, an abort must not lose them.
      const leave = (): void => {
        this.#reader = undefined;
        signal?.removeEventListener('abort', abort);
      };
      const abort = (): void => {
        leave();
        this.socket.cancelRead();
        reject(signal?.reason);
      };
      this.#reader = {
        deliver: (bytes) => {
          leave();
          resolve(bytes);
        },
        fail: (error) => {
          leave();
          reject(error);
        },
      };
      signal?.addEventListener('abort', abort, { once: true });
      this.#advance();
    });
  }

  /** Does what can be done now. What it does can change what the peer can do, and that what we can do. */
  #advance(): void {
    this.#hasChanged = true;
    if (this.#isAdvancing) return;
    this.#isAdvancing = true;
    while (this.#hasChanged) {
      this.#hasChanged = false;
      // As in a poll loop, reading comes first, and so finds an error first.
      this.#advanceReader();
      this.#advanceDrain();
      this.#advanceJobs();
    }
    this.#isAdvancing = false;
  }

  #advanceReader(): void {
    if (this.#reader === undefined) return;
    const bytes = this.#takeInput();
    if (bytes instanceof Error) this.#reader.fail(bytes);
    else if (bytes !== undefined) this.#reader.deliver(bytes);
  }

  #takeInput(): Uint8Array | null | undefined | Error {
    if (this.#inputEnd === undefined && !this.#isReleased) {
      try {
        const bytes = this.socket.read(pieceLength);
        if (bytes !== null) return bytes;
        this.#inputEnd = { error: this.#takenReset() };
      } catch (cause) {
        const error = brokenBy(cause, 'The connection broke');
        this.#inputEnd = { error };
        this.#breakWrites(error);
      }
    }
    return this.#inputEnd === undefined ? undefined : (this.#inputEnd.error ?? null);
  }

  /** A kernel gives a reset's error once. Where a write took it, what looks like an end is none; but EPIPE comes behind the end. */
  #takenReset(): BrokenError | undefined {
    const reason = this.#writeBroken;
    return reason instanceof BrokenError && reason.code === 'ECONNRESET' ? reason : undefined;
  }

  #advanceJobs(): void {
    for (let job = this.#jobs[0]; job !== undefined; job = this.#jobs[0]) {
      if (job.isHeld) return;
      try {
        if (!this.#offer(job)) return;
      } catch (cause) {
        this.#breakWrites(brokenBy(cause, 'The connection broke while writing'));
        return;
      }
      this.#jobs.shift();
      job.done.resolve();
    }
  }

  /** True: the socket has taken all of it. */
  #offer(job: Job): boolean {
    if (job.bytes === undefined) {
      this.socket.shutdown();
      this.#isOutputEnded = true;
      this.#hasChanged = true;
      return true;
    }
    for (;;) {
      if (job.piece.length === 0) job.piece = job.bytes.take(pieceLength);
      if (job.piece.length === 0) return true;
      const count = this.socket.write(job.piece);
      job.piece = job.piece.subarray(count);
      if (count === 0) return false;
    }
  }

  #advanceDrain(): void {
    const drain = this.#drain;
    if (drain === undefined) return;
    let bytes = this.#takeInput();
    for (; bytes instanceof Uint8Array; bytes = this.#takeInput()) drain.discardedBytes += bytes.length;
    const isOver = this.#isOutputEnded && this.#inputEnd !== undefined;
    if (!isOver && this.#writeBroken === undefined) return;
    this.#drain = undefined;
    this.#release();
    const error = this.#inputEnd?.error ?? (this.#isOutputEnded ? undefined : this.#writeBroken);
    if (error !== undefined) drain.report.reject(error);
    else drain.report.resolve({ ended: 'fin', discardedBytes: drain.discardedBytes });
  }

  #enqueue(bytes: ByteQueue | undefined, hold: Promise<void> | undefined): Promise<void> {
    const job: Job = { bytes, piece: new Uint8Array(0), isHeld: hold !== undefined, done: new Deferred() };
    this.#jobs.push(job);
    hold?.then(
      () => {
        job.isHeld = false;
        this.#advance();
      },
      (cause) => this.#breakWrites(brokenBy(cause, 'The connection broke while writing')),
    );
    this.#advance();
    return job.done.promise;
  }

  #callHook(parts: readonly Uint8Array[]): Promise<void> | undefined {
    try {
      const hold = this.#hooks.onWrite?.(parts);
      return hold instanceof Promise ? hold : undefined;
    } catch (cause) {
      return Promise.reject(cause);
    }
  }

  #endOutput(): Promise<void> {
    if (this.#outputEnd === undefined) {
      const isBroken = this.#writeBroken !== undefined;
      this.#outputEnd = isBroken ? Promise.reject(this.#writeBroken) : this.#enqueue(undefined, undefined);
      this.#outputEnd.catch(() => {});
    }
    return this.#outputEnd;
  }

  #abort(cause: unknown): void {
    const message = 'A write was aborted: what was written may be cut, so nothing more can follow';
    this.#breakWrites(new BrokenError(message, { cause }));
  }

  #breakWrites(error: Error): void {
    if (this.#isOutputEnded) return;
    this.#writeBroken ??= error;
    for (const job of this.#jobs.splice(0)) job.done.reject(this.#writeBroken);
    this.#advance();
  }

  /** Whatever waits in our own program ends here. */
  #leave(message: string, ended: CloseReport['ended']): void {
    const closed = this.#setClosed(message);
    this.#closing ??= Promise.resolve({ ended, discardedBytes: 0 });
    this.#drain?.report.reject(new ClosedError('The stream was destroyed while it was closing'));
    this.#drain = undefined;
    this.#writeBroken = closed;
    for (const job of this.#jobs.splice(0)) job.done.reject(closed);
  }

  #setClosed(message: string): ClosedError {
    this.#closed ??= new ClosedError(message);
    this.#reader?.fail(this.#closed);
    return this.#closed;
  }

  #release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    if (this.#isOutputEnded) this.socket.close();
    else this.socket.reset();
  }

  #checkWritable(): void {
    if (this.#closed !== undefined) throw this.#closed;
    if (this.#outputEnd !== undefined)
      throw new ClosedError('Nothing can be written any more: closeWrite() was called');
    if (this.#writeBroken !== undefined) throw this.#writeBroken;
  }
}
