import { noBytes, wipe } from '../base/bytes.ts';
import { peerError, TlsCertificateError, TlsUsageError } from '../base/errors.ts';
import type { NamedGroup, SignatureScheme } from '../crypto/provider.ts';
import type { CipherSuite } from '../keys/cipher-suites.ts';
import { earlySecret, type TrafficSecrets } from '../keys/key-schedule.ts';
import { type KeyShareEntry, ocspStatusType } from '../wire/extension-codecs.ts';
import { type ClientHello, decodeClientHello, encodeServerHello } from '../wire/hello.ts';
import type { RawMessage } from '../wire/message.ts';
import {
  type CertificateRequestExtensions,
  encodeCertificateRequest,
  encodeEncryptedExtensions,
} from '../wire/messages.ts';
import {
  type CertificateType,
  certificateTypeCodes,
  namedGroupCodes,
  protocolVersions,
  pskKeyExchangeModes,
  signatureSchemeCodes,
} from '../wire/names.ts';
import {
  type AuthenticatedPeer,
  authenticatePeer,
  certificateOf,
  certificateVerifyContent,
  chooseSignatureScheme,
  codes,
  type HandshakeState,
  readCertificate,
  receiveFinished,
  sendCertificateVerify,
  sendFinished,
  sendMessage,
  tls13Schemes,
} from './authentication.ts';
import {
  certificateMessages,
  compressedFor,
  offeredCompression,
  uncompressed,
} from './certificate-compression.ts';
import { acceptedTypes, typeOf, typesIn } from './certificate-types.ts';
import { certificateSignatureSchemes } from './client-hello.ts';
import type { ServerConfig } from './config.ts';
import type { ServerIdentity } from './identity.ts';
import type { Tls13Outcome } from './outcome.ts';
import {
  checkClientHello,
  checkSecondClientHello,
  chooseCipherSuite,
  chooseGroup,
  chooseProtocol,
  serverNameIn,
  tls13Wishes,
} from './server-hello.ts';
import { asHint, chooseIdentity, policyOf, type ServerContext, type ServerPolicy } from './server-policy.ts';
import { acceptSession } from './server-psk.ts';
import { ocspResponseOf } from './stapling.ts';
import { type Handshake, receive } from './steps.ts';

/** What the first messages settled. */
interface Negotiated {
  readonly hello: ClientHello;
  readonly helloBytes: Uint8Array;
  readonly suite: CipherSuite;
  readonly group: NamedGroup;
  readonly share: KeyShareEntry;
  readonly retried: boolean;
}

/** What a server must remember when its flight has left, to judge the client's. */
export interface SentServerFlight {
  readonly state: HandshakeState;
  readonly handshakeTraffic: TrafficSecrets;
  readonly applicationTraffic: TrafficSecrets;
  /** Undefined where no certificate was requested. */
  readonly requested: RequestedCertificate | undefined;
}

/** How a client authenticates that is asked to. */
export interface RequestedCertificate {
  readonly policy: ServerPolicy;
  readonly certificateType: CertificateType;
}

/** The server's side of a TLS 1.3 handshake, from ClientHello on (RFC 9846 §2, figures 1 to 3). */
export function* tls13ServerHandshake(
  { config, flight, transcript }: ServerContext,
  firstHello: ClientHello,
  message: RawMessage,
): Handshake<Tls13Outcome> {
  const secrets: { wipe(): void }[] = [];
  const trafficSecrets: Uint8Array[] = [];
  let exporterSecret: Uint8Array | undefined;
  let isDone = false;
  try {
    const { hello, helloBytes, suite, group, share, retried } = yield* negotiate(
      { config, flight, transcript },
      firstHello,
      message,
    );
    const { extensions } = hello;
    const alpnProtocol = chooseProtocol(config, hello);
    const identity = yield* chooseIdentity(config, () => tls13Wishes(hello));
    const serverType = requireOffered(identity, hello);
    const policy = policyOf(config, identity);
    const session = yield* acceptSession(config, hello, helloBytes, transcript, suite, policy);
    if (session) secrets.push(session.early);
    const scheme = session ? undefined : signatureSchemeFor(identity, hello);
    transcript.add(helloBytes);

    const exchange = config.provider.respondToKeyExchange(group, share.keyExchange);
    if (!exchange)
      throw peerError('illegal_parameter', `ClientHello's key share is no valid value of ${group}`);
    const random = config.provider.randomBytes(32);
    const state: HandshakeState = { config, flight, transcript, suite };
    const serverHello = encodeServerHello({
      kind: 'ServerHello',
      legacyVersion: protocolVersions.tls12,
      random,
      legacySessionIdEcho: hello.legacySessionId,
      cipherSuite: suite.code,
      legacyCompressionMethod: 0,
      extensions: {
        supported_versions: protocolVersions.tls13,
        key_share: { group: namedGroupCodes[group], keyExchange: exchange.publicValue },
        pre_shared_key: session?.index,
      },
    });
    sendMessage(state, serverHello);
    if (hello.legacySessionId.length > 0 && !retried) flight.sendChangeCipherSpec();

    const early = session?.early ?? earlySecret(config.provider, suite.hash);
    const handshakeSecret = early.handshakeSecret(exchange.sharedSecret);
    secrets.push(handshakeSecret);
    wipe(exchange.sharedSecret);
    const handshakeTraffic = handshakeSecret.trafficSecrets(transcript.digest());
    trafficSecrets.push(handshakeTraffic.client, handshakeTraffic.server);
    flight.keyLog('CLIENT_HANDSHAKE_TRAFFIC_SECRET', hello.random, handshakeTraffic.client);
    flight.keyLog('SERVER_HANDSHAKE_TRAFFIC_SECRET', hello.random, handshakeTraffic.server);
    flight.installWriteKeys(suite, handshakeTraffic.server);
    flight.installReadKeys(suite, handshakeTraffic.client);
    if (extensions.early_data && !retried) flight.skipEarlyData('undecryptable');

    const limit = extensions.record_size_limit;
    if (limit !== undefined) {
      flight.limitSentRecords(limit - 1);
      flight.limitReceivedRecords(config.recordSizeLimit);
    }
    const tickets = ticketsFor(config, hello, session !== undefined);
    const clientType = session ? undefined : clientTypeFor(policy, hello);
    const encrypted = encodeEncryptedExtensions({
      server_name: extensions.server_name === undefined || session ? undefined : true,
      application_layer_protocol_negotiation: alpnProtocol,
      record_size_limit: limit === undefined ? undefined : config.recordSizeLimit,
      ticket_request: extensions.ticket_request ? tickets.owed : undefined,
      // In a resumed handshake too, where none is shown: clients take no answer for X.509 (RFC 7250 §4.2).
      server_certificate_type: extensions.server_certificate_type && certificateTypeCodes[serverType],
      // Left out where no CertificateRequest follows (RFC 7250 §4.2).
      client_certificate_type:
        extensions.client_certificate_type && clientType && certificateTypeCodes[clientType],
    });
    sendMessage(state, encrypted);
    const requested = clientType && { policy, certificateType: clientType };
    if (scheme) yield* sendServerAuthentication(state, hello, identity, scheme, requested);
    sendFinished(state, handshakeTraffic.server);

    const serverFinishedHash = transcript.digest();
    const mainSecret = handshakeSecret.mainSecret();
    secrets.push(mainSecret);
    const applicationTraffic = mainSecret.trafficSecrets(serverFinishedHash);
    trafficSecrets.push(applicationTraffic.client, applicationTraffic.server);
    exporterSecret = mainSecret.exporterSecret(serverFinishedHash);
    flight.keyLog('CLIENT_TRAFFIC_SECRET_0', hello.random, applicationTraffic.client);
    flight.keyLog('SERVER_TRAFFIC_SECRET_0', hello.random, applicationTraffic.server);
    flight.keyLog('EXPORTER_SECRET', hello.random, exporterSecret);
    // From here on also alerts go out under the application keys (RFC 9846 §4.5.3).
    flight.installWriteKeys(suite, applicationTraffic.server);

    const client = yield* receiveClientFlight({ state, handshakeTraffic, applicationTraffic, requested });
    const authenticatedAt = session?.state.authenticatedAt ?? config.now();
    const resumptionSecret = mainSecret.resumptionSecret(transcript.digest());
    isDone = true;
    return {
      protocolVersion: 'TLSv1.3',
      suite,
      group,
      peerSignatureScheme: client?.signatureScheme,
      peerAcceptedSchemes: extensions.signature_algorithms ?? [],
      alpnProtocol,
      serverName: serverNameIn(hello),
      resumed: session !== undefined,
      helloRetryRequest: retried,
      peerCertificates: client?.chain ?? session?.state.clientCertificates ?? [],
      peerRawPublicKey: client ? client.rawPublicKey : session?.state.clientRawPublicKey,
      authenticatedAt,
      validUntil: client?.validUntil ?? session?.state.validUntil ?? Number.POSITIVE_INFINITY,
      exporterSecret,
      resumptionSecret,
      resumption: {
        side: 'server',
        policy: policy.hash,
        ticketsOwed: tickets.owed,
        ticketsUsable: tickets.usable,
      },
    };
  } finally {
    for (const secret of secrets) secret.wipe();
    wipe(...trafficSecrets);
    if (!isDone) wipe(exporterSecret);
  }
}

/** The client's Certificate and CertificateVerify where they were requested, and its Finished (RFC 9846 §4.5). */
export function* receiveClientFlight(sent: SentServerFlight): Handshake<AuthenticatedPeer | undefined> {
  const { state, handshakeTraffic, applicationTraffic, requested } = sent;
  const client = requested && (yield* authenticateClient(state, requested));
  yield* receiveFinished(state, handshakeTraffic.client);
  state.flight.installReadKeys(state.suite, applicationTraffic.client);
  return client;
}

/** ClientHello, and HelloRetryRequest with a second one where the first has no key share that we take. */
function* negotiate(
  { config, flight, transcript }: ServerContext,
  hello: ClientHello,
  message: RawMessage,
): Handshake<Negotiated> {
  checkClientHello(hello);
  const suite = chooseCipherSuite(config, hello);
  const { group, share } = chooseGroup(config, hello);
  if (share) {
    transcript.start(suite.hash);
    return { hello, helloBytes: message.bytes, suite, group, share, retried: false };
  }
  transcript.add(message.bytes);
  transcript.start(suite.hash);
  transcript.replaceByMessageHash();
  const retry = encodeServerHello({
    kind: 'HelloRetryRequest',
    legacyVersion: protocolVersions.tls12,
    legacySessionIdEcho: hello.legacySessionId,
    cipherSuite: suite.code,
    legacyCompressionMethod: 0,
    extensions: { supported_versions: protocolVersions.tls13, key_share: namedGroupCodes[group] },
  });
  sendMessage({ flight, transcript }, retry);
  if (hello.legacySessionId.length > 0) flight.sendChangeCipherSpec();
  if (hello.extensions.early_data) flight.skipEarlyData('application_data');
  const second = yield* receive('client_hello');
  flight.endReceivedFlight();
  const secondHello = decodeClientHello(second.body);
  checkClientHello(secondHello);
  const secondShare = checkSecondClientHello(hello, secondHello, group);
  return { hello: secondHello, helloBytes: second.bytes, suite, group, share: secondShare, retried: true };
}

/** RFC 7250 §4.2: without a type in common there is nothing to go on with. */
function requireOffered(identity: ServerIdentity, { extensions }: ClientHello): CertificateType {
  const type = typeOf(identity);
  if (typesIn(extensions.server_certificate_type).includes(type)) return type;
  throw peerError('unsupported_certificate', `the client does not take ${type} from a server`);
}

/** How the client is to authenticate; undefined where it is not asked to. */
function clientTypeFor(
  { clientAuthentication, clientTrust }: ServerPolicy,
  { extensions }: ClientHello,
): CertificateType | undefined {
  if (clientAuthentication === 'none' || !clientTrust) return undefined;
  const accepted = acceptedTypes(clientTrust);
  const type = typesIn(extensions.client_certificate_type).find((offered) => accepted.includes(offered));
  if (type || clientAuthentication === 'request') return type;
  throw peerError('unsupported_certificate', `the client offers no ${accepted.join(' or ')} of its own`);
}

function signatureSchemeFor(identity: ServerIdentity, hello: ClientHello): SignatureScheme {
  const accepted = hello.extensions.signature_algorithms;
  if (!accepted)
    throw peerError(
      'missing_extension',
      'ClientHello has no signature_algorithms, and its PSK was not accepted',
    );
  const scheme = chooseSignatureScheme(identity, tls13Schemes(accepted));
  if (!scheme)
    throw peerError('handshake_failure', "the client accepts no signature scheme of the server's key");
  return scheme;
}

/** CertificateRequest where clients authenticate, Certificate, CertificateVerify. */
function* sendServerAuthentication(
  state: HandshakeState,
  { extensions: asked }: ClientHello,
  identity: ServerIdentity,
  scheme: SignatureScheme,
  requested: RequestedCertificate | undefined,
): Handshake<void> {
  const { config } = state;
  if (requested) {
    const { clientTrust } = requested.policy;
    const extensions: CertificateRequestExtensions = {
      status_request: clientTrust?.requestsOcspResponses ? true : undefined,
      certificate_authorities: asHint(clientTrust?.certificateAuthorities),
      signature_algorithms: codes(signatureSchemeCodes, config.signatureSchemes),
      signature_algorithms_cert: certificateSignatureSchemes,
      compress_certificate: offeredCompression(config),
    };
    sendMessage(state, encodeCertificateRequest({ context: noBytes, extensions }));
  }
  const wantsResponse = asked.status_request?.statusType === ocspStatusType;
  const response = wantsResponse ? yield* ocspResponseOf(config, identity) : undefined;
  const certificate = certificateOf(identity, response);
  sendMessage(state, compressedFor(config, asked.compress_certificate, identity, certificate));
  const content = certificateVerifyContent('server', state.transcript.digest());
  yield* sendCertificateVerify(state, identity, scheme, content);
}

/** Undefined for a client that has no certificate, where that is allowed. */
function* authenticateClient(
  state: HandshakeState,
  { policy, certificateType }: RequestedCertificate,
): Handshake<AuthenticatedPeer | undefined> {
  const { config } = state;
  const { clientTrust } = policy;
  if (!clientTrust) throw new TlsUsageError('nothing says which client certificates are trusted');
  const message = yield* receive(...certificateMessages(config));
  const presented = readCertificate(uncompressed(config, message), clientTrust, certificateType);
  state.transcript.add(message.bytes);
  if (presented.chain.length === 0) {
    if (policy.clientAuthentication === 'request') return undefined;
    throw new TlsCertificateError('missing', 'a client certificate is required, but the client sent none');
  }
  return yield* authenticatePeer(state, 'client', presented, clientTrust, undefined);
}

/** How many tickets the handshake leaves to send (RFC 9149 §3), and whether the client can use any. */
function ticketsFor(
  config: ServerConfig,
  hello: ClientHello,
  resumed: boolean,
): { readonly owed: number; readonly usable: boolean } {
  const { psk_key_exchange_modes: modes, ticket_request: request } = hello.extensions;
  const wanted = resumed ? request?.resumptionCount : request?.newSessionCount;
  const usable = (modes?.includes(pskKeyExchangeModes.psk_dhe_ke) ?? false) && wanted !== 0;
  const policy = resumed ? config.tickets.resumedCount : config.tickets.count;
  return { owed: usable ? Math.min(wanted ?? policy, policy) : 0, usable };
}
