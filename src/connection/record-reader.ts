import { copyBytes } from '../base/bytes.ts';
import { parseRecordHeader, recordHeaderLength } from '../wire/record.ts';

/** A record as it came off the transport. */
export interface WireRecord {
  readonly type: number;
  readonly header: Uint8Array;
  readonly body: Uint8Array;
}

/**
 * Cuts what the transport gives into records. Each byte is touched once, however the transport splits them: a record
 * that lies whole in one chunk is a view into it, another one is gathered in a buffer of its size.
 */
export class RecordReader {
  #chunks: Uint8Array[] = [];
  /** How many of them, from the first on, are copies of our own. */
  #kept = 0;
  /** Where in the first chunk the next byte is. */
  #offset = 0;
  /** Bytes in `#chunks` that are not consumed. */
  #waiting = 0;
  #header = new Uint8Array(recordHeaderLength);
  #headerFilled = 0;
  #body: Uint8Array | undefined;
  #bodyFilled = 0;

  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#chunks.push(bytes);
    this.#waiting += bytes.length;
  }

  /** Bytes that were pushed and not yet given out. */
  get size(): number {
    return this.#waiting + this.#headerFilled + this.#bodyFilled;
  }

  /** Copies what waits, once, so that the transport may use its buffers again. */
  keep(): void {
    const first = this.#chunks[0];
    if (first && this.#kept === 0) {
      this.#chunks[0] = first.subarray(this.#offset);
      this.#offset = 0;
    }
    for (; this.#kept < this.#chunks.length; this.#kept++) {
      this.#chunks[this.#kept] = copyBytes(this.#chunks[this.#kept] as Uint8Array);
    }
  }

  /** The next whole record; undefined where more bytes are needed. @throws TlsPeerError for a header that is none */
  next(): WireRecord | undefined {
    this.#headerFilled += this.#copyInto(this.#header, this.#headerFilled);
    if (this.#headerFilled < recordHeaderLength) return undefined;
    const header = this.#header;
    const { type, length } = parseRecordHeader(header);
    const body = this.#takeBody(length);
    if (!body) return undefined;
    this.#header = new Uint8Array(recordHeaderLength);
    this.#headerFilled = 0;
    return { type, header, body };
  }

  /** Everything that is not consumed, in one array; the reader is empty then. */
  takeRest(): Uint8Array {
    const rest = new Uint8Array(this.size);
    rest.set(this.#header.subarray(0, this.#headerFilled));
    let offset = this.#headerFilled;
    if (this.#body) rest.set(this.#body.subarray(0, this.#bodyFilled), offset);
    offset += this.#bodyFilled;
    this.#copyInto(rest, offset);
    this.clear();
    return rest;
  }

  clear(): void {
    this.#chunks = [];
    this.#kept = 0;
    this.#offset = 0;
    this.#waiting = 0;
    this.#headerFilled = 0;
    this.#body = undefined;
    this.#bodyFilled = 0;
  }

  #takeBody(length: number): Uint8Array | undefined {
    const first = this.#chunks[0];
    if (!this.#body && first && first.length - this.#offset >= length) {
      const body = first.subarray(this.#offset, this.#offset + length);
      this.#consume(length);
      return body;
    }
    this.#body ??= new Uint8Array(length);
    this.#bodyFilled += this.#copyInto(this.#body, this.#bodyFilled);
    if (this.#bodyFilled < length) return undefined;
    const body = this.#body;
    this.#body = undefined;
    this.#bodyFilled = 0;
    return body;
  }

  /** Fills `target` from `filled` on with what is there; returns how many bytes it took. */
  #copyInto(target: Uint8Array, filled: number): number {
    let position = filled;
    while (position < target.length) {
      const chunk = this.#chunks[0];
      if (!chunk) break;
      const count = Math.min(target.length - position, chunk.length - this.#offset);
      target.set(chunk.subarray(this.#offset, this.#offset + count), position);
      position += count;
      this.#consume(count);
    }
    return position - filled;
  }

  #consume(count: number): void {
    this.#offset += count;
    this.#waiting -= count;
    if (this.#offset === this.#chunks[0]?.length) {
      this.#chunks.shift();
      if (this.#kept > 0) this.#kept -= 1;
      this.#offset = 0;
    }
  }
}
