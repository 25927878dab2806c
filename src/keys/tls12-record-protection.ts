import { concatBytes, copyBytes, noBytes, wipe } from '../base/bytes.ts';
import { maxGcmBlocks } from '../base/limits.ts';
import type { Aead, CryptoProvider, RecordToSeal } from '../crypto/provider.ts';
import { recordHeader } from '../wire/record.ts';
import {
  type Fragment,
  type OpenedRecord,
  type Opener,
  recordNonce,
  type Sealer,
  tagLength,
} from './record-protection.ts';
import type { Tls12CipherSuite } from './tls12-cipher-suites.ts';
import type { Tls12WriteKeys } from './tls12-key-schedule.ts';

/** Bytes of GCM's nonce that stand in each record (RFC 5288 §3). */
const explicitNonceLength = 8;
const gcmBlockLength = 16;

/** What we send in TLS 1.2 (RFC 5246 §6.2.3.3). */
export class Tls12RecordSealer implements Sealer {
  readonly #keys: WriteKeys;
  readonly #maxBlocks: number;
  #blocks = 0;

  /** @param keys are copied */
  constructor(
    provider: CryptoProvider,
    suite: Tls12CipherSuite,
    keys: Tls12WriteKeys,
    maxBlocks: number = maxGcmBlocks,
  ) {
    this.#keys = new WriteKeys(provider, suite, keys);
    // ChaCha20-Poly1305 runs out of sequence numbers first (RFC 9846 §5.5).
    this.#maxBlocks = suite.aead === 'CHACHA20_POLY1305' ? Number.POSITIVE_INFINITY : maxBlocks;
  }

  seal(contentType: number, fragments: readonly Fragment[]): Uint8Array[] {
    return this.#keys.aead.seal(fragments.map(({ content }) => this.#recordFor(contentType, content)));
  }

  /** Whether the keys have sealed as much as is safe; TLS 1.2 has no way to others (RFC 9325 §4.4). */
  get isExhausted(): boolean {
    return this.#blocks >= this.#maxBlocks;
  }

  wipe(): void {
    this.#keys.wipe();
  }

  #recordFor(contentType: number, content: readonly Uint8Array[]): RecordToSeal {
    const length = content.reduce((sum, part) => sum + part.length, 0);
    this.#blocks += Math.ceil(length / gcmBlockLength) + 1;
    const { explicit, nonce, additionalData } = this.#keys.next(recordHeader(contentType, length));
    const header = recordHeader(contentType, explicit.length + length + tagLength);
    return { nonce, additionalData, header: concatBytes(header, explicit), plaintext: content };
  }
}

/** What we receive in TLS 1.2. */
export class Tls12RecordOpener implements Opener {
  readonly #keys: WriteKeys;

  /** @param keys are copied */
  constructor(provider: CryptoProvider, suite: Tls12CipherSuite, keys: Tls12WriteKeys) {
    this.#keys = new WriteKeys(provider, suite, keys);
  }

  open(header: Uint8Array, record: Uint8Array): OpenedRecord | undefined {
    const { explicitLength } = this.#keys;
    const length = record.length - explicitLength - tagLength;
    if (length < 0) return undefined;
    const [type = 0] = header;
    // The version as it stands in the record is part of what is authenticated.
    const announced = copyBytes(header);
    new DataView(announced.buffer).setUint16(3, length);
    const { nonce, additionalData } = this.#keys.next(announced, record.subarray(0, explicitLength));
    const ciphertext = record.subarray(explicitLength);
    const [content] = this.#keys.aead.open([{ nonce, additionalData, ciphertext }]);
    return content && { type, content, innerLength: length };
  }

  wipe(): void {
    this.#keys.wipe();
  }
}

/** One direction's key and the sequence number that counts under it. */
class WriteKeys {
  readonly explicitLength: number;
  readonly #iv: Uint8Array;
  #aead: Aead | undefined;
  #sequence = 0;

  constructor(provider: CryptoProvider, suite: Tls12CipherSuite, { key, iv }: Tls12WriteKeys) {
    this.explicitLength = suite.fixedIvLength === 4 ? explicitNonceLength : 0;
    this.#iv = iv.slice();
    this.#aead = provider.aead(suite.aead, key);
  }

  get aead(): Aead {
    if (!this.#aead) throw new Error('the record keys were wiped');
    return this.#aead;
  }

  /**
   * What the next record is sealed with.
   *
   * @param header with the length of the content
   * @param explicit the part of the nonce that came with it; of our own records it is the sequence number, which never
   *   comes twice
   */
  next(
    header: Uint8Array,
    explicit: Uint8Array = this.explicitLength > 0 ? uint64(this.#sequence) : noBytes,
  ): { readonly explicit: Uint8Array; readonly nonce: Uint8Array; readonly additionalData: Uint8Array } {
    const sequence = this.#sequence++;
    return {
      explicit,
      nonce: explicit.length > 0 ? concatBytes(this.#iv, explicit) : recordNonce(this.#iv, sequence),
      additionalData: concatBytes(uint64(sequence), header),
    };
  }

  wipe(): void {
    wipe(this.#iv);
    this.#aead = undefined;
  }
}

/** @param value a whole number below 2^53 */
function uint64(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return bytes;
}
