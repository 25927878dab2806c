import {
  createECDH,
  createHash,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  type KeyObject,
} from 'node:crypto';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import type {
  CryptoProvider,
  HashAlgorithm,
  KeyExchange,
  NamedGroup,
  PublicKey,
} from '../../src/crypto/provider.ts';
import { Kept } from './kept.ts';

/** Private keys of known curves in PKCS #8, ahead of their 32 bytes. */
const pkcs8Prefixes = {
  ed25519: '302e020100300506032b657004220420',
  x25519: '302e020100300506032b656e04220420',
} as const;

const curves = { secp256r1: 'prime256v1', secp384r1: 'secp384r1', secp521r1: 'secp521r1' } as const;
const scalarLengths = { x25519: 32, secp256r1: 32, secp384r1: 48, secp521r1: 66 } as const;

interface KeyPair {
  readonly publicValue: Uint8Array;
  derive(peerShare: Uint8Array): Uint8Array | undefined;
}

/** What is costly is kept, here and below: connections that begin with the same seed do it once. */
const keyPairs = new Kept<KeyPair>();

/**
 * node:crypto, but all that is random follows from a seed, so that a connection can be run again byte for byte. For
 * tests only: whoever knows the seed knows every key.
 */
export class SeededProvider implements CryptoProvider {
  readonly #seed: string;
  #counter = 0;

  readonly timingSafeEqual = nodeCrypto.timingSafeEqual;
  readonly hash = nodeCrypto.hash;
  readonly sha1 = nodeCrypto.sha1;
  readonly hmac = hmacOnce;
  readonly aead = nodeCrypto.aead;
  readonly importPublicKey = importOnce;
  readonly compressors = nodeCrypto.compressors;

  constructor(seed: string) {
    this.#seed = seed;
  }

  /** Begins with the seed again. */
  restart(): void {
    this.#counter = 0;
  }

  randomBytes = (length: number): Uint8Array => {
    const bytes = new Uint8Array(length);
    for (let offset = 0; offset < length; offset += 32) {
      const block = createHash('sha256').update(`${this.#seed} ${this.#counter}`).digest();
      this.#counter += 1;
      bytes.set(block.subarray(0, Math.min(32, length - offset)), offset);
    }
    return bytes;
  };

  initiateKeyExchange = (group: NamedGroup): KeyExchange => {
    const { publicValue, derive } = this.#keyPair(group);
    return { group, publicValue: publicValue.slice(), finish: derive };
  };

  respondToKeyExchange = (
    group: NamedGroup,
    peerShare: Uint8Array,
  ): { publicValue: Uint8Array; sharedSecret: Uint8Array } | undefined => {
    const { publicValue, derive } = this.#keyPair(group);
    const sharedSecret = derive(peerShare);
    return sharedSecret && { publicValue: publicValue.slice(), sharedSecret };
  };

  #keyPair(group: NamedGroup): KeyPair {
    const scalar = this.randomBytes(scalarLengths[group]);
    // Below the order of every curve.
    if (group !== 'x25519') scalar[0] = 0;
    const id = `${group} ${Buffer.from(scalar).toString('hex')}`;
    return keyPairs.get(id, () =>
      remembering(group === 'x25519' ? x25519KeyPair(scalar) : ecKeyPair(curves[group], scalar)),
    );
  }
}

/** An Ed25519 private key that follows from a seed. */
export function seededEd25519Key(seed: string): KeyObject {
  return privateKey('ed25519', createHash('sha256').update(seed).digest());
}

/** An X25519 key pair of this private key. */
export function x25519KeyPair(scalar: Uint8Array): KeyPair {
  const key = privateKey('x25519', scalar);
  const { x = '' } = createPublicKey(key).export({ format: 'jwk' });
  return {
    publicValue: new Uint8Array(Buffer.from(x, 'base64url')),
    derive: (peerShare): Uint8Array => {
      const jwk = { kty: 'OKP', crv: 'X25519', x: Buffer.from(peerShare).toString('base64url') };
      const peerKey = createPublicKey({ key: jwk, format: 'jwk' });
      return new Uint8Array(diffieHellman({ privateKey: key, publicKey: peerKey }));
    },
  };
}

/** An ECDH key pair of this private key. */
export function ecKeyPair(curve: string, scalar: Uint8Array): KeyPair {
  const ecdh = createECDH(curve);
  ecdh.setPrivateKey(scalar);
  return {
    publicValue: new Uint8Array(ecdh.getPublicKey()),
    derive: (peerShare): Uint8Array => new Uint8Array(ecdh.computeSecret(peerShare)),
  };
}

function privateKey(type: keyof typeof pkcs8Prefixes, scalar: Uint8Array): KeyObject {
  const pkcs8 = Buffer.concat([Buffer.from(pkcs8Prefixes[type], 'hex'), scalar]);
  return createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
}

const macs = new Kept<Uint8Array>();

function hmacOnce(algorithm: HashAlgorithm, key: Uint8Array, data: Uint8Array): Uint8Array {
  const id = `${algorithm} ${key.length} ${Buffer.concat([key, data]).toString('latin1')}`;
  return macs.get(id, () => nodeCrypto.hmac(algorithm, key, data)).slice();
}

const publicKeys = new Kept<PublicKey | undefined>();

function importOnce(subjectPublicKeyInfo: Uint8Array): PublicKey | undefined {
  return publicKeys.get(Buffer.from(subjectPublicKeyInfo).toString('hex'), () => {
    const key = nodeCrypto.importPublicKey(subjectPublicKeyInfo);
    return key && verifyingOnce(key);
  });
}

function verifyingOnce(key: PublicKey): PublicKey {
  const verdicts = new Kept<boolean>();
  return {
    schemes: key.schemes,
    modulusBits: key.modulusBits,
    verifySigned: (algorithm, content, signature) => key.verifySigned(algorithm, content, signature),
    verify(scheme, content, signature): boolean {
      const id = `${scheme} ${Buffer.from(content).toString('hex')} ${Buffer.from(signature).toString('hex')}`;
      return verdicts.get(id, () => key.verify(scheme, content, signature));
    },
  };
}

/** Keeps shared secrets by the peer's share; what is no valid share gives undefined. */
function remembering(keyPair: KeyPair): KeyPair {
  const secrets = new Kept<Uint8Array | undefined>();
  const derive = (peerShare: Uint8Array): Uint8Array | undefined => {
    const { length } = keyPair.publicValue;
    // The same form as our own value: 32 bytes, or an uncompressed point.
    if (peerShare.length !== length || (length > 32 && peerShare[0] !== 4)) return undefined;
    try {
      return keyPair.derive(peerShare);
    } catch {
      return undefined;
    }
  };
  return {
    publicValue: keyPair.publicValue,
    derive(peerShare): Uint8Array | undefined {
      return secrets.get(Buffer.from(peerShare).toString('hex'), () => derive(peerShare))?.slice();
    },
  };
}
