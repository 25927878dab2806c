import { concatBytes, equalBytes, noBytes, utf8, wipe } from '../base/bytes.ts';
import { TlsUsageError } from '../base/errors.ts';
import { maxTicketLifetime } from '../base/limits.ts';
import type { CryptoProvider } from '../crypto/provider.ts';

interface TicketKey {
  readonly name: Uint8Array;
  readonly secret: Uint8Array;
  readonly createdAt: number;
}

const nameLength = 16;
const secretLength = 32;
const seedLength = 24;
const tagLength = 16;
const overhead = nameLength + seedLength + tagLength;
const label = utf8('tacit ticket key');
/** Each key seals one ticket: it is derived from a fresh seed, so the nonce never repeats under it. */
const nonce = new Uint8Array(12);

/**
 * Keys that seal session tickets (RFC 9846 §4.7.1, RFC 5077 §4): random, in memory, rotated, and wiped when no ticket
 * under them can be alive any more. A ticket is `key name ‖ seed ‖ AES-256-GCM ciphertext`.
 */
export class TicketKeys {
  readonly kind = 'keys';
  readonly #provider: CryptoProvider;
  readonly #rotateAfter: number;
  readonly #keepFor: number;
  /** Newest first. */
  #keys: TicketKey[] = [];

  /**
   * @param lifetime seconds that a ticket may live: a key opens tickets for so long after its last use for sealing
   * @param rotateAfter seconds that a key seals tickets, half the lifetime by default
   * @throws TlsUsageError where a number is not positive or the lifetime over seven days
   */
  constructor(provider: CryptoProvider, lifetime: number, rotateAfter: number = lifetime / 2) {
    if (!(lifetime > 0 && lifetime <= maxTicketLifetime)) {
      throw new TlsUsageError(
        `ticket lifetime must be over 0 and at most ${maxTicketLifetime} seconds, not ${lifetime}`,
      );
    }
    if (!(rotateAfter > 0)) throw new TlsUsageError(`rotateAfter must be over 0 seconds, not ${rotateAfter}`);
    this.#provider = provider;
    this.#rotateAfter = rotateAfter * 1000;
    this.#keepFor = (rotateAfter + lifetime) * 1000;
  }

  /** @param now milliseconds since 1970 */
  seal(state: Uint8Array, now: number): Uint8Array {
    const key = this.#current(now);
    const seed = this.#provider.randomBytes(seedLength);
    const [...parts] = this.#aead(key, seed).seal([
      { nonce, additionalData: key.name, header: noBytes, plaintext: [state] },
    ]);
    return concatBytes(key.name, seed, ...parts);
  }

  /** The state in `ticket`; undefined where it is not ours, altered, or under a key that is gone. */
  open(ticket: Uint8Array, now: number): Uint8Array | undefined {
    this.#discardOld(now);
    if (ticket.length < overhead) return undefined;
    const name = ticket.subarray(0, nameLength);
    const key = this.#keys.find((candidate) => equalBytes(candidate.name, name));
    if (!key) return undefined;
    const seed = ticket.subarray(nameLength, nameLength + seedLength);
    const ciphertext = ticket.subarray(nameLength + seedLength);
    return this.#aead(key, seed).open([{ nonce, additionalData: name, ciphertext }])[0];
  }

  /** Starts a new key now; tickets under the older ones stay valid. */
  rotate(now: number): void {
    this.#discardOld(now);
    // Those that were to stay have sealed their last ticket, too.
    this.#keys = this.#keys.map((key) => ({ ...key, createdAt: Math.min(key.createdAt, now) }));
    const name = this.#provider.randomBytes(nameLength);
    this.#keys.unshift({ name, secret: this.#provider.randomBytes(secretLength), createdAt: now });
  }

  /**
   * Takes these in place of all others, for as long as there are no new ones: for processes that share them.
   * @param keys 48 random bytes: a name of 16, and a secret
   * @throws TlsUsageError for another number of bytes
   */
  use(keys: Uint8Array): void {
    if (keys.length !== nameLength + secretLength)
      throw new TlsUsageError(
        `expected ${nameLength + secretLength} bytes of ticket keys, not ${keys.length}`,
      );
    for (const { secret } of this.#keys) wipe(secret);
    const [name, secret] = [keys.slice(0, nameLength), keys.slice(nameLength)];
    this.#keys = [{ name, secret, createdAt: Number.POSITIVE_INFINITY }];
  }

  /** The keys that seal now, for another process to `use`; from now on they stay. @returns 48 bytes, which are secret */
  share(now: number): Uint8Array {
    const { name, secret } = this.#current(now);
    this.#keys[0] = { name, secret, createdAt: Number.POSITIVE_INFINITY };
    return concatBytes(name, secret);
  }

  #current(now: number): TicketKey {
    this.#discardOld(now);
    const newest = this.#keys[0];
    if (newest && now - newest.createdAt < this.#rotateAfter) return newest;
    this.rotate(now);
    return this.#keys[0] as TicketKey;
  }

  #discardOld(now: number): void {
    const isAlive = (key: TicketKey): boolean => now - key.createdAt < this.#keepFor;
    if (this.#keys.every(isAlive)) return;
    for (const key of this.#keys) if (!isAlive(key)) wipe(key.secret);
    this.#keys = this.#keys.filter(isAlive);
  }

  #aead(key: TicketKey, seed: Uint8Array): ReturnType<CryptoProvider['aead']> {
    const derived = this.#provider.hmac('sha256', key.secret, concatBytes(label, seed));
    const aead = this.#provider.aead('AES_256_GCM', derived);
    wipe(derived);
    return aead;
  }
}
