import { peerError } from '../base/errors.ts';

/**
 * A cursor over one structure. Whatever does not fit throws `decode_error` (RFC 9846 §6.2), naming the structure.
 * The arrays it gives are views: copy what outlives the message.
 */
export class Reader {
  readonly #bytes: Uint8Array;
  readonly #what: string;
  #offset = 0;

  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = bytes;
    this.#what = what;
  }

  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  get offset(): number {
    return this.#offset;
  }

  uint8(): number {
    return this.#uint(1);
  }

  uint16(): number {
    return this.#uint(2);
  }

  uint24(): number {
    return this.#uint(3);
  }

  uint32(): number {
    return this.#uint(4);
  }

  bytes(length: number): Uint8Array {
    if (length > this.remaining) throw this.#error(`ends ${length - this.remaining} bytes early`);
    const start = this.#offset;
    this.#offset += length;
    return this.#bytes.subarray(start, this.#offset);
  }

  rest(): Uint8Array {
    return this.bytes(this.remaining);
  }

  /** `opaque name<min..max>` with a length field of `width` bytes. */
  vector(width: 1 | 2 | 3, min: number, max: number = 2 ** (8 * width) - 1): Uint8Array {
    const length = this.#uint(width);
    if (length < min || length > max)
      throw this.#error(`has a vector of ${length} bytes, not ${min} to ${max}`);
    return this.bytes(length);
  }

  /** A vector of structures: a reader of its own over its content. */
  list(width: 1 | 2 | 3, min: number, max?: number): Reader {
    return new Reader(this.vector(width, min, max), this.#what);
  }

  /** `uint16 name<min..max>`, `min` in bytes. */
  uint16List(width: 1 | 2, min: number): readonly number[] {
    const list = this.list(width, min);
    const values: number[] = [];
    while (list.remaining > 0) values.push(list.uint16());
    return values;
  }

  /** Trailing data is forbidden (RFC 9846 §4.3). */
  end(): void {
    if (this.remaining > 0) throw this.#error(`has ${this.remaining} bytes too many`);
  }

  #uint(width: number): number {
    if (width > this.remaining) throw this.#error(`ends ${width - this.remaining} bytes early`);
    const end = this.#offset + width;
    let value = 0;
    for (let i = this.#offset; i < end; i++) value = value * 256 + (this.#bytes[i] as number);
    this.#offset = end;
    return value;
  }

  #error(detail: string): Error {
    return peerError('decode_error', `${this.#what} ${detail}`);
  }
}
