import { concatBytes, equalBytes, utf8 } from '../../src/base/bytes.ts';
import {
  decodeSessionState,
  encodeSessionState,
  type SessionState,
} from '../../src/sessions/session-state.ts';
import { TicketKeys } from '../../src/sessions/ticket-keys.ts';
import { SeededProvider } from '../../test/support/seeded-provider.ts';
import { demand, type Target } from '../engine/target.ts';
import { intermediate, leaf } from '../support/authorities.ts';

const start = Date.UTC(2026, 10, 23);
const hour = 3_600_000;
/** A key seals for an hour and opens for two more. */
const [lifetime, rotateAfter] = [2 * 3_600, 3_600];

interface Issued {
  readonly ticket: Uint8Array;
  readonly state: Uint8Array;
  /** Hours after the start, when its key was made. */
  readonly keyMadeAt: number;
}

const base: SessionState = {
  cipherSuite: 'TLS_AES_128_GCM_SHA256',
  psk: new Uint8Array(32).fill(7),
  authenticatedAt: start,
  validUntil: Number.POSITIVE_INFINITY,
  policy: new Uint8Array(32).fill(8),
  clientCertificates: [],
  clientRawPublicKey: undefined,
};

const states: readonly Uint8Array[] = [
  base,
  { ...base, validUntil: start + hour, clientCertificates: [leaf.der, intermediate.der] },
  { ...base, clientRawPublicKey: utf8('a public key') },
  {
    ...base,
    cipherSuite: 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
    psk: new Uint8Array(48).fill(9),
  } as const,
].map(encodeSessionState);

/** Tickets and states, as they are when nobody has changed them; `sealedBy` makes the keys anew, which forget with time. */
function sealedBy(provider: SeededProvider): {
  readonly keys: TicketKeys;
  readonly issued: readonly Issued[];
} {
  provider.restart();
  const keys = new TicketKeys(provider, lifetime, rotateAfter);
  const issued: Issued[] = [];
  for (const [index, madeAt] of [0, 1, 2, 2].entries()) {
    const state = states[index]!;
    issued.push({ ticket: keys.seal(state, start + madeAt * hour), state, keyMadeAt: madeAt });
  }
  return { keys, issued };
}

/** The inputs that are no accident: each ticket, and each state. */
export function ticketSeeds(): readonly Uint8Array[] {
  const { issued } = sealedBy(new SeededProvider('fuzz tickets'));
  const tickets = issued.map(({ ticket }) => concatBytes(Uint8Array.of(0, 2), ticket));
  const kept = states.map((state) => concatBytes(Uint8Array.of(1, 0), state));
  // Those of TLS 1.2 behind the others: files have numbers.
  return [...tickets.slice(0, 3), ...kept.slice(0, 3), ...tickets.slice(3), ...kept.slice(3)];
}

/**
 * A ticket that comes back: opened only where it is one that was issued, byte for byte, and its key still lives. An odd
 * first byte: a session's state, as a store might give it back. The second byte is the hour.
 */
export function tickets(): Target {
  const provider = new SeededProvider('fuzz tickets');
  return {
    maxLength: 2_000,
    maxTime: 200,
    run(input) {
      const [mode = 0, hours = 0] = input;
      const bytes = input.subarray(2);
      if (mode % 2 === 1) demandState(bytes);
      else openTicket(bytes, hours % 8, provider);
    },
  };
}

function openTicket(ticket: Uint8Array, hours: number, provider: SeededProvider): void {
  const { keys, issued } = sealedBy(provider);
  const opened = keys.open(ticket, start + hours * hour);
  const own = issued.find((one) => equalBytes(one.ticket, ticket));
  const lives = own !== undefined && hours < own.keyMadeAt + 3;
  demand((opened !== undefined) === lives, lives ? 'a ticket does not open' : 'a ticket opens that must not');
  if (opened) demand(equalBytes(opened, own!.state), 'a ticket opens to another state');
}

function demandState(bytes: Uint8Array): void {
  const state = decodeSessionState(bytes);
  if (!state) return;
  const again = encodeSessionState(state);
  // Times beyond what a number can tell apart are no times of ours.
  const isExact = Math.max(state.authenticatedAt, state.validUntil) < Number.MAX_SAFE_INTEGER;
  if (isExact) demand(equalBytes(again, bytes), 'a state encodes to other bytes');
}
