/*
 * The law of turns. This file is the only place that makes transport bytes, and after the handshake it makes them
 * only when the application writes: `send`, `sendTickets`, `updateKeys`, `closeWrite`.
 *
 * - Receiving makes no bytes. The one exception is `sendFatalAlert`: alone, once, never after our close_notify.
 * - What TLS owes leaves in the same transport write as, and ahead of, the application write that releases it, in the
 *   order: KeyUpdate acknowledgement, tickets, our own KeyUpdate, data. Nothing that TLS made follows the last
 *   application byte, except on close.
 * - `send` of nothing makes nothing. What is owed is a flag and a counter, whatever the peer sent.
 * - Tickets ride with close_notify only when the peer's has been read. An earlier close_notify leaves alone.
 * - Bytes that were made are never changed: a key change does not seal them again.
 */

import { type AlertName, alertCodes } from '../base/alerts.ts';
import { concatBytes, noBytes } from '../base/bytes.ts';
import { TlsUsageError } from '../base/errors.ts';
import { maxRecordContent, minRecordSizeLimit } from '../base/limits.ts';
import type { EndpointConfig } from '../handshake/config.ts';
import { type Fragment, RecordSealer, type Sealer } from '../keys/record-protection.ts';
import { Tls12RecordSealer } from '../keys/tls12-record-protection.ts';
import { encodeKeyUpdate } from '../wire/messages.ts';
import { contentTypes } from '../wire/names.ts';
import { recordHeader } from '../wire/record.ts';
import type { TicketIssuer } from './ticket-issuer.ts';

/** RFC 9846 §5.1: an initial ClientHello looks like TLS 1.0, for old middleboxes. */
const initialRecordVersion = 0x0301;

export class Outbox {
  readonly #config: EndpointConfig;
  /** Wire bytes that wait for `takeOutput`. */
  #output: Uint8Array[] = [];
  /** Handshake messages that are not in a record yet: those of a flight share records. */
  #messages: Uint8Array[] = [];
  #sealer: Sealer | undefined;
  /** The same where its keys can be updated, as in TLS 1.3. */
  #updatable: RecordSealer | undefined;
  /** The most content of a record, padding included. */
  #contentLimit = maxRecordContent;
  /** That of our own choice; the peer's may be lower. */
  #ownLimit = maxRecordContent;
  #tickets: TicketIssuer | undefined;
  #acknowledgementOwed = false;
  #updateRequested = false;
  #hasWritten = false;
  #isOpen = true;

  constructor(config: EndpointConfig) {
    this.#config = config;
  }

  /** Whether anything may still be sent: neither close_notify nor a fatal alert was. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Whether anything has left. */
  get hasWritten(): boolean {
    return this.#hasWritten;
  }

  /** Everything since the last call: exactly one transport write. */
  takeOutput(): readonly Uint8Array[] {
    this.#flushMessages();
    const output = this.#output;
    // Never the array that the next write fills.
    if (output.length === 0) return [];
    this.#output = [];
    this.#hasWritten = true;
    return output;
  }

  /** Whether keys that cannot be updated have sealed as much as they may. */
  get isExhausted(): boolean {
    return this.#sealer instanceof Tls12RecordSealer && this.#sealer.isExhausted;
  }

  // The handshake, before the law begins.

  sendMessage(message: Uint8Array): void {
    if (this.#isOpen) this.#messages.push(message);
  }

  sendChangeCipherSpec(): void {
    if (!this.#isOpen) return;
    this.#flushMessages();
    this.#output.push(recordHeader(contentTypes.change_cipher_spec, 1), Uint8Array.of(1));
  }

  installKeys(sealer: Sealer): void {
    // Messages do not span a key change (RFC 9846 §5.1).
    this.#flushMessages();
    // Their padding is a function of the caller's, which may have given the connection up.
    if (!this.#isOpen) {
      sealer.wipe();
      return;
    }
    this.#sealer?.wipe();
    this.#sealer = sealer;
    this.#updatable = sealer instanceof RecordSealer ? sealer : undefined;
  }

  /** The peer's record_size_limit, without the type byte of TLS 1.3 (RFC 8449 §4). */
  limitRecords(contentLength: number): void {
    this.#flushMessages();
    this.#contentLimit = Math.min(contentLength, maxRecordContent);
  }

  /** What the application wants of the records that are still to be made. @throws TlsUsageError but for 64 to 16 384 */
  limitOwnRecords(contentLength: number): void {
    const isInRange = contentLength >= minRecordSizeLimit && contentLength <= maxRecordContent;
    if (!Number.isInteger(contentLength) || !isInRange) {
      throw new TlsUsageError(
        `records have ${minRecordSizeLimit} to ${maxRecordContent} bytes of content, not ${contentLength}`,
      );
    }
    this.#ownLimit = contentLength;
  }

  /** Tickets may be owed and sent from now on. */
  setTickets(tickets: TicketIssuer): void {
    this.#tickets = tickets;
  }

  // The application's writes.

  send(data: readonly Uint8Array[]): void {
    if (data.every((part) => part.length === 0)) return;
    this.#sendOwed();
    this.#seal(contentTypes.application_data, data);
  }

  /** Returns how many leave with this write, but for those that are owed anyway. */
  sendTickets(count: number): number {
    // Those that a store took its time for go ahead of the new ones.
    const extra = this.#tickets ? [...this.#tickets.takeReady(), ...this.#tickets.mint(count)] : [];
    if (extra.length > 0) this.#sendOwed(extra);
    return extra.length;
  }

  updateKeys(): void {
    this.#sendOwed();
    // At most one request is outstanding (RFC 9846 §4.7.3).
    this.#sendKeyUpdate(!this.#updateRequested);
    this.#updateRequested = true;
  }

  /**
   * Ends our direction. @param stage what came before: `handshake` takes it back with user_canceled, `open` and
   * `peerClosed` end it; only in the last case tickets may still go.
   */
  closeWrite(stage: 'handshake' | 'open' | 'peerClosed'): void {
    if (!this.#isOpen) return;
    if (stage === 'handshake') {
      if (this.#hasWritten) {
        this.#flushMessages();
        this.#sendAlert('user_canceled');
        this.#sendAlert('close_notify');
      } else {
        // The peer has not heard of us: nothing is to be taken back.
        this.#messages = [];
        this.#output = [];
      }
    } else {
      if (stage === 'peerClosed' && this.#tickets?.mayLeaveOnClose)
        this.#sealMessages(this.#tickets.takeOwed());
      this.#sendAlert('close_notify');
    }
    this.#shut();
  }

  // What the peer made us owe. Nothing of it makes bytes.

  /** A KeyUpdate came. Any one lets us request again; one that asks for ours is acknowledged with the next write. */
  keyUpdateReceived(isRequest: boolean): void {
    this.#updateRequested = false;
    if (isRequest) this.#acknowledgementOwed = true;
  }

  /** Whether a KeyUpdate that we asked for has not come yet. */
  get isUpdateRequested(): boolean {
    return this.#updateRequested;
  }

  /** The exception: a fatal alert, under the current keys, alone, and the last thing that is sent. */
  sendFatalAlert(alert: AlertName): void {
    if (!this.#isOpen) return;
    // Whoever fails before its ClientHello has left does not begin a handshake any more.
    if (this.#config.role === 'client' && !this.#hasWritten) this.#messages = [];
    this.#flushMessages();
    this.#sendAlert(alert);
    this.#shut();
  }

  /** Ends our direction without a word; what was made before still leaves. */
  discard(): void {
    this.#messages = [];
    this.#shut();
  }

  #shut(): void {
    this.#isOpen = false;
    this.#tickets?.wipe();
    this.#tickets = undefined;
    this.#sealer?.wipe();
    this.#sealer = undefined;
    this.#updatable = undefined;
  }

  #sendOwed(extraTickets: readonly Uint8Array[] = []): void {
    const tickets = this.#tickets?.takeOwed() ?? [];
    if (this.#acknowledgementOwed) {
      this.#sendKeyUpdate(false);
      this.#acknowledgementOwed = false;
    }
    this.#sealMessages([...tickets, ...extraTickets]);
  }

  #sendKeyUpdate(requestUpdate: boolean): void {
    this.#sealRun(contentTypes.handshake, [this.#fragment([encodeKeyUpdate(requestUpdate)])]);
    this.#updatable?.updateKeys();
  }

  #sendAlert(alert: AlertName): void {
    const isWarning = alert === 'close_notify' || alert === 'user_canceled';
    const content = Uint8Array.of(isWarning ? 1 : 2, alertCodes[alert]);
    // Alerts leave alone: data never follows them, so they may take the record that their key keeps for a KeyUpdate.
    if (this.#sealer) this.#sealRun(contentTypes.alert, [this.#fragment([content])]);
    else this.#output.push(recordHeader(contentTypes.alert, content.length), content);
  }

  #flushMessages(): void {
    if (this.#messages.length === 0) return;
    const messages = this.#messages;
    this.#messages = [];
    // A KeyUpdate has no place in a handshake (RFC 9846 §4.7.3).
    if (this.#sealer) this.#sealRun(contentTypes.handshake, this.#cut([concatBytes(...messages)]));
    else this.#writePlaintext(concatBytes(...messages));
  }

  #writePlaintext(messages: Uint8Array): void {
    const isFirst = this.#config.role === 'client' && !this.#hasWritten;
    const version = isFirst ? initialRecordVersion : undefined;
    for (let offset = 0; offset < messages.length; offset += maxRecordContent) {
      const content = messages.subarray(offset, offset + maxRecordContent);
      this.#output.push(recordHeader(contentTypes.handshake, content.length, version), content);
    }
  }

  #sealMessages(messages: readonly Uint8Array[]): void {
    if (messages.length > 0) this.#seal(contentTypes.handshake, [concatBytes(...messages)]);
  }

  /** Seals content in as many records as it needs, with a KeyUpdate wherever a key has sealed enough (RFC 9846 §5.5). */
  #seal(type: number, content: readonly Uint8Array[]): void {
    let fragments = this.#cut(content);
    while (fragments.length > 0 && this.#updatable) {
      // One record of the key's allowance is for the KeyUpdate itself.
      const allowance = this.#config.keyUpdateAfterRecords - 1 - this.#updatable.recordsSealed;
      if (allowance <= 0) {
        this.#sendKeyUpdate(false);
        continue;
      }
      this.#sealRun(type, fragments.slice(0, allowance));
      fragments = fragments.slice(allowance);
    }
    if (fragments.length > 0) this.#sealRun(type, fragments);
  }

  #sealRun(type: number, fragments: readonly Fragment[]): void {
    for (const part of this.#sealer?.seal(type, fragments) ?? []) this.#output.push(part);
  }

  #cut(content: readonly Uint8Array[]): readonly Fragment[] {
    return cutContent(content, this.#recordLimit).map((parts) => this.#fragment(parts));
  }

  get #recordLimit(): number {
    return Math.min(this.#contentLimit, this.#ownLimit);
  }

  #fragment(content: readonly Uint8Array[]): Fragment {
    const length = content.reduce((sum, part) => sum + part.length, 0);
    return { content, padding: Math.min(this.#paddingFor(length), this.#recordLimit - length) };
  }

  /** What is no number of bytes pads nothing (NaN would take the record's type byte away with it), nor what throws. */
  #paddingFor(length: number): number {
    try {
      const padding = this.#config.padding(length);
      return padding > 0 ? Math.floor(padding) : 0;
    } catch {
      // An alert, say, must leave even so.
      return 0;
    }
  }
}

/** Cuts `content` into pieces of at most `limit` bytes, without copying; small parts share a piece. */
function cutContent(content: readonly Uint8Array[], limit: number): readonly (readonly Uint8Array[])[] {
  const pieces: Uint8Array[][] = [];
  let piece: Uint8Array[] = [];
  let room = limit;
  for (const part of content) {
    for (let offset = 0; offset < part.length; ) {
      const cut = part.subarray(offset, offset + room);
      piece.push(cut);
      offset += cut.length;
      room -= cut.length;
      if (room === 0) {
        pieces.push(piece);
        piece = [];
        room = limit;
      }
    }
  }
  if (piece.length > 0) pieces.push(piece);
  return pieces.length > 0 ? pieces : [[noBytes]];
}
