import { concatBytes, copyBytes, noBytes, wipe } from '../base/bytes.ts';
import { ticketLifetime } from '../base/defaults.ts';
import { peerError, TlsUsageError } from '../base/errors.ts';
import { maxClientTicket } from '../base/limits.ts';
import type { NamedGroup, SignatureScheme } from '../crypto/provider.ts';
import { authenticationOf } from '../keys/tls12-cipher-suites.ts';
import { tls12Keys } from '../keys/tls12-key-schedule.ts';
import { sessionExpiry, type Tls12ClientSession } from '../sessions/client-session.ts';
import type { RawMessage } from '../wire/message.ts';
import { handshakeTypes, namedGroupCodes, nameOf, signatureSchemeCodes } from '../wire/names.ts';
import {
  clientCertificateTypes,
  decodeCertificateStatus,
  decodeServerHelloDone,
  decodeServerKeyExchange,
  decodeTls12CertificateRequest,
  decodeTls12NewSessionTicket,
  encodeClientKeyExchange,
  encodeTls12Certificate,
  type Tls12CertificateRequest,
  type Tls12NewSessionTicket,
  type Tls12ServerHello,
} from '../wire/tls12-messages.ts';
import { chooseSignatureScheme, judgePeer, sendCertificateVerify, sendMessage } from './authentication.ts';
import { acceptedTypes, typeOf } from './certificate-types.ts';
import { type ClientContext, type ClientFlight, sessionScope } from './client-hello.ts';
import type { CertificateRequestInfo, ClientConfig } from './config.ts';
import type { Identity } from './identity.ts';
import { chooseClientIdentity } from './identity-choice.ts';
import type { Tls12Outcome } from './outcome.ts';
import { ask, type Handshake, receive } from './steps.ts';
import {
  checkTls12Signature,
  limitTls12Records,
  masterSecretOf,
  readTls12Certificate,
  receiveTls12Finished,
  schemesFor,
  sendTls12Finished,
  type Tls12State,
  tls12CertificateOf,
} from './tls12-authentication.ts';
import { checkTls12ServerHello, resumedTls12Session } from './tls12-server-answer.ts';

/** The client's side of a TLS 1.2 handshake, from ServerHello on (RFC 5246 §7.3, figures 1 and 2; RFC 5077 §3.1). */
export function* tls12ClientHandshake(
  context: ClientContext,
  first: ClientFlight,
  answer: Tls12ServerHello,
  message: RawMessage,
): Handshake<Tls12Outcome> {
  const { config, flight, transcript } = context;
  const { extensions } = answer;
  const suite = checkTls12ServerHello(config, first, answer);
  const session = resumedTls12Session(first, answer, suite);
  flight.beginTls12();
  transcript.add(message.bytes);
  limitTls12Records(context, extensions.record_size_limit);
  const state: Tls12State = {
    config,
    flight,
    transcript,
    suite,
    randoms: { client: first.hello.random, server: copyBytes(answer.random) },
    extendedMasterSecret: extensions.extended_master_secret ?? false,
  };
  let masterSecret: Uint8Array | undefined;
  let isDone = false;
  try {
    const server = session ? undefined : yield* exchangeKeys(state, context, answer);
    masterSecret = server?.masterSecret ?? copyBytes(session?.masterSecret ?? noBytes);
    flight.keyLog('CLIENT_RANDOM', state.randoms.client, masterSecret);
    const ticket = yield* finish(state, answer, masterSecret, session !== undefined);
    const peer = {
      peerCertificates: server?.chain ?? session?.peerCertificates ?? [],
      authenticatedAt: session?.authenticatedAt ?? config.now(),
      validUntil: server?.validUntil ?? session?.validUntil ?? 0,
    };
    const outcome: Tls12Outcome = {
      protocolVersion: 'TLSv1.2',
      suite,
      group: server?.group,
      peerSignatureScheme: server?.signatureScheme,
      peerAcceptedSchemes: server?.acceptedSchemes ?? [],
      alpnProtocol: extensions.application_layer_protocol_negotiation,
      serverName: first.hello.extensions.server_name,
      resumed: session !== undefined,
      ...peer,
      peerRawPublicKey: undefined,
      extendedMasterSecret: state.extendedMasterSecret,
      masterSecret,
      randoms: state.randoms,
      session:
        config.sessions &&
        nextSession(state, answer, sessionScope(config, context.peer), {
          ...peer,
          masterSecret,
          ticket,
          resumed: session,
        }),
    };
    isDone = true;
    return outcome;
  } finally {
    if (!isDone) wipe(masterSecret);
  }
}

interface KnownServer {
  readonly chain: readonly Uint8Array[];
  readonly validUntil: number;
  readonly group: NamedGroup;
  readonly signatureScheme: SignatureScheme;
  /** What it takes from us. */
  readonly acceptedSchemes: readonly number[];
  readonly masterSecret: Uint8Array;
}

/** From Certificate to CertificateVerify. */
function* exchangeKeys(
  state: Tls12State,
  { config, peer }: ClientContext,
  { extensions }: Tls12ServerHello,
): Handshake<KnownServer> {
  const { transcript, suite, randoms } = state;
  if (!acceptedTypes(config.trust).includes('X509'))
    throw peerError(
      'unsupported_certificate',
      'the server speaks TLS 1.2, in which we take no raw public keys',
    );
  const certificate = yield* receive('certificate');
  const chain = readTls12Certificate(certificate);
  if (chain.length === 0) throw peerError('decode_error', "the server's Certificate is empty");
  transcript.add(certificate.bytes);
  let message = yield* receive(
    ...(extensions.status_request
      ? (['certificate_status', 'server_key_exchange'] as const)
      : (['server_key_exchange'] as const)),
  );
  let ocspResponse: Uint8Array | undefined;
  if (message.type === handshakeTypes.certificate_status) {
    ocspResponse = copyBytes(decodeCertificateStatus(message.body));
    transcript.add(message.bytes);
    message = yield* receive('server_key_exchange');
  }
  const presented = { certificateType: 'X509', chain, ocspResponses: [ocspResponse] } as const;
  const { key, validUntil } = yield* judgePeer(config, 'server', presented, config.trust, peer.host);

  const params = decodeServerKeyExchange(message.body);
  const signatureScheme = checkTls12Signature(
    {
      message: 'ServerKeyExchange',
      algorithm: params.algorithm,
      content: concatBytes(randoms.client, randoms.server, params.params),
      signature: params.signature,
    },
    schemesFor(suite.authentication, config.signatureSchemes),
    key,
    config.groups,
  );
  const group = nameOf(namedGroupCodes, params.group);
  if (!group || !config.groups.includes(group))
    throw peerError(
      'illegal_parameter',
      `ServerKeyExchange has group ${params.group}, which was not offered`,
    );
  transcript.add(message.bytes);

  message = yield* receive('certificate_request', 'server_hello_done');
  let request: Tls12CertificateRequest | undefined;
  if (message.type === handshakeTypes.certificate_request) {
    request = decodeTls12CertificateRequest(message.body);
    transcript.add(message.bytes);
    message = yield* receive('server_hello_done');
  }
  decodeServerHelloDone(message.body);
  transcript.add(message.bytes);
  state.flight.endReceivedFlight();

  const signing = request && (yield* sendTls12Certificate(state, config, request));
  const exchange = config.provider.initiateKeyExchange(group);
  const premasterSecret = exchange.finish(params.publicValue);
  sendMessage(state, encodeClientKeyExchange(exchange.publicValue));
  const masterSecret = masterSecretOf(state, group, premasterSecret);
  let isSigned = false;
  try {
    if (signing) yield* sendCertificateVerify(state, signing.identity, signing.scheme, transcript.messages());
    isSigned = true;
  } finally {
    if (!isSigned) wipe(masterSecret);
  }
  const acceptedSchemes = request?.signatureSchemes ?? [];
  return { chain, validUntil, group, signatureScheme, acceptedSchemes, masterSecret };
}

/** Sends the client's Certificate, empty where no identity fits. */
function* sendTls12Certificate(
  state: Tls12State,
  config: ClientConfig,
  request: Tls12CertificateRequest,
): Handshake<{ readonly identity: Identity; readonly scheme: SignatureScheme } | undefined> {
  const { signatureSchemes: listed } = request;
  const schemes = listed.filter((code) => isOfType(request, code));
  const info: CertificateRequestInfo = {
    signatureSchemes: schemes,
    certificateSignatureSchemes: listed,
    certificateAuthorities: request.certificateAuthorities.map(copyBytes),
  };
  const { identity: configured } = config;
  let identity: Identity | undefined;
  if (typeof configured === 'function') {
    identity = yield* ask({ kind: 'clientIdentity', request: info }, (context) => configured(info, context));
    if (identity && typeOf(identity) !== 'X509')
      throw new TlsUsageError('a function chose a raw public key; TLS 1.2 takes none');
  } else {
    identity = chooseClientIdentity(configured, 'X509', info);
  }
  const scheme = identity && chooseSignatureScheme(identity, schemes);
  const signing = identity && scheme && { identity, scheme };
  sendMessage(state, signing ? tls12CertificateOf(signing.identity) : encodeTls12Certificate([]));
  return signing;
}

/** Whether a signature scheme goes with the certificate types that a server names (RFC 5246 §7.4.4). */
function isOfType({ certificateTypes }: Tls12CertificateRequest, code: number): boolean {
  const scheme = nameOf(signatureSchemeCodes, code);
  return (
    scheme !== undefined &&
    certificateTypes.includes(clientCertificateTypes[`${authenticationOf(scheme)}_sign`])
  );
}

/** Both Finished messages: ours comes first, but in a resumed handshake. The ticket that came with the server's. */
function* finish(
  state: Tls12State,
  { extensions }: Tls12ServerHello,
  masterSecret: Uint8Array,
  resumed: boolean,
): Handshake<Tls12NewSessionTicket | undefined> {
  const { config, suite, transcript, randoms } = state;
  transcript.start(suite.hash);
  const keys = tls12Keys(config.provider, suite, masterSecret, randoms);
  try {
    if (!resumed) sendTls12Finished(state, 'client', masterSecret, keys.client);
    let ticket: Tls12NewSessionTicket | undefined;
    if (extensions.session_ticket) {
      const message = yield* receive('new_session_ticket');
      ticket = decodeTls12NewSessionTicket(message.body);
      transcript.add(message.bytes);
    }
    yield* receiveTls12Finished(state, 'server', masterSecret, keys.server);
    if (resumed) sendTls12Finished(state, 'client', masterSecret, keys.client);
    return ticket;
  } finally {
    wipe(keys.client.key, keys.client.iv, keys.server.key, keys.server.iv);
  }
}

interface SessionFacts
  extends Pick<Tls12ClientSession, 'peerCertificates' | 'authenticatedAt' | 'validUntil' | 'masterSecret'> {
  readonly ticket: Tls12NewSessionTicket | undefined;
  readonly resumed: Tls12ClientSession | undefined;
}

/** What may be resumed next: a new ticket, else a new session ID, else what was resumed now. */
function nextSession(
  { config, suite, extendedMasterSecret }: Tls12State,
  { sessionId }: Tls12ServerHello,
  scope: string,
  { ticket, resumed, ...facts }: SessionFacts,
): Tls12ClientSession | undefined {
  // Sessions that are not bound to their handshake are not resumed (RFC 7627 §5.3).
  if (!extendedMasterSecret) return undefined;
  const session = {
    protocolVersion: 'TLSv1.2',
    scope,
    cipherSuite: suite.name,
    ...facts,
    masterSecret: copyBytes(facts.masterSecret),
  } as const;
  if (ticket && ticket.ticket.length > 0 && ticket.ticket.length <= maxClientTicket) {
    return {
      ...session,
      ticket: copyBytes(ticket.ticket),
      sessionId: noBytes,
      expiresAt: sessionExpiry(config.now(), ticket.lifetimeHint || ticketLifetime, facts),
    };
  }
  if (resumed) {
    const { ticket: known, sessionId: id, expiresAt } = resumed;
    return { ...session, ticket: known, sessionId: id, expiresAt };
  }
  if (sessionId.length === 0) return undefined;
  return {
    ...session,
    ticket: noBytes,
    sessionId: copyBytes(sessionId),
    expiresAt: sessionExpiry(config.now(), ticketLifetime, facts),
  };
}
