import { concatBytes } from '../base/bytes.ts';
import { TlsUsageError } from '../base/errors.ts';
import type { ByteStream, CallOptions, CloseReport } from './byte-stream.ts';
import { Changes } from './changes.ts';
import { DrainClock, type DrainLimits, type DrainOptions, drainLimits } from './drain.ts';
import { BrokenError, Closed, ClosedError, reasonOf } from './errors.ts';
import { Fuse } from './fuse.ts';
import { Inbox } from './inbox.ts';
import { abortable } from './signals.ts';
import type { WebStreams } from './to-web.ts';
import { nextTurn, Turns } from './turns.ts';

/** Settings of `fromWeb()`. */
export interface FromWebOptions {
  /** How long and how much `close()` drains; 30 s and 16 MiB by default. */
  readonly drain?: DrainOptions | undefined;
}

/**
 * A pair of web streams as one stream: a `WebSocketStream`, a Deno or Bun socket, a WebTransport stream. Nothing is
 * read before the first `read()`. Chunks must be `Uint8Array`s, or of a subclass. A write is one chunk, in an array of
 * its own, since a sink may keep it or move its ArrayBuffer elsewhere.
 *
 * `closeWrite()` closes the writable, `destroy()` aborts it and cancels the readable: what the peer makes of that is the
 * pair's affair. Behind `closeWrite()` there is nothing to abort, so `destroy()` only cancels then.
 *
 * @param streams neither of them locked
 * @throws TlsUsageError where one is
 */
export function fromWeb({ readable, writable }: WebStreams, options: FromWebOptions = {}): ByteStream {
  const locked = [readable.locked && 'readable', writable.locked && 'writable'].filter(Boolean);
  if (locked.length > 0)
    throw new TlsUsageError(`fromWeb: expected streams that nobody uses, but locked: ${locked.join(', ')}`);
  return new WebStream(readable, writable, drainLimits('client', options.drain));
}

class WebStream implements ByteStream {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #limits: DrainLimits;
  readonly #changes = new Changes();
  readonly #turns = new Turns();
  readonly #writeHalf = new Fuse();
  /** For the read that waits, and for a chunk whose read was aborted. */
  readonly #inbox = new Inbox(0);
  #isPulling = false;
  #inputEnd: { readonly error: Error | undefined } | undefined;
  #outputEnd: Promise<void> | undefined;
  #isOutputEnded = false;
  #onProgress: () => void = () => {};
  #discardedBytes: number | undefined;
  #isDestroyed = false;
  #closing: Promise<CloseReport> | undefined;
  #closed: Closed | undefined;

  constructor(
    readable: ReadableStream<Uint8Array>,
    writable: WritableStream<Uint8Array>,
    limits: DrainLimits,
  ) {
    this.#reader = readable.getReader();
    this.#writer = writable.getWriter();
    this.#limits = limits;
  }

  async read(options: CallOptions = {}): Promise<Uint8Array | null> {
    options.signal?.throwIfAborted();
    this.#checkOpen();
    const taken = this.#inbox.take(options.signal);
    void this.#pull();
    return taken;
  }

  async write(data: Uint8Array | readonly Uint8Array[], options: CallOptions = {}): Promise<void> {
    const { signal } = options;
    signal?.throwIfAborted();
    this.#checkOpen();
    if (this.#outputEnd !== undefined)
      throw new ClosedError('Nothing can be written any more: closeWrite() was called');
    this.#writeHalf.check();
    const chunk = data instanceof Uint8Array ? concatBytes(data) : concatBytes(...data);
    if (chunk.length === 0) return;
    const { length } = chunk;
    await abortable(this.#hand(this.#writer.write(chunk)), signal, () => this.#abort(signal?.reason));
    // The sink may take everything at once, for ever: others must have their turn.
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

  destroy(): void {
    this.#closed ??= new Closed('The stream was destroyed');
    this.#closing ??= Promise.resolve({ ended: 'reset', discardedBytes: 0 });
    this.#isDestroyed = true;
    this.#inbox.close(this.#closed);
    this.#writeHalf.blow(this.#closed);
    this.#release(this.#closed);
    this.#changes.notify();
  }

  async *[Symbol.asyncIterator](): AsyncIterableIterator<Uint8Array> {
    for (let bytes = await this.read(); bytes !== null; bytes = await this.read()) yield bytes;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Asks the readable for chunks as long as somebody waits for one. */
  async #pull(): Promise<void> {
    if (this.#isPulling) return;
    this.#isPulling = true;
    while (this.#inputEnd === undefined && (this.#inbox.isAwaited || this.#isDiscarding)) {
      try {
        const { value, done } = await this.#reader.read();
        if (done) this.#endInput(undefined);
        else this.#take(value);
      } catch (cause) {
        this.#endInput(reasonOf(cause, 'The readable side broke'));
      }
      if (this.#turns.spend(0)) await nextTurn();
    }
    this.#isPulling = false;
  }

  #take(chunk: unknown): void {
    if (!(chunk instanceof Uint8Array)) {
      const error = new TlsUsageError(
        `fromWeb: expected chunks that are a Uint8Array, got ${typeof chunk}: use a TransformStream to make them`,
      );
      this.#endInput(error);
      this.#reader.cancel(error).catch(() => {});
    } else if (this.#discardedBytes !== undefined) {
      this.#discardedBytes += chunk.length;
    } else if (chunk.length > 0) {
      this.#inbox.put(chunk);
    }
  }

  /** While we close, the peer's bytes are read and forgotten, up to the bound; from there on nothing is read. */
  get #isDiscarding(): boolean {
    return this.#discardedBytes !== undefined && this.#discardedBytes < this.#limits.bytes;
  }

  #endInput(error: Error | undefined): void {
    this.#inputEnd ??= { error };
    this.#inbox.end(error);
    this.#changes.notify();
  }

  /** Waits until the writable has taken something, unless the write half breaks before. */
  #hand(taken: Promise<void>): Promise<void> {
    const handed = taken.then(
      () => {
        this.#onProgress();
        this.#changes.notify();
      },
      (cause) => {
        throw this.#breakOutput(cause);
      },
    );
    return this.#writeHalf.guard(handed);
  }

  #breakOutput(cause: unknown): Error {
    const error = this.#writeHalf.reason ?? reasonOf(cause, 'The writable side broke');
    this.#writeHalf.blow(error);
    this.#changes.notify();
    return error;
  }

  #endOutput(): Promise<void> {
    if (this.#outputEnd === undefined) {
      const { reason } = this.#writeHalf;
      const closed = reason === undefined ? this.#writer.close() : Promise.reject(reason);
      this.#outputEnd = this.#hand(
        closed.then(() => {
          this.#isOutputEnded = true;
        }),
      );
      this.#outputEnd.catch(() => {});
    }
    return this.#outputEnd;
  }

  #abort(cause: unknown): void {
    const message = 'A write was aborted: what was written may be cut, so nothing more can follow';
    this.#breakOutput(new BrokenError(message, { cause }));
  }

  async #close(closed: Closed): Promise<CloseReport> {
    const clock = new DrainClock(this.#limits.timeout, this.#limits.slots, () => this.#changes.notify());
    this.#onProgress = () => clock.restart();
    try {
      this.#inbox.close(closed);
      this.#discardedBytes = 0;
      void this.#pull();
      void this.#endOutput();
      const isOver = (): boolean => this.#isOutputEnded && this.#inputEnd !== undefined;
      await this.#changes.until(
        () => this.#isDestroyed || clock.expired || this.#writeHalf.isBlown || isOver(),
      );
      if (this.#isDestroyed) throw new ClosedError('The stream was destroyed while it was closing');
      return this.#report(closed);
    } finally {
      clock.stop();
      this.#onProgress = () => {};
    }
  }

  #report(closed: Closed): CloseReport {
    const input = this.#inputEnd;
    const { reason } = this.#writeHalf;
    this.#release(closed);
    if (input?.error !== undefined) throw input.error;
    if (reason !== undefined) throw reason;
    if (!this.#isOutputEnded) {
      const { timeout } = this.#limits;
      throw new BrokenError(
        `close() could not hand over everything: the peer took nothing for ${timeout} ms`,
      );
    }
    return { ended: input === undefined ? 'timeout' : 'fin', discardedBytes: this.#discardedBytes ?? 0 };
  }

  /** Calls off what is not over. The writable first: its abort says that something was cut, a cancel alone does not. */
  #release(closed: Closed): void {
    if (!this.#isOutputEnded) this.#writer.abort(closed.error).catch(() => {});
    if (this.#inputEnd === undefined) this.#reader.cancel(closed.error).catch(() => {});
  }

  #checkOpen(): void {
    if (this.#closed !== undefined) throw this.#closed.error;
  }
}
