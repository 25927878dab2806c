import { alertCodes, alertName } from '../../src/base/alerts.ts';
import { concatBytes, noBytes, utf8 } from '../../src/base/bytes.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import { cipherSuites } from '../../src/keys/cipher-suites.ts';
import { type Opener, RecordOpener, RecordSealer, type Sealer } from '../../src/keys/record-protection.ts';
import { encodeKeyUpdate, encodeNewSessionTicket } from '../../src/wire/messages.ts';
import {
  contentTypes,
  handshakeTypeName,
  handshakeTypes,
  type Tls13CipherSuiteName,
} from '../../src/wire/names.ts';
import { recordHeader, recordHeaderLength } from '../../src/wire/record.ts';
import { type Endpoint, establishedPair, type PairSettings, type Turn, textOf } from './engine.ts';

export type Stage = 'handshake' | 'application';

/** A record that an endpoint emitted, decrypted. */
export interface PlainRecord {
  readonly type: number;
  readonly content: Uint8Array;
  /** Content, type and padding. */
  readonly innerLength: number;
  /** The handshake messages that end in this record, headers included. */
  readonly messages: readonly Uint8Array[];
}

/** An endpoint that has logged its secrets. */
export interface LoggedEndpoint {
  readonly role: 'client' | 'server';
  /** Secrets by their labels in the key log. */
  readonly secrets: ReadonlyMap<string, Uint8Array>;
}

/**
 * The records of the other end of an endpoint's connection, without any manners: seals whatever a test likes under the
 * keys of the peer whose place it takes, and decrypts all that the endpoint emits.
 */
export class ProtectedRecords {
  readonly #sealer: Sealer;
  readonly #opener: Opener;
  #partialMessage = noBytes;

  constructor(sealer: Sealer, opener: Opener) {
    this.#sealer = sealer;
    this.#opener = opener;
  }

  /** One protected record. */
  record(type: number, content: Uint8Array, padding = 0): Uint8Array {
    return concatBytes(...this.#sealer.seal(type, [{ content: [content], padding }]));
  }

  data(text: string, padding = 0): Uint8Array {
    return this.record(contentTypes.application_data, utf8(text), padding);
  }

  handshake(...messages: readonly Uint8Array[]): Uint8Array {
    return this.record(contentTypes.handshake, concatBytes(...messages));
  }

  alert(name: keyof typeof alertCodes, level = 2): Uint8Array {
    return this.record(contentTypes.alert, Uint8Array.of(level, alertCodes[name]));
  }

  /** Decrypts what the endpoint emitted, in order; every byte counts. Follows its KeyUpdates. */
  open(output: Uint8Array): PlainRecord[] {
    return splitRecords(output).map((wire) => {
      const header = wire.subarray(0, recordHeaderLength);
      const opened = this.#opener.open(header, wire.subarray(recordHeaderLength));
      if (!opened) throw new Error('the endpoint emitted a record that does not decrypt');
      if (opened.type !== contentTypes.handshake) return { ...opened, messages: [] };
      const { messages, rest } = splitMessages(concatBytes(this.#partialMessage, opened.content));
      this.#partialMessage = rest;
      for (const [type] of messages) {
        if (type === handshakeTypes.key_update && this.#opener instanceof RecordOpener)
          this.#opener.updateKeys();
      }
      return { ...opened, messages };
    });
  }

  /** What a turn's output says, as short texts: `data "abc"`, `fatal internal_error`, `new_session_ticket`. */
  hear({ output }: Pick<Turn, 'output'> & Partial<Turn>): string[] {
    return this.open(output).flatMap(({ type, content, messages }) =>
      type === contentTypes.handshake ? messages.map(describeMessage) : [describe(type, content)],
    );
  }

  /** The whole handshake messages in a turn's output. */
  messagesIn({ output }: Turn): Uint8Array[] {
    return this.open(output).flatMap(({ messages }) => messages);
  }
}

/** Those of TLS 1.3. */
export class RawRecords extends ProtectedRecords {
  readonly #sealer: RecordSealer;

  /** @param target an endpoint that has sent or received nothing under the keys of the stages */
  constructor(
    target: LoggedEndpoint,
    stages: { readonly write: Stage; readonly read: Stage } = { write: 'application', read: 'application' },
    suite: Tls13CipherSuiteName = 'TLS_AES_128_GCM_SHA256',
  ) {
    const other = target.role === 'client' ? 'server' : 'client';
    const secret = (stage: Stage, side: string): Uint8Array => {
      const label = stage === 'handshake' ? 'HANDSHAKE_TRAFFIC_SECRET' : 'TRAFFIC_SECRET_0';
      const value = target.secrets.get(`${side.toUpperCase()}_${label}`);
      if (!value) throw new Error(`the ${side}'s ${stage} secret was not logged`);
      return value;
    };
    const sealer = new RecordSealer(nodeCrypto, cipherSuites[suite], secret(stages.write, other));
    super(sealer, new RecordOpener(nodeCrypto, cipherSuites[suite], secret(stages.read, target.role)));
    this.#sealer = sealer;
  }

  /** A KeyUpdate; what comes behind it is sealed under the next keys. */
  keyUpdate(request: 'update_requested' | 'update_not_requested'): Uint8Array {
    const record = this.handshake(encodeKeyUpdate(request === 'update_requested'));
    this.updateWriteKeys();
    return record;
  }

  updateWriteKeys(): void {
    this.#sealer.updateKeys();
  }
}

/** Raw records, and the endpoint that gets them. */
export class RawPeer extends RawRecords {
  readonly target: Endpoint;

  /** @param target an endpoint that has logged its secrets, and has sent or received nothing under the keys of the stages */
  constructor(
    target: Endpoint,
    stages?: { readonly write: Stage; readonly read: Stage },
    suite?: Tls13CipherSuiteName,
  ) {
    super(target, stages, suite);
    this.target = target;
  }

  /** Lets the endpoint receive these bytes at once. */
  deliver(...wire: readonly Uint8Array[]): Turn {
    return this.target.receive(concatBytes(...wire));
  }
}

/** An endpoint after its handshake, and a raw peer in the place of the other one. */
export async function rawPeerOf(
  role: 'client' | 'server',
  settings: PairSettings = {},
): Promise<{ readonly target: Endpoint; readonly raw: RawPeer }> {
  const pair = await establishedPair(settings);
  const target = pair[role];
  return { target, raw: new RawPeer(target) };
}

/** The records of a transport write, headers included; throws where it does not end with one. */
export function splitRecords(output: Uint8Array): Uint8Array[] {
  const records: Uint8Array[] = [];
  for (let offset = 0; offset < output.length; ) {
    const [, , , high = 0, low = 0] = output.subarray(offset, offset + recordHeaderLength);
    const end = offset + recordHeaderLength + high * 256 + low;
    if (end > output.length) throw new Error('a transport write ends inside a record');
    records.push(output.subarray(offset, end));
    offset = end;
  }
  return records;
}

/** Whole handshake messages, headers included, and what is left. */
export function splitMessages(content: Uint8Array): {
  readonly messages: Uint8Array[];
  readonly rest: Uint8Array;
} {
  const messages: Uint8Array[] = [];
  let offset = 0;
  for (;;) {
    const [type, high = 0, middle = 0, low = 0] = content.subarray(offset, offset + 4);
    const end = offset + 4 + high * 65_536 + middle * 256 + low;
    if (type === undefined || end > content.length) break;
    messages.push(content.slice(offset, end));
    offset = end;
  }
  return { messages, rest: content.slice(offset) };
}

/** An unprotected record. */
export function plaintextRecord(type: number, content: Uint8Array): Uint8Array {
  return concatBytes(recordHeader(type, content.length), content);
}

/** A handshake message of any type and body. */
export function message(type: number, body: Uint8Array): Uint8Array {
  return concatBytes(Uint8Array.of(type, body.length >> 16, body.length >> 8, body.length), body);
}

/** A NewSessionTicket as a server might send it. */
export function newSessionTicket(
  fields: { readonly lifetime?: number; readonly ticket?: Uint8Array } = {},
): Uint8Array {
  const { lifetime = 3600, ticket = utf8('a ticket') } = fields;
  return encodeNewSessionTicket({ lifetime, ageAdd: 1, nonce: Uint8Array.of(7), ticket, extensions: {} });
}

function describe(type: number, content: Uint8Array): string {
  if (type === contentTypes.application_data) return `data "${textOf(content)}"`;
  const [level, code = 256] = content;
  if (type !== contentTypes.alert || content.length !== 2) return `record of type ${type}`;
  return `${level === 1 ? 'warning' : 'fatal'} ${alertName(code)}`;
}

function describeMessage(bytes: Uint8Array): string {
  const [type = 0, , , , value] = bytes;
  const name = handshakeTypeName(type);
  if (type !== handshakeTypes.key_update) return name;
  return `${name} ${value === 1 ? 'update_requested' : 'update_not_requested'}`;
}
