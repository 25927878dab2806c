/*
 * The cryptography of TLS 1.2 once more, from RFC 5246 §5, §6.3 and §8.1, RFC 5288, RFC 7905, RFC 7627 §4 and RFC 5705,
 * on node:crypto: nothing of src/keys.
 */

import { createCipheriv, createDecipheriv, createHash, createHmac } from 'node:crypto';
import { concatBytes, utf8 } from '../../../src/base/bytes.ts';
import { type Tls12CipherSuiteName, tls12CipherSuiteCodes } from '../../../src/wire/names.ts';
import type { Side } from '../support/steps.ts';
import type { Epoch } from '../support/voice.ts';

export interface Suite {
  readonly name: Tls12CipherSuiteName;
  readonly code: number;
  readonly hash: 'sha256' | 'sha384';
  readonly cipher: 'aes-128-gcm' | 'aes-256-gcm' | 'chacha20-poly1305';
  readonly keyLength: number;
  readonly ivLength: number;
  readonly key: 'RSA' | 'ECDSA';
}

export function suiteNamed(name: Tls12CipherSuiteName): Suite {
  const cipher = name.includes('AES_128')
    ? 'aes-128-gcm'
    : name.includes('AES_256')
      ? 'aes-256-gcm'
      : 'chacha20-poly1305';
  return {
    name,
    code: tls12CipherSuiteCodes[name],
    hash: name.endsWith('384') ? 'sha384' : 'sha256',
    cipher,
    keyLength: cipher === 'aes-128-gcm' ? 16 : 32,
    ivLength: cipher === 'chacha20-poly1305' ? 12 : 4,
    key: name.includes('ECDHE_RSA') ? 'RSA' : 'ECDSA',
  };
}

export function suiteWithCode(code: number): Suite | undefined {
  const names = Object.keys(tls12CipherSuiteCodes) as Tls12CipherSuiteName[];
  const name = names.find((one) => tls12CipherSuiteCodes[one] === code);
  return name && suiteNamed(name);
}

/** P_hash over label and seed (RFC 5246 §5). */
export function prf(
  hash: Suite['hash'],
  secret: Uint8Array,
  label: string,
  seed: Uint8Array,
  length: number,
): Uint8Array {
  const hmac = (data: Uint8Array): Uint8Array => createHmac(hash, secret).update(data).digest();
  const start = concatBytes(utf8(label), seed);
  const parts: Uint8Array[] = [];
  let a = start;
  for (let made = 0; made < length; made += parts[0]!.length) {
    a = hmac(a);
    parts.push(hmac(concatBytes(a, start)));
  }
  return new Uint8Array(concatBytes(...parts)).slice(0, length);
}

/** The two random values, client first. */
export interface Randoms {
  readonly client: Uint8Array;
  readonly server: Uint8Array;
}

/** @param session the messages up to ClientKeyExchange, where the extended master secret was agreed on (RFC 7627 §4) */
export function masterSecret(
  { hash }: Suite,
  premaster: Uint8Array,
  { client, server }: Randoms,
  session: Uint8Array | undefined,
): Uint8Array {
  if (!session) return prf(hash, premaster, 'master secret', concatBytes(client, server), 48);
  const sessionHash = createHash(hash).update(session).digest();
  return prf(hash, premaster, 'extended master secret', sessionHash, 48);
}

export function verifyData(
  { hash }: Suite,
  master: Uint8Array,
  side: Side,
  messages: Uint8Array,
): Uint8Array {
  return prf(hash, master, `${side} finished`, createHash(hash).update(messages).digest(), 12);
}

/** RFC 5705 §4, with a context. */
export function exported(
  { hash }: Suite,
  master: Uint8Array,
  { client, server }: Randoms,
  label: string,
  context: Uint8Array,
  length: number,
): Uint8Array {
  const size = Uint8Array.of(context.length >> 8, context.length & 0xff);
  return prf(hash, master, label, concatBytes(client, server, size, context), length);
}

/** The write keys of a side, out of the key block (RFC 5246 §6.3). */
export function keysOf(
  suite: Suite,
  master: Uint8Array,
  { client, server }: Randoms,
  side: Side,
): RecordKeys {
  const { hash, keyLength, ivLength } = suite;
  const block = prf(hash, master, 'key expansion', concatBytes(server, client), 2 * (keyLength + ivLength));
  const index = side === 'client' ? 0 : 1;
  const ivs = 2 * keyLength + index * ivLength;
  return new RecordKeys(
    suite,
    block.slice(index * keyLength, (index + 1) * keyLength),
    block.slice(ivs, ivs + ivLength),
  );
}

/** One direction's keys: seals, and opens what was sealed in the same order. */
export class RecordKeys implements Epoch {
  readonly secret: Uint8Array;
  readonly #suite: Suite;
  readonly #iv: Uint8Array;
  recordsSealed = 0;
  #recordsOpened = 0;

  constructor(suite: Suite, key: Uint8Array, iv: Uint8Array) {
    this.#suite = suite;
    this.secret = key;
    this.#iv = iv;
  }

  seal(type: number, content: Uint8Array): readonly Uint8Array[] {
    const sequence = uint64(this.recordsSealed);
    this.recordsSealed += 1;
    const explicit = this.#iv.length === 4 ? sequence : new Uint8Array(0);
    const { cipher: name } = this.#suite;
    const nonce = this.#nonce(sequence, explicit);
    const cipher = createCipheriv(name as 'aes-128-gcm', this.secret, nonce, { authTagLength: 16 });
    cipher.setAAD(concatBytes(sequence, header(type, content.length)), { plaintextLength: content.length });
    const sealed = concatBytes(cipher.update(content), cipher.final(), cipher.getAuthTag());
    return [concatBytes(header(type, explicit.length + sealed.length), explicit, sealed)];
  }

  /** @param record with its header */
  open(record: Uint8Array): Uint8Array | undefined {
    const sequence = uint64(this.#recordsOpened);
    this.#recordsOpened += 1;
    const explicit = record.subarray(5, 5 + (this.#iv.length === 4 ? 8 : 0));
    const sealed = record.subarray(5 + explicit.length, -16);
    const nonce = this.#nonce(sequence, explicit);
    const name = this.#suite.cipher as 'aes-128-gcm';
    const decipher = createDecipheriv(name, this.secret, nonce, { authTagLength: 16 });
    const length = { plaintextLength: sealed.length };
    decipher.setAAD(concatBytes(sequence, header(record[0]!, sealed.length)), length);
    decipher.setAuthTag(record.subarray(-16));
    try {
      return new Uint8Array(concatBytes(decipher.update(sealed), decipher.final()));
    } catch {
      return undefined;
    }
  }

  next(): Epoch {
    return this;
  }

  #nonce(sequence: Uint8Array, explicit: Uint8Array): Uint8Array {
    if (explicit.length > 0) return concatBytes(this.#iv, explicit);
    const nonce = this.#iv.slice();
    for (const [index, byte] of sequence.entries()) nonce[4 + index]! ^= byte;
    return nonce;
  }
}

function header(type: number, length: number): Uint8Array {
  return Uint8Array.of(type, 3, 3, length >> 8, length & 0xff);
}

function uint64(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return bytes;
}
