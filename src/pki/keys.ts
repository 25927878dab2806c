import { copyBytes, equalBytes, lookupKey } from '../base/bytes.ts';
import { TlsCertificateError } from '../base/errors.ts';
import { maxRememberedKeys } from '../base/limits.ts';
import type { CryptoProvider, PublicKey } from '../crypto/provider.ts';
import { type Certificate, nameOf, placeOf } from './certificate.ts';

interface KnownKeys {
  /** What came of reading keys, good and bad: anchors' are used again and again, a search asks for each many times. */
  readonly byCertificate: WeakMap<Certificate, PublicKey | string>;
  /** Those of authorities that led to an anchor, by `lookupKey`: most peers' certificates are from the same few. */
  readonly ofAuthorities: Map<number, { readonly subjectPublicKeyInfo: Uint8Array; readonly key: PublicKey }>;
}

const known = new WeakMap<CryptoProvider, KnownKeys>();

function knownKeys(provider: CryptoProvider): KnownKeys {
  let keys = known.get(provider);
  if (keys === undefined) {
    keys = { byCertificate: new WeakMap(), ofAuthorities: new Map() };
    known.set(provider, keys);
  }
  return keys;
}

/**
 * Spares the next chain under the same authorities the imports. Strangers cannot fill this: nothing false leads to an
 * anchor. An authority under one could, and would cost others no more than their imports.
 */
export function rememberKeys(path: readonly Certificate[], provider: CryptoProvider): void {
  const { ofAuthorities } = knownKeys(provider);
  for (let position = 1; position < path.length - 1; position++) {
    const authority = path[position]!;
    const lookup = lookupKey(authority.subjectPublicKeyInfo);
    if (ofAuthorities.has(lookup)) continue;
    // The oldest goes.
    if (ofAuthorities.size === maxRememberedKeys) ofAuthorities.delete(ofAuthorities.keys().next().value!);
    const subjectPublicKeyInfo = copyBytes(authority.subjectPublicKeyInfo);
    ofAuthorities.set(lookup, { subjectPublicKeyInfo, key: keyOf(authority, position, provider) });
  }
}

/**
 * RSA from 2 048 to 8 192 bits, the curves that TLS 1.3 signs with, and Ed25519.
 * @throws TlsCertificateError (`weak_key`)
 */
export function keyOf(certificate: Certificate, position: number, provider: CryptoProvider): PublicKey {
  const { byCertificate, ofAuthorities } = knownKeys(provider);
  let key = byCertificate.get(certificate);
  if (key === undefined) {
    const { subjectPublicKeyInfo } = certificate;
    const found = ofAuthorities.get(lookupKey(subjectPublicKeyInfo));
    const isKnown = found !== undefined && equalBytes(found.subjectPublicKeyInfo, subjectPublicKeyInfo);
    key = isKnown ? found.key : readKey(certificate, provider);
    byCertificate.set(certificate, key);
  }
  if (typeof key !== 'string') return key;
  const message = `The certificate "${nameOf(certificate, 'subject')}" ${key}`;
  throw new TlsCertificateError('weak_key', message, placeOf(certificate, position));
}

/** The key, or what is wrong with it. */
function readKey({ subjectPublicKeyInfo }: Certificate, provider: CryptoProvider): PublicKey | string {
  const key = provider.importPublicKey(subjectPublicKeyInfo);
  if (key === undefined)
    return 'has a key that Tacit does not take: it takes RSA with an odd exponent of 3 or more, P-256, P-384, P-521 and Ed25519. It needs a new key.';
  const { modulusBits } = key;
  if (modulusBits === undefined) return key;
  if (modulusBits < 2048)
    return `has an RSA key of ${modulusBits} bits, fewer than 2048. It needs a new key.`;
  // A longer modulus would let a peer choose how long we compute.
  return modulusBits > 8192 ? `has an RSA key of ${modulusBits} bits; Tacit takes up to 8192.` : key;
}
