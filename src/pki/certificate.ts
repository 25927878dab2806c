import { equalBytes } from '../base/bytes.ts';
import type { CertificatePlace } from '../base/errors.ts';
import { constructed, DerReader, implicit, tags } from './der.ts';
import { nameText } from './distinguished-name.ts';
import { type CertificateExtensions, noExtensions, parseExtensions } from './extensions.ts';
import { checkRelativeNames } from './general-names.ts';
import { algorithmIdentifier, algorithmOid, checkAlgorithm } from './unread.ts';
import {
  checkBitString,
  checkInteger,
  checkWholeBytes,
  integer,
  smallInteger,
  time,
  wholeBytes,
} from './values.ts';

/**
 * A certificate (RFC 5280 §4.1). DER names are whole elements; two names are the same name if their bytes are equal. All
 * arrays are views into `der`.
 */
export interface Certificate extends CertificateExtensions {
  readonly der: Uint8Array;
  /** 1 only from those who ask for it: `parseAnchor` and `parseEndEntity`. */
  readonly version: 1 | 3;
  /** What is signed. */
  readonly toBeSigned: Uint8Array;
  /** The contents of the INTEGER. */
  readonly serialNumber: Uint8Array;
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  /** Whether it names itself as its issuer (RFC 5280 §3.2); that says nothing about who signed it. */
  readonly isSelfIssued: boolean;
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
 * Parses all of a certificate of version 3, or none.
 * @param der exactly one certificate; kept, so that it must not change
 * @throws TlsCertificateError (`malformed`) that names the byte
 */
export function parseCertificate(der: Uint8Array): Certificate {
  return parse(der, undefined);
}

/**
 * A certificate that is to stand for nobody but its subject: one of version 1, too, which has no extensions to say more
 * (RFC 5280 §4.1.2.1). Never one that others are to be judged by: an authority has to say that it is one.
 * @throws TlsCertificateError (`malformed`) that names the byte
 */
export function parseEndEntity(der: Uint8Array): Certificate {
  return parse(der, noExtensions);
}

/**
 * A certificate that its owner trusts, and that is nothing but a name and a key (RFC 5280 §6.1.1 (d)): one of version 1,
 * too, where it names itself as its issuer. That one stands for an authority, which it has no extension to say.
 * @throws TlsCertificateError (`malformed`) that names the byte
 */
export function parseAnchor(der: Uint8Array): Certificate {
  return parse(der, oldAuthority);
}

/** @param version1 what one of version 1 counts for, which says nothing of that itself; undefined: there must be none */
function parse(der: Uint8Array, version1: CertificateExtensions | undefined): Certificate {
  const reader = new DerReader(der);
  const file = reader.open(tags.sequence);
  const signedPosition = reader.position;
  const signed = reader.open(tags.sequence);
  const versionPosition = reader.position;
  const version = reader.nextIs(constructed(0)) ? parseVersion(reader) : 1;
  // Left out, it is 1; DER writes no default.
  const old = reader.position === versionPosition ? version1 : undefined;
  if (version !== 3 && old === undefined)
    throw reader.errorAt(`a certificate of version ${version}, not 3`, versionPosition);
  const serialNumber = integer(reader);
  const innerPosition = reader.position;
  checkAlgorithm(reader);
  const innerEnd = reader.position;
  const issuerPosition = reader.position;
  const issuer = parseName(reader);
  // Whoever signs has a name (RFC 5280 §4.1.2.4): nameless authorities would all be one another's issuers.
  if (issuer.length === 2) throw reader.errorAt('an issuer without a name', issuerPosition);
  const validity = reader.open(tags.sequence);
  const notBefore = time(reader);
  const notAfter = time(reader);
  reader.close(validity, 'the validity');
  const subject = parseName(reader);
  const subjectPublicKeyInfo = checkPublicKey(reader);
  const isSelfIssued = equalBytes(issuer, subject);
  if (old === oldAuthority && !isSelfIssued)
    throw reader.errorAt("a certificate of version 1 that another's name is the issuer of", versionPosition);
  const known = old ?? parseRest(reader);
  reader.close(signed, 'the signed part of a certificate');
  const toBeSigned = reader.bytesFrom(signedPosition);
  const algorithmPosition = reader.position;
  const algorithm = algorithmIdentifier(reader);
  if (!reader.isSame(innerPosition, innerEnd, algorithmPosition, reader.position))
    throw reader.errorAt('another signature algorithm outside than inside', algorithmPosition);
  const signature = wholeBytes(reader);
  reader.close(file, 'a certificate');
  reader.end('a certificate');
  return {
    der,
    version: old === undefined ? 3 : 1,
    toBeSigned,
    serialNumber,
    issuer,
    subject,
    isSelfIssued,
    notBefore,
    notAfter,
    signatureAlgorithm: algorithm,
    signature,
    subjectPublicKeyInfo,
    // Spread out by hand: `...` takes longer than all of the names above.
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

/** What an authority of version 1 would say, if it could. */
const oldAuthority: CertificateExtensions = {
  ...noExtensions,
  basicConstraints: { ca: true, pathLength: undefined },
};

/** What may follow the key; a certificate of version 3 may go without extensions (RFC 5280 §4.1). */
function parseRest(reader: DerReader): CertificateExtensions {
  checkUniqueIdentifier(reader, implicit(1));
  checkUniqueIdentifier(reader, implicit(2));
  if (!reader.nextIs(constructed(3))) return noExtensions;
  const extensions = reader.open(constructed(3));
  const list = reader.open(tags.sequence);
  const known = parseExtensions(reader);
  reader.close(list, 'the extensions');
  reader.close(extensions, 'the extensions');
  return known;
}

function parseVersion(reader: DerReader): number {
  const outer = reader.open(constructed(0));
  const version = smallInteger(reader) + 1;
  reader.close(outer, 'the version');
  return version;
}

/** @returns the DER Name */
function parseName(reader: DerReader): Uint8Array {
  const { position } = reader;
  const outer = reader.open(tags.sequence);
  checkRelativeNames(reader);
  reader.close(outer, 'a name');
  return reader.bytesFrom(position);
}

/** @returns the DER SubjectPublicKeyInfo */
function checkPublicKey(reader: DerReader): Uint8Array {
  const { position } = reader;
  const outer = reader.open(tags.sequence);
  const isRsa = rsa.has(algorithmOid(reader));
  checkWholeBytes(reader, reader.read(tags.bitString));
  // The other keys that are of use are points.
  if (isRsa) checkRsaKey(reader.contents(1));
  reader.close(outer, 'the public key');
  return reader.bytesFrom(position);
}

/** RSAPublicKey (RFC 8017 §A.1.1). */
function checkRsaKey(reader: DerReader): void {
  const outer = reader.open(tags.sequence);
  checkInteger(reader, reader.read(tags.integer));
  checkInteger(reader, reader.read(tags.integer));
  reader.close(outer, 'an RSA key');
  reader.end('an RSA key');
}

function checkUniqueIdentifier(reader: DerReader, tag: number): void {
  if (reader.nextIs(tag)) checkBitString(reader, reader.read());
}
