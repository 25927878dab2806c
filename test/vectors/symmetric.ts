import { concatBytes, noBytes, toHex } from '../../src/base/bytes.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import type { AeadAlgorithm, HashAlgorithm } from '../../src/crypto/provider.ts';
import { hkdfExpand, hkdfExtract } from '../../src/keys/hkdf.ts';
import { bytesOf, type WycheproofCase, type WycheproofGroup } from '../support/wycheproof.ts';
import type { Suite } from './tally.ts';

/** AEAD, HMAC and HKDF. */
export const symmetricSuites: readonly Suite[] = [
  aeadSuite('aes_gcm', 'AES-GCM', [
    'CounterWrap',
    'Ktv',
    'LongIv',
    'ModifiedTag',
    'Pseudorandom',
    'SmallIv',
    'SpecialCase',
    'ZeroLengthIv',
  ]),
  aeadSuite('chacha20_poly1305', 'CHACHA20-POLY1305', [
    'EdgeCaseCiphertext',
    'EdgeCasePoly1305',
    'EdgeCasePolyKey',
    'EdgeCaseTag',
    'InvalidNonceSize',
    'Ktv',
    'ModifiedTag',
    'Pseudorandom',
  ]),
  hmacSuite('sha256'),
  hmacSuite('sha384'),
  hkdfSuite('sha256'),
  hkdfSuite('sha384'),
];

const aeads: ReadonlyMap<string, AeadAlgorithm> = new Map([
  ['aes_gcm 128', 'AES_128_GCM'],
  ['aes_gcm 256', 'AES_256_GCM'],
  ['chacha20_poly1305 256', 'CHACHA20_POLY1305'],
]);

function aeadSuite(name: string, algorithm: string, flags: readonly string[]): Suite {
  const algorithmOf = ({ keySize }: WycheproofGroup): AeadAlgorithm | undefined =>
    aeads.get(`${name} ${keySize}`);
  return {
    name,
    algorithm,
    groupType: 'AeadTest',
    flags,
    whyNotRun(group): string | undefined {
      if (algorithmOf(group) === undefined)
        return `keys of ${group['keySize']} bits, which no cipher suite has (RFC 9846 §B.4)`;
      if (group['tagSize'] !== 128) return 'tags of other than 128 bits (RFC 5116 §5.1)';
      return group['ivSize'] === 96
        ? undefined
        : 'nonces of other than 96 bits, which TLS never makes (RFC 9846 §5.3)';
    },
    open: (group) => (vector) => acceptsRecord(algorithmOf(group)!, vector),
  };
}

/** Whether the record opens, which must be so exactly if sealing its plaintext gives it. */
function acceptsRecord(algorithm: AeadAlgorithm, vector: WycheproofCase): boolean {
  const aead = nodeCrypto.aead(algorithm, bytesOf(vector, 'key'));
  const record = { nonce: bytesOf(vector, 'iv'), additionalData: bytesOf(vector, 'aad') };
  const ciphertext = concatBytes(bytesOf(vector, 'ct'), bytesOf(vector, 'tag'));
  const plaintext = bytesOf(vector, 'msg');
  const [opened] = aead.open([{ ...record, ciphertext }]);
  const sealed = concatBytes(...aead.seal([{ ...record, header: noBytes, plaintext: [plaintext] }]));
  if ((toHex(sealed) === toHex(ciphertext)) !== (opened !== undefined))
    throw new Error(`sealing gives ${toHex(sealed)}`);
  if (opened !== undefined && toHex(opened) !== toHex(plaintext))
    throw new Error(`opening gives ${toHex(opened)}`);
  return opened !== undefined;
}

function hmacSuite(hash: HashAlgorithm): Suite {
  return {
    name: `hmac_${hash}`,
    algorithm: `HMAC${hash.toUpperCase()}`,
    groupType: 'MacTest',
    flags: ['ModifiedTag', 'Pseudorandom'],
    // Half of the tags are cut to half their length: TLS cuts none, but what is there is to be the beginning.
    open: (group) => (vector) => {
      const output = nodeCrypto.hmac(hash, bytesOf(vector, 'key'), bytesOf(vector, 'msg'));
      return nodeCrypto.timingSafeEqual(
        output.subarray(0, Number(group['tagSize']) / 8),
        bytesOf(vector, 'tag'),
      );
    },
  };
}

function hkdfSuite(hash: HashAlgorithm): Suite {
  return {
    name: `hkdf_${hash}`,
    algorithm: `HKDF-SHA-${hash.slice(3)}`,
    groupType: 'HkdfTest',
    flags: ['EmptySalt', 'MaximalOutputSize', 'Normal', 'OutputCollision', 'SizeTooLarge'],
    open: () => (vector) => {
      const key = hkdfExtract(nodeCrypto, hash, bytesOf(vector, 'salt'), bytesOf(vector, 'ikm'));
      const output = expandOrNothing(hash, key, vector);
      if (output !== undefined && vector.result === 'valid' && output !== vector['okm'])
        throw new Error(`HKDF gives ${output}`);
      return output !== undefined;
    },
  };
}

/** In hexadecimal. */
function expandOrNothing(hash: HashAlgorithm, key: Uint8Array, vector: WycheproofCase): string | undefined {
  try {
    return toHex(hkdfExpand(nodeCrypto, hash, key, bytesOf(vector, 'info'), Number(vector['size'])));
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
