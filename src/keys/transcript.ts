import { concatBytes } from '../base/bytes.ts';
import type { CryptoProvider, HashAlgorithm, RunningHash } from '../crypto/provider.ts';
import { handshakeTypes } from '../wire/names.ts';
import { hashLengths } from './hkdf.ts';

/**
 * The transcript hash (RFC 9846 §4.1). The hash function is known only once a cipher suite is chosen:
 * until `start` the messages themselves are kept, from then on only their running hash.
 */
export class Transcript {
  readonly #provider: CryptoProvider;
  #kept: Uint8Array[] = [];
  #running: { readonly algorithm: HashAlgorithm; hash: RunningHash } | undefined;

  constructor(provider: CryptoProvider) {
    this.#provider = provider;
  }

  /** @param message a whole handshake message with its 4-byte header; it must not change before `start` */
  add(message: Uint8Array): void {
    if (this.#running) this.#running.hash.update(message);
    else this.#kept.push(message);
  }

  /** Chooses the hash function, once: what was added is hashed and let go. */
  start(hash: HashAlgorithm): void {
    if (this.#running) throw new Error('the transcript hash was started before');
    this.#running = { algorithm: hash, hash: this.#hashOfKept(hash) };
    this.#kept = [];
  }

  /**
   * Puts the message_hash message in the place of ClientHello1 (RFC 9846 §4.1). To be called when a HelloRetryRequest
   * is sent or received, after `start` and ahead of adding that message.
   */
  replaceByMessageHash(): void {
    const running = this.#started();
    const clientHelloHash = running.hash.digest();
    running.hash = this.#provider.hash(running.algorithm);
    running.hash.update(Uint8Array.of(handshakeTypes.message_hash, 0, 0, hashLengths[running.algorithm]));
    running.hash.update(clientHelloHash);
  }

  /** Everything so far, itself; only before `start`. The CertificateVerify of TLS 1.2 signs it (RFC 5246 §7.4.8). */
  messages(): Uint8Array {
    if (this.#running) throw new Error('the transcript keeps no messages any more');
    return concatBytes(...this.#kept);
  }

  /** The hash of everything so far; only after `start`. */
  digest(): Uint8Array {
    return this.#started().hash.digest();
  }

  /**
   * The hash of everything so far and `partial`, which is not added: what a PSK binder signs (RFC 9846 §4.3.11.2).
   *
   * @param hash the hash of the PSK; after `start` it has to be the one that was started
   * @param partial a ClientHello with its header, up to its binders
   */
  digestWith(hash: HashAlgorithm, partial: Uint8Array): Uint8Array {
    const running = this.#running;
    if (running && running.algorithm !== hash) {
      throw new Error(`the transcript runs with ${running.algorithm}, it cannot be read with ${hash}`);
    }
    const branch = running ? running.hash.copy() : this.#hashOfKept(hash);
    branch.update(partial);
    return branch.digest();
  }

  #hashOfKept(algorithm: HashAlgorithm): RunningHash {
    const hash = this.#provider.hash(algorithm);
    for (const message of this.#kept) hash.update(message);
    return hash;
  }

  #started(): { readonly algorithm: HashAlgorithm; hash: RunningHash } {
    if (!this.#running) throw new Error('the transcript hash is not started');
    return this.#running;
  }
}
