import { wipe } from '../base/bytes.ts';
import { maxUint16 } from '../base/limits.ts';
import type { ServerConfig } from '../handshake/config.ts';
import type { ServerResumption, Tls13Outcome } from '../handshake/outcome.ts';
import { lifetimeLeft, sessionIdLength } from '../handshake/server-psk.ts';
import { resumptionPsk } from '../keys/key-schedule.ts';
import { encodeSessionState } from '../sessions/session-state.ts';
import { encodeNewSessionTicket } from '../wire/messages.ts';

/** A ticket whose session a store is still taking in. */
export interface TicketInStorage {
  readonly message: Uint8Array;
  readonly stored: PromiseLike<void>;
}

/**
 * Mints a server's tickets when they leave, not when the handshake ends (the law of turns, 3): under the ticket key of
 * that moment and with a fresh age. The resumption secret is its own from the handshake's end on: it wipes it.
 */
export class TicketIssuer {
  readonly #config: ServerConfig;
  readonly #outcome: Tls13Outcome;
  readonly #resumption: ServerResumption;
  readonly #onStorage: (ticket: TicketInStorage) => void;
  #minted = 0;
  #owed: number;
  /** Tickets that a store has taken in since: they leave with the next write. */
  #ready: Uint8Array[] = [];

  constructor(
    config: ServerConfig,
    outcome: Tls13Outcome,
    resumption: ServerResumption,
    onStorage: (ticket: TicketInStorage) => void,
  ) {
    this.#config = config;
    this.#outcome = outcome;
    this.#resumption = resumption;
    this.#onStorage = onStorage;
    this.#owed = resumption.ticketsOwed;
  }

  /** Whether owed tickets may leave with our close_notify, once the peer's has been read. */
  get mayLeaveOnClose(): boolean {
    return this.#config.tickets.onClose;
  }

  /** The NewSessionTicket messages that are owed now. */
  takeOwed(): Uint8Array[] {
    const owed = this.#owed;
    this.#owed = 0;
    return [...this.takeReady(), ...this.mint(owed)];
  }

  /** Those that a store has taken in since the last write. */
  takeReady(): Uint8Array[] {
    const ready = this.#ready;
    this.#ready = [];
    return ready;
  }

  /** Fresh NewSessionTicket messages; fewer than `count` where the client cannot use them, or a store takes its time. */
  mint(count: number): Uint8Array[] {
    if (!this.#resumption.ticketsUsable) return [];
    const messages: Uint8Array[] = [];
    for (let i = 0; i < count; i++) {
      try {
        const message = this.#mintOne();
        if (message) messages.push(message);
      } catch {
        // A clock or a key of the caller's that fails costs a ticket, not the write that it would have gone with.
      }
    }
    return messages;
  }

  /** A store has taken the session in: its ticket leaves with the next write. */
  stored(ticket: TicketInStorage): void {
    this.#ready.push(ticket.message);
  }

  wipe(): void {
    wipe(this.#outcome.resumptionSecret);
    this.#owed = 0;
    this.#ready = [];
  }

  #mintOne(): Uint8Array | undefined {
    const { provider, tickets } = this.#config;
    const { suite, resumptionSecret, authenticatedAt, validUntil, peerCertificates, peerRawPublicKey } =
      this.#outcome;
    const now = this.#config.now();
    const lifetime = lifetimeLeft(this.#config, this.#outcome, now);
    if (lifetime <= 0) return undefined;
    const nonce = new Uint8Array(4);
    new DataView(nonce.buffer).setUint32(0, this.#minted);
    this.#minted += 1;
    const psk = resumptionPsk(provider, suite.hash, resumptionSecret, nonce);
    const state = encodeSessionState({
      cipherSuite: suite.name,
      psk,
      authenticatedAt,
      validUntil,
      policy: this.#resumption.policy,
      clientCertificates: peerCertificates,
      clientRawPublicKey: peerRawPublicKey,
    });
    wipe(psk);
    const ageAdd = new DataView(provider.randomBytes(4).buffer).getUint32(0);
    const encode = (ticket: Uint8Array): Uint8Array =>
      encodeNewSessionTicket({ lifetime, ageAdd, nonce, ticket, extensions: {} });
    if (tickets.keeper.kind === 'keys') {
      const ticket = tickets.keeper.seal(state, now);
      wipe(state);
      // Never sent without the client's identity, so not at all.
      return ticket.length > maxUint16 ? undefined : encode(ticket);
    }
    const id = provider.randomBytes(sessionIdLength);
    return this.#store(id, state, lifetime, encode(id));
  }

  #store(id: Uint8Array, state: Uint8Array, lifetime: number, message: Uint8Array): Uint8Array | undefined {
    const { keeper } = this.#config.tickets;
    if (keeper.kind !== 'store') return undefined;
    try {
      const stored = keeper.put(id, state, lifetime);
      if (!stored) return message;
      this.#onStorage({ message, stored });
    } catch {
      // A session that is not stored is not offered: the connection itself lacks nothing.
    }
    return undefined;
  }
}
