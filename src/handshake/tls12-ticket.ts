import { noBytes, wipe } from '../base/bytes.ts';
import { maxUint16 } from '../base/limits.ts';
import { encodeSessionState } from '../sessions/session-state.ts';
import { encodeTls12NewSessionTicket } from '../wire/tls12-messages.ts';
import type { ServerConfig } from './config.ts';
import type { Tls12Outcome } from './outcome.ts';
import { lifetimeLeft, sessionIdLength } from './server-psk.ts';

/** A ticket that belongs to a handshake of TLS 1.2. */
export interface Tls12Ticket {
  readonly message: Uint8Array;
  /** Puts the session into the store, where there is one: when the client has proved that it knows its secret. */
  readonly store: () => void;
}

/** The NewSessionTicket of a handshake that has announced one; with an empty ticket where none can be made (RFC 5077 §3.3). */
export function mintTls12Ticket(
  config: ServerConfig,
  outcome: Tls12Outcome,
  policyHash: Uint8Array,
): Tls12Ticket {
  try {
    return mint(config, outcome, policyHash) ?? noTicket;
  } catch {
    // A clock or a key of the caller's that fails costs a ticket, not the connection.
    return noTicket;
  }
}

const noTicket: Tls12Ticket = {
  message: encodeTls12NewSessionTicket({ lifetimeHint: 0, ticket: noBytes }),
  store: () => {},
};

function mint(config: ServerConfig, outcome: Tls12Outcome, policyHash: Uint8Array): Tls12Ticket | undefined {
  const { tickets, provider } = config;
  const { authenticatedAt, validUntil } = outcome;
  const now = config.now();
  const lifetimeHint = lifetimeLeft(config, outcome, now);
  if (lifetimeHint <= 0) return undefined;
  const state = encodeSessionState({
    cipherSuite: outcome.suite.name,
    psk: outcome.masterSecret,
    authenticatedAt,
    validUntil,
    policy: policyHash,
    clientCertificates: outcome.peerCertificates,
    clientRawPublicKey: undefined,
  });
  const { keeper } = tickets;
  if (keeper.kind === 'keys') {
    const ticket = keeper.seal(state, now);
    wipe(state);
    // Never sent without the client's identity, so not at all.
    if (ticket.length > maxUint16) return undefined;
    return { ...noTicket, message: encodeTls12NewSessionTicket({ lifetimeHint, ticket }) };
  }
  const ticket = provider.randomBytes(sessionIdLength);
  const store = (): void => {
    try {
      // The handshake does not wait: whoever comes back before the store has it gets a full one.
      void keeper.put(ticket, state, lifetimeHint)?.then(undefined, () => {});
    } catch {
      // A session that is not stored costs a resumption.
    }
  };
  return { message: encodeTls12NewSessionTicket({ lifetimeHint, ticket }), store };
}
