import { afterEach, describe, expect, it, vi } from 'vitest';
import { concatBytes, noBytes, toHex } from '../../src/base/bytes.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import type { NamedGroup } from '../../src/crypto/provider.ts';
import { nextPrivateKeys } from '../support/fixed-key-pairs.ts';
import { fromHex } from '../support/hex.ts';
import { ownArray } from '../support/own-array.ts';

vi.mock('node:crypto', async (importOriginal) =>
  (await import('../support/fixed-key-pairs.ts')).withFixedKeyPairs(await importOriginal()),
);

afterEach(() => {
  nextPrivateKeys.length = 0;
});

const groups: [NamedGroup, number, number][] = [
  ['x25519', 32, 32],
  ['secp256r1', 65, 32],
  ['secp384r1', 97, 48],
  ['secp521r1', 133, 66],
];

describe.each(groups)('%s', (group, shareLength, secretLength) => {
  it('gives both sides the same secret, in arrays of their own', () => {
    const client = nodeCrypto.initiateKeyExchange(group);
    const server = nodeCrypto.respondToKeyExchange(group, client.publicValue);
    const secret = client.finish(server?.publicValue ?? noBytes) ?? noBytes;
    expect(client.group).toBe(group);
    expect(toHex(secret)).toBe(toHex(server?.sharedSecret ?? noBytes));
    expect(secret.length).toBe(secretLength);
    expect(client.publicValue.length).toBe(shareLength);
    expect(server?.publicValue.length).toBe(shareLength);
    for (const bytes of [client.publicValue, secret, server?.publicValue, server?.sharedSecret]) {
      expect(ownArray(bytes!)).toBe(true);
    }
  });

  it('makes a fresh key pair each time', () => {
    const { publicValue } = nodeCrypto.initiateKeyExchange(group);
    expect(toHex(nodeCrypto.initiateKeyExchange(group).publicValue)).not.toBe(toHex(publicValue));
    const first = nodeCrypto.respondToKeyExchange(group, publicValue);
    const second = nodeCrypto.respondToKeyExchange(group, publicValue);
    expect(toHex(first!.publicValue)).not.toBe(toHex(second!.publicValue));
  });

  it('refuses shares of any other length', () => {
    const { publicValue } = nodeCrypto.initiateKeyExchange(group);
    const shares = [
      noBytes,
      publicValue.subarray(1),
      publicValue.subarray(0, -1),
      concatBytes(publicValue, Uint8Array.of(0)),
      concatBytes(Uint8Array.of(0), publicValue),
      concatBytes(publicValue.subarray(0, 1), Uint8Array.of(0), publicValue.subarray(1)),
    ];
    for (const share of shares) expectRefused(group, share);
  });

  it('makes no key pair for a share that is of the wrong form', () => {
    const fixed = new Uint8Array(secretLength).fill(1);
    nextPrivateKeys.push(fixed);
    nodeCrypto.respondToKeyExchange(group, new Uint8Array(shareLength - 1));
    expect(nextPrivateKeys).toEqual([fixed]);
  });

  it('takes a share that lies inside a larger array', () => {
    const client = nodeCrypto.initiateKeyExchange(group);
    const server = nodeCrypto.initiateKeyExchange(group);
    const message = concatBytes(Uint8Array.of(9, 9), server.publicValue, Uint8Array.of(9));
    const secret = client.finish(message.subarray(2, 2 + shareLength));
    expect(toHex(secret!)).toBe(toHex(server.finish(client.publicValue)!));
  });
});

describe('X25519', () => {
  it('gives the secret of RFC 7748 §6.1', () => {
    nextPrivateKeys.push(fromHex('5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb'));
    const bob = nodeCrypto.initiateKeyExchange('x25519');
    expect(toHex(bob.publicValue)).toBe('de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f');
    const alice = fromHex('8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a');
    expect(toHex(bob.finish(alice)!)).toBe(
      '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742',
    );
  });

  // Points of low order: whatever the private key is, the secret is all zeros (RFC 7748 §6.1).
  it.each([
    '0000000000000000000000000000000000000000000000000000000000000000',
    '0100000000000000000000000000000000000000000000000000000000000000',
    'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
    '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
    'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  ])('refuses %s, whose secret is all zeros', (share) => {
    expectRefused('x25519', fromHex(share));
  });
});

describe.each([
  ['secp256r1', 32],
  ['secp384r1', 48],
  ['secp521r1', 66],
] as const)('points on %s', (group, coordinateLength) => {
  const point = nodeCrypto.initiateKeyExchange(group).publicValue;

  it('are uncompressed: no compressed, hybrid or other form', () => {
    for (const form of [0, 2, 3, 5, 6, 7, 0x84]) {
      expectRefused(group, concatBytes(Uint8Array.of(form), point.subarray(1)));
      expectRefused(group, concatBytes(Uint8Array.of(form), point.subarray(1, 1 + coordinateLength)));
    }
    // One of the hybrid forms is the right one for this point: OpenSSL by itself would take it.
    const parity = point[point.length - 1]! % 2;
    expectRefused(group, concatBytes(Uint8Array.of(6 + parity), point.subarray(1)));
  });

  it('are not the point at infinity', () => {
    expectRefused(group, Uint8Array.of(0));
    expectRefused(group, new Uint8Array(point.length));
    expectRefused(group, concatBytes(Uint8Array.of(4), new Uint8Array(2 * coordinateLength)));
  });

  it('are on the curve', () => {
    for (const index of [1, coordinateLength, coordinateLength + 1, 2 * coordinateLength]) {
      const off = Uint8Array.from(point);
      off[index]! ^= 1;
      expectRefused(group, off);
    }
  });

  it('have coordinates below the prime', () => {
    expectRefused(group, concatBytes(Uint8Array.of(4), new Uint8Array(2 * coordinateLength).fill(0xff)));
  });
});

it('refuses a point of another curve', () => {
  const p256 = nodeCrypto.initiateKeyExchange('secp256r1').publicValue;
  const widened = concatBytes(
    p256.subarray(0, 1),
    new Uint8Array(16),
    p256.subarray(1, 33),
    new Uint8Array(16),
    p256.subarray(33),
  );
  expectRefused('secp384r1', widened);
});

function expectRefused(group: NamedGroup, share: Uint8Array): void {
  expect(nodeCrypto.initiateKeyExchange(group).finish(share)).toBeUndefined();
  expect(nodeCrypto.respondToKeyExchange(group, share)).toBeUndefined();
}
