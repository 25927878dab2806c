import { createCipheriv } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { concatBytes, noBytes, toHex } from '../../src/base/bytes.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import type { CryptoProvider, RecordToOpen, RecordToSeal } from '../../src/crypto/provider.ts';
import { type CipherSuite, cipherSuites } from '../../src/keys/cipher-suites.ts';
import { hkdfExpandLabel } from '../../src/keys/hkdf.ts';
import { nextTrafficSecret } from '../../src/keys/key-schedule.ts';
import { RecordOpener, RecordSealer, recordNonce } from '../../src/keys/record-protection.ts';
import { fromHex } from '../support/hex.ts';

const suite = cipherSuites.TLS_AES_128_GCM_SHA256;
const suites = Object.values(cipherSuites);

describe('record protection', () => {
  it.each(suites)('opens what it sealed: $name', (suite) => {
    const { sealer, opener } = pair(suite);
    for (const length of [0, 1, 500, 1024, 5000, 16384]) {
      const content = nodeCrypto.randomBytes(length);
      const sealed = sealer.seal(23, [{ content: [content], padding: 0 }]);
      const [record] = records(sealed);
      const opened = opener.open(record!.header, record!.ciphertext);
      expect(opened?.type).toBe(23);
      expect(opened?.innerLength).toBe(length + 1);
      expect(toHex(opened?.content ?? noBytes)).toBe(toHex(content));
    }
  });

  it.each(suites)('makes the records that RFC 9846 §5.2 describes: $name', (suite) => {
    const secret = nodeCrypto.randomBytes(suite.hashLength);
    const sealer = new RecordSealer(nodeCrypto, suite, secret);
    const parts = [fromHex('616263'), new Uint8Array(3000).fill(1), fromHex('64')];
    const sealed = sealer.seal(22, [
      { content: parts, padding: 0 },
      { content: [], padding: 4 },
    ]);
    const inner = concatBytes(...parts, Uint8Array.of(22));
    const first = referenceRecord(suite, secret, 0, inner);
    const second = referenceRecord(suite, secret, 1, Uint8Array.of(22, 0, 0, 0, 0));
    expect(toHex(concatBytes(...sealed))).toBe(toHex(concatBytes(first, second)));
    expect(sealer.recordsSealed).toBe(2);
  });

  it('seals a run in one call to the provider', () => {
    const runs: (readonly RecordToSeal[])[] = [];
    const provider: CryptoProvider = {
      ...nodeCrypto,
      aead(algorithm, key) {
        const aead = nodeCrypto.aead(algorithm, key);
        const seal = (run: readonly RecordToSeal[]): Uint8Array[] => {
          runs.push(run);
          return aead.seal(run);
        };
        return { seal, open: (run: readonly RecordToOpen[]): Uint8Array[] => aead.open(run) };
      },
    };
    const sealer = new RecordSealer(provider, suite, new Uint8Array(32));
    sealer.seal(23, Array(5).fill({ content: [Uint8Array.of(1)], padding: 0 }));
    expect(runs.map((run) => run.length)).toEqual([5]);
    const nonces = runs[0]?.map((record) => toHex(record.nonce));
    expect(new Set(nonces).size).toBe(5);
  });

  it('does not advance where a record does not authenticate', () => {
    const { sealer, opener } = pair(suite);
    const [first, second] = records(sealer.seal(23, [fragment('first'), fragment('second')]));
    expect(opener.open(second!.header, second!.ciphertext)).toBeUndefined();
    const altered = new Uint8Array(first!.ciphertext);
    altered[0]! ^= 1;
    expect(opener.open(first!.header, altered)).toBeUndefined();
    expect(opener.open(first!.header, noBytes)).toBeUndefined();
    expect(text(opener.open(first!.header, first!.ciphertext)?.content)).toBe('first');
    expect(opener.open(first!.header, first!.ciphertext)).toBeUndefined();
    expect(text(opener.open(second!.header, second!.ciphertext)?.content)).toBe('second');
  });

  it('authenticates the header as it came', () => {
    const { sealer, opener } = pair(suite);
    const [record] = records(sealer.seal(23, [fragment('content')]));
    const otherVersion = Uint8Array.from(record!.header);
    otherVersion[2] = 1;
    expect(opener.open(otherVersion, record!.ciphertext)).toBeUndefined();
    expect(opener.open(record!.header, record!.ciphertext)).toBeDefined();
  });

  it('takes the padding off, and keeps zeros that are content', () => {
    const { sealer, opener } = pair(suite);
    const content = Uint8Array.of(0, 5, 0, 0);
    const [record] = records(sealer.seal(21, [{ content: [content], padding: 100 }]));
    const opened = opener.open(record!.header, record!.ciphertext);
    expect(opened?.type).toBe(21);
    expect([...(opened?.content ?? [])]).toEqual([...content]);
    expect(opened?.innerLength).toBe(105);
    expect(opened?.content.buffer.byteLength).toBe(105);
    expect(opened?.content.constructor).toBe(Uint8Array);
  });

  it.each([0, 1, 100])(
    'answers %i bytes of zeros without a content type with unexpected_message',
    (length) => {
      const secret = nodeCrypto.randomBytes(32);
      const record = referenceRecord(suite, secret, 0, new Uint8Array(length));
      const opener = new RecordOpener(nodeCrypto, suite, secret);
      const open = (): unknown => opener.open(record.subarray(0, 5), record.subarray(5));
      expect(open).toThrow(expect.objectContaining({ alert: 'unexpected_message', direction: 'sent' }));
    },
  );

  it.each(suites)('goes on to the next generation from sequence number 0: $name', (suite) => {
    const secret = nodeCrypto.randomBytes(suite.hashLength);
    const next = nextTrafficSecret(nodeCrypto, suite.hash, secret);
    const sealer = new RecordSealer(nodeCrypto, suite, secret);
    const opener = new RecordOpener(nodeCrypto, suite, secret);
    sealer.seal(23, [fragment('lost')]);
    sealer.updateKeys();
    opener.updateKeys();
    expect(sealer.recordsSealed).toBe(0);
    const sealed = concatBytes(...sealer.seal(23, [fragment('new')]));
    expect(toHex(sealed)).toBe(toHex(referenceRecord(suite, next, 0, Buffer.from('new\x17'))));
    expect(text(opener.open(sealed.subarray(0, 5), sealed.subarray(5))?.content)).toBe('new');
  });

  it('owns its secrets: what the caller does with the traffic secret later changes nothing', () => {
    const secret = nodeCrypto.randomBytes(32);
    const next = nextTrafficSecret(nodeCrypto, 'sha256', secret);
    const sealer = new RecordSealer(nodeCrypto, suite, secret);
    const opener = new RecordOpener(nodeCrypto, suite, secret);
    secret.fill(0);
    sealer.updateKeys();
    opener.updateKeys();
    const sealed = concatBytes(...sealer.seal(23, [fragment('x')]));
    expect(toHex(sealed)).toBe(toHex(referenceRecord(suite, next, 0, Buffer.from('x\x17'))));
    expect(opener.open(sealed.subarray(0, 5), sealed.subarray(5))).toBeDefined();
  });

  it('wipes what it derived, and cannot be used after', () => {
    const outputs: Uint8Array[] = [];
    const keys: Uint8Array[] = [];
    const provider: CryptoProvider = {
      ...nodeCrypto,
      hmac(...input) {
        const output = nodeCrypto.hmac(...input);
        outputs.push(output);
        return output;
      },
      aead(algorithm, key) {
        keys.push(key);
        return nodeCrypto.aead(algorithm, key);
      },
    };
    const sealer = new RecordSealer(provider, suite, nodeCrypto.randomBytes(32));
    const opener = new RecordOpener(provider, suite, nodeCrypto.randomBytes(32));
    sealer.updateKeys();
    sealer.wipe();
    opener.wipe();
    expect([...outputs, ...keys].flatMap((bytes) => [...bytes]).every((byte) => byte === 0)).toBe(true);
    expect(keys).toHaveLength(3);
    expect(() => sealer.seal(23, [fragment('x')])).toThrow('wiped');
    expect(() => sealer.updateKeys()).toThrow('wiped');
    expect(() => opener.open(new Uint8Array(5), new Uint8Array(17))).toThrow('wiped');
    expect(() => opener.updateKeys()).toThrow('wiped');
    sealer.wipe();
  });
});

describe('recordNonce', () => {
  const iv = fromHex('101112131415161718191a1b');

  it.each([
    [0, '1011121314151617 18191a1b'],
    [1, '1011121314151617 18191a1a'],
    [0x80000000, '1011121314151617 98191a1b'],
    [0xffffffff, '1011121314151617 e7e6e5e4'],
    [2 ** 32, '1011121314151616 18191a1b'],
    [2 ** 40 + 2 ** 33 + 3, '1011121314151715 18191a18'],
    [2 ** 53 - 1, '10111213140ae9e8 e7e6e5e4'],
  ])('of record %d', (sequence, expected) => {
    expect(toHex(recordNonce(iv, sequence))).toBe(expected.replace(' ', ''));
  });

  it('leaves the IV as it is', () => {
    recordNonce(iv, 5);
    expect(toHex(iv)).toBe('101112131415161718191a1b');
  });
});

function pair(suite: CipherSuite): { sealer: RecordSealer; opener: RecordOpener } {
  const secret = nodeCrypto.randomBytes(suite.hashLength);
  return {
    sealer: new RecordSealer(nodeCrypto, suite, secret),
    opener: new RecordOpener(nodeCrypto, suite, secret),
  };
}

function fragment(content: string): { content: Uint8Array[]; padding: number } {
  return { content: [Buffer.from(content)], padding: 0 };
}

function text(content: Uint8Array | undefined): string | undefined {
  return content && Buffer.from(content).toString();
}

function records(wire: readonly Uint8Array[]): { header: Uint8Array; ciphertext: Uint8Array }[] {
  const bytes = concatBytes(...wire);
  const found: { header: Uint8Array; ciphertext: Uint8Array }[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 5 + bytes[at + 3]! * 256 + bytes[at + 4]!;
    found.push({ header: bytes.slice(at, at + 5), ciphertext: bytes.slice(at + 5, end) });
    at = end;
  }
  return found;
}

/** A record made by node:crypto's own cipher, with whatever inner plaintext. */
function referenceRecord(
  suite: CipherSuite,
  secret: Uint8Array,
  sequence: number,
  inner: Uint8Array,
): Uint8Array {
  const expand = (label: string, length: number): Uint8Array =>
    hkdfExpandLabel(nodeCrypto, suite.hash, secret, label, noBytes, length);
  const nonce = expand('iv', 12);
  nonce[11]! ^= sequence;
  const length = inner.length + 16;
  const header = Uint8Array.of(23, 3, 3, length >> 8, length & 0xff);
  const algorithm = {
    AES_128_GCM: 'aes-128-gcm',
    AES_256_GCM: 'aes-256-gcm',
    CHACHA20_POLY1305: 'chacha20-poly1305',
  };
  const name = algorithm[suite.aead] as 'aes-128-gcm';
  const cipher = createCipheriv(name, expand('key', suite.keyLength), nonce, { authTagLength: 16 });
  cipher.setAAD(header);
  const ciphertext = concatBytes(cipher.update(inner), cipher.final());
  return concatBytes(header, ciphertext, cipher.getAuthTag());
}
