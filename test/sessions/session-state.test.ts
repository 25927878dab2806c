import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeSessionState,
  encodeSessionState,
  type SessionState,
} from '../../src/sessions/session-state.ts';
import { ownArray } from '../support/own-array.ts';

const state: SessionState = {
  cipherSuite: 'TLS_AES_256_GCM_SHA384',
  psk: new Uint8Array(48).fill(3),
  authenticatedAt: Date.UTC(2026, 10, 23),
  validUntil: Date.UTC(2027, 0, 1),
  policy: new Uint8Array(32).fill(4),
  clientCertificates: [Uint8Array.of(1, 2, 3), Uint8Array.of(4)],
  clientRawPublicKey: undefined,
};

describe('the state of a session', () => {
  it('comes back as it was', () => {
    const bytes = (length: number): fc.Arbitrary<Uint8Array> =>
      fc.uint8Array({ minLength: length, maxLength: length });
    const arbitrary: fc.Arbitrary<SessionState> = fc.record({
      cipherSuite: fc.constantFrom(
        'TLS_AES_128_GCM_SHA256',
        'TLS_AES_256_GCM_SHA384',
        'TLS_CHACHA20_POLY1305_SHA256',
        'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384',
      ),
      psk: fc.constantFrom(32, 48).chain(bytes),
      authenticatedAt: fc.nat({ max: 2 ** 43 }),
      validUntil: fc.oneof(fc.nat({ max: 2 ** 47 }), fc.constant(Number.POSITIVE_INFINITY)),
      policy: bytes(32),
      clientCertificates: fc.array(fc.uint8Array({ minLength: 1, maxLength: 400 }), { maxLength: 4 }),
      clientRawPublicKey: fc.option(fc.uint8Array({ minLength: 1, maxLength: 400 }), { nil: undefined }),
    });
    fc.assert(
      fc.property(arbitrary, (value) => {
        expect(decodeSessionState(encodeSessionState(value))).toEqual(value);
      }),
      { seed: 20261123, numRuns: 200 },
    );
  });

  it('is not understood where it is cut, longer, or of another format', () => {
    const bytes = encodeSessionState(state);
    for (let length = 0; length < bytes.length; length++)
      expect(decodeSessionState(bytes.subarray(0, length)), `${length} bytes`).toBeUndefined();
    expect(decodeSessionState(Uint8Array.of(...bytes, 0))).toBeUndefined();
    expect(decodeSessionState(Uint8Array.of((bytes[0] ?? 0) + 1, ...bytes.subarray(1)))).toBeUndefined();
    const otherSuite = bytes.slice();
    otherSuite[2] = 0x7a;
    expect(decodeSessionState(otherSuite)).toBeUndefined();
  });

  it('keeps nothing of the array that it was read from, not even of a Buffer', () => {
    const buffer = Buffer.concat([Buffer.from('x'), encodeSessionState(state)]).subarray(1);
    const decoded = decodeSessionState(buffer);
    buffer.fill(0);
    expect(decoded).toEqual(state);
    const arrays = [decoded?.psk, decoded?.policy, ...(decoded?.clientCertificates ?? [])];
    expect(arrays.map((array) => array && ownArray(array))).toEqual([true, true, true, true]);
  });
});
