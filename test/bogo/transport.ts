import type { ByteStream, CallOptions } from '../../src/streams/byte-stream.ts';
import { type Data, Plain } from '../support/faulty-stream.ts';
import { Mismatch } from './mismatch.ts';

/**
 * A transport of the shim's: it may give one byte at a time, stop in the middle of what it sends, and notices who speaks
 * out of turn.
 */
export class ShimTransport extends Plain<ByteStream> {
  readonly #oneByteReads: boolean;
  #received: Uint8Array = new Uint8Array(0);
  /** How many bytes may still leave. */
  #credit = Number.POSITIVE_INFINITY;
  #release: () => void = () => {};
  #released: Promise<void> = Promise.resolve();
  /** Whether a write is allowed now; undefined: it is. */
  mayWrite: (() => boolean) | undefined;
  #hasSpoken = false;

  constructor(inner: ByteStream, oneByteReads: boolean) {
    super(inner);
    this.#oneByteReads = oneByteReads;
  }

  /** @throws Mismatch where something was written that `mayWrite` did not allow */
  requireSilence(): void {
    if (this.#hasSpoken) throw new Mismatch('while it was reading', 'a write', 'silence');
  }

  /** From now on so many bytes leave, and no more before `releaseWrites`. */
  holdWritesAfter(bytes: number): void {
    this.#credit = bytes;
    this.#released = new Promise((resolve) => {
      this.#release = resolve;
    });
  }

  /** Whether a write of the application's is still under way. */
  get holdsWrites(): boolean {
    return this.#credit !== Number.POSITIVE_INFINITY;
  }

  releaseWrites(): void {
    this.#credit = Number.POSITIVE_INFINITY;
    this.#release();
  }

  override async read(options?: CallOptions): Promise<Uint8Array | null> {
    if (!this.#oneByteReads) return this.inner.read(options);
    if (this.#received.length === 0) {
      const bytes = await this.inner.read(options);
      if (bytes === null) return null;
      this.#received = bytes;
    }
    const [byte = 0] = this.#received;
    this.#received = this.#received.subarray(1);
    return Uint8Array.of(byte);
  }

  override async write(data: Data, options?: CallOptions): Promise<void> {
    if (!this.holdsWrites) {
      if (this.mayWrite?.() === false) this.#hasSpoken = true;
      return this.inner.write(data, options);
    }
    const bytes = Buffer.concat(data instanceof Uint8Array ? [data] : [...data]);
    const now = bytes.subarray(0, this.#credit);
    this.#credit -= now.length;
    if (now.length > 0) await this.inner.write(now, options);
    await this.#released;
    await this.inner.write(bytes.subarray(now.length), options);
  }
}
