import { concatBytes, noBytes } from '../../src/base/bytes.ts';
import { maxRecordContent } from '../../src/base/limits.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import type { Aead } from '../../src/crypto/provider.ts';
import type { CipherSuite } from '../../src/keys/cipher-suites.ts';
import { hkdfExpandLabel } from '../../src/keys/hkdf.ts';
import { nextTrafficSecret } from '../../src/keys/key-schedule.ts';
import { recordNonce } from '../../src/keys/record-protection.ts';
import type { Tls12CipherSuite } from '../../src/keys/tls12-cipher-suites.ts';
import type { Tls12WriteKeys } from '../../src/keys/tls12-key-schedule.ts';
import { contentTypes, handshakeTypes } from '../../src/wire/names.ts';
import { Tls12KeyWalk } from './tls12-key-walk.ts';

export type UnitType = keyof typeof contentTypes;

/** One thing that an endpoint says: a handshake message, an alert, a piece of data, a change_cipher_spec. */
export interface Unit {
  readonly type: UnitType;
  readonly content: Uint8Array;
  /** Stands in a record of its own, not in one with its neighbours. */
  readonly alone?: boolean;
  /** Zero bytes behind the content type of that record. */
  readonly padding?: number;
  /** Is not protected, whatever keys there are. */
  readonly plaintext?: boolean;
  /** Whether other keys follow; by default behind what is a whole KeyUpdate. */
  readonly updatesKeys?: boolean;
  /** The content type in clear or inside the protection, where it is not the one of `type`. */
  readonly typeCode?: number;
}

/** A record, decrypted. */
export interface PlainRecord {
  readonly isProtected: boolean;
  readonly units: readonly Unit[];
  /** The sender's Finished is in it: other keys follow. */
  readonly endsHandshake: boolean;
}

/** What to send instead of a unit. `index` counts the handshake messages; what is none has the next one's. */
export type Alter = (unit: Unit, index: number) => readonly Unit[];

/** One generation of one side's write keys. Seals and opens any of its records, in any order. */
class Generation {
  readonly #suite: CipherSuite;
  readonly #secret: Uint8Array;
  #keys: { readonly aead: Aead; readonly iv: Uint8Array } | undefined;
  #next: Generation | undefined;

  constructor(suite: CipherSuite, secret: Uint8Array) {
    this.#suite = suite;
    this.#secret = secret.slice();
  }

  /** The one behind a KeyUpdate. */
  get next(): Generation {
    this.#next ??= new Generation(this.#suite, nextTrafficSecret(nodeCrypto, this.#suite.hash, this.#secret));
    return this.#next;
  }

  seal(sequence: number, inner: Uint8Array): Uint8Array {
    const { aead, iv } = this.#derived();
    const length = inner.length + 16;
    const header = Uint8Array.of(contentTypes.application_data, 3, 3, length >> 8, length & 0xff);
    const nonce = recordNonce(iv, sequence);
    return concatBytes(...aead.seal([{ nonce, additionalData: header, header, plaintext: [inner] }]));
  }

  open(sequence: number, record: Uint8Array): Uint8Array | undefined {
    const { aead, iv } = this.#derived();
    const nonce = recordNonce(iv, sequence);
    const additionalData = record.subarray(0, 5);
    return aead.open([{ nonce, additionalData, ciphertext: record.subarray(5) }])[0];
  }

  #derived(): { readonly aead: Aead; readonly iv: Uint8Array } {
    const { hash, aead, keyLength } = this.#suite;
    const expand = (label: string, length: number): Uint8Array =>
      hkdfExpandLabel(nodeCrypto, hash, this.#secret, label, noBytes, length);
    this.#keys ??= { aead: nodeCrypto.aead(aead, expand('key', keyLength)), iv: expand('iv', 12) };
    return this.#keys;
  }
}

/** All write keys of one side. */
export class WriteKeys {
  #handshake: Generation | undefined;
  #application: Generation | undefined;
  #tls12: { readonly suite: Tls12CipherSuite; readonly keys: Tls12WriteKeys } | undefined;

  /** The first are the handshake's, the second the application's. */
  install(suite: CipherSuite, secret: Uint8Array): void {
    const generation = new Generation(suite, secret);
    if (this.#handshake) this.#application = generation;
    else this.#handshake = generation;
  }

  /** The only ones, behind change_cipher_spec. */
  installTls12(suite: Tls12CipherSuite, { key, iv }: Tls12WriteKeys): void {
    this.#tls12 = { suite, keys: { key: key.slice(), iv: iv.slice() } };
  }

  /** Walks through the records of one connection with the keys that each of them has. */
  walk(): KeyWalk {
    if (this.#tls12) return new Tls12KeyWalk(this.#tls12.suite, this.#tls12.keys);
    return new Tls13KeyWalk(this.#handshake, this.#application);
  }
}

/** Which keys and which sequence number the next record has. */
export interface KeyWalk {
  /** Whether a record that comes now in its sender's flow is protected. */
  protects(record: Uint8Array): boolean;
  seal(type: number, content: Uint8Array, padding: number): Uint8Array;
  /** Content, and behind it the content type. */
  open(record: Uint8Array): Uint8Array | undefined;
  /** Finished has been sent. */
  finished(): void;
  keyUpdate(): void;
}

class Tls13KeyWalk implements KeyWalk {
  #generation: Generation | undefined;
  readonly #application: Generation | undefined;
  #sequence = 0;

  constructor(handshake: Generation | undefined, application: Generation | undefined) {
    this.#generation = handshake;
    this.#application = application;
  }

  protects([type]: Uint8Array): boolean {
    return type === contentTypes.application_data;
  }

  seal(type: number, content: Uint8Array, padding: number): Uint8Array {
    const inner = concatBytes(content, Uint8Array.of(type), new Uint8Array(padding));
    return this.#current().seal(this.#sequence++, inner);
  }

  open(record: Uint8Array): Uint8Array | undefined {
    return this.#current().open(this.#sequence++, record);
  }

  finished(): void {
    this.#generation = this.#application;
    this.#sequence = 0;
  }

  keyUpdate(): void {
    this.#generation = this.#current().next;
    this.#sequence = 0;
  }

  #current(): Generation {
    if (!this.#generation) throw new Error('a record is protected, but there are no keys for it');
    return this.#generation;
  }
}

/** What one side wrote, decrypted. */
export function readRecords(wire: Uint8Array, keys: WriteKeys): PlainRecord[] {
  const walk = keys.walk();
  const records: PlainRecord[] = [];
  let partial: Uint8Array = noBytes;
  for (const record of cutRecords(wire)) {
    const isProtected = walk.protects(record);
    const inner = isProtected ? walk.open(record) : concatBytes(record.subarray(5), record.subarray(0, 1));
    if (!inner) throw new Error('an endpoint sent a record that does not open with its keys');
    const end = inner.findLastIndex((byte) => byte !== 0);
    const type = typeName(inner[end]!);
    const content = inner.slice(0, end);
    if (type !== 'handshake') {
      records.push({ isProtected, units: [{ type, content }], endsHandshake: false });
      continue;
    }
    const { messages, rest } = splitMessages(concatBytes(partial, content));
    partial = rest;
    const endsHandshake = messages.some((message) => message[0] === handshakeTypes.finished);
    records.push({
      isProtected,
      units: messages.map((message) => ({ type, content: message })),
      endsHandshake,
    });
    if (endsHandshake) walk.finished();
    if (messages.at(-1)?.[0] === handshakeTypes.key_update) walk.keyUpdate();
  }
  return records;
}

/** The bytes of these records, one by one, under the keys that each of them should have. */
export function writeRecords(records: readonly PlainRecord[], keys: WriteKeys): Uint8Array[] {
  const walk = keys.walk();
  const out: Uint8Array[] = [];
  for (const { isProtected, units, endsHandshake } of records) {
    for (const group of groupsOf(units)) writeGroup(group, isProtected ? walk : undefined, out);
    if (endsHandshake) walk.finished();
  }
  return out;
}

/** The records with other units in them. */
export function alterRecords(records: readonly PlainRecord[], alter: Alter): PlainRecord[] {
  let index = 0;
  return records.map((record) => ({
    ...record,
    units: record.units.flatMap((unit) => {
      const units = alter(unit, index);
      if (unit.type === 'handshake') index += 1;
      return units;
    }),
  }));
}

function writeGroup(group: readonly Unit[], walk: KeyWalk | undefined, out: Uint8Array[]): void {
  const [first] = group;
  if (!first) return;
  const type = first.typeCode ?? contentTypes[first.type];
  const content = concatBytes(...group.map((unit) => unit.content));
  for (let offset = 0; offset === 0 || offset < content.length; offset += maxRecordContent) {
    const piece = content.subarray(offset, offset + maxRecordContent);
    if (walk && !first.plaintext) {
      out.push(walk.seal(type, piece, first.padding ?? 0));
    } else {
      out.push(Uint8Array.of(type, 3, 3, piece.length >> 8, piece.length & 0xff, ...piece));
    }
  }
  if (walk && updatesKeys(group.at(-1) ?? first)) walk.keyUpdate();
}

function updatesKeys({ type, content, updatesKeys }: Unit): boolean {
  return (
    updatesKeys ?? (type === 'handshake' && content.length === 5 && content[0] === handshakeTypes.key_update)
  );
}

/** Neighbouring handshake messages share a record, as far as it holds them. */
function groupsOf(units: readonly Unit[]): readonly (readonly Unit[])[] {
  const groups: Unit[][] = [];
  let size = 0;
  for (const unit of units) {
    const group = groups.at(-1);
    const last = group?.at(-1);
    const joins = unit.type === 'handshake' && last?.type === 'handshake' && !unit.alone && !last.alone;
    if (group && joins && size + unit.content.length <= maxRecordContent) {
      group.push(unit);
      size += unit.content.length;
    } else {
      groups.push([unit]);
      size = unit.content.length;
    }
  }
  return groups;
}

/** Cuts what an endpoint wrote into records. */
export function cutRecords(wire: Uint8Array): Uint8Array[] {
  const records: Uint8Array[] = [];
  for (let offset = 0; offset < wire.length; ) {
    const end = offset + 5 + wire[offset + 3]! * 256 + wire[offset + 4]!;
    records.push(wire.subarray(offset, end));
    offset = end;
  }
  return records;
}

function splitMessages(bytes: Uint8Array): { readonly messages: Uint8Array[]; readonly rest: Uint8Array } {
  const messages: Uint8Array[] = [];
  let rest = bytes;
  while (rest.length >= 4) {
    const length = 4 + rest[1]! * 65_536 + rest[2]! * 256 + rest[3]!;
    if (rest.length < length) break;
    messages.push(rest.slice(0, length));
    rest = rest.subarray(length);
  }
  return { messages, rest };
}

function typeName(code: number): UnitType {
  const found = Object.entries(contentTypes).find(([, value]) => value === code);
  if (!found) throw new Error(`an endpoint sent a record of type ${code}`);
  return found[0] as UnitType;
}
