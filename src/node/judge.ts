import tls, { type PeerCertificate } from 'node:tls';
import { TlsCertificateError } from '../base/errors.ts';
import { maxIntermediates, maxTicketLifetime } from '../base/limits.ts';
import type { ClientSettings } from '../connection/config.ts';
import { isPromiseLike, x509Trust } from '../net/trust.ts';
import { currentDefault, defaultAuthorities } from './authorities.ts';
import { peerCertificate } from './certificates.ts';
import { verificationError } from './errors.ts';
import { issuersOf } from './issuers.ts';
import { type ContextMaterial, provider } from './secure-context.ts';
import { x509Of } from './x509.ts';

type TrustPolicy = ClientSettings['trust'];
type TrustVerdict = Awaited<ReturnType<TrustPolicy['verify']>>;

/** What a socket wants to know of the judgement on its peer, and has to say about it. */
export interface JudgedSocket {
  /** Whether a peer that is not trusted ends the handshake. */
  readonly rejectsUnauthorized: boolean;
  readonly requestsOcspResponse: boolean;
  /** Of a client: whom it means, and the check of that. */
  readonly identityCheck: IdentityCheck | undefined;
  onJudged(error: Error | undefined): void;
  onOcspResponse(response: Buffer | null): void;
}

export interface IdentityCheck {
  readonly host: string;
  /** @returns why the server is refused */
  readonly check: (host: string, certificate: PeerCertificate) => Error | undefined;
}

/** Looks at nothing but the leaf: what nobody looks at need not be made. */
const checkOfLeaf = tls.checkServerIdentity;

/** A policy, and what it was made of: the default, where there is no `ca`, and who was added, may be others by now. */
interface KeptPolicy {
  readonly policy: TrustPolicy;
  readonly basis: unknown;
  readonly added: readonly Uint8Array[];
}

const policies: Record<'server' | 'client', WeakMap<ContextMaterial, KeptPolicy>> = {
  server: new WeakMap(),
  client: new WeakMap(),
};

/** Chains only: names and consequences are the socket's affair. */
function chainPolicy(material: ContextMaterial, purpose: 'server' | 'client'): TrustPolicy {
  const { given, added } = material.authorities;
  const basis = given ?? currentDefault();
  const known = policies[purpose].get(material);
  if (known !== undefined && known.basis === basis && known.added === added) return known.policy;
  const ca = [...(given ?? defaultAuthorities(purpose)), ...added, ...material.further.roots];
  const policy = ca.length === 0 ? nobody : policyOf(ca, material, purpose);
  policies[purpose].set(material, { policy, basis, added });
  return policy;
}

function policyOf(
  ca: readonly (string | Uint8Array)[],
  { crls }: ContextMaterial,
  purpose: 'server' | 'client',
): TrustPolicy {
  const revocation = { stapledResponses: 'ignore', ...(crls && { crls }) } as const;
  return x509Trust({ ca, revocation, purpose }, provider, { namesCheckedBy: 'caller', version1: 'leaf' });
}

/** For a `ca` without a certificate. */
const nobody: TrustPolicy = {
  fingerprint: new Uint8Array(0),
  verify: () => ({
    trusted: false,
    error: new TlsCertificateError('unknown_issuer', 'there is no certificate in `ca`: nobody is trusted'),
  }),
};

/** Judges as Node does: whether the chain is good, then, of a server, whether it is the one that was meant. */
export function judgingPolicy(
  material: ContextMaterial,
  purpose: 'server' | 'client',
  socket: JudgedSocket,
): TrustPolicy {
  // Who is added to the context counts from then on.
  const chains = (): TrustPolicy => chainPolicy(material, purpose);
  return {
    // Whatever a session was made under, its peer is judged again when it is resumed.
    get fingerprint() {
      return chains().fingerprint;
    },
    get certificateAuthorities() {
      return chains().certificateAuthorities;
    },
    requestsOcspResponses: socket.requestsOcspResponse,
    verify(peer, context) {
      if (socket.requestsOcspResponse) {
        const response = peer.ocspResponses?.[0];
        socket.onOcspResponse(response === undefined ? null : Buffer.from(response));
      }
      const judged = (verdict: TrustVerdict): TrustVerdict => {
        const refusal = verdict.trusted
          ? identityRefusal(peer.chain, material, socket.identityCheck)
          : chainRefusal(verdict.error, peer.chain);
        socket.onJudged(refusal?.told);
        if (refusal !== undefined && socket.rejectsUnauthorized)
          return { trusted: false, error: refusal.reason };
        return verdict.trusted ? verdict : { trusted: true, validUntil: peer.now + maxTicketLifetime * 1000 };
      };
      const verdict = chains().verify({ ...peer, chain: completed(peer.chain, material) }, context);
      return isPromiseLike(verdict) ? verdict.then(judged) : judged(verdict);
    },
  };
}

/** What a `pfx` has may stand behind what a peer has sent, as in Node. It is no peer's own: who sends nothing has nothing. */
function completed(
  chain: readonly Uint8Array[],
  { further: { between } }: ContextMaterial,
): readonly Uint8Array[] {
  return chain.length === 0 ? chain : [...chain, ...between.slice(0, maxIntermediates)];
}

/** Why a peer is refused: what its alert comes from, and what the application is told. */
interface Refusal {
  readonly reason: TlsCertificateError;
  readonly told: Error;
}

function chainRefusal(reason: TlsCertificateError, chain: readonly Uint8Array[]): Refusal {
  const links = chain.map((der) => {
    try {
      const { subject, issuer } = x509Of(der);
      return { isSelfIssued: subject === issuer };
    } catch {
      return { isSelfIssued: false };
    }
  });
  return { reason, told: verificationError(reason, links) };
}

function identityRefusal(
  chain: readonly Uint8Array[],
  material: ContextMaterial,
  identity: IdentityCheck | undefined,
): Refusal | undefined {
  if (identity === undefined) return undefined;
  const { host, check } = identity;
  const certificate = peerCertificate(chain, check !== checkOfLeaf, issuersOf(material, 'server'));
  const answer: unknown = check(host, certificate);
  // As in Node, whatever is true refuses: a promise too, since nobody waits for it.
  if (!answer) return undefined;
  const told =
    answer instanceof Error ? answer : new Error(`checkServerIdentity gave no Error: ${String(answer)}`);
  return { reason: new TlsCertificateError('name_mismatch', told.message, undefined, { cause: told }), told };
}
