import { createHash } from 'node:crypto';
import { rootCertificates } from 'node:tls';
import { equalBytes } from '../base/bytes.ts';
import { TlsCertificateError, TlsUsageError } from '../base/errors.ts';
import { certificatesFrom, certificatesFromPem } from './pem.ts';
import { type Certificate, parseCertificate } from './x509-certificate.ts';
import { latin1 } from './x509-values.ts';

/** PEM text of one or several certificates, PEM or DER bytes, or an array of these. */
export type CertificateAuthorities = string | Uint8Array | readonly (string | Uint8Array)[];

/** The certificates that a path may end in. */
export interface TrustAnchors {
  /** The anchors with this DER name. */
  withSubject(subject: Uint8Array): readonly Certificate[];
  /** Whether this very certificate is an anchor, byte for byte. */
  has(certificate: Certificate): boolean;
  readonly count: number;
  /** SHA-256 over the anchors, in whatever order they were given. */
  readonly hash: Uint8Array;
}

/** @throws TlsUsageError naming the certificate that cannot be used */
export function trustAnchors(ca: CertificateAuthorities): TrustAnchors {
  const sources: readonly (string | Uint8Array)[] =
    typeof ca === 'string' || ca instanceof Uint8Array ? [ca] : (ca as readonly (string | Uint8Array)[]);
  if (!Array.isArray(sources)) {
    throw new TlsUsageError('ca: expected PEM text, the bytes of a certificate, or an array of these');
  }
  if (sources.length === 0)
    throw new TlsUsageError('ca: expected at least one certificate, got an empty array');
  const certificates = sources.flatMap((source, index) => {
    const what = sources.length === 1 ? 'ca' : `ca[${index}]`;
    return certificatesFrom(source, what).map((der, place) =>
      parseAnchor(der, `${what}, certificate ${place + 1}`),
    );
  });
  return anchorsOf(certificates);
}

let defaults: TrustAnchors | undefined;

/** The roots that this Node version carries (Mozilla's list), read when they are first needed. */
export function defaultTrustAnchors(): TrustAnchors {
  defaults ??= anchorsOf(
    rootCertificates.flatMap((pem) => {
      try {
        return certificatesFromPem(pem, 'tls.rootCertificates').map(parseCertificate);
      } catch (error) {
        // A root that cannot be read is a root that is not trusted; the others still are.
        if (error instanceof TlsCertificateError) return [];
        throw error;
      }
    }),
  );
  return defaults;
}

function parseAnchor(der: Uint8Array, what: string): Certificate {
  try {
    const certificate = parseCertificate(der);
    // The system reads it as well: what it refuses could never be used.
    void certificate.x509.publicKey;
    return certificate;
  } catch (cause) {
    const detail = cause instanceof TlsCertificateError ? `: ${cause.message}` : '';
    throw new TlsUsageError(`${what} cannot be used as a trust anchor${detail}`, { cause });
  }
}

function anchorsOf(certificates: readonly Certificate[]): TrustAnchors {
  const bySubject = new Map<string, Certificate[]>();
  const hashes = new Set<string>();
  for (const certificate of certificates) {
    const hash = createHash('sha256').update(certificate.der).digest('hex');
    if (hashes.has(hash)) continue;
    hashes.add(hash);
    const key = latin1(certificate.subject);
    const same = bySubject.get(key);
    if (same === undefined) bySubject.set(key, [certificate]);
    else same.push(certificate);
  }
  const withSubject = (subject: Uint8Array): readonly Certificate[] => bySubject.get(latin1(subject)) ?? [];
  return {
    withSubject,
    has: (certificate) =>
      withSubject(certificate.subject).some(({ der }) => equalBytes(der, certificate.der)),
    count: hashes.size,
    hash: Uint8Array.from(
      createHash('sha256')
        .update([...hashes].sort().join('\n'))
        .digest(),
    ),
  };
}
