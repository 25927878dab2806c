import {
  type CipherGCMTypes,
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  type KeyObject,
} from 'node:crypto';
import { concatBytes, wipe } from '../../base/bytes.ts';
import type { Aead, AeadAlgorithm, RecordToOpen, RecordToSeal } from '../provider.ts';
import { plainBytes } from './bytes.ts';

const tagLength = 16;
// Without it OpenSSL takes GCM tags of 4 bytes and more.
const tagOptions = { authTagLength: tagLength } as const;

/** Neighbours shorter than this, in bytes, are joined: copying costs less there than one more call. */
const joinBelow = 1024;
/** How many parts are joined at a time. */
const joinAtMost = 1024;

/** For plaintexts in parts: to join those of a record costs less than a native call for each. Holds a whole record. */
const joined = new Uint8Array(2 ** 14 + 2 ** 8);

// The types know ChaCha20-Poly1305 by overloads of its own; it is used exactly like GCM.
const cipherNames: Readonly<Record<AeadAlgorithm, CipherGCMTypes>> = {
  AES_128_GCM: 'aes-128-gcm',
  AES_256_GCM: 'aes-256-gcm',
  CHACHA20_POLY1305: 'chacha20-poly1305' as CipherGCMTypes,
};

/** See `CryptoProvider.aead`. */
export function aead(algorithm: AeadAlgorithm, key: Uint8Array): Aead {
  return new NodeAead(cipherNames[algorithm], createSecretKey(key));
}

class NodeAead implements Aead {
  readonly #cipherName: CipherGCMTypes;
  // A KeyObject keeps the key outside of the heap, and OpenSSL wipes it.
  readonly #key: KeyObject;

  constructor(cipherName: CipherGCMTypes, key: KeyObject) {
    this.#cipherName = cipherName;
    this.#key = key;
  }

  seal(run: readonly RecordToSeal[]): Uint8Array[] {
    const wire: Uint8Array[] = [];
    for (const record of run) {
      const cipher = createCipheriv(this.#cipherName, this.#key, record.nonce, tagOptions);
      cipher.setAAD(record.additionalData);
      wire.push(record.header);
      const plaintext = joinPlaintext(record.plaintext);
      wire.push(plainBytes(cipher.update(plaintext)));
      if (plaintext.buffer === joined.buffer) wipe(plaintext);
      cipher.final();
      wire.push(plainBytes(cipher.getAuthTag()));
    }
    return joinSmall(wire);
  }

  open(run: readonly RecordToOpen[]): Uint8Array[] {
    const plaintexts: Uint8Array[] = [];
    for (const record of run) {
      const plaintext = this.#open(record);
      if (!plaintext) break;
      plaintexts.push(plaintext);
    }
    return plaintexts;
  }

  #open({ nonce, additionalData, ciphertext }: RecordToOpen): Uint8Array | undefined {
    const length = ciphertext.length - tagLength;
    if (length < 0) return undefined;
    const decipher = createDecipheriv(this.#cipherName, this.#key, nonce, tagOptions);
    decipher.setAAD(additionalData);
    decipher.setAuthTag(ciphertext.subarray(length));
    const plaintext = plainBytes(decipher.update(ciphertext.subarray(0, length)));
    try {
      decipher.final();
    } catch {
      wipe(plaintext);
      return undefined;
    }
    return plaintext;
  }
}

/** The parts in one array, which is good until the next call. */
function joinPlaintext(parts: readonly Uint8Array[]): Uint8Array {
  const [first] = parts;
  if (first !== undefined && parts.length === 1) return first;
  let length = 0;
  for (const part of parts) length += part.length;
  if (length > joined.length) return concatBytes(...parts);
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined.subarray(0, length);
}

/** The same bytes, with short neighbours joined. */
function joinSmall(parts: readonly Uint8Array[]): Uint8Array[] {
  const joined: Uint8Array[] = [];
  let small: Uint8Array[] = [];
  const flush = (): void => {
    if (small.length > 0) joined.push(concatBytes(...small));
    small = [];
  };
  for (const part of parts) {
    if (part.length < joinBelow) {
      small.push(part);
      // A call takes tens of thousands of arguments, no more.
      if (small.length === joinAtMost) flush();
    } else {
      flush();
      joined.push(part);
    }
  }
  flush();
  return joined;
}
