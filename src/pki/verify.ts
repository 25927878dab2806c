import { toHex } from '../base/bytes.ts';
import { TlsCertificateError } from '../base/errors.ts';
import { maxPresentedBytes, maxPresentedCertificates } from '../base/limits.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { sha256 } from '../crypto/sha256.ts';
import type { TrustAnchors } from './anchors.ts';
import { type Certificate, nameOf, parseCertificate, parseEndEntity, placeOf } from './certificate.ts';
import { commonNames } from './distinguished-name.ts';
import { keyUsages } from './extensions.ts';
import { matchesHost, readableNames } from './names.ts';
import { checkCertificate, findPath, type PathQuestion, purposes } from './path.ts';
import { readOrRemembered, rememberPath } from './remembered.ts';
import {
  checkRevocation,
  defaultRevocation,
  type RevocationQuestion,
  type RevocationSettings,
} from './revocation.ts';
import { readStapled } from './stapled.ts';

/**
 * What a chain costs is bounded by this: whoever takes one from a stranger checks it first.
 * @throws TlsCertificateError (`path_too_long`)
 */
export function checkPresentedSize(chain: readonly Uint8Array[]): void {
  const bytes = chain.reduce((sum, { length }) => sum + length, 0);
  const fail = (found: string, limit: string): never => {
    throw new TlsCertificateError('path_too_long', `The peer sent ${found}; Tacit reads ${limit}.`);
  };
  if (chain.length > maxPresentedCertificates)
    fail(`${chain.length} certificates`, String(maxPresentedCertificates));
  if (bytes > maxPresentedBytes) fail(`${bytes} bytes of certificates`, String(maxPresentedBytes));
}

/** A chain that was presented, and what it has to be. */
export interface ChainQuestion {
  readonly provider: CryptoProvider;
  /** DER certificates, leaf first; the others in any order. */
  readonly chain: readonly Uint8Array[];
  readonly anchors: TrustAnchors;
  /** What the leaf must be good for. */
  readonly purpose: 'server' | 'client';
  /** The DNS name or IP address that the leaf must be valid for; a server must have one. */
  readonly host: string | undefined;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly revocation?: RevocationSettings | undefined;
  /** DER OCSP responses, at the places of the certificates that they came with. */
  readonly ocspResponses?: readonly (Uint8Array | undefined)[] | undefined;
  /** Told about every path that leads nowhere, leaf first, and why. */
  readonly onDeadEnd?: PathQuestion['onDeadEnd'];
}

/** What only the face of `node:tls` wants otherwise; no part of a question, which could inherit it unseen. */
export interface Leniency {
  /** `caller`: whoever asks compares the names itself, and `host` says nothing. */
  readonly namesCheckedBy: 'us' | 'caller';
  /** Where a certificate of version 1 may stand in the chain. Anchors are their owner's affair. */
  readonly version1: 'nowhere' | 'leaf';
}

/** As for everybody. */
export const strict: Leniency = { namesCheckedBy: 'us', version1: 'nowhere' };

/** A chain that was found good. */
export interface VerifiedChain {
  /** Leaf first, anchor last; the leaf alone where it is itself an anchor. */
  readonly path: readonly Certificate[];
  /** When the first of what it stands on expires, in milliseconds since 1970. */
  readonly validUntil: number;
}

/**
 * Judges a chain by RFC 5280 and a server's name by RFC 9525, as strictly as rustls-webpki does.
 *
 * @throws TlsCertificateError that says which check refused which certificate
 */
export function verifyChain(question: ChainQuestion, leniency: Leniency = strict): VerifiedChain {
  const { provider, anchors, purpose, host, now, onDeadEnd, revocation = defaultRevocation } = question;
  if (Number.isNaN(new Date(now).getTime()))
    throw new TlsCertificateError('not_acceptable', 'The clock gives no time.');
  const chain = parseChain(question, leniency.version1);
  const [leaf, ...others] = chain;
  const intermediates = others.filter((certificate) => certificate !== undefined);
  if (leaf === undefined) throw new TlsCertificateError('missing', 'The peer sent no certificate.');
  checkCertificate(leaf, 0, question);
  checkLeafUsage(leaf, purpose);
  const isAnchor = anchors.has(leaf);
  if (!isAnchor) checkNoSigner(leaf);
  const responses = new Map(
    (question.ocspResponses ?? []).flatMap((response, place) => {
      const certificate = chain[place];
      if (response === undefined || certificate === undefined) return [];
      // One that is remembered is the same object wherever it is repeated: what counts is what came with the first.
      return chain.indexOf(certificate) === place ? [[certificate, readStapled(response)]] : [];
    }),
  );
  const answers: RevocationQuestion['answers'] = new Map();
  let known = Number.POSITIVE_INFINITY;
  const checkPath: PathQuestion['checkPath'] = (path, spend) => {
    known = checkRevocation(path, revocation, { provider, now, purpose, responses, answers, spend });
  };
  const path = isAnchor
    ? [leaf]
    : findPath({ provider, leaf, intermediates, anchors, purpose, now, checkPath, onDeadEnd });
  if (!isAnchor && leaf.basicConstraints?.ca === true) {
    throw new TlsCertificateError(
      'not_acceptable',
      `The certificate "${nameOf(leaf, 'subject')}" is an authority's (CA:TRUE) and must not be a peer's own. The peer needs one without CA:TRUE; or, if you trust this very certificate, give it in \`ca\`.`,
      placeOf(leaf, 0),
    );
  }
  const isOurs = leniency.namesCheckedBy === 'us';
  if (!isOurs) checkConstrainedNames(leaf, path, purpose);
  if (isOurs && (purpose === 'server' || host !== undefined)) checkName(leaf, host);
  rememberPath(path, provider);
  return { path, validUntil: Math.min(known, ...path.map(({ notAfter }) => notAfter)) };
}

/** @returns at each place what stands there; undefined for an anchor that is good for nothing else (of version 1) */
function parseChain(
  { chain, anchors, provider }: ChainQuestion,
  version1: Leniency['version1'],
): readonly (Certificate | undefined)[] {
  return chain.map((der, position) => {
    const parse = position === 0 && version1 === 'leaf' ? parseEndEntity : parseCertificate;
    try {
      return readOrRemembered(der, provider, parse);
    } catch (error) {
      if (!(error instanceof TlsCertificateError)) throw error;
      // A peer may send its root along: what counts is the one that we have.
      if (position > 0 && anchors.digests.has(toHex(sha256(provider, der)))) return undefined;
      const message = `Certificate ${position + 1} of the peer's chain cannot be read: ${error.message}.`;
      throw new TlsCertificateError(
        'malformed',
        message,
        { subject: 'unreadable', position },
        { cause: error },
      );
    }
  });
}

/** What the leaf's key may be used for (RFC 9846 §4.5.1.2 and RFC 5280 §4.2.1.12). */
function checkLeafUsage(leaf: Certificate, purpose: 'server' | 'client'): void {
  const name = (): string => `The certificate "${nameOf(leaf, 'subject')}"`;
  if (leaf.keyUsage !== undefined && (leaf.keyUsage & keyUsages.digitalSignature) === 0) {
    throw new TlsCertificateError(
      'key_usage',
      `${name()} may not sign handshakes: its keyUsage lacks digitalSignature. The peer needs another one.`,
      placeOf(leaf, 0),
    );
  }
  const { oid, text } = purposes[purpose];
  if (leaf.extendedKeyUsage !== undefined && !leaf.extendedKeyUsage.includes(oid)) {
    throw new TlsCertificateError(
      'extended_key_usage',
      `${name()} is not for ${text}: its extKeyUsage lists other purposes. The peer needs another one.`,
      placeOf(leaf, 0),
    );
  }
}

/** Who may sign certificates is an authority, and says so (RFC 5280 §4.2.1.9). */
function checkNoSigner(leaf: Certificate): void {
  const { basicConstraints, keyUsage = 0 } = leaf;
  if (basicConstraints?.ca !== true && (keyUsage & keyUsages.keyCertSign) !== 0) {
    throw new TlsCertificateError(
      'key_usage',
      `The certificate "${nameOf(leaf, 'subject')}" may sign others (keyCertSign), but is no authority's. The peer needs another one; or, if you trust this very certificate, give it in \`ca\`.`,
      placeOf(leaf, 0),
    );
  }
}

/**
 * Who compares names itself may go by the CN where there is no dNSName, and constraints say nothing of a CN here: below an
 * authority that is constrained, names must stand where constraints look for them. A client's CN may be a person's name,
 * which is no concern of theirs, but not what can be taken for a host's.
 */
function checkConstrainedNames(
  leaf: Certificate,
  path: readonly Certificate[],
  purpose: 'server' | 'client',
): void {
  const isConstrained = path.slice(1).some(({ nameConstraints }) => nameConstraints !== undefined);
  const hasNames = leaf.subjectAltName?.some(({ form }) => form === 'dNSName') ?? false;
  if (!isConstrained || hasNames) return;
  if (purpose === 'client' && !commonNames(leaf.subject).some(isHostLike)) return;
  throw new TlsCertificateError(
    'not_acceptable',
    `The certificate "${nameOf(leaf, 'subject')}" has no name in its subjectAltName, and one of its issuers may certify only some names (name constraints). It needs a dNSName.`,
    placeOf(leaf, 0),
  );
}

/** Neither several words nor an e-mail address. */
function isHostLike(name: string): boolean {
  return name.includes('.') && !/[\s@]/.test(name);
}

function checkName(leaf: Certificate, host: string | undefined): void {
  const names = leaf.subjectAltName ?? [];
  if (host !== undefined && matchesHost(host, names)) return;
  const readable = readableNames(names);
  const found =
    readable.length === 0
      ? 'no name that can be compared'
      : `${readable.join(', ')}${names.length > readable.length ? ' and others' : ''}`;
  const common = 'The subject (CN) does not count (RFC 9525).';
  throw new TlsCertificateError(
    'name_mismatch',
    host === undefined
      ? 'A server is verified for a host name or an IP address, and none was given.'
      : `The certificate is not valid for "${host}": it names ${found}. ${readable.length === 0 ? common : 'Connect by one of its names, or give the right one as `serverName`.'}`,
    placeOf(leaf, 0),
  );
}
