import { noBytes, wipe } from '../base/bytes.ts';
import { peerError, TlsUsageError } from '../base/errors.ts';
import { type CipherSuite, cipherSuites } from '../keys/cipher-suites.ts';
import { earlySecret, type TrafficSecrets } from '../keys/key-schedule.ts';
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
  type EncryptedExtensions,
  encodeCertificate,
} from '../wire/messages.ts';
import { type CertificateType, handshakeTypes } from '../wire/names.ts';
import {
  type AuthenticatedPeer,
  authenticatePeer,
  certificateOf,
  certificateVerifyContent,
  chooseSignatureScheme,
  type HandshakeState,
  readCertificate,
  receiveFinished,
  sendCertificateVerify,
  sendFinished,
  sendMessage,
  tls13Schemes,
} from './authentication.ts';
import { certificateMessages, compressedFor, uncompressed } from './certificate-compression.ts';
import { acceptedTypes, answeredType, typeOf } from './certificate-types.ts';
import {
  type ClientContext,
  type ClientFlight,
  encodeWithSession,
  type OfferedSession,
  ownTypes,
  type PeerName,
  secondClientHello,
  sessionScope,
} from './client-hello.ts';
import type { CertificateRequestInfo, ClientConfig } from './config.ts';
import type { Identity } from './identity.ts';
import { chooseClientIdentity } from './identity-choice.ts';
import type { Tls13Outcome } from './outcome.ts';
import { ocspResponseOf } from './stapling.ts';
import { ask, type Flight, type Handshake, receive } from './steps.ts';
import {
  acceptedSession,
  checkEncryptedExtensions,
  checkRetry,
  checkServerHello,
  finishKeyExchange,
} from './tls13-server-answer.ts';

/** What the first messages settled. */
interface Negotiated {
  /** The flight that the server has answered. */
  readonly sent: ClientFlight;
  readonly answer: ServerHello;
  readonly suite: CipherSuite;
  readonly retried: HelloRetryRequest | undefined;
}

/** The client's side of a TLS 1.3 handshake, from the server's first message on (RFC 9846 §2, figures 1 to 3). */
export function* tls13ClientHandshake(
  context: ClientContext,
  first: ClientFlight,
  firstAnswer: ServerHello | HelloRetryRequest,
  message: RawMessage,
): Handshake<Tls13Outcome> {
  const { config, peer, flight, transcript } = context;
  const secrets: { wipe(): void }[] = [];
  const trafficSecrets: Uint8Array[] = [];
  let exporterSecret: Uint8Array | undefined;
  let isDone = false;
  try {
    const { sent, answer, suite, retried } = yield* negotiate(context, first, firstAnswer, message);
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
      flight.limitSentRecords(encrypted.record_size_limit - 1);
      flight.limitReceivedRecords(config.recordSizeLimit);
    }
    const server = resumed ? undefined : yield* authenticateServer(state, peer, encrypted);
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
    if (server?.request) {
      const type = answeredType('client', encrypted.client_certificate_type, ownTypes(config));
      yield* sendClientAuthentication(state, config, server.request, type);
    }
    sendFinished(state, traffic.client);
    flight.installWriteKeys(suite, application.client);
    const session = resumed?.session;
    const authenticatedAt = session?.authenticatedAt ?? config.now();
    const resumptionSecret = mainSecret.resumptionSecret(transcript.digest());
    isDone = true;
    return {
      protocolVersion: 'TLSv1.3',
      suite,
      group,
      peerSignatureScheme: server?.signatureScheme,
      peerAcceptedSchemes: server?.request?.extensions.signature_algorithms ?? [],
      alpnProtocol: encrypted.application_layer_protocol_negotiation,
      serverName: first.hello.extensions.server_name,
      resumed: resumed !== undefined,
      helloRetryRequest: retried !== undefined,
      peerCertificates: server?.chain ?? session?.peerCertificates ?? [],
      peerRawPublicKey: server ? server.rawPublicKey : session?.peerRawPublicKey,
      authenticatedAt,
      validUntil: server?.validUntil ?? session?.validUntil ?? 0,
      exporterSecret,
      resumptionSecret,
      resumption: { side: 'client', scope: sessionScope(config, peer) },
    };
  } finally {
    for (const secret of secrets) secret.wipe();
    wipe(...trafficSecrets);
    if (!isDone) wipe(exporterSecret);
  }
}

/** ServerHello, and a second ClientHello ahead of it where a HelloRetryRequest comes (RFC 9846 §4.2.4). */
function* negotiate(
  { config, flight, transcript }: ClientContext,
  first: ClientFlight,
  answer: ServerHello | HelloRetryRequest,
  message: RawMessage,
): Handshake<Negotiated> {
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
  if (final.kind === 'Tls12ServerHello')
    throw peerError('illegal_parameter', 'ServerHello has another version than HelloRetryRequest');
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

export function sendHello(
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

interface AuthenticatedServer extends AuthenticatedPeer {
  readonly request: CertificateRequest | undefined;
}

/** CertificateRequest where there is one, Certificate and CertificateVerify (RFC 9846 §4.4.2, §4.5). */
function* authenticateServer(
  state: HandshakeState,
  peer: PeerName,
  { server_certificate_type: answer }: EncryptedExtensions,
): Handshake<AuthenticatedServer> {
  const { transcript } = state;
  const config = state.config as ClientConfig;
  const accepted = acceptedTypes(config.trust);
  const type = answeredType('server', answer, accepted);
  if (!accepted.includes(type))
    throw peerError('unsupported_certificate', 'the server has no raw public key');
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
  const presented = readCertificate(uncompressed(config, message), config.trust, type);
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
  type: CertificateType,
): Handshake<void> {
  const listed = request.extensions.signature_algorithms ?? [];
  const schemes = tls13Schemes(listed);
  const info: CertificateRequestInfo = {
    signatureSchemes: schemes,
    certificateSignatureSchemes: request.extensions.signature_algorithms_cert ?? listed,
    certificateAuthorities: (request.extensions.certificate_authorities ?? []).map((name) => name.slice()),
  };
  const { identity: configured } = config;
  let identity: Identity | undefined;
  if (typeof configured === 'function') {
    identity = yield* ask({ kind: 'clientIdentity', request: info }, (context) => configured(info, context));
    if (identity && typeOf(identity) !== type)
      throw new TlsUsageError('a function chose a raw public key; give such identities in a list');
  } else {
    identity = chooseClientIdentity(configured, type, info);
  }
  const scheme = identity && chooseSignatureScheme(identity, schemes);
  if (identity && scheme) {
    const { status_request, compress_certificate } = request.extensions;
    const response = status_request ? yield* ocspResponseOf(config, identity) : undefined;
    const certificate = certificateOf(identity, response);
    sendMessage(state, compressedFor(config, compress_certificate, identity, certificate));
    const content = certificateVerifyContent('client', state.transcript.digest());
    yield* sendCertificateVerify(state, identity, scheme, content);
  } else {
    sendMessage(state, encodeCertificate({ context: noBytes, entries: [] }));
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
