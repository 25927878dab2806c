/*
 * A reference model of the receiving side of TLS 1.3, written from RFC 9846: §4 and Appendix A say which messages may
 * come when and what makes them right, §5 what records are, §6 what alerts mean. It knows nothing of how src/handshake
 * goes about it: it reads the log of what a victim was sent, decides what must become of it, and leaves the comparison
 * to others. Messages are taken apart by src/wire, primitives come from the provider: both have tests of their own.
 */

import { type AlertName, alertName } from '../../../src/base/alerts.ts';
import { concatBytes, equalBytes, noBytes, toHex } from '../../../src/base/bytes.ts';
import { TlsPeerError } from '../../../src/base/errors.ts';
import { maxMessageSizes } from '../../../src/base/limits.ts';
import { contentTypes } from '../../../src/wire/names.ts';
import { ClientRules } from './client-rules.ts';
import type { Scene } from './scenes.ts';
import { ServerRules } from './server-rules.ts';
import type { PeerState } from './state.ts';
import type { SaidRecord } from './voice.ts';

/** What a victim must have come to. */
export interface Judgement {
  /** Undefined: it must not be connected. */
  readonly connection: Connection | undefined;
  /** The application data that it must have delivered. */
  readonly data: Uint8Array;
  readonly end: End;
  /** The lines of the key log that there may be, by their labels, in hexadecimal. */
  readonly secrets: ReadonlyMap<string, string>;
  /** Whether an alert of its own must be protected. */
  readonly protects: boolean;
  /** What the victim did of its own accord that it must not. */
  readonly ownFaults: readonly string[];
}

/** How it ends: it goes on waiting, the peer has closed, the peer's alert, or an alert of its own, one of these. */
export type End =
  | { readonly kind: 'open' | 'closed' }
  | { readonly kind: 'received'; readonly alert: string }
  | { readonly kind: 'refused'; readonly alerts: readonly AlertName[] };

/** What a connection has been proven to be. */
export interface Connection {
  readonly resumed: boolean;
  readonly retried: boolean;
  readonly suite: string;
  readonly chain: readonly Uint8Array[];
  readonly rawPublicKey: Uint8Array | undefined;
  readonly exporter: Uint8Array | undefined;
}

/** The rules of one side: which messages may come, and what they must say. */
export interface Rules {
  /** Types of handshake messages that may come now. */
  readonly expected: readonly number[];
  /** The traffic secret that the peer must seal with; `lost` where nobody can know it. */
  readonly reading: { readonly secret: Uint8Array | 'lost'; readonly isApplication: boolean } | undefined;
  /** Whether a ClientHello was sent or received. */
  readonly hasBegun: boolean;
  readonly connection: Connection | undefined;
  readonly skipping: 'undecryptable' | 'application_data' | undefined;
  readonly secrets: ReadonlyMap<string, string>;
  readonly ownFaults: readonly string[];
  /** Handshake messages of the victim's that nothing called for. */
  readonly uncalled: number;
  /** Whether the victim has keys to write with. */
  readonly protects: boolean;
  /** @throws Refusal */
  take(message: Heard): void;
}

/** A handshake message. */
export interface Heard {
  readonly type: number;
  readonly body: Uint8Array;
  readonly bytes: Uint8Array;
  /** Nothing follows it in its record. */
  readonly endsRecord: boolean;
}

/** The connection is to be refused, with one of these alerts. */
export class Refusal extends Error {
  readonly alerts: readonly AlertName[];

  constructor(alerts: readonly AlertName[]) {
    super(`refused: ${alerts.join(' or ')}`);
    this.alerts = alerts;
  }
}

/** Gathers all that is wrong with a message: whichever is noticed first may be told. */
export class Faults {
  readonly #alerts: AlertName[] = [];

  /** @param alerts what may be told if it is wrong */
  require(isRight: boolean, ...alerts: readonly AlertName[]): void {
    if (!isRight) this.#alerts.push(...alerts);
  }

  /** @throws Refusal where the structure cannot be taken apart */
  parse<Value>(read: () => Value): Value {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof TlsPeerError)) throw error;
      throw new Refusal([...this.#alerts, error.alert as AlertName]);
    }
  }

  settle(): void {
    if (this.#alerts.length > 0) throw new Refusal(this.#alerts);
  }
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
  const receiver = new Receiver(rules);
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
  const { connection, secrets, uncalled, protects } = rules;
  const ownFaults = [...rules.ownFaults];
  if (uncalled > 0) ownFaults.push(`it said ${uncalled} messages that nothing called for`);
  return { connection, data: receiver.data, end, secrets, protects, ownFaults };
}

/** DESIGN.md bounds what brings nothing. */
const maxUseless = 32;
const maxUserCanceled = 4;
const maxSkipped = 16_384;

/** The receiving record layer (RFC 9846 §5) and alerts (§6). */
class Receiver {
  data: Uint8Array = noBytes;
  end: End | undefined;
  readonly #rules: Rules;
  #pending: Uint8Array = noBytes;
  #reading: Rules['reading'];
  #sequence = 0;
  #hasDecrypted = false;
  #isSkippingOver = false;
  #skipped = 0;
  #changeCipherSpecs = 0;
  #emptyRecords = 0;
  #userCanceled = 0;

  constructor(rules: Rules) {
    this.#rules = rules;
  }

  take(record: SaidRecord): void {
    if (record.seal === undefined && record.type === contentTypes.change_cipher_spec) {
      this.#changeCipherSpec(record.content);
      return;
    }
    const content = this.#open(record);
    if (!content) return;
    const isHandshake = record.type === contentTypes.handshake;
    if (this.#pending.length > 0 && !isHandshake) throw new Refusal(['unexpected_message']);
    if (content.length === 0) this.#empty(record.type);
    else this.#emptyRecords = 0;
    if (isHandshake) this.#handshake(content);
    else if (record.type === contentTypes.alert) this.#alert(content);
    else if (record.type === contentTypes.application_data && record.seal) this.#data(content);
    else throw new Refusal(['unexpected_message']);
  }

  /** What a receiver sees in a record; undefined where it passes over it. */
  #open({ type, content, padding, seal }: SaidRecord): Uint8Array | undefined {
    const isOutside = seal === undefined;
    const outside = isOutside ? type : contentTypes.application_data;
    const { reading } = this.#rules;
    if (isOutside) {
      const limit = type === contentTypes.application_data ? 16_640 : 16_384;
      if (content.length > limit) throw new Refusal(['record_overflow']);
    } else if (content.length + padding + 17 > 16_640) {
      throw new Refusal(['record_overflow']);
    }
    if (!reading) {
      if (outside !== contentTypes.application_data) return content;
      if (this.#rules.skipping !== 'application_data') throw new Refusal(['unexpected_message']);
      this.#skip(isOutside ? content.length - 17 : content.length + padding);
      return undefined;
    }
    // Whoever failed before it had keys can say so only in the clear (RFC 9846 §6).
    if (outside === contentTypes.alert && !this.#hasDecrypted) return content;
    if (outside !== contentTypes.application_data) throw new Refusal(['unexpected_message']);
    this.#follow(reading);
    const opens =
      seal !== undefined &&
      reading.secret !== 'lost' &&
      equalBytes(seal.secret, reading.secret) &&
      seal.sequence === this.#sequence;
    if (!opens) {
      if (this.#rules.skipping !== 'undecryptable' || this.#isSkippingOver)
        throw new Refusal(['bad_record_mac']);
      this.#skip(isOutside ? content.length - 17 : content.length + padding);
      return undefined;
    }
    this.#sequence += 1;
    this.#hasDecrypted = true;
    this.#isSkippingOver = true;
    if (content.length + padding + 1 > 16_385) throw new Refusal(['record_overflow']);
    return content;
  }

  /** Each generation of keys counts its records anew. */
  #follow(reading: NonNullable<Rules['reading']>): void {
    if (this.#reading !== reading) this.#sequence = 0;
    this.#reading = reading;
  }

  #skip(length: number): void {
    this.#skipped += Math.max(length, 1);
    if (this.#skipped > maxSkipped) throw new Refusal(['unexpected_message']);
  }

  /** RFC 9846 §5: one byte of 1, between the first ClientHello and the peer's Finished, not inside a message. */
  #changeCipherSpec(content: Uint8Array): void {
    this.#changeCipherSpecs += 1;
    const isInTime =
      this.#rules.hasBegun && !this.#rules.reading?.isApplication && this.#pending.length === 0;
    const isRight = content.length === 1 && content[0] === 1 && this.#changeCipherSpecs <= maxUseless;
    if (!isInTime || !isRight) throw new Refusal(['unexpected_message']);
  }

  #empty(type: number): void {
    this.#emptyRecords += 1;
    if (type !== contentTypes.application_data || this.#emptyRecords > maxUseless)
      throw new Refusal(['unexpected_message']);
  }

  #data(content: Uint8Array): void {
    if (!this.#rules.connection) throw new Refusal(['unexpected_message']);
    this.data = concatBytes(this.data, content);
  }

  /** RFC 9846 §6: one alert to a record, whose level says nothing. */
  #alert(content: Uint8Array): void {
    if (content.length !== 2) throw new Refusal(['decode_error', 'unexpected_message']);
    const name = alertName(content[1] ?? 0);
    if (name === 'user_canceled') {
      this.#userCanceled += 1;
      if (this.#userCanceled > maxUserCanceled) throw new Refusal(['unexpected_message']);
    } else if (name === 'close_notify' && this.#rules.connection) {
      this.end = { kind: 'closed' };
    } else {
      this.end = { kind: 'received', alert: name };
    }
  }

  #handshake(content: Uint8Array): void {
    this.#pending = concatBytes(this.#pending, content);
    while (this.#pending.length >= 4) {
      const [type = 0, high = 0, middle = 0, low = 0] = this.#pending;
      if (!this.#rules.expected.includes(type)) throw new Refusal(['unexpected_message']);
      const length = 4 + high * 65_536 + middle * 256 + low;
      if (length - 4 > (maxMessageSizes[type] ?? 0)) throw new Refusal([overlongAlert(type)]);
      if (this.#pending.length < length) return;
      const bytes = this.#pending.slice(0, length);
      this.#pending = this.#pending.slice(length);
      this.#rules.take({ type, bytes, body: bytes.slice(4), endsRecord: this.#pending.length === 0 });
    }
  }
}

/** RFC 9846 §6.2: longer than the syntax allows cannot be decoded; longer than we take is our own wish. */
function overlongAlert(type: number): AlertName {
  return [1, 2, 4, 8, 13, 20, 24].includes(type)
    ? 'decode_error'
    : (overlongOwn[type] ?? 'illegal_parameter');
}

/** RFC 8879 §4. */
const overlongOwn: Readonly<Record<number, AlertName>> = { 25: 'bad_certificate' };

/** For the lines of a key log. */
export function logged(
  secrets: Map<string, string>,
  labels: readonly [client: string, server: string],
  traffic: { readonly client: Uint8Array; readonly server: Uint8Array } | undefined,
): void {
  if (!traffic) return;
  secrets.set(labels[0], toHex(traffic.client));
  secrets.set(labels[1], toHex(traffic.server));
}
