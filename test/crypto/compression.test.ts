import { brotliCompressSync, constants, deflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { concatBytes, utf8 } from '../../src/base/bytes.ts';
import { maxMessageSizes } from '../../src/base/limits.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import type { CertificateCompression, Compressor } from '../../src/crypto/provider.ts';
import { fromHex } from '../support/hex.ts';
import { ownArray } from '../support/own-array.ts';

const names = ['zlib', 'brotli'] as const;
const longest = maxMessageSizes[11]!;
const text = utf8(
  'Certificates name their issuers: certificates name their issuers, again and again. '.repeat(20),
);

function compressor(name: CertificateCompression): Compressor {
  const found = nodeCrypto.compressors[name];
  if (!found) throw new Error(`no ${name}`);
  return found;
}

/** Megabytes of zeros in few bytes, with a window of so many bits. */
function brotliBomb(bits: number, bytes = 1 << 25): Uint8Array {
  const params = { [constants.BROTLI_PARAM_LGWIN]: bits, [constants.BROTLI_PARAM_QUALITY]: 5 };
  return brotliCompressSync(new Uint8Array(bytes), { params });
}

describe.each(names)('%s', (name) => {
  const { compress, decompress } = compressor(name);

  it.each([0, 1, 63, 64, 65, 1660, longest])('gives %i bytes back', (length) => {
    const bytes = Uint8Array.from({ length }, (_, i) => text[i % text.length]! ^ (i >> 8));
    const compressed = compress(bytes);
    expect(decompress(compressed, length)).toEqual(bytes);
  });

  it('makes text smaller, and gives arrays of its own', () => {
    const compressed = compress(text);
    expect(compressed.length).toBeLessThan(text.length / 4);
    expect(ownArray(compressed)).toBe(true);
    const again = decompress(compressed, text.length);
    expect(again && ownArray(again)).toBe(true);
  });

  it('refuses every other length than that of what was compressed', () => {
    const compressed = compress(text);
    for (const length of [0, 1, text.length - 1, text.length + 1, longest]) {
      expect(decompress(compressed, length), `${length}`).toBeUndefined();
    }
  });

  it('refuses a stream that is cut anywhere', () => {
    const compressed = compress(text);
    for (let length = 0; length < compressed.length; length++) {
      expect(decompress(compressed.subarray(0, length), text.length), `${length}`).toBeUndefined();
    }
  });

  it.each([
    ['a byte', fromHex('00')],
    ['another byte', fromHex('ff')],
    ['a stream', compress(text)],
    ['an empty stream', compress(new Uint8Array(0))],
    ['much', new Uint8Array(20_000)],
  ])('refuses a stream with %s behind it', (_, more) => {
    expect(decompress(concatBytes(compress(text), more), text.length)).toBeUndefined();
  });

  it('never gives another length out of a stream with a byte altered, nor with zlib other bytes', () => {
    const compressed = compress(text);
    for (let at = 0; at < compressed.length; at++) {
      for (const change of [1, 0x80, 0xff]) {
        const result = decompress(compressed.with(at, compressed[at]! ^ change), text.length);
        if (result) expect(result.length).toBe(text.length);
        // Brotli has no checksum.
        if (result && name === 'zlib') expect(result).toEqual(text);
      }
    }
  });

  it('makes no more of a bomb than was asked for, and soon', () => {
    const bomb = name === 'zlib' ? deflateSync(new Uint8Array(1 << 25)) : brotliBomb(22);
    const times = Array.from({ length: 20 }, () => {
      const start = performance.now();
      expect(decompress(bomb, longest)).toBeUndefined();
      return performance.now() - start;
    });
    // 0.1 ms with zlib, 6 ms with brotli; all of it would take zlib 70 ms.
    expect(Math.min(...times)).toBeLessThan(30);
  });
});

describe('zlib', () => {
  const { compress, decompress } = compressor('zlib');

  it('refuses gzip, raw deflate, a wrong checksum and a preset dictionary', () => {
    const compressed = compress(text);
    expect(decompress(concatBytes(fromHex('1f8b0800000000000003'), compressed), text.length)).toBeUndefined();
    expect(decompress(compressed.subarray(2, -4), text.length)).toBeUndefined();
    expect(decompress(compressed.with(-1, compressed.at(-1)! ^ 1), text.length)).toBeUndefined();
    const dictionary = deflateSync(text, { dictionary: text.subarray(0, 100) });
    expect(decompress(new Uint8Array(dictionary), text.length)).toBeUndefined();
  });
});

describe('brotli', () => {
  const { decompress } = compressor('brotli');

  it.each([10, 16, 17, 18, 20, 21, 22])('takes a window of %i bits', (bits) => {
    const params = { [constants.BROTLI_PARAM_LGWIN]: bits };
    expect(decompress(brotliCompressSync(text, { params }), text.length)).toEqual(text);
  });

  it.each([23, 24])('refuses a window of %i bits, which a decoder would fill', (bits) => {
    const params = { [constants.BROTLI_PARAM_LGWIN]: bits };
    expect(decompress(brotliCompressSync(text, { params }), text.length)).toBeUndefined();
    expect(decompress(brotliBomb(bits), longest)).toBeUndefined();
  });

  it('refuses a large window, which is not in RFC 7932', () => {
    const params = { [constants.BROTLI_PARAM_LARGE_WINDOW]: 1, [constants.BROTLI_PARAM_LGWIN]: 26 };
    expect(decompress(brotliCompressSync(text, { params }), text.length)).toBeUndefined();
  });
});
