import type { ByteStream, CallOptions, CloseReport } from '../../src/streams/byte-stream.ts';
import type { TestStream } from '../../src/testing.ts';

export type Data = Uint8Array | readonly Uint8Array[];

/** A stream on another one that does all that it should; those on top of it override what they are about. */
export class Plain<Inner extends ByteStream = TestStream> implements ByteStream {
  protected readonly inner: Inner;

  constructor(inner: Inner) {
    this.inner = inner;
  }
  read(options?: CallOptions): Promise<Uint8Array | null> {
    return this.inner.read(options);
  }
  write(data: Data, options?: CallOptions): Promise<void> {
    return this.inner.write(data, options);
  }
  closeWrite(options?: CallOptions): Promise<void> {
    return this.inner.closeWrite(options);
  }
  close(options?: CallOptions): Promise<CloseReport> {
    return this.inner.close(options);
  }
  destroy(): void {
    this.inner.destroy();
  }
  async *[Symbol.asyncIterator](): AsyncIterableIterator<Uint8Array> {
    for (let bytes = await this.read(); bytes !== null; bytes = await this.read()) yield bytes;
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** A stream with one thing wrong. */
export interface Fault {
  /** What is wrong. */
  readonly fault: string;
  /** A part of the name of the check that has to find it. */
  readonly check: string;
  readonly make: (inner: TestStream) => ByteStream;
  readonly makePair?: () => readonly [TestStream, TestStream];
}

/** A promise that rejects as soon as the signal fires, whatever becomes of the call. */
export function raced<T>(call: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  call.catch(() => {});
  return new Promise((resolve, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
    call.then(resolve, reject);
  });
}
