import { rootCertificates } from 'node:tls';
import { describe, expect, test } from 'vitest';
import { parseCertificate } from '../../src/pki/certificate.ts';
import { RevocationList } from '../../src/pki/crl.ts';
import { keyUsages } from '../../src/pki/extensions.ts';
import { ascii, der, objectIdentifier, sequence } from '../support/der.ts';
import { mutations, survivors } from '../support/mutated-der.ts';
import { rawExtension } from '../support/raw-certificates.ts';
import { algorithm, rsaKey, uri, wholeCertificate, wholeRevocationList } from '../support/whole-der.ts';

const oid = objectIdentifier;
const utf8 = (text: string): Uint8Array => der(0x0c, ascii(text));
const integer = (...bytes: readonly number[]): Uint8Array => der(0x02, Uint8Array.from(bytes));
const bits = (...bytes: readonly number[]): Uint8Array => der(0x03, Uint8Array.from(bytes));
const utcTime = (text: string): Uint8Array => der(0x17, ascii(text));

const readList = (bytes: Uint8Array): RevocationList => new RevocationList(bytes);

describe('what DER forbids', () => {
  test('is refused in every field of a certificate, and the error names the place', () => {
    expect(parseCertificate(wholeCertificate()).unknownCritical).toEqual([]);
    const mutated = mutations(wholeCertificate());
    expect(mutated.length).toBeGreaterThan(400);
    expect(survivors(mutated, parseCertificate)).toEqual([]);
  });

  test('is refused in every field of a CRL, and the error names the place', () => {
    expect(readList(wholeRevocationList()).revocationOf(Uint8Array.of(0, 0xd1))?.reason).toBe(
      'keyCompromise',
    );
    const mutated = mutations(wholeRevocationList());
    expect(mutated.length).toBeGreaterThan(200);
    expect(survivors(mutated, readList)).toEqual([]);
  });

  test('is refused in a signature algorithm, though it be the same inside and outside', () => {
    for (const { what, bytes } of mutations(algorithm)) {
      expect(() => parseCertificate(wholeCertificate({ algorithm: bytes })), what).toThrow(
        'is not valid DER',
      );
      expect(() => readList(wholeRevocationList(bytes)), what).toThrow('is not valid DER');
    }
  });

  test.each([
    ['0x81', Uint8Array.of(4, 0xa8), 'unused bits set'],
    ['0x82', Uint8Array.of(8, 0xa0), 'impossible length'],
  ])('is refused in unique identifier %s', (tag, content, found) => {
    const uniqueIdentifier = der(Number(tag), content);
    expect(() => parseCertificate(wholeCertificate({ uniqueIdentifier }))).toThrow(found);
  });

  const attributeOf = (...value: readonly Uint8Array[]): Uint8Array =>
    sequence(der(0x31, sequence(oid('2.5.4.3'), ...value)));
  const subtree = (...rest: readonly Uint8Array[]): Uint8Array =>
    rawExtension('2.5.29.30', true, sequence(der(0xa0, sequence(der(0x82, ascii('a')), ...rest))));

  test.each([
    ['a subject of no sets', { subject: sequence(der(0x05)) }],
    ['an empty set', { subject: sequence(der(0x31)) }],
    ['a set of no attributes', { subject: sequence(der(0x31, der(0x05))) }],
    ['an attribute without a value', { subject: attributeOf() }],
    ['an attribute of two values', { subject: attributeOf(utf8('a'), utf8('b')) }],
    ['an end of contents', { subject: attributeOf(der(0x00)) }],
    ['a reserved type', { subject: attributeOf(der(0x0f)) }],
    ['a relative identifier that is padded', { subject: attributeOf(der(0x0d, Uint8Array.of(0x80, 1))) }],
    ['a character string in one piece', { subject: attributeOf(der(0x1d)) }],
    ['an RSA key of nothing', { keyBits: [] }],
    ['an RSA key with something behind', { keyBits: [rsaKey, der(0x05)] }],
    ['an RSA key of three numbers', { keyBits: [sequence(integer(3), integer(3), integer(3))] }],
    ['an algorithm with two parameters', { algorithm: sequence(oid('1.2.3'), der(0x05), der(0x05)) }],
    ['a distance that is padded', { extensions: [subtree(der(0x81, Uint8Array.of(0, 1)))] }],
    ['a subtree with something behind', { extensions: [subtree(der(0x05))] }],
  ])('nor does a certificate have %s', (_, parts) => {
    expect(() => parseCertificate(wholeCertificate(parts))).toThrow('a certificate is not valid DER');
  });

  test.each([
    ['a day without a century', { invalidity: utcTime('260301000000Z') }],
    [
      'the number of an authority, padded',
      { extension: rawExtension('2.5.29.35', false, sequence(der(0x82, Uint8Array.of(0, 1)))) },
    ],
    [
      'another name of its issuer, padded',
      { extension: rawExtension('2.5.29.18', false, sequence(der(0x88, Uint8Array.of(0x2a, 0x80, 1)))) },
    ],
    [
      'reasons with too many unused bits',
      { extension: rawExtension('2.5.29.46', false, sequence(sequence(der(0x81, Uint8Array.of(9, 0xff))))) },
    ],
  ])('nor does a CRL have %s', (_, parts) => {
    expect(() => readList(wholeRevocationList(algorithm, parts))).toThrow('a CRL is not valid DER');
  });

  test('a string of several characters, and reasons of more than two bytes, are DER', () => {
    const text = der(0x3d, sequence(der(0x05)), der(0x04));
    expect(() => parseCertificate(wholeCertificate({ subject: attributeOf(text) }))).not.toThrow();
    const points = sequence(
      sequence(der(0xa0, der(0xa0, uri)), der(0x81, Uint8Array.of(0, 0x40, 0x80, 0x00))),
    );
    const extensions = [rawExtension('2.5.29.31', false, points)];
    expect(parseCertificate(wholeCertificate({ extensions })).crlDistributionPoints).toEqual([]);
  });

  test('values in values in values are refused before they fill the stack', () => {
    let value: Uint8Array = der(0x05);
    // Lengths grow by a byte or two per level.
    for (let depth = 0; depth < 2_000; depth++) value = der(0xa0, value);
    const names = rawExtension('2.5.29.17', false, sequence(value));
    expect(() => parseCertificate(wholeCertificate({ extensions: [names] }))).toThrow(
      /a certificate is not valid DER: values more than 16 deep at byte \d+/,
    );
  });
});

describe('what DER forbids and certificates in use have is read as what it says', () => {
  test('a default that is written out', () => {
    const no = der(0x01, Uint8Array.of(0));
    const extensions = [sequence(oid('2.5.29.19'), no, der(0x04, sequence(no)))];
    expect(parseCertificate(wholeCertificate({ extensions })).basicConstraints).toEqual({
      ca: false,
      pathLength: undefined,
    });
  });

  test('named bits with zeros behind the last one', () => {
    const extensions = [rawExtension('2.5.29.15', true, bits(0, 0x04, 0x00))];
    expect(parseCertificate(wholeCertificate({ extensions })).keyUsage).toBe(keyUsages.keyCertSign);
  });

  test('a set in another order', () => {
    const set = der(
      0x31,
      sequence(oid('2.5.4.5'), der(0x13, ascii('1'))),
      sequence(oid('2.5.4.3'), utf8('A')),
    );
    const extensions = [rawExtension('2.5.29.17', false, sequence(der(0xa4, sequence(set))))];
    expect(parseCertificate(wholeCertificate({ extensions })).subjectAltName).toEqual([
      { form: 'directoryName', relativeNames: [set] },
    ]);
  });

  test.each(rootCertificates.map((pem, index) => [index, pem] as const))('root %i of Node', (_, pem) => {
    const base64 = pem.replace(/-----[^-]+-----|\s/g, '');
    expect(parseCertificate(new Uint8Array(Buffer.from(base64, 'base64'))).der.length).toBeGreaterThan(0);
  });
});
