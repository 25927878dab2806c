import { type KeyObject, sign } from 'node:crypto';
import { type SignatureOverride, signatures, type TestCertificate, toPem } from './certificates.ts';
import { children, der, objectIdentifier, sequence } from './der.ts';

/** What a test list says. What is left out is as a well-made list has it. */
export interface CrlOptions {
  readonly revoked?: readonly (TestCertificate | Revoked | RevokedNumber)[];
  readonly thisUpdate?: Date;
  /** `absent` leaves it out. */
  readonly nextUpdate?: Date | 'absent';
  /** DER extensions beside cRLNumber. */
  readonly extensions?: readonly Uint8Array[];
  readonly withoutNumber?: boolean;
  readonly signature?: SignatureOverride;
}

export interface Revoked {
  readonly certificate: TestCertificate;
  readonly extensions: readonly Uint8Array[];
}

export interface RevokedNumber {
  /** Contents of the INTEGER. */
  readonly serialNumber: Uint8Array;
  readonly extensions: readonly Uint8Array[];
}

/** Who signs a list, where there is no certificate to take it from. */
export interface CrlIssuer {
  /** DER. */
  readonly name: Uint8Array;
  readonly key: KeyObject;
}

/** A revocation list that `issuer` has signed. */
export function makeCrl(issuer: TestCertificate | CrlIssuer, options: CrlOptions = {}): Uint8Array {
  const { thisUpdate = new Date('2026-05-01T00:00:00Z'), nextUpdate = new Date('2026-07-01T00:00:00Z') } =
    options;
  const { revoked = [], extensions = [], signature = signatures.ecdsaWithSha256 } = options;
  const number = crlExtension('2.5.29.20', false, der(0x02, Uint8Array.of(1)));
  const all = [...(options.withoutNumber ? [] : [number]), ...extensions];
  const entries = revoked.map((one) =>
    'extensions' in one ? entry(one) : entry({ certificate: one, extensions: [] }),
  );
  const signed = sequence(
    der(0x02, Uint8Array.of(1)),
    signature.algorithm,
    'name' in issuer ? issuer.name : field(issuer, 5),
    utcTime(thisUpdate),
    ...(nextUpdate === 'absent' ? [] : [utcTime(nextUpdate)]),
    ...(entries.length > 0 ? [sequence(...entries)] : []),
    ...(all.length > 0 ? [der(0xa0, sequence(...all))] : []),
  );
  const bits = der(0x03, Uint8Array.of(0), sign(signature.hash, signed, issuer.key));
  return sequence(signed, signature.algorithm, bits);
}

export function crlExtension(oid: string, isCritical: boolean, value: Uint8Array): Uint8Array {
  const critical = isCritical ? [der(0x01, Uint8Array.of(0xff))] : [];
  return sequence(objectIdentifier(oid), ...critical, der(0x04, value));
}

/** issuingDistributionPoint with these fields. */
export function issuingDistributionPoint(...fields: readonly Uint8Array[]): Uint8Array {
  return crlExtension('2.5.29.28', true, sequence(...fields));
}

/** reasonCode. */
export function reason(code: number): Uint8Array {
  return crlExtension('2.5.29.21', false, der(0x0a, Uint8Array.of(code)));
}

export function crlPem(list: Uint8Array): string {
  return toPem('X509 CRL', list);
}

function entry(revoked: Revoked | RevokedNumber): Uint8Array {
  const { extensions } = revoked;
  const number = 'certificate' in revoked ? field(revoked.certificate, 1) : der(0x02, revoked.serialNumber);
  const date = utcTime(new Date('2026-04-01T00:00:00Z'));
  return sequence(number, date, ...(extensions.length > 0 ? [sequence(...extensions)] : []));
}

/** A field of what is signed in a certificate: 1 its serial number, 5 its subject, 6 its key. */
export function field(certificate: TestCertificate, place: number): Uint8Array {
  const fields = children(children(certificate.der)[0]!);
  // Version 1 is not written down.
  return fields[fields[0]![0] === 0xa0 ? place : place - 1]!;
}

function utcTime(date: Date): Uint8Array {
  const text = date.toISOString().replace(/[-:T]/g, '').slice(2, 14);
  return der(0x17, new TextEncoder().encode(`${text}Z`));
}
