import { TlsCertificateError, TlsUsageError } from '../base/errors.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { type Certificate, nameOf } from '../pki/certificate.ts';
import { type VerifiedChain, verifyChain } from '../pki/verify.ts';
import { type CertificateAuthorities, trustAnchors } from './anchors.ts';
import { certificatesFrom } from './pem.ts';
import { type RevocationOptions, revocationSettings } from './revocation.ts';

/** How a chain is to be judged. */
export interface VerifyOptions {
  /** As for `connect` and `listen`: `'bundled'` by default, for servers only. */
  readonly ca?: CertificateAuthorities | undefined;
  /** The DNS name or IP address that the leaf must be valid for; a server must have one. */
  readonly host?: string | undefined;
  /** What the leaf must be good for; `server` by default. */
  readonly purpose?: 'server' | 'client' | undefined;
  /** Milliseconds since 1970; now by default. */
  readonly now?: number | undefined;
  readonly revocation?: RevocationOptions | undefined;
  /** The DER OCSP response that the peer would send with the leaf. Without one, no promise to send one counts. */
  readonly ocspResponse?: Uint8Array | undefined;
}

/** What a certificate says of itself, for people. */
export interface CertificateSummary {
  readonly subject: string;
  readonly issuer: string;
  /** Milliseconds since 1970. */
  readonly notBefore: number;
  /** Milliseconds since 1970. */
  readonly notAfter: number;
}

/** What became of a chain. */
export type Verification =
  | {
      readonly trusted: true;
      /** Leaf first, trust anchor last; the leaf alone where it is trusted itself. */
      readonly path: readonly CertificateSummary[];
      /** When the first of what this stands on expires, in milliseconds since 1970. */
      readonly validUntil: number;
    }
  | {
      readonly trusted: false;
      readonly error: TlsCertificateError;
      /** Every path that was tried, leaf first, and why it leads nowhere; empty where none was looked for. */
      readonly attempts: readonly {
        readonly path: readonly CertificateSummary[];
        readonly error: TlsCertificateError;
      }[];
    };

/**
 * Judges a certificate chain as a connection would, and says how it came to that.
 *
 * @param chain PEM text or bytes, leaf first, the others in any order; or one DER certificate
 * @throws TlsUsageError where an option or `chain` cannot be read
 */
export function verifyCertificates(
  chain: string | Uint8Array,
  options: VerifyOptions,
  provider: CryptoProvider,
): Verification {
  const { ca, host, purpose = 'server', now = Date.now(), ocspResponse } = options;
  if (ocspResponse !== undefined && !(ocspResponse instanceof Uint8Array))
    throw new TlsUsageError(
      `ocspResponse: expected the bytes of a DER OCSP response, got ${typeof ocspResponse}`,
    );
  const revocation = revocationSettings(options.revocation ?? {});
  const hasChosen = options.revocation?.stapledResponses !== undefined;
  const stapledResponses = hasChosen || ocspResponse !== undefined ? revocation.stapledResponses : 'ignore';
  const attempts: { path: readonly CertificateSummary[]; error: TlsCertificateError }[] = [];
  const question = {
    provider,
    chain: certificatesFrom(chain, 'chain'),
    anchors: trustAnchors(ca, purpose, provider)(),
    purpose,
    host,
    now,
    revocation: { ...revocation, stapledResponses },
    ocspResponses: [ocspResponse],
    onDeadEnd: (path: readonly Certificate[], error: TlsCertificateError) =>
      void attempts.push({ path: path.map(summary), error }),
  };
  let verified: VerifiedChain;
  try {
    verified = verifyChain(question);
  } catch (error) {
    if (error instanceof TlsCertificateError) return { trusted: false, error, attempts };
    throw error;
  }
  return { trusted: true, path: verified.path.map(summary), validUntil: verified.validUntil };
}

function summary(certificate: Certificate): CertificateSummary {
  const { notBefore, notAfter } = certificate;
  return {
    subject: nameOf(certificate, 'subject'),
    issuer: nameOf(certificate, 'issuer'),
    notBefore,
    notAfter,
  };
}
