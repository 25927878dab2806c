import { equalBytes, noBytes, wipe } from '../base/bytes.ts';
import { peerError } from '../base/errors.ts';
import { maxCookie } from '../base/limits.ts';
import type { KeyExchange, NamedGroup } from '../crypto/provider.ts';
import { type CipherSuite, cipherSuiteByCode, cipherSuites } from '../keys/cipher-suites.ts';
import { earlySecret, type TrafficSecrets } from '../keys/key-schedule.ts';
import { Transcript } from '../keys/transcript.ts';
import { extensionTypes } from '../wire/extension-types.ts';
import type { ExtensionBlock } from '../wire/extensions.ts';
import {
  type ClientHello,
  decodeServerHello,
  encodeClientHello,
  type HelloRetryRequest,
  type ServerHello,
} from '../wire/hello.ts';
import type { RawMessage } from '../wire/message.ts';
import {
  type CertificateRequest,
  decodeCertificateRequest,
  decodeEncryptedExtensions,
  type EncryptedExtensions,
  encodeCertificate,
} from '../wire/messages.ts';
import { handshakeTypes, namedGroupCodes, nameOf, protocolVersions } from '../wire/names.ts';
import {
  type AuthenticatedPeer,
  authenticatePeer,
  certificateOf,
  chooseSignatureScheme,
  type HandshakeState,
  readCertificate,
  receiveFinished,
  sendCertificateVerify,
  sendFinished,
  sendMessage,
} from './authentication.ts';
import { certificateMessages, compressedFor, uncompressed } from './certificate-compression.ts';
import {
  encodeWithSession,
  firstClientHello,
  type OfferedSession,
  type PeerName,
  secondClientHello,
  serverNameOf,
  takeSession,
} from './client-hello.ts';
import type { CertificateRequestInfo, ClientConfig } from './config.ts';
import type { Identity } from './identity.ts';
import { chooseClientIdentity } from './identity-choice.ts';
import type { HandshakeOutcome } from './outcome.ts';
import { ocspResponseOf } from './stapling.ts';
import { ask, type Flight, type Handshake, receive } from './steps.ts';

/** A client's first flight as it left. */
export interface ClientFlight {
  readonly hello: ClientHello;
  readonly keyExchanges: readonly KeyExchange[];
  readonly offered: OfferedSession | undefined;
}

/** What the first messages settled. */
interface Negotiated {
  /** The flight that the server has answered. */
  readonly sent: ClientFlight;
  readonly answer: ServerHello;
  readonly suite: CipherSuite;
  readonly retried: HelloRetryRequest | undefined;
}

/** The client's side of a TLS 1.3 handshake (RFC 9846 §2, figures 1 to 3). */
export function* clientHandshake(
  config: ClientConfig,
  peer: PeerName,
  flight: Flight,
): Handshake<HandshakeOutcome> {
  const transcript = new Transcript(config.provider);
  const serverName = serverNameOf(peer);
  const keyExchanges = config.keyShares.map((group) => config.provider.initiateKeyExchange(group));
  const hello = firstClientHello(config, serverName, keyExchanges);
  const offered = takeSession(config, sessionScope(config, peer));
  sendHello({ config, flight, transcript }, hello, offered);
  return yield* afterClientHello(config, peer, flight, transcript, { hello, keyExchanges, offered });
}

/** From the server's first message on. `transcript` holds the ClientHello. */
export function* afterClientHello(
  config: ClientConfig,
  peer: PeerName,
  flight: Flight,
  transcript: Transcript,
  first: ClientFlight,
): Handshake<HandshakeOutcome> {
  const secrets: { wipe(): void }[] = [];
  const trafficSecrets: Uint8Array[] = [];
  let exporterSecret: Uint8Array | undefined;
  let isDone = false;
  try {
    const { sent, answer, suite, retried } = yield* negotiate(config, flight, transcript, first);
    const { group, sharedSecret } = finishKeyExchange(sent, answer, retried);
    const resumed = acceptedSession(sent.offered, answer, suite);
    const early = resumed?.early ?? earlySecret(config.provider, suite.hash);
    const handshakeSecret = early.handshakeSecret(sharedSecret);
    wipe(sharedSecret);
    secrets.push(handshakeSecret);
    const state: HandshakeState = { config, flight, transcript, suite };
    const { random } = first.hello;
    const traffic = handshakeSecret.trafficSecrets(transcript.digest());
    trafficSecrets.push(traffic.client, traffic.server);
    flight.keyLog('CLIENT_HANDSHAKE_TRAFFIC_SECRET', random, traffic.client);
    flight.keyLog('SERVER_HANDSHAKE_TRAFFIC_SECRET', random, traffic.server);
    flight.installReadKeys(suite, traffic.server);
    // Ahead of our second flight, once: a retry has sent it already (RFC 9846 Appendix E.4).
    if (!retried) sendChangeCipherSpec(flight, first.hello);
    flight.installWriteKeys(suite, traffic.client);

    const encrypted = checkEncryptedExtensions(
      config,
      sent.hello,
      yield* receive('encrypted_extensions'),
      transcript,
    );
    if (encrypted.record_size_limit !== undefined) {
      flight.limitSentRecords(encrypted.record_size_limit);
      flight.limitReceivedRecords(config.recordSizeLimit);
    }
    const server = resumed ? undefined : yield* authenticateServer(state, peer);
    yield* receiveFinished(state, traffic.server);
    const serverFinishedHash = transcript.digest();
    const mainSecret = handshakeSecret.mainSecret();
    secrets.push(mainSecret);
    const application = mainSecret.trafficSecrets(serverFinishedHash);
    trafficSecrets.push(application.client, application.server);
    exporterSecret = mainSecret.exporterSecret(serverFinishedHash);
    logApplicationSecrets(flight, random, application, exporterSecret);
    flight.installReadKeys(suite, application.server);

    // Only now, that the server is known, it learns who we are.
    if (server?.request) yield* sendClientAuthentication(state, config, server.request);
    sendFinished(state, traffic.client);
    flight.installWriteKeys(suite, application.client);
    const resumptionSecret = mainSecret.resumptionSecret(transcript.digest());
    const session = resumed?.session;
    isDone = true;
    return {
      suite,
      group,
      peerSignatureScheme: server?.signatureScheme,
      alpnProtocol: encrypted.application_layer_protocol_negotiation,
      serverName: first.hello.extensions.server_name,
      resumed: resumed !== undefined,
      helloRetryRequest: retried !== undefined,
      peerCertificates: server?.chain ?? session?.peerCertificates ?? [],
      authenticatedAt: session?.authenticatedAt ?? config.now(),
      validUntil: server?.validUntil ?? session?.validUntil ?? 0,
      exporterSecret,
      resumptionSecret,
      resumption: { side: 'client', scope: sessionScope(config, peer) },
    };
  } finally {
    first.offered?.early.wipe();
    wipe(first.offered?.session.psk);
    for (const secret of secrets) secret.wipe();
    wipe(...trafficSecrets);
    if (!isDone) wipe(exporterSecret);
  }
}

/** What sessions are kept under: whom we talked to, and under which policy and identity. */
export function sessionScope(config: ClientConfig, peer: PeerName): string {
  return JSON.stringify([peer.host, peer.port ?? null, serverNameOf(peer) ?? null, config.sessionScope]);
}

/** ServerHello, and a second ClientHello ahead of it where a HelloRetryRequest comes (RFC 9846 §4.2.4). */
function* negotiate(
  config: ClientConfig,
  flight: Flight,
  transcript: Transcript,
  first: ClientFlight,
): Handshake<Negotiated> {
  const message = yield* receive('server_hello');
  const answer = decodeServerHello(message.body);
  const suite = checkServerHello(config, first, answer);
  transcript.start(suite.hash);
  if (answer.kind === 'ServerHello') {
    transcript.add(message.bytes);
    return { sent: first, answer, suite, retried: undefined };
  }
  flight.endReceivedFlight();
  const keyExchange = checkRetry(config, first, answer);
  transcript.replaceByMessageHash();
  transcript.add(message.bytes);
  const hello = secondClientHello(first.hello, { keyExchange, cookie: answer.extensions.cookie });
  // A PSK of another hash cannot be accepted any more.
  const keepsHash = first.offered && cipherSuites[first.offered.session.cipherSuite].hash === suite.hash;
  const offered = keepsHash ? first.offered : undefined;
  sendChangeCipherSpec(flight, first.hello);
  sendHello({ config, flight, transcript }, hello, offered);

  const sent = { hello, keyExchanges: keyExchange ? [keyExchange] : first.keyExchanges, offered };
  const secondMessage = yield* receive('server_hello');
  const final = decodeServerHello(secondMessage.body);
  if (final.kind === 'HelloRetryRequest') {
    throw peerError('unexpected_message', 'a second HelloRetryRequest came');
  }
  if (final.cipherSuite !== answer.cipherSuite) {
    throw peerError('illegal_parameter', 'ServerHello has another cipher suite than HelloRetryRequest');
  }
  checkServerHello(config, sent, final);
  transcript.add(secondMessage.bytes);
  return { sent, answer: final, suite, retried: answer };
}

function sendChangeCipherSpec(flight: Flight, hello: ClientHello): void {
  if (hello.legacySessionId.length > 0) flight.sendChangeCipherSpec();
}

function sendHello(
  state: Pick<HandshakeState, 'flight' | 'transcript'> & { readonly config: ClientConfig },
  hello: ClientHello,
  offered: OfferedSession | undefined,
): void {
  const { config, transcript } = state;
  sendMessage(
    state,
    offered ? encodeWithSession(hello, offered, transcript, config.now()) : encodeClientHello(hello),
  );
}

/** What holds for ServerHello and HelloRetryRequest alike (RFC 9846 §4.2.3, §4.2.4). */
function checkServerHello(
  config: ClientConfig,
  sent: ClientFlight,
  answer: ServerHello | HelloRetryRequest,
): CipherSuite {
  const { kind, extensions } = answer;
  const { hello } = sent;
  if (extensions.supported_versions !== protocolVersions.tls13) {
    throw peerError('illegal_parameter', `${kind} selects a version that was not offered`);
  }
  if (answer.legacyVersion !== protocolVersions.tls12) {
    throw peerError('protocol_version', `${kind} has a legacy_version other than 0x0303`);
  }
  if (!equalBytes(answer.legacySessionIdEcho, hello.legacySessionId)) {
    throw peerError('illegal_parameter', `${kind} does not echo the legacy_session_id`);
  }
  if (answer.legacyCompressionMethod !== 0)
    throw peerError('illegal_parameter', `${kind} selects a compression method`);
  const suite = cipherSuiteByCode(answer.cipherSuite);
  if (!suite || !config.cipherSuites.includes(suite.name)) {
    throw peerError('illegal_parameter', `${kind} selects a cipher suite that was not offered`);
  }
  // A cookie needs no offer; the offered session stands beside the hello, whose binder depends on it.
  const beside: number[] = kind === 'HelloRetryRequest' ? [extensionTypes.cookie.code] : [];
  if (sent.offered) beside.push(extensionTypes.pre_shared_key.code);
  refuseUnsolicited(kind, extensions, hello, beside);
  return suite;
}

/** Checks what a HelloRetryRequest asks for; a new key exchange where it asks for another group (RFC 9846 §4.3.8). */
function checkRetry(
  config: ClientConfig,
  sent: ClientFlight,
  retry: HelloRetryRequest,
): KeyExchange | undefined {
  const { key_share: code, cookie } = retry.extensions;
  if (cookie && cookie.length > maxCookie) {
    throw peerError(
      'illegal_parameter',
      `HelloRetryRequest has a cookie of ${cookie.length} bytes; at most ${maxCookie} are accepted`,
    );
  }
  if (code === undefined) {
    if (cookie) return undefined;
    throw peerError('illegal_parameter', 'HelloRetryRequest would not change the ClientHello');
  }
  const group = nameOf(namedGroupCodes, code);
  if (!group || !config.groups.includes(group)) {
    throw peerError('illegal_parameter', `HelloRetryRequest asks for group ${code}, which was not offered`);
  }
  if (sent.keyExchanges.some((exchange) => exchange.group === group)) {
    throw peerError('illegal_parameter', `HelloRetryRequest asks for ${group}, which it has a key share of`);
  }
  return config.provider.initiateKeyExchange(group);
}

function finishKeyExchange(
  sent: ClientFlight,
  answer: ServerHello,
  retried: HelloRetryRequest | undefined,
): { readonly group: NamedGroup; readonly sharedSecret: Uint8Array } {
  const share = answer.extensions.key_share;
  // Required also with a PSK: psk_dhe_ke is the only mode that we offer (RFC 9846 §4.3.11).
  if (!share) {
    const alert = answer.extensions.pre_shared_key === undefined ? 'missing_extension' : 'illegal_parameter';
    throw peerError(alert, 'ServerHello has no key_share');
  }
  if (retried?.extensions.key_share !== undefined && share.group !== retried.extensions.key_share) {
    throw peerError('illegal_parameter', 'ServerHello has another group than HelloRetryRequest');
  }
  const exchange = sent.keyExchanges.find(({ group }) => namedGroupCodes[group] === share.group);
  if (!exchange)
    throw peerError(
      'illegal_parameter',
      `ServerHello has a key share of group ${share.group}, not one of ours`,
    );
  const sharedSecret = exchange.finish(share.keyExchange);
  if (!sharedSecret)
    throw peerError('illegal_parameter', `ServerHello's key share is no valid value of ${exchange.group}`);
  return { group: exchange.group, sharedSecret };
}

/** The session that the server resumes (RFC 9846 §4.3.11). */
function acceptedSession(
  offered: OfferedSession | undefined,
  answer: ServerHello,
  suite: CipherSuite,
): OfferedSession | undefined {
  const index = answer.extensions.pre_shared_key;
  if (index === undefined) return undefined;
  if (!offered || index !== 0)
    throw peerError('illegal_parameter', `ServerHello selects PSK ${index}, which was not offered`);
  if (cipherSuites[offered.session.cipherSuite].hash !== suite.hash) {
    throw peerError('illegal_parameter', 'ServerHello resumes with a cipher suite of another hash');
  }
  return offered;
}

function checkEncryptedExtensions(
  config: ClientConfig,
  hello: ClientHello,
  message: RawMessage,
  transcript: Transcript,
): EncryptedExtensions {
  const extensions = decodeEncryptedExtensions(message.body);
  refuseUnsolicited('EncryptedExtensions', extensions, hello, []);
  const chosen = extensions.application_layer_protocol_negotiation;
  if (chosen !== undefined && !config.alpnProtocols.includes(chosen)) {
    throw peerError('illegal_parameter', 'the server chose an ALPN protocol that was not offered');
  }
  transcript.add(message.bytes);
  return extensions;
}

interface AuthenticatedServer extends AuthenticatedPeer {
  readonly request: CertificateRequest | undefined;
}

/** CertificateRequest where there is one, Certificate and CertificateVerify (RFC 9846 §4.4.2, §4.5). */
function* authenticateServer(state: HandshakeState, peer: PeerName): Handshake<AuthenticatedServer> {
  const { transcript } = state;
  const config = state.config as ClientConfig;
  let message = yield* receive('certificate_request', ...certificateMessages(config));
  let request: CertificateRequest | undefined;
  if (message.type === handshakeTypes.certificate_request) {
    request = decodeCertificateRequest(message.body);
    if (request.context.length > 0) {
      throw peerError(
        'illegal_parameter',
        'CertificateRequest has a context, which only follows a handshake',
      );
    }
    if (!request.extensions.signature_algorithms) {
      throw peerError('missing_extension', 'CertificateRequest has no signature_algorithms');
    }
    transcript.add(message.bytes);
    message = yield* receive(...certificateMessages(config));
  }
  const presented = readCertificate(uncompressed(config, message), config.trust);
  if (presented.chain.length === 0) throw peerError('decode_error', "the server's Certificate is empty");
  transcript.add(message.bytes);
  const server = yield* authenticatePeer(state, 'server', presented, config.trust, peer.host);
  return { ...server, request };
}

/** Certificate, empty where no identity fits, and CertificateVerify where it is not. */
function* sendClientAuthentication(
  state: HandshakeState,
  config: ClientConfig,
  request: CertificateRequest,
): Handshake<void> {
  const schemes = request.extensions.signature_algorithms ?? [];
  const info: CertificateRequestInfo = {
    signatureSchemes: schemes,
    certificateSignatureSchemes: request.extensions.signature_algorithms_cert ?? schemes,
    certificateAuthorities: (request.extensions.certificate_authorities ?? []).map((name) => name.slice()),
  };
  const { identity: configured } = config;
  let identity: Identity | undefined;
  if (typeof configured === 'function') {
    identity = yield* ask({ kind: 'clientIdentity', request: info }, (context) => configured(info, context));
  } else {
    identity = chooseClientIdentity(configured, info);
  }
  const scheme = identity && chooseSignatureScheme(identity, schemes);
  if (identity && scheme) {
    const { status_request: asked, compress_certificate: offer } = request.extensions;
    const response = asked ? yield* ocspResponseOf(config, identity) : undefined;
    sendMessage(state, compressedFor(config, offer, identity, certificateOf(identity, response)));
    yield* sendCertificateVerify(state, 'client', identity, scheme);
  } else {
    sendMessage(state, encodeCertificate({ context: noBytes, entries: [] }));
  }
}

/** An answer to what was not asked is an unsupported_extension (RFC 9846 §4.3). */
function refuseUnsolicited(
  message: string,
  block: ExtensionBlock,
  hello: ClientHello,
  allowed: readonly number[],
): void {
  const offered = hello.extensions as Readonly<Record<string, unknown>>;
  const offeredCodes = new Set<number>(allowed);
  for (const [name, { code }] of Object.entries(extensionTypes))
    if (offered[name] !== undefined) offeredCodes.add(code);
  for (const { code } of hello.extensions.others ?? []) offeredCodes.add(code);
  for (const code of block.order ?? []) {
    if (!offeredCodes.has(code))
      throw peerError('unsupported_extension', `${message} has extension ${code}, which was not offered`);
  }
}

function logApplicationSecrets(
  flight: Flight,
  random: Uint8Array,
  application: TrafficSecrets,
  exporterSecret: Uint8Array,
): void {
  flight.keyLog('CLIENT_TRAFFIC_SECRET_0', random, application.client);
  flight.keyLog('SERVER_TRAFFIC_SECRET_0', random, application.server);
  flight.keyLog('EXPORTER_SECRET', random, exporterSecret);
}
