import { X509Certificate } from 'node:crypto';
import { equalBytes } from '../base/bytes.ts';
import { type CertificatePlace, TlsCertificateError } from '../base/errors.ts';
import { DerReader } from '../pki/der.ts';
import { type CertificateExtensions, noExtensions, parseExtensions } from './x509-extensions.ts';
import {
  atEnd,
  constructed,
  implicit,
  malformed,
  objectIdentifier,
  only,
  smallInteger,
  tags,
  time,
} from './x509-values.ts';

/**
 * What Node's X509Certificate does not tell of a certificate, or tells as text only (RFC 5280 §4.1). DER names are
 * whole elements; two names are the same name if their bytes are equal.
 */
export interface Certificate extends CertificateExtensions {
  readonly der: Uint8Array;
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  /** Milliseconds since 1970. */
  readonly notBefore: number;
  /** Milliseconds since 1970, the whole second included. */
  readonly notAfter: number;
  /** The DER AlgorithmIdentifier that the issuer signed under. */
  readonly signatureAlgorithm: Uint8Array;
  /** Object identifiers of the key's algorithm and, for elliptic curves, of the named curve. */
  readonly keyAlgorithm: string;
  readonly curve: string | undefined;
  /** Node's view, made when it is first needed: signatures and keys are its work. */
  readonly x509: X509Certificate;
}

/**
 * @param der exactly one certificate; kept, so that it must not change
 * @throws TlsCertificateError (`malformed`)
 */
export function parseCertificate(der: Uint8Array): Certificate {
  const outer = only(der, tags.sequence, 'a certificate');
  const toBeSigned = new DerReader(outer.next(tags.sequence).content);
  const outerAlgorithm = outer.next(tags.sequence).bytes;
  outer.next(tags.bitString);
  atEnd(outer, 'a certificate');

  const version = toBeSigned.nextIs(constructed(0)) ? parseVersion(toBeSigned.next().content) : 1;
  toBeSigned.next(tags.integer); // serialNumber
  const signatureAlgorithm = toBeSigned.next(tags.sequence).bytes;
  if (!equalBytes(signatureAlgorithm, outerAlgorithm)) throw malformed('two different signature algorithms');
  const issuer = toBeSigned.next(tags.sequence).bytes;
  // Whoever signs has a name (RFC 5280 §4.1.2.4): nameless authorities would all be one another's issuers.
  if (issuer.length === 2) throw malformed('an issuer without a name');
  const validity = new DerReader(toBeSigned.next(tags.sequence).content);
  const notBefore = time(validity);
  const notAfter = time(validity);
  atEnd(validity, 'the validity');
  const subject = toBeSigned.next(tags.sequence).bytes;
  const key = parseKeyAlgorithm(toBeSigned.next(tags.sequence).content);
  for (const uniqueIdentifier of [implicit(1), implicit(2)]) {
    if (toBeSigned.nextIs(uniqueIdentifier)) toBeSigned.next();
  }
  let extensions = noExtensions;
  if (toBeSigned.nextIs(constructed(3))) {
    if (version !== 3) throw malformed(`extensions in a certificate of version ${version}`);
    extensions = parseExtensions(toBeSigned.next().content);
  }
  atEnd(toBeSigned, 'the signed part of a certificate');

  let x509: X509Certificate | undefined;
  return {
    der,
    issuer,
    subject,
    notBefore,
    notAfter,
    signatureAlgorithm,
    ...key,
    ...extensions,
    get x509() {
      x509 ??= nodeCertificate(der);
      return x509;
    },
  };
}

/** Where an error is: `position` 0 is the leaf. */
export function placeOf(certificate: Certificate, position: number): CertificatePlace {
  return { subject: nameOf(certificate, 'subject'), position };
}

/** The subject or issuer on one line, for people; names are the peer's words, so they are bounded and printable. */
export function nameOf(certificate: Certificate, which: 'subject' | 'issuer'): string {
  let name: string | undefined;
  try {
    name = certificate.x509[which];
  } catch {
    return 'unreadable';
  }
  const line = (name ?? '').replaceAll('\n', ', ').replace(/\p{C}/gu, '?');
  if (line === '') return 'no name';
  return line.length > 200 ? `${line.slice(0, 200)}…` : line;
}

/** Whether the certificate names itself as its issuer (RFC 5280 §3.2); that says nothing about who signed it. */
export function isSelfIssued(certificate: Certificate): boolean {
  return equalBytes(certificate.issuer, certificate.subject);
}

function parseVersion(content: Uint8Array): number {
  const reader = new DerReader(content);
  const version = smallInteger(reader.next(tags.integer).content) + 1;
  atEnd(reader, 'the version');
  if (version > 3) throw malformed(`version ${version}`);
  return version;
}

/** The algorithm of a SubjectPublicKeyInfo. A curve that is spelled out instead of named stays undefined (RFC 5480). */
function parseKeyAlgorithm(content: Uint8Array): { keyAlgorithm: string; curve: string | undefined } {
  const fields = new DerReader(content);
  const algorithm = new DerReader(fields.next(tags.sequence).content);
  fields.next(tags.bitString);
  atEnd(fields, 'the public key');
  const keyAlgorithm = objectIdentifier(algorithm.next(tags.objectIdentifier).content);
  const curve = algorithm.nextIs(tags.objectIdentifier)
    ? objectIdentifier(algorithm.next().content)
    : undefined;
  return { keyAlgorithm, curve };
}

/**
 * Node looks for PEM before it looks for DER, anywhere in the bytes: a certificate with another one's PEM text in some
 * extension would be taken for that other one. So it is given PEM, and what it read is compared.
 */
function nodeCertificate(der: Uint8Array): X509Certificate {
  let x509: X509Certificate;
  try {
    x509 = new X509Certificate(toPem(der));
  } catch (cause) {
    throw new TlsCertificateError('malformed', 'a certificate could not be read by the system', undefined, {
      cause,
    });
  }
  if (!equalBytes(x509.raw, der)) throw malformed('the system reads other bytes');
  return x509;
}

function toPem(der: Uint8Array): string {
  const base64 = Buffer.from(der.buffer, der.byteOffset, der.length).toString('base64');
  const lines = base64.match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}
