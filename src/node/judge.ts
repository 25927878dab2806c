import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type PeerCertificate, rootCertificates } from 'node:tls';
import { TlsCertificateError } from '../base/errors.ts';
import type { ClientSettings } from '../connection/config.ts';
import { certificatesWithin } from '../net/pem.ts';
import { isPromiseLike, x509Trust } from '../net/trust.ts';
import { peerCertificate } from './certificates.ts';
import { verificationError } from './errors.ts';
import { type ContextMaterial, provider } from './secure-context.ts';

type TrustPolicy = ClientSettings['trust'];
type TrustVerdict = Awaited<ReturnType<TrustPolicy['verify']>>;

/** What a socket wants to know of the judgement on its peer, and has to say about it. */
export interface JudgedSocket {
  /** Whether a peer that is not trusted ends the handshake. */
  readonly rejectsUnauthorized: boolean;
  readonly requestsOcspResponse: boolean;
  /** Of a client: the check of the server's identity. @returns why it is refused */
  readonly checkIdentity: ((certificate: PeerCertificate) => Error | undefined) | undefined;
  onJudged(error: Error | undefined): void;
  onOcspResponse(response: Buffer | null): void;
}

/** The longest that a session may live (RFC 9846 §4.7.1): the chain of who is not trusted bounds nothing. Milliseconds. */
const longestSession = 604_800_000;

const policies: Record<'server' | 'client', WeakMap<ContextMaterial, TrustPolicy>> = {
  server: new WeakMap(),
  client: new WeakMap(),
};

/** Chains only: names and consequences are the socket's affair. */
function chainPolicy(material: ContextMaterial, purpose: 'server' | 'client'): TrustPolicy {
  let policy = policies[purpose].get(material);
  if (policy === undefined && material.ca?.length === 0) {
    policy = nobody;
  } else if (policy === undefined) {
    policy = x509Trust(
      {
        ca: material.ca ?? defaultAuthorities(purpose),
        revocation: { stapledResponses: 'ignore', ...(material.crls && { crls: material.crls }) },
        purpose,
        namesCheckedBy: 'caller',
      },
      provider,
    );
    policies[purpose].set(material, policy);
  }
  return policy;
}

/** For a `ca` without any. */
const nobody: TrustPolicy = {
  fingerprint: new Uint8Array(0),
  verify: () => ({
    trusted: false,
    error: new TlsCertificateError('unknown_issuer', '`ca` is empty: nobody is trusted.'),
  }),
};

/** Judges as Node does: whether the chain is good, then, of a server, whether it is the one that was meant. */
export function judgingPolicy(
  material: ContextMaterial,
  purpose: 'server' | 'client',
  socket: JudgedSocket,
): TrustPolicy {
  const chains = chainPolicy(material, purpose);
  return {
    // Whatever a session was made under, its peer is judged again when it is resumed.
    get fingerprint() {
      return chains.fingerprint;
    },
    get certificateAuthorities() {
      return chains.certificateAuthorities;
    },
    requestsOcspResponses: socket.requestsOcspResponse,
    verify(peer, context) {
      if (socket.requestsOcspResponse) {
        const response = peer.ocspResponses?.[0];
        socket.onOcspResponse(response === undefined ? null : Buffer.from(response));
      }
      const judged = (verdict: TrustVerdict): TrustVerdict => {
        const refusal = verdict.trusted
          ? identityRefusal(peer.chain, socket)
          : chainRefusal(verdict.error, peer.chain);
        socket.onJudged(refusal?.told);
        if (refusal !== undefined && socket.rejectsUnauthorized)
          return { trusted: false, error: refusal.reason };
        return verdict.trusted ? verdict : { trusted: true, validUntil: peer.now + longestSession };
      };
      const verdict = chains.verify(peer, context);
      return isPromiseLike(verdict) ? verdict.then(judged) : judged(verdict);
    },
  };
}

/** Why a peer is refused: what its alert comes from, and what the application is told. */
interface Refusal {
  readonly reason: TlsCertificateError;
  readonly told: Error;
}

function chainRefusal(reason: TlsCertificateError, chain: readonly Uint8Array[]): Refusal {
  const links = chain.map((der) => {
    try {
      const { subject, issuer } = new X509Certificate(der);
      return { isSelfIssued: subject === issuer };
    } catch {
      return { isSelfIssued: false };
    }
  });
  return { reason, told: verificationError(reason, links) };
}

function identityRefusal(chain: readonly Uint8Array[], { checkIdentity }: JudgedSocket): Refusal | undefined {
  const answer: unknown = checkIdentity?.(peerCertificate(chain, true));
  // As in Node, whatever is true refuses: a promise too, since nobody waits for it.
  if (!answer) return undefined;
  const told =
    answer instanceof Error ? answer : new Error(`checkServerIdentity gave no Error: ${String(answer)}`);
  return { reason: new TlsCertificateError('name_mismatch', told.message, undefined, { cause: told }), told };
}

/** Mozilla's set in Node, what NODE_EXTRA_CA_CERTS adds to it, and the system's where Node is told to use it. */
function defaultAuthorities(purpose: 'server' | 'client'): readonly (string | Uint8Array)[] {
  // Node lets the public authorities vouch for clients too; whoever wants less gives `ca`.
  const bundled = purpose === 'server' ? ['bundled'] : rootCertificates;
  const replaced = isSaid('--use-openssl-ca');
  const system = replaced || isSaid('--use-system-ca') || process.env['NODE_USE_SYSTEM_CA'] === '1';
  return [...(replaced ? [] : bundled), ...extraAuthorities(), ...(system ? ['system'] : [])];
}

let extra: readonly Uint8Array[] | undefined;

function extraAuthorities(): readonly Uint8Array[] {
  const path = process.env['NODE_EXTRA_CA_CERTS'];
  if (path === undefined || path === '') return [];
  try {
    extra ??= certificatesWithin(readFileSync(path, 'latin1'));
  } catch (cause) {
    extra = [];
    const reason = cause instanceof Error ? cause.message : String(cause);
    process.emitWarning(`Ignoring extra certs from \`${path}\`: ${reason}`);
  }
  return extra;
}

function isSaid(flag: string): boolean {
  return [...process.execArgv, ...(process.env['NODE_OPTIONS'] ?? '').split(' ')].includes(flag);
}
