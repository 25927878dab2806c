import { equalBytes } from '../../../src/base/bytes.ts';
import { nodeCrypto } from '../../../src/crypto/node/provider.ts';
import type { KeyExchange, KeyExchangeResponse, NamedGroup } from '../../../src/crypto/provider.ts';
import type { Identity } from '../../../src/handshake/identity.ts';
import { type CipherSuite, cipherSuiteByCode, cipherSuites } from '../../../src/keys/cipher-suites.ts';
import { resumptionPsk, type TrafficSecrets } from '../../../src/keys/key-schedule.ts';
import {
  type ClientHello,
  decodeClientHello,
  decodeServerHello,
  type HelloRetryRequest,
} from '../../../src/wire/hello.ts';
import { decodeNewSessionTicket, type EncryptedExtensions } from '../../../src/wire/messages.ts';
import {
  handshakeTypes,
  namedGroupCodes,
  nameOf,
  type Tls13CipherSuiteName,
} from '../../../src/wire/names.ts';
import type { SeededProvider } from '../../support/seeded-provider.ts';
import { Messages, Schedule } from './schedule.ts';
import type { Side } from './steps.ts';

/** A session that both sides can resume. */
export interface KnownSession {
  readonly suite: Tls13CipherSuiteName;
  readonly psk: Uint8Array;
  readonly ticket: Uint8Array;
  readonly ageAdd: number;
}

/** What a peer has and wants. */
export interface PeerSetup {
  readonly side: Side;
  readonly provider: SeededProvider;
  readonly identity: Identity;
  /** Somebody whom nobody trusts. */
  readonly other: Identity;
  /** What a server chooses, and what the shares of a client are for. */
  readonly suite: Tls13CipherSuiteName;
  readonly group: NamedGroup;
  /** What a HelloRetryRequest asks for. */
  readonly retry?: { readonly group?: NamedGroup; readonly cookie?: Uint8Array };
  readonly session?: KnownSession | undefined;
  /** Edits of the hello that belong to the scene. */
  readonly hello?: Partial<ClientHello['extensions']>;
  /** The same for EncryptedExtensions. */
  readonly encrypted?: EncryptedExtensions;
  readonly signatureSchemes: readonly number[];
}

/** What a peer knows: all that it said and heard, and what follows from that. */
export class PeerState {
  readonly setup: PeerSetup;
  readonly transcript: Messages = new Messages();
  suite: CipherSuite;
  /** All ClientHellos, whoever said them. */
  readonly hellos: ClientHello[] = [];
  /** The HelloRetryRequest, whoever said it. */
  retry: HelloRetryRequest | undefined;
  /** The key exchanges of a client, newest first. */
  readonly exchanges: KeyExchange[] = [];
  /** What a server's key exchanges gave, by their public values. */
  readonly shares: KeyExchangeResponse[] = [];
  readonly heard: Uint8Array[] = [];
  readonly sessions: KnownSession[] = [];
  #schedule: Schedule;
  #handshake: TrafficSecrets | undefined;
  #application: TrafficSecrets | undefined;
  #resumption: Uint8Array | undefined;

  constructor(setup: PeerSetup) {
    this.setup = setup;
    this.suite = cipherSuites[setup.suite];
    this.#schedule = new Schedule(this.suite, undefined, new Uint8Array(32));
  }

  get schedule(): Schedule {
    return this.#schedule;
  }

  /** As things stand: for an honest peer right behind ServerHello. */
  handshake(): TrafficSecrets {
    return this.#handshake ?? this.schedule.handshake(this.transcript);
  }

  /** As things stand: for an honest peer right behind the server's Finished. */
  application(): TrafficSecrets {
    return this.#application ?? this.schedule.application(this.transcript);
  }

  /** ServerHello was said or heard. */
  negotiated(suiteCode: number, psk: number | undefined, shared: Uint8Array): void {
    this.suite = cipherSuiteByCode(suiteCode) ?? this.suite;
    const used = psk === undefined ? undefined : this.setup.session?.psk;
    this.#schedule = new Schedule(this.suite, used, shared);
  }

  /** ServerHello is in the transcript. */
  fixHandshake(): void {
    this.#handshake = this.schedule.handshake(this.transcript);
  }

  /** The server's Finished is in the transcript. */
  fixApplication(): void {
    this.#application = this.schedule.application(this.transcript);
  }

  /** The client's Finished is in the transcript. */
  fixResumption(): void {
    this.#resumption = this.schedule.resumption(this.transcript);
  }

  /** The secret of two public values, where the peer made one of them; undefined where nobody knows it. */
  sharedFor(ofPeer: Uint8Array, ofVictim: Uint8Array): Uint8Array | undefined {
    const share = this.shares.findLast(({ publicValue }) => isSameValue(publicValue, ofPeer));
    if (share) return share.sharedSecret;
    return this.exchanges.find(({ publicValue }) => isSameValue(publicValue, ofPeer))?.finish(ofVictim);
  }

  /** A handshake message of the victim. */
  hear(message: Uint8Array): void {
    this.heard.push(message);
    const body = message.subarray(4);
    switch (message[0]) {
      case handshakeTypes.client_hello:
        this.hellos.push(decodeClientHello(body));
        this.transcript.add(message);
        return;
      case handshakeTypes.server_hello:
        this.#hearServerHello(message, body);
        return;
      case handshakeTypes.finished:
        this.transcript.add(message);
        if (this.setup.side === 'client') this.fixApplication();
        else this.fixResumption();
        return;
      case handshakeTypes.new_session_ticket:
        this.#hearTicket(body);
        return;
      case handshakeTypes.key_update:
        return;
      default:
        this.transcript.add(message);
    }
  }

  #hearServerHello(message: Uint8Array, body: Uint8Array): void {
    const answer = decodeServerHello(body);
    if (answer.kind === 'HelloRetryRequest') {
      this.retry = answer;
      this.suite = cipherSuiteByCode(answer.cipherSuite) ?? this.suite;
      this.transcript.replace(this.suite.hash);
      this.transcript.add(message);
      return;
    }
    if (answer.kind === 'Tls12ServerHello') throw new Error('ServerHello is one of TLS 1.2');
    const share = answer.extensions.key_share;
    const group = share && nameOf(namedGroupCodes, share.group);
    const exchange = this.exchanges.find((one) => one.group === group);
    const shared = share && exchange?.finish(share.keyExchange);
    this.negotiated(answer.cipherSuite, answer.extensions.pre_shared_key, shared ?? new Uint8Array(32));
    this.transcript.add(message);
    this.fixHandshake();
  }

  #hearTicket(body: Uint8Array): void {
    const { nonce, ticket, ageAdd } = decodeNewSessionTicket(body);
    const secret = this.#resumption;
    if (!secret) return;
    const psk = resumptionPsk(nodeCrypto, this.suite.hash, secret, nonce);
    this.sessions.push({ suite: this.suite.name, psk, ticket, ageAdd });
  }
}

/** Whether two public values stand for the same key: X25519 ignores the highest bit (RFC 7748 §5). */
export function isSameValue(one: Uint8Array, other: Uint8Array): boolean {
  if (one.length !== 32 || other.length !== 32) return equalBytes(one, other);
  const isSameEnd = ((one[31]! ^ other[31]!) & 0x7f) === 0;
  return isSameEnd && equalBytes(one.subarray(0, 31), other.subarray(0, 31));
}
