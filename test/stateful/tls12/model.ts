/*
 * A reference model of the receiving side of TLS 1.2, written from RFC 5246 §6 and §7, RFC 5077 §3, RFC 5746 §3, RFC 7627
 * §5 and RFC 8422 §5, and from the decisions of docs that those leave open. Like the one of TLS 1.3 it reads the log of
 * what a victim was sent, decides what must become of it, and leaves the comparison to others.
 */

import { type AlertName, alertName } from '../../../src/base/alerts.ts';
import { concatBytes, equalBytes, noBytes } from '../../../src/base/bytes.ts';
import { maxMessageSizes } from '../../../src/base/limits.ts';
import { contentTypes } from '../../../src/wire/names.ts';
import { type End, type Heard, Refusal } from '../support/model.ts';
import type { SaidRecord } from '../support/voice.ts';
import { ClientRules } from './client-rules.ts';
import type { Randoms, Suite } from './crypto.ts';
import type { Scene } from './scenes.ts';
import { ServerRules } from './server-rules.ts';
import type { KnownSession, PeerState } from './state.ts';

/** What a victim must have come to. */
export interface Judgement {
  /** Undefined: it must not be connected. */
  readonly connection: Connection | undefined;
  /** The application data that it must have delivered. */
  readonly data: Uint8Array;
  readonly end: End;
  /** Undefined where nobody can know it. */
  readonly master: Uint8Array | undefined;
  /** What the victim did of its own accord that it must not. */
  readonly ownFaults: readonly string[];
  /** It has not said all that was due: whoever is told an alert in the same turn says nothing more. */
  readonly isSilent: boolean;
}

/** What a connection has been proven to be. */
export interface Connection {
  readonly resumed: boolean;
  readonly suite: Suite;
  readonly randoms: Randoms;
  readonly extendedMasterSecret: boolean;
  readonly chain: readonly Uint8Array[];
  readonly master: Uint8Array;
  /** What a client can resume with. */
  readonly next: Pick<KnownSession, 'ticket' | 'sessionId'> | undefined;
}

/** The rules of one side: which messages may come, and what they must say. */
export interface Rules {
  /** Types of handshake messages that may come now. */
  readonly expected: readonly number[];
  /** Whether a change_cipher_spec is due. */
  readonly awaitsChangeCipherSpec: boolean;
  /** Whether one is dropped, as TLS 1.3 has it: the version is not known yet. */
  readonly dropsChangeCipherSpec: boolean;
  /** Whether the victim knows that its peer speaks TLS 1.2, or takes a server that may. */
  readonly knowsWarnings: boolean;
  readonly isTls12: boolean;
  readonly connection: Connection | undefined;
  readonly master: Uint8Array | undefined;
  readonly ownFaults: readonly string[];
  readonly isSilent: boolean;
  /** @throws Refusal */
  take(message: Heard): void;
  /** It came in time. @returns the key that the peer must seal with; undefined where nobody knows it */
  changeCipherSpec(): Uint8Array | undefined;
}

/** @param own all handshake messages of the victim, in order */
export function judge(
  scene: Scene,
  said: readonly SaidRecord[],
  own: readonly Uint8Array[],
  peer: PeerState,
): Judgement {
  const rules =
    scene.victim === 'client' ? new ClientRules(scene, own, peer) : new ServerRules(scene, own, peer);
  const receiver = new Receiver(rules, scene.victim === 'client');
  let end: End = { kind: 'open' };
  try {
    for (const record of said) {
      receiver.take(record);
      if (receiver.end) break;
    }
    end = receiver.end ?? end;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    end = { kind: 'refused', alerts: error.alerts };
  }
  const { connection, master, ownFaults, isSilent } = rules;
  return { connection, data: receiver.data, end, master, ownFaults, isSilent };
}

/** Bounds of our own on what brings nothing. */
const maxUseless = 32;
const maxWarnings = 4;
const maxPlaintext = 16_384;

const refuse = (...alerts: readonly AlertName[]): never => {
  throw new Refusal(alerts);
};

/** The receiving record layer (RFC 5246 §6), change_cipher_spec (§7.1) and alerts (§7.2). */
class Receiver {
  data: Uint8Array = noBytes;
  end: End | undefined;
  readonly #rules: Rules;
  readonly #isClient: boolean;
  #pending: Uint8Array = noBytes;
  #isProtected = false;
  #key: Uint8Array | undefined;
  #sequence = 0;
  #emptyRecords = 0;
  #warnings = 0;
  #userCanceled = 0;
  #dropped = 0;
  #renegotiations = 0;
  #helloRequests = 0;

  constructor(rules: Rules, isClient: boolean) {
    this.#rules = rules;
    this.#isClient = isClient;
  }

  take(record: SaidRecord): void {
    const { type } = record;
    if (type === contentTypes.change_cipher_spec) {
      this.#changeCipherSpec(record);
      return;
    }
    const content = this.#open(record);
    const isHandshake = type === contentTypes.handshake;
    if (this.#pending.length > 0 && !isHandshake) refuse('unexpected_message');
    if (content.length === 0) this.#empty(type);
    else if (type !== contentTypes.alert) {
      // Neither makes the other any better.
      this.#emptyRecords = 0;
      this.#warnings = 0;
    }
    if (isHandshake) this.#handshake(content);
    else if (type === contentTypes.alert) this.#alert(content);
    else if (type === contentTypes.application_data && this.#isProtected) this.#data(content);
    else refuse('unexpected_message');
  }

  #open({ type, content, seal }: SaidRecord): Uint8Array {
    if (!this.#isProtected) {
      // What is sealed looks like something longer, of the same type.
      if (seal) refuse('unexpected_message', 'decode_error', 'record_overflow', 'illegal_parameter');
      if (content.length > maxPlaintext)
        refuse(
          'record_overflow',
          ...(type === contentTypes.application_data ? (['unexpected_message'] as const) : []),
        );
      return content;
    }
    const opens =
      seal !== undefined &&
      this.#key !== undefined &&
      equalBytes(seal.secret, this.#key) &&
      seal.sequence === this.#sequence;
    if (!opens)
      refuse('bad_record_mac', ...(content.length > maxPlaintext ? (['record_overflow'] as const) : []));
    this.#sequence += 1;
    if (content.length > maxPlaintext) refuse('record_overflow');
    return content;
  }

  #changeCipherSpec({ content, seal }: SaidRecord): void {
    const rules = this.#rules;
    const isRight = content.length === 1 && content[0] === 1 && !seal;
    if (!this.#isProtected && this.#pending.length === 0 && rules.dropsChangeCipherSpec && isRight) {
      this.#dropped += 1;
      if (this.#dropped > maxUseless) refuse('unexpected_message');
      return;
    }
    this.#warnings = 0;
    const isInTime = !this.#isProtected && this.#pending.length === 0 && rules.awaitsChangeCipherSpec;
    if (isInTime && isRight) {
      this.#key = rules.changeCipherSpec();
      this.#isProtected = true;
      return;
    }
    refuse(
      'unexpected_message',
      ...(isRight || this.#isProtected ? [] : (['illegal_parameter', 'decode_error'] as const)),
    );
  }

  #empty(type: number): void {
    this.#emptyRecords += 1;
    if (type !== contentTypes.application_data || this.#emptyRecords > maxUseless)
      refuse('unexpected_message');
  }

  #data(content: Uint8Array): void {
    if (!this.#rules.connection) refuse('unexpected_message');
    if (content.length > 0) this.#renegotiations = 0;
    this.data = concatBytes(this.data, content);
  }

  #alert(content: Uint8Array): void {
    if (content.length !== 2) refuse('decode_error', 'unexpected_message');
    const [level = 0, code = 0] = content;
    const name = alertName(code);
    if (this.#rules.isTls12 && level !== 1 && level !== 2) refuse('illegal_parameter', 'decode_error');
    if (name === 'close_notify') {
      this.end = this.#rules.connection ? { kind: 'closed' } : { kind: 'received', alert: name };
    } else if (this.#rules.knowsWarnings && level === 1) {
      this.#warnings += 1;
      if (this.#warnings > maxWarnings) refuse('decode_error', 'unexpected_message');
    } else if (name === 'user_canceled' && !this.#rules.isTls12) {
      this.#userCanceled += 1;
      if (this.#userCanceled > maxWarnings) refuse('unexpected_message');
    } else {
      this.end = { kind: 'received', alert: name };
    }
  }

  #handshake(content: Uint8Array): void {
    this.#pending = concatBytes(this.#pending, content);
    while (this.#pending.length >= 4) {
      const [type = 0, high = 0, middle = 0, low = 0] = this.#pending;
      const isRequest = type === 0 && this.#isClient && this.#rules.knowsWarnings;
      if (!isRequest && !this.#rules.expected.includes(type)) refuse('unexpected_message');
      const length = 4 + high * 65_536 + middle * 256 + low;
      if (length - 4 > (maxMessageSizes[type] ?? 0)) refuse('decode_error', 'illegal_parameter');
      if (this.#pending.length < length) return;
      const bytes = this.#pending.slice(0, length);
      this.#pending = this.#pending.slice(length);
      if (isRequest || this.#rules.connection) this.#countRenegotiation();
      else this.#rules.take({ type, bytes, body: bytes.slice(4), endsRecord: this.#pending.length === 0 });
    }
  }

  /** RFC 5246 §7.4.1.1, RFC 5746 §4.5: passed over, and not without end. */
  #countRenegotiation(): void {
    const count = this.#rules.connection ? ++this.#renegotiations : ++this.#helloRequests;
    if (count > maxUseless) refuse('unexpected_message');
  }
}
