import { peerError } from '../base/errors.ts';
import { maxClientTicket, maxKeyUpdatesInARow, maxTicketLifetime } from '../base/limits.ts';
import type { ClientConfig, ServerConfig } from '../handshake/config.ts';
import type { HandshakeOutcome } from '../handshake/outcome.ts';
import { resumptionPsk } from '../keys/key-schedule.ts';
import type { ClientSession } from '../sessions/client-session.ts';
import type { RawMessage } from '../wire/message.ts';
import { decodeKeyUpdate, decodeNewSessionTicket } from '../wire/messages.ts';
import { handshakeTypes } from '../wire/names.ts';
import type { Inbox } from './inbox.ts';
import type { Outbox } from './outbox.ts';

/** What may still come when the handshake is done (RFC 9846 §4.7). None of it makes output. */
export class PostHandshake {
  readonly #config: ClientConfig | ServerConfig;
  readonly #outcome: HandshakeOutcome;
  readonly #outbox: Outbox;
  readonly #inbox: Inbox;
  #keyUpdatesInARow = 0;

  constructor(config: ClientConfig | ServerConfig, outcome: HandshakeOutcome, outbox: Outbox, inbox: Inbox) {
    this.#config = config;
    this.#outcome = outcome;
    this.#outbox = outbox;
    this.#inbox = inbox;
  }

  /** Anything else, a CertificateRequest too, is an unexpected_message: answering it would be an unasked write. */
  get expectedMessages(): readonly number[] {
    return this.#config.role === 'client'
      ? [handshakeTypes.new_session_ticket, handshakeTypes.key_update]
      : [handshakeTypes.key_update];
  }

  /** Application data came: the KeyUpdates before it were not a flood. */
  dataReceived(): void {
    this.#keyUpdatesInARow = 0;
  }

  /** @param endsRecord whether nothing follows the message in its record. @returns the session that a ticket gave */
  handle(message: RawMessage, endsRecord: boolean): ClientSession | undefined {
    if (message.type === handshakeTypes.new_session_ticket) return this.#newSessionTicket(message);
    this.#keyUpdate(message, endsRecord);
    return undefined;
  }

  #keyUpdate(message: RawMessage, endsRecord: boolean): void {
    const isRequest = decodeKeyUpdate(message.body);
    if (!endsRecord) throw peerError('unexpected_message', 'KeyUpdate does not end its record');
    const isAnswer = this.#outbox.isUpdateRequested && !isRequest;
    if (!isAnswer) this.#keyUpdatesInARow += 1;
    if (this.#keyUpdatesInARow > maxKeyUpdatesInARow) {
      throw peerError(
        'unexpected_message',
        `more than ${maxKeyUpdatesInARow} KeyUpdates came without data between them`,
      );
    }
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
    const expiresAt = Math.min(
      receivedAt + Math.min(ticket.lifetime, maxTicketLifetime) * 1000,
      // Renewals do not stretch what the server once signed.
      authenticatedAt + maxTicketLifetime * 1000,
      validUntil,
    );
    if (expiresAt <= receivedAt) return undefined;
    const session: ClientSession = {
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
    try {
      this.#config.sessions.put(session);
    } catch {
      // A cache that fails costs a resumption, not the connection.
    }
    return session;
  }
}
