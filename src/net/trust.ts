import { noBytes, utf8 } from '../base/bytes.ts';
import { TlsCertificateError, TlsUsageError } from '../base/errors.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { sha256 } from '../crypto/sha256.ts';
import type {
  MaybePromise,
  PeerChain,
  QuestionContext,
  TrustPolicy,
  TrustVerdict,
} from '../handshake/identity.ts';
import { checkPresentedSize, type Leniency, strict, type VerifiedChain, verifyChain } from '../pki/verify.ts';
import { type CertificateAuthorities, trustAnchors } from './anchors.ts';
import { checkPins, pinSet } from './pins.ts';
import { type RevocationOptions, revocationSettings } from './revocation.ts';

export interface X509TrustOptions {
  /**
   * Whom to trust: authorities, or certificates of peers themselves. Default, for servers only: `'bundled'`, the roots
   * that Node carries. Clients cannot be judged by those: they certify everybody.
   */
  readonly ca?: CertificateAuthorities | undefined;
  /** By default only what peers send along is looked at. */
  readonly revocation?: RevocationOptions | undefined;
  /** See `CommonOptions.pins`. */
  readonly pins?: readonly (string | Uint8Array)[] | undefined;
  /** See `CommonOptions.verifyPeer`. */
  readonly verifyPeer?: PeerCheck | undefined;
  /** What the leaf must be good for. */
  readonly purpose: 'server' | 'client';
}

/** A chain that has passed every check but the caller's own. */
export interface VerifiedPeer {
  /** DER certificates of the path that was found, leaf first, trust anchor last; empty for a raw public key. */
  readonly path: readonly Uint8Array[];
  /** DER SubjectPublicKeyInfo of the peer's own key. */
  readonly publicKey: Uint8Array;
  /** What the leaf is good for. */
  readonly purpose: 'server' | 'client';
  /** The name that the leaf is valid for; undefined for a client. For a raw public key nobody has vouched for it. */
  readonly host: string | undefined;
}

/** `true` accepts; `false` and an error refuse, the error with its reason, and so does everything else. */
export type PeerCheck = (peer: VerifiedPeer, context: QuestionContext) => MaybePromise<boolean | Error>;

/**
 * The policy that judges a chain by RFC 5280 and a server's name by RFC 9525. It answers at once, unless `verifyPeer`
 * takes its time, and never throws for what a peer sent.
 *
 * A certificate that is byte for byte in `ca` is trusted without a path, an authority's certificate included; its
 * dates, key usage and name are still checked. Any other certificate that says CA:TRUE is refused as a leaf.
 *
 * @throws TlsUsageError where `ca` cannot be read, or for clients is missing or public; and from what it returns, where
 * the system's store is empty
 */
export function x509Trust(
  options: X509TrustOptions,
  provider: CryptoProvider,
  leniency: Leniency = strict,
): TrustPolicy {
  const { ca, purpose, verifyPeer } = options;
  const revocation = revocationSettings(options.revocation ?? {});
  if (purpose !== 'server' && purpose !== 'client') {
    throw new TlsUsageError(`purpose: expected 'server' or 'client', got ${typeof purpose}`);
  }
  const pins = options.pins === undefined ? undefined : pinSet(options.pins);
  const anchors = trustAnchors(ca, purpose, provider);
  const own = fingerprintOf(verifyPeer, provider);
  let fingerprint: Uint8Array | undefined;
  return Object.freeze({
    get fingerprint(): Uint8Array {
      fingerprint ??= sha256(
        provider,
        utf8(`tacit x509 3 ${purpose} ${leniency.namesCheckedBy} ${leniency.version1} `),
        anchors().hash,
        // A session from before a certificate was revoked is none.
        utf8(` ${revocation.stapledResponses} ${revocation.unknownStatus} ${revocation.lists.length} `),
        ...revocation.lists.map((list) => list.fingerprint(provider)),
        utf8(` ${[...(pins ?? [])].sort().join(' ')} `),
        own,
      );
      return fingerprint;
    },
    get certificateAuthorities(): readonly Uint8Array[] | undefined {
      return purpose === 'client' ? anchors().authorities : undefined;
    },
    requestsOcspResponses: revocation.stapledResponses !== 'ignore',
    verify(peer: PeerChain, context: QuestionContext): MaybePromise<TrustVerdict> {
      let chain: VerifiedChain;
      try {
        if (peer.purpose !== purpose) throw otherPurpose(purpose, peer.purpose);
        checkPresentedSize(peer.chain);
        chain = verifyChain({ ...peer, provider, anchors: anchors(), revocation }, leniency);
        if (pins !== undefined) checkPins(chain.path, pins, provider);
      } catch (error) {
        if (error instanceof TlsCertificateError) return { trusted: false, error };
        throw error;
      }
      const path = chain.path.map(({ der }) => der.slice());
      const publicKey = chain.path[0]!.subjectPublicKeyInfo.slice();
      const verified = { path, publicKey, purpose, host: peer.host };
      return askedToo(verifyPeer, verified, chain.validUntil, context);
    },
  });
}

/**
 * What a check of the caller's adds to the fingerprint of a policy. Functions cannot be compared: what this one accepted
 * is resumed only where the very same one judges.
 * @throws TlsUsageError where it is no function
 */
export function fingerprintOf(verifyPeer: PeerCheck | undefined, provider: CryptoProvider): Uint8Array {
  if (verifyPeer === undefined) return noBytes;
  if (typeof verifyPeer !== 'function')
    throw new TlsUsageError(`verifyPeer: expected a function, got ${typeof verifyPeer}`);
  return provider.randomBytes(32);
}

/** The verdict on a peer in which all else is right. */
export function askedToo(
  verifyPeer: PeerCheck | undefined,
  peer: VerifiedPeer,
  validUntil: number,
  context: QuestionContext,
): MaybePromise<TrustVerdict> {
  const trusted: TrustVerdict = { trusted: true, validUntil };
  if (verifyPeer === undefined) return trusted;
  const answer = verifyPeer(peer, context);
  const verdict = (value: unknown): TrustVerdict => (value === true ? trusted : refusedBy(value));
  return isPromiseLike(answer) ? answer.then(verdict) : verdict(answer);
}

/** A careless answer, nothing at all or a word, must not let anybody in. */
function refusedBy(value: unknown): TrustVerdict {
  if (value instanceof TlsCertificateError) return { trusted: false, error: value };
  const message =
    value instanceof Error
      ? `verifyPeer refused the peer: ${value.message}`
      : value === false
        ? 'verifyPeer refused the peer'
        : `verifyPeer must answer true, false or an error; it gave ${value === null ? 'null' : typeof value}, which refuses`;
  const cause = value instanceof Error ? { cause: value } : undefined;
  return { trusted: false, error: new TlsCertificateError('not_acceptable', message, undefined, cause) };
}

export function isPromiseLike<T>(value: MaybePromise<T>): value is PromiseLike<T> {
  return typeof (value as PromiseLike<T> | undefined)?.then === 'function';
}

export function otherPurpose(purpose: string, asked: string): TlsCertificateError {
  return new TlsCertificateError('not_acceptable', `This trust policy judges ${purpose}s, not ${asked}s.`);
}
