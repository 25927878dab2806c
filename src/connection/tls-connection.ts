import {
  alertFor,
  peerError,
  TlsError,
  type TlsPeerError,
  TlsTruncatedError,
  TlsUsageError,
} from '../base/errors.ts';
import { maxBufferedInput, maxTicketsAtOnce } from '../base/limits.ts';
import { clientHandshake } from '../handshake/client.ts';
import type { PeerName } from '../handshake/client-hello.ts';
import type { ClientConfig, ServerConfig } from '../handshake/config.ts';
import type { HandshakeOutcome } from '../handshake/outcome.ts';
import { serverHandshake } from '../handshake/server.ts';
import type { Flight, Handshake } from '../handshake/steps.ts';
import { speaks } from '../handshake/versions.ts';
import { keyLogLine } from '../keys/keylog.ts';
import { RecordOpener, RecordSealer } from '../keys/record-protection.ts';
import { Tls12RecordOpener, Tls12RecordSealer } from '../keys/tls12-record-protection.ts';
import { handshakeTypes, type ProtocolVersion } from '../wire/names.ts';
import { AlertReader, peerReadsNoMore, received } from './alert-reader.ts';
import { exportFrom, FinishedMessages, infoOf, wipeExporter, wipeResumption } from './established.ts';
import type { ConnectionEvent, HandshakeInfo, Question } from './events.ts';
import { HandshakeDriver } from './handshake-driver.ts';
import { Inbox, type ReceivedRecord } from './inbox.ts';
import { MessageJoiner } from './message-joiner.ts';
import { Outbox } from './outbox.ts';
import {
  keepSession,
  MessageFlood,
  type PostHandshake,
  Tls12PostHandshake,
  Tls13PostHandshake,
} from './post-handshake.ts';
import { type TicketInStorage, TicketIssuer } from './ticket-issuer.ts';

/** Makes the generator of a handshake that speaks through `flight`. */
export type HandshakeStarter = (flight: Flight) => Handshake<HandshakeOutcome>;

/**
 * One TLS connection without any I/O: bytes in by `receive`, events out by `next`, bytes out by `takeOutput`.
 * It obeys the law of turns (see `outbox.ts`): once the handshake is done, only `send`, `sendTickets`, `updateKeys` and
 * `closeWrite` make output, and a fatal alert.
 *
 * Call `next` until it gives undefined, and then `takeOutput`, after making the connection and after each of `receive`,
 * `receiveEnd`, `answer` and `refuse`. No method throws for what a peer did: that is a `failed` event.
 */
export class TlsConnection {
  readonly #config: ClientConfig | ServerConfig;
  readonly #inbox = new Inbox();
  readonly #outbox: Outbox;
  readonly #joiner = new MessageJoiner();
  #events: ConnectionEvent[] = [];
  readonly #handshake: HandshakeDriver;
  /** Tickets whose sessions a store is taking in, by the question that waits for it. */
  #inStorage: Map<Question, TicketInStorage> | undefined;
  #tickets: TicketIssuer | undefined;
  #established:
    | { readonly info: HandshakeInfo; readonly outcome: HandshakeOutcome; readonly later: PostHandshake }
    | undefined;
  #installedReadKeys = 0;
  /** What was negotiated, once it is known. */
  #version: ProtocolVersion | undefined;
  readonly #alerts = new AlertReader();
  readonly #finished = new FinishedMessages();
  readonly #helloRequests = new MessageFlood();
  #transportEnded = false;
  /** The receiving direction has come to its end, well or badly. */
  #readEnd: 'close_notify' | 'failed' | 'closed' | undefined;
  #failure: TlsError | undefined;
  /** In TLS 1.2 the peer's close_notify ends both directions. */
  #peerReadsNoMore: TlsPeerError | undefined;

  /**
   * A client, whose ClientHello is ready for `takeOutput`.
   * @param peer whom it connects to: `host` is what the certificate must be valid for
   */
  static client(config: ClientConfig, peer: PeerName): TlsConnection {
    return new TlsConnection(config, (flight) => clientHandshake(config, peer, flight));
  }

  /** A server, which waits for a ClientHello. */
  static server(config: ServerConfig): TlsConnection {
    return new TlsConnection(config, (flight) => serverHandshake(config, flight));
  }

  /** A connection with a handshake of one's own making; `client` and `server` are what applications use. */
  constructor(config: ClientConfig | ServerConfig, start: HandshakeStarter) {
    this.#config = config;
    this.#outbox = new Outbox(config);
    this.#inbox.dropsChangeCipherSpec = config.role === 'client' && speaks(config, 'TLSv1.3');
    this.#handshake = new HandshakeDriver(start(this.#flight()));
    this.#guard(() => this.#afterStep());
  }

  /**
   * Bytes from the transport. They must not change until `next` has given undefined. Behind the peer's close_notify up
   * to 64 KiB are kept for `takeTrailing`, and ignored otherwise.
   */
  receive(bytes: Uint8Array): void {
    if (this.#readEnd === 'failed' || this.#readEnd === 'closed') return;
    if (this.#readEnd === 'close_notify' && this.#inbox.size >= maxBufferedInput) return;
    this.#inbox.receive(bytes);
  }

  /** The transport's end. */
  receiveEnd(): void {
    this.#transportEnded = true;
  }

  /** Whether more input is welcome now: false while 64 KiB wait for `next`, or for the answer to a question. */
  get wantsInput(): boolean {
    return this.#readEnd === undefined && !this.#transportEnded && this.#inbox.size < maxBufferedInput;
  }

  /** What happened next; undefined where it takes more input or an answer, or nothing more can happen. */
  next(): ConnectionEvent | undefined {
    while (this.#events.length === 0 && this.#readEnd === undefined) {
      try {
        if (!this.#advance()) break;
      } catch (error) {
        this.#failAfter(error);
      }
    }
    // Nothing more happens now: what waits for an answer, or behind the end, must not depend on the caller's arrays.
    if (this.#events.length === 0) this.#inbox.keep();
    return this.#events.shift();
  }

  /** The answer to a question. Ignored where the connection has ended. */
  answer(question: Question, value: unknown): void {
    const ticket = this.#inStorage?.get(question);
    if (ticket) this.#tickets?.stored(ticket);
    this.#inStorage?.delete(question);
    this.#guard(() => {
      if (this.#handshake.answer(question, value)) this.#afterStep();
    });
  }

  /** No answer: `reason` is what a function of the configuration threw or rejected with. */
  refuse(question: Question, reason: unknown): void {
    this.#inStorage?.delete(question);
    this.#guard(() => {
      if (this.#handshake.refuse(question, reason)) this.#afterStep();
    });
  }

  /**
   * Sends application data, in one array or several parts. Empty data sends nothing.
   * @throws TlsUsageError before the handshake is done and after our direction has ended; in TLS 1.2 also where its keys
   *   have sealed as much as is safe (RFC 9325 §4.4)
   * @throws TlsPeerError in TLS 1.2 where the peer's close_notify has come (RFC 5246 §7.2.1), but with `tls12HalfClose`
   */
  send(data: Uint8Array | readonly Uint8Array[]): void {
    this.#requireOpen('send');
    if (this.#peerReadsNoMore) throw this.#peerReadsNoMore;
    if (this.#outbox.isExhausted) {
      throw new TlsUsageError(
        'the keys of this connection have sealed as much as is safe, and TLS 1.2 has no way to others: open a new one',
      );
    }
    this.#outbox.send(data instanceof Uint8Array ? [data] : data);
  }

  /**
   * Sends session tickets beside those that are owed.
   * @param count 0 to 8
   * @returns how many leave with this write: 0 where the client cannot use any, and in TLS 1.2
   * @throws TlsUsageError on a client, and as `send` does
   */
  sendTickets(count: number): number {
    if (this.#config.role === 'client') throw new TlsUsageError('only a server sends tickets');
    if (!Number.isInteger(count) || count < 0 || count > maxTicketsAtOnce) {
      throw new TlsUsageError(`sendTickets takes 0 to ${maxTicketsAtOnce} tickets, not ${count}`);
    }
    this.#requireOpen('sendTickets');
    return this.#outbox.sendTickets(count);
  }

  /**
   * Updates our keys and asks the peer to update its own (RFC 9846 §4.7.3).
   * @throws TlsUsageError in TLS 1.2, which cannot, and as `send` does
   */
  updateKeys(): void {
    this.#requireOpen('updateKeys');
    if (this.#version === 'TLSv1.2') throw new TlsUsageError('TLS 1.2 cannot update keys');
    this.#outbox.updateKeys();
  }

  /** Ends our direction with close_notify; we go on reading. During the handshake it calls the connection off. */
  closeWrite(): void {
    if (!this.#outbox.isOpen) return;
    if (!this.#established) {
      this.#outbox.closeWrite('handshake');
      this.#end('closed');
      return;
    }
    this.#outbox.closeWrite(this.#readEnd === 'close_notify' ? 'peerClosed' : 'open');
    this.#forgetMasterSecret();
  }

  /** A reason of our own ends the handshake, such as a deadline: the peer is told that it is called off. */
  cancel(error: TlsError): void {
    if (this.#readEnd === 'failed' || this.#readEnd === 'closed') return;
    if (this.#established) this.#outbox.discard();
    else this.#outbox.closeWrite('handshake');
    this.#failWith(error);
  }

  /** Gives the connection up without a word: signals fire, keys and input are wiped. */
  abandon(): void {
    this.#outbox.discard();
    this.#end('closed');
  }

  /** Takes the questions among the events: a write's, to a store of tickets, wait for neither input nor room for it. */
  takeQuestions(): readonly Question[] {
    const events = this.#events;
    if (events.length === 0) return [];
    this.#events = events.filter(({ type }) => type !== 'question');
    return events.flatMap((event) => (event.type === 'question' ? [event.question] : []));
  }

  /** What has to go to the transport now, as one write; empty where nothing has. */
  takeOutput(): readonly Uint8Array[] {
    return this.#outbox.takeOutput();
  }

  /** Keeps records from now on to so many bytes of content, or to what the peer takes. @throws TlsUsageError but for 64 to 16 384 */
  limitRecords(contentLength: number): void {
    this.#outbox.limitOwnRecords(contentLength);
  }

  /** What the handshake agreed on, once it is done. */
  get handshakeInfo(): HandshakeInfo | undefined {
    return this.#established?.info;
  }

  /** What ended the connection. A truncated end is none: it ends the receiving direction only. */
  get failure(): TlsError | undefined {
    return this.#failure;
  }

  /** Whether close_notify or a fatal alert of ours was made: nothing more can be sent. */
  get writeClosed(): boolean {
    return !this.#outbox.isOpen;
  }

  /** Takes what came behind the peer's close_notify: bytes of the protocol below, which nobody authenticated. */
  takeTrailing(): Uint8Array {
    return this.#inbox.takeRest();
  }

  /**
   * Keying material for another protocol (RFC 9846 §7.5, RFC 5705).
   * @param label ASCII, as IANA or the protocol defines it
   * @param context bytes that the protocol mixes in; may be empty, and undefined, which only in TLS 1.2 is not the same
   * @param length in bytes
   * @throws TlsUsageError before the handshake is done, after the connection has failed or was given up, and in TLS 1.2
   *   without extended master secret (RFC 7627 §5.4), and when both directions are over
   */
  exportKeyingMaterial(label: string, context: Uint8Array | undefined, length: number): Uint8Array {
    const outcome = this.#established?.outcome;
    // Out of a wiped secret would come keys that everybody knows.
    if (!outcome || this.#failure || this.#readEnd === 'closed' || this.#isTls12Over)
      throw new TlsUsageError('keying material is there only on an established connection');
    return exportFrom(outcome, this.#config, label, context, length);
  }

  /** One event in an array of its own: an array that has grown keeps room for seventeen, on each idle connection. */
  #tell(event: ConnectionEvent): void {
    if (this.#events.length === 0) this.#events = [event];
    else this.#events.push(event);
  }

  /** Takes one message or one record further; false where neither is there. */
  #advance(): boolean {
    const asked = this.#handshake.pendingKind;
    if (asked) {
      // A client cannot have answered a flight that has not left: at the transport's end all waiting is in vain.
      const isHopeless = this.#config.role === 'server' && asked !== 'trust' && this.#transportEnded;
      if (isHopeless) throw new TlsTruncatedError('the transport ended during the handshake', false);
      return false;
    }
    if (this.#config.role === 'client' && !this.#outbox.hasWritten && this.#inbox.size > 0) {
      // Behind a server's answer to STARTTLS anybody may have put them.
      throw peerError(
        'unexpected_message',
        'bytes came before ClientHello was sent: a server does not begin',
      );
    }
    const message =
      !this.#joiner.isEmpty &&
      this.#joiner.next(this.#expectedMessages, this.#established?.later.longestMessage);
    if (message) {
      if (this.#established) {
        const session = this.#established.later.handle(message, this.#joiner.isEmpty);
        if (session) this.#tell({ type: 'session', session });
      } else if (message.type === handshakeTypes.hello_request) {
        this.#helloRequests.count('HelloRequests');
      } else {
        // From the first ClientHello on (RFC 9846 §5).
        this.#inbox.dropsChangeCipherSpec = speaks(this.#config, 'TLSv1.3');
        this.#handshake.deliver(this.#finished.noteReceived(message));
        this.#afterStep();
      }
      return true;
    }
    const record = this.#inbox.next(!this.#joiner.isEmpty);
    if (record) this.#handleRecord(record);
    else if (this.#transportEnded) this.#truncated();
    return record !== undefined;
  }

  /** A HelloRequest in the middle of a handshake of TLS 1.2 says nothing (RFC 5246 §7.4.1.1). */
  get #expectedMessages(): readonly number[] {
    if (this.#established) return this.#established.later.expectedMessages;
    const expected = this.#handshake.expectedMessages;
    return this.#mayBeTls12Server ? [...expected, handshakeTypes.hello_request] : expected;
  }

  /** Whether the peer is a server of TLS 1.2, or may turn out to be one. */
  get #mayBeTls12Server(): boolean {
    if (this.#config.role === 'server') return false;
    return this.#version === 'TLSv1.2' || (this.#version === undefined && speaks(this.#config, 'TLSv1.2'));
  }

  #handleRecord({ type, content }: ReceivedRecord): void {
    if (type === 'alert') {
      this.#handleAlert(content);
      return;
    }
    if (content.length > 0) this.#alerts.recordReceived();
    if (type === 'change_cipher_spec') {
      if (!this.#handshake.awaitsChangeCipherSpec)
        throw peerError('unexpected_message', 'a change_cipher_spec came that is not allowed there');
      this.#handshake.deliverChangeCipherSpec();
      this.#afterStep();
    } else if (type === 'handshake') {
      this.#joiner.push(content);
    } else if (!this.#established) {
      throw peerError('unexpected_message', 'application data came before the handshake was done');
    } else if (content.length > 0) {
      this.#established.later.dataReceived();
      this.#tell({ type: 'data', data: content });
    }
  }

  #handleAlert(content: Uint8Array): void {
    const isTls12 = this.#version === 'TLSv1.2';
    const rules = { toleratesWarnings: isTls12 || this.#mayBeTls12Server, checksLevels: isTls12 };
    if (!this.#alerts.isCloseNotify(content, rules)) return;
    if (!this.#established) throw received('close_notify');
    if (isTls12 && !this.#config.tls12HalfClose) this.#peerReadsNoMore = peerReadsNoMore();
    this.#tell({ type: 'end' });
    this.#end('close_notify');
  }

  #truncated(): void {
    if (!this.#established) throw new TlsTruncatedError('the transport ended during the handshake', false);
    const atBoundary = this.#inbox.size === 0 && this.#joiner.isEmpty;
    const where = atBoundary ? '' : ', in the middle of a record';
    const message = `the transport ended without close_notify${where}: what was received may be incomplete`;
    // The receiving direction only: what we have to say may still reach the peer.
    this.#tell({ type: 'failed', error: new TlsTruncatedError(message, atBoundary) });
    this.#end('failed');
  }

  /** The handshake went on: is it done, or does it put a question? */
  #afterStep(): void {
    const question = this.#handshake.takeQuestion();
    if (question) this.#tell({ type: 'question', question });
    const outcome = this.#handshake.outcome;
    if (outcome && !this.#established) this.#establish(outcome);
  }

  #establish(outcome: HandshakeOutcome): void {
    const config = this.#config;
    const info = infoOf(outcome, this.#finished);
    this.#tell({ type: 'handshakeDone', info });
    if (outcome.protocolVersion === 'TLSv1.2') {
      this.#established = { info, outcome, later: new Tls12PostHandshake(config) };
      if (!outcome.extendedMasterSecret) wipeExporter(outcome);
      const { session } = outcome;
      if (config.role === 'client' && session && session.expiresAt > config.now()) {
        keepSession(config, session);
        this.#tell({ type: 'session', session });
      }
      return;
    }
    const { resumption } = outcome;
    if (config.role === 'server' && resumption.side === 'server') {
      this.#tickets = new TicketIssuer(config, outcome, resumption, (ticket) => this.#askForStorage(ticket));
      this.#outbox.setTickets(this.#tickets);
    }
    const later = new Tls13PostHandshake(config, outcome, this.#outbox, this.#inbox);
    this.#established = { info, outcome, later };
  }

  /** A store takes its time: whoever drives the connection tells us when it is done. */
  #askForStorage(ticket: TicketInStorage): void {
    const question: Question = { subject: { kind: 'ticketStorage' }, pending: ticket.stored };
    // Nobody may be left to ask for its outcome.
    if (ticket.stored instanceof Promise) ticket.stored.catch(() => {});
    this.#inStorage = (this.#inStorage ?? new Map()).set(question, ticket);
    this.#tell({ type: 'question', question });
  }

  #flight(): Flight {
    const { provider } = this.#config;
    return {
      send: (message) => this.#outbox.sendMessage(this.#finished.noteSent(message)),
      sendChangeCipherSpec: () => this.#outbox.sendChangeCipherSpec(),
      beginTls12: () => {
        this.#version = 'TLSv1.2';
        this.#inbox.beginTls12();
      },
      installTls12WriteKeys: (suite, keys) =>
        this.#outbox.installKeys(new Tls12RecordSealer(provider, suite, keys)),
      installTls12ReadKeys: (suite, keys) =>
        this.#inbox.installKeys(new Tls12RecordOpener(provider, suite, keys)),
      installWriteKeys: (suite, secret) =>
        this.#outbox.installKeys(new RecordSealer(provider, suite, secret)),
      endReceivedFlight: () => {
        if (!this.#joiner.isEmpty)
          throw peerError('unexpected_message', 'a message follows the end of a flight in its record');
      },
      installReadKeys: (suite, secret) => {
        if (!this.#joiner.isEmpty)
          throw peerError('unexpected_message', 'a handshake message spans a key change');
        this.#version = 'TLSv1.3';
        this.#inbox.installKeys(new RecordOpener(provider, suite, secret));
        this.#installedReadKeys += 1;
        // The second keys are the application's: the peer's Finished is here.
        if (this.#installedReadKeys === 2) this.#inbox.dropsChangeCipherSpec = false;
      },
      limitSentRecords: (contentLength) => this.#outbox.limitRecords(contentLength),
      limitReceivedRecords: (innerLength) => this.#inbox.limitRecords(innerLength),
      skipEarlyData: (how) => this.#inbox.skipEarlyData(how),
      keyLog: (label, clientRandom, secret) => {
        if (this.#config.keyLog)
          this.#tell({ type: 'keyLog', line: keyLogLine(label, clientRandom, secret) });
      },
    };
  }

  #requireOpen(call: string): void {
    if (!this.#established) throw new TlsUsageError(`${call} was called before the handshake was done`);
    if (!this.#outbox.isOpen) {
      throw new TlsUsageError(`${call} was called after our direction had ended`, { cause: this.#failure });
    }
  }

  /** Runs what may throw for a peer's fault, and turns that into the end of the connection. */
  #guard(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.#failAfter(error);
    }
  }

  #failAfter(error: unknown): void {
    if (this.#readEnd === 'failed' || this.#readEnd === 'closed') return;
    const reason =
      error instanceof TlsError ? error : new TlsUsageError('an answer failed', { cause: error });
    const alert = alertFor(reason, this.#version);
    if (alert) this.#outbox.sendFatalAlert(alert);
    else this.#outbox.discard();
    this.#failWith(reason);
  }

  #failWith(error: TlsError): void {
    this.#failure = error;
    this.#tell({ type: 'failed', error });
    this.#end('failed');
  }

  #end(how: 'close_notify' | 'failed' | 'closed'): void {
    this.#readEnd = how;
    if (how === 'closed') this.#events.length = 0;
    this.#handshake.stop();
    this.#joiner.clear();
    if (how === 'close_notify') this.#inbox.wipeKeys();
    else this.#inbox.wipe();
    if (this.#failure || how === 'closed') wipeExporter(this.#established?.outcome);
    wipeResumption(this.#established?.outcome);
    this.#forgetMasterSecret();
  }

  /** It opens everything that was sent, as the exporter's secret of TLS 1.3 does not: it goes when both directions are over. */
  #forgetMasterSecret(): void {
    if (this.#isTls12Over) wipeExporter(this.#established?.outcome);
  }

  /** Both directions of a connection of TLS 1.2 have ended. */
  get #isTls12Over(): boolean {
    return this.#version === 'TLSv1.2' && this.#readEnd !== undefined && !this.#outbox.isOpen;
  }
}
