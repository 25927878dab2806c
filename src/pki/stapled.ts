import { equalBytes } from '../base/bytes.ts';
import { ocspClockSkew, ocspMaxAge } from '../base/defaults.ts';
import { TlsCertificateError } from '../base/errors.ts';
import { maxOcspCertificates, maxOcspResponse, maxResponders } from '../base/limits.ts';
import type { CryptoProvider, PublicKey } from '../crypto/provider.ts';
import { sha256 } from '../crypto/sha256.ts';
import { type Certificate, nameOf, parseCertificate, parseEndEntity, placeOf } from './certificate.ts';
import type { Revocation } from './crl.ts';
import { DerReader, tags } from './der.ts';
import { keyPurposes, keyUsages } from './extensions.ts';
import { keyOf } from './keys.ts';
import { type CertificateStatus, type OcspResponse, parseOcspResponse } from './ocsp.ts';
import { checkCertificate } from './path.ts';
import { algorithmName, signatureAlgorithm } from './signature-algorithms.ts';
import { orError, orNone, wholeBytes } from './values.ts';

/** What a question for a certificate's status is put with. */
export interface StatusQuestion {
  readonly provider: CryptoProvider;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Told ahead of each signature that a peer's response costs. @throws TlsCertificateError (`path_too_long`) where there were too many */
  readonly spend: (key: PublicKey) => void;
}

/** A certificate and who issued it, somewhere in a path. */
export interface Link {
  readonly certificate: Certificate;
  readonly position: number;
  readonly issuer: Certificate;
}

/** An OCSP response that came with a certificate, read once: with the error where it is malformed. */
export type StapledResponse = OcspResponse | 'no answer' | TlsCertificateError;

export function readStapled(der: Uint8Array): StapledResponse {
  return orError(() => parseOcspResponse(der) ?? 'no answer');
}

/** What a response says of a certificate: good until then, in milliseconds since 1970; revoked; or nothing, and why. */
export type StapledStatus =
  | { readonly status: 'good'; readonly until: number }
  | { readonly status: 'revoked'; readonly revocation: Revocation }
  | { readonly status: 'none'; readonly why: string };

/**
 * What an OCSP response that came with a certificate says of it (RFC 6960 §3.2): signed by the issuer, or by whom the
 * issuer has delegated this to. One that is too old, or a responder's error, is as good as none: servers that cannot reach
 * their responder send these.
 *
 * @param isRevoked what else is known of a delegate
 * @throws TlsCertificateError (`bad_ocsp_response`) for a response that nobody should have sent
 */
export function stapledStatus(
  response: StapledResponse,
  link: Link,
  question: StatusQuestion,
  isRevoked: (delegate: Certificate) => boolean,
): StapledStatus {
  const { certificate, position, issuer } = link;
  const { provider, now } = question;
  const fail = (why: string, cause?: unknown): never => {
    const message = `The OCSP response that came with the certificate "${nameOf(certificate, 'subject')}" ${why}. The peer should fetch a new one.`;
    throw new TlsCertificateError('bad_ocsp_response', message, placeOf(certificate, position), { cause });
  };
  if (response === 'no answer') return { status: 'none', why: "is a responder's error" };
  if (response instanceof TlsCertificateError) return fail(`cannot be read: ${response.message}`, response);
  const about = statusesAbout(response, certificate, issuer, provider);
  if (about.length === 0) fail('is about other certificates');
  const untrusted = whyUntrusted(response, link, question, isRevoked);
  if (untrusted !== undefined) fail(untrusted);
  for (const { status } of about)
    if (typeof status === 'object') return { status: 'revoked', revocation: status };
  const current = about.filter((status) => isCurrent(status, now));
  if (current.length === 0) {
    const [from, until] = [about.map(({ thisUpdate }) => thisUpdate), about.map(expiryOf)].map((times) =>
      new Date(Math.max(...times)).toISOString(),
    );
    const why = `is not of this time: it is for ${from} to ${until}, and it is ${new Date(now).toISOString()}`;
    return { status: 'none', why };
  }
  const good = current.filter(({ status }) => status === 'good');
  if (good.length === 0) fail('says that the responder does not know it');
  return { status: 'good', until: Math.max(...good.map(expiryOf)) };
}

function isCurrent(status: CertificateStatus, now: number): boolean {
  return status.thisUpdate <= now + ocspClockSkew && now < expiryOf(status);
}

/** When a status is too old to be believed, in milliseconds since 1970. */
function expiryOf({ thisUpdate, nextUpdate }: CertificateStatus): number {
  return nextUpdate ?? thisUpdate + ocspMaxAge;
}

/** By object identifier: what names a certificate. SHA-1 names most of them, and is no proof of anything here. */
const hashes: ReadonlyMap<string, (provider: CryptoProvider, data: Uint8Array) => Uint8Array> = new Map([
  ['1.3.14.3.2.26', (provider, data) => provider.sha1(data)],
  ['2.16.840.1.101.3.4.2.1', (provider, data) => sha256(provider, data)],
]);

function statusesAbout(
  { statuses }: OcspResponse,
  { serialNumber }: Certificate,
  issuer: Certificate,
  provider: CryptoProvider,
): readonly CertificateStatus[] {
  const key = keyBits(issuer);
  const names = [...hashes].map(([algorithm, hash]) => {
    return { algorithm, name: hash(provider, issuer.subject), key: hash(provider, key) };
  });
  return statuses.filter(({ id }) => {
    const own = names.find(({ algorithm }) => algorithm === id.hashAlgorithm);
    return (
      own !== undefined &&
      equalBytes(id.serialNumber, serialNumber) &&
      equalBytes(id.issuerNameHash, own.name) &&
      equalBytes(id.issuerKeyHash, own.key)
    );
  });
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
  link: Link,
  question: StatusQuestion,
  isRevoked: (delegate: Certificate) => boolean,
): string | undefined {
  const { issuer } = link;
  const issuerPosition = link.position + 1;
  const algorithm = signatureAlgorithm(response.signatureAlgorithm);
  if (algorithm === undefined) return `is signed with ${algorithmName(response.signatureAlgorithm)}`;
  const { provider, spend } = question;
  const isSignedBy = (certificate: Certificate): boolean => {
    const key = keyOf(certificate, issuerPosition, provider);
    spend(key);
    return key.verifySigned(algorithm, response.toBeSigned, response.signature);
  };
  if (isResponder(response, issuer, provider) && isSignedBy(issuer)) return undefined;
  const delegates = parsed(response.certificates).filter((one) => isResponder(response, one, provider));
  let why = 'is signed by nobody who may: neither by the issuer nor by one of its certificates for that';
  for (const delegate of delegates.slice(0, maxResponders)) {
    const fault = whyNoDelegate(delegate, link, question);
    if (fault !== undefined) why = fault;
    else if (isRevoked(delegate)) why = 'is signed by a responder whose certificate is revoked';
    else if (isSignedBy(delegate)) return undefined;
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

/** A delegate is no authority, nor the one in question; its certificate is the issuer's own work, for this, and valid now. */
function whyNoDelegate(
  delegate: Certificate,
  { certificate, position, issuer }: Link,
  question: StatusQuestion,
): string | undefined {
  const issuerPosition = position + 1;
  const by = `is signed by "${nameOf(delegate, 'subject')}"`;
  if (!equalBytes(delegate.issuer, issuer.subject)) return `${by}, which another authority has certified`;
  if (delegate.extendedKeyUsage?.includes(keyPurposes.ocspSigning) !== true)
    return `${by}, whose certificate is not for that (extKeyUsage OCSPSigning)`;
  if (equalBytes(delegate.subjectPublicKeyInfo, certificate.subjectPublicKeyInfo))
    return `${by}, who is the one in question`;
  const { basicConstraints, keyUsage } = delegate;
  // An authority whose certificate has this usage by accident would speak for all that its issuer has issued.
  if (basicConstraints?.ca === true || ((keyUsage ?? 0) & keyUsages.keyCertSign) !== 0)
    return `${by}, which is an authority`;
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

/** Every handshake asks. */
const leaves = new WeakMap<Uint8Array, Certificate>();

/**
 * Whether a DER OCSP response is worth sending with a certificate of our own: it can be read, is about that one, of this
 * time, and says something. Who signed it is for those who get it.
 */
export function mayStaple(
  response: Uint8Array,
  certificate: Uint8Array,
  { provider, now }: { readonly provider: CryptoProvider; readonly now: number },
): boolean {
  if (response.length > maxOcspResponse) return false;
  const leaf = leaves.get(certificate) ?? orNone(() => parseEndEntity(certificate));
  const answer = orNone(() => parseOcspResponse(response));
  if (leaf === undefined || answer === undefined) return false;
  leaves.set(certificate, leaf);
  return answer.statuses.some((status) => {
    const { id } = status;
    const name = hashes.get(id.hashAlgorithm)?.(provider, leaf.issuer);
    return (
      equalBytes(id.serialNumber, leaf.serialNumber) &&
      name !== undefined &&
      equalBytes(id.issuerNameHash, name) &&
      status.status !== 'unknown' &&
      isCurrent(status, now)
    );
  });
}
