import { randomFillSync, timingSafeEqual } from 'node:crypto';
import type { CryptoProvider } from '../provider.ts';
import { aead } from './aead.ts';
import { compressors } from './compression.ts';
import { hash, hmac, sha1 } from './hash.ts';
import { initiateKeyExchange, respondToKeyExchange } from './key-exchange.ts';
import { importPublicKey } from './public-key.ts';

/** The provider that stands on node:crypto, which is OpenSSL, and node:zlib. */
export const nodeCrypto: CryptoProvider = {
  randomBytes: (length) => randomFillSync(new Uint8Array(length)),
  timingSafeEqual: (a, b) => a.length === b.length && timingSafeEqual(a, b),
  hash,
  sha1,
  hmac,
  aead,
  initiateKeyExchange,
  respondToKeyExchange,
  importPublicKey,
  compressors,
};
