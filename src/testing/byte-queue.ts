import { Queue } from './queue.ts';

/** What one read gives, and one write takes, at most. */
export const pieceLength = 65_536;

/** Bytes that wait, in order. */
export class ByteQueue {
  readonly #arrays = new Queue<Uint8Array>();
  /** What was taken of the first array. */
  #offset = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#arrays.push(bytes);
    this.#length += bytes.length;
  }

  /** The first `limit` bytes, or all, in an array of their own. */
  take(limit: number): Uint8Array {
    const taken = new Uint8Array(Math.min(limit, this.#length));
    for (let filled = 0; filled < taken.length; ) {
      const first = this.#arrays.first ?? new Uint8Array(0);
      const piece = first.subarray(this.#offset, this.#offset + taken.length - filled);
      taken.set(piece, filled);
      filled += piece.length;
      this.#offset += piece.length;
      if (this.#offset < first.length) break;
      this.#arrays.take();
      this.#offset = 0;
    }
    this.#length -= taken.length;
    return taken;
  }

  clear(): void {
    this.#arrays.clear();
    this.#offset = 0;
    this.#length = 0;
  }
}

/** All of `parts` in one new array. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}
