import type { KeyObject } from 'node:crypto';
import { concatBytes, equalBytes, noBytes } from '../../../src/base/bytes.ts';
import type { KeyExchange, NamedGroup } from '../../../src/crypto/provider.ts';
import type { Identity } from '../../../src/handshake/identity.ts';
import { type ClientHello, decodeClientHello, decodeServerHello } from '../../../src/wire/hello.ts';
import {
  handshakeTypes,
  namedGroupCodes,
  nameOf,
  type Tls12CipherSuiteName,
} from '../../../src/wire/names.ts';
import {
  decodeClientKeyExchange,
  decodeServerKeyExchange,
  decodeTls12NewSessionTicket,
  type Tls12ServerHello,
} from '../../../src/wire/tls12-messages.ts';
import type { SeededProvider } from '../../support/seeded-provider.ts';
import { isSameValue } from '../support/state.ts';
import type { Side } from '../support/steps.ts';
import {
  keysOf,
  masterSecret,
  type Randoms,
  RecordKeys,
  type Suite,
  suiteNamed,
  suiteWithCode,
} from './crypto.ts';

/** A session that both sides can resume. */
export interface KnownSession {
  readonly suite: Tls12CipherSuiteName;
  readonly masterSecret: Uint8Array;
  readonly ticket: Uint8Array;
  readonly sessionId: Uint8Array;
}

/** What a peer has and wants. */
export interface PeerSetup {
  readonly side: Side;
  readonly provider: SeededProvider;
  readonly identity: Identity;
  /** Somebody whom nobody trusts. */
  readonly other: Identity;
  /** What a server chooses. */
  readonly suite: Tls12CipherSuiteName;
  readonly group: NamedGroup;
  readonly session?: KnownSession | undefined;
  /** Whether a server resumes it. */
  readonly resumes?: boolean;
  /** Edits of the hello that belong to the scene. */
  readonly hello?: (hello: ClientHello) => ClientHello;
  readonly answer?: (hello: Tls12ServerHello) => Tls12ServerHello;
  /** What it signs with, as a code. */
  readonly algorithm: number;
  /** Of an identity that signs with any hash. */
  readonly key?: KeyObject;
}

/** What a peer knows: all that it said and heard, and what follows from that. */
export class PeerState {
  readonly setup: PeerSetup;
  /** All messages of the handshake, whoever said them. */
  messages: Uint8Array[] = [];
  hello: ClientHello | undefined;
  answer: Tls12ServerHello | undefined;
  suite: Suite;
  resumes = false;
  /** The peer's, newest first. */
  readonly exchanges: KeyExchange[] = [];
  readonly heard: Uint8Array[] = [];
  readonly tickets: Uint8Array[] = [];
  /** What the peer said last of its public value and group, or heard. */
  theirs: { readonly group: number; readonly publicValue: Uint8Array } | undefined;
  #master: Uint8Array | undefined;

  constructor(setup: PeerSetup) {
    this.setup = setup;
    this.suite = suiteNamed(setup.suite);
  }

  get randoms(): Randoms {
    const none = new Uint8Array(32);
    return { client: this.hello?.random ?? none, server: this.answer?.random ?? none };
  }

  get transcript(): Uint8Array {
    return concatBytes(...this.messages);
  }

  /** As things stand; fixed right behind ClientKeyExchange. */
  get master(): Uint8Array {
    const { session } = this.setup;
    if (this.resumes && session) return session.masterSecret;
    return this.#master ?? this.#derive(new Uint8Array(32));
  }

  keys(side: Side): RecordKeys {
    return keysOf(this.suite, this.master, this.randoms, side);
  }

  /** Both hellos are there. */
  negotiated(answer: Tls12ServerHello): void {
    this.answer = answer;
    this.suite = suiteWithCode(answer.cipherSuite) ?? this.suite;
    const id = this.hello?.legacySessionId ?? noBytes;
    this.resumes = id.length > 0 && equalBytes(answer.sessionId, id) && this.setup.session !== undefined;
  }

  /** ClientKeyExchange is in the transcript. @param publicValue of the victim */
  exchanged(publicValue: Uint8Array): void {
    this.#master = this.#derive(this.exchanges[0]?.finish(publicValue) ?? new Uint8Array(32));
  }

  /** The key exchange that the peer has made this public value for. */
  exchangeOf(publicValue: Uint8Array): KeyExchange | undefined {
    return this.exchanges.find((one) => isSameValue(one.publicValue, publicValue));
  }

  hear(message: Uint8Array): void {
    this.heard.push(message);
    this.messages.push(message);
    const body = message.subarray(4);
    const isClient = this.setup.side === 'client';
    switch (message[0]) {
      case handshakeTypes.client_hello:
        this.hello = decodeClientHello(body);
        return;
      case handshakeTypes.server_hello: {
        const answer = decodeServerHello(body);
        if (answer.kind !== 'Tls12ServerHello') throw new Error('ServerHello is not one of TLS 1.2');
        this.negotiated(answer);
        return;
      }
      case handshakeTypes.server_key_exchange: {
        const { group, publicValue } = decodeServerKeyExchange(body);
        this.theirs = { group, publicValue: publicValue.slice() };
        const name = nameOf(namedGroupCodes, group);
        if (isClient && name) this.exchanges.unshift(this.setup.provider.initiateKeyExchange(name));
        return;
      }
      case handshakeTypes.client_key_exchange:
        this.exchanged(decodeClientKeyExchange(body));
        return;
      case handshakeTypes.new_session_ticket:
        this.tickets.push(decodeTls12NewSessionTicket(body).ticket.slice());
        return;
      default:
    }
  }

  #derive(premaster: Uint8Array): Uint8Array {
    const isExtended =
      this.hello?.extensions.extended_master_secret && this.answer?.extensions.extended_master_secret;
    return masterSecret(this.suite, premaster, this.randoms, isExtended ? this.transcript : undefined);
  }
}

/** Keys that nobody has. */
export function unknownKeys(): RecordKeys {
  return new RecordKeys(
    suiteNamed('TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256'),
    new Uint8Array(16).fill(0x77),
    new Uint8Array(4),
  );
}
