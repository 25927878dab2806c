import type { KeyObject } from 'node:crypto';
import { equalBytes } from '../base/bytes.ts';
import { type CertificateCheck, TlsCertificateError } from '../base/errors.ts';
import { maxPathLength, maxPathTries, maxSignatureChecks } from '../base/limits.ts';
import type { TrustAnchors } from './anchors.ts';
import { type ComparisonBudget, checkNameConstraints, comparisonBudget } from './name-constraints.ts';
import { weakSignature } from './signature-algorithms.ts';
import { type Certificate, isSelfIssued, nameOf, placeOf } from './x509-certificate.ts';
import { keyPurposes, keyUsages } from './x509-extensions.ts';

export interface PathQuestion {
  readonly leaf: Certificate;
  /** What came behind the leaf, in any order; what is not needed is not looked at. */
  readonly intermediates: readonly Certificate[];
  readonly anchors: TrustAnchors;
  readonly purpose: 'server' | 'client';
  /** Milliseconds since 1970. */
  readonly now: number;
}

/**
 * A path from the leaf to a trust anchor in which everything holds (RFC 5280 §6.1): the leaf first, the anchor last.
 * The leaf itself is not checked again.
 * @throws TlsCertificateError, of the path that came nearest where there are several
 */
export function findPath(question: PathQuestion): readonly Certificate[] {
  const { leaf, anchors } = question;
  const search: Search = {
    ...question,
    intermediates: withoutRepeats(leaf, question.intermediates).filter(
      (certificate) => !anchors.has(certificate),
    ),
    tries: 0,
    signatureChecks: 0,
    signatures: new Map(),
    comparisons: comparisonBudget(),
    failure: undefined,
  };
  const path = extend(search, [leaf]);
  if (path !== undefined) return path;
  throw (
    search.failure?.error ?? new TlsCertificateError('unknown_issuer', 'No path to a trust anchor was found.')
  );
}

function withoutRepeats(leaf: Certificate, others: readonly Certificate[]): readonly Certificate[] {
  const seen = [leaf];
  for (const other of others) if (!seen.some(({ der }) => equalBytes(der, other.der))) seen.push(other);
  return seen.slice(1);
}

/**
 * What every certificate of a path must be, whatever its place: valid now, understood, with a key that is no gift.
 * @param position 0 for the leaf
 */
export function checkCertificate(certificate: Certificate, position: number, now: number): void {
  const fail = (check: CertificateCheck, message: string): never => {
    throw new TlsCertificateError(check, message, placeOf(certificate, position));
  };
  const name = (): string => `The certificate "${nameOf(certificate, 'subject')}"`;
  const clock = (): string => `it is ${dateText(now)} by this machine's clock`;
  if (now < certificate.notBefore) {
    fail(
      'not_yet_valid',
      `${name()} is valid from ${dateText(certificate.notBefore)} on, but ${clock()}. Check that clock.`,
    );
  }
  // A certificate is valid to the end of its last second.
  if (now >= certificate.notAfter + 1000) {
    fail(
      'expired',
      `${name()} expired on ${dateText(certificate.notAfter)}; ${clock()}. It must be renewed, unless that clock is wrong.`,
    );
  }
  if (certificate.unknownCritical.length > 0) {
    const list = certificate.unknownCritical.slice(0, 5).join(', ');
    fail('critical_extension', `${name()} has critical extensions that Tacit does not know: ${list}.`);
  }
  checkKey(certificate, position);
}

/** RSA from 2 048 bits on, and the curves that TLS 1.3 signs with. */
function checkKey(certificate: Certificate, position: number): void {
  const name = (): string => `The certificate "${nameOf(certificate, 'subject')}"`;
  const fail = (message: string): never => {
    throw new TlsCertificateError('weak_key', message, placeOf(certificate, position));
  };
  const { keyAlgorithm, curve } = certificate;
  if (keyAlgorithm === keyAlgorithms.rsa || keyAlgorithm === keyAlgorithms.rsaPss) {
    const { modulusLength = 0, publicExponent = 0n } = publicKeyOf(certificate).asymmetricKeyDetails ?? {};
    if (modulusLength < 2048) {
      fail(`${name()} has an RSA key of ${modulusLength} bits, fewer than 2048. It needs a new key.`);
    }
    // Longer moduli and exponents would let a peer choose how long we compute.
    if (modulusLength > 8192)
      fail(`${name()} has an RSA key of ${modulusLength} bits; Tacit takes up to 8192.`);
    if (publicExponent < 3n || publicExponent % 2n === 0n || publicExponent >= 2n ** 32n) {
      fail(
        `${name()} has an RSA key with an exponent that is even, less than 3 or beyond 32 bits. It needs a new key.`,
      );
    }
  } else if (keyAlgorithm === keyAlgorithms.ec) {
    if (curve === undefined || !curves.has(curve)) {
      fail(`${name()} has a key on an elliptic curve that is not P-256, P-384 or P-521. It needs a new key.`);
    }
  } else if (keyAlgorithm !== keyAlgorithms.ed25519 && keyAlgorithm !== keyAlgorithms.ed448) {
    fail(
      `${name()} has a key of a kind that Tacit does not take (${keyAlgorithm}); it takes RSA, ECDSA and EdDSA keys.`,
    );
  }
}

const keyAlgorithms = {
  rsa: '1.2.840.113549.1.1.1',
  rsaPss: '1.2.840.113549.1.1.10',
  ec: '1.2.840.10045.2.1',
  ed25519: '1.3.101.112',
  ed448: '1.3.101.113',
} as const;

const curves: ReadonlySet<string> = new Set(['1.2.840.10045.3.1.7', '1.3.132.0.34', '1.3.132.0.35']);

/** The purpose as an extended key usage (RFC 5280 §4.2.1.12), and in words. */
export const purposes: Readonly<
  Record<'server' | 'client', { readonly oid: string; readonly text: string }>
> = {
  server: { oid: keyPurposes.serverAuth, text: 'TLS servers (serverAuth)' },
  client: { oid: keyPurposes.clientAuth, text: 'TLS clients (clientAuth)' },
};

interface Search extends PathQuestion {
  tries: number;
  signatureChecks: number;
  /** Results by issuer and what it signed: several paths share their links. */
  readonly signatures: Map<Certificate, Map<Certificate, boolean>>;
  readonly comparisons: ComparisonBudget;
  failure: { readonly error: TlsCertificateError; readonly rank: Rank; readonly depth: number } | undefined;
}

/** How much a failure tells: the more, the more of the path had been proven. */
const ranks = { nobodyFound: 0, didNotSign: 1, notFit: 2, gaveUp: 3 } as const;
type Rank = (typeof ranks)[keyof typeof ranks];

/** `path` and what leads on from its last certificate to an anchor; undefined where nothing does. */
function extend(search: Search, path: readonly Certificate[]): readonly Certificate[] | undefined {
  const child = path.at(-1)!;
  const deadEnd = whyNoIssuerHelps(path);
  if (deadEnd !== undefined) {
    note(search, ranks.notFit, path, deadEnd);
    return undefined;
  }
  const candidates = [
    ...search.anchors.withSubject(child.issuer),
    ...search.intermediates.filter(({ subject }) => equalBytes(subject, child.issuer)),
  ].filter((candidate) => !path.some(({ der }) => equalBytes(der, candidate.der)));
  if (candidates.length === 0) note(search, ranks.nobodyFound, path, unknownIssuer(path));
  for (const candidate of candidates) {
    search.tries += 1;
    if (search.tries > maxPathTries || search.signatureChecks >= maxSignatureChecks) {
      note(search, ranks.gaveUp, path, tooManyPaths(path));
      return undefined;
    }
    let rank: Rank = ranks.didNotSign;
    try {
      checkSignature(search, path, candidate);
      rank = ranks.notFit;
      checkAuthority(search, path, candidate);
    } catch (error) {
      if (!(error instanceof TlsCertificateError)) throw error;
      note(search, rank, path, error);
      continue;
    }
    const extended = [...path, candidate];
    const found = search.anchors.has(candidate) ? extended : extend(search, extended);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Keeps the failure that tells most: a better rank, or nobody found further up. */
function note(search: Search, rank: Rank, path: readonly Certificate[], error: TlsCertificateError): void {
  const { failure } = search;
  const depth = path.length;
  const further = rank === ranks.nobodyFound && failure?.rank === rank && depth > failure.depth;
  if (failure === undefined || rank > failure.rank || further) search.failure = { error, rank, depth };
}

function whyNoIssuerHelps(path: readonly Certificate[]): TlsCertificateError | undefined {
  const position = path.length - 1;
  const child = path[position]!;
  const weak = weakSignature(child.signatureAlgorithm);
  if (weak !== undefined) {
    return new TlsCertificateError(
      'weak_signature',
      `The certificate "${nameOf(child, 'subject')}" is signed with ${weak}; Tacit takes SHA-256, SHA-384 and SHA-512 with RSA or ECDSA, and EdDSA. Its issuer must sign it anew.`,
      placeOf(child, position),
    );
  }
  if (path.length < maxPathLength) return undefined;
  return new TlsCertificateError(
    'path_too_long',
    `The chain has more than ${maxPathLength} certificates between the peer and a trust anchor.`,
    placeOf(child, position),
  );
}

/** Whether `candidate` signed the last certificate of `path`. */
function checkSignature(search: Search, path: readonly Certificate[], candidate: Certificate): void {
  const child = path.at(-1)!;
  checkKey(candidate, path.length);
  let verified = search.signatures.get(candidate);
  if (verified === undefined) {
    verified = new Map();
    search.signatures.set(candidate, verified);
  }
  let good = verified.get(child);
  if (good === undefined) {
    search.signatureChecks += 1;
    good = child.x509.verify(publicKeyOf(candidate));
    verified.set(child, good);
  }
  if (good) return;
  throw new TlsCertificateError(
    'bad_signature',
    `The signature of the certificate "${nameOf(child, 'subject')}" does not verify with the key of "${nameOf(candidate, 'subject')}", whose name it gives as its issuer's. It was changed, or another authority of that name signed it.`,
    placeOf(child, path.length - 1),
  );
}

/** Whether `candidate` was allowed to sign what lies below it. */
function checkAuthority(search: Search, path: readonly Certificate[], candidate: Certificate): void {
  const position = path.length;
  const fail = (check: CertificateCheck, message: string): never => {
    throw new TlsCertificateError(check, message, placeOf(candidate, position));
  };
  const name = (): string => `The certificate "${nameOf(candidate, 'subject')}"`;
  checkCertificate(candidate, position, search.now);
  if (candidate.basicConstraints?.ca !== true) {
    fail(
      'not_a_ca',
      `${name()} signed another one, but is not a certificate authority (basicConstraints CA:TRUE).`,
    );
  }
  if (candidate.keyUsage !== undefined && (candidate.keyUsage & keyUsages.keyCertSign) === 0) {
    fail('key_usage', `${name()} signed another one, but its keyUsage lacks keyCertSign.`);
  }
  const purpose = purposes[search.purpose];
  const usages = candidate.extendedKeyUsage;
  if (usages !== undefined && !usages.includes(purpose.oid) && !usages.includes(keyPurposes.any)) {
    fail('extended_key_usage', `${name()} is an authority, but not for ${purpose.text} (extKeyUsage).`);
  }
  const { pathLength } = candidate.basicConstraints ?? {};
  const below = path.slice(1).filter((certificate) => !isSelfIssued(certificate)).length;
  if (pathLength !== undefined && below > pathLength) {
    fail(
      'path_too_long',
      `${name()} allows ${pathLength} authorities below it (pathLenConstraint), but has ${below}.`,
    );
  }
  checkNameConstraints(candidate, path, search.comparisons);
  // The system's own look at names, key identifiers and key usage.
  if (!path.at(-1)!.x509.checkIssued(candidate.x509)) {
    fail('unknown_issuer', `${name()} signed the one below it, but by its identifiers is not its issuer.`);
  }
}

function publicKeyOf(certificate: Certificate): KeyObject {
  try {
    return certificate.x509.publicKey;
  } catch (cause) {
    if (cause instanceof TlsCertificateError) throw cause;
    throw new TlsCertificateError('malformed', 'The public key of a certificate cannot be read.', undefined, {
      cause,
    });
  }
}

function unknownIssuer(path: readonly Certificate[]): TlsCertificateError {
  const position = path.length - 1;
  const last = path[position]!;
  const subject = nameOf(last, 'subject');
  const advice = 'If you trust it, give it in `ca`.';
  const message = isSelfIssued(last)
    ? `The certificate "${subject}" is self-signed and not among the trusted ones. ${advice}`
    : `The issuer of the certificate "${subject}" was not found: "${nameOf(last, 'issuer')}" is not among the trusted authorities, nor did the peer send it. ${advice} If the peer should have sent it, its chain is incomplete.`;
  return new TlsCertificateError('unknown_issuer', message, placeOf(last, position));
}

function tooManyPaths(path: readonly Certificate[]): TlsCertificateError {
  return new TlsCertificateError(
    'path_too_long',
    'The chain allows so many paths that the search for a trusted one was given up. Send only the certificates that are needed.',
    placeOf(path[0]!, 0),
  );
}

function dateText(time: number): string {
  return new Date(time).toISOString();
}
