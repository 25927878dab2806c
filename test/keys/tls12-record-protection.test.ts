import { createCipheriv } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { concatBytes, noBytes, toHex, utf8 } from '../../src/base/bytes.ts';
import { maxGcmBlocks } from '../../src/base/limits.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import type { CryptoProvider, RecordToOpen, RecordToSeal } from '../../src/crypto/provider.ts';
import { type Tls12CipherSuite, tls12CipherSuites } from '../../src/keys/tls12-cipher-suites.ts';
import type { Tls12WriteKeys } from '../../src/keys/tls12-key-schedule.ts';
import { Tls12RecordOpener, Tls12RecordSealer } from '../../src/keys/tls12-record-protection.ts';
import { splitRecords } from '../support/raw-peer.ts';

const suites = Object.values(tls12CipherSuites);
const gcmSuite = tls12CipherSuites.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256;
const chachaSuite = tls12CipherSuites.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256;

function keysFor({ keyLength, fixedIvLength }: Tls12CipherSuite): Tls12WriteKeys {
  const from = (length: number, first: number): Uint8Array =>
    Uint8Array.from({ length }, (_, index) => first + index);
  return { key: from(keyLength, 1), iv: from(fixedIvLength, 101) };
}

function pair(suite: Tls12CipherSuite): { sealer: Tls12RecordSealer; opener: Tls12RecordOpener } {
  const keys = keysFor(suite);
  return {
    sealer: new Tls12RecordSealer(nodeCrypto, suite, keys),
    opener: new Tls12RecordOpener(nodeCrypto, suite, keys),
  };
}

function uint64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}

/** A record as RFC 5246 §6.2.3.3, RFC 5288 §3 and RFC 7905 §2 write it down, on node:crypto alone. */
function referenceRecord(
  suite: Tls12CipherSuite,
  type: number,
  sequence: number,
  content: Uint8Array,
  explicit: Buffer = uint64(sequence),
): Buffer {
  const { key, iv } = keysFor(suite);
  const isGcm = suite.aead !== 'CHACHA20_POLY1305';
  const padded = Buffer.concat([Buffer.alloc(4), uint64(sequence)]);
  const nonce = isGcm
    ? Buffer.concat([iv, explicit])
    : Buffer.from(iv.map((byte, index) => byte ^ padded[index]!));
  const name = {
    AES_128_GCM: 'aes-128-gcm',
    AES_256_GCM: 'aes-256-gcm',
    CHACHA20_POLY1305: 'chacha20-poly1305',
  };
  const cipher = createCipheriv(name[suite.aead] as 'aes-128-gcm', key, nonce, { authTagLength: 16 });
  const header = Buffer.of(type, 3, 3, content.length >> 8, content.length & 0xff);
  cipher.setAAD(Buffer.concat([uint64(sequence), header]), { plaintextLength: content.length });
  const sealed = Buffer.concat([cipher.update(content), cipher.final(), cipher.getAuthTag()]);
  const body = isGcm ? Buffer.concat([explicit, sealed]) : sealed;
  return Buffer.concat([Buffer.of(type, 3, 3, body.length >> 8, body.length & 0xff), body]);
}

/** One sealed record in each array. */
function sealEach(sealer: Tls12RecordSealer, type: number, ...contents: readonly Uint8Array[]): Uint8Array[] {
  const sealed = sealer.seal(
    type,
    contents.map((content) => ({ content: [content], padding: 0 })),
  );
  return splitRecords(concatBytes(...sealed));
}

function open(opener: Tls12RecordOpener, record: Uint8Array): ReturnType<Tls12RecordOpener['open']> {
  return opener.open(record.subarray(0, 5), record.subarray(5));
}

const contents = [utf8('first'), new Uint8Array(16_384).fill(7), noBytes, utf8('d')];

describe.each(suites)('record protection of TLS 1.2: $name', (suite) => {
  it('makes the records that the RFCs describe', () => {
    const { sealer } = pair(suite);
    const parts = [utf8('in '), utf8('several'), utf8(' parts')];
    const sealed = concatBytes(
      ...sealer.seal(22, [{ content: parts, padding: 0 }]),
      ...sealEach(sealer, 23, ...contents),
    );
    const expected = [
      referenceRecord(suite, 22, 0, concatBytes(...parts)),
      ...contents.map((content, index) => referenceRecord(suite, 23, index + 1, content)),
    ];
    expect(toHex(sealed)).toBe(toHex(Buffer.concat(expected)));
  });

  it('has no padding, whatever is asked for', () => {
    const [sealed] = sealEach(pair(suite).sealer, 23, utf8('abc'));
    const padded = pair(suite).sealer.seal(23, [{ content: [utf8('abc')], padding: 100 }]);
    expect(toHex(concatBytes(...padded))).toBe(toHex(sealed!));
  });

  it('opens what another implementation has sealed', () => {
    const { opener } = pair(suite);
    for (const [sequence, content] of contents.entries()) {
      const opened = open(opener, referenceRecord(suite, 21, sequence, content));
      expect(opened).toMatchObject({ type: 21, innerLength: content.length });
      expect(toHex(opened?.content ?? noBytes)).toBe(toHex(content));
    }
  });

  it('does not open what was altered, moved, or sent twice', () => {
    const { sealer, opener } = pair(suite);
    const [first, second] = sealEach(sealer, 23, utf8('first'), utf8('second'));
    expect(open(pair(suite).opener, second!), 'the second first').toBeUndefined();
    for (const place of [0, 1, 2, 5, 12, 13, 20, first!.length - 1]) {
      const altered = first!.slice();
      altered[place]! ^= 1;
      expect(open(pair(suite).opener, altered), `byte ${place}`).toBeUndefined();
    }
    expect(open(opener, first!)?.content).toEqual(utf8('first'));
    expect(open(opener, first!), 'the first again').toBeUndefined();
  });

  it('does not open what has no room for nonce and tag', () => {
    const shortest = suite.fixedIvLength === 4 ? 24 : 16;
    for (let length = 0; length <= shortest; length++)
      expect(open(pair(suite).opener, new Uint8Array(5 + length)), `${length} bytes`).toBeUndefined();
  });

  it('seals and opens nothing after its keys were wiped, which are copies', () => {
    const keys = keysFor(suite);
    const sealer = new Tls12RecordSealer(nodeCrypto, suite, keys);
    const opener = new Tls12RecordOpener(nodeCrypto, suite, keys);
    keys.key.fill(0);
    keys.iv.fill(0);
    const [record] = sealEach(sealer, 23, utf8('x'));
    expect(toHex(record!)).toBe(toHex(referenceRecord(suite, 23, 0, utf8('x'))));
    sealer.wipe();
    opener.wipe();
    expect(() => sealEach(sealer, 23, utf8('x'))).toThrow();
    expect(() => open(opener, record!)).toThrow();
  });
});

describe('the nonce', () => {
  it('of GCM stands in the record: the sequence number, so that it never comes twice', () => {
    const records = sealEach(pair(gcmSuite).sealer, 23, ...Array.from({ length: 300 }, () => utf8('x')));
    const explicit = records.map((record) => toHex(record.subarray(5, 13)));
    expect(explicit).toEqual(records.map((_, index) => index.toString(16).padStart(16, '0')));
  });

  it('of ChaCha20 does not', () => {
    const [record] = sealEach(pair(chachaSuite).sealer, 23, utf8('x'));
    expect(record).toHaveLength(5 + 1 + 16);
  });

  it('of GCM that comes is taken as it is: it need not be the sequence number', () => {
    const { opener } = pair(gcmSuite);
    const explicit = Buffer.from('00112233aabbccdd', 'hex');
    const record = referenceRecord(gcmSuite, 23, 0, utf8('x'), explicit);
    expect(open(opener, record)?.content).toEqual(utf8('x'));
  });
});

it('a run is sealed in one call to the provider', () => {
  const runs: number[] = [];
  const provider: CryptoProvider = {
    ...nodeCrypto,
    aead(algorithm, key) {
      const aead = nodeCrypto.aead(algorithm, key);
      const seal = (run: readonly RecordToSeal[]): Uint8Array[] => {
        runs.push(run.length);
        return aead.seal(run);
      };
      return { seal, open: (run: readonly RecordToOpen[]): Uint8Array[] => aead.open(run) };
    },
  };
  const sealer = new Tls12RecordSealer(provider, gcmSuite, keysFor(gcmSuite));
  sealEach(sealer, 23, utf8('a'), utf8('b'), utf8('c'));
  expect(runs).toEqual([3]);
});

describe('isExhausted', () => {
  it('comes when GCM has sealed as many blocks as is safe, one for each record counted on top', () => {
    // Of 17 bytes: two blocks and one.
    const sealer = new Tls12RecordSealer(nodeCrypto, gcmSuite, keysFor(gcmSuite), 7);
    sealEach(sealer, 23, new Uint8Array(17));
    sealEach(sealer, 23, new Uint8Array(17));
    expect(sealer.isExhausted).toBe(false);
    // Nothing but the one.
    sealEach(sealer, 23, noBytes);
    expect(sealer.isExhausted).toBe(true);
  });

  it('is that of 2^24.5 full records by default', () => {
    expect(maxGcmBlocks).toBe(23_726_566 * 1025);
  });

  it('never comes with ChaCha20', () => {
    const sealer = new Tls12RecordSealer(nodeCrypto, chachaSuite, keysFor(chachaSuite), 1);
    sealEach(sealer, 23, new Uint8Array(1000));
    expect(sealer.isExhausted).toBe(false);
  });
});
