import { concatBytes, noBytes, wipe } from '../base/bytes.ts';
import { clientSessionsPerServer } from '../base/defaults.ts';
import { TlsUsageError } from '../base/errors.ts';
import { maxClientTicket, maxServerName } from '../base/limits.ts';
import type { KeyExchange } from '../crypto/provider.ts';
import { cipherSuites } from '../keys/cipher-suites.ts';
import { type EarlySecret, earlySecret } from '../keys/key-schedule.ts';
import type { Transcript } from '../keys/transcript.ts';
import type { ClientSession } from '../sessions/client-session.ts';
import { ocspStatusType, type StatusRequest } from '../wire/extension-codecs.ts';
import {
  bindersLength,
  type ClientHello,
  type ClientHelloExtensions,
  encodeClientHello,
} from '../wire/hello.ts';
import {
  cipherSuiteCodes,
  namedGroupCodes,
  protocolVersions,
  pskKeyExchangeModes,
  signatureSchemeCodes,
} from '../wire/names.ts';
import { codes } from './authentication.ts';
import { offeredCompression } from './certificate-compression.ts';
import type { ClientConfig } from './config.ts';

/** Whom a client connects to. */
export interface PeerName {
  /** The DNS name or IP address that the server's certificate must be valid for. */
  readonly host: string;
  /** Sessions are kept per port. */
  readonly port?: number | undefined;
  /** server_name (RFC 6066 §3); `host` where it is a DNS name. The empty string sends none. */
  readonly serverName?: string | undefined;
}

/** A session on offer, with the early secret that its binder comes from. */
export interface OfferedSession {
  readonly session: ClientSession;
  readonly early: EarlySecret;
}

/** Takes a session that may be offered now out of the cache (RFC 9846 §4.7.1: never one that has expired). */
export function takeSession(config: ClientConfig, scope: string): OfferedSession | undefined {
  // A cache of the caller's may give back the same one for ever.
  for (let tried = 0; tried < clientSessionsPerServer; tried++) {
    const session = config.sessions?.take(scope);
    if (!session) return undefined;
    if (mayOffer(config, scope, session)) {
      const { hash } = cipherSuites[session.cipherSuite];
      return { session, early: earlySecret(config.provider, hash, session.psk) };
    }
    wipe(session.psk);
  }
  return undefined;
}

/** A cache of the caller's may mix scopes up: what was verified under another name or policy is not resumed. */
function mayOffer(config: ClientConfig, scope: string, session: ClientSession): boolean {
  const now = config.now();
  return (
    session.scope === scope &&
    now < session.expiresAt &&
    now < session.validUntil &&
    config.cipherSuites.includes(session.cipherSuite) &&
    session.ticket.length <= maxClientTicket &&
    isPsk(session)
  );
}

/** One that was used is all zeros: whoever offered it would take anybody for the server. */
function isPsk({ psk, cipherSuite }: ClientSession): boolean {
  return psk.length === cipherSuites[cipherSuite].hashLength && psk.some((byte) => byte !== 0);
}

/** The ClientHello of a first flight, without pre_shared_key (RFC 9846 §4.2.2). */
export function firstClientHello(
  config: ClientConfig,
  serverName: string | undefined,
  keyExchanges: readonly KeyExchange[],
): ClientHello {
  const { provider, ticketRequest } = config;
  return {
    legacyVersion: protocolVersions.tls12,
    random: provider.randomBytes(32),
    legacySessionId: config.compatibilityMode ? provider.randomBytes(32) : noBytes,
    cipherSuites: codes(cipherSuiteCodes, config.cipherSuites),
    legacyCompressionMethods: Uint8Array.of(0),
    extensions: {
      server_name: serverName,
      supported_versions: [protocolVersions.tls13],
      supported_groups: codes(namedGroupCodes, config.groups),
      signature_algorithms: codes(signatureSchemeCodes, config.signatureSchemes),
      signature_algorithms_cert: certificateSignatureSchemes,
      status_request: config.trust.requestsOcspResponses ? ocspRequest : undefined,
      application_layer_protocol_negotiation:
        config.alpnProtocols.length > 0 ? config.alpnProtocols : undefined,
      compress_certificate: offeredCompression(config),
      record_size_limit: config.recordSizeLimit,
      // Without a cache no ticket is of use: then a server has no reason to make any.
      psk_key_exchange_modes: config.sessions ? [pskKeyExchangeModes.psk_dhe_ke] : undefined,
      ticket_request: config.sessions &&
        ticketRequest && {
          newSessionCount: ticketRequest.newSession,
          resumptionCount: ticketRequest.resumption,
        },
      key_share: keyShares(keyExchanges),
    },
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
