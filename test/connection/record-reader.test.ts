import { afterEach, describe, expect, it, vi } from 'vitest';
import { concatBytes, noBytes } from '../../src/base/bytes.ts';
import { MessageJoiner } from '../../src/connection/message-joiner.ts';
import { RecordReader, type WireRecord } from '../../src/connection/record-reader.ts';
import { handshakeTypes } from '../../src/wire/names.ts';
import { hex, pseudoRandomBytes, pseudoRandomSizes } from '../support/engine.ts';
import { message, plaintextRecord } from '../support/raw-peer.ts';

const bodies = [1, 0, 17, 16_640, 5, 300].map((length) => pseudoRandomBytes(length, length));
const wire = concatBytes(...bodies.map((body) => plaintextRecord(23, body)));

afterEach(() => {
  vi.restoreAllMocks();
});

describe('RecordReader', () => {
  it.each([
    ['whole', () => wire.length],
    ['byte by byte', () => 1],
    ['in sixes', () => 6],
    ['at random, seed 4', pseudoRandomSizes(40, 4)],
    ['at random, seed 5', pseudoRandomSizes(20_000, 5)],
  ])('cuts records out of any chunks: %s', (_, sizes) => {
    const records = readAll(new RecordReader(), wire, sizes);
    expect(records.map(({ body }) => hex(body))).toEqual(bodies.map(hex));
    expect(records.map(({ header }) => header.length)).toEqual(bodies.map(() => 5));
  });

  it('touches each byte once where records come in pieces: linear, whatever the pieces', () => {
    for (const size of [1, 3, 100, 1000]) {
      const copied = countCopies(() => readAll(new RecordReader(), wire, () => size));
      expect(copied).toBeLessThanOrEqual(wire.length);
    }
  });

  it('copies nothing but headers where a chunk holds whole records', () => {
    const copied = countCopies(() => readAll(new RecordReader(), wire, () => wire.length));
    expect(copied).toBe(5 * bodies.length);
  });

  it('counts what it holds, and gives back what it has not used, as it came', () => {
    for (const taken of [0, 3, 5, 9]) {
      const reader = new RecordReader();
      const record = plaintextRecord(23, pseudoRandomBytes(20, 6));
      reader.push(record.subarray(0, taken));
      expect(reader.next()).toBeUndefined();
      reader.push(record.subarray(taken, 15));
      expect(reader.size).toBe(15);
      expect(hex(reader.takeRest())).toBe(hex(record.subarray(0, 15)));
      expect(reader.size).toBe(0);
      expect(reader.next()).toBeUndefined();
    }
  });

  it('keeps copies of chunks that wait in linear work and one buffer, however many they are', () => {
    const reader = new RecordReader();
    const copied = countCopies(() => {
      for (const byte of wire) {
        reader.push(Uint8Array.of(byte));
        reader.keep();
      }
    });
    expect(copied).toBeLessThan(4 * wire.length);
    const records = readAll(reader, noBytes, () => 1);
    expect(records.map(({ body }) => hex(body))).toEqual(bodies.map(hex));
    expect(new Set(records.map(({ body }) => body.buffer)).size).toBe(1);
  });

  it.each([8, 9, 10])('keeps copies between reads too, seed %d', (seed) => {
    const sizes = pseudoRandomSizes(400, seed);
    const reader = new RecordReader();
    const read: string[] = [];
    for (let at = 0; at < wire.length; ) {
      const chunk = wire.slice(at, at + sizes());
      at += chunk.length;
      reader.push(chunk);
      if (sizes() % 3 > 0) reader.keep();
      else for (let record = reader.next(); record; record = reader.next()) read.push(hex(record.body));
      reader.keep();
      chunk.fill(0);
    }
    read.push(...readAll(reader, noBytes, () => 1).map(({ body }) => hex(body)));
    expect(read).toEqual(bodies.map(hex));
    expect(reader.size).toBe(0);
  });

  it('lets go of what it kept where nothing but the beginning of a header is left of it', () => {
    const reader = new RecordReader();
    const last = plaintextRecord(23, Uint8Array.of(9));
    for (const chunk of [wire.subarray(0, -1), wire.subarray(-1), last.subarray(0, 3)]) {
      reader.push(chunk);
      reader.keep();
    }
    expect(readAll(reader, noBytes, () => 1).length).toBe(bodies.length);
    reader.keep();
    reader.push(last.subarray(3));
    reader.keep();
    const record = reader.next();
    expect(record && hex(record.body)).toBe('09');
    expect(record?.body.buffer.byteLength).toBeLessThan(16);
  });

  it('keeps copies, once, of chunks that wait', () => {
    const reader = new RecordReader();
    const chunk = wire.slice();
    reader.push(chunk);
    reader.next();
    reader.keep();
    chunk.fill(0);
    const more = plaintextRecord(23, Uint8Array.of(9));
    reader.push(more);
    reader.keep();
    more.fill(0);
    const rest = readAll(reader, noBytes, () => 1);
    expect(rest.map(({ body }) => hex(body))).toEqual([...bodies.slice(1).map(hex), '09']);
  });
});

describe('MessageJoiner', () => {
  const expected = [handshakeTypes.new_session_ticket];
  const bytes = message(handshakeTypes.new_session_ticket, pseudoRandomBytes(20_000, 7));

  it('joins a message from records of one byte in linear work, and memory that is bounded by it', () => {
    const joiner = new MessageJoiner();
    let joined: Uint8Array | undefined;
    const copied = countCopies(() => {
      for (const byte of bytes) {
        joiner.push(Uint8Array.of(byte));
        joined = joiner.next(expected)?.bytes ?? joined;
      }
    });
    expect(joined && hex(joined)).toBe(hex(bytes));
    expect(copied).toBeLessThan(4 * bytes.length);
    expect(joiner.isEmpty).toBe(true);
  });

  it('refuses type and length from the header, before the body is there', () => {
    const wrongType = new MessageJoiner();
    wrongType.push(Uint8Array.of(handshakeTypes.finished, 0, 0, 100));
    expect(() => wrongType.next(expected)).toThrow('finished came, not new_session_ticket');
    const tooLong = new MessageJoiner();
    tooLong.push(Uint8Array.of(handshakeTypes.new_session_ticket, 2, 1, 11));
    expect(() => tooLong.next(expected)).toThrow('at most 131338 are allowed');
  });

  it('says nothing before the header is whole', () => {
    const joiner = new MessageJoiner();
    joiner.push(Uint8Array.of(handshakeTypes.finished, 0, 0));
    expect(joiner.next(expected)).toBeUndefined();
    expect(joiner.isEmpty).toBe(false);
  });
});

function readAll(reader: RecordReader, bytes: Uint8Array, sizes: () => number): WireRecord[] {
  const records: WireRecord[] = [];
  const take = (): void => {
    for (let record = reader.next(); record; record = reader.next()) records.push(record);
  };
  for (let at = 0; at < bytes.length; ) {
    const size = sizes();
    reader.push(bytes.subarray(at, at + size));
    at += size;
    take();
  }
  take();
  return records;
}

/** Bytes that were copied with `set` meanwhile. */
function countCopies(run: () => void): number {
  let copied = 0;
  const { set } = Uint8Array.prototype;
  vi.spyOn(Uint8Array.prototype, 'set').mockImplementation(function (this: Uint8Array, source, offset) {
    copied += source.length;
    set.call(this, source, offset);
  });
  run();
  vi.restoreAllMocks();
  return copied;
}
