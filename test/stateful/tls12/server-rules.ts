import { concatBytes, equalBytes } from '../../../src/base/bytes.ts';
import type { ServerConfig } from '../../../src/handshake/config.ts';
import { type ClientHello, decodeClientHello, decodeServerHello } from '../../../src/wire/hello.ts';
import { decodeCertificateVerify, decodeFinished } from '../../../src/wire/messages.ts';
import { namedGroupCodes, signatureSchemeCodes, handshakeTypes as types } from '../../../src/wire/names.ts';
import {
  decodeClientKeyExchange,
  decodeServerKeyExchange,
  decodeTls12Certificate,
  type ServerKeyExchange,
  type Tls12ServerHello,
} from '../../../src/wire/tls12-messages.ts';
import { Faults, type Heard } from '../support/model.ts';
import {
  groupWith,
  isPublicValue,
  requireSignature,
  requireTrusted,
  type Trust,
} from './authentication-rules.ts';
import {
  keysOf,
  masterSecret,
  type Randoms,
  type Suite,
  suiteNamed,
  suiteWithCode,
  verifyData,
} from './crypto.ts';
import type { Connection, Rules } from './model.ts';
import type { FactOfSession, Scene } from './scenes.ts';
import type { PeerState } from './state.ts';

/** What a server waits for. `SILENT`: the victim did not answer though it had to. */
type State =
  | 'ClientHello'
  | 'Certificate'
  | 'ClientKeyExchange'
  | 'CertificateVerify'
  | 'change_cipher_spec'
  | 'Finished'
  | 'CONNECTED'
  | 'SILENT';

const due: Readonly<Record<State, readonly number[]>> = {
  ClientHello: [types.client_hello],
  Certificate: [types.certificate],
  ClientKeyExchange: [types.client_key_exchange],
  CertificateVerify: [types.certificate_verify],
  change_cipher_spec: [],
  Finished: [types.finished],
  CONNECTED: [types.client_hello],
  SILENT: [],
};

const fallback = 0x5600;
const renegotiation = 0x00ff;

/** What a server may hear, and what it must answer. */
export class ServerRules implements Rules {
  readonly dropsChangeCipherSpec = false;
  readonly ownFaults: string[] = [];
  connection: Connection | undefined;
  master: Uint8Array | undefined;
  readonly #scene: Scene;
  readonly #config: ServerConfig;
  readonly #own: Uint8Array[];
  readonly #peer: PeerState;
  readonly #messages: Uint8Array[] = [];
  readonly #trust: Trust;
  #state: State = 'ClientHello';
  #hello: ClientHello | undefined;
  #answer: Tls12ServerHello | undefined;
  #suite: Suite | undefined;
  #session: FactOfSession | undefined;
  #exchange: ServerKeyExchange | undefined;
  #presented: readonly Uint8Array[] = [];
  #chain: readonly Uint8Array[] = [];

  constructor(scene: Scene, own: readonly Uint8Array[], peer: PeerState) {
    this.#scene = scene;
    this.#config = scene.config as ServerConfig;
    this.#own = [...own];
    this.#peer = peer;
    const schemes = this.#config.signatureSchemes.map((name) => signatureSchemeCodes[name]);
    this.#trust = { trusted: scene.facts.trusted, other: scene.peer.other.chain[0], schemes };
  }

  get isSilent(): boolean {
    return this.#state === 'SILENT';
  }

  get expected(): readonly number[] {
    return due[this.#state];
  }

  get awaitsChangeCipherSpec(): boolean {
    return this.#state === 'change_cipher_spec';
  }

  get knowsWarnings(): boolean {
    return this.isTls12;
  }

  get isTls12(): boolean {
    return this.#hello !== undefined;
  }

  get #randoms(): Randoms {
    return { client: this.#hello!.random, server: this.#answer!.random };
  }

  get #transcript(): Uint8Array {
    return concatBytes(...this.#messages);
  }

  take(message: Heard): void {
    switch (message.type) {
      case types.client_hello:
        this.#clientHello(message);
        return;
      case types.certificate:
        this.#certificate(message);
        return;
      case types.client_key_exchange:
        this.#clientKeyExchange(message);
        return;
      case types.certificate_verify: {
        const faults = new Faults();
        const signed = faults.parse(() => decodeCertificateVerify(message.body));
        requireSignature(faults, this.#trust, signed, this.#transcript);
        faults.settle();
        this.#chain = this.#presented;
        this.#go(message, 'change_cipher_spec');
        return;
      }
      default:
        this.#finished(message);
    }
  }

  changeCipherSpec(): Uint8Array | undefined {
    this.#state = 'Finished';
    return this.master && keysOf(this.#suite!, this.master, this.#randoms, 'client').secret;
  }

  #go({ bytes }: Pick<Heard, 'bytes'>, next: State): void {
    this.#messages.push(bytes);
    this.#state = next;
  }

  #clientHello(message: Heard): void {
    const faults = new Faults();
    // Our flight is due.
    faults.require(message.endsRecord, 'unexpected_message');
    const hello = faults.parse(() => decodeClientHello(message.body));
    const { extensions } = hello;
    const config = this.#config;
    const versions = extensions.supported_versions;
    const isOffered = versions ? versions.includes(0x0303) : hello.legacyVersion >= 0x0303;
    faults.require(isOffered, 'protocol_version');
    // RFC 7507 §3.
    const isHighest = isOffered && config.maxVersion === 'TLSv1.2';
    faults.require(isHighest || !hello.cipherSuites.includes(fallback), 'inappropriate_fallback');
    faults.require(hello.legacyCompressionMethods.includes(0), 'illegal_parameter');
    faults.require((extensions.renegotiation_info?.length ?? 0) === 0, 'handshake_failure');
    faults.require(extensions.ec_point_formats?.includes(0) ?? true, 'illegal_parameter');
    const isExtended = extensions.extended_master_secret === true;
    faults.require(isExtended || !config.requireExtendedMasterSecret, 'handshake_failure');
    const protocols = extensions.application_layer_protocol_negotiation;
    const hasProtocol = config.alpnProtocols.some((protocol) => protocols?.includes(protocol));
    faults.require(!protocols || hasProtocol, 'no_application_protocol');
    const known = this.#sessionFor(hello);
    // RFC 7627 §5.3.
    faults.require(!known || isExtended, 'handshake_failure');
    if (!known) this.#requireCommonGround(faults, hello);
    faults.settle();
    this.#hello = hello;
    this.#messages.push(message.bytes);
    this.#session = known;
    this.#answerHello(hello, isExtended);
  }

  /** The session of the ticket, as far as all is as it was. */
  #sessionFor({ cipherSuites, extensions }: ClientHello): FactOfSession | undefined {
    const { session_ticket: ticket, server_name: name } = extensions;
    const known = this.#scene.facts.sessions.find(
      (one) => ticket !== undefined && equalBytes(one.ticket, ticket),
    );
    if (!known?.fits || name?.toLowerCase() !== 'localhost') return undefined;
    return cipherSuites.includes(suiteNamed(known.suite).code) ? known : undefined;
  }

  #requireCommonGround(faults: Faults, { cipherSuites, extensions }: ClientHello): void {
    const config = this.#config;
    const { key, algorithms } = this.#scene.facts.own;
    const suites = config.cipherSuites.filter((name) => name.includes(`ECDHE_${key}_`));
    const isSuited = suites.some((name) => cipherSuites.includes(suiteWithName(name)?.code ?? -1));
    faults.require(isSuited, 'handshake_failure', 'insufficient_security');
    const groups = extensions.supported_groups;
    const hasGroup = config.groups.some((name) => !groups || groups.includes(namedGroupCodes[name]));
    faults.require(hasGroup, 'handshake_failure', 'insufficient_security');
    const signs = algorithms.some((code) => extensions.signature_algorithms?.includes(code));
    faults.require(signs, 'handshake_failure', 'insufficient_security');
  }

  #answerHello(hello: ClientHello, isExtended: boolean): void {
    const bytes = this.#next(types.server_hello);
    if (!bytes) return;
    const answer = decodeServerHello(bytes.subarray(4));
    if (answer.kind !== 'Tls12ServerHello') throw new Error('the server answers in another version');
    this.#answer = answer;
    this.#suite = suiteWithCode(answer.cipherSuite);
    const { extensions } = answer;
    const offered = hello.extensions.order ?? [];
    const signals = hello.cipherSuites.includes(renegotiation);
    const strange = (extensions.order ?? []).filter(
      (code) => !offered.includes(code) && !(code === 0xff01 && signals),
    );
    const mark = Buffer.from(answer.random.subarray(24)).toString('latin1') === 'DOWNGRD\x01';
    const session = this.#session;
    const problems: readonly (readonly [isWrong: boolean, what: string])[] = [
      [strange.length > 0, `the extensions ${strange.join()}`],
      [mark !== (this.#config.maxVersion === 'TLSv1.3'), 'the mark of a downgrade'],
      [extensions.extended_master_secret !== (isExtended || undefined), 'the extended master secret'],
      [
        (extensions.renegotiation_info !== undefined) !== (signals || offered.includes(0xff01)),
        'renegotiation_info',
      ],
      [answer.version !== 0x0303 || answer.compressionMethod !== 0, 'version or compression'],
      [!hello.cipherSuites.includes(answer.cipherSuite), 'a suite that was not offered'],
      [extensions.session_ticket !== undefined && !isExtended, 'a ticket for what must not be resumed'],
      [!session && this.#suite?.key !== this.#scene.facts.own.key, 'a suite for another key'],
      [session !== undefined && session.suite !== this.#suite?.name, 'another suite than the session has'],
      [
        session ? !equalBytes(answer.sessionId, hello.legacySessionId) : answer.sessionId.length > 0,
        'the session ID',
      ],
    ];
    for (const [isWrong, what] of problems) if (isWrong) this.ownFaults.push(`wrong in ServerHello: ${what}`);
    if (session) {
      this.master = session.masterSecret;
      this.#ending();
      if (this.#state !== 'SILENT') this.#state = 'change_cipher_spec';
    } else {
      this.#restOfFlight();
    }
  }

  /** Certificate to ServerHelloDone (RFC 5246 §7.4.2 to §7.4.5). */
  #restOfFlight(): void {
    if (this.#answer?.extensions.status_request) this.ownFaults.push('it has no OCSP response');
    const certificate = this.#next(types.certificate);
    const exchange = this.#next(types.server_key_exchange);
    if (!certificate || !exchange) return;
    this.#exchange = decodeServerKeyExchange(exchange.subarray(4));
    const groups = this.#hello?.extensions.supported_groups;
    // Who names none has P-256 surely (RFC 8422 §4).
    const isGroup = groups ? groups.includes(this.#exchange.group) : this.#exchange.group === 0x17;
    if (!isGroup) this.ownFaults.push('another group');
    const asks = this.#config.clientAuthentication !== 'none';
    if (asks) this.#next(types.certificate_request);
    this.#next(types.server_hello_done);
    const { own } = this.#scene.facts;
    const [leaf] = decodeTls12Certificate(certificate.subarray(4));
    if (!leaf || !equalBytes(leaf, own.leaf)) this.ownFaults.push('another certificate');
    const faults = new Faults();
    const { client, server } = this.#randoms;
    const content = concatBytes(client, server, this.#exchange.params);
    const schemes = this.#hello!.extensions.signature_algorithms ?? [];
    requireSignature(faults, { trusted: own.leaf, other: undefined, schemes }, this.#exchange, content);
    try {
      faults.settle();
    } catch {
      this.ownFaults.push('its key exchange is not signed');
    }
    if (this.#state !== 'SILENT') this.#state = asks ? 'Certificate' : 'ClientKeyExchange';
  }

  #certificate(message: Heard): void {
    const faults = new Faults();
    const chain = faults.parse(() => decodeTls12Certificate(message.body)).map((one) => one.slice());
    const [leaf] = chain;
    if (leaf) requireTrusted(faults, leaf, this.#trust);
    else faults.require(this.#config.clientAuthentication === 'request', 'handshake_failure');
    faults.settle();
    this.#presented = chain;
    this.#go(message, 'ClientKeyExchange');
  }

  #clientKeyExchange(message: Heard): void {
    const faults = new Faults();
    const publicValue = faults.parse(() => decodeClientKeyExchange(message.body));
    const exchange = this.#peer.exchangeOf(publicValue);
    const { group, publicValue: ofVictim } = this.#exchange!;
    faults.require(
      exchange !== undefined || isPublicValue(groupWith(group)!, publicValue),
      'illegal_parameter',
    );
    faults.settle();
    this.#go(message, this.#presented.length > 0 ? 'CertificateVerify' : 'change_cipher_spec');
    const shared = exchange?.finish(ofVictim);
    const isExtended = this.#answer?.extensions.extended_master_secret === true;
    this.master =
      shared && masterSecret(this.#suite!, shared, this.#randoms, isExtended ? this.#transcript : undefined);
  }

  #finished(message: Heard): void {
    const faults = new Faults();
    const data = faults.parse(() => decodeFinished(message.body, 12));
    if (!this.master || !this.#suite) throw new Error('a Finished opened, though nobody knows the keys');
    faults.require(
      equalBytes(data, verifyData(this.#suite, this.master, 'client', this.#transcript)),
      'decrypt_error',
    );
    faults.require(message.endsRecord, 'unexpected_message');
    faults.settle();
    this.#go(message, 'CONNECTED');
    if (!this.#session) this.#ending();
    this.connection = {
      resumed: this.#session !== undefined,
      suite: this.#suite,
      randoms: this.#randoms,
      extendedMasterSecret: this.#answer?.extensions.extended_master_secret === true,
      chain: this.#session?.chain ?? this.#chain,
      master: this.master,
      next: undefined,
    };
  }

  /** NewSessionTicket, where one was announced, and Finished. */
  #ending(): void {
    if (this.#answer?.extensions.session_ticket) this.#next(types.new_session_ticket);
    const covered = this.#transcript;
    const finished = this.#next(types.finished);
    if (!finished || !this.master || !this.#suite) return;
    if (!equalBytes(finished.subarray(4), verifyData(this.#suite, this.master, 'server', covered)))
      this.ownFaults.push("the server's Finished is wrong");
  }

  /** The victim's next message, which has to be such a one. */
  #next(type: number): Uint8Array | undefined {
    const message = this.#own.shift();
    if (message?.[0] === type) {
      this.#messages.push(message);
      return message;
    }
    this.ownFaults.push(
      message ? `message ${message[0]} is not due, but ${type}` : `message ${type} did not come`,
    );
    this.#state = 'SILENT';
    return undefined;
  }
}

function suiteWithName(name: string): Suite | undefined {
  return name.startsWith('TLS_ECDHE') ? suiteNamed(name as Suite['name']) : undefined;
}
