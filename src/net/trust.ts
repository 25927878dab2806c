import { utf8 } from '../base/bytes.ts';
import { TlsCertificateError, TlsUsageError } from '../base/errors.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import type { PeerChain, TrustPolicy, TrustVerdict } from '../handshake/identity.ts';
import type { TrustAnchors } from '../pki/anchors.ts';
import { checkPresentedSize, verifyChain } from '../pki/verify.ts';
import { type CertificateAuthorities, defaultTrustAnchors, trustAnchors } from './anchors.ts';
import { type RevocationOptions, revocationSettings } from './revocation.ts';

export interface X509TrustOptions {
  /**
   * Whom to trust: PEM or DER certificates. Authorities, or certificates of peers themselves. Default, for servers
   * only: the roots that Node carries (`tls.rootCertificates`).
   */
  readonly ca?: CertificateAuthorities | undefined;
  /** By default nothing is known about revocation. */
  readonly revocation?: RevocationOptions | undefined;
  /** What the leaf must be good for. */
  readonly purpose: 'server' | 'client';
}

/**
 * The policy that judges a chain by RFC 5280 and a server's name by RFC 9525. It answers at once and never throws for
 * what a peer sent.
 *
 * A certificate that is byte for byte in `ca` is trusted without a path, an authority's certificate included; its
 * dates, key usage and name are still checked. Any other certificate that says CA:TRUE is refused as a leaf.
 *
 * @throws TlsUsageError where `ca` cannot be read, or is missing for clients
 */
export function x509Trust(options: X509TrustOptions, provider: CryptoProvider): TrustPolicy {
  const { ca, purpose } = options;
  const revocation = options.revocation && revocationSettings(options.revocation);
  if (purpose !== 'server' && purpose !== 'client') {
    throw new TlsUsageError(`purpose: expected 'server' or 'client', got ${typeof purpose}`);
  }
  if (ca === undefined && purpose === 'client') {
    throw new TlsUsageError('ca: name the authorities of your clients; public ones certify everybody');
  }
  const given = ca === undefined ? undefined : trustAnchors(ca, provider);
  const anchors = (): TrustAnchors => given ?? defaultTrustAnchors(provider);
  let fingerprint: Uint8Array | undefined;
  return Object.freeze({
    get fingerprint(): Uint8Array {
      if (fingerprint === undefined) {
        const hash = provider.hash('sha256');
        hash.update(utf8(`tacit x509 1 ${purpose} `));
        hash.update(anchors().hash);
        // A session from before a certificate was revoked is none.
        hash.update(utf8(` ${revocation?.unknownStatus} `));
        for (const list of revocation?.lists ?? []) hash.update(list.fingerprint(provider));
        fingerprint = hash.digest();
      }
      return fingerprint;
    },
    verify(peer: PeerChain): TrustVerdict {
      try {
        if (peer.purpose !== purpose) throw otherPurpose(purpose, peer.purpose);
        checkPresentedSize(peer.chain);
        const { validUntil } = verifyChain({ ...peer, provider, anchors: anchors(), revocation });
        return { trusted: true, validUntil };
      } catch (error) {
        if (error instanceof TlsCertificateError) return { trusted: false, error };
        throw error;
      }
    },
  });
}

function otherPurpose(purpose: string, asked: string): TlsCertificateError {
  return new TlsCertificateError('not_acceptable', `This trust policy judges ${purpose}s, not ${asked}s.`);
}
