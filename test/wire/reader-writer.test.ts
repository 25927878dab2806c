import { describe, expect, it } from 'vitest';
import { TlsPeerError, TlsUsageError } from '../../src/base/errors.ts';
import { Reader } from '../../src/wire/reader.ts';
import { Writer } from '../../src/wire/writer.ts';
import { fromHex } from '../support/hex.ts';
import { ownArray } from '../support/own-array.ts';

function read<Value>(hex: string, take: (reader: Reader) => Value): Value {
  const reader = new Reader(fromHex(hex), 'thing');
  const value = take(reader);
  reader.end();
  return value;
}

const decodeError = expect.objectContaining({ alert: 'decode_error', direction: 'sent' });

describe('Reader', () => {
  it.each([
    ['uint8', 'ff', (reader: Reader) => reader.uint8(), 0xff],
    ['uint16', 'fffe', (reader: Reader) => reader.uint16(), 0xfffe],
    ['uint24', 'fffefd', (reader: Reader) => reader.uint24(), 0xfffefd],
    // Bit operations would give a negative number.
    ['uint32', 'fffefdfc', (reader: Reader) => reader.uint32(), 0xfffefdfc],
  ])('reads a %s', (_, hex, take, value) => {
    expect(read(hex, take)).toBe(value);
  });

  it.each([
    ['uint8', '', (reader: Reader) => reader.uint8()],
    ['uint16', 'ff', (reader: Reader) => reader.uint16()],
    ['uint24', 'ffff', (reader: Reader) => reader.uint24()],
    ['uint32', 'ffffff', (reader: Reader) => reader.uint32()],
    ['bytes', 'ffff', (reader: Reader) => reader.bytes(3)],
    ['vector', '03aabb', (reader: Reader) => reader.vector(1, 0)],
    ['list', '0003aabb', (reader: Reader) => reader.list(2, 0)],
    ['length field', '00', (reader: Reader) => reader.vector(2, 0)],
    ['uint16 list', '0003aabbcc', (reader: Reader) => reader.uint16List(2, 2)],
  ])('refuses a %s that ends early with decode_error', (_, hex, take) => {
    expect(() => take(new Reader(fromHex(hex), 'thing'))).toThrow(decodeError);
  });

  it('refuses what is left over with decode_error', () => {
    expect(() => read('aabb', (reader) => reader.uint8())).toThrow(decodeError);
  });

  it('refuses vectors shorter or longer than their bounds with decode_error', () => {
    const take = (reader: Reader): Uint8Array => reader.vector(1, 2, 3);
    expect(() => read('01aa', take)).toThrow(decodeError);
    expect(read('02aabb', take)).toEqual(fromHex('aabb'));
    expect(read('03aabbcc', take)).toEqual(fromHex('aabbcc'));
    expect(() => read('04aabbccdd', take)).toThrow(decodeError);
  });

  it('names the structure in the error, and none of its content', () => {
    const take = (): unknown => new Reader(fromHex('05736563726574'), 'CertificateVerify').vector(1, 0, 4);
    expect(take).toThrow(/^CertificateVerify has a vector of 5 bytes, not 0 to 4$/);
    expect(take).toThrow(TlsPeerError);
  });

  it('stays where it is when a read fails', () => {
    const reader = new Reader(fromHex('aabb'), 'thing');
    expect(() => reader.uint32()).toThrow(decodeError);
    expect(reader.uint16()).toBe(0xaabb);
  });

  it('reads a Buffer that is a slice of a larger one', () => {
    const bytes = Buffer.from('00112233', 'hex').subarray(1, 3);
    const reader = new Reader(bytes, 'thing');
    expect(reader.uint16()).toBe(0x1122);
    expect(reader.remaining).toBe(0);
  });
});

describe('Writer', () => {
  it('writes numbers of every width, the highest too', () => {
    const writer = new Writer().uint8(0xff).uint16(0xfffe).uint24(0xfffefd).uint32(0xfffefdfc);
    expect(writer.finish()).toEqual(fromHex('ff fffe fffefd fffefdfc'));
  });

  it('writes a length in front of what a callback writes, nested', () => {
    const writer = new Writer().vector(2, (outer) => outer.vector(1, fromHex('aabb')).uint16List(1, [1, 2]));
    expect(writer.finish()).toEqual(fromHex('0008 02aabb 0400010002'));
  });

  it('grows past its first buffer', () => {
    const large = new Uint8Array(100_000).fill(7);
    const bytes = new Writer().uint8(1).vector(3, large).uint8(2).finish();
    expect(bytes.length).toBe(100_005);
    expect(bytes.subarray(0, 5)).toEqual(fromHex('01 0186a0 07'));
    expect(bytes.at(-1)).toBe(2);
  });

  it.each([
    [1, 256],
    [2, 65_536],
    [3, 2 ** 24],
  ] as const)(
    'throws TlsUsageError where content does not fit a length field of %i bytes',
    (width, length) => {
      expect(() => new Writer().vector(width, new Uint8Array(length))).toThrow(TlsUsageError);
    },
  );

  it('gives an array of its own', () => {
    expect(ownArray(new Writer().uint8(1).finish())).toBe(true);
  });
});
