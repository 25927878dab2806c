import type { X509Certificate } from 'node:crypto';
import type { DetailedPeerCertificate, PeerCertificate } from 'node:tls';
import { maxIntermediates } from '../base/limits.ts';
import { x509Of } from './x509.ts';

/** Among whom the issuer of a certificate may be, beside those that were sent with it. Both DER. */
export type IssuerSource = (certificate: Uint8Array) => readonly Uint8Array[];

const nobody: IssuerSource = () => [];

/** Leaf, intermediates and anchor: no path that is taken has more. Each costs as many signatures as others have its issuer's name. */
const maxPath = maxIntermediates + 2;

/**
 * A chain as `getPeerCertificate()` gives it: an object of its leaf.
 * @param chain DER, leaf first
 * @param isDetailed whether each has its issuer as `issuerCertificate`, and a self-signed one itself
 * @param issuers whom to ask for the issuer of what nobody in `chain` has issued
 */
export function peerCertificate(
  chain: readonly Uint8Array[],
  isDetailed: boolean,
  issuers: IssuerSource = nobody,
): PeerCertificate | DetailedPeerCertificate {
  const path = isDetailed ? pathOf(chain, issuers) : chain.slice(0, 1).map(x509Of);
  const objects = path.map((certificate) => certificate.toLegacyObject() as DetailedPeerCertificate);
  if (isDetailed) linkIssuers(path, objects);
  return objects[0] ?? ({} as PeerCertificate);
}

/** The leaf of a chain, as `getPeerX509Certificate()` gives it: with the issuers that were sent. */
export function peerX509Certificate(chain: readonly Uint8Array[]): X509Certificate | undefined {
  const path = pathOf(chain, nobody);
  for (const [index, certificate] of path.entries()) {
    // Node's own getter knows only of chains that OpenSSL has given it.
    Object.defineProperty(certificate, 'issuerCertificate', { configurable: true, value: path[index + 1] });
  }
  return path[0];
}

/**
 * From the leaf up to what has issued itself, or as far as issuers are known and a path may be long: those in `chain` go
 * first, as in Node.
 */
export function pathOf(chain: readonly Uint8Array[], issuers: IssuerSource): readonly X509Certificate[] {
  const path = chain.slice(0, 1).map(x509Of);
  const sent = chain.slice(1).flatMap(readable);
  for (let last = path[0]; last !== undefined && !isSelfSigned(last); ) {
    const { raw } = last;
    const issuer = issuerAmong(last, sent) ?? issuerAmong(last, issuers(raw).flatMap(readable));
    // Two authorities may have certified each other.
    last = path.some((certificate) => issuer?.raw.equals(certificate.raw)) ? undefined : issuer;
    if (last !== undefined) path.push(last);
    if (path.length === maxPath) break;
  }
  return path;
}

/** Whether its own key has signed it. */
export function isSelfSigned(certificate: X509Certificate): boolean {
  return isIssuedBy(certificate, certificate);
}

/** What Node cannot read, it cannot show as an issuer either. */
function readable(der: Uint8Array): readonly X509Certificate[] {
  try {
    return [x509Of(der)];
  } catch {
    return [];
  }
}

function issuerAmong(
  certificate: X509Certificate,
  candidates: readonly X509Certificate[],
): X509Certificate | undefined {
  return candidates.find((candidate) => isIssuedBy(certificate, candidate));
}

/** By its signature too: an issuer that merely has the right name may be anybody's. */
function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  try {
    return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
  } catch {
    // A key of a kind that OpenSSL does not have.
    return false;
  }
}

function linkIssuers(path: readonly X509Certificate[], objects: readonly DetailedPeerCertificate[]): void {
  const last = path.at(-1);
  for (const [index, object] of objects.entries()) {
    const isRoot = last !== undefined && index === path.length - 1 && isSelfSigned(last);
    const issuer = isRoot ? object : objects[index + 1];
    if (issuer !== undefined) object.issuerCertificate = issuer;
  }
}
