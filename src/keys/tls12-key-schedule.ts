import { concatBytes, noBytes, utf8, wipe } from '../base/bytes.ts';
import type { CryptoProvider, HashAlgorithm } from '../crypto/provider.ts';
import { hashLengths } from './hkdf.ts';
import type { Tls12CipherSuite } from './tls12-cipher-suites.ts';

/** Bytes of a master secret (RFC 5246 §8.1). */
export const masterSecretLength: number = 48;
/** Bytes of the verify_data of a Finished (RFC 5246 §7.4.9). */
export const tls12VerifyDataLength: number = 12;

/** The random values of both hellos, 32 bytes each. */
export interface HelloRandoms {
  readonly client: Uint8Array;
  readonly server: Uint8Array;
}

/** What one direction protects its records with. */
export interface Tls12WriteKeys {
  readonly key: Uint8Array;
  /** The fixed part of each nonce. */
  readonly iv: Uint8Array;
}

/**
 * The PRF of TLS 1.2 (RFC 5246 §5).
 *
 * @param label ASCII
 * @param length of the result in bytes
 * @returns an array of its own
 */
export function prf(
  provider: CryptoProvider,
  hash: HashAlgorithm,
  secret: Uint8Array,
  label: string,
  seed: Uint8Array,
  length: number,
): Uint8Array {
  const labelAndSeed = concatBytes(utf8(label), seed);
  const output = new Uint8Array(length);
  let a = labelAndSeed;
  for (let offset = 0; offset < length; offset += hashLengths[hash]) {
    const next = provider.hmac(hash, secret, a);
    if (offset > 0) wipe(a);
    a = next;
    const block = provider.hmac(hash, secret, concatBytes(a, labelAndSeed));
    output.set(block.subarray(0, Math.min(block.length, length - offset)), offset);
    wipe(block);
  }
  wipe(a);
  return output;
}

/** The master secret of a handshake without the extension (RFC 5246 §8.1). */
export function deriveMasterSecret(
  provider: CryptoProvider,
  hash: HashAlgorithm,
  premasterSecret: Uint8Array,
  randoms: HelloRandoms,
): Uint8Array {
  const seed = concatBytes(randoms.client, randoms.server);
  return prf(provider, hash, premasterSecret, 'master secret', seed, masterSecretLength);
}

/**
 * The extended master secret, which is bound to the whole handshake (RFC 7627 §4).
 *
 * @param sessionHash the transcript hash up to ClientKeyExchange
 */
export function deriveExtendedMasterSecret(
  provider: CryptoProvider,
  hash: HashAlgorithm,
  premasterSecret: Uint8Array,
  sessionHash: Uint8Array,
): Uint8Array {
  return prf(provider, hash, premasterSecret, 'extended master secret', sessionHash, masterSecretLength);
}

/** The keys of both directions, out of the key block (RFC 5246 §6.3): an AEAD needs no MAC keys. */
export function tls12Keys(
  provider: CryptoProvider,
  suite: Tls12CipherSuite,
  secret: Uint8Array,
  randoms: HelloRandoms,
): { readonly client: Tls12WriteKeys; readonly server: Tls12WriteKeys } {
  const { keyLength, fixedIvLength } = suite;
  const seed = concatBytes(randoms.server, randoms.client);
  const block = prf(provider, suite.hash, secret, 'key expansion', seed, 2 * (keyLength + fixedIvLength));
  const ivs = 2 * keyLength;
  const keys = {
    client: { key: block.slice(0, keyLength), iv: block.slice(ivs, ivs + fixedIvLength) },
    server: { key: block.slice(keyLength, ivs), iv: block.slice(ivs + fixedIvLength) },
  };
  wipe(block);
  return keys;
}

/** The verify_data of a Finished (RFC 5246 §7.4.9). @param transcriptHash up to the message before */
export function tls12VerifyData(
  provider: CryptoProvider,
  hash: HashAlgorithm,
  secret: Uint8Array,
  side: 'client' | 'server',
  transcriptHash: Uint8Array,
): Uint8Array {
  return prf(provider, hash, secret, `${side} finished`, transcriptHash, tls12VerifyDataLength);
}

/** Labels that TLS itself uses: exporting under one would give its own secrets away (RFC 5705 §4, RFC 7627 §7). */
const reservedLabels: ReadonlySet<string> = new Set([
  'client finished',
  'server finished',
  'master secret',
  'extended master secret',
  'key expansion',
]);

/**
 * The exporter of TLS 1.2 (RFC 5705 §4).
 *
 * @param context undefined is not the same as empty
 * @param length in bytes
 * @throws RangeError where `label` is one of TLS's own, or `context` has 64 KiB or more
 */
export function tls12ExportKeyingMaterial(
  provider: CryptoProvider,
  hash: HashAlgorithm,
  secret: Uint8Array,
  randoms: HelloRandoms,
  label: string,
  context: Uint8Array | undefined,
  length: number,
): Uint8Array {
  if (reservedLabels.has(label)) throw new RangeError(`the label '${label}' is one of TLS's own`);
  if (context !== undefined && context.length >= 2 ** 16)
    throw new RangeError(`the context of an exporter has at most 65535 bytes, not ${context.length}`);
  const prefix = context && Uint8Array.of(context.length >> 8, context.length & 0xff);
  const seed = concatBytes(randoms.client, randoms.server, prefix ?? noBytes, context ?? noBytes);
  return prf(provider, hash, secret, label, seed, length);
}
