import { describe, expect, it } from 'vitest';
import { concatBytes, noBytes, toHex, utf8 } from '../../src/base/bytes.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import type { AeadAlgorithm, RecordToOpen, RecordToSeal } from '../../src/crypto/provider.ts';
import { fromHex } from '../support/hex.ts';
import { ownArray } from '../support/own-array.ts';

const algorithms: [AeadAlgorithm, number][] = [
  ['AES_128_GCM', 16],
  ['AES_256_GCM', 32],
  ['CHACHA20_POLY1305', 32],
];

describe('known answers', () => {
  it('AES-128-GCM: test case 4 of the GCM specification', () => {
    const aead = nodeCrypto.aead('AES_128_GCM', fromHex('feffe9928665731c6d6a8f9467308308'));
    const record = {
      nonce: fromHex('cafebabefacedbaddecaf888'),
      additionalData: fromHex('feedfacedeadbeeffeedfacedeadbeefabaddad2'),
      header: noBytes,
      plaintext: [
        fromHex(`d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72
          1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39`),
      ],
    };
    const expected = fromHex(`42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e
      21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091 5bc94fbc3221a5db94fae95ae7121a47`);
    expect(toHex(concatBytes(...aead.seal([record])))).toBe(toHex(expected));
  });

  it('ChaCha20-Poly1305: RFC 8439 §2.8.2', () => {
    const aead = nodeCrypto.aead(
      'CHACHA20_POLY1305',
      Uint8Array.from({ length: 32 }, (_, index) => 0x80 + index),
    );
    const text = `Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.`;
    const record = {
      nonce: fromHex('070000004041424344454647'),
      additionalData: fromHex('50515253c0c1c2c3c4c5c6c7'),
      header: noBytes,
      plaintext: [utf8(text)],
    };
    const sealed = concatBytes(...aead.seal([record]));
    expect(toHex(sealed.subarray(0, 16))).toBe('d31a8d34648e60db7b86afbc53ef7ec2');
    expect(toHex(sealed.subarray(-16))).toBe('1ae10b594f09e26a7e902ecbd0600691');
  });
});

describe.each(algorithms)('%s', (algorithm, keyLength) => {
  const aead = nodeCrypto.aead(algorithm, nodeCrypto.randomBytes(keyLength));

  it('takes a plaintext in parts as if they were joined, whatever their lengths', () => {
    for (const lengths of [
      [],
      [0],
      [1, 0, 2],
      [1023, 1],
      [1024, 1],
      [16384, 1],
      [5, 2000, 7, 9, 3000],
      [600, 600, 600],
    ]) {
      const plaintext = lengths.map((length) => nodeCrypto.randomBytes(length));
      const inParts = concatBytes(...aead.seal([record(0, plaintext)]));
      const joined = concatBytes(...aead.seal([record(0, [concatBytes(...plaintext)])]));
      expect(toHex(inParts)).toBe(toHex(joined));
      const opened = aead.open([received(0, inParts)]);
      expect(opened.map(toHex)).toEqual([toHex(concatBytes(...plaintext))]);
    }
  });

  it('takes any number of parts', () => {
    const parts = Array.from({ length: 200_000 }, () => new Uint8Array(0));
    const plaintext = [...parts, ...Array.from({ length: 5000 }, (_, index) => Uint8Array.of(index % 256))];
    const sealed = concatBytes(...aead.seal([record(0, plaintext)]));
    const [opened] = aead.open([received(0, sealed)]);
    expect(opened?.every((byte, index) => byte === index % 256)).toBe(true);
    expect(opened).toHaveLength(5000);
  });

  it('gives a short run as one part, and does not copy long ciphertexts', () => {
    const short = aead.seal([
      record(0, [nodeCrypto.randomBytes(10)]),
      record(1, [nodeCrypto.randomBytes(20)]),
    ]);
    expect(short.map((part) => part.length)).toEqual([5 + 10 + 16 + 5 + 20 + 16]);
    const long = Array.from({ length: 3 }, (_, index) =>
      record(index, [new Uint8Array(16384), Uint8Array.of(23)]),
    );
    const between = 16 + 5;
    expect(aead.seal(long).map((part) => part.length)).toEqual([
      5,
      16385,
      between,
      16385,
      between,
      16385,
      16,
    ]);
    for (const part of [...short, ...aead.seal(long)]) expect(part.constructor).toBe(Uint8Array);
    expect(aead.seal([])).toEqual([]);
  });

  it('opens a run up to the first record that does not authenticate', () => {
    const plaintexts = ['one', 'two', 'three', 'four'];
    const sealed = plaintexts.map((text, index) => concatBytes(...aead.seal([record(index, [utf8(text)])])));
    const run = sealed.map((wire, index) => received(index, wire));
    expect(aead.open(run).map((bytes) => Buffer.from(bytes).toString())).toEqual(plaintexts);
    const third = run[2]!;
    const altered = { ...third, ciphertext: Uint8Array.from(third.ciphertext) };
    altered.ciphertext[0]! ^= 0x80;
    expect(aead.open([run[0]!, run[1]!, altered, run[3]!])).toHaveLength(2);
    expect(aead.open([altered])).toEqual([]);
    expect(aead.open([])).toEqual([]);
  });

  it('authenticates every bit of nonce, additional data, ciphertext and tag', () => {
    const sealed = concatBytes(...aead.seal([record(0, [utf8('some text')])]));
    const good = received(0, sealed);
    for (const field of ['nonce', 'additionalData', 'ciphertext'] as const) {
      for (let bit = 0; bit < good[field].length * 8; bit++) {
        const altered = Uint8Array.from(good[field]);
        altered[Math.floor(bit / 8)]! ^= 1 << (bit % 8);
        expect(aead.open([{ ...good, [field]: altered }])).toEqual([]);
      }
    }
    expect(aead.open([good])).toHaveLength(1);
  });

  it('takes no tag but one of 16 bytes, and nothing shorter than a tag', () => {
    const good = received(0, concatBytes(...aead.seal([record(0, [utf8('some text')])])));
    for (let length = 0; length < good.ciphertext.length; length++) {
      expect(aead.open([{ ...good, ciphertext: good.ciphertext.subarray(0, length) }])).toEqual([]);
    }
    // A tag alone, cut to 4 bytes: GCM would take it.
    const empty = received(0, concatBytes(...aead.seal([record(0, [])])));
    expect(aead.open([empty]).map((bytes) => bytes.length)).toEqual([0]);
    expect(aead.open([{ ...empty, ciphertext: empty.ciphertext.subarray(0, 4) }])).toEqual([]);
  });

  it('gives every plaintext in an array of its own', () => {
    for (const length of [0, 1, 100, 1024, 16385]) {
      const sealed = concatBytes(...aead.seal([record(0, [nodeCrypto.randomBytes(length)])]));
      const run = [received(0, sealed), received(0, sealed)];
      for (const plaintext of aead.open(run)) expect(ownArray(plaintext)).toBe(true);
    }
  });

  it('leaves its input as it is', () => {
    const plaintext = [Uint8Array.of(1, 2, 3), nodeCrypto.randomBytes(2000)];
    const before = plaintext.map(toHex);
    const sealed = concatBytes(...aead.seal([record(0, plaintext)]));
    expect(plaintext.map(toHex)).toEqual(before);
    const run = [received(0, sealed)];
    aead.open(run);
    expect(toHex(run[0]!.ciphertext)).toBe(toHex(sealed.subarray(5)));
  });

  it('does not depend on the array that the key came in', () => {
    const key = nodeCrypto.randomBytes(keyLength);
    const other = nodeCrypto.aead(algorithm, key);
    const sealed = toHex(concatBytes(...other.seal([record(0, [utf8('x')])])));
    key.fill(0);
    expect(toHex(concatBytes(...other.seal([record(0, [utf8('x')])])))).toBe(sealed);
  });
});

function record(sequence: number, plaintext: Uint8Array[]): RecordToSeal {
  return { ...numbered(sequence), header: fromHex('1703030011'), plaintext };
}

function received(sequence: number, wire: Uint8Array): RecordToOpen {
  return { ...numbered(sequence), ciphertext: wire.slice(5) };
}

function numbered(sequence: number): { nonce: Uint8Array; additionalData: Uint8Array } {
  return { nonce: Uint8Array.from({ length: 12 }, () => sequence), additionalData: fromHex('1703030011') };
}
