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

/** What can be seen of an element where it lies: views cost more than all else that a cursor does. */
export interface DerValue {
  readonly tag: number;
  /** Where it begins in the whole. */
  readonly offset: number;
  readonly contentLength: number;
  /** A byte of the contents; 0 behind them. */
  at(index: number): number;
}

/** One DER element. */
export class DerElement implements DerValue {
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

  get contentLength(): number {
    return this.#end - this.#contentStart;
  }

  at(index: number): number {
    const position = this.#contentStart + index;
    return position < this.#end ? (this.#source[position] ?? 0) : 0;
  }

  /** A cursor over the contents. @param what the whole is, for errors */
  reader(what: string): DerReader {
    return new DerReader(this.#source, what, this.#sourceOffset, this.#contentStart, this.#end);
  }
}

/**
 * A strict cursor over DER: tags of one byte, lengths definite and minimal, and nothing behind the last element. It
 * knows where in the whole it is, so that every error names the byte. As a value it is the element that it has read
 * last, without an object of its own.
 */
export class DerReader implements DerValue {
  readonly #bytes: Uint8Array;
  readonly #start: number;
  readonly #what: string;
  #end: number;
  #offset: number;
  #elementStart: number;
  #contentStart: number;

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
    this.#elementStart = from;
    this.#contentStart = from;
    this.#end = to;
  }

  get tag(): number {
    return this.#bytes[this.#elementStart] ?? 0;
  }

  get offset(): number {
    return this.#start + this.#elementStart;
  }

  get contentLength(): number {
    return this.#offset - this.#contentStart;
  }

  at(index: number): number {
    const position = this.#contentStart + index;
    return position < this.#offset ? (this.#bytes[position] ?? 0) : 0;
  }

  /** The contents of the element that was read last as one number; undefined where they are more than 3 bytes. */
  get contentNumber(): number | undefined {
    const length = this.#offset - this.#contentStart;
    if (length > 3) return undefined;
    let number = length;
    for (let i = this.#contentStart; i < this.#offset; i++) number = number * 256 + this.#bytes[i]!;
    return number;
  }

  /** A small number by which to look the contents of the element that was read last up; others may have the same. */
  get contentHash(): number {
    let hash = 0;
    for (let i = this.#contentStart; i < this.#offset; i++) hash = (hash * 31 + this.#bytes[i]!) & 0xffffff;
    return hash;
  }

  /** Whether the element that was read last has these contents. */
  hasContent(content: Uint8Array): boolean {
    const start = this.#contentStart;
    if (content.length !== this.#offset - start) return false;
    for (let i = 0; i < content.length; i++) if (this.#bytes[start + i] !== content[i]) return false;
    return true;
  }

  /** Whether what lies between two positions is what lies between two others. */
  isSame(from: number, to: number, otherFrom: number, otherTo: number): boolean {
    const length = to - from;
    if (otherTo - otherFrom !== length) return false;
    const [at, otherAt] = [from - this.#start, otherFrom - this.#start];
    for (let i = 0; i < length; i++) if (this.#bytes[at + i] !== this.#bytes[otherAt + i]) return false;
    return true;
  }

  /** Contents of the element that was read last, from the byte at `index` on: a view. */
  contentFrom(index: number): Uint8Array {
    return this.#bytes.subarray(this.#contentStart + index, this.#offset);
  }

  /** All that lies between `position` and the next element: a view. */
  bytesFrom(position: number): Uint8Array {
    return this.#bytes.subarray(position - this.#start, this.#offset);
  }

  get atEnd(): boolean {
    return this.#offset === this.#end;
  }

  /** Where the next element begins in the whole. */
  get position(): number {
    return this.#start + this.#offset;
  }

  /** Reads the next element, which must have `tag` where one is given. @throws TlsCertificateError (`malformed`) */
  read(tag?: number): DerValue {
    const start = this.#offset;
    const found = this.#byte();
    if ((found & 0x1f) === 0x1f) throw this.error('a tag of several bytes', start);
    if (tag !== undefined && found !== tag) throw this.error(`tag 0x${hex(found)}, not 0x${hex(tag)}`, start);
    const length = this.#length();
    const contentStart = this.#offset;
    if (length > this.#end - contentStart) throw this.error('an element that ends early', start);
    this.#elementStart = start;
    this.#contentStart = contentStart;
    this.#offset += length;
    return this;
  }

  /** As `read`, to be kept. */
  next(tag?: number): DerElement {
    this.read(tag);
    return new DerElement(this.#bytes, this.#start, this.#elementStart, this.#contentStart, this.#offset);
  }

  /**
   * Goes into the next element with this cursor, which is then at the end where the element ends. An object for each
   * level would take most of the time of parsing a certificate.
   * @returns what `close` needs to come out again
   */
  open(tag: number): number {
    this.read(tag);
    const outer = this.#end;
    this.#end = this.#offset;
    this.#offset = this.#contentStart;
    return outer;
  }

  /** Comes out of an element again. @param of what has been read @throws TlsCertificateError (`malformed`) where something is left */
  close(outer: number, of: string): void {
    if (this.#offset !== this.#end) this.end(of);
    this.#end = outer;
  }

  /** Goes to the end of what the cursor is in. */
  skip(): void {
    this.#offset = this.#end;
  }

  /** A cursor over what is left of what this one is in, whose end this one goes to. */
  rest(): DerReader {
    const rest = new DerReader(this.#bytes, this.#what, this.#start, this.#offset, this.#end);
    this.skip();
    return rest;
  }

  /** A cursor over the contents of the next element. */
  enter(tag: number): DerReader {
    this.read(tag);
    return this.contents();
  }

  /** A cursor over the contents of the element that was read last, from the byte at `index` on. */
  contents(index = 0): DerReader {
    return new DerReader(this.#bytes, this.#what, this.#start, this.#contentStart + index, this.#offset);
  }

  /** A cursor over the contents of an element of this one. */
  inside(element: DerElement): DerReader {
    return element.reader(this.#what);
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

  #length(): number {
    const start = this.#offset;
    const first = this.#byte();
    if (first < 0x80) return first;
    const width = first & 0x7f;
    if (width === 0 || width > 4) throw this.error('an indefinite or oversized length', start);
    let length = this.#byte();
    if (length === 0 || (width === 1 && length < 0x80))
      throw this.error('a length that is not minimal', start);
    for (let i = 1; i < width; i++) length = length * 256 + this.#byte();
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
