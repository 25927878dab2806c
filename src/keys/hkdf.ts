import { copyBytes, utf8, wipe } from '../base/bytes.ts';
import type { CryptoProvider, HashAlgorithm } from '../crypto/provider.ts';

/** Output lengths in bytes. */
export const hashLengths: Readonly<Record<HashAlgorithm, number>> = { sha256: 32, sha384: 48 };

/**
 * HKDF-Extract (RFC 5869 §2.2).
 *
 * @param salt public or secret; empty stands for zeros
 * @param inputKeyMaterial the secret to condense
 * @returns the pseudorandom key, as long as the hash
 */
export function hkdfExtract(
  provider: CryptoProvider,
  hash: HashAlgorithm,
  salt: Uint8Array,
  inputKeyMaterial: Uint8Array,
): Uint8Array {
  return provider.hmac(hash, salt, inputKeyMaterial);
}

/**
 * HKDF-Expand (RFC 5869 §2.3).
 *
 * @param pseudorandomKey at least as long as the hash
 * @param length in bytes, at most 255 hash lengths
 * @returns an array of its own
 * @throws RangeError where `length` is out of range
 */
export function hkdfExpand(
  provider: CryptoProvider,
  hash: HashAlgorithm,
  pseudorandomKey: Uint8Array,
  info: Uint8Array,
  length: number,
): Uint8Array {
  const hashLength = hashLengths[hash];
  if (!Number.isInteger(length) || length < 0 || length > 255 * hashLength) {
    throw new RangeError(`HKDF with ${hash} gives 0 to ${255 * hashLength} bytes, not ${length}`);
  }
  if (length <= hashLength) return hkdfExpandOnce(provider, hash, pseudorandomKey, info, length);
  const output = new Uint8Array(length);
  // What HMAC takes for block i: block i-1 (none for the first), the info, and i as one byte.
  const input = new Uint8Array(hashLength + info.length + 1);
  input.set(info, hashLength);
  for (let offset = 0, index = 1; offset < length; offset += hashLength, index++) {
    input[input.length - 1] = index;
    const block = provider.hmac(hash, pseudorandomKey, index === 1 ? input.subarray(hashLength) : input);
    output.set(block.subarray(0, Math.min(hashLength, length - offset)), offset);
    input.set(block);
    wipe(block);
  }
  wipe(input);
  return output;
}

/** HKDF-Expand of at most one block, as all of TLS asks for but an exporter. */
function hkdfExpandOnce(
  provider: CryptoProvider,
  hash: HashAlgorithm,
  pseudorandomKey: Uint8Array,
  info: Uint8Array,
  length: number,
): Uint8Array {
  const input = new Uint8Array(info.length + 1);
  input.set(info);
  input[info.length] = 1;
  const block = provider.hmac(hash, pseudorandomKey, input);
  wipe(input);
  if (length === block.length) return block;
  const output = copyBytes(block.subarray(0, length));
  wipe(block);
  return output;
}

/**
 * HKDF-Expand-Label (RFC 9846 §7.1).
 *
 * @param label without the prefix "tls13 "; at most 249 bytes of ASCII
 * @param context at most 255 bytes
 * @param length in bytes, at most 255 hash lengths
 * @throws RangeError where one of them is too long
 */
export function hkdfExpandLabel(
  provider: CryptoProvider,
  hash: HashAlgorithm,
  secret: Uint8Array,
  label: string,
  context: Uint8Array,
  length: number,
): Uint8Array {
  return hkdfExpand(provider, hash, secret, hkdfLabel(label, context, length), length);
}

/**
 * Derive-Secret (RFC 9846 §7.1).
 *
 * @param label without the prefix "tls13 "
 * @param transcriptHash the hash of the messages, not the messages
 * @returns a secret as long as the hash
 */
export function deriveSecret(
  provider: CryptoProvider,
  hash: HashAlgorithm,
  secret: Uint8Array,
  label: string,
  transcriptHash: Uint8Array,
): Uint8Array {
  return hkdfExpandLabel(provider, hash, secret, label, transcriptHash, hashLengths[hash]);
}

/** The labels of every handshake (RFC 9846 §7.1, §7.3), encoded once. */
const encodedLabels: ReadonlyMap<string, Uint8Array> = new Map(
  [
    'derived',
    'res binder',
    'c hs traffic',
    's hs traffic',
    'c ap traffic',
    's ap traffic',
    'exp master',
    'res master',
    'finished',
    'key',
    'iv',
  ].map((label) => [label, encodeLabel(label)]),
);

function encodeLabel(label: string): Uint8Array {
  return utf8(`tls13 ${label}`);
}

function hkdfLabel(label: string, context: Uint8Array, length: number): Uint8Array {
  const fullLabel = encodedLabels.get(label) ?? encodeLabel(label);
  if (fullLabel.length > 255) throw new RangeError('an HKDF label has at most 249 bytes');
  if (context.length > 255) throw new RangeError('an HKDF context has at most 255 bytes');
  const encoded = new Uint8Array(2 + 1 + fullLabel.length + 1 + context.length);
  encoded[0] = length >>> 8;
  encoded[1] = length;
  encoded[2] = fullLabel.length;
  encoded.set(fullLabel, 3);
  encoded[3 + fullLabel.length] = context.length;
  encoded.set(context, 4 + fullLabel.length);
  return encoded;
}
