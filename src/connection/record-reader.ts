import { noBytes } from '../base/bytes.ts';
import { parseRecordHeader, recordHeaderLength } from '../wire/record.ts';

/** A record as it came off the transport. */
export interface WireRecord {
  readonly type: number;
  /** Good until the next one is read. */
  readonly header: Uint8Array;
  readonly body: Uint8Array;
}

/** Of the record that was read last, on whatever connection: an array of each connection's own would lie idle with it. */
const lastHeader = new Uint8Array(recordHeaderLength);

/**
 * Cuts what the transport gives into records. Each byte is touched once, however the transport splits them: a record
 * that lies whole in one chunk is a view into it, another one is gathered in a buffer of its size.
 */
export class RecordReader {
  #chunks: Uint8Array[] = [];
  /** The first chunk that is not consumed. */
  #index = 0;
  /** Where in it the next byte is. */
  #offset = 0;
  /** The buffer that it is the beginning of, where it is a copy of our own. */
  #kept: Uint8Array | undefined;
  /** Bytes in `#chunks` that are not consumed. */
  #waiting = 0;
  /** The header of a record whose body is not all there. */
  #header: Uint8Array | undefined;
  #body: Uint8Array | undefined;
  #bodyFilled = 0;

  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#chunks.push(bytes);
    this.#waiting += bytes.length;
  }

  /** Bytes that were pushed and not yet given out. */
  get size(): number {
    return this.#waiting + (this.#header?.length ?? 0) + this.#bodyFilled;
  }

  /** Copies what waits, once, into one buffer, so that the transport may use its own again. */
  keep(): void {
    if (this.#waiting === 0) return;
    // The beginning of a header may be the last of a long buffer, which an idle connection would hold on to.
    if (this.#waiting < recordHeaderLength) this.#kept = undefined;
    const fresh = this.#chunks.slice(this.#kept ? this.#index + 1 : this.#index);
    if (fresh.length === 0) return;
    let waiting = noBytes;
    if (this.#kept) waiting = this.#chunks[this.#index] ?? noBytes;
    else fresh[0] = fresh[0]?.subarray(this.#offset) ?? noBytes;
    let end = waiting.length;
    const size = fresh.reduce((sum, chunk) => sum + chunk.length, 0);
    if (!this.#kept || end + size > this.#kept.length) {
      waiting = this.#kept ? waiting.subarray(this.#offset) : noBytes;
      end = waiting.length;
      // Doubles, so that chunks of one byte cost no more than twice their bytes.
      this.#kept = new Uint8Array(Math.max(end * 2, end + size));
      this.#kept.set(waiting);
      this.#offset = 0;
    }
    for (const chunk of fresh) {
      this.#kept.set(chunk, end);
      end += chunk.length;
    }
    this.#chunks = [this.#kept.subarray(0, end)];
    this.#index = 0;
  }

  /**
   * The next whole record; undefined where more bytes are needed.
   * @param protectsAllTypes see `parseRecordHeader`
   * @throws TlsPeerError for a header that is none
   */
  next(protectsAllTypes = false): WireRecord | undefined {
    let header = this.#header;
    if (!header) {
      if (this.#waiting < recordHeaderLength) return undefined;
      header = lastHeader;
      this.#copyInto(header, 0);
    }
    const { type, length } = parseRecordHeader(header, protectsAllTypes);
    const body = this.#takeBody(length);
    if (body) this.#header = undefined;
    else this.#header ??= header.slice();
    return body && { type, header, body };
  }

  /** Everything that is not consumed, in one array; the reader is empty then. */
  takeRest(): Uint8Array {
    const rest = new Uint8Array(this.size);
    if (this.#header) rest.set(this.#header);
    let offset = this.#header?.length ?? 0;
    if (this.#body) rest.set(this.#body.subarray(0, this.#bodyFilled), offset);
    offset += this.#bodyFilled;
    this.#copyInto(rest, offset);
    this.clear();
    return rest;
  }

  clear(): void {
    this.#chunks = [];
    this.#index = 0;
    this.#offset = 0;
    this.#kept = undefined;
    this.#waiting = 0;
    this.#header = undefined;
    this.#body = undefined;
    this.#bodyFilled = 0;
  }

  #takeBody(length: number): Uint8Array | undefined {
    const first = this.#chunks[this.#index];
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
      const chunk = this.#chunks[this.#index];
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
    if (this.#offset !== this.#chunks[this.#index]?.length) return;
    this.#index += 1;
    this.#offset = 0;
    this.#kept = undefined;
    // Not one by one: an array that loses its first element moves all others, where it is long.
    if (this.#index * 2 >= this.#chunks.length) {
      this.#chunks = this.#chunks.slice(this.#index);
      this.#index = 0;
    }
  }
}
