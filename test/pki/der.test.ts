import { describe, expect, test } from 'vitest';
import { TlsCertificateError } from '../../src/base/errors.ts';
import { DerReader, tags } from '../../src/pki/der.ts';
import {
  integer,
  namedBits,
  objectIdentifier,
  optionalBoolean,
  smallInteger,
  time,
  wholeBytes,
} from '../../src/pki/values.ts';
import { ascii, der, objectIdentifier as encoded } from '../support/der.ts';
import { fromHex } from '../support/hex.ts';

function reader(hex: string): DerReader {
  return new DerReader(fromHex(hex));
}

function refused(run: () => unknown, found: string, byte: number): void {
  expect(run).toThrow(TlsCertificateError);
  expect(run).toThrow(`${found} at byte ${byte}`);
}

describe('elements', () => {
  test('are read one after the other, inside one another, and each knows where it is', () => {
    const outer = reader('3007 020105 3002 0500');
    const list = outer.enter(tags.sequence);
    expect(list.next(tags.integer)).toMatchObject({ tag: 2, offset: 2 });
    expect(list.position).toBe(5);
    const inner = list.enter(tags.sequence);
    expect(inner.next(tags.null).offset).toBe(7);
    inner.end('the inner list');
    list.end('the list');
    outer.end('all of it');
    expect(outer.atEnd).toBe(true);
  });

  test.each([
    ['30', 'an early end', 1],
    ['3080 0000', 'an indefinite or oversized length', 1],
    ['30 81 05 0000000000', 'a length that is not minimal', 1],
    ['30 82 0080 00', 'a length that is not minimal', 1],
    ['30 85 0000000001 00', 'an indefinite or oversized length', 1],
    ['30 03 0000', 'an element that ends early', 0],
    ['1f 20 00', 'a tag of several bytes', 0],
  ])('that are not DER: %s', (hex, found, byte) => {
    refused(() => reader(hex).next(), found, byte);
  });

  test('of another type are refused where they begin, also deep inside', () => {
    refused(
      () => reader('3004 3002 0201').enter(0x30).enter(0x30).next(tags.octetString),
      'tag 0x02, not 0x04',
      4,
    );
  });

  test('with values behind the last one are refused', () => {
    const list = reader('3003 020100').enter(tags.sequence);
    expect(() => list.end('a list')).toThrow('a list has values behind its last one at byte 2');
  });

  test('of something else than a certificate are told as that', () => {
    expect(() => new DerReader(new Uint8Array(0), 'a CRL').next()).toThrow('a CRL is not valid DER');
  });
});

describe('values', () => {
  test.each([
    ['0201 00', 0],
    ['0201 7f', 127],
    ['0202 0080', 128],
    ['0205 7fffffffff', 2 ** 31],
  ])('INTEGER %s', (hex, value) => {
    expect(smallInteger(reader(hex))).toBe(value);
  });

  test.each([
    ['0200', 'an INTEGER without a value'],
    ['0202 0001', 'an INTEGER that is padded'],
    ['0202 ff80', 'an INTEGER that is padded'],
    ['0201 80', 'an INTEGER that is negative'],
  ])('INTEGER %s is refused', (hex, found) => {
    refused(() => smallInteger(reader(hex)), found, 0);
  });

  test('a negative INTEGER is one, where any will do', () => {
    expect(integer(reader('0201 80'))).toEqual(new Uint8Array([0x80]));
  });

  test('BOOLEAN is 00 or FF, and false where it is absent', () => {
    expect([optionalBoolean(reader('0101ff')), optionalBoolean(reader('010100'))]).toEqual([true, false]);
    expect(optionalBoolean(reader('0500'))).toBe(false);
    refused(() => optionalBoolean(reader('010101')), 'a BOOLEAN of another value than 00 and FF', 0);
    refused(() => optionalBoolean(reader('0102ffff')), 'a BOOLEAN of another value than 00 and FF', 0);
  });

  test.each([
    ['0603 550403', '2.5.4.3'],
    ['0601 27', '0.39'],
    ['0601 77', '2.39'],
    ['0603 883703', '2.999.3'],
    ['0607 55feffffffff7f', '2.5.4363686772735'],
    ['060a 55ffffffffffffffff7f', '2.5.9223372036854775807'],
    ['0609 ffffffffffffffff7f', '2.9223372036854775727'],
  ])('OBJECT IDENTIFIER %s', (hex, dotted) => {
    expect(objectIdentifier(reader(hex))).toBe(dotted);
  });

  test('an OBJECT IDENTIFIER reads the same whether it is a common one or not', () => {
    const families = [
      '2.5.4',
      '2.5.29',
      '2.23.140.1.2',
      '1.3.6.1.5.5.7.1',
      '1.3.6.1.5.5.7.3',
      '1.3.6.1.4.1.11129.2.4',
    ];
    families.push('1.2.840.113549.1.1', '1.2.840.10045.2', '1.3.101');
    const all = families.flatMap((family) => Array.from({ length: 256 }, (_, last) => `${family}.${last}`));
    expect(all.map((dotted) => objectIdentifier(new DerReader(encoded(dotted))))).toEqual(all);
  });

  test.each([
    ['0600', 'of impossible length'],
    ['0603 558001', 'with a padded arc'],
    ['0602 5583', 'that ends inside an arc'],
    [`0641${'55'.repeat(65)}`, 'of impossible length'],
  ])('OBJECT IDENTIFIER %s is refused', (hex, found) => {
    refused(() => objectIdentifier(reader(hex)), `an object identifier ${found}`, 0);
  });

  test('BIT STRING: whole bytes, or named bits', () => {
    expect(wholeBytes(reader('0303 00abcd'))).toEqual(fromHex('abcd'));
    refused(() => wholeBytes(reader('0302 0180')), 'a BIT STRING that is not whole bytes', 0);
    refused(() => wholeBytes(reader('0300')), 'a BIT STRING that is not whole bytes', 0);
    expect(namedBits(reader('0302 05a0'))).toBe(0b101);
    expect(namedBits(reader('0303 07a080'))).toBe(0b1_0000_0101);
    refused(() => namedBits(reader('0304 07a00080')), 'a BIT STRING of impossible length', 0);
    refused(() => namedBits(reader('0302 05a1')), 'a BIT STRING with unused bits set', 0);
    refused(() => namedBits(reader('0302 08a0')), 'a BIT STRING of impossible length', 0);
    refused(() => namedBits(reader('0301 01')), 'a BIT STRING of impossible length', 0);
  });

  const read = (tag: number, text: string): number => time(new DerReader(der(tag, ascii(text))));

  test('times are UTC to the second, in the right century', () => {
    expect(read(tags.utcTime, '491231235959Z')).toBe(Date.UTC(2049, 11, 31, 23, 59, 59));
    expect(read(tags.utcTime, '500101000000Z')).toBe(Date.UTC(1950, 0, 1));
    expect(read(tags.generalizedTime, '20240229120000Z')).toBe(Date.UTC(2024, 1, 29, 12));
    expect(new Date(read(tags.generalizedTime, '00010101000000Z')).getUTCFullYear()).toBe(1);
  });

  test('there are the days that the calendar has', () => {
    const digits = (number: number, width = 2): string => String(number).padStart(width, '0');
    const timeOf = (text: string): number | string => {
      try {
        return read(tags.generalizedTime, text);
      } catch {
        return 'none';
      }
    };
    const wrong: string[] = [];
    for (const year of [0, 1, 4, 99, 100, 1900, 2000, 2023, 2024, 2100, 9999]) {
      for (let month = 0; month <= 13; month++) {
        for (let day = 0; day <= 32; day++) {
          const text = `${digits(year, 4)}-${digits(month)}-${digits(day)}T23:59:59.000Z`;
          const parsed = new Date(text);
          const exists = !Number.isNaN(parsed.getTime()) && parsed.toISOString() === text;
          const asn1 = `${digits(year, 4)}${digits(month)}${digits(day)}235959Z`;
          if (timeOf(asn1) !== (exists ? parsed.getTime() : 'none')) wrong.push(asn1);
        }
      }
    }
    expect(wrong).toEqual([]);
  });

  test.each([
    [tags.utcTime, '2401010000Z'],
    [tags.utcTime, '240101000000+0000'],
    [tags.utcTime, '240101000000z'],
    [tags.generalizedTime, '20240101000000.5Z'],
    [tags.generalizedTime, '20240101000000'],
    [tags.generalizedTime, '20230229000000Z'],
    [tags.generalizedTime, '20240101240000Z'],
    [tags.generalizedTime, '20240101000060Z'],
    [tags.generalizedTime, '20241301000000Z'],
    [tags.octetString, '20240101000000Z'],
  ])('time 0x%i %s is refused', (tag, text) => {
    expect(() => read(tag, text)).toThrow(/a time .* at byte 0/);
  });
});
