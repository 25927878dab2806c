import { copyBytes, equalBytes, wipe } from '../base/bytes.ts';
import { peerError } from '../base/errors.ts';
import { maxPskIdentitiesTried, maxTicketLifetime } from '../base/limits.ts';
import { type CipherSuite, cipherSuites } from '../keys/cipher-suites.ts';
import { type EarlySecret, earlySecret } from '../keys/key-schedule.ts';
import type { Transcript } from '../keys/transcript.ts';
import { decodeSessionState, type SessionState } from '../sessions/session-state.ts';
import { bindersLength, type ClientHello } from '../wire/hello.ts';
import { pskKeyExchangeModes } from '../wire/names.ts';
import type { ServerConfig } from './config.ts';
import type { ServerPolicy } from './server-policy.ts';
import { ask, type Handshake } from './steps.ts';
import { isTls13Suite } from './versions.ts';

export interface AcceptedSession {
  readonly index: number;
  readonly state: SessionState;
  readonly early: EarlySecret;
}

/**
 * The first offered session that may be resumed now. Unknown, foreign and expired ones are passed over, only the
 * binder of the one that is chosen is verified, and must be right (RFC 9846 §4.3.11). The age that the client claims
 * is of no interest without 0-RTT: a stepped clock costs nobody a resumption.
 */
export function* acceptSession(
  config: ServerConfig,
  hello: ClientHello,
  helloBytes: Uint8Array,
  transcript: Transcript,
  suite: CipherSuite,
  policy: ServerPolicy,
): Handshake<AcceptedSession | undefined> {
  const { pre_shared_key: offered, psk_key_exchange_modes: modes } = hello.extensions;
  if (!offered || !modes?.includes(pskKeyExchangeModes.psk_dhe_ke)) return undefined;
  for (const [index, { identity }] of offered.identities.slice(0, maxPskIdentitiesTried).entries()) {
    const state = yield* findState(config, identity);
    if (!state) continue;
    if (!mayResume(config, state, suite, policy)) {
      wipe(state.psk);
      continue;
    }
    const early = earlySecret(config.provider, suite.hash, state.psk);
    wipe(state.psk);
    const truncated = helloBytes.subarray(0, -bindersLength(offered));
    const expected = early.binder(transcript.digestWith(suite.hash, truncated));
    const binder = offered.binders[index] ?? new Uint8Array(0);
    if (!config.provider.timingSafeEqual(expected, binder)) {
      early.wipe();
      throw peerError(
        'decrypt_error',
        'the PSK binder does not verify: the client does not have the key of its ticket',
      );
    }
    return { index, state, early };
  }
  return undefined;
}

/** What a ticket stands for; undefined where it is none of ours, or a store does not know it. */
export function* findState(config: ServerConfig, ticket: Uint8Array): Handshake<SessionState | undefined> {
  const { keeper } = config.tickets;
  if (keeper.kind === 'keys') {
    const opened = keeper.open(ticket, config.now());
    const state = opened && decodeSessionState(opened);
    wipe(opened);
    return state;
  }
  // Names are of one length: what cannot be one does not reach the store.
  if (ticket.length !== sessionIdLength) return undefined;
  const id = copyBytes(ticket);
  let stored: Uint8Array | undefined;
  try {
    stored = yield* ask({ kind: 'session', id }, () => keeper.get(id));
  } catch {
    // A store that fails costs a resumption, not the connection.
    return undefined;
  }
  // The array is the store's, and may be all that it has of the session: it is not wiped.
  return stored && decodeSessionState(stored);
}

/** Bytes of a session's name in a store: random, so that nobody guesses one. */
export const sessionIdLength: number = 32;

function mayResume(
  config: ServerConfig,
  state: SessionState,
  suite: CipherSuite,
  policy: ServerPolicy,
): boolean {
  return (
    isTls13Suite(state.cipherSuite) &&
    cipherSuites[state.cipherSuite].hash === suite.hash &&
    isAlive(config, state, policy.hash)
  );
}

/** Whether a session was made under this policy, and neither it nor the client's path has expired. */
export function isAlive(config: ServerConfig, state: SessionState, policyHash: Uint8Array): boolean {
  return equalBytes(state.policy, policyHash) && config.now() < endOf(config, state);
}

/** Whole seconds that a ticket for this session may live from now on; none where it is not positive. */
export function lifetimeLeft(config: ServerConfig, session: SessionTimes, now: number): number {
  return Math.min(Math.floor((endOf(config, session) - now) / 1000), maxTicketLifetime);
}

type SessionTimes = Pick<SessionState, 'authenticatedAt' | 'validUntil'>;

/** Counted from the original handshake, through every renewal. */
function endOf({ tickets }: ServerConfig, { authenticatedAt, validUntil }: SessionTimes): number {
  return Math.min(authenticatedAt + tickets.lifetime * 1000, validUntil);
}
