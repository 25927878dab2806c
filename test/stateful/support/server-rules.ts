import { equalBytes, toHex } from '../../../src/base/bytes.ts';
import { nodeCrypto } from '../../../src/crypto/node/provider.ts';
import type { ServerConfig } from '../../../src/handshake/config.ts';
import { isTls13Suite } from '../../../src/handshake/versions.ts';
import { cipherSuiteByCode, cipherSuites } from '../../../src/keys/cipher-suites.ts';
import { earlySecret, type TrafficSecrets } from '../../../src/keys/key-schedule.ts';
import {
  bindersLength,
  type ClientHello,
  decodeClientHello,
  decodeServerHello,
  type ServerHello,
} from '../../../src/wire/hello.ts';
import {
  certificateCompressionCodes,
  signatureSchemeCodes,
  handshakeTypes as types,
} from '../../../src/wire/names.ts';
import { isHelloRetryRequest } from '../../hostile/support/structure.ts';
import { Authentication, KeyUpdates, requireFinished } from './authentication-rules.ts';
import {
  groupCodes,
  hasTypeOfOwn,
  requireClientHello,
  requireCommonGround,
  requireSameHello,
} from './hello-rules.ts';
import { type Connection, Faults, type Heard, logged, type Rules } from './model.ts';
import type { FactOfSession, Scene } from './scenes.ts';
import { Messages, Schedule } from './schedule.ts';
import { isSameValue, type PeerState } from './state.ts';

/** RFC 9846 Appendix A.2. `SILENT`: the victim did not answer though it had to. */
type State = 'START' | 'WAIT_CH2' | 'WAIT_CERT' | 'WAIT_CV' | 'WAIT_FINISHED' | 'CONNECTED' | 'SILENT';

/** What a server may hear, and what it must answer. */
export class ServerRules implements Rules {
  readonly secrets: Map<string, string> = new Map();
  readonly ownFaults: string[] = [];
  connection: Connection | undefined;
  reading: Rules['reading'];
  skipping: Rules['skipping'];
  hasBegun = false;
  readonly #scene: Scene;
  readonly #config: ServerConfig;
  readonly #own: Uint8Array[];
  readonly #peer: PeerState;
  readonly #transcript = new Messages();
  readonly #authentication: Authentication;
  readonly #updates = new KeyUpdates();
  #state: State = 'START';
  #first: { readonly hello: ClientHello; readonly bytes: Uint8Array } | undefined;
  #retriedGroup: number | undefined;
  #refusesCertificateTypes = false;
  #session: FactOfSession | undefined;
  #schedule: Schedule | undefined;
  #traffic: TrafficSecrets | undefined;
  #application: TrafficSecrets | undefined;
  #exporter: Uint8Array | undefined;

  constructor(scene: Scene, own: readonly Uint8Array[], peer: PeerState) {
    this.#scene = scene;
    this.#config = scene.config as ServerConfig;
    this.#own = [...own];
    this.#peer = peer;
    this.#authentication = new Authentication({
      signer: 'client',
      schemes: this.#config.signatureSchemes.map((name) => signatureSchemeCodes[name]),
      compression: this.#config.certificateCompression.map((name) => certificateCompressionCodes[name]),
      trusted: scene.facts.trusted,
      isRaw: scene.facts.isRaw,
      other: scene.peer.other.chain[0],
    });
  }

  get expected(): readonly number[] {
    const byState: Readonly<Record<State, readonly number[]>> = {
      START: [types.client_hello],
      WAIT_CH2: [types.client_hello],
      WAIT_CERT: this.#authentication.messages,
      WAIT_CV: [types.certificate_verify],
      WAIT_FINISHED: [types.finished],
      CONNECTED: [types.key_update],
      SILENT: [],
    };
    return byState[this.#state];
  }

  get protects(): boolean {
    return this.reading !== undefined || this.#answeredFirst;
  }

  get uncalled(): number {
    return this.#answeredFirst ? 0 : this.#own.length;
  }

  /** How a client is to authenticate is looked at last, when ServerHello is on its way: no harm is in that. */
  get #answeredFirst(): boolean {
    return this.#refusesCertificateTypes && this.#own.length === 1;
  }

  take(message: Heard): void {
    this.hasBegun = true;
    switch (this.#state) {
      case 'START':
      case 'WAIT_CH2':
        this.#clientHello(message);
        return;
      case 'WAIT_CERT': {
        const isRequired = this.#config.clientAuthentication === 'require';
        const follows = this.#authentication.certificate(
          message,
          isRequired ? 'certificate_required' : 'allowed',
        );
        this.#transcript.add(message.bytes);
        this.#state = follows ? 'WAIT_CV' : 'WAIT_FINISHED';
        return;
      }
      case 'WAIT_CV':
        this.#authentication.verify(message, this.#transcript.digest(this.#schedule?.suite.hash ?? 'sha256'));
        this.#transcript.add(message.bytes);
        this.#state = 'WAIT_FINISHED';
        return;
      case 'WAIT_FINISHED':
        this.#finished(message);
        return;
      case 'CONNECTED':
        this.reading = this.#updates.next(this.reading, this.#schedule, message.body, message.endsRecord);
        return;
      case 'SILENT':
        return;
    }
  }

  #clientHello({ body, bytes, endsRecord }: Heard): void {
    const faults = new Faults();
    // Other keys follow, or a flight of ours (RFC 9846 §5.1).
    faults.require(endsRecord, 'unexpected_message');
    const hello = faults.parse(() => decodeClientHello(body));
    const isRetried = this.#first !== undefined;
    requireClientHello(faults, hello, this.#config);
    if (this.#first) {
      requireSameHello(faults, this.#first, { hello, bytes }, this.#retriedGroup);
    } else if (this.#asksAgain(hello)) {
      faults.settle();
      this.#retry(hello, bytes);
      return;
    }
    const session = this.#sessionFor(hello);
    this.#refusesCertificateTypes = !hasTypeOfOwn(hello.extensions, this.#config);
    const isShareKnown = (share: Uint8Array): boolean =>
      this.#peer.exchanges.some(({ publicValue }) => isSameValue(publicValue, share));
    requireCommonGround(faults, hello, this.#config, session !== undefined, isShareKnown);
    if (session) this.#requireBinder(faults, session, hello, bytes);
    faults.settle();
    this.#transcript.add(bytes);
    this.#session = session?.known;
    this.#answer(hello, isRetried);
  }

  /** The first session on offer that may be resumed, whatever its binder is (RFC 9846 §4.3.11). */
  #sessionFor({ cipherSuites: offered, extensions }: ClientHello): OfferedSession | undefined {
    const { pre_shared_key: psks, psk_key_exchange_modes: modes = [] } = extensions;
    if (!psks || !modes.includes(1)) return undefined;
    const suite = this.#config.cipherSuites
      .filter(isTls13Suite)
      .find((name) => offered.includes(cipherSuites[name].code));
    const hash = suite && cipherSuites[suite].hash;
    for (const [index, { identity }] of psks.identities.slice(0, 4).entries()) {
      const known = this.#scene.facts.sessions.find(({ ticket }) => equalBytes(ticket, identity));
      if (known?.fits && cipherSuites[known.suite].hash === hash) return { index, known };
    }
    return undefined;
  }

  #requireBinder(
    faults: Faults,
    { index, known }: OfferedSession,
    { extensions: { pre_shared_key: psks } }: ClientHello,
    bytes: Uint8Array,
  ): void {
    if (!psks) return;
    const { hash } = cipherSuites[known.suite];
    const covered = this.#transcript.digestWith(hash, bytes.subarray(0, -bindersLength(psks)));
    const binder = earlySecret(nodeCrypto, hash, known.psk).binder(covered);
    faults.require(equalBytes(psks.binders[index] ?? new Uint8Array(0), binder), 'decrypt_error');
  }

  #asksAgain({
    extensions: { key_share: shares = [], supported_groups: groups = [] },
  }: ClientHello): boolean {
    const mutual = groupCodes(this.#config).filter((code) => groups.includes(code));
    return mutual.length > 0 && !shares.some(({ group }) => mutual.includes(group));
  }

  #retry(hello: ClientHello, bytes: Uint8Array): void {
    this.#transcript.add(bytes);
    const request = this.#take((message) => isHelloRetryRequest(message));
    if (!request) return;
    const retry = decodeServerHello(request.subarray(4));
    const { hash } = cipherSuiteByCode(retry.cipherSuite) ?? cipherSuites.TLS_AES_128_GCM_SHA256;
    this.#transcript.replace(hash);
    this.#transcript.add(request);
    if (retry.kind === 'HelloRetryRequest') this.#retriedGroup = retry.extensions.key_share;
    this.#first = { hello, bytes };
    this.#state = 'WAIT_CH2';
    if (hello.extensions.early_data) this.skipping = 'application_data';
  }

  #answer(hello: ClientHello, isRetried: boolean): void {
    const bytes = this.#take((message) => message[0] === types.server_hello && !isHelloRetryRequest(message));
    if (!bytes) return;
    const answer = decodeServerHello(bytes.subarray(4)) as ServerHello;
    this.#transcript.add(bytes);
    const suite = cipherSuiteByCode(answer.cipherSuite);
    const { key_share: share, pre_shared_key: psk } = answer.extensions;
    const theirs = hello.extensions.key_share?.find((one) => one.group === share?.group);
    if (!suite || !hello.cipherSuites.includes(suite.code) || !theirs || !share) {
      this.ownFaults.push('ServerHello chooses what was not offered');
      this.#state = 'SILENT';
      return;
    }
    if ((psk !== undefined) !== (this.#session !== undefined))
      this.ownFaults.push(`ServerHello selects PSK ${psk}, which it should not`);
    const shared = this.#peer.sharedFor(theirs.keyExchange, share.keyExchange);
    this.#schedule = shared && new Schedule(suite, this.#session?.psk, shared);
    this.#traffic = this.#schedule?.handshake(this.#transcript);
    logged(
      this.secrets,
      ['CLIENT_HANDSHAKE_TRAFFIC_SECRET', 'SERVER_HANDSHAKE_TRAFFIC_SECRET'],
      this.#traffic,
    );
    this.reading = { secret: this.#traffic?.client ?? 'lost', isApplication: false };
    this.skipping = hello.extensions.early_data && !isRetried ? 'undecryptable' : undefined;
    this.#restOfFlight();
  }

  /** EncryptedExtensions to Finished: without a PSK with the server's certificate, with it without (RFC 9846 §2.2). */
  #restOfFlight(): void {
    const flight: number[] = [];
    for (let message = this.#take(() => true); message; message = this.#take(() => true)) {
      const [type = 0] = message;
      this.#transcript.add(message);
      flight.push(type);
      if (type === types.finished) break;
    }
    const isRequested = flight.includes(types.certificate_request);
    const { clientAuthentication } = this.#config;
    const certificate = flight.includes(types.compressed_certificate)
      ? types.compressed_certificate
      : types.certificate;
    const due: number[] = [types.encrypted_extensions];
    const asks = clientAuthentication === 'require' || (clientAuthentication === 'request' && isRequested);
    if (!this.#session && asks) due.push(types.certificate_request);
    if (!this.#session) due.push(certificate, types.certificate_verify);
    due.push(types.finished);
    if (flight.join() !== due.join()) this.ownFaults.push(`the server's flight is ${flight.join()}`);
    this.#application = this.#schedule?.application(this.#transcript);
    this.#exporter = this.#schedule?.exporter(this.#transcript);
    logged(this.secrets, ['CLIENT_TRAFFIC_SECRET_0', 'SERVER_TRAFFIC_SECRET_0'], this.#application);
    if (this.#exporter) this.secrets.set('EXPORTER_SECRET', toHex(this.#exporter));
    this.#state = isRequested ? 'WAIT_CERT' : 'WAIT_FINISHED';
  }

  #finished(message: Heard): void {
    const schedule = this.#schedule;
    if (!schedule || !this.#traffic || !this.#application)
      throw new Error('a Finished opened, though nobody knows the keys');
    requireFinished(message, schedule, this.#traffic.client, this.#transcript);
    this.reading = { secret: this.#application.client, isApplication: true };
    this.connection = {
      resumed: this.#session !== undefined,
      retried: this.#first !== undefined,
      suite: schedule.suite.name,
      chain: this.#session?.chain ?? this.#authentication.chain,
      rawPublicKey: this.#session ? undefined : this.#authentication.rawPublicKey,
      exporter: this.#exporter,
    };
    this.#state = 'CONNECTED';
  }

  /** The victim's next message, which has to be such a one. */
  #take(isDue: (message: Uint8Array) => boolean): Uint8Array | undefined {
    const message = this.#own.shift();
    if (message && isDue(message)) return message;
    this.ownFaults.push(message ? `message ${message[0]} is not due` : 'no message came');
    this.#state = 'SILENT';
    return undefined;
  }
}

interface OfferedSession {
  readonly index: number;
  readonly known: FactOfSession;
}
