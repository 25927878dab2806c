import { rootCertificates } from 'node:tls';
import { TlsCertificateError, TlsUsageError } from '../base/errors.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { anchorsOf, type TrustAnchors } from '../pki/anchors.ts';
import { parseCertificate } from '../pki/certificate.ts';
import { certificatesFrom, certificatesFromPem } from './pem.ts';

/** PEM text of one or several certificates, PEM or DER bytes, or an array of these. */
export type CertificateAuthorities = string | Uint8Array | readonly (string | Uint8Array)[];

/** @throws TlsUsageError naming the certificate that cannot be used */
export function trustAnchors(ca: CertificateAuthorities, provider: CryptoProvider): TrustAnchors {
  const sources: readonly (string | Uint8Array)[] =
    typeof ca === 'string' || ca instanceof Uint8Array ? [ca] : (ca as readonly (string | Uint8Array)[]);
  if (!Array.isArray(sources)) {
    throw new TlsUsageError('ca: expected PEM text, the bytes of a certificate, or an array of these');
  }
  if (sources.length === 0)
    throw new TlsUsageError('ca: expected at least one certificate, got an empty array');
  const certificates = sources.flatMap((source, index) => {
    const what = sources.length === 1 ? 'ca' : `ca[${index}]`;
    const found = certificatesFrom(source, what);
    for (const [place, der] of found.entries()) checkAnchor(der, `${what}, certificate ${place + 1}`);
    return found;
  });
  return anchorsOf(certificates, provider);
}

/** By the provider that reads their keys. */
const defaults = new WeakMap<CryptoProvider, TrustAnchors>();

/** The roots that this Node version carries (Mozilla's list), looked at when they are first needed. */
export function defaultTrustAnchors(provider: CryptoProvider): TrustAnchors {
  let anchors = defaults.get(provider);
  if (anchors === undefined) {
    const roots = rootCertificates.flatMap((pem) => certificatesFromPem(pem, 'tls.rootCertificates'));
    anchors = anchorsOf(roots, provider);
    defaults.set(provider, anchors);
  }
  return anchors;
}

/** What the caller names must be a certificate; one with a key that nobody takes is merely of no use. */
function checkAnchor(der: Uint8Array, what: string): void {
  try {
    parseCertificate(der);
  } catch (cause) {
    if (!(cause instanceof TlsCertificateError)) throw cause;
    throw new TlsUsageError(`${what} cannot be used as a trust anchor: ${cause.message}`, { cause });
  }
}
