import { isIPv4, isIPv6 } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nameText } from '../../src/pki/distinguished-name.ts';
import { addressBytes } from '../../src/pki/names.ts';
import { ascii, der, objectIdentifier, sequence } from '../support/der.ts';
import { hex } from '../support/engine.ts';

describe('IP addresses', () => {
  test.each([
    ['192.0.2.7', 'c0000207'],
    ['0.0.0.0', '00000000'],
    ['::', '0'.repeat(32)],
    ['::1', `${'0'.repeat(31)}1`],
    ['2001:db8::7', '20010db8000000000000000000000007'],
    ['2001:DB8:0:0:1::', '20010db8000000000001000000000000'],
    ['::ffff:192.0.2.7', '00000000000000000000ffffc0000207'],
    ['fe80::1%eth0', 'fe800000000000000000000000000001'],
  ])('%s', (text, bytes) => {
    expect(hex(addressBytes(text) ?? new Uint8Array())).toBe(bytes);
  });

  test.each([
    ...[
      '',
      '1.2.3',
      '1.2.3.4.5',
      '01.2.3.4',
      '1.2.3.256',
      '1.2.3.4%eth0',
      '0x7f.1.1.1',
      '1.2.3.4.',
      ' 1.2.3.4',
    ],
    ...[
      ':',
      ':::',
      '1::2::3',
      '1:2:3:4:5:6:7',
      '1:2:3:4:5:6:7:8:9',
      '12345::',
      'g::',
      '::1.2.3',
      '1.2.3.4::',
    ],
    ...['fe80::1%', ':1:2:3:4:5:6:7', '1:2:3:4:5:6:7:', '::1:2:3:4:5:6:7:8'],
  ])('%j is none', (text) => {
    expect(addressBytes(text)).toBeUndefined();
  });

  test('are those that the system takes for some', () => {
    const part = fc.oneof(
      { weight: 6, arbitrary: fc.integer({ min: 0, max: 65_535 }).map((n) => n.toString(16)) },
      fc.constantFrom('', '', '1.2.3.4', '256', '00001', 'g', '01'),
    );
    const text = fc.oneof(
      fc.ipV4(),
      fc.ipV6(),
      fc.array(part, { minLength: 1, maxLength: 9 }).map((parts) => parts.join(':')),
      fc
        .array(fc.constantFrom('0', '1', '01', '255', '256', ''), { minLength: 3, maxLength: 5 })
        .map((parts) => parts.join('.')),
    );
    fc.assert(
      fc.property(text, (address) => {
        expect(addressBytes(address)?.length).toBe(isIPv4(address) ? 4 : isIPv6(address) ? 16 : undefined);
      }),
      { numRuns: 3_000, seed: 1 },
    );
  });
});

describe('names for people', () => {
  const attribute = (oid: string, tag: number, value: Uint8Array): Uint8Array =>
    sequence(objectIdentifier(oid), der(tag, value));
  const name = (...parts: readonly Uint8Array[]): string =>
    nameText(sequence(...parts.map((part) => der(0x31, part))));

  test('are their parts in order, by the names that people know', () => {
    expect(
      name(attribute('2.5.4.6', 0x13, ascii('DE')), attribute('2.5.4.3', 0x0c, ascii('example.org'))),
    ).toBe('C=DE, CN=example.org');
    expect(name(attribute('1.2.3.4', 0x0c, ascii('x')))).toBe('1.2.3.4=x');
    const both = der(0x31, attribute('2.5.4.3', 0x0c, ascii('a')), attribute('2.5.4.10', 0x0c, ascii('b')));
    expect(nameText(sequence(both))).toBe('CN=a + O=b');
  });

  test('may be in any string type', () => {
    expect(name(attribute('2.5.4.3', 0x1e, new Uint8Array([0x20, 0xac])))).toBe('CN=€');
    expect(name(attribute('2.5.4.3', 0x1c, new Uint8Array([0, 1, 0xf6, 0])))).toBe('CN=😀');
    expect(name(attribute('2.5.4.3', 0x14, new Uint8Array([0xe9])))).toBe('CN=é');
    expect(name(attribute('2.5.4.3', 0x0c, new Uint8Array([0xff])))).toBe('CN=\ufffd');
  });

  test('write nothing into a log that is not there to be read, and not without end', () => {
    expect(name(attribute('2.5.4.3', 0x0c, new TextEncoder().encode('a\nb\u202e\u001b[2Jc')))).toBe(
      'CN=a?b??[2Jc',
    );
    expect(name(attribute('2.5.4.3', 0x0c, new Uint8Array(5_000).fill(97))).length).toBe(201);
  });

  test('that are none, or empty, are told so', () => {
    expect(nameText(new Uint8Array([1, 2, 3]))).toBe('unreadable');
    expect(nameText(sequence(sequence()))).toBe('unreadable');
    expect(nameText(sequence())).toBe('no name');
  });
});
