import { equalBytes } from '../base/bytes.ts';
import { type CertificateCheck, TlsCertificateError } from '../base/errors.ts';
import { maxIntermediates, maxPathSteps, maxRefusedPaths, maxSignatureChecks } from '../base/limits.ts';
import type { CryptoProvider, PublicKey } from '../crypto/provider.ts';
import type { TrustAnchors } from './anchors.ts';
import { type Certificate, nameOf, placeOf } from './certificate.ts';
import { keyPurposes, keyUsages } from './extensions.ts';
import { keyOf } from './keys.ts';
import { brokenNameConstraints, type Comparisons, noComparisons } from './name-constraints.ts';
import { askedOnce, type KnownOfPairs } from './pairs.ts';
import { hasSigned } from './remembered.ts';
import { algorithmName, signatureAlgorithm } from './signature-algorithms.ts';

export interface PathQuestion {
  readonly provider: CryptoProvider;
  readonly leaf: Certificate;
  /** What came behind the leaf, in any order; what is not needed is not looked at. */
  readonly intermediates: readonly Certificate[];
  readonly anchors: TrustAnchors;
  readonly purpose: 'server' | 'client';
  /** Milliseconds since 1970. */
  readonly now: number;
  /**
   * A last check of a path in which all else holds: where it throws, another path is looked for.
   * @param spend counts a signature that it will verify with this key @throws TlsCertificateError
   */
  readonly checkPath: ((path: readonly Certificate[], spend: (key: PublicKey) => void) => void) | undefined;
  /** Told about every path that leads nowhere, leaf first, and why. */
  readonly onDeadEnd?: ((path: readonly Certificate[], error: TlsCertificateError) => void) | undefined;
}

/**
 * A path from the leaf to a trust anchor in which everything holds (RFC 5280 §6.1): the leaf first, the anchor last.
 * The leaf itself is not checked again.
 * @throws TlsCertificateError, of the path that came nearest where there are several
 */
export function findPath(question: PathQuestion): readonly Certificate[] {
  const { provider, leaf, anchors, purpose, now, onDeadEnd } = question;
  // Not `...question`: an object that a spread began is slow in all that it does.
  const search: Search = {
    provider,
    leaf,
    anchors,
    purpose,
    now,
    checkPath: question.checkPath,
    onDeadEnd,
    intermediates: withoutRepeats(leaf, question.intermediates).filter(
      (certificate) => !anchors.has(certificate),
    ),
    steps: 0,
    signatureChecks: 0,
    refusedPaths: 0,
    entities: new Map(),
    issuers: new Map(),
    signatures: new Map(),
    unfit: new Set(),
    comparisons: noComparisons(),
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
export function checkCertificate(
  certificate: Certificate,
  position: number,
  { now, provider }: Pick<PathQuestion, 'now' | 'provider'>,
): void {
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
  keyOf(certificate, position, provider);
}

/** The purpose as an extended key usage (RFC 5280 §4.2.1.12), and in words. */
export const purposes: Readonly<
  Record<'server' | 'client', { readonly oid: string; readonly text: string }>
> = {
  server: { oid: keyPurposes.serverAuth, text: 'TLS servers (serverAuth)' },
  client: { oid: keyPurposes.clientAuth, text: 'TLS clients (clientAuth)' },
};

interface Search extends PathQuestion {
  steps: number;
  signatureChecks: number;
  refusedPaths: number;
  readonly entities: Map<Certificate, Certificate>;
  /** By certificate: who may have issued it. */
  readonly issuers: Map<Certificate, Issuers>;
  /** Links that no path can go through: who did not sign what, and who may sign nothing. */
  readonly signatures: KnownOfPairs<boolean>;
  readonly unfit: Set<Certificate>;
  readonly comparisons: Comparisons;
  failure: { readonly error: TlsCertificateError; readonly rank: Rank; readonly depth: number } | undefined;
}

/** Anchors first. */
interface Issuers {
  readonly candidates: readonly Certificate[];
  readonly anchors: ReadonlySet<Certificate>;
}

/** How much a failure tells: the more, the more of the path had been proven. */
const ranks = { nobodyFound: 0, didNotSign: 1, notFit: 2, gaveUp: 3, refused: 4 } as const;
type Rank = (typeof ranks)[keyof typeof ranks];

/** `path` and what leads on from its last certificate to an anchor; undefined where nothing does. */
function extend(search: Search, path: readonly Certificate[]): readonly Certificate[] | undefined {
  const child = path.at(-1)!;
  const deadEnd = whyNoIssuerHelps(path);
  if (deadEnd !== undefined) {
    refuse(search, ranks.notFit, path, path, () => deadEnd);
    return undefined;
  }
  const issuers = issuersOf(search, child);
  const candidates = issuers.candidates.filter(
    (candidate) => !path.some((certificate) => isSameEntity(search, certificate, candidate)),
  );
  if (candidates.length === 0) {
    refuse(search, ranks.nobodyFound, path, path, () => unknownIssuer(path));
  }
  for (const candidate of candidates) {
    search.steps += 1;
    const exhausted = exhaustedBudget(search);
    if (exhausted !== undefined) {
      refuse(search, ranks.gaveUp, path, path, () => tooManyPaths(path, exhausted));
      return undefined;
    }
    // What was told once need not be told on every path.
    if (search.unfit.has(candidate) || search.signatures.get(candidate)?.get(child) === false) continue;
    const extended = [...path, candidate];
    const isAnchor = issuers.anchors.has(candidate);
    let rank: Rank = ranks.didNotSign;
    try {
      checkSignature(search, path, candidate);
      rank = ranks.notFit;
      checkAuthority(search, candidate, path.length);
    } catch (error) {
      if (!(error instanceof TlsCertificateError)) throw error;
      refuse(search, rank, path, extended, () => error);
      continue;
    }
    const misplaced = whyNotHere(search, path, candidate, isAnchor);
    if (misplaced !== undefined) {
      refuse(search, rank, path, extended, misplaced);
      continue;
    }
    const refused = isAnchor ? whyRefused(search, extended) : undefined;
    if (refused !== undefined) {
      refuse(search, ranks.refused, path, extended, () => refused);
      continue;
    }
    const found = isAnchor ? extended : extend(search, extended);
    if (found !== undefined) return found;
  }
  return undefined;
}

function issuersOf(search: Search, child: Certificate): Issuers {
  let issuers = search.issuers.get(child);
  if (issuers === undefined) {
    const anchors = search.anchors.withSubject(child.issuer);
    const others = search.intermediates.filter(({ subject }) => equalBytes(subject, child.issuer));
    issuers = { candidates: [...anchors, ...others], anchors: new Set(anchors) };
    search.issuers.set(child, issuers);
  }
  return issuers;
}

/** Loops go through the same name and key, whatever certificate says so. */
function isSameEntity(search: Search, one: Certificate, other: Certificate): boolean {
  return entityOf(search, one) === entityOf(search, other);
}

/** The first certificate with its name and key: long names are compared once, not on every step of every path. */
function entityOf({ entities }: Search, certificate: Certificate): Certificate {
  let entity = entities.get(certificate);
  if (entity === undefined) {
    const { subject, subjectPublicKeyInfo } = certificate;
    entity = certificate;
    for (const first of new Set(entities.values())) {
      if (equalBytes(first.subject, subject) && equalBytes(first.subjectPublicKeyInfo, subjectPublicKeyInfo))
        entity = first;
    }
    entities.set(certificate, entity);
  }
  return entity;
}

function exhaustedBudget({ steps, signatureChecks, refusedPaths }: Search): string | undefined {
  if (refusedPaths >= maxRefusedPaths) return `${maxRefusedPaths} whole paths`;
  if (steps > maxPathSteps) return `${maxPathSteps} candidates`;
  return signatureChecks >= maxSignatureChecks ? `${maxSignatureChecks} signatures` : undefined;
}

/**
 * Keeps the failure that tells most: a better rank, or nobody found further up. An error costs more than the step that
 * found it, and a peer decides how many there are: it is made for whoever keeps it.
 */
function refuse(
  search: Search,
  rank: Rank,
  { length: depth }: readonly Certificate[],
  deadEnd: readonly Certificate[],
  makeError: () => TlsCertificateError,
): void {
  const { failure, onDeadEnd } = search;
  const further = rank === ranks.nobodyFound && failure?.rank === rank && depth > failure.depth;
  const isKept = failure === undefined || rank > failure.rank || further;
  if (!isKept && onDeadEnd === undefined) return;
  const error = makeError();
  if (isKept) search.failure = { error, rank, depth };
  onDeadEnd?.(deadEnd, error);
}

function whyNoIssuerHelps(path: readonly Certificate[]): TlsCertificateError | undefined {
  const position = path.length - 1;
  const child = path[position]!;
  if (signatureAlgorithm(child.signatureAlgorithm) === undefined) {
    return new TlsCertificateError(
      'weak_signature',
      `The certificate "${nameOf(child, 'subject')}" is signed with ${algorithmName(child.signatureAlgorithm)}; Tacit takes SHA-256, SHA-384 and SHA-512 with RSA or ECDSA, and Ed25519. Its issuer must sign it anew.`,
      placeOf(child, position),
    );
  }
  return undefined;
}

/** Whether `candidate` signed the last certificate of `path`. */
function checkSignature(search: Search, path: readonly Certificate[], candidate: Certificate): void {
  const child = path.at(-1)!;
  const key = whereFit(search, candidate, () => keyOf(candidate, path.length, search.provider));
  const isGood = askedOnce(search.signatures, candidate, child, () => {
    // It counts where it is known, too: what is judged must not depend on what was met before.
    search.signatureChecks += costOf(key);
    if (hasSigned(candidate, child, search.provider)) return true;
    const algorithm = signatureAlgorithm(child.signatureAlgorithm);
    return algorithm !== undefined && key.verifySigned(algorithm, child.toBeSigned, child.signature);
  });
  if (isGood) return;
  throw new TlsCertificateError(
    'bad_signature',
    `The signature of the certificate "${nameOf(child, 'subject')}" does not verify with the key of "${nameOf(candidate, 'subject')}", whose name it gives as its issuer's. It was changed, or another authority of that name signed it.`,
    placeOf(child, path.length - 1),
  );
}

/** What the last check has against a path in which all else holds. */
function whyRefused(search: Search, path: readonly Certificate[]): TlsCertificateError | undefined {
  try {
    search.checkPath?.(path, (key) => spend(search, path, key));
    return undefined;
  } catch (error) {
    if (!(error instanceof TlsCertificateError)) throw error;
    search.refusedPaths += 1;
    return error;
  }
}

/** @throws TlsCertificateError (`path_too_long`) where the budget is used up */
function spend(search: Search, path: readonly Certificate[], key: PublicKey): void {
  const exhausted = exhaustedBudget(search);
  if (exhausted !== undefined) throw tooManyPaths(path, exhausted);
  search.signatureChecks += costOf(key);
}

/** How many of the cheap ones a signature costs, the import of its key included: for P-521 more than twenty of P-256. */
function costOf({ schemes, modulusBits = 0 }: PublicKey): number {
  if (schemes.includes('ecdsa_secp521r1_sha512')) return 16;
  if (schemes.includes('ecdsa_secp384r1_sha384')) return 8;
  return modulusBits > 4096 ? 5 : 1;
}

/** What makes a candidate fail here makes it fail on every path. */
function whereFit<T>(search: Search, candidate: Certificate, check: () => T): T {
  try {
    return check();
  } catch (error) {
    search.unfit.add(candidate);
    throw error;
  }
}

/** Whether `candidate` may sign certificates at all. */
function checkAuthority(search: Search, candidate: Certificate, position: number): void {
  const fail = (check: CertificateCheck, message: string): never => {
    throw new TlsCertificateError(check, message, placeOf(candidate, position));
  };
  const name = (): string => `The certificate "${nameOf(candidate, 'subject')}"`;
  whereFit(search, candidate, () => {
    checkCertificate(candidate, position, search);
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
    // For authorities any usage is one (RFC 5280 §4.2.1.12); rustls-webpki wants the very one.
    if (usages !== undefined && !usages.includes(purpose.oid) && !usages.includes(keyPurposes.any)) {
      fail('extended_key_usage', `${name()} is an authority, but not for ${purpose.text} (extKeyUsage).`);
    }
  });
}

/** Why it must not sign what lies below it on this path, if so. */
function whyNotHere(
  search: Search,
  path: readonly Certificate[],
  candidate: Certificate,
  isAnchor: boolean,
): (() => TlsCertificateError) | undefined {
  const tooLong = (message: string): TlsCertificateError =>
    new TlsCertificateError('path_too_long', message, placeOf(candidate, path.length));
  // Self-issued ones count too, unlike in RFC 5280 §6.1.4 (l): nothing is lost by it, and other verifiers do the same.
  const below = path.length - 1;
  const { pathLength } = candidate.basicConstraints ?? {};
  if (pathLength !== undefined && below > pathLength) {
    return () =>
      tooLong(
        `The certificate "${nameOf(candidate, 'subject')}" allows ${pathLength} authorities below it (pathLenConstraint), but has ${below}.`,
      );
  }
  if (below > maxIntermediates || (below === maxIntermediates && !isAnchor))
    return () => tooLong(`The chain has more than ${maxIntermediates} certificates between leaf and anchor.`);
  return brokenNameConstraints(candidate, path, search.comparisons);
}

function unknownIssuer(path: readonly Certificate[]): TlsCertificateError {
  const position = path.length - 1;
  const last = path[position]!;
  const subject = nameOf(last, 'subject');
  const advice = 'If you trust it, give it in `ca`.';
  const message = last.isSelfIssued
    ? `The certificate "${subject}" is self-signed and not among the trusted ones. ${advice}`
    : `The issuer of the certificate "${subject}" was not found: "${nameOf(last, 'issuer')}" is not among the trusted authorities, nor did the peer send it. ${advice} If the peer should have sent it, its chain is incomplete.`;
  return new TlsCertificateError('unknown_issuer', message, placeOf(last, position));
}

function tooManyPaths(path: readonly Certificate[], budget: string): TlsCertificateError {
  return new TlsCertificateError(
    'path_too_long',
    `The chain allows so many paths that the search for a trusted one was given up after ${budget}. Send only the certificates that are needed.`,
    placeOf(path[0]!, 0),
  );
}

function dateText(time: number): string {
  return new Date(time).toISOString();
}
