import { noBytes, wipe } from '../base/bytes.ts';
import { peerError } from '../base/errors.ts';
import type { Aead, CryptoProvider, RecordToSeal } from '../crypto/provider.ts';
import { contentTypes } from '../wire/names.ts';
import { recordHeader, writeRecordLength } from '../wire/record.ts';
import type { CipherSuite } from './cipher-suites.ts';
import { hkdfExpandLabel } from './hkdf.ts';
import { nextTrafficSecret } from './key-schedule.ts';

/** The length of a nonce: the same for all cipher suites (RFC 9846 §5.3). */
const ivLength = 12;
/** The length of an authentication tag: the same for all cipher suites. */
export const tagLength: number = 16;

/** What goes into one protected record. */
export interface Fragment {
  /** The content, in parts that are sent as if joined; with the padding at most 2^14 bytes. */
  readonly content: readonly Uint8Array[];
  /** Zero bytes behind the content type (RFC 9846 §5.4); TLS 1.2 has none. */
  readonly padding: number;
}

/** A record that authenticated. */
export interface OpenedRecord {
  /** The content type; the inner one in TLS 1.3. */
  readonly type: number;
  /** Its ArrayBuffer holds nothing else but, in TLS 1.3, this record's own type byte and padding behind it. */
  readonly content: Uint8Array;
  /** What record_size_limit counts, in bytes: in TLS 1.3 with type byte and padding. The caller checks it. */
  readonly innerLength: number;
}

/** One direction's record protection, for what we send, whatever the version. */
export interface Sealer {
  /**
   * Seals one record per fragment, in order.
   *
   * @param contentType the content type, the same for all
   * @returns the wire bytes in as many parts as is cheapest: parts are not records
   */
  seal(contentType: number, fragments: readonly Fragment[]): Uint8Array[];
  /** Wipes the keys; from then on every call but this one throws. */
  wipe(): void;
}

/** One direction's record protection, for what we receive, whatever the version. */
export interface Opener {
  /**
   * Opens the next record.
   *
   * @param header the 5 bytes of the record header as they came
   * @param ciphertext what the header announces; the caller has checked its length
   * @returns undefined where it does not authenticate
   */
  open(header: Uint8Array, ciphertext: Uint8Array): OpenedRecord | undefined;
  /** Wipes the keys; from then on every call but this one throws. */
  wipe(): void;
}

/** What we send in TLS 1.3 (RFC 9846 §5.2). */
export class RecordSealer implements Sealer {
  readonly #keys: TrafficKeys;

  /** @param trafficSecret is copied */
  constructor(provider: CryptoProvider, suite: CipherSuite, trafficSecret: Uint8Array) {
    this.#keys = new TrafficKeys(provider, suite, trafficSecret);
  }

  seal(contentType: number, fragments: readonly Fragment[]): Uint8Array[] {
    return this.#keys.aead.seal(fragments.map((fragment, i) => this.#recordFor(contentType, fragment, i)));
  }

  /** How many records the current keys have sealed (RFC 9846 §5.5 limits them). */
  get recordsSealed(): number {
    return this.#keys.sequence;
  }

  /** Goes on to the next generation of keys (RFC 9846 §7.2); the old ones are wiped. */
  updateKeys(): void {
    this.#keys.update();
  }

  /** Wipes the keys; from then on every call but this one throws. */
  wipe(): void {
    this.#keys.wipe();
  }

  #recordFor(contentType: number, fragment: Fragment, index: number): RecordToSeal {
    const trailer = new Uint8Array(1 + fragment.padding);
    trailer[0] = contentType;
    let length = trailer.length + tagLength;
    for (const part of fragment.content) length += part.length;
    const { nonce, header } = scratchFor(index);
    writeRecordLength(header, length);
    this.#keys.writeNonce(nonce);
    this.#keys.sequence++;
    return { nonce, additionalData: header, header, plaintext: [...fragment.content, trailer] };
  }
}

/** What we receive in TLS 1.3 (RFC 9846 §5.2). */
export class RecordOpener implements Opener {
  readonly #keys: TrafficKeys;

  /** @param trafficSecret is copied */
  constructor(provider: CryptoProvider, suite: CipherSuite, trafficSecret: Uint8Array) {
    this.#keys = new TrafficKeys(provider, suite, trafficSecret);
  }

  /**
   * Opens the next record.
   *
   * @param header the 5 bytes of the record header as they came
   * @param ciphertext what the header announces; the caller has checked its length
   * @returns undefined where it does not authenticate: the same sequence number is then tried on the next record,
   *   as skipping refused early data needs it (RFC 9846 §4.3.10)
   * @throws TlsPeerError unexpected_message, where there is no content type among the zeros (RFC 9846 §5.4)
   */
  open(header: Uint8Array, ciphertext: Uint8Array): OpenedRecord | undefined {
    const { nonce } = scratchFor(0);
    this.#keys.writeNonce(nonce);
    const [inner] = this.#keys.aead.open([{ nonce, additionalData: header, ciphertext }]);
    if (!inner) return undefined;
    this.#keys.sequence++;
    let end = inner.length;
    while (end > 0 && inner[end - 1] === 0) end--;
    const type = inner[end - 1];
    if (type === undefined)
      throw peerError('unexpected_message', 'a protected record held no content type, only zeros');
    return { type, content: inner.subarray(0, end - 1), innerLength: inner.length };
  }

  /** Goes on to the next generation of keys (RFC 9846 §7.2); the old ones are wiped. */
  updateKeys(): void {
    this.#keys.update();
  }

  /** Wipes the keys; from then on every call but this one throws. */
  wipe(): void {
    this.#keys.wipe();
  }
}

/**
 * The nonce of the record with this sequence number (RFC 9846 §5.3).
 *
 * @param iv 12 bytes
 * @param sequence a whole number below 2^53
 */
export function recordNonce(iv: Uint8Array, sequence: number): Uint8Array {
  const nonce = new Uint8Array(ivLength);
  writeRecordNonce(nonce, iv, 0, sequence);
  return nonce;
}

/** @param start where in `bytes` the IV begins */
function writeRecordNonce(nonce: Uint8Array, bytes: Uint8Array, start: number, sequence: number): void {
  for (let i = 0; i < ivLength; i++) nonce[i] = bytes[start + i]!;
  // Bit operations see 32 bits only: the high half has to come from a division.
  const high = Math.floor(sequence / 2 ** 32);
  for (let i = 0; i < 4; i++) {
    nonce[4 + i]! ^= high >>> (24 - 8 * i);
    nonce[8 + i]! ^= sequence >>> (24 - 8 * i);
  }
}

/** What the provider gets beside the content of a record, and what nobody needs any more when it returns. */
interface Scratch {
  readonly nonce: Uint8Array;
  /** Of a protected record, with its length still to be written. */
  readonly header: Uint8Array;
}

/**
 * One for each record of a usual run, for all connections: an array that native code sees costs a microsecond to make,
 * as it gets memory outside of the heap.
 */
const scratches: readonly Scratch[] = Array.from({ length: 16 }, newScratch);

function scratchFor(index: number): Scratch {
  return scratches[index] ?? newScratch();
}

function newScratch(): Scratch {
  return { nonce: new Uint8Array(ivLength), header: recordHeader(contentTypes.application_data, 0) };
}

/** A traffic secret, what is derived from it (RFC 9846 §7.3), and the sequence number that counts under it. */
class TrafficKeys {
  readonly #provider: CryptoProvider;
  readonly #suite: CipherSuite;
  /** The secret, and behind it the IV: one array costs an idle connection less than two. */
  #material: Uint8Array;
  #aead: Aead | undefined;
  sequence = 0;

  constructor(provider: CryptoProvider, suite: CipherSuite, trafficSecret: Uint8Array) {
    this.#provider = provider;
    this.#suite = suite;
    this.#material = this.#install(trafficSecret);
  }

  get aead(): Aead {
    if (!this.#aead) throw new Error('the record keys were wiped');
    return this.#aead;
  }

  /** The nonce of the next record. */
  writeNonce(nonce: Uint8Array): void {
    writeRecordNonce(nonce, this.#material, this.#material.length - ivLength, this.sequence);
  }

  update(): void {
    if (!this.#aead) throw new Error('the record keys were wiped');
    const secret = this.#material.subarray(0, -ivLength);
    const next = nextTrafficSecret(this.#provider, this.#suite.hash, secret);
    this.wipe();
    this.#material = this.#install(next);
    wipe(next);
  }

  wipe(): void {
    wipe(this.#material);
    this.#aead = undefined;
  }

  #install(trafficSecret: Uint8Array): Uint8Array {
    const { hash, aead, keyLength } = this.#suite;
    const material = new Uint8Array(trafficSecret.length + ivLength);
    material.set(trafficSecret);
    const secret = material.subarray(0, -ivLength);
    const key = hkdfExpandLabel(this.#provider, hash, secret, 'key', noBytes, keyLength);
    const iv = hkdfExpandLabel(this.#provider, hash, secret, 'iv', noBytes, ivLength);
    material.set(iv, secret.length);
    this.#aead = this.#provider.aead(aead, key);
    wipe(key, iv);
    this.sequence = 0;
    return material;
  }
}
