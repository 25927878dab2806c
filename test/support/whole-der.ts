import { ascii, der, objectIdentifier, sequence } from './der.ts';
import { responseOf } from './ocsp.ts';
import { commonName, rawExtension } from './raw-certificates.ts';

const oid = objectIdentifier;
const yes = der(0x01, Uint8Array.of(0xff));
const utf8 = (text: string): Uint8Array => der(0x0c, ascii(text));
const integer = (...bytes: readonly number[]): Uint8Array => der(0x02, Uint8Array.from(bytes));
const bits = (...bytes: readonly number[]): Uint8Array => der(0x03, Uint8Array.from(bytes));
const utcTime = (text: string): Uint8Array => der(0x17, ascii(text));
/** sha256WithRSAEncryption. */
export const algorithm: Uint8Array = sequence(oid('1.2.840.113549.1.1.11'), der(0x05));
const signature = bits(0, 0x5a, 0xa5, 0x5a);

const otherName = der(
  0xa0,
  oid('1.3.6.1.4.1.311.20.2.3'),
  der(0xa0, sequence(utf8('user@example.org'), yes, bits(0, 1))),
);
export const uri: Uint8Array = der(0x86, ascii('http://crl.example.org/1.crl'));
const subject = sequence(
  der(0x31, sequence(oid('2.5.4.6'), der(0x13, ascii('CH')))),
  der(0x31, sequence(oid('2.5.4.10'), utf8('Example'))),
  der(0x31, sequence(oid('2.5.4.3'), utf8('A')), sequence(oid('2.5.4.5'), der(0x13, ascii('1')))),
);

export const rsaKey: Uint8Array = sequence(
  integer(0, 0xc1, ...Array.from({ length: 255 }, (_, index) => index)),
  integer(1, 0, 1),
);
const policy = sequence(
  oid('2.23.140.1.2.1'),
  sequence(sequence(oid('1.3.6.1.5.5.7.2.1'), der(0x16, ascii('https://example.org')))),
);

/** A certificate that has every field and extension that is read, each with all its parts. Nobody signed it. */
export function wholeCertificate(
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

/** A revocation list that has every field and extension that is read. Nobody signed it. */
export function wholeRevocationList(
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

export const time = (text: string): Uint8Array => der(0x18, ascii(text));
export const hash: Uint8Array = der(0x04, new Uint8Array(20).fill(0xa5));
// Raw bytes, as those of many responders: nobody looks into it.
const nonce = rawExtension('1.3.6.1.5.5.7.48.1.2', false, Uint8Array.of(1));
export const responseExtensions: Uint8Array = der(0xa1, sequence(nonce));
export const responders: Readonly<Record<'byName' | 'byKey', Uint8Array>> = {
  byName: der(0xa1, commonName('Responder')),
  byKey: der(0xa2, hash),
};
const id = sequence(
  sequence(objectIdentifier('1.3.14.3.2.26'), der(0x05)),
  hash,
  hash,
  der(0x02, Uint8Array.of(0, 0xd1)),
);
export const statuses: Readonly<Record<'good' | 'revoked' | 'unknown', Uint8Array>> = {
  good: der(0x80),
  revoked: der(0xa1, time('20260401000000Z'), der(0xa0, der(0x0a, Uint8Array.of(1)))),
  unknown: der(0x82),
};

export interface ResponseParts {
  readonly version?: Uint8Array;
  readonly responder?: Uint8Array;
  readonly status?: Uint8Array;
  readonly thisUpdate?: Uint8Array;
  readonly rest?: readonly Uint8Array[];
  readonly algorithm?: Uint8Array;
}

/** A response that has every field that is read, each with all its parts. Nobody signed it. */
export function wholeResponse(parts: ResponseParts = {}): Uint8Array {
  const { status = statuses.revoked, thisUpdate = time('20260501000000Z') } = parts;
  const one = sequence(id, status, thisUpdate, der(0xa0, time('20260701000000Z')), responseExtensions);
  const two = sequence(id, statuses.good, thisUpdate);
  const signed = sequence(
    ...(parts.version === undefined ? [] : [parts.version]),
    parts.responder ?? responders.byName,
    time('20260501000000Z'),
    sequence(one, two),
    responseExtensions,
    ...(parts.rest ?? []),
  );
  const certificate = sequence();
  return responseOf(
    sequence(signed, parts.algorithm ?? algorithm, bits(0, 0x5a), der(0xa0, sequence(certificate))),
  );
}
