import { TlsCertificateError } from '../base/errors.ts';

/** ASN.1 tags of the types that certificates use (X.690 §8). */
export const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  objectIdentifier: 0x06,
  enumerated: 0x0a,
  relativeObjectIdentifier: 0x0d,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** [n] of a primitive type under IMPLICIT tagging. */
export function implicit(number: number): number {
  return 0x80 | number;
}

/** [n] of a constructed type, or of any under EXPLICIT tagging. */
export function constructed(number: number): number {
  return 0xa0 | number;
}

/** One DER element. Views cost more than all else that a cursor does: `at` is for whoever only looks. */
export class DerElement {
  readonly tag: number;
  readonly #source: Uint8Array;
  readonly #sourceOffset: number;
  readonly #start: number;
  readonly #contentStart: number;
  readonly #end: number;

  /**
   * The element at `start` to `end` of `source`, whose contents begin at `contentStart`.
   * @param sourceOffset where in the whole `source` begins
   */
  constructor(source: Uint8Array, sourceOffset: number, start: number, contentStart: number, end: number) {
    this.tag = source[start] ?? 0;
    this.#source = source;
    this.#sourceOffset = sourceOffset;
    this.#start = start;
    this.#contentStart = contentStart;
    this.#end = end;
  }

  /** Where it begins in the whole. */
  get offset(): number {
    return this.#sourceOffset + this.#start;
  }

  /** Tag and length included: a view. */
  get bytes(): Uint8Array {
    return this.#source.subarray(this.#start, this.#end);
  }

  /** Without tag and length: a view. */
  get content(): Uint8Array {
    return this.#source.subarray(this.#contentStart, this.#end);
  }

  /** The contents from the byte at `index` on: a view. */
  contentFrom(index: number): Uint8Array {
    return this.#source.subarray(this.#contentStart + index, this.#end);
  }

  get contentLength(): number {
    return this.#end - this.#contentStart;
  }

  /** A byte of the contents; 0 behind them. */
  at(index: number): number {
    const position = this.#contentStart + index;
    return position < this.#end ? (this.#source[position] ?? 0) : 0;
  }

  /** Whether tag, length and contents are those of `other`. */
  equals(other: DerElement): boolean {
    if (this.tag !== other.tag || this.contentLength !== other.contentLength) return false;
    for (let i = 0; i < this.contentLength; i++) if (this.at(i) !== other.at(i)) return false;
    return true;
  }

  /** A cursor over the contents from the byte at `index` on. @param what the whole is, for errors */
  reader(what: string, index: number): DerReader {
    return new DerReader(this.#source, what, this.#sourceOffset, this.#contentStart + index, this.#end);
  }
}

/**
 * A strict cursor over DER: tags of one byte, lengths definite and minimal, and nothing behind the last element. It
 * knows where in the whole it is, so that every error names the byte.
 */
export class DerReader {
  readonly #bytes: Uint8Array;
  readonly #start: number;
  readonly #what: string;
  readonly #end: number;
  #offset: number;

  /**
   * Over `bytes`, or a part of them.
   * @param what the whole is, for errors: `a certificate`
   * @param start where in the whole `bytes` begin
   */
  constructor(bytes: Uint8Array, what = 'a certificate', start = 0, from = 0, to: number = bytes.length) {
    this.#bytes = bytes;
    this.#what = what;
    this.#start = start;
    this.#offset = from;
    this.#end = to;
  }

  get atEnd(): boolean {
    return this.#offset === this.#end;
  }

  /** Where the next element begins in the whole. */
  get position(): number {
    return this.#start + this.#offset;
  }

  /** The next element, which must have `tag` where one is given. @throws TlsCertificateError (`malformed`) */
  next(tag?: number): DerElement {
    const start = this.#offset;
    const contentStart = this.#header(tag);
    return new DerElement(this.#bytes, this.#start, start, contentStart, this.#offset);
  }

  /** A cursor over the contents of the next element. */
  enter(tag: number): DerReader {
    const contentStart = this.#header(tag);
    return new DerReader(this.#bytes, this.#what, this.#start, contentStart, this.#offset);
  }

  /** A cursor over the contents of an element of this one, from the byte at `index` on. */
  inside(element: DerElement, index = 0): DerReader {
    return element.reader(this.#what, index);
  }

  /** The next element if it has `tag`. */
  optional(tag: number): DerElement | undefined {
    return this.nextIs(tag) ? this.next() : undefined;
  }

  /** Whether an element with `tag` comes next. */
  nextIs(tag: number): boolean {
    return !this.atEnd && this.#bytes[this.#offset] === tag;
  }

  /** @param of what has been read @throws TlsCertificateError (`malformed`) where something is left */
  end(of: string): void {
    if (!this.atEnd) throw this.error(`${of} has values behind its last one`, this.#offset);
  }

  /** What is wrong, and where. @param offset in these bytes; by default where the cursor is */
  error(found: string, offset: number = this.#offset): TlsCertificateError {
    return this.errorAt(found, this.#start + offset);
  }

  /** @param position in the whole */
  errorAt(found: string, position: number): TlsCertificateError {
    return new TlsCertificateError(
      'malformed',
      `${this.#what} is not valid DER: ${found} at byte ${position}`,
    );
  }

  /** Goes behind the next element. @returns where its contents begin */
  #header(tag: number | undefined): number {
    const start = this.#offset;
    const found = this.#byte();
    if ((found & 0x1f) === 0x1f) throw this.error('a tag of several bytes', start);
    if (tag !== undefined && found !== tag) throw this.error(`tag 0x${hex(found)}, not 0x${hex(tag)}`, start);
    const length = this.#length();
    const contentStart = this.#offset;
    if (length > this.#end - contentStart) throw this.error('an element that ends early', start);
    this.#offset += length;
    return contentStart;
  }

  #length(): number {
    const start = this.#offset;
    const first = this.#byte();
    if (first < 0x80) return first;
    const width = first & 0x7f;
    if (width === 0 || width > 4) throw this.error('an indefinite or oversized length', start);
    let length = 0;
    for (let i = 0; i < width; i++) length = length * 256 + this.#byte();
    if (length < 0x80 || length < 2 ** (8 * (width - 1)))
      throw this.error('a length that is not minimal', start);
    return length;
  }

  #byte(): number {
    const byte = this.#bytes[this.#offset];
    if (byte === undefined || this.atEnd) throw this.error('an early end');
    this.#offset += 1;
    return byte;
  }
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0');
}
