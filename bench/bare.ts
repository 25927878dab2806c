import {
  type CipherGCMTypes,
  createCipheriv,
  createDecipheriv,
  createPublicKey,
  createSecretKey,
  diffieHellman,
  generateKeyPairSync,
  randomBytes,
  sign,
  verify,
} from 'node:crypto';
import { cipherSuites } from '../src/keys/cipher-suites.ts';
import type { Tls13CipherSuiteName } from '../src/wire/names.ts';
import { type KeyKind, leafKey } from './certificates.ts';
import { microseconds } from './measure.ts';

/** The content of a full record, in bytes. */
export const recordLength = 16_384;

// The types know ChaCha20-Poly1305 by overloads of its own; it is used exactly like GCM.
const cipherNames: Readonly<Record<Tls13CipherSuiteName, CipherGCMTypes>> = {
  TLS_AES_128_GCM_SHA256: 'aes-128-gcm',
  TLS_AES_256_GCM_SHA384: 'aes-256-gcm',
  TLS_CHACHA20_POLY1305_SHA256: 'chacha20-poly1305' as CipherGCMTypes,
};

/** `node:crypto` alone, sealing and opening one record after the other as TLS has to. */
export interface BareCipher {
  seal(): void;
  open(): void;
}

/** @param length of a record's content, in bytes */
export function bareCipher(suite: Tls13CipherSuiteName, length: number): BareCipher {
  const cipherName = cipherNames[suite];
  const key = createSecretKey(randomBytes(cipherSuites[suite].keyLength));
  const nonce = randomBytes(12);
  const header = randomBytes(5);
  const options = { authTagLength: 16 };
  const seal = (plaintext: Uint8Array): [Buffer, Buffer] => {
    const cipher = createCipheriv(cipherName, key, nonce, options);
    cipher.setAAD(header);
    const ciphertext = cipher.update(plaintext);
    cipher.final();
    return [ciphertext, cipher.getAuthTag()];
  };
  // What TLS 1.3 seals is one byte longer: the content type.
  const plaintext = randomBytes(length + 1);
  const [ciphertext, tag] = seal(plaintext);
  return {
    seal: () => void seal(plaintext),
    open: () => {
      const decipher = createDecipheriv(cipherName, key, nonce, options);
      decipher.setAAD(header);
      decipher.setAuthTag(tag);
      decipher.update(ciphertext);
      decipher.final();
    },
  };
}

/** Microseconds of the processor that the public-key operations of one handshake take in `node:crypto`. */
export interface BarePrimitives {
  readonly server: number;
  readonly client: number;
}

/**
 * A key pair and a shared secret on each side; a full handshake has the server's signature too, and the client's checks
 * of it and of the two certificates; with client authentication the other way round as well.
 */
export function barePrimitives(
  kind: KeyKind,
  handshake: 'full' | 'mutual' | 'resumed',
  calls: number,
): BarePrimitives {
  const peer = generateKeyPairSync('x25519').publicKey;
  const agree = (): void => {
    const { privateKey, publicKey } = generateKeyPairSync('x25519');
    publicKey.export({ format: 'jwk' });
    diffieHellman({ privateKey, publicKey: peer });
  };
  const agreement = microseconds(agree, calls);
  if (handshake === 'resumed') return { server: agreement, client: agreement };
  const key = leafKey(kind);
  const publicKey = createPublicKey(key);
  const content = randomBytes(130);
  const signature = sign('sha256', content, key);
  const signing = microseconds(() => sign('sha256', content, key), calls);
  const checking = 3 * microseconds(() => verify('sha256', content, publicKey, signature), calls);
  const [server, client] = [agreement + signing, agreement + checking];
  return handshake === 'full' ? { server, client } : { server: server + checking, client: client + signing };
}
