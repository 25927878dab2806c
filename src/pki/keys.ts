import { TlsCertificateError } from '../base/errors.ts';
import type { CryptoProvider, PublicKey } from '../crypto/provider.ts';
import { type Certificate, nameOf, placeOf } from './certificate.ts';

/** What came of reading keys, good and bad: anchors' are used again and again, a search asks for each many times. */
const known = new WeakMap<CryptoProvider, WeakMap<Certificate, PublicKey | string>>();

function knownKeys(provider: CryptoProvider): WeakMap<Certificate, PublicKey | string> {
  let keys = known.get(provider);
  if (keys === undefined) {
    keys = new WeakMap();
    known.set(provider, keys);
  }
  return keys;
}

/**
 * RSA from 2 048 to 8 192 bits, the curves that TLS 1.3 signs with, and Ed25519.
 * @throws TlsCertificateError (`weak_key`)
 */
export function keyOf(certificate: Certificate, position: number, provider: CryptoProvider): PublicKey {
  const keys = knownKeys(provider);
  let key = keys.get(certificate);
  if (key === undefined) {
    key = readKey(certificate, provider);
    keys.set(certificate, key);
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
