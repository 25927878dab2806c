import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { toHex, utf8 } from '../../src/base/bytes.ts';
import { plainBytes } from '../../src/crypto/node/bytes.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import { ownArray } from '../support/own-array.ts';

describe('hash', () => {
  it('gives the digests of FIPS 180-4', () => {
    const sha256 = nodeCrypto.hash('sha256');
    sha256.update(utf8('abc'));
    expect(toHex(sha256.digest())).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
    const sha384 = nodeCrypto.hash('sha384');
    sha384.update(utf8('abc'));
    expect(toHex(sha384.digest())).toBe(
      'cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7',
    );
  });

  it('can be read while it runs, and copied into one that runs on alone', () => {
    const hash = nodeCrypto.hash('sha256');
    hash.update(utf8('a'));
    expect(toHex(hash.digest())).toBe(sha256('a'));
    const copy = hash.copy();
    hash.update(utf8('b'));
    copy.update(utf8('c'));
    expect(toHex(hash.digest())).toBe(sha256('ab'));
    expect(toHex(hash.digest())).toBe(sha256('ab'));
    expect(toHex(copy.digest())).toBe(sha256('ac'));
    expect(ownArray(hash.digest())).toBe(true);
  });
});

describe('hmac', () => {
  it('gives the outputs of RFC 4231 §4.3', () => {
    const output = nodeCrypto.hmac('sha256', utf8('Jefe'), utf8('what do ya want for nothing?'));
    expect(toHex(output)).toBe('5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843');
    expect(ownArray(output)).toBe(true);
    expect(ownArray(nodeCrypto.hmac('sha384', new Uint8Array(0), new Uint8Array(0)))).toBe(true);
  });
});

describe('randomBytes', () => {
  it('gives arrays of their own, of any length, that differ', () => {
    for (const length of [0, 1, 32, 100_000]) {
      const bytes = nodeCrypto.randomBytes(length);
      expect(bytes.length).toBe(length);
      expect(ownArray(bytes)).toBe(true);
    }
    expect(toHex(nodeCrypto.randomBytes(32))).not.toBe(toHex(nodeCrypto.randomBytes(32)));
  });
});

describe('timingSafeEqual', () => {
  it('compares, and calls arrays of different lengths different', () => {
    const bytes = Uint8Array.of(1, 2, 3);
    expect(nodeCrypto.timingSafeEqual(bytes, Uint8Array.of(1, 2, 3))).toBe(true);
    expect(nodeCrypto.timingSafeEqual(bytes, Uint8Array.of(1, 2, 4))).toBe(false);
    expect(nodeCrypto.timingSafeEqual(bytes, Uint8Array.of(1, 2))).toBe(false);
    expect(nodeCrypto.timingSafeEqual(new Uint8Array(0), new Uint8Array(0))).toBe(true);
  });
});

describe('plainBytes', () => {
  it('copies a slice of shared memory and wipes it there', () => {
    const shared = Buffer.from(new ArrayBuffer(8)).fill(7);
    const slice = shared.subarray(2, 6);
    const bytes = plainBytes(slice);
    expect(ownArray(bytes)).toBe(true);
    expect([...bytes]).toEqual([7, 7, 7, 7]);
    expect([...shared]).toEqual([7, 7, 0, 0, 0, 0, 7, 7]);
  });
});

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
