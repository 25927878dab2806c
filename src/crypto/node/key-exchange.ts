import { createECDH, createPublicKey, diffieHellman, generateKeyPairSync } from 'node:crypto';
import type { KeyExchange, KeyExchangeResponse, NamedGroup } from '../provider.ts';
import { plainBytes } from './bytes.ts';

/** One side's fresh key pair; the private key stays with OpenSSL. */
interface KeyPair {
  readonly publicValue: Uint8Array;
  /** The shared secret with a share of the right form; throws where it is no valid public key, or the result is zero. */
  derive(peerShare: Uint8Array): Uint8Array;
}

interface Group {
  /** Of a share, in bytes. */
  readonly shareLength: number;
  generate(): KeyPair;
}

const groups: Readonly<Record<NamedGroup, Group>> = {
  x25519: { shareLength: 32, generate: generateX25519 },
  secp256r1: { shareLength: 65, generate: () => generateOnCurve('prime256v1') },
  secp384r1: { shareLength: 97, generate: () => generateOnCurve('secp384r1') },
  secp521r1: { shareLength: 133, generate: () => generateOnCurve('secp521r1') },
};

/** See `CryptoProvider.initiateKeyExchange`. */
export function initiateKeyExchange(group: NamedGroup): KeyExchange {
  const keyPair = groups[group].generate();
  return {
    group,
    publicValue: keyPair.publicValue,
    finish: (peerShare) => finish(group, keyPair, peerShare),
  };
}

/** See `CryptoProvider.respondToKeyExchange`. */
export function respondToKeyExchange(
  group: NamedGroup,
  peerShare: Uint8Array,
): KeyExchangeResponse | undefined {
  if (!hasRightForm(group, peerShare)) return undefined;
  const keyPair = groups[group].generate();
  const sharedSecret = finish(group, keyPair, peerShare);
  return sharedSecret && { publicValue: keyPair.publicValue, sharedSecret };
}

function finish(group: NamedGroup, keyPair: KeyPair, peerShare: Uint8Array): Uint8Array | undefined {
  if (!hasRightForm(group, peerShare)) return undefined;
  try {
    return keyPair.derive(peerShare);
  } catch {
    // Off the curve (RFC 9846 §4.3.8.2), or an all-zero X25519 result (RFC 9846 §7.4.2).
    return undefined;
  }
}

function hasRightForm(group: NamedGroup, share: Uint8Array): boolean {
  if (share.length !== groups[group].shareLength) return false;
  // Points are uncompressed: OpenSSL would take the hybrid forms 06 and 07 of the same length too (RFC 9846 §4.3.8.2).
  return group === 'x25519' || share[0] === 4;
}

function generateX25519(): KeyPair {
  const { privateKey, publicKey } = generateKeyPairSync('x25519');
  // JWK is the fast way in and out: DER goes through OpenSSL's decoders, which cost ten times as much.
  const { x = '' } = publicKey.export({ format: 'jwk' });
  return {
    publicValue: new Uint8Array(Buffer.from(x, 'base64url')),
    derive(peerShare): Uint8Array {
      const jwk = { kty: 'OKP', crv: 'X25519', x: Buffer.from(peerShare).toString('base64url') };
      const peerKey = createPublicKey({ key: jwk, format: 'jwk' });
      return plainBytes(diffieHellman({ privateKey, publicKey: peerKey }));
    },
  };
}

function generateOnCurve(curve: string): KeyPair {
  const ecdh = createECDH(curve);
  return {
    publicValue: plainBytes(ecdh.generateKeys()),
    derive: (peerShare): Uint8Array => plainBytes(ecdh.computeSecret(peerShare)),
  };
}
