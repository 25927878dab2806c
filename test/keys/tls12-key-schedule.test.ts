import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { concatBytes, noBytes, toHex, utf8 } from '../../src/base/bytes.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import type { HashAlgorithm } from '../../src/crypto/provider.ts';
import { tls12CipherSuites } from '../../src/keys/tls12-cipher-suites.ts';
import {
  deriveExtendedMasterSecret,
  deriveMasterSecret,
  masterSecretLength,
  prf,
  tls12ExportKeyingMaterial,
  tls12Keys,
  tls12VerifyData,
} from '../../src/keys/tls12-key-schedule.ts';
import { fromHex } from '../support/hex.ts';
import { ownArray } from '../support/own-array.ts';

const secret = Uint8Array.from({ length: 48 }, (_, index) => 200 - index);
const client = new Uint8Array(32).fill(0xc1);
const server = new Uint8Array(32).fill(0x5e);
const randoms = { client, server };
const transcriptHash = Uint8Array.from({ length: 32 }, (_, index) => index);
const hashes: readonly HashAlgorithm[] = ['sha256', 'sha384'];

/** P_hash as RFC 5246 §5 writes it down, on node:crypto alone. */
function pHash(hash: HashAlgorithm, key: Uint8Array, seed: Uint8Array, length: number): string {
  const hmac = (...parts: readonly Uint8Array[]): Uint8Array =>
    createHmac(hash, key)
      .update(concatBytes(...parts))
      .digest();
  let a = seed;
  let output: Uint8Array = noBytes;
  while (output.length < length) {
    a = hmac(a);
    output = concatBytes(output, hmac(a, seed));
  }
  return toHex(output.subarray(0, length));
}

describe('the PRF of TLS 1.2', () => {
  // Of the list "TLS 1.2 PRF test vectors" that was sent to the TLS working group (ietf.org/mail-archive/web/tls/current/msg03416.html).
  it.each([
    [
      'sha256',
      '9bbe436ba940f017b17652849a71db35',
      'a0ba9f936cda311827a6f796ffd5198c',
      'test label',
      'e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791e90d35c9c9a46b4e14baf9af0fa022f7077def17abfd3797c0564bab4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff70187347b66',
    ],
    [
      'sha384',
      'b80b733d6ceefcdc71566ea48e5567df',
      'cd665cf6a8447dd6ff8b27555edb7465',
      'test label',
      '7b0c18e9ced410ed1804f2cfa34a336a1c14dffb4900bb5fd7942107e81c83cde9ca0faa60be9fe34f82b1233c9146a0e534cb400fed2700884f9dc236f80edd8bfa961144c9e8d792eca722a7b32fc3d416d473ebc2c5fd4abfdad05d9184259b5bf8cd4d90fa0d31e2dec479e4f1a26066f2eea9a69236a3e52655c9e9aee691c8f3a26854308d5eaa3be85e0990703d73e56f',
    ],
  ] as const)('gives the published output of P_%s', (hash, key, seed, label, output) => {
    const bytes = prf(nodeCrypto, hash, fromHex(key), label, fromHex(seed), output.length / 2);
    expect(toHex(bytes)).toBe(output);
  });

  it.each(hashes)('gives any length: %s', (hash) => {
    for (const length of [0, 1, 12, 31, 32, 33, 47, 48, 49, 64, 96, 97, 1000]) {
      const bytes = prf(nodeCrypto, hash, secret, 'a label', client, length);
      expect(toHex(bytes)).toBe(pHash(hash, secret, concatBytes(utf8('a label'), client), length));
      expect(ownArray(bytes)).toBe(true);
    }
  });

  it('leaves secret and seed as they were', () => {
    const [key, seed] = [secret.slice(), client.slice()];
    prf(nodeCrypto, 'sha256', key, 'a label', seed, 100);
    expect([key, seed]).toEqual([secret, client]);
  });
});

describe.each(hashes)('the key schedule under %s', (hash) => {
  it('master secret: both random values, the client’s first (RFC 5246 §8.1)', () => {
    const seed = concatBytes(utf8('master secret'), client, server);
    const derived = deriveMasterSecret(nodeCrypto, hash, secret, randoms);
    expect(toHex(derived)).toBe(pHash(hash, secret, seed, 48));
    expect(derived).toHaveLength(masterSecretLength);
  });

  it('extended master secret: the session hash alone (RFC 7627 §4)', () => {
    const seed = concatBytes(utf8('extended master secret'), transcriptHash);
    expect(toHex(deriveExtendedMasterSecret(nodeCrypto, hash, secret, transcriptHash))).toBe(
      pHash(hash, secret, seed, 48),
    );
  });

  it.each(['client', 'server'] as const)('verify_data of the %s: 12 bytes (RFC 5246 §7.4.9)', (side) => {
    const seed = concatBytes(utf8(`${side} finished`), transcriptHash);
    expect(toHex(tls12VerifyData(nodeCrypto, hash, secret, side, transcriptHash))).toBe(
      pHash(hash, secret, seed, 12),
    );
  });
});

describe('the key block', () => {
  it.each(Object.values(tls12CipherSuites))(
    'is cut into the keys of client and server and then their IVs, and comes of the server’s random value first: $name',
    (suite) => {
      const { keyLength, fixedIvLength, hash } = suite;
      const seed = concatBytes(utf8('key expansion'), server, client);
      const block = fromHex(pHash(hash, secret, seed, 2 * (keyLength + fixedIvLength)));
      const keys = tls12Keys(nodeCrypto, suite, secret, randoms);
      const [a, b, c] = [keyLength, 2 * keyLength, 2 * keyLength + fixedIvLength];
      expect(keys.client).toEqual({ key: block.slice(0, a), iv: block.slice(b, c) });
      expect(keys.server).toEqual({ key: block.slice(a, b), iv: block.slice(c) });
      for (const bytes of [keys.client.key, keys.client.iv, keys.server.key, keys.server.iv])
        expect(ownArray(bytes)).toBe(true);
    },
  );
});

describe('the exporter of TLS 1.2 (RFC 5705 §4)', () => {
  const exported = (label: string, context: Uint8Array | undefined, length = 40): string =>
    toHex(tls12ExportKeyingMaterial(nodeCrypto, 'sha256', secret, randoms, label, context, length));

  it('without context: both random values', () => {
    const seed = concatBytes(utf8('EXPORTER-a'), client, server);
    expect(exported('EXPORTER-a', undefined)).toBe(pHash('sha256', secret, seed, 40));
  });

  it('with context: its length of two bytes and itself behind them; an empty one is not the same as none', () => {
    const seed = concatBytes(utf8('EXPORTER-a'), client, server);
    const context = new Uint8Array(300).fill(9);
    expect(exported('EXPORTER-a', context)).toBe(
      pHash('sha256', secret, concatBytes(seed, fromHex('012c'), context), 40),
    );
    expect(exported('EXPORTER-a', noBytes)).toBe(
      pHash('sha256', secret, concatBytes(seed, fromHex('0000')), 40),
    );
    expect(exported('EXPORTER-a', noBytes)).not.toBe(exported('EXPORTER-a', undefined));
  });

  it.each(['client finished', 'server finished', 'master secret', 'extended master secret', 'key expansion'])(
    'refuses a label of TLS’s own: %s',
    (label) => {
      expect(() => exported(label, undefined)).toThrow(RangeError);
      expect(() => exported(label, noBytes)).toThrow(RangeError);
    },
  );

  it('refuses a context whose length has no room in two bytes', () => {
    expect(() => exported('EXPORTER-a', new Uint8Array(65_536))).toThrow(RangeError);
    expect(exported('EXPORTER-a', new Uint8Array(65_535))).toHaveLength(80);
  });
});
