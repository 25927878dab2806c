import { createHash } from 'node:crypto';
import { utf8 } from '../base/bytes.ts';
import { TlsCertificateError, TlsUsageError } from '../base/errors.ts';
import { maxPresentedCertificates } from '../base/limits.ts';
import type { PeerChain, TrustPolicy, TrustVerdict } from '../handshake/identity.ts';
import {
  type CertificateAuthorities,
  defaultTrustAnchors,
  type TrustAnchors,
  trustAnchors,
} from './anchors.ts';
import { matchesHost, readableNames } from './names.ts';
import { checkCertificate, findPath, purposes } from './path.ts';
import { type Certificate, nameOf, parseCertificate, placeOf } from './x509-certificate.ts';
import { keyUsages } from './x509-extensions.ts';

export interface X509TrustOptions {
  /**
   * Whom to trust: PEM or DER certificates. Authorities, or certificates of peers themselves. Default, for servers
   * only: the roots that Node carries (`tls.rootCertificates`).
   */
  readonly ca?: CertificateAuthorities | undefined;
  /** What the leaf must be good for. */
  readonly purpose: 'server' | 'client';
}

/**
 * The policy that judges a chain by RFC 5280 and a server's name by RFC 9525. It answers at once and never throws for
 * what a peer sent. Revocation is not checked.
 *
 * A certificate that is byte for byte in `ca` is trusted without a path, an authority's certificate included; its
 * dates, key usage and name are still checked. Any other certificate that says CA:TRUE is refused as a leaf.
 *
 * @throws TlsUsageError where `ca` cannot be read, or is missing for clients
 */
export function x509Trust(options: X509TrustOptions): TrustPolicy {
  const { ca, purpose } = options;
  if (purpose !== 'server' && purpose !== 'client') {
    throw new TlsUsageError(`purpose: expected 'server' or 'client', got ${typeof purpose}`);
  }
  if (ca === undefined && purpose === 'client') {
    throw new TlsUsageError('ca: name the authorities of your clients; public ones certify everybody');
  }
  const given = ca === undefined ? undefined : trustAnchors(ca);
  const anchors = (): TrustAnchors => given ?? defaultTrustAnchors();
  let fingerprint: Uint8Array | undefined;
  return Object.freeze({
    get fingerprint(): Uint8Array {
      fingerprint ??= Uint8Array.from(
        createHash('sha256')
          .update(utf8(`tacit x509 1 ${purpose} `))
          .update(anchors().hash)
          .digest(),
      );
      return fingerprint;
    },
    verify(peer: PeerChain): TrustVerdict {
      try {
        return { trusted: true, validUntil: judge(peer, anchors(), purpose) };
      } catch (error) {
        if (error instanceof TlsCertificateError) return { trusted: false, error };
        throw error;
      }
    },
  });
}

/** @returns when the first certificate of the path expires */
function judge(peer: PeerChain, anchors: TrustAnchors, purpose: 'server' | 'client'): number {
  if (peer.purpose !== purpose) {
    throw new TlsCertificateError(
      'not_acceptable',
      `This trust policy judges ${purpose}s, not ${peer.purpose}s.`,
    );
  }
  if (Number.isNaN(new Date(peer.now).getTime()))
    throw new TlsCertificateError('not_acceptable', 'The clock gives no time.');
  const [leaf, ...intermediates] = parseChain(peer.chain);
  if (leaf === undefined) throw new TlsCertificateError('missing', 'The peer sent no certificate.');

  checkCertificate(leaf, 0, peer.now);
  checkLeafUsage(leaf, purpose);
  const pinned = anchors.has(leaf);
  const path = pinned ? [leaf] : findPath({ leaf, intermediates, anchors, purpose, now: peer.now });
  if (!pinned && leaf.basicConstraints?.ca === true) {
    throw new TlsCertificateError(
      'not_acceptable',
      `The certificate "${nameOf(leaf, 'subject')}" is an authority's (CA:TRUE) and must not be a peer's own. The peer needs one without CA:TRUE; or, if you trust this very certificate, give it in \`ca\`.`,
      placeOf(leaf, 0),
    );
  }
  if (purpose === 'server' || peer.host !== undefined) checkName(leaf, peer.host);
  return Math.min(...path.map(({ notAfter }) => notAfter));
}

function parseChain(chain: readonly Uint8Array[]): readonly Certificate[] {
  if (chain.length > maxPresentedCertificates) {
    throw new TlsCertificateError(
      'path_too_long',
      `The peer sent ${chain.length} certificates; Tacit reads ${maxPresentedCertificates}.`,
    );
  }
  return chain.map((der, position) => {
    try {
      return parseCertificate(der);
    } catch (error) {
      if (!(error instanceof TlsCertificateError)) throw error;
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
