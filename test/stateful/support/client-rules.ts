import { equalBytes, toHex } from '../../../src/base/bytes.ts';
import { type CipherSuite, cipherSuiteByCode, cipherSuites } from '../../../src/keys/cipher-suites.ts';
import type { TrafficSecrets } from '../../../src/keys/key-schedule.ts';
import { extensionTypes } from '../../../src/wire/extension-types.ts';
import {
  type ClientHello,
  decodeClientHello,
  decodeServerHello,
  type HelloRetryRequest,
  type ServerHello,
} from '../../../src/wire/hello.ts';
import {
  decodeCertificateRequest,
  decodeEncryptedExtensions,
  decodeNewSessionTicket,
} from '../../../src/wire/messages.ts';
import { handshakeTypes as types } from '../../../src/wire/names.ts';
import { Authentication, isValidShare, KeyUpdates, requireFinished } from './authentication-rules.ts';
import { type Connection, Faults, type Heard, logged, Refusal, type Rules } from './model.ts';
import type { FactOfSession, Scene } from './scenes.ts';
import { Messages, Schedule } from './schedule.ts';
import type { PeerState } from './state.ts';

/** RFC 9846 Appendix A.1. */
type State = 'WAIT_SH' | 'WAIT_EE' | 'WAIT_CERT_CR' | 'WAIT_CERT' | 'WAIT_CV' | 'WAIT_FINISHED' | 'CONNECTED';

/** What a client may hear, and what it must say. */
export class ClientRules implements Rules {
  readonly hasBegun = true;
  readonly skipping = undefined;
  readonly secrets: Map<string, string> = new Map();
  readonly ownFaults: string[] = [];
  connection: Connection | undefined;
  reading: Rules['reading'];
  readonly #scene: Scene;
  readonly #own: readonly Uint8Array[];
  readonly #peer: PeerState;
  readonly #transcript = new Messages();
  readonly #authentication: Authentication;
  readonly #updates = new KeyUpdates();
  #state: State = 'WAIT_SH';
  #hello: ClientHello;
  #retry: HelloRetryRequest | undefined;
  #session: FactOfSession | undefined;
  #schedule: Schedule | undefined;
  #traffic: TrafficSecrets | undefined;

  constructor(scene: Scene, own: readonly Uint8Array[], peer: PeerState) {
    this.#scene = scene;
    this.#own = own;
    this.#peer = peer;
    const [first] = own;
    if (!first) throw new Error('a client said nothing');
    this.#hello = decodeClientHello(first.subarray(4));
    this.#transcript.add(first);
    const { extensions } = this.#hello;
    this.#authentication = new Authentication({
      signer: 'server',
      schemes: extensions.signature_algorithms ?? [],
      compression: extensions.compress_certificate ?? [],
      trusted: scene.facts.trusted,
      isRaw: scene.facts.isRaw,
      other: scene.peer.other.chain[0],
    });
  }

  get expected(): readonly number[] {
    const certificates = this.#authentication.messages;
    const byState: Readonly<Record<State, readonly number[]>> = {
      WAIT_SH: [types.server_hello],
      WAIT_EE: [types.encrypted_extensions],
      WAIT_CERT_CR: [types.certificate_request, ...certificates],
      WAIT_CERT: certificates,
      WAIT_CV: [types.certificate_verify],
      WAIT_FINISHED: [types.finished],
      CONNECTED: [types.new_session_ticket, types.key_update],
    };
    return byState[this.#state];
  }

  get protects(): boolean {
    return this.reading !== undefined;
  }

  get uncalled(): number {
    if (this.connection) return 0;
    return this.#own.length - (this.#retry ? 2 : 1);
  }

  take(message: Heard): void {
    switch (this.#state) {
      case 'WAIT_SH':
        this.#serverHello(message);
        return;
      case 'WAIT_EE':
        this.#encryptedExtensions(message);
        return;
      case 'WAIT_CERT_CR':
      case 'WAIT_CERT':
        if (message.type === types.certificate_request) this.#certificateRequest(message);
        else this.#certificate(message);
        return;
      case 'WAIT_CV':
        this.#certificateVerify(message);
        return;
      case 'WAIT_FINISHED':
        this.#finished(message);
        return;
      case 'CONNECTED':
        this.#later(message);
        return;
    }
  }

  #serverHello({ body, bytes, endsRecord }: Heard): void {
    const faults = new Faults();
    // Other keys follow, or another flight of ours (RFC 9846 §5.1).
    faults.require(endsRecord, 'unexpected_message');
    const answer = faults.parse(() => decodeServerHello(body));
    if (answer.kind === 'Tls12ServerHello')
      throw new Refusal([this.#retry ? 'illegal_parameter' : 'protocol_version']);
    const { extensions } = answer;
    if (answer.kind === 'HelloRetryRequest' && this.#retry) throw new Refusal(['unexpected_message']);
    faults.require(answer.legacyVersion === 0x0303, 'protocol_version');
    faults.require(extensions.supported_versions === 0x0304, 'illegal_parameter');
    faults.require(equalBytes(answer.legacySessionIdEcho, this.#hello.legacySessionId), 'illegal_parameter');
    faults.require(answer.legacyCompressionMethod === 0, 'illegal_parameter');
    faults.require(this.#hello.cipherSuites.includes(answer.cipherSuite), 'illegal_parameter');
    const allowed = answer.kind === 'HelloRetryRequest' ? [extensionTypes.cookie.code] : [];
    faults.require(this.#isSolicited(extensions.order, allowed), 'unsupported_extension');
    const suite = cipherSuiteByCode(answer.cipherSuite) ?? cipherSuites.TLS_AES_128_GCM_SHA256;
    if (answer.kind === 'HelloRetryRequest') this.#retryRequested(answer, faults, bytes, suite);
    else this.#negotiated(answer, faults, bytes, suite);
  }

  #retryRequested(answer: HelloRetryRequest, faults: Faults, bytes: Uint8Array, suite: CipherSuite): void {
    const { key_share: group, cookie } = answer.extensions;
    const { supported_groups: groups = [], key_share: shares = [] } = this.#hello.extensions;
    faults.require(group !== undefined || cookie !== undefined, 'illegal_parameter');
    faults.require(group === undefined || groups.includes(group), 'illegal_parameter');
    faults.require(!shares.some((share) => share.group === group), 'illegal_parameter');
    faults.settle();
    this.#retry = answer;
    this.#transcript.replace(suite.hash);
    this.#transcript.add(bytes);
    const second = this.#own[1];
    if (!second) return;
    this.#transcript.add(second);
    this.#checkSecondHello(decodeClientHello(second.subarray(4)), answer);
  }

  #checkSecondHello(
    second: ClientHello,
    { extensions: { key_share: group, cookie } }: HelloRetryRequest,
  ): void {
    const [share, ...more] = second.extensions.key_share ?? [];
    if (group !== undefined && (share?.group !== group || more.length > 0))
      this.ownFaults.push('the second ClientHello has another share than was asked for');
    if (cookie && !(second.extensions.cookie && equalBytes(second.extensions.cookie, cookie)))
      this.ownFaults.push('the second ClientHello does not give the cookie back');
    if (!equalBytes(second.random, this.#hello.random))
      this.ownFaults.push('the second ClientHello has another random');
    this.#hello = second;
  }

  #negotiated(answer: ServerHello, faults: Faults, bytes: Uint8Array, suite: CipherSuite): void {
    const { key_share: share, pre_shared_key: psk } = answer.extensions;
    const shares = this.#hello.extensions.key_share ?? [];
    const ours = shares.find((one) => one.group === share?.group);
    const shared = share && ours && this.#peer.sharedFor(share.keyExchange, ours.keyExchange);
    const retriedGroup = this.#retry?.extensions.key_share;
    if (this.#retry) faults.require(answer.cipherSuite === this.#retry.cipherSuite, 'illegal_parameter');
    // psk_dhe_ke is the only mode that is offered (RFC 9846 §4.3.11).
    faults.require(share !== undefined, psk === undefined ? 'missing_extension' : 'illegal_parameter');
    if (share) {
      faults.require(retriedGroup === undefined || share.group === retriedGroup, 'illegal_parameter');
      faults.require(ours !== undefined, 'illegal_parameter');
      faults.require(!ours || shared !== undefined || isValidShare(share), 'illegal_parameter');
    }
    const offered = this.#hello.extensions.pre_shared_key;
    if (psk !== undefined) {
      faults.require(psk < (offered?.identities.length ?? 0), 'illegal_parameter');
      const [session] = this.#scene.facts.sessions;
      const hash = cipherSuites[session?.suite ?? suite.name].hash;
      faults.require(hash === suite.hash, 'illegal_parameter');
      this.#session = session;
    }
    faults.settle();
    this.#transcript.add(bytes);
    this.#schedule = shared && new Schedule(suite, this.#session?.psk, shared);
    this.#traffic = this.#schedule?.handshake(this.#transcript);
    logged(
      this.secrets,
      ['CLIENT_HANDSHAKE_TRAFFIC_SECRET', 'SERVER_HANDSHAKE_TRAFFIC_SECRET'],
      this.#traffic,
    );
    this.reading = { secret: this.#traffic?.server ?? 'lost', isApplication: false };
    this.#state = 'WAIT_EE';
  }

  #encryptedExtensions({ body, bytes }: Heard): void {
    const faults = new Faults();
    const extensions = faults.parse(() => decodeEncryptedExtensions(body));
    faults.require(this.#isSolicited(extensions.order, []), 'unsupported_extension');
    const { application_layer_protocol_negotiation: protocol } = extensions;
    const offered = this.#hello.extensions.application_layer_protocol_negotiation ?? [];
    faults.require(protocol === undefined || offered.includes(protocol), 'illegal_parameter');
    // No answer is X.509, which may not do (RFC 7250 §4.2).
    const { server_certificate_type: server = 0, client_certificate_type: client = 0 } = extensions;
    const { server_certificate_type: types = [0], client_certificate_type: ownTypes = [0] } =
      this.#hello.extensions;
    const isAnswered = extensions.server_certificate_type !== undefined;
    const isRefused = isAnswered ? 'illegal_parameter' : 'unsupported_certificate';
    faults.require(types.includes(server) || (!isAnswered && this.#session !== undefined), isRefused);
    faults.require(client === 0 || ownTypes.includes(client), 'illegal_parameter');
    faults.settle();
    this.#transcript.add(bytes);
    this.#state = this.#session ? 'WAIT_FINISHED' : 'WAIT_CERT_CR';
  }

  #certificateRequest({ body, bytes }: Heard): void {
    const faults = new Faults();
    const { context, extensions } = faults.parse(() => decodeCertificateRequest(body));
    faults.require(context.length === 0, 'illegal_parameter');
    faults.require(extensions.signature_algorithms !== undefined, 'missing_extension');
    faults.settle();
    this.#transcript.add(bytes);
    this.#state = 'WAIT_CERT';
    this.#isRequested = true;
  }

  #isRequested = false;

  #certificate(message: Heard): void {
    this.#authentication.certificate(message, 'decode_error');
    this.#transcript.add(message.bytes);
    this.#state = 'WAIT_CV';
  }

  #certificateVerify(message: Heard): void {
    const hash = this.#schedule?.suite.hash ?? 'sha256';
    this.#authentication.verify(message, this.#transcript.digest(hash));
    this.#transcript.add(message.bytes);
    this.#state = 'WAIT_FINISHED';
  }

  #finished(message: Heard): void {
    const schedule = this.#schedule;
    if (!schedule || !this.#traffic) throw new Error('a Finished opened, though nobody knows the keys');
    requireFinished(message, schedule, this.#traffic.server, this.#transcript);
    this.#transcript.add(message.bytes);
    const application = schedule.application(this.#transcript);
    const exporter = schedule.exporter(this.#transcript);
    logged(this.secrets, ['CLIENT_TRAFFIC_SECRET_0', 'SERVER_TRAFFIC_SECRET_0'], application);
    this.secrets.set('EXPORTER_SECRET', toHex(exporter));
    this.reading = { secret: application.server, isApplication: true };
    this.connection = {
      resumed: this.#session !== undefined,
      retried: this.#retry !== undefined,
      suite: schedule.suite.name,
      chain: this.#session?.chain ?? this.#authentication.chain,
      rawPublicKey: this.#session ? undefined : this.#authentication.rawPublicKey,
      exporter,
    };
    this.#state = 'CONNECTED';
    this.#checkOwnFlight();
  }

  /** A client shows who it is where it is asked, and only there. */
  #checkOwnFlight(): void {
    const { hasIdentity } = this.#scene.facts;
    const flight: number[] = this.#retry ? [1, 1] : [1];
    if (this.#isRequested) flight.push(types.certificate);
    const last = this.#own.findLast(([type]) => type === types.certificate_verify);
    if (this.#isRequested && hasIdentity && last) flight.push(types.certificate_verify);
    flight.push(types.finished);
    const found = this.#own.map(([type]) => type);
    if (found.join() !== flight.join()) this.ownFaults.push(`the client's messages are ${found.join()}`);
  }

  #later({ type, body, endsRecord }: Heard): void {
    if (type === types.new_session_ticket) {
      new Faults().parse(() => decodeNewSessionTicket(body));
      return;
    }
    this.reading = this.#updates.next(this.reading, this.#schedule, body, endsRecord);
  }

  #isSolicited(codes: readonly number[] = [], allowed: readonly number[]): boolean {
    const offered = this.#hello.extensions.order ?? [];
    return codes.every((code) => offered.includes(code) || allowed.includes(code));
  }
}
