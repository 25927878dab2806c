import { copyBytes } from '../base/bytes.ts';
import { peerError } from '../base/errors.ts';
import {
  maxEmptyRecordsInARow,
  maxInnerPlaintext,
  maxRecordContent,
  maxSkippedEarlyData,
} from '../base/limits.ts';
import { type Opener, RecordOpener } from '../keys/record-protection.ts';
import { contentTypes } from '../wire/names.ts';
import { RecordReader, type WireRecord } from './record-reader.ts';

/** The content of a record, decrypted where the peer encrypts. */
export interface ReceivedRecord {
  readonly type: 'alert' | 'handshake' | 'application_data' | 'change_cipher_spec';
  /** Not empty, but for application_data. */
  readonly content: Uint8Array;
}

/** The receiving record layer (RFC 9846 §5, RFC 5246 §6): the rules that hold for a record whatever is in it. */
export class Inbox {
  readonly #reader = new RecordReader();
  #opener: Opener | undefined;
  #isTls12 = false;
  #hasDecrypted = false;
  #innerLimit = maxInnerPlaintext;
  /** The longest inner plaintext under the current keys. */
  #longestInner = 0;
  #skipping: 'undecryptable' | 'application_data' | undefined;
  #skipped = 0;
  #changeCipherSpecs = 0;
  #emptyRecords = 0;
  /** Whether change_cipher_spec is dropped now: after the first ClientHello, before the peer's Finished. */
  dropsChangeCipherSpec = false;

  receive(bytes: Uint8Array): void {
    this.#reader.push(bytes);
  }

  /** Bytes received and not yet given out. */
  get size(): number {
    return this.#reader.size;
  }

  takeRest(): Uint8Array {
    return this.#reader.takeRest();
  }

  /** Copies what waits: from now on the arrays that were received may change. */
  keep(): void {
    this.#reader.keep();
  }

  /** From here on the rules of TLS 1.2: change_cipher_spec is given out, and records have one type each. */
  beginTls12(): void {
    this.#isTls12 = true;
    this.#innerLimit = maxRecordContent;
  }

  installKeys(opener: Opener): void {
    this.#opener?.wipe();
    this.#opener = opener;
    this.#longestInner = 0;
    if (this.#skipping === 'application_data') this.#skipping = undefined;
  }

  updateKeys(): void {
    if (this.#opener instanceof RecordOpener) this.#opener.updateKeys();
  }

  /** Our record_size_limit: it holds for the record too that tells us that the peer has seen it (RFC 8449 §4). */
  limitRecords(innerLength: number): void {
    this.#innerLimit = innerLength;
    this.#checkLength(this.#longestInner);
  }

  skipEarlyData(how: 'undecryptable' | 'application_data'): void {
    this.#skipping = how;
  }

  /** Forgets the keys; what came behind the peer's end stays for `takeRest`. */
  wipeKeys(): void {
    this.#opener?.wipe();
    this.#opener = undefined;
  }

  /** Forgets input and keys. */
  wipe(): void {
    this.wipeKeys();
    this.#reader.clear();
  }

  /**
   * The next record that means something; undefined where more bytes are needed.
   * @param insideMessage whether a handshake message waits for its rest: then no other record may come (RFC 9846 §5.1)
   * @throws TlsPeerError
   */
  next(insideMessage: boolean): ReceivedRecord | undefined {
    for (let record = this.#nextOnTheWire(); record; record = this.#nextOnTheWire()) {
      const received = this.#interpret(record, insideMessage);
      if (received) return received;
    }
    return undefined;
  }

  #nextOnTheWire(): WireRecord | undefined {
    return this.#reader.next(this.#isTls12 && this.#opener !== undefined);
  }

  #interpret(record: WireRecord, insideMessage: boolean): ReceivedRecord | undefined {
    if (record.type === contentTypes.change_cipher_spec) {
      return this.#isTls12
        ? this.#readChangeCipherSpec(record, insideMessage)
        : this.#dropChangeCipherSpec(record, insideMessage);
    }
    const received = this.#opener ? this.#open(record, this.#opener) : this.#readPlaintext(record);
    if (!received) return undefined;
    if (insideMessage && received.type !== 'handshake') {
      throw peerError('unexpected_message', `${received.type} came inside a handshake message`);
    }
    if (received.content.length > 0) {
      // Warnings between them make empty records no better.
      if (received.type !== 'alert') this.#emptyRecords = 0;
      return received;
    }
    if (received.type !== 'application_data')
      throw peerError('unexpected_message', `an empty ${received.type} record came`);
    this.#emptyRecords += 1;
    if (this.#emptyRecords > maxEmptyRecordsInARow) {
      throw peerError('unexpected_message', `more than ${maxEmptyRecordsInARow} empty records came in a row`);
    }
    return received;
  }

  #readPlaintext({ type, body }: WireRecord): ReceivedRecord | undefined {
    // Copies: what is parsed from a plaintext record outlives the transport's buffer.
    if (type === contentTypes.alert) return { type: 'alert', content: copyBytes(body) };
    if (type === contentTypes.handshake) return { type: 'handshake', content: copyBytes(body) };
    if (this.#skipping === 'application_data') return this.#skip(body);
    throw peerError('unexpected_message', 'application data came before the handshake');
  }

  #open(record: WireRecord, opener: Opener): ReceivedRecord | undefined {
    const { type, body } = record;
    if (this.#isTls12) return this.#openRecord(record, opener);
    if (type === contentTypes.alert && !this.#hasDecrypted) {
      // The peer may have failed before it had keys.
      return { type: 'alert', content: copyBytes(body) };
    }
    if (type !== contentTypes.application_data)
      throw peerError('unexpected_message', 'an unprotected record came');
    return this.#openRecord(record, opener);
  }

  #openRecord({ header, body }: WireRecord, opener: Opener): ReceivedRecord | undefined {
    const opened = opener.open(header, body);
    if (!opened) {
      if (this.#skipping) return this.#skip(body);
      throw peerError('bad_record_mac', 'a record does not decrypt');
    }
    this.#hasDecrypted = true;
    this.#skipping = undefined;
    this.#longestInner = Math.max(this.#longestInner, opened.innerLength);
    this.#checkLength(opened.innerLength);
    const inner = innerTypes.get(opened.type);
    if (!inner) throw peerError('unexpected_message', `a protected record of type ${opened.type} came`);
    return { type: inner, content: opened.content };
  }

  #checkLength(innerLength: number): void {
    if (innerLength > this.#innerLimit) {
      throw peerError(
        'record_overflow',
        `a record holds ${innerLength} bytes; at most ${this.#innerLimit} are allowed`,
      );
    }
  }

  /** RFC 5246 §7.1: what follows is under new keys; whether it may come now is for the handshake to say. */
  #readChangeCipherSpec({ body }: WireRecord, insideMessage: boolean): ReceivedRecord {
    if (insideMessage || this.#opener)
      throw peerError('unexpected_message', 'a change_cipher_spec came that is not allowed there');
    if (body.length !== 1 || body[0] !== 1)
      throw peerError('illegal_parameter', 'a change_cipher_spec has other content than 1');
    return { type: 'change_cipher_spec', content: body };
  }

  /** RFC 9846 §4.3.10: 0-RTT data that we did not accept is passed over, up to a bound. */
  #skip(body: Uint8Array): undefined {
    // The client counts content alone (§4.7.1). Empty records count too, or they would be skipped without end.
    this.#skipped += Math.max(body.length - recordOverhead, 1);
    if (this.#skipped > maxSkippedEarlyData) {
      throw peerError(
        'unexpected_message',
        `more than ${maxSkippedEarlyData} bytes of 0-RTT data came that was not accepted`,
      );
    }
    return undefined;
  }

  /** RFC 9846 §5: one byte, and dropped without further processing; bounded like empty records. */
  #dropChangeCipherSpec({ body }: WireRecord, insideMessage: boolean): undefined {
    if (!this.dropsChangeCipherSpec || insideMessage || body.length !== 1 || body[0] !== 1) {
      throw peerError('unexpected_message', 'a change_cipher_spec came that is not allowed there');
    }
    this.#changeCipherSpecs += 1;
    if (this.#changeCipherSpecs > maxEmptyRecordsInARow) {
      throw peerError(
        'unexpected_message',
        `more than ${maxEmptyRecordsInARow} change_cipher_spec records came`,
      );
    }
    return undefined;
  }
}

/** What protection adds to a record without padding: the content type and the tag (RFC 9846 §5.2). */
const recordOverhead = 1 + 16;

const innerTypes: ReadonlyMap<number, ReceivedRecord['type']> = new Map([
  [contentTypes.alert, 'alert'],
  [contentTypes.handshake, 'handshake'],
  [contentTypes.application_data, 'application_data'],
]);
