import { TlsUsageError } from '../base/errors.ts';

/** Builds one structure; vectors are written by a callback and get their length afterwards. */
export class Writer {
  #bytes: Uint8Array = new Uint8Array(512);
  #length = 0;

  uint8(value: number): this {
    return this.#uint(value, 1);
  }

  uint16(value: number): this {
    return this.#uint(value, 2);
  }

  uint24(value: number): this {
    return this.#uint(value, 3);
  }

  uint32(value: number): this {
    return this.#uint(value, 4);
  }

  bytes(bytes: Uint8Array): this {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  /** A vector with a length field of `width` bytes around what `content` writes. */
  vector(width: 1 | 2 | 3, content: Uint8Array | ((writer: this) => void)): this {
    const start = this.#length;
    this.#uint(0, width);
    if (content instanceof Uint8Array) this.bytes(content);
    else content(this);
    const length = this.#length - start - width;
    if (length >= 2 ** (8 * width))
      throw new TlsUsageError(`${length} bytes do not fit a vector of TLS (width ${width})`);
    this.#put(start, length, width);
    return this;
  }

  uint16List(width: 1 | 2, values: readonly number[]): this {
    return this.vector(width, () => {
      for (const value of values) this.uint16(value);
    });
  }

  /** What was written, in an array of its own. The writer must not be used afterwards. */
  finish(): Uint8Array {
    const result = this.#bytes.slice(0, this.#length);
    // Handshake messages can hold secrets' companions such as tickets; nothing stays behind.
    this.#bytes.fill(0, 0, this.#length);
    return result;
  }

  #uint(value: number, width: number): this {
    this.#reserve(width);
    this.#put(this.#length, value, width);
    this.#length += width;
    return this;
  }

  #put(offset: number, value: number, width: number): void {
    let rest = value;
    for (let i = offset + width - 1; i >= offset; i--) {
      this.#bytes[i] = rest % 256;
      rest = Math.floor(rest / 256);
    }
  }

  #reserve(extra: number): void {
    const needed = this.#length + extra;
    if (needed <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes.fill(0);
    this.#bytes = larger;
  }
}
