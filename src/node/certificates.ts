import type { X509Certificate } from 'node:crypto';
import type { DetailedPeerCertificate, PeerCertificate } from 'node:tls';
import { x509Of } from './x509.ts';

/**
 * A chain as `getPeerCertificate()` gives it: an object of its leaf.
 * @param chain DER, leaf first
 * @param isDetailed whether each has its issuer as `issuerCertificate`, and a self-signed one itself
 */
export function peerCertificate(
  chain: readonly Uint8Array[],
  isDetailed: boolean,
): PeerCertificate | DetailedPeerCertificate {
  const certificates = chain.slice(0, isDetailed ? chain.length : 1).map(x509Of);
  const objects = certificates.map((certificate) => certificate.toLegacyObject() as DetailedPeerCertificate);
  if (isDetailed) linkIssuers(certificates, objects);
  return objects[0] ?? ({} as PeerCertificate);
}

function linkIssuers(
  certificates: readonly X509Certificate[],
  objects: readonly DetailedPeerCertificate[],
): void {
  for (const [index, certificate] of certificates.entries()) {
    const issuer = certificate.checkIssued(certificate)
      ? index
      : certificates.findIndex((other, place) => place > index && certificate.checkIssued(other));
    const object = objects[index];
    const found = objects[issuer];
    if (object !== undefined && found !== undefined) object.issuerCertificate = found;
  }
}
