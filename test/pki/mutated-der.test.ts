import { rootCertificates } from 'node:tls';
import { describe, expect, test } from 'vitest';
import { parseCertificate } from '../../src/pki/certificate.ts';
import { RevocationList } from '../../src/pki/crl.ts';
import { keyUsages } from '../../src/pki/extensions.ts';
import { ascii, der, objectIdentifier, sequence } from '../support/der.ts';
import { mutations, survivors } from '../support/mutated-der.ts';
import { commonName, rawExtension } from '../support/raw-certificates.ts';

const oid = objectIdentifier;
const yes = der(0x01, Uint8Array.of(0xff));
const utf8 = (text: string): Uint8Array => der(0x0c, ascii(text));
const integer = (...bytes: readonly number[]): Uint8Array => der(0x02, Uint8Array.from(bytes));
const bits = (...bytes: readonly number[]): Uint8Array => der(0x03, Uint8Array.from(bytes));
const utcTime = (text: string): Uint8Array => der(0x17, ascii(text));
const algorithm = sequence(oid('1.2.840.113549.1.1.11'), der(0x05));
const signature = bits(0, 0x5a, 0xa5, 0x5a);

const otherName = der(
  0xa0,
  oid('1.3.6.1.4.1.311.20.2.3'),
  der(0xa0, sequence(utf8('user@example.org'), yes, bits(0, 1))),
);
const uri = der(0x86, ascii('http://crl.example.org/1.crl'));
const subject = sequence(
  der(0x31, sequence(oid('2.5.4.6'), der(0x13, ascii('CH')))),
  der(0x31, sequence(oid('2.5.4.10'), utf8('Example'))),
  der(0x31, sequence(oid('2.5.4.3'), utf8('A')), sequence(oid('2.5.4.5'), der(0x13, ascii('1')))),
);

const rsaKey = sequence(
  integer(0, 0xc1, ...Array.from({ length: 255 }, (_, index) => index)),
  integer(1, 0, 1),
);
const policy = sequence(
  oid('2.23.140.1.2.1'),
  sequence(sequence(oid('1.3.6.1.5.5.7.2.1'), der(0x16, ascii('https://example.org')))),
);

/** A certificate that has every field and extension that is read, each with all its parts. */
function certificate(
  parts: {
    readonly algorithm?: Uint8Array;
    readonly subject?: Uint8Array;
    readonly keyBits?: readonly Uint8Array[];
    readonly uniqueIdentifier?: Uint8Array;
    readonly extensions?: readonly Uint8Array[];
  } = {},
): Uint8Array {
  const extensions = [
    rawExtension('2.5.29.19', true, sequence(yes, integer(3))),
    rawExtension('2.5.29.15', true, bits(1, 0x86)),
    rawExtension('2.5.29.37', false, sequence(oid('1.3.6.1.5.5.7.3.1'), oid('1.3.6.1.5.5.7.3.2'))),
    rawExtension(
      '2.5.29.17',
      false,
      sequence(
        der(0x82, ascii('example.org')),
        der(0x87, Uint8Array.of(192, 0, 2, 1)),
        der(0x88, Uint8Array.of(0x2a, 3, 4)),
        der(0xa4, subject),
        otherName,
      ),
    ),
    rawExtension(
      '2.5.29.30',
      true,
      sequence(
        der(0xa0, sequence(der(0x82, ascii('example.org'))), sequence(der(0xa4, subject))),
        der(0xa1, sequence(der(0x87, Uint8Array.of(10, 0, 0, 0, 255, 0, 0, 0)))),
      ),
    ),
    rawExtension(
      '2.5.29.31',
      false,
      sequence(
        sequence(der(0xa0, der(0xa0, uri, der(0xa4, subject)))),
        sequence(
          der(0xa0, der(0xa1, sequence(oid('2.5.4.3'), utf8('relative')))),
          der(0x81, Uint8Array.of(1, 0x06)),
          der(0xa2, der(0xa4, subject)),
        ),
      ),
    ),
    rawExtension('2.5.29.32', false, sequence(policy)),
  ];
  const signed = sequence(
    der(0xa0, integer(2)),
    integer(0, 0xd1, 0x02),
    parts.algorithm ?? algorithm,
    commonName('Issuer'),
    sequence(utcTime('240101000000Z'), der(0x18, ascii('20500101000000Z'))),
    parts.subject ?? subject,
    sequence(
      sequence(oid('1.2.840.113549.1.1.1'), der(0x05)),
      der(0x03, Uint8Array.of(0), ...(parts.keyBits ?? [rsaKey])),
    ),
    parts.uniqueIdentifier ?? der(0x81, Uint8Array.of(4, 0xa0)),
    der(0xa3, sequence(...(parts.extensions ?? extensions))),
  );
  return sequence(signed, parts.algorithm ?? algorithm, signature);
}

/** A revocation list that has every field and extension that is read. */
function revocationList(
  ownAlgorithm: Uint8Array = algorithm,
  others: { readonly invalidity?: Uint8Array; readonly extension?: Uint8Array } = {},
): Uint8Array {
  const entryExtensions = [
    rawExtension('2.5.29.21', false, der(0x0a, Uint8Array.of(1))),
    rawExtension('2.5.29.24', false, others.invalidity ?? der(0x18, ascii('20260301000000Z'))),
  ];
  const authorityKey = sequence(der(0x80, Uint8Array.of(1, 2, 3)), der(0xa1, der(0xa4, subject)));
  const whole = [
    rawExtension('2.5.29.35', false, authorityKey),
    rawExtension('2.5.29.18', false, sequence(der(0xa4, subject))),
    rawExtension('2.5.29.46', false, sequence(sequence(der(0xa0, der(0xa0, uri))))),
  ];
  const extensions = [
    rawExtension('2.5.29.20', false, integer(1)),
    ...(others.extension === undefined ? whole : [others.extension]),
    rawExtension('2.5.29.28', true, sequence(der(0xa0, der(0xa0, uri)), der(0x81, Uint8Array.of(0xff)))),
  ];
  const signed = sequence(
    integer(1),
    ownAlgorithm,
    subject,
    utcTime('260501000000Z'),
    utcTime('260701000000Z'),
    sequence(sequence(integer(0, 0xd1), utcTime('260401000000Z'), sequence(...entryExtensions))),
    der(0xa0, sequence(...extensions)),
  );
  return sequence(signed, ownAlgorithm, signature);
}

const readList = (bytes: Uint8Array): RevocationList => new RevocationList(bytes);

describe('what DER forbids', () => {
  test('is refused in every field of a certificate, and the error names the place', () => {
    expect(parseCertificate(certificate()).unknownCritical).toEqual([]);
    const mutated = mutations(certificate());
    expect(mutated.length).toBeGreaterThan(400);
    expect(survivors(mutated, parseCertificate)).toEqual([]);
  });

  test('is refused in every field of a CRL, and the error names the place', () => {
    expect(readList(revocationList()).revocationOf(Uint8Array.of(0, 0xd1))?.reason).toBe('keyCompromise');
    const mutated = mutations(revocationList());
    expect(mutated.length).toBeGreaterThan(200);
    expect(survivors(mutated, readList)).toEqual([]);
  });

  test('is refused in a signature algorithm, though it be the same inside and outside', () => {
    for (const { what, bytes } of mutations(algorithm)) {
      expect(() => parseCertificate(certificate({ algorithm: bytes })), what).toThrow('is not valid DER');
      expect(() => readList(revocationList(bytes)), what).toThrow('is not valid DER');
    }
  });

  test.each([
    ['0x81', Uint8Array.of(4, 0xa8), 'unused bits set'],
    ['0x82', Uint8Array.of(8, 0xa0), 'impossible length'],
  ])('is refused in unique identifier %s', (tag, content, found) => {
    const uniqueIdentifier = der(Number(tag), content);
    expect(() => parseCertificate(certificate({ uniqueIdentifier }))).toThrow(found);
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
    expect(() => parseCertificate(certificate(parts))).toThrow('a certificate is not valid DER');
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
    expect(() => readList(revocationList(algorithm, parts))).toThrow('a CRL is not valid DER');
  });

  test('a string of several characters, and reasons of more than two bytes, are DER', () => {
    const text = der(0x3d, sequence(der(0x05)), der(0x04));
    expect(() => parseCertificate(certificate({ subject: attributeOf(text) }))).not.toThrow();
    const points = sequence(
      sequence(der(0xa0, der(0xa0, uri)), der(0x81, Uint8Array.of(0, 0x40, 0x80, 0x00))),
    );
    const extensions = [rawExtension('2.5.29.31', false, points)];
    expect(parseCertificate(certificate({ extensions })).crlDistributionPoints).toEqual([]);
  });

  test('values in values in values are refused before they fill the stack', () => {
    let value: Uint8Array = der(0x05);
    // Lengths grow by a byte or two per level.
    for (let depth = 0; depth < 2_000; depth++) value = der(0xa0, value);
    const names = rawExtension('2.5.29.17', false, sequence(value));
    expect(() => parseCertificate(certificate({ extensions: [names] }))).toThrow(
      /a certificate is not valid DER: values more than 16 deep at byte \d+/,
    );
  });
});

describe('what DER forbids and certificates in use have is read as what it says', () => {
  test('a default that is written out', () => {
    const no = der(0x01, Uint8Array.of(0));
    const extensions = [sequence(oid('2.5.29.19'), no, der(0x04, sequence(no)))];
    expect(parseCertificate(certificate({ extensions })).basicConstraints).toEqual({
      ca: false,
      pathLength: undefined,
    });
  });

  test('named bits with zeros behind the last one', () => {
    const extensions = [rawExtension('2.5.29.15', true, bits(0, 0x04, 0x00))];
    expect(parseCertificate(certificate({ extensions })).keyUsage).toBe(keyUsages.keyCertSign);
  });

  test('a set in another order', () => {
    const set = der(
      0x31,
      sequence(oid('2.5.4.5'), der(0x13, ascii('1'))),
      sequence(oid('2.5.4.3'), utf8('A')),
    );
    const extensions = [rawExtension('2.5.29.17', false, sequence(der(0xa4, sequence(set))))];
    expect(parseCertificate(certificate({ extensions })).subjectAltName).toEqual([
      { form: 'directoryName', relativeNames: [set] },
    ]);
  });

  test.each(rootCertificates.map((pem, index) => [index, pem] as const))('root %i of Node', (_, pem) => {
    const base64 = pem.replace(/-----[^-]+-----|\s/g, '');
    expect(parseCertificate(new Uint8Array(Buffer.from(base64, 'base64'))).der.length).toBeGreaterThan(0);
  });
});
