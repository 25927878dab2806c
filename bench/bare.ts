import {
  type CipherGCMTypes,
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
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

/** Microseconds of the processor that one handshake's calls of `node:crypto` take. */
export interface BarePrimitives {
  readonly server: number;
  readonly client: number;
}

/**
 * On each side the key schedule and its records (`bareSymmetric`), a key pair and a shared secret with the peer's public
 * value; a full handshake has the server's signature too and the client's check of it, with client authentication the other
 * way round as well. The signatures in a chain can be remembered.
 */
export function barePrimitives(
  kind: KeyKind,
  handshake: 'full' | 'mutual' | 'resumed',
  calls: number,
): BarePrimitives {
  const peerShare = generateKeyPairSync('x25519').publicKey.export({ format: 'jwk' });
  const agree = (): void => {
    const { privateKey, publicKey } = generateKeyPairSync('x25519');
    publicKey.export({ format: 'jwk' });
    diffieHellman({ privateKey, publicKey: createPublicKey({ key: peerShare, format: 'jwk' }) });
  };
  const agreement = microseconds(agree, calls) + microseconds(bareSymmetric(handshake), calls);
  if (handshake === 'resumed') return { server: agreement, client: agreement };
  const key = leafKey(kind);
  const publicKey = createPublicKey(key);
  const content = randomBytes(130);
  const signature = sign('sha256', content, key);
  const signing = microseconds(() => sign('sha256', content, key), calls);
  const checking = microseconds(() => verify('sha256', content, publicKey, signature), calls);
  const [server, client] = [agreement + signing, agreement + checking];
  return handshake === 'full' ? { server, client } : { server: server + checking, client: client + signing };
}

/**
 * What RFC 9846 asks of either side in one handshake and its end beside public keys, and no more: nobody exports keys or
 * sends tickets. Both sides make the same calls.
 */
function bareSymmetric(handshake: 'full' | 'mutual' | 'resumed'): () => void {
  // §7.1: Handshake Secret, Main Secret with its salt, four traffic secrets; §7.3: a key and an IV for each of them;
  // §4.5.3: a key and a MAC for each Finished. A PSK adds Early Secret, the salt, the binder's key, its own and the binder.
  const hmacs = 7 + 8 + 4 + (handshake === 'resumed' ? 5 : 0);
  // §4.1: behind ServerHello and the server's Finished, and for each signature and Finished what comes before it.
  const digests = { resumed: 3, full: 4, mutual: 5 }[handshake];
  const cipher = bareCipher('TLS_AES_128_GCM_SHA256', 36);
  const [key, info, message] = [randomBytes(32), randomBytes(50), randomBytes(300)];
  const keyLength = 16;
  return () => {
    for (let i = 0; i < hmacs; i++) createHmac('sha256', key).update(info).digest();
    const transcript = createHash('sha256');
    for (let i = 0; i < digests; i++) {
      transcript.update(message);
      transcript.copy().digest();
    }
    for (let i = 0; i < 4; i++) createSecretKey(key.subarray(0, keyLength));
    // The flight and close_notify, in both directions.
    for (let i = 0; i < 2; i++) {
      cipher.seal();
      cipher.open();
    }
  };
}
