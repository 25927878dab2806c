import { TlsCertificateError } from '../base/errors.ts';

/** ASN.1 tags that certificates use (X.690 §8). */
export const derTags = { sequence: 0x30, context0: 0xa0 } as const;

/** One DER element: `bytes` with tag and length, `content` without. */
export interface DerElement {
  readonly tag: number;
  readonly content: Uint8Array;
  readonly bytes: Uint8Array;
}

/** A strict cursor over DER: lengths definite and minimal, tags of one byte. */
export class DerReader {
  readonly #bytes: Uint8Array;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get atEnd(): boolean {
    return this.#offset === this.#bytes.length;
  }

  /** The next element, which must have `tag` where one is given. */
  next(tag?: number): DerElement {
    const start = this.#offset;
    const found = this.#byte();
    if ((found & 0x1f) === 0x1f) throw this.#error(start, 'a tag of several bytes');
    if (tag !== undefined && found !== tag) throw this.#error(start, `tag ${found}, not ${tag}`);
    const length = this.#length();
    const contentStart = this.#offset;
    if (length > this.#bytes.length - contentStart) throw this.#error(start, 'an element that ends early');
    this.#offset += length;
    return {
      tag: found,
      content: this.#bytes.subarray(contentStart, this.#offset),
      bytes: this.#bytes.subarray(start, this.#offset),
    };
  }

  /** Whether an element with `tag` comes next. */
  nextIs(tag: number): boolean {
    return this.#bytes[this.#offset] === tag;
  }

  #length(): number {
    const start = this.#offset;
    const first = this.#byte();
    if (first < 0x80) return first;
    const width = first & 0x7f;
    if (width === 0 || width > 4) throw this.#error(start, 'an indefinite or oversized length');
    let length = 0;
    for (let i = 0; i < width; i++) length = length * 256 + this.#byte();
    if (length < 0x80 || length < 2 ** (8 * (width - 1)))
      throw this.#error(start, 'a length that is not minimal');
    return length;
  }

  #byte(): number {
    const byte = this.#bytes[this.#offset];
    if (byte === undefined) throw this.#error(this.#offset, 'an early end');
    this.#offset += 1;
    return byte;
  }

  #error(offset: number, found: string): TlsCertificateError {
    return new TlsCertificateError('malformed', `a certificate is not valid DER: ${found} at byte ${offset}`);
  }
}
