import { createHash, createHmac, createSecretKey, type Hash } from 'node:crypto';
import type { HashAlgorithm, RunningHash } from '../provider.ts';
import { plainBytes } from './bytes.ts';

/** A hash of OpenSSL's. */
export class NodeHash implements RunningHash {
  readonly #hash: Hash;

  constructor(hash: Hash) {
    this.#hash = hash;
  }

  update(data: Uint8Array): void {
    this.#hash.update(data);
  }

  copy(): RunningHash {
    return new NodeHash(this.#hash.copy());
  }

  digest(): Uint8Array {
    return plainBytes(this.#hash.copy().digest());
  }
}

/** See `CryptoProvider.hash`. */
export function hash(algorithm: HashAlgorithm): RunningHash {
  return new NodeHash(createHash(algorithm));
}

/** See `CryptoProvider.sha1`. */
export function sha1(data: Uint8Array): Uint8Array {
  return plainBytes(createHash('sha1').update(data).digest());
}

/** Later versions of Node 24 take 14 µs for a key in bytes, and 1 µs to make it a KeyObject; the others 0.1 and 1. */
const asKey = process.versions.node.startsWith('24.') ? createSecretKey : (key: Uint8Array) => key;

/** See `CryptoProvider.hmac`. */
export function hmac(algorithm: HashAlgorithm, key: Uint8Array, data: Uint8Array): Uint8Array {
  return plainBytes(createHmac(algorithm, asKey(key)).update(data).digest());
}
