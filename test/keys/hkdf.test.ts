import { hkdfSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { noBytes, toHex } from '../../src/base/bytes.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import { deriveSecret, hkdfExpand, hkdfExpandLabel, hkdfExtract } from '../../src/keys/hkdf.ts';
import { fromHex } from '../support/hex.ts';

describe('HKDF', () => {
  // RFC 5869 Appendix A.1 to A.3.
  it.each([
    {
      inputKeyMaterial: '0b'.repeat(22),
      salt: '000102030405060708090a0b0c',
      info: 'f0f1f2f3f4f5f6f7f8f9',
      pseudorandomKey: '077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5',
      output: '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865',
    },
    {
      inputKeyMaterial: ascending(0x00, 80),
      salt: ascending(0x60, 80),
      info: ascending(0xb0, 80),
      pseudorandomKey: '06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244',
      output: `b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09
        da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87`,
    },
    {
      inputKeyMaterial: '0b'.repeat(22),
      salt: '',
      info: '',
      pseudorandomKey: '19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04',
      output: '8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8',
    },
  ])('gives the output of RFC 5869 Appendix A ($salt)', (vector) => {
    const salt = fromHex(vector.salt);
    const key = hkdfExtract(nodeCrypto, 'sha256', salt, fromHex(vector.inputKeyMaterial));
    expect(toHex(key)).toBe(vector.pseudorandomKey);
    const expected = fromHex(vector.output);
    const output = hkdfExpand(nodeCrypto, 'sha256', key, fromHex(vector.info), expected.length);
    expect(toHex(output)).toBe(toHex(expected));
  });

  it.each(['sha256', 'sha384'] as const)('agrees with OpenSSL at every length that matters (%s)', (hash) => {
    const hashLength = hash === 'sha256' ? 32 : 48;
    const inputKeyMaterial = nodeCrypto.randomBytes(48);
    const salt = nodeCrypto.randomBytes(hashLength);
    const info = nodeCrypto.randomBytes(20);
    const key = hkdfExtract(nodeCrypto, hash, salt, inputKeyMaterial);
    const lengths = [1, 12, hashLength - 1, hashLength, hashLength + 1, 2 * hashLength, 255 * hashLength];
    for (const length of lengths) {
      const expected = hkdfSync(hash, inputKeyMaterial, salt, info, length);
      const output = hkdfExpand(nodeCrypto, hash, key, info, length);
      expect(toHex(output)).toBe(toHex(new Uint8Array(expected)));
      expect(output.buffer.byteLength).toBe(length);
    }
    // Newer versions of OpenSSL refuse to give nothing.
    expect(hkdfExpand(nodeCrypto, hash, key, info, 0)).toHaveLength(0);
  });

  it('refuses what HKDF cannot give', () => {
    const key = new Uint8Array(32);
    expect(() => hkdfExpand(nodeCrypto, 'sha256', key, noBytes, 255 * 32 + 1)).toThrow(RangeError);
    expect(() => hkdfExpand(nodeCrypto, 'sha256', key, noBytes, -1)).toThrow(RangeError);
    expect(() => hkdfExpand(nodeCrypto, 'sha256', key, noBytes, 1.5)).toThrow(RangeError);
    expect(() => hkdfExpandLabel(nodeCrypto, 'sha256', key, 'x'.repeat(250), noBytes, 1)).toThrow(RangeError);
    expect(() => hkdfExpandLabel(nodeCrypto, 'sha256', key, 'x', new Uint8Array(256), 1)).toThrow(RangeError);
  });

  it('encodes labels as RFC 9846 §7.1 says', () => {
    const secret = nodeCrypto.randomBytes(32);
    const label = fromHex('0123 0a') /* length, label length */;
    const info = [...label, ...Buffer.from('tls13 test'), 3, 1, 2, 3];
    const expected = hkdfExpand(nodeCrypto, 'sha256', secret, Uint8Array.from(info), 0x123);
    const output = hkdfExpandLabel(nodeCrypto, 'sha256', secret, 'test', Uint8Array.of(1, 2, 3), 0x123);
    expect(toHex(output)).toBe(toHex(expected));
  });

  it('derives the secret that follows an Early Secret without PSK', () => {
    const zeros = new Uint8Array(32);
    const early = hkdfExtract(nodeCrypto, 'sha256', zeros, zeros);
    expect(toHex(early)).toBe('33ad0a1c607ec03b09e6cd9893680ce210adf300aa1f2660e1b22e10f170f92a');
    const derived = deriveSecret(nodeCrypto, 'sha256', early, 'derived', nodeCrypto.hash('sha256').digest());
    expect(toHex(derived)).toBe('6f2615a108c702c5678f54fc9dbab69716c076189c48250cebeac3576c3611ba');
  });
});

function ascending(first: number, length: number): string {
  return toHex(Uint8Array.from({ length }, (_, index) => first + index));
}
