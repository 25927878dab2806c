import { maxOcspStatuses, maxPresentedCertificates } from '../base/limits.ts';
import { type Revocation, revocationReason } from './crl.ts';
import { constructed, DerReader, implicit, tags } from './der.ts';
import { extensionValues } from './extensions.ts';
import { relativeNames } from './general-names.ts';
import { algorithmIdentifier, algorithmOid } from './unread.ts';
import { generalizedTime, integer, objectIdentifier, smallInteger, wholeBytes } from './values.ts';

/**
 * A successful basic OCSP response (RFC 6960 §4.2.1). Whether anybody who may has signed it is not known by it. All
 * arrays are views into what was parsed.
 */
export interface OcspResponse {
  readonly responder: ResponderId;
  /** What is signed. */
  readonly toBeSigned: Uint8Array;
  /** The DER AlgorithmIdentifier that it is signed under. */
  readonly signatureAlgorithm: Uint8Array;
  readonly signature: Uint8Array;
  /** DER certificates that may help to find the signer's key: nobody has looked into them. */
  readonly certificates: readonly Uint8Array[];
  readonly statuses: readonly CertificateStatus[];
}

/** Who signed: by DER name, or by the SHA-1 of the key's bits. */
export type ResponderId =
  | { readonly form: 'byName'; readonly name: Uint8Array }
  | { readonly form: 'byKey'; readonly hash: Uint8Array };

/** What a response says of one certificate. */
export interface CertificateStatus {
  readonly id: CertificateId;
  readonly status: 'good' | 'unknown' | Revocation;
  /** Milliseconds since 1970. */
  readonly thisUpdate: number;
  /** Milliseconds since 1970; undefined where newer ones are always there. */
  readonly nextUpdate: number | undefined;
}

/** Which certificate is meant (RFC 6960 §4.1.1). */
export interface CertificateId {
  /** Object identifier. */
  readonly hashAlgorithm: string;
  readonly issuerNameHash: Uint8Array;
  readonly issuerKeyHash: Uint8Array;
  /** Contents of the INTEGER. */
  readonly serialNumber: Uint8Array;
}

/** RFC 6960 §4.2.1. */
const responseStatuses: readonly (string | undefined)[] = [
  'successful',
  'malformedRequest',
  'internalError',
  'tryLater',
  undefined,
  'sigRequired',
  'unauthorized',
];

const basicResponse = '1.3.6.1.5.5.7.48.1.1';

/**
 * Parses all of a response, or nothing.
 * @param der exactly one OCSPResponse; kept, so that it must not change
 * @returns undefined for a responder's error in place of an answer, such as tryLater
 * @throws TlsCertificateError (`malformed`) that names the byte
 */
export function parseOcspResponse(der: Uint8Array): OcspResponse | undefined {
  const whole = new DerReader(der, 'an OCSP response');
  const outer = whole.enter(tags.sequence);
  whole.end('an OCSP response');
  const { content, offset } = outer.next(tags.enumerated);
  const status = content.length === 1 ? responseStatuses[content[0] ?? 4] : undefined;
  if (status === undefined) throw outer.errorAt('a response status that does not exist', offset);
  if (status !== 'successful') {
    outer.end('an OCSP response without an answer');
    return undefined;
  }
  const explicit = outer.enter(constructed(0));
  outer.end('an OCSP response');
  const bytes = explicit.enter(tags.sequence);
  explicit.end('the response');
  const type = objectIdentifier(bytes);
  if (type !== basicResponse) throw bytes.error(`a response of another type (${type})`);
  const octets = bytes.enter(tags.octetString);
  bytes.end('the response');
  const basic = octets.enter(tags.sequence);
  octets.end('the response');

  const signed = basic.next(tags.sequence);
  const signatureAlgorithm = algorithmIdentifier(basic);
  const signature = wholeBytes(basic);
  const certificates = basic.nextIs(constructed(0)) ? parseCertificates(basic) : [];
  basic.end('a basic response');
  return {
    toBeSigned: signed.bytes,
    signatureAlgorithm,
    signature,
    certificates,
    ...parseSigned(basic.inside(signed)),
  };
}

function parseCertificates(basic: DerReader): readonly Uint8Array[] {
  const explicit = basic.enter(constructed(0));
  const list = explicit.enter(tags.sequence);
  explicit.end('the certificates');
  const certificates: Uint8Array[] = [];
  while (!list.atEnd) {
    if (certificates.length === maxPresentedCertificates)
      throw list.error(`an OCSP response with more than ${maxPresentedCertificates} certificates`);
    certificates.push(list.next(tags.sequence).bytes);
  }
  return certificates;
}

function parseSigned(fields: DerReader): Pick<OcspResponse, 'responder' | 'statuses'> {
  // There is one version. DER forbids to write a default down (X.690 §11.5); responders did, and it changes nothing.
  if (fields.nextIs(constructed(0))) {
    const { position } = fields;
    const version = fields.enter(constructed(0));
    if (smallInteger(version) !== 0)
      throw fields.errorAt('an OCSP response of another version than 1', position);
    version.end('the version');
  }
  const responder = parseResponder(fields);
  generalizedTime(fields);
  const list = fields.enter(tags.sequence);
  const statuses: CertificateStatus[] = [];
  while (!list.atEnd) {
    if (statuses.length === maxOcspStatuses)
      throw list.error(`an OCSP response about more than ${maxOcspStatuses} certificates`);
    statuses.push(parseStatus(list.enter(tags.sequence)));
  }
  checkExtensions(fields);
  fields.end('the signed part of an OCSP response');
  return { responder, statuses };
}

function parseResponder(fields: DerReader): ResponderId {
  const isByName = fields.nextIs(constructed(1));
  const explicit = fields.enter(constructed(isByName ? 1 : 2));
  const element = explicit.next(isByName ? tags.sequence : tags.octetString);
  explicit.end('the responder');
  if (!isByName) return { form: 'byKey', hash: element.content };
  relativeNames(explicit.inside(element));
  return { form: 'byName', name: element.bytes };
}

function parseStatus(fields: DerReader): CertificateStatus {
  const id = parseId(fields.enter(tags.sequence));
  const status = parseCertStatus(fields);
  const thisUpdate = generalizedTime(fields);
  let nextUpdate: number | undefined;
  if (fields.nextIs(constructed(0))) {
    const { position } = fields;
    const explicit = fields.enter(constructed(0));
    nextUpdate = generalizedTime(explicit);
    if (nextUpdate < thisUpdate) throw fields.errorAt('a nextUpdate before thisUpdate', position);
    explicit.end('nextUpdate');
  }
  checkExtensions(fields);
  fields.end('the status of a certificate');
  return { id, status, thisUpdate, nextUpdate };
}

function parseId(fields: DerReader): CertificateId {
  const id = {
    hashAlgorithm: algorithmOid(fields),
    issuerNameHash: fields.next(tags.octetString).content,
    issuerKeyHash: fields.next(tags.octetString).content,
    serialNumber: integer(fields),
  };
  fields.end('the name of a certificate');
  return id;
}

function parseCertStatus(fields: DerReader): CertificateStatus['status'] {
  if (fields.nextIs(constructed(1))) {
    const revoked = fields.enter(constructed(1));
    const date = generalizedTime(revoked);
    let reason = 'unspecified';
    if (revoked.nextIs(constructed(0))) {
      const explicit = revoked.enter(constructed(0));
      reason = revocationReason(explicit);
      explicit.end('a reason');
    }
    revoked.end('a revocation');
    return { date, reason };
  }
  const { tag, contentLength, offset } = fields.next();
  const isGood = tag === implicit(0);
  if (!isGood && tag !== implicit(2)) throw fields.errorAt('a status that does not exist', offset);
  if (contentLength > 0) throw fields.errorAt('a NULL with contents', offset);
  return isGood ? 'good' : 'unknown';
}

/** Extensions of a response or of one status, where there are any: what is critical, nobody here understands. */
function checkExtensions(fields: DerReader): void {
  if (!fields.nextIs(constructed(1))) return;
  const explicit = fields.enter(constructed(1));
  const { position } = explicit;
  const { unknownCritical } = extensionValues(explicit.enter(tags.sequence), none);
  explicit.end('the extensions');
  if (unknownCritical.length > 0)
    throw fields.errorAt(
      `critical extensions that Tacit does not know: ${unknownCritical.slice(0, 5)}`,
      position,
    );
}

const none: ReadonlySet<string> = new Set();
