import { concatBytes, noBytes, wipe } from '../base/bytes.ts';
import { clientSessionsPerServer } from '../base/defaults.ts';
import { TlsUsageError } from '../base/errors.ts';
import { maxClientTicket, maxRecordContent, maxServerName } from '../base/limits.ts';
import type { KeyExchange } from '../crypto/provider.ts';
import { cipherSuites } from '../keys/cipher-suites.ts';
import { type EarlySecret, earlySecret } from '../keys/key-schedule.ts';
import { masterSecretLength } from '../keys/tls12-key-schedule.ts';
import type { Transcript } from '../keys/transcript.ts';
import {
  type ClientSession,
  secretOf,
  type Tls12ClientSession,
  type Tls13ClientSession,
} from '../sessions/client-session.ts';
import { ocspStatusType, type StatusRequest, uncompressedPoints } from '../wire/extension-codecs.ts';
import {
  bindersLength,
  type ClientHello,
  type ClientHelloExtensions,
  encodeClientHello,
} from '../wire/hello.ts';
import {
  type CertificateType,
  cipherSuiteCodes,
  namedGroupCodes,
  protocolVersions,
  pskKeyExchangeModes,
  signatureSchemeCodes,
} from '../wire/names.ts';
import { codes } from './authentication.ts';
import { offeredCompression } from './certificate-compression.ts';
import { acceptedTypes, offerOf, presentableTypes } from './certificate-types.ts';
import type { ClientConfig } from './config.ts';
import type { Flight } from './steps.ts';
import { isTls12Suite, isTls13Suite, speaks } from './versions.ts';

/** Whom a client connects to. */
export interface PeerName {
  /** The DNS name or IP address that the server's certificate must be valid for. */
  readonly host: string;
  /** Sessions are kept per port. */
  readonly port?: number | undefined;
  /** server_name (RFC 6066 §3); `host` where it is a DNS name. The empty string sends none. */
  readonly serverName?: string | undefined;
}

/** What a client's handshake carries from its ClientHello on. */
export interface ClientContext {
  readonly config: ClientConfig;
  readonly peer: PeerName;
  readonly flight: Flight;
  readonly transcript: Transcript;
}

/** A client's first flight as it left. */
export interface ClientFlight {
  readonly hello: ClientHello;
  readonly keyExchanges: readonly KeyExchange[];
  readonly offered: OfferedSession | undefined;
  /** A session of TLS 1.2 that stands in the hello, by its ticket or its ID. */
  readonly tls12Session?: Tls12ClientSession | undefined;
}

/** What sessions are kept under: whom we talked to, and under which policy and identity. */
export function sessionScope(config: ClientConfig, peer: PeerName): string {
  return JSON.stringify([peer.host, peer.port ?? null, serverNameOf(peer) ?? null, config.sessionScope]);
}

/** A session of TLS 1.3 on offer, with the early secret that its binder comes from. */
export interface OfferedSession {
  readonly session: Tls13ClientSession;
  readonly early: EarlySecret;
}

/** Takes a session that may be offered now out of the cache (RFC 9846 §4.7.1: never one that has expired). */
export function takeSession(config: ClientConfig, scope: string): ClientSession | undefined {
  // A cache of the caller's may give back the same one for ever.
  for (let tried = 0; tried < clientSessionsPerServer; tried++) {
    const session = config.sessions?.take(scope);
    if (!session) return undefined;
    if (mayOffer(config, scope, session)) return session;
    wipe(secretOf(session));
  }
  return undefined;
}

/** What a ClientHello needs to offer a session of TLS 1.3. */
export function pskOf(config: ClientConfig, session: Tls13ClientSession): OfferedSession {
  const { hash } = cipherSuites[session.cipherSuite];
  return { session, early: earlySecret(config.provider, hash, session.psk) };
}

/** A cache of the caller's may mix scopes up: what was verified under another name or policy is not resumed. */
function mayOffer(config: ClientConfig, scope: string, session: ClientSession): boolean {
  const now = config.now();
  return (
    session.scope === scope &&
    now < session.expiresAt &&
    now < session.validUntil &&
    speaks(config, session.protocolVersion) &&
    config.cipherSuites.includes(session.cipherSuite) &&
    session.ticket.length <= maxClientTicket &&
    isComplete(session) &&
    // One that was used is all zeros: whoever offered it would take anybody for the server.
    secretOf(session).some((byte) => byte !== 0)
  );
}

function isComplete(session: ClientSession): boolean {
  if (session.protocolVersion === 'TLSv1.3')
    return session.psk.length === cipherSuites[session.cipherSuite].hashLength;
  const { masterSecret, ticket, sessionId } = session;
  const isNamed = ticket.length > 0 || (sessionId.length > 0 && sessionId.length <= 32);
  return masterSecret.length === masterSecretLength && isNamed;
}

/** The ClientHello of a first flight, without pre_shared_key (RFC 9846 §4.2.2). */
export function firstClientHello(
  config: ClientConfig,
  serverName: string | undefined,
  keyExchanges: readonly KeyExchange[],
  tls12Session?: Tls12ClientSession,
): ClientHello {
  const { provider } = config;
  const speaksTls13 = speaks(config, 'TLSv1.3');
  const speaksTls12 = speaks(config, 'TLSv1.2');
  return {
    legacyVersion: protocolVersions.tls12,
    random: provider.randomBytes(32),
    legacySessionId: sessionIdOf(config, tls12Session),
    cipherSuites: codes(
      cipherSuiteCodes,
      config.cipherSuites.filter(
        (name) => (speaksTls13 && isTls13Suite(name)) || (speaksTls12 && isTls12Suite(name)),
      ),
    ),
    legacyCompressionMethods: Uint8Array.of(0),
    extensions: {
      server_name: serverName,
      supported_groups: codes(namedGroupCodes, config.groups),
      signature_algorithms: codes(signatureSchemeCodes, config.signatureSchemes),
      signature_algorithms_cert: certificateSignatureSchemes,
      status_request: config.trust.requestsOcspResponses ? ocspRequest : undefined,
      application_layer_protocol_negotiation:
        config.alpnProtocols.length > 0 ? config.alpnProtocols : undefined,
      record_size_limit: speaksTls13
        ? config.recordSizeLimit
        : Math.min(config.recordSizeLimit, maxRecordContent),
      ...(speaksTls12 && tls12Extensions(config, tls12Session)),
      ...(speaksTls13 && tls13Extensions(config, keyExchanges, speaksTls12)),
    },
  };
}

/** A server that resumes a session of TLS 1.2 echoes it, by ticket too (RFC 5077 §3.4). */
function sessionIdOf(config: ClientConfig, session: Tls12ClientSession | undefined): Uint8Array {
  if (session && session.ticket.length === 0) return session.sessionId;
  const isForMiddleboxes = config.compatibilityMode && speaks(config, 'TLSv1.3');
  return session || isForMiddleboxes ? config.provider.randomBytes(32) : noBytes;
}

function tls12Extensions(
  config: ClientConfig,
  session: Tls12ClientSession | undefined,
): Partial<ClientHelloExtensions> {
  return {
    ec_point_formats: [uncompressedPoints],
    extended_master_secret: true,
    renegotiation_info: noBytes,
    session_ticket: config.sessions && (session?.ticket ?? noBytes),
  };
}

function tls13Extensions(
  config: ClientConfig,
  keyExchanges: readonly KeyExchange[],
  speaksTls12: boolean,
): Partial<ClientHelloExtensions> {
  const { ticketRequest } = config;
  return {
    supported_versions: speaksTls12
      ? [protocolVersions.tls13, protocolVersions.tls12]
      : [protocolVersions.tls13],
    server_certificate_type: offerOf(acceptedTypes(config.trust)),
    client_certificate_type: offerOf(ownTypes(config)),
    compress_certificate: offeredCompression(config),
    // Without a cache no ticket is of use: then a server has no reason to make any.
    psk_key_exchange_modes: config.sessions ? [pskKeyExchangeModes.psk_dhe_ke] : undefined,
    ticket_request: config.sessions &&
      ticketRequest && {
        newSessionCount: ticketRequest.newSession,
        resumptionCount: ticketRequest.resumption,
      },
    key_share: keyShares(keyExchanges),
  };
}

/** The second ClientHello equals the first but for what a HelloRetryRequest changes (RFC 9846 §4.2.2). */
export function secondClientHello(
  first: ClientHello,
  changes: Pick<ClientHelloExtensions, 'cookie'> & { readonly keyExchange: KeyExchange | undefined },
): ClientHello {
  const { keyExchange, cookie } = changes;
  // A retry for a cookie alone keeps the key share.
  const key_share = keyExchange ? keyShares([keyExchange]) : first.extensions.key_share;
  return { ...first, extensions: { ...first.extensions, key_share, cookie, pre_shared_key: undefined } };
}

/** Encodes a hello with the session offered in it; the binder covers all that was sent and received (RFC 9846 §4.3.11.2). */
export function encodeWithSession(
  hello: ClientHello,
  offered: OfferedSession,
  transcript: Transcript,
  now: number,
): Uint8Array {
  const { session, early } = offered;
  const suite = cipherSuites[session.cipherSuite];
  const age = Math.max(0, Math.floor(now - session.receivedAt));
  const identities = [
    { identity: session.ticket, obfuscatedTicketAge: (age + session.ticketAgeAdd) % 2 ** 32 },
  ];
  const withBinder = (binder: Uint8Array): Uint8Array =>
    encodeClientHello({
      ...hello,
      extensions: { ...hello.extensions, pre_shared_key: { identities, binders: [binder] } },
    });
  const placeholder = new Uint8Array(suite.hashLength);
  const length = bindersLength({ identities, binders: [placeholder] });
  const truncated = withBinder(placeholder).subarray(0, -length);
  const binder = early.binder(transcript.digestWith(suite.hash, truncated));
  return concatBytes(truncated, encodeBinders(binder));
}

/** Whether `host` is an IPv4 or IPv6 address: such are never sent in server_name (RFC 6066 §3). */
export function isIpAddress(host: string): boolean {
  return host.includes(':') || /^\d{1,3}(\.\d{1,3}){3}$/.test(host);
}

/**
 * The name for server_name, without the trailing dot of an absolute DNS name; undefined where there is none.
 * @throws TlsUsageError where it is no name that can be sent, such as one that is not ASCII
 */
export function serverNameOf(peer: PeerName): string | undefined {
  const name = (peer.serverName ?? peer.host).replace(/\.$/, '');
  if (name === '' || isIpAddress(name)) return undefined;
  // Cut to bytes, other characters would make the name of another server.
  if (name.length > maxServerName || !/^[!-~]*$/.test(name)) {
    throw new TlsUsageError(
      `'${name}' cannot be sent in server_name: it takes up to ${maxServerName} ASCII characters (xn--… for others)`,
    );
  }
  return name;
}

/** What we can show a server: of what a function will choose, only certificates are expected. */
export function ownTypes({ identity }: ClientConfig): readonly CertificateType[] {
  return presentableTypes(typeof identity === 'function' ? [] : identity);
}

/** Any responder will do, and no extensions. */
const ocspRequest: StatusRequest = { statusType: ocspStatusType, request: new Uint8Array(4) };

/** Signatures within chains: those of the handshake, and PKCS#1, which certificates still use (RFC 9846 §4.3.3). */
export const certificateSignatureSchemes: readonly number[] = codes(signatureSchemeCodes, [
  'ecdsa_secp256r1_sha256',
  'ecdsa_secp384r1_sha384',
  'ecdsa_secp521r1_sha512',
  'ed25519',
  'rsa_pss_rsae_sha256',
  'rsa_pss_rsae_sha384',
  'rsa_pss_rsae_sha512',
  'rsa_pss_pss_sha256',
  'rsa_pss_pss_sha384',
  'rsa_pss_pss_sha512',
  'rsa_pkcs1_sha256',
  'rsa_pkcs1_sha384',
  'rsa_pkcs1_sha512',
]);

function keyShares(exchanges: readonly KeyExchange[]): ClientHelloExtensions['key_share'] {
  return exchanges.map(({ group, publicValue }) => ({
    group: namedGroupCodes[group],
    keyExchange: publicValue,
  }));
}

function encodeBinders(binder: Uint8Array): Uint8Array {
  const length = 1 + binder.length;
  return concatBytes(Uint8Array.of(length >> 8, length & 0xff, binder.length), binder);
}
