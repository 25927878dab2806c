import { describe, expect, it } from 'vitest';
import { equalBytes, toHex, utf8 } from '../../src/base/bytes.ts';
import { TlsUsageError } from '../../src/base/errors.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import type { CryptoProvider } from '../../src/crypto/provider.ts';
import { TicketKeys } from '../../src/sessions/ticket-keys.ts';

const hour = 3600;
const state = utf8('the state of a session, secrets and all');
const start = Date.UTC(2026, 10, 23);

/** Milliseconds since 1970, so many seconds after the start. */
function at(seconds: number): number {
  return start + seconds * 1000;
}

describe('a sealed ticket', () => {
  it('opens to the state that it was made of', () => {
    const keys = new TicketKeys(nodeCrypto, hour);
    expect(keys.open(keys.seal(state, start), start)).toEqual(state);
  });

  it('shows nothing of the state, and never looks the same', () => {
    const keys = new TicketKeys(nodeCrypto, hour);
    const tickets = [keys.seal(state, start), keys.seal(state, start)];
    expect(new Set(tickets.map(toHex)).size).toBe(2);
    for (const ticket of tickets)
      expect(Buffer.from(ticket).includes(Buffer.from(state.subarray(0, 8)))).toBe(false);
  });

  it('is sealed under a key of its own: the fixed nonce never repeats under one', () => {
    const used: string[] = [];
    const provider: CryptoProvider = {
      ...nodeCrypto,
      aead(algorithm, key) {
        used.push(`${algorithm} ${toHex(key)}`);
        return nodeCrypto.aead(algorithm, key);
      },
    };
    const keys = new TicketKeys(provider, hour);
    for (let i = 0; i < 20; i++) keys.seal(state, start);
    expect(new Set(used).size).toBe(20);
    expect(used.every((entry) => entry.startsWith('AES_256_GCM '))).toBe(true);
  });

  it('does not open where any byte was changed, or cut off', () => {
    const keys = new TicketKeys(nodeCrypto, hour);
    const ticket = keys.seal(state, start);
    for (let i = 0; i < ticket.length; i++) {
      const changed = ticket.slice();
      changed[i] = (changed[i] ?? 0) ^ 0x10;
      expect(keys.open(changed, start), `byte ${i}`).toBeUndefined();
      expect(keys.open(ticket.subarray(0, i), start), `${i} bytes`).toBeUndefined();
    }
  });

  it('does not open under the keys of another server', () => {
    const ticket = new TicketKeys(nodeCrypto, hour).seal(state, start);
    const other = new TicketKeys(nodeCrypto, hour);
    other.rotate(start);
    expect(other.open(ticket, start)).toBeUndefined();
  });

  it('opens from a Buffer that is a slice of a larger one', () => {
    const keys = new TicketKeys(nodeCrypto, hour);
    const padded = Buffer.concat([Buffer.from('xx'), keys.seal(state, start), Buffer.from('yy')]);
    expect(keys.open(padded.subarray(2, -2), start)).toEqual(state);
  });
});

describe('ticket keys', () => {
  it('are replaced after rotateAfter, and open old tickets for the lifetime that these may have', () => {
    const keys = new TicketKeys(nodeCrypto, 10, 4);
    const first = keys.seal(state, at(0));
    const stillFirst = keys.seal(state, at(3.9));
    const second = keys.seal(state, at(4));
    expect(equalBytes(first.subarray(0, 16), stillFirst.subarray(0, 16))).toBe(true);
    expect(equalBytes(first.subarray(0, 16), second.subarray(0, 16))).toBe(false);
    // The last ticket under the first key was made at 4 s and lives to 14 s.
    expect(keys.open(stillFirst, at(13.9))).toEqual(state);
    expect(keys.open(stillFirst, at(14))).toBeUndefined();
    expect(keys.open(second, at(14))).toEqual(state);
  });

  it('rotate at half the lifetime by default', () => {
    const keys = new TicketKeys(nodeCrypto, 10);
    const names = [0, 4.9, 5].map((seconds) => toHex(keys.seal(state, at(seconds)).subarray(0, 16)));
    expect(names[1]).toBe(names[0]);
    expect(names[2]).not.toBe(names[0]);
  });

  it('are wiped once no ticket under them can be alive', () => {
    const secrets: Uint8Array[] = [];
    const provider: CryptoProvider = {
      ...nodeCrypto,
      randomBytes(length) {
        const bytes = nodeCrypto.randomBytes(length);
        if (length === 32) secrets.push(bytes);
        return bytes;
      },
    };
    const keys = new TicketKeys(provider, 10, 4);
    const ticket = keys.seal(state, at(0));
    expect(secrets.map((secret) => secret.some((byte) => byte !== 0))).toEqual([true]);
    keys.open(ticket, at(14));
    expect(secrets.map((secret) => secret.every((byte) => byte === 0))).toEqual([true]);
  });

  it('can be replaced at once; tickets under the older ones stay valid', () => {
    const keys = new TicketKeys(nodeCrypto, hour);
    const before = keys.seal(state, start);
    keys.rotate(start);
    const after = keys.seal(state, start);
    expect(equalBytes(before.subarray(0, 16), after.subarray(0, 16))).toBe(false);
    expect(keys.open(before, start)).toEqual(state);
  });

  it('stay in use when the clock steps back', () => {
    const keys = new TicketKeys(nodeCrypto, 10, 4);
    const ticket = keys.seal(state, at(0));
    expect(keys.open(ticket, at(-100_000))).toEqual(state);
    const earlier = keys.seal(state, at(-100_000));
    expect(equalBytes(ticket.subarray(0, 16), earlier.subarray(0, 16))).toBe(true);
  });

  it.each([
    [0, undefined],
    [-1, undefined],
    [Number.NaN, undefined],
    [604_801, undefined],
    [10, 0],
    [10, Number.NaN],
  ])('refuse a lifetime of %s with rotateAfter %s as the caller’s mistake', (lifetime, rotateAfter) => {
    expect(() => new TicketKeys(nodeCrypto, lifetime, rotateAfter)).toThrow(TlsUsageError);
  });
});

describe('keys that processes share', () => {
  it('open what the other has sealed, and stay', () => {
    const [first, second] = [new TicketKeys(nodeCrypto, hour), new TicketKeys(nodeCrypto, hour)];
    const before = first.seal(state, start);
    const shared = first.share(start);
    expect(shared).toHaveLength(48);
    second.use(shared);
    const later = at(100 * hour);
    expect(second.open(first.seal(state, later), later)).toEqual(state);
    expect(second.share(later)).toEqual(shared);
    expect(first.open(before, start)).toEqual(state);
  });

  it('go like all others once there are new ones', () => {
    const keys = new TicketKeys(nodeCrypto, hour);
    keys.use(new Uint8Array(48).fill(7));
    const sealed = keys.seal(state, at(100 * hour));
    keys.rotate(at(100 * hour));
    expect(keys.open(sealed, at(101 * hour))).toEqual(state);
    expect(keys.open(sealed, at(102 * hour))).toBeUndefined();
  });

  it('take the place of all others', () => {
    const keys = new TicketKeys(nodeCrypto, hour);
    const before = keys.seal(state, start);
    keys.use(new Uint8Array(48).fill(7));
    expect(keys.open(before, start)).toBeUndefined();
    expect(() => keys.use(new Uint8Array(47))).toThrow(TlsUsageError);
  });
});
