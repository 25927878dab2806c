import { copyBytes, equalBytes, lookupKey } from '../base/bytes.ts';
import { maxRememberedBytes, maxRememberedCertificates, maxRememberedItems } from '../base/limits.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import type { Certificate } from './certificate.ts';

/**
 * What was found good is read, imported and verified once, as long as it is met again: a client meets few chains, and
 * many of them share authorities. Only facts that cannot change are kept: what the bytes of a certificate say, and
 * that a key signed them. Dates, names, usages, constraints and revocation are judged anew each time.
 */
interface Remembered {
  /** By `lookupKey`; the one that was not used for the longest time comes first. */
  readonly certificates: Map<number, Certificate>;
  /** By certificate: those whose keys have signed it. */
  readonly signers: WeakMap<Certificate, WeakSet<Certificate>>;
}

const byProvider = new WeakMap<CryptoProvider, Remembered>();

function rememberedBy(provider: CryptoProvider): Remembered {
  let remembered = byProvider.get(provider);
  if (remembered === undefined) {
    remembered = { certificates: new Map(), signers: new WeakMap() };
    byProvider.set(provider, remembered);
  }
  return remembered;
}

/** The certificate of a trusted path that consists of these very bytes: always one of version 3. */
export function rememberedCertificate(der: Uint8Array, provider: CryptoProvider): Certificate | undefined {
  if (der.length > maxRememberedBytes) return undefined;
  const { certificates } = rememberedBy(provider);
  const lookup = lookupKey(der);
  const found = certificates.get(lookup);
  // Bytes decide: anybody can make others of the same lookup key.
  if (found === undefined || !equalBytes(found.der, der)) return undefined;
  certificates.delete(lookup);
  certificates.set(lookup, found);
  return found;
}

/** As `parse`, and from a copy: whoever changes `der` later changes nothing here. */
export function readOrRemembered(
  der: Uint8Array,
  provider: CryptoProvider,
  parse: (der: Uint8Array) => Certificate,
): Certificate {
  return rememberedCertificate(der, provider) ?? parse(copyBytes(der));
}

/** Whether it is known that the key of `issuer` verifies the signature of `certificate`. */
export function hasSigned(issuer: Certificate, certificate: Certificate, provider: CryptoProvider): boolean {
  return rememberedBy(provider).signers.get(certificate)?.has(issuer) === true;
}

/**
 * Call it with paths in which everything was found good. Strangers cannot fill this: nothing false leads to an anchor.
 * An authority under one could, and would cost others no more than the work that they are spared otherwise.
 * @param path from `readOrRemembered`, leaf first; the anchor, last, is its owner's to keep
 */
export function rememberPath(path: readonly Certificate[], provider: CryptoProvider): void {
  const { certificates, signers } = rememberedBy(provider);
  for (const [position, certificate] of path.slice(0, -1).entries()) {
    // One that was taken at one place for one question must not come back at another, or for another.
    if (certificate.version === 1) continue;
    if (certificate.der.length > maxRememberedBytes || itemsOf(certificate) > maxRememberedItems) continue;
    const lookup = lookupKey(certificate.der);
    if (certificates.get(lookup) !== certificate) {
      certificates.delete(lookup);
      if (certificates.size === maxRememberedCertificates)
        certificates.delete(certificates.keys().next().value!);
      certificates.set(lookup, certificate);
    }
    let known = signers.get(certificate);
    if (known === undefined) {
      known = new WeakSet();
      signers.set(certificate, known);
    }
    known.add(path[position + 1]!);
  }
}

function itemsOf(certificate: Certificate): number {
  const { subjectAltName, nameConstraints, crlDistributionPoints, extendedKeyUsage, tlsFeatures } =
    certificate;
  const lists = [
    subjectAltName,
    nameConstraints?.permitted,
    nameConstraints?.excluded,
    crlDistributionPoints,
    extendedKeyUsage,
    tlsFeatures,
  ];
  return lists.reduce((sum, list) => sum + (list?.length ?? 0), 0);
}
