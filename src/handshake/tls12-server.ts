import { concatBytes, copyBytes, noBytes, utf8, wipe } from '../base/bytes.ts';
import { peerError, TlsCertificateError, TlsUsageError } from '../base/errors.ts';
import type { KeyExchange, NamedGroup, PublicKey, SignatureScheme } from '../crypto/provider.ts';
import { sha256 } from '../crypto/sha256.ts';
import { authenticationOf, type Tls12CipherSuite } from '../keys/tls12-cipher-suites.ts';
import { tls12Keys } from '../keys/tls12-key-schedule.ts';
import type { SessionState } from '../sessions/session-state.ts';
import { ocspStatusType, uncompressedPoints } from '../wire/extension-codecs.ts';
import type { ClientHello } from '../wire/hello.ts';
import type { RawMessage } from '../wire/message.ts';
import { namedGroupCodes, protocolVersions, signatureSchemeCodes } from '../wire/names.ts';
import {
  clientCertificateTypes,
  decodeClientKeyExchange,
  encodeCertificateStatus,
  encodeServerHelloDone,
  encodeServerKeyExchange,
  encodeServerParams,
  encodeTls12CertificateRequest,
  encodeTls12ServerHello,
} from '../wire/tls12-messages.ts';
import { codes, judgePeer, sendMessage, signWith } from './authentication.ts';
import { acceptedTypes, typeOf } from './certificate-types.ts';
import type { ServerConfig } from './config.ts';
import type { ServerIdentity } from './identity.ts';
import type { Tls12Outcome } from './outcome.ts';
import { chooseProtocol, serverNameIn } from './server-hello.ts';
import { asHint, chooseIdentity, policyOf, type ServerContext, type ServerPolicy } from './server-policy.ts';
import { findState, isAlive } from './server-psk.ts';
import { ocspResponseOf } from './stapling.ts';
import { type Handshake, receive } from './steps.ts';
import {
  limitTls12Records,
  masterSecretOf,
  readTls12Certificate,
  receiveTls12CertificateVerify,
  receiveTls12Finished,
  sendTls12Finished,
  type Tls12State,
  tls12CertificateOf,
  tls12RecordSizeLimit,
} from './tls12-authentication.ts';
import {
  checkTls12ClientHello,
  chooseTls12Group,
  chooseTls12Suite,
  mutualTls12Suites,
  tls12Wishes,
  wantsRenegotiationInfo,
} from './tls12-client-hello.ts';
import { mintTls12Ticket } from './tls12-ticket.ts';
import { speaks, tls12DowngradeSentinel } from './versions.ts';

/** What the server shows and signs in a full handshake. */
interface Presented {
  readonly suite: Tls12CipherSuite;
  readonly identity: ServerIdentity;
  readonly scheme: SignatureScheme;
  readonly group: NamedGroup;
  readonly ocspResponse: Uint8Array | undefined;
}

/** The server's side of a TLS 1.2 handshake, from ClientHello on (RFC 5246 §7.3, figures 1 and 2; RFC 5077 §3.1). */
export function* tls12ServerHandshake(
  { config, flight, transcript }: ServerContext,
  hello: ClientHello,
  message: RawMessage,
): Handshake<Tls12Outcome> {
  flight.beginTls12();
  checkTls12ClientHello(config, hello);
  const { extensions } = hello;
  const suites = mutualTls12Suites(config, hello);
  const alpnProtocol = chooseProtocol(config, hello);
  const identity = yield* chooseIdentity(config, () => tls12Wishes(hello, suites));
  const policy = tls12PolicyOf(config, identity, hello);
  const accepted = yield* acceptTls12Session(config, hello, suites, policy);
  const session = accepted?.state;
  let masterSecret = session?.psk;
  let isDone = false;
  try {
    const chosen = accepted ?? (yield* present(config, hello, identity, suites));
    const presented = 'identity' in chosen ? chosen : undefined;
    const { suite } = chosen;
    const limit = extensions.record_size_limit;
    const sendsTicket = mayHaveTicket(config, hello, session);
    const randoms = { client: copyBytes(hello.random), server: serverRandom(config) };
    const serverHello = encodeTls12ServerHello({
      kind: 'Tls12ServerHello',
      version: protocolVersions.tls12,
      random: randoms.server,
      // Echoed where its ticket is accepted (RFC 5077 §3.4); we resume by no other name.
      sessionId: session ? hello.legacySessionId : noBytes,
      cipherSuite: suite.code,
      compressionMethod: 0,
      extensions: {
        renegotiation_info: wantsRenegotiationInfo(hello) ? noBytes : undefined,
        server_name: extensions.server_name === undefined || session ? undefined : true,
        ec_point_formats: extensions.ec_point_formats && !session ? [uncompressedPoints] : undefined,
        session_ticket: sendsTicket ? true : undefined,
        status_request: presented?.ocspResponse ? true : undefined,
        application_layer_protocol_negotiation: alpnProtocol,
        extended_master_secret: extensions.extended_master_secret,
        record_size_limit: limit === undefined ? undefined : tls12RecordSizeLimit(config),
      },
    });
    transcript.add(message.bytes);
    sendMessage({ flight, transcript }, serverHello);
    const extendedMasterSecret = extensions.extended_master_secret ?? false;
    const state: Tls12State = { config, flight, transcript, suite, randoms, extendedMasterSecret };
    const client = presented && (yield* exchangeKeys(state, config, presented, policy));
    masterSecret ??= client?.masterSecret ?? noBytes;
    // Of protected records alone (RFC 8449 §4): none has come or gone yet.
    limitTls12Records(state, limit);
    flight.keyLog('CLIENT_RANDOM', randoms.client, masterSecret);
    const outcome = {
      protocolVersion: 'TLSv1.2',
      suite,
      group: presented?.group,
      peerSignatureScheme: client?.signatureScheme,
      peerAcceptedSchemes: extensions.signature_algorithms ?? [],
      alpnProtocol,
      serverName: serverNameIn(hello),
      resumed: session !== undefined,
      peerCertificates: client?.chain ?? session?.clientCertificates ?? [],
      peerRawPublicKey: undefined,
      authenticatedAt: session?.authenticatedAt ?? config.now(),
      validUntil: client?.validUntil ?? session?.validUntil ?? Number.POSITIVE_INFINITY,
      extendedMasterSecret,
      masterSecret,
      randoms,
      session: undefined,
    } as const;
    yield* finish(state, config, outcome, sendsTicket ? policy.hash : undefined);
    isDone = true;
    return outcome;
  } finally {
    if (!isDone) wipe(masterSecret);
  }
}

/** RFC 9846 §4.2.3: whoever brings the handshake down from 1.3 cannot forge this. */
function serverRandom(config: ServerConfig): Uint8Array {
  const random = config.provider.randomBytes(32);
  if (speaks(config, 'TLSv1.3'))
    random.set(tls12DowngradeSentinel, random.length - tls12DowngradeSentinel.length);
  return random;
}

/** In TLS 1.2 a session belongs to a server_name too (RFC 6066 §3), and is none of TLS 1.3. */
function tls12PolicyOf(config: ServerConfig, identity: ServerIdentity, hello: ClientHello): ServerPolicy {
  if (typeOf(identity) !== 'X509')
    throw peerError(
      'unsupported_certificate',
      'the client speaks TLS 1.2, in which we show no raw public key',
    );
  const policy = policyOf(config, identity);
  const name = utf8(serverNameIn(hello) ?? '');
  return { ...policy, hash: sha256(config.provider, policy.hash, utf8('TLSv1.2'), name) };
}

interface AcceptedSession {
  readonly state: SessionState;
  readonly suite: Tls12CipherSuite;
}

/** The session of the client's ticket, if it may be resumed now; anything else is a full handshake (RFC 5077 §3.4). */
function* acceptTls12Session(
  config: ServerConfig,
  hello: ClientHello,
  suites: readonly Tls12CipherSuite[],
  policy: ServerPolicy,
): Handshake<AcceptedSession | undefined> {
  const { session_ticket: ticket = noBytes, extended_master_secret: isExtended } = hello.extensions;
  const state = ticket.length > 0 ? yield* findState(config, ticket) : undefined;
  if (!state) return undefined;
  const suite = suites.find(({ name }) => name === state.cipherSuite);
  if (suite && isAlive(config, state, policy.hash)) {
    if (isExtended) return { state, suite };
    wipe(state.psk);
    // RFC 7627 §5.3: all our sessions have it.
    throw peerError('handshake_failure', 'the client resumes a session without its extended master secret');
  }
  wipe(state.psk);
  return undefined;
}

function* present(
  config: ServerConfig,
  hello: ClientHello,
  identity: ServerIdentity,
  suites: readonly Tls12CipherSuite[],
): Handshake<Presented> {
  const { suite, scheme } = chooseTls12Suite(identity, suites, tls12Wishes(hello, suites).usableSchemes);
  const group = chooseTls12Group(config, hello);
  const wantsResponse = hello.extensions.status_request?.statusType === ocspStatusType;
  const ocspResponse = wantsResponse ? yield* ocspResponseOf(config, identity) : undefined;
  return { suite, identity, scheme, group, ocspResponse };
}

interface KnownClient {
  readonly chain: readonly Uint8Array[];
  readonly validUntil: number;
  readonly signatureScheme: SignatureScheme | undefined;
  readonly masterSecret: Uint8Array;
}

/** From the server's Certificate to the client's CertificateVerify. */
function* exchangeKeys(
  state: Tls12State,
  config: ServerConfig,
  { identity, scheme, group, ocspResponse }: Presented,
  policy: ServerPolicy,
): Handshake<KnownClient> {
  const { transcript, suite, randoms } = state;
  sendMessage(state, tls12CertificateOf(identity));
  if (ocspResponse) sendMessage(state, encodeCertificateStatus(ocspResponse));
  const exchange = config.provider.initiateKeyExchange(group);
  const params = encodeServerParams(namedGroupCodes[group], exchange.publicValue);
  const content = concatBytes(randoms.client, randoms.server, params);
  const signature = yield* signWith(identity, scheme, content);
  sendMessage(state, encodeServerKeyExchange({ params, algorithm: signatureSchemeCodes[scheme], signature }));
  const isAsked = asksForCertificate(policy);
  if (isAsked) sendMessage(state, certificateRequest(config, policy));
  sendMessage(state, encodeServerHelloDone());

  const client = isAsked ? yield* receiveClientChain(state, policy) : undefined;
  const masterSecret = yield* receiveClientKeyExchange(state, exchange);
  let isDone = false;
  try {
    const signatureScheme = client && (yield* receiveTls12CertificateVerify(state, client.key));
    transcript.start(suite.hash);
    isDone = true;
    const { chain, validUntil } = client ?? { chain: [], validUntil: Number.POSITIVE_INFINITY };
    return { chain, validUntil, signatureScheme, masterSecret };
  } finally {
    if (!isDone) wipe(masterSecret);
  }
}

function asksForCertificate({ clientAuthentication, clientTrust }: ServerPolicy): boolean {
  if (clientAuthentication === 'none' || !clientTrust) return false;
  if (acceptedTypes(clientTrust).includes('X509')) return true;
  if (clientAuthentication === 'request') return false;
  throw peerError(
    'unsupported_certificate',
    'the client speaks TLS 1.2, in which we take no raw public keys',
  );
}

function certificateRequest(config: ServerConfig, { clientTrust }: ServerPolicy): Uint8Array {
  const types = new Set(config.signatureSchemes.map(authenticationOf));
  return encodeTls12CertificateRequest({
    certificateTypes: [...types].map((type) => clientCertificateTypes[`${type}_sign`]),
    signatureSchemes: codes(signatureSchemeCodes, config.signatureSchemes),
    certificateAuthorities: asHint(clientTrust?.certificateAuthorities) ?? [],
  });
}

interface TrustedClient {
  readonly chain: readonly Uint8Array[];
  readonly key: PublicKey;
  readonly validUntil: number;
}

/** Undefined for a client that has no certificate, where that is allowed. */
function* receiveClientChain(
  { config, transcript }: Tls12State,
  { clientAuthentication, clientTrust }: ServerPolicy,
): Handshake<TrustedClient | undefined> {
  if (!clientTrust) throw new TlsUsageError('nothing says which client certificates are trusted');
  const message = yield* receive('certificate');
  const chain = readTls12Certificate(message);
  transcript.add(message.bytes);
  if (chain.length === 0) {
    if (clientAuthentication === 'request') return undefined;
    throw new TlsCertificateError('missing', 'a client certificate is required, but the client sent none');
  }
  const presented = { certificateType: 'X509', chain, ocspResponses: [] } as const;
  return { chain, ...(yield* judgePeer(config, 'client', presented, clientTrust, undefined)) };
}

function* receiveClientKeyExchange(state: Tls12State, exchange: KeyExchange): Handshake<Uint8Array> {
  const message = yield* receive('client_key_exchange');
  const publicValue = decodeClientKeyExchange(message.body);
  state.transcript.add(message.bytes);
  return masterSecretOf(state, exchange.group, exchange.finish(publicValue));
}

/**
 * Whether a NewSessionTicket belongs to this handshake: the client can use one, and we give any (RFC 5077 §3.2); none
 * for sessions that are not bound to their handshake (RFC 7627 §5.3).
 */
function mayHaveTicket(
  config: ServerConfig,
  { extensions }: ClientHello,
  session: SessionState | undefined,
): boolean {
  const { count, resumedCount } = config.tickets;
  const isUsable = extensions.session_ticket !== undefined && extensions.extended_master_secret === true;
  return isUsable && (session ? resumedCount : count) > 0;
}

/**
 * Both Finished messages: the client's comes first, but in a resumed handshake. Ours has the ticket ahead of it.
 * @param policyHash undefined where no ticket was announced
 */
function* finish(
  state: Tls12State,
  config: ServerConfig,
  outcome: Tls12Outcome,
  policyHash: Uint8Array | undefined,
): Handshake<void> {
  const { suite, transcript, randoms } = state;
  const { masterSecret, resumed } = outcome;
  if (resumed) transcript.start(suite.hash);
  const keys = tls12Keys(config.provider, suite, masterSecret, randoms);
  try {
    if (!resumed) yield* receiveTls12Finished(state, 'client', masterSecret, keys.client);
    const ticket = policyHash && mintTls12Ticket(config, outcome, policyHash);
    if (ticket) sendMessage(state, ticket.message);
    sendTls12Finished(state, 'server', masterSecret, keys.server);
    if (resumed) yield* receiveTls12Finished(state, 'client', masterSecret, keys.client);
    // Only now: a ticket can be read on the way, and be shown by anybody.
    ticket?.store();
  } finally {
    wipe(keys.client.key, keys.client.iv, keys.server.key, keys.server.iv);
  }
}
