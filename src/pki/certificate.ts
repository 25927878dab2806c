import { equalBytes } from '../base/bytes.ts';
import type { CertificatePlace } from '../base/errors.ts';
import { constructed, DerReader, implicit, tags } from './der.ts';
import { nameText } from './distinguished-name.ts';
import { type CertificateExtensions, parseExtensions } from './extensions.ts';
import { checkRelativeNames, relativeNames } from './general-names.ts';
import { checkAlgorithm, checkParameters } from './unread.ts';
import {
  checkBitString,
  checkInteger,
  checkWholeBytes,
  integer,
  objectIdentifier,
  smallInteger,
  time,
  wholeBytes,
} from './values.ts';

/**
 * A certificate of version 3 (RFC 5280 §4.1). DER names are whole elements; two names are the same name if their bytes
 * are equal. All arrays are views into `der`.
 */
export interface Certificate extends CertificateExtensions {
  readonly der: Uint8Array;
  /** What is signed. */
  readonly toBeSigned: Uint8Array;
  /** The contents of the INTEGER. */
  readonly serialNumber: Uint8Array;
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  /** Its DER RelativeDistinguishedNames. */
  readonly subjectNames: readonly Uint8Array[];
  /** Milliseconds since 1970. */
  readonly notBefore: number;
  /** Milliseconds since 1970, the whole second included. */
  readonly notAfter: number;
  /** The DER AlgorithmIdentifier that the issuer signed under. */
  readonly signatureAlgorithm: Uint8Array;
  readonly signature: Uint8Array;
  /** DER SubjectPublicKeyInfo. */
  readonly subjectPublicKeyInfo: Uint8Array;
}

/** rsaEncryption and id-RSASSA-PSS, whose keys are RSAPublicKeys in DER (RFC 4055 §1.2). */
const rsa: ReadonlySet<string> = new Set(['1.2.840.113549.1.1.1', '1.2.840.113549.1.1.10']);

/**
 * Parses all of a certificate, or none.
 * @param der exactly one certificate; kept, so that it must not change
 * @throws TlsCertificateError (`malformed`) that names the byte
 */
export function parseCertificate(der: Uint8Array): Certificate {
  const whole = new DerReader(der);
  const outer = whole.enter(tags.sequence);
  whole.end('a certificate');
  const signed = outer.next(tags.sequence);
  const algorithm = outer.next(tags.sequence);
  const signature = wholeBytes(outer);
  outer.end('a certificate');

  const fields = outer.inside(signed);
  const { position } = fields;
  const version = fields.nextIs(constructed(0)) ? parseVersion(fields) : 1;
  if (version !== 3) throw fields.errorAt(`a certificate of version ${version}, not 3`, position);
  const serialNumber = integer(fields);
  const inner = fields.next(tags.sequence);
  checkAlgorithm(fields.inside(inner));
  checkAlgorithm(fields.inside(algorithm));
  if (!inner.equals(algorithm))
    throw fields.errorAt('another signature algorithm outside than inside', algorithm.offset);
  const issuer = fields.next(tags.sequence);
  checkRelativeNames(fields.inside(issuer));
  // Whoever signs has a name (RFC 5280 §4.1.2.4): nameless authorities would all be one another's issuers.
  if (issuer.contentLength === 0) throw fields.errorAt('an issuer without a name', issuer.offset);
  const validity = fields.enter(tags.sequence);
  const notBefore = time(validity);
  const notAfter = time(validity);
  validity.end('the validity');
  const subject = fields.next(tags.sequence);
  const subjectNames = relativeNames(fields.inside(subject));
  const subjectPublicKeyInfo = fields.next(tags.sequence);
  const key = fields.inside(subjectPublicKeyInfo);
  const keyAlgorithm = key.enter(tags.sequence);
  const isRsa = rsa.has(objectIdentifier(keyAlgorithm));
  checkParameters(keyAlgorithm);
  checkWholeBytes(key, key.read(tags.bitString));
  // The other keys that are of use are points.
  if (isRsa) checkRsaKey(key.contents(1));
  key.end('the public key');
  for (const uniqueIdentifier of [implicit(1), implicit(2)]) {
    const bits = fields.optional(uniqueIdentifier);
    if (bits !== undefined) checkBitString(fields, bits);
  }
  const extensions = fields.enter(constructed(3));
  const list = extensions.enter(tags.sequence);
  extensions.end('the extensions');
  fields.end('the signed part of a certificate');
  // Spread out by hand: `...` takes longer than all of the names above.
  const known = parseExtensions(list);
  return {
    der,
    toBeSigned: signed.bytes,
    serialNumber,
    issuer: issuer.bytes,
    subject: subject.bytes,
    subjectNames,
    notBefore,
    notAfter,
    signatureAlgorithm: algorithm.bytes,
    signature,
    subjectPublicKeyInfo: subjectPublicKeyInfo.bytes,
    basicConstraints: known.basicConstraints,
    keyUsage: known.keyUsage,
    extendedKeyUsage: known.extendedKeyUsage,
    subjectAltName: known.subjectAltName,
    nameConstraints: known.nameConstraints,
    crlDistributionPoints: known.crlDistributionPoints,
    tlsFeatures: known.tlsFeatures,
    unknownCritical: known.unknownCritical,
  };
}

/**
 * The DER SubjectPublicKeyInfo of a DER certificate (RFC 5280 §4.1), of which nothing behind it is looked at: a view.
 * @throws TlsCertificateError (`malformed`) where the structure up to it is not that of a certificate
 */
export function subjectPublicKeyInfo(certificate: Uint8Array): Uint8Array {
  const whole = new DerReader(certificate);
  const outer = whole.enter(tags.sequence);
  whole.end('a certificate');
  const fields = outer.enter(tags.sequence);
  fields.optional(constructed(0));
  // serialNumber, signature, issuer, validity, subject
  for (let i = 0; i < 5; i++) fields.next();
  return fields.next(tags.sequence).bytes;
}

/** Where an error is: `position` 0 is the leaf. */
export function placeOf(certificate: Certificate, position: number): CertificatePlace {
  return { subject: nameOf(certificate, 'subject'), position };
}

/** The subject or issuer on one line, for people. */
export function nameOf(certificate: Certificate, which: 'subject' | 'issuer'): string {
  const name = certificate[which];
  let text = texts.get(name);
  if (text === undefined) {
    text = nameText(name);
    texts.set(name, text);
  }
  return text;
}

/** A search through many paths says the same names again and again. */
const texts = new WeakMap<Uint8Array, string>();

/** Whether the certificate names itself as its issuer (RFC 5280 §3.2); that says nothing about who signed it. */
export function isSelfIssued(certificate: Certificate): boolean {
  return equalBytes(certificate.issuer, certificate.subject);
}

/** RSAPublicKey (RFC 8017 §A.1.1). */
function checkRsaKey(whole: DerReader): void {
  const key = whole.enter(tags.sequence);
  checkInteger(key, key.read(tags.integer));
  checkInteger(key, key.read(tags.integer));
  key.end('an RSA key');
  whole.end('an RSA key');
}

function parseVersion(fields: DerReader): number {
  const reader = fields.enter(constructed(0));
  const version = smallInteger(reader) + 1;
  reader.end('the version');
  return version;
}
