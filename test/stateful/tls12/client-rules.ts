import { concatBytes, equalBytes, toHex } from '../../../src/base/bytes.ts';
import { nodeCrypto } from '../../../src/crypto/node/provider.ts';
import { type ClientHello, decodeClientHello, decodeServerHello } from '../../../src/wire/hello.ts';
import { decodeFinished } from '../../../src/wire/messages.ts';
import { handshakeTypes as types } from '../../../src/wire/names.ts';
import {
  decodeCertificateStatus,
  decodeClientKeyExchange,
  decodeServerHelloDone,
  decodeServerKeyExchange,
  decodeTls12Certificate,
  decodeTls12CertificateRequest,
  decodeTls12NewSessionTicket,
  type ServerKeyExchange,
  type Tls12CertificateRequest,
  type Tls12ServerHello,
} from '../../../src/wire/tls12-messages.ts';
import { Faults, type Heard, Refusal } from '../support/model.ts';
import {
  groupWith,
  isPublicValue,
  requireSignature,
  requireTrusted,
  type Trust,
} from './authentication-rules.ts';
import { keysOf, masterSecret, type Randoms, type Suite, suiteWithCode, verifyData } from './crypto.ts';
import type { Connection, Rules } from './model.ts';
import type { Scene } from './scenes.ts';
import type { KnownSession, PeerState } from './state.ts';

/** What a client waits for (RFC 5246 §7.3, figures 1 and 2; RFC 5077 §3.1). */
type State =
  | 'ServerHello'
  | 'Certificate'
  | 'CertificateStatus'
  | 'ServerKeyExchange'
  | 'CertificateRequest'
  | 'ServerHelloDone'
  | 'NewSessionTicket'
  | 'change_cipher_spec'
  | 'Finished'
  | 'CONNECTED';

const due: Readonly<Record<State, readonly number[]>> = {
  ServerHello: [types.server_hello],
  Certificate: [types.certificate],
  CertificateStatus: [types.certificate_status, types.server_key_exchange],
  ServerKeyExchange: [types.server_key_exchange],
  CertificateRequest: [types.certificate_request, types.server_hello_done],
  ServerHelloDone: [types.server_hello_done],
  NewSessionTicket: [types.new_session_ticket],
  change_cipher_spec: [],
  Finished: [types.finished],
  CONNECTED: [types.hello_request],
};

/** What a client may hear, and what it must say. */
export class ClientRules implements Rules {
  readonly ownFaults: string[] = [];
  connection: Connection | undefined;
  isSilent = false;
  master: Uint8Array | undefined;
  readonly #scene: Scene;
  readonly #own: readonly Uint8Array[];
  readonly #peer: PeerState;
  readonly #hello: ClientHello;
  readonly #speaksTls13: boolean;
  readonly #messages: Uint8Array[];
  readonly #trust: Trust;
  #state: State = 'ServerHello';
  #answer: Tls12ServerHello | undefined;
  #suite: Suite | undefined;
  #session: KnownSession | undefined;
  #chain: readonly Uint8Array[] = [];
  #exchange: ServerKeyExchange | undefined;
  #request: Tls12CertificateRequest | undefined;
  #ticket: Uint8Array | undefined;

  constructor(scene: Scene, own: readonly Uint8Array[], peer: PeerState) {
    this.#scene = scene;
    this.#own = own;
    this.#peer = peer;
    const [first] = own;
    if (!first) throw new Error('a client said nothing');
    this.#messages = [first];
    this.#hello = decodeClientHello(first.subarray(4));
    const { supported_versions: versions, signature_algorithms: schemes = [] } = this.#hello.extensions;
    this.#speaksTls13 = versions?.includes(0x0304) ?? false;
    this.#trust = { trusted: scene.facts.trusted, other: scene.peer.other.chain[0], schemes };
  }

  get expected(): readonly number[] {
    return due[this.#state];
  }

  get awaitsChangeCipherSpec(): boolean {
    return this.#state === 'change_cipher_spec';
  }

  get dropsChangeCipherSpec(): boolean {
    return this.#state === 'ServerHello' && this.#speaksTls13;
  }

  get knowsWarnings(): boolean {
    return true;
  }

  get isTls12(): boolean {
    return this.#answer !== undefined;
  }

  get #randoms(): Randoms {
    return { client: this.#hello.random, server: this.#answer!.random };
  }

  get #transcript(): Uint8Array {
    return concatBytes(...this.#messages);
  }

  take(message: Heard): void {
    switch (message.type) {
      case types.server_hello:
        this.#serverHello(message);
        return;
      case types.certificate:
        this.#certificate(message);
        return;
      case types.certificate_status:
        new Faults().parse(() => decodeCertificateStatus(message.body));
        this.#go(message, 'ServerKeyExchange');
        return;
      case types.server_key_exchange:
        this.#serverKeyExchange(message);
        return;
      case types.certificate_request:
        this.#request = new Faults().parse(() => decodeTls12CertificateRequest(message.body));
        this.#go(message, 'ServerHelloDone');
        return;
      case types.server_hello_done:
        this.#serverHelloDone(message);
        return;
      case types.new_session_ticket:
        this.#ticket = new Faults().parse(() => decodeTls12NewSessionTicket(message.body)).ticket;
        this.#go(message, 'change_cipher_spec');
        return;
      default:
        this.#finished(message);
    }
  }

  changeCipherSpec(): Uint8Array | undefined {
    this.#state = 'Finished';
    return this.master && keysOf(this.#suite!, this.master, this.#randoms, 'server').secret;
  }

  #go({ bytes }: Pick<Heard, 'bytes'>, next: State): void {
    this.#messages.push(bytes);
    this.#state = next;
  }

  #serverHello(message: Heard): void {
    const faults = new Faults();
    const answer = faults.parse(() => decodeServerHello(message.body));
    if (answer.kind !== 'Tls12ServerHello')
      throw new Refusal([
        'protocol_version',
        'illegal_parameter',
        'unsupported_extension',
        'missing_extension',
      ]);
    const { extensions } = answer;
    const versions = this.#hello.extensions.supported_versions ?? [0x0303];
    faults.require(answer.version === 0x0303 && versions.includes(0x0303), 'protocol_version');
    const mark = Buffer.from(answer.random.subarray(24)).toString('latin1');
    const isMarked = mark === 'DOWNGRD\x01' || mark === 'DOWNGRD\x00';
    faults.require(!this.#speaksTls13 || !isMarked, 'illegal_parameter');
    faults.require(answer.compressionMethod === 0, 'illegal_parameter');
    const suite = suiteWithCode(answer.cipherSuite);
    faults.require(suite !== undefined && this.#hello.cipherSuites.includes(suite.code), 'illegal_parameter');
    const offered = this.#hello.extensions.order ?? [];
    faults.require(
      (extensions.order ?? []).every((code) => offered.includes(code)),
      'unsupported_extension',
    );
    faults.require(extensions.renegotiation_info?.length === 0, 'handshake_failure');
    faults.require(extensions.ec_point_formats?.includes(0) ?? true, 'illegal_parameter');
    const isExtended = extensions.extended_master_secret === true;
    faults.require(isExtended || !this.#scene.config.requireExtendedMasterSecret, 'handshake_failure');
    const protocol = extensions.application_layer_protocol_negotiation;
    const protocols = this.#hello.extensions.application_layer_protocol_negotiation ?? [];
    faults.require(protocol === undefined || protocols.includes(protocol), 'illegal_parameter');
    const { server_certificate_type: ofServer = 0, client_certificate_type: ofClient = 0 } = extensions;
    // Raw public keys are for TLS 1.3 alone.
    faults.require(ofServer === 0 && ofClient === 0, 'unsupported_certificate');
    const id = this.#hello.legacySessionId;
    if (id.length > 0 && equalBytes(answer.sessionId, id)) {
      const [known] = this.#scene.facts.sessions;
      faults.require(known !== undefined, 'illegal_parameter');
      faults.require(!known || known.suite === suite?.name, 'illegal_parameter');
      faults.require(isExtended, 'handshake_failure');
      this.#session = known;
    }
    faults.settle();
    this.#answer = answer;
    this.#suite = suite;
    this.master = this.#session?.masterSecret;
    this.#go(message, this.#session ? this.#behindKeys : 'Certificate');
  }

  /** What comes when the secrets are there. */
  get #behindKeys(): State {
    return this.#answer?.extensions.session_ticket ? 'NewSessionTicket' : 'change_cipher_spec';
  }

  #certificate(message: Heard): void {
    const faults = new Faults();
    this.#chain = faults.parse(() => decodeTls12Certificate(message.body)).map((one) => one.slice());
    faults.require(this.#chain.length > 0, 'decode_error', 'illegal_parameter', 'bad_certificate');
    faults.settle();
    const mayStaple = this.#answer?.extensions.status_request === true;
    this.#go(message, mayStaple ? 'CertificateStatus' : 'ServerKeyExchange');
  }

  /** The certificate is judged when all that belongs to it is there. */
  #serverKeyExchange(message: Heard): void {
    const faults = new Faults();
    requireTrusted(faults, this.#chain[0]!, this.#trust);
    const exchange = faults.parse(() => decodeServerKeyExchange(message.body));
    const { client, server } = this.#randoms;
    const suiteKeys = this.#suite?.key === 'RSA' ? /^08(04|05|06|09|0a|0b)$|^0[456]01$/ : /^0807$|^0[456]03$/;
    const hex = toHex(Uint8Array.of(exchange.algorithm >> 8, exchange.algorithm & 0xff));
    faults.require(suiteKeys.test(hex), 'illegal_parameter');
    const groups = this.#hello.extensions.supported_groups ?? [];
    requireSignature(faults, this.#trust, exchange, concatBytes(client, server, exchange.params), groups);
    faults.require(groups.includes(exchange.group), 'illegal_parameter');
    faults.settle();
    this.#exchange = exchange;
    this.#go(message, 'CertificateRequest');
  }

  #serverHelloDone(message: Heard): void {
    const faults = new Faults();
    faults.parse(() => decodeServerHelloDone(message.body));
    // Our flight is due.
    faults.require(message.endsRecord, 'unexpected_message');
    const { group: code, publicValue } = this.#exchange!;
    const group = groupWith(code)!;
    // What our peer made is good.
    const isOwn = this.#peer.exchangeOf(publicValue) !== undefined;
    faults.require(isOwn || isPublicValue(group, publicValue), 'illegal_parameter');
    faults.settle();
    this.#go(message, this.#behindKeys);
    this.#ownFlight();
  }

  /** Certificate, where one was asked for, ClientKeyExchange, CertificateVerify, Finished (RFC 5246 §7.4.6 to §7.4.9). */
  #ownFlight(): void {
    const flight = this.#own.slice(1);
    const request = this.#request;
    // What it has is a key of Ed25519, which goes with ecdsa_sign (RFC 8422 §5.5).
    const isWanted = request?.certificateTypes.includes(64) && request.signatureSchemes.includes(0x0807);
    const shows = this.#scene.facts.hasIdentity && isWanted;
    const expected: number[] = request ? [types.certificate] : [];
    expected.push(types.client_key_exchange);
    if (shows) expected.push(types.certificate_verify);
    expected.push(types.finished);
    const found = flight.map(([type]) => type);
    this.isSilent = found.length < expected.length;
    if (found.join() !== expected.join()) this.ownFaults.push(`the client's messages are ${found.join()}`);
    for (const message of flight) {
      if (message[0] === types.finished) this.#checkOwnFinished(message);
      this.#messages.push(message);
      if (message[0] === types.client_key_exchange) this.#exchanged(message.subarray(4));
    }
  }

  #exchanged(body: Uint8Array): void {
    const shared = this.#peer.exchangeOf(this.#exchange!.publicValue)?.finish(decodeClientKeyExchange(body));
    if (!shared) return;
    const isExtended = this.#answer?.extensions.extended_master_secret === true;
    this.master = masterSecret(
      this.#suite!,
      shared,
      this.#randoms,
      isExtended ? this.#transcript : undefined,
    );
  }

  #checkOwnFinished(message: Uint8Array): void {
    if (!this.master) return;
    const expected = verifyData(this.#suite!, this.master, 'client', this.#transcript);
    if (!equalBytes(message.subarray(4), expected)) this.ownFaults.push("the client's Finished is wrong");
  }

  #finished(message: Heard): void {
    const faults = new Faults();
    const data = faults.parse(() => decodeFinished(message.body, 12));
    if (!this.master || !this.#suite) throw new Error('a Finished opened, though nobody knows the keys');
    const expected = verifyData(this.#suite, this.master, 'server', this.#transcript);
    faults.require(nodeCrypto.timingSafeEqual(data, expected), 'decrypt_error');
    faults.require(message.endsRecord, 'unexpected_message');
    faults.settle();
    this.#go(message, 'CONNECTED');
    if (this.#session) {
      const [, ...flight] = this.#own;
      this.isSilent = flight.length === 0;
      if (flight.map(([type]) => type).join() !== String(types.finished))
        this.ownFaults.push('a resuming client says something else than Finished');
      else this.#checkOwnFinished(flight[0]!);
    }
    this.connection = {
      resumed: this.#session !== undefined,
      suite: this.#suite,
      randoms: this.#randoms,
      extendedMasterSecret: this.#answer?.extensions.extended_master_secret === true,
      chain: this.#session ? [this.#scene.facts.trusted] : this.#chain,
      master: this.master,
      next: this.#nextSession(),
    };
  }

  /** What may be resumed next: by the new ticket, as this time, or by a session ID. */
  #nextSession(): Connection['next'] {
    // RFC 7627 §5.3: nothing else is worth being resumed.
    if (!this.#answer?.extensions.extended_master_secret) return undefined;
    const none = new Uint8Array(0);
    const ticket = this.#ticket ?? none;
    if (ticket.length > 0 && ticket.length <= 16_384) return { ticket, sessionId: none };
    if (this.#session) return this.#session;
    const { sessionId } = this.#answer;
    return sessionId.length > 0 ? { ticket: none, sessionId } : undefined;
  }
}
