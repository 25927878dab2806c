import { equalBytes } from '../base/bytes.ts';
import { ocspClockSkew, ocspMaxAge } from '../base/defaults.ts';
import { TlsCertificateError } from '../base/errors.ts';
import { maxOcspCertificates, maxResponders } from '../base/limits.ts';
import type { CryptoProvider, PublicKey } from '../crypto/provider.ts';
import { sha256 } from '../crypto/sha256.ts';
import { type Certificate, nameOf, parseCertificate, placeOf } from './certificate.ts';
import type { Revocation } from './crl.ts';
import { DerReader, tags } from './der.ts';
import { keyPurposes, keyUsages } from './extensions.ts';
import { type CertificateStatus, type OcspResponse, parseOcspResponse } from './ocsp.ts';
import { checkCertificate, keyOf } from './path.ts';
import { algorithmName, signatureAlgorithm } from './signature-algorithms.ts';
import { orNone, wholeBytes } from './values.ts';

/** What a question for a certificate's status is put with. */
export interface StatusQuestion {
  readonly provider: CryptoProvider;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Told ahead of each signature that is verified. @throws TlsCertificateError (`path_too_long`) where there were too many */
  readonly spend: (key: PublicKey) => void;
}

/**
 * What an OCSP response that came with a certificate says of it (RFC 6960 §3.2): signed by the issuer, or by whom the
 * issuer has delegated this to.
 *
 * @param position of the certificate in its path
 * @param isRevoked what else is known of a delegate
 * @returns until when it holds that the certificate is good, in milliseconds since 1970; or that it is revoked
 * @throws TlsCertificateError (`bad_ocsp_response`) for a response that settles nothing
 */
export function stapledStatus(
  der: Uint8Array,
  { certificate, position, issuer }: { certificate: Certificate; position: number; issuer: Certificate },
  question: StatusQuestion,
  isRevoked: (delegate: Certificate) => boolean,
): number | Revocation {
  const fail = (why: string, cause?: unknown): never => {
    const message = `The OCSP response that came with the certificate "${nameOf(certificate, 'subject')}" ${why}. The peer should fetch a new one.`;
    throw new TlsCertificateError('bad_ocsp_response', message, placeOf(certificate, position), { cause });
  };
  const { provider, now } = question;
  let response: OcspResponse;
  try {
    response = parseOcspResponse(der);
  } catch (error) {
    if (!(error instanceof TlsCertificateError)) throw error;
    return fail(`cannot be read: ${error.message}`, error);
  }
  const about = response.statuses.filter((status) => isAbout(status, certificate, issuer, provider));
  if (about.length === 0) fail('is about other certificates');
  const untrusted = whyUntrusted(response, issuer, position + 1, question, isRevoked);
  if (untrusted !== undefined) fail(untrusted);
  for (const { status } of about) if (typeof status === 'object') return status;
  const fresh = about.filter((status) => status.thisUpdate <= now + ocspClockSkew && now < expiryOf(status));
  if (fresh.length === 0) {
    const until = new Date(Math.max(...about.map(expiryOf))).toISOString();
    fail(`is not of this time: it was to be renewed by ${until}, and it is ${new Date(now).toISOString()}`);
  }
  const good = fresh.filter(({ status }) => status === 'good');
  if (good.length === 0) fail('says that the responder does not know it');
  return Math.max(...good.map(expiryOf));
}

/** When a status is too old to be believed, in milliseconds since 1970. */
export function expiryOf({ thisUpdate, nextUpdate }: CertificateStatus): number {
  return nextUpdate ?? thisUpdate + ocspMaxAge;
}

/** By object identifier: what names a certificate. SHA-1 names most of them, and is no proof of anything here. */
const hashes: ReadonlyMap<string, (provider: CryptoProvider, data: Uint8Array) => Uint8Array> = new Map([
  ['1.3.14.3.2.26', (provider, data) => provider.sha1(data)],
  ['2.16.840.1.101.3.4.2.1', (provider, data) => sha256(provider, data)],
]);

function isAbout(
  { id }: CertificateStatus,
  certificate: Certificate,
  issuer: Certificate,
  provider: CryptoProvider,
): boolean {
  const hash = hashes.get(id.hashAlgorithm);
  return (
    hash !== undefined &&
    equalBytes(id.serialNumber, certificate.serialNumber) &&
    equalBytes(id.issuerNameHash, hash(provider, issuer.subject)) &&
    equalBytes(id.issuerKeyHash, hash(provider, keyBits(issuer)))
  );
}

/** The bits of its key, without what says of which kind they are. */
function keyBits({ subjectPublicKeyInfo }: Certificate): Uint8Array {
  const fields = new DerReader(subjectPublicKeyInfo).enter(tags.sequence);
  fields.next(tags.sequence);
  return wholeBytes(fields);
}

/** Undefined where the issuer has signed, or its delegate (RFC 6960 §4.2.2.2). */
function whyUntrusted(
  response: OcspResponse,
  issuer: Certificate,
  issuerPosition: number,
  question: StatusQuestion,
  isRevoked: (delegate: Certificate) => boolean,
): string | undefined {
  const algorithm = signatureAlgorithm(response.signatureAlgorithm);
  if (algorithm === undefined) return `is signed with ${algorithmName(response.signatureAlgorithm)}`;
  const { provider, spend } = question;
  const isSignedBy = (certificate: Certificate, position: number): boolean => {
    const key = keyOf(certificate, position, provider);
    spend(key);
    return key.verifySigned(algorithm, response.toBeSigned, response.signature);
  };
  if (isResponder(response, issuer, provider) && isSignedBy(issuer, issuerPosition)) return undefined;
  const delegates = parsed(response.certificates).filter((one) => isResponder(response, one, provider));
  let why = 'is signed by nobody who may: neither by the issuer nor by one of its certificates for that';
  for (const delegate of delegates.slice(0, maxResponders)) {
    const fault = whyNoDelegate(delegate, issuer, issuerPosition, question);
    if (fault !== undefined) why = fault;
    else if (isRevoked(delegate)) why = 'is signed by a responder whose certificate is revoked';
    else if (isSignedBy(delegate, issuerPosition)) return undefined;
    else why = 'has a signature that does not verify';
  }
  return why;
}

/** Certificates that cannot be read help nobody. */
function parsed(certificates: readonly Uint8Array[]): readonly Certificate[] {
  return certificates
    .slice(0, maxOcspCertificates)
    .flatMap((der) => orNone(() => parseCertificate(der)) ?? []);
}

function isResponder(
  { responder }: OcspResponse,
  certificate: Certificate,
  provider: CryptoProvider,
): boolean {
  return responder.form === 'byName'
    ? equalBytes(responder.name, certificate.subject)
    : equalBytes(responder.hash, provider.sha1(keyBits(certificate)));
}

/** A delegate's certificate is the issuer's own work, for nothing but this, and valid now. */
function whyNoDelegate(
  delegate: Certificate,
  issuer: Certificate,
  issuerPosition: number,
  question: StatusQuestion,
): string | undefined {
  const by = `is signed by "${nameOf(delegate, 'subject')}"`;
  if (!equalBytes(delegate.issuer, issuer.subject)) return `${by}, which another authority has certified`;
  if (delegate.extendedKeyUsage?.includes(keyPurposes.ocspSigning) !== true)
    return `${by}, whose certificate is not for that (extKeyUsage OCSPSigning)`;
  const { keyUsage } = delegate;
  if (keyUsage !== undefined && (keyUsage & keyUsages.digitalSignature) === 0)
    return `${by}, whose keyUsage lacks digitalSignature`;
  try {
    checkCertificate(delegate, issuerPosition, question);
  } catch (error) {
    if (error instanceof TlsCertificateError) return `${by}: ${error.message}`;
    throw error;
  }
  const algorithm = signatureAlgorithm(delegate.signatureAlgorithm);
  if (algorithm === undefined)
    return `${by}, whose certificate is signed with ${algorithmName(delegate.signatureAlgorithm)}`;
  const key = keyOf(issuer, issuerPosition, question.provider);
  question.spend(key);
  return key.verifySigned(algorithm, delegate.toBeSigned, delegate.signature)
    ? undefined
    : `${by}, whose certificate the issuer did not sign`;
}

/** What was parsed for `mayStaple`, which every handshake asks. */
const statuses = new WeakMap<Uint8Array, readonly CertificateStatus[]>();
const serialNumbers = new WeakMap<Uint8Array, Uint8Array>();

/**
 * Whether a DER OCSP response is worth sending with a certificate of our own: it can be read, is about that one, and
 * not out of date. Who signed it is for those who get it.
 */
export function mayStaple(response: Uint8Array, certificate: Uint8Array, now: number): boolean {
  const about = orNone(() => {
    const serialNumber = remembered(
      serialNumbers,
      certificate,
      () => parseCertificate(certificate).serialNumber,
    );
    const known = remembered(statuses, response, () => parseOcspResponse(response).statuses);
    return known.filter(({ id }) => equalBytes(id.serialNumber, serialNumber));
  });
  return about?.some((status) => now < expiryOf(status)) ?? false;
}

function remembered<T>(memory: WeakMap<Uint8Array, T>, bytes: Uint8Array, parse: () => T): T {
  let value = memory.get(bytes);
  if (value === undefined) {
    value = parse();
    memory.set(bytes, value);
  }
  return value;
}
