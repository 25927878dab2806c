import type { ByteStream, CallOptions, CloseReport } from '../../src/streams/byte-stream.ts';

/** An error with a system's code, as a socket gives it. */
export function systemError(code: string): Error {
  return Object.assign(new Error(`${code} of the memory stream`), { code });
}

/** What a pair of memory streams is like. */
export interface MemoryOptions {
  /** Bytes that a direction holds before a write waits; 0: a write waits until everything was read. */
  readonly capacity?: number;
  /** The most that one read gives. */
  readonly chunk?: number;
}

/** Two ends of a connection in memory, with the resets of TCP and without its surprises. */
export function memoryStreamPair(options: MemoryOptions = {}): [MemoryStream, MemoryStream] {
  const a = new MemoryStream(options);
  const b = new MemoryStream(options);
  a.join(b);
  return [a, b];
}

interface Waiting {
  readonly condition: () => boolean;
  readonly resolve: () => void;
}

export class MemoryStream implements ByteStream {
  /** The bytes of each write, in order: what a test of silence looks at. */
  readonly writes: Uint8Array[] = [];
  /** Calls of `closeWrite` that did something, `destroy`, and `close`. */
  readonly calls: ('closeWrite' | 'close' | 'destroy')[] = [];
  /** While true, writes wait, whatever the capacity. */
  isStuck = false;

  readonly #capacity: number;
  readonly #chunk: number;
  #peer: MemoryStream = this;
  #received: Uint8Array[] = [];
  #receivedEnd = false;
  #readError: Error | undefined;
  #writeError: Error | undefined;
  #isWriteEnded = false;
  #isDestroyed = false;
  #isReading = false;
  #lastWrite: Promise<void> = Promise.resolve();
  #waiting = new Set<Waiting>();

  constructor({ capacity = 65_536, chunk = 65_536 }: MemoryOptions) {
    this.#capacity = capacity;
    this.#chunk = chunk;
  }

  join(peer: MemoryStream): void {
    this.#peer = peer;
    peer.#peer = this;
  }

  get isDestroyed(): boolean {
    return this.#isDestroyed;
  }

  /** A read is outstanding. */
  get isReading(): boolean {
    return this.#isReading;
  }

  /** Bytes on their way to this end, or arrived and not read. */
  get unread(): number {
    return this.#received.reduce((sum, bytes) => sum + bytes.length, 0);
  }

  get written(): number {
    return this.writes.reduce((sum, bytes) => sum + bytes.length, 0);
  }

  /** From now on writes fail, while reading goes on. */
  breakWrites(code: string): void {
    this.#writeError = systemError(code);
    this.#changed();
  }

  /** From now on reading fails, behind what has arrived. */
  breakReads(code: string): void {
    this.#readError = systemError(code);
    this.#changed();
  }

  /** Lets stuck writes go on. */
  unstick(): void {
    this.isStuck = false;
    this.#changed();
  }

  /** Bytes arrive here that the other end has not written. */
  arrive(bytes: Uint8Array): void {
    this.#received.push(bytes);
    this.#changed();
  }

  /** Waits until something about either end fulfils `condition`. */
  until(condition: () => boolean): Promise<void> {
    if (condition()) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.add({ condition, resolve }));
  }

  async read({ signal }: CallOptions = {}): Promise<Uint8Array | null> {
    signal?.throwIfAborted();
    if (this.#isReading) throw new Error('two reads at once');
    this.#isReading = true;
    this.#changed();
    try {
      await this.until(
        () =>
          this.#received.length > 0 ||
          this.#receivedEnd ||
          this.#readError !== undefined ||
          this.#isDestroyed,
      );
    } finally {
      this.#isReading = false;
    }
    if (this.#isDestroyed) throw systemError('ECANCELED');
    const first = this.#received.shift();
    if (first !== undefined) {
      if (first.length > this.#chunk) this.#received.unshift(first.subarray(this.#chunk));
      this.#changed();
      return first.slice(0, this.#chunk);
    }
    if (this.#readError !== undefined) throw this.#readError;
    return null;
  }

  write(data: Uint8Array | readonly Uint8Array[]): Promise<void> {
    const bytes = Buffer.concat(data instanceof Uint8Array ? [data] : data);
    if (bytes.length === 0) throw new Error('an empty write');
    if (this.#isWriteEnded) throw new Error('a write after closeWrite');
    this.writes.push(new Uint8Array(bytes));
    this.#changed();
    return this.#inTurn(() => this.#deliver(new Uint8Array(bytes)));
  }

  closeWrite(): Promise<void> {
    if (this.#isWriteEnded) return this.#lastWrite;
    this.#isWriteEnded = true;
    this.calls.push('closeWrite');
    return this.#inTurn(async () => {
      this.#throwIfBroken();
      this.#peer.#receivedEnd = true;
      this.#changed();
    });
  }

  async close(): Promise<CloseReport> {
    this.calls.push('close');
    await this.closeWrite();
    let discardedBytes = 0;
    for (let bytes = await this.read(); bytes !== null; bytes = await this.read())
      discardedBytes += bytes.length;
    return { ended: 'fin', discardedBytes };
  }

  destroy(): void {
    this.calls.push('destroy');
    if (this.#isDestroyed) return;
    this.#isDestroyed = true;
    this.#received = [];
    this.#peer.#readError ??= systemError('ECONNRESET');
    this.#peer.#writeError ??= systemError('EPIPE');
    this.#changed();
  }

  async *[Symbol.asyncIterator](): AsyncIterableIterator<Uint8Array> {
    for (let bytes = await this.read(); bytes !== null; bytes = await this.read()) yield bytes;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Puts bytes in a piece at a time, as far as there is room for them. */
  async #deliver(bytes: Uint8Array): Promise<void> {
    const peer = this.#peer;
    for (let offset = 0; offset < bytes.length; ) {
      const room = (): number => (this.#capacity === 0 ? Number.MAX_VALUE : this.#capacity - peer.unread);
      await this.until(() => this.#isBroken || (!this.isStuck && room() > 0));
      this.#throwIfBroken();
      const piece = bytes.subarray(offset, offset + room());
      offset += piece.length;
      peer.#received.push(piece);
      this.#changed();
    }
    if (this.#capacity > 0) return;
    await this.until(() => this.#isBroken || peer.unread === 0);
    this.#throwIfBroken();
  }

  get #isBroken(): boolean {
    return this.#isDestroyed || this.#writeError !== undefined;
  }

  #throwIfBroken(): void {
    if (this.#isDestroyed) throw systemError('ECANCELED');
    if (this.#writeError !== undefined) throw this.#writeError;
  }

  #inTurn(operation: () => Promise<void>): Promise<void> {
    const done = this.#lastWrite.then(operation);
    this.#lastWrite = done.catch(() => {});
    return done;
  }

  #changed(): void {
    for (const end of [this, this.#peer]) {
      for (const waiting of [...end.#waiting]) {
        if (!waiting.condition()) continue;
        end.#waiting.delete(waiting);
        waiting.resolve();
      }
    }
  }
}
