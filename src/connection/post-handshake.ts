import { peerError } from '../base/errors.ts';
import { maxClientTicket, maxIgnoredMessage, maxKeyUpdatesInARow } from '../base/limits.ts';
import type { ClientConfig, ServerConfig } from '../handshake/config.ts';
import type { Tls13Outcome } from '../handshake/outcome.ts';
import { resumptionPsk } from '../keys/key-schedule.ts';
import { type ClientSession, sessionExpiry } from '../sessions/client-session.ts';
import type { RawMessage } from '../wire/message.ts';
import { decodeKeyUpdate, decodeNewSessionTicket } from '../wire/messages.ts';
import { handshakeTypes } from '../wire/names.ts';
import type { Inbox } from './inbox.ts';
import type { Outbox } from './outbox.ts';

/** What may still come when the handshake is done. None of it makes output. */
export interface PostHandshake {
  /** Anything else is an unexpected_message. */
  readonly expectedMessages: readonly number[];
  /** Of their bodies, in bytes, where their types do not say it. */
  readonly longestMessage?: number;
  /** Application data came: the messages before it were not a flood. */
  dataReceived(): void;
  /** @param endsRecord whether nothing follows the message in its record. @returns the session that a ticket gave */
  handle(message: RawMessage, endsRecord: boolean): ClientSession | undefined;
}

/** Puts a session where the client keeps them. */
export function keepSession({ sessions }: ClientConfig, session: ClientSession): void {
  try {
    sessions?.put(session);
  } catch {
    // A cache that fails costs a resumption, not the connection.
  }
}

/** RFC 9846 §4.7. */
export class Tls13PostHandshake implements PostHandshake {
  readonly #config: ClientConfig | ServerConfig;
  readonly #outcome: Tls13Outcome;
  readonly #outbox: Outbox;
  readonly #inbox: Inbox;
  readonly #flood = new MessageFlood();

  constructor(config: ClientConfig | ServerConfig, outcome: Tls13Outcome, outbox: Outbox, inbox: Inbox) {
    this.#config = config;
    this.#outcome = outcome;
    this.#outbox = outbox;
    this.#inbox = inbox;
  }

  /** No CertificateRequest: answering it would be an unasked write. */
  get expectedMessages(): readonly number[] {
    return this.#config.role === 'client'
      ? [handshakeTypes.new_session_ticket, handshakeTypes.key_update]
      : [handshakeTypes.key_update];
  }

  dataReceived(): void {
    this.#flood.reset();
  }

  handle(message: RawMessage, endsRecord: boolean): ClientSession | undefined {
    if (message.type === handshakeTypes.new_session_ticket) return this.#newSessionTicket(message);
    this.#keyUpdate(message, endsRecord);
    return undefined;
  }

  #keyUpdate(message: RawMessage, endsRecord: boolean): void {
    const isRequest = decodeKeyUpdate(message.body);
    if (!endsRecord) throw peerError('unexpected_message', 'KeyUpdate does not end its record');
    const isAnswer = this.#outbox.isUpdateRequested && !isRequest;
    if (!isAnswer) this.#flood.count('KeyUpdates');
    this.#inbox.updateKeys();
    this.#outbox.keyUpdateReceived(isRequest);
  }

  #newSessionTicket(message: RawMessage): ClientSession | undefined {
    const ticket = decodeNewSessionTicket(message.body);
    const { provider, role } = this.#config;
    const { suite, resumption, resumptionSecret, authenticatedAt, validUntil } = this.#outcome;
    if (role !== 'client' || resumption.side !== 'client' || !this.#config.sessions) return undefined;
    // One that hardly fits a ClientHello would keep the next connection from being made.
    if (ticket.ticket.length > maxClientTicket) return undefined;
    const receivedAt = this.#config.now();
    const expiresAt = sessionExpiry(receivedAt, ticket.lifetime, { authenticatedAt, validUntil });
    if (expiresAt <= receivedAt) return undefined;
    const session: ClientSession = {
      protocolVersion: 'TLSv1.3',
      scope: resumption.scope,
      cipherSuite: suite.name,
      psk: resumptionPsk(provider, suite.hash, resumptionSecret, ticket.nonce),
      ticket: ticket.ticket.slice(),
      ticketAgeAdd: ticket.ageAdd,
      receivedAt,
      expiresAt,
      authenticatedAt,
      validUntil,
      peerCertificates: this.#outcome.peerCertificates,
      peerRawPublicKey: this.#outcome.peerRawPublicKey,
    };
    keepSession(this.#config, session);
    return session;
  }
}

/** Renegotiation: asked for by the server or begun by the client, it is passed over, and answered with nothing (RFC 5746 §4.5). */
export class Tls12PostHandshake implements PostHandshake {
  readonly expectedMessages: readonly number[];
  readonly longestMessage: number = maxIgnoredMessage;
  readonly #flood = new MessageFlood();

  constructor({ role }: ClientConfig | ServerConfig) {
    this.expectedMessages = [role === 'client' ? handshakeTypes.hello_request : handshakeTypes.client_hello];
  }

  dataReceived(): void {
    this.#flood.reset();
  }

  handle(): undefined {
    this.#flood.count('requests to renegotiate');
  }
}

/** Messages that cost us something and bring nothing: so many in a row, and no more. */
export class MessageFlood {
  #inARow = 0;

  /** @throws TlsPeerError unexpected_message where it was one too many */
  count(what: string): void {
    this.#inARow += 1;
    if (this.#inARow > maxKeyUpdatesInARow) {
      throw peerError(
        'unexpected_message',
        `more than ${maxKeyUpdatesInARow} ${what} came without data between them`,
      );
    }
  }

  reset(): void {
    this.#inARow = 0;
  }
}
