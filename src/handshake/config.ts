import type {
  CertificateCompression,
  CryptoProvider,
  NamedGroup,
  SignatureScheme,
} from '../crypto/provider.ts';
import type { ClientSessionCache } from '../sessions/client-session.ts';
import type { ServerSessionStore } from '../sessions/session-store.ts';
import type { TicketKeys } from '../sessions/ticket-keys.ts';
import type { CertificateType, CipherSuiteName, ProtocolVersion } from '../wire/names.ts';
import type {
  ClientAuthentication,
  Identity,
  MaybePromise,
  QuestionContext,
  ServerIdentity,
  TrustPolicy,
} from './identity.ts';

/** What both sides of a connection are configured with. Immutable, validated, shared by any number of connections. */
export interface EndpointConfig {
  readonly role: 'client' | 'server';
  readonly provider: CryptoProvider;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** The lowest version that we speak, and for which `cipherSuites` has any. */
  readonly minVersion: ProtocolVersion;
  /** The highest version that we speak, and for which `cipherSuites` has any. */
  readonly maxVersion: ProtocolVersion;
  /** Those of both versions, preferred ones first. */
  readonly cipherSuites: readonly CipherSuiteName[];
  /** Whether TLS 1.2 without extended master secret is refused (RFC 7627); otherwise only its exporter is. */
  readonly requireExtendedMasterSecret: boolean;
  /**
   * Whether we may write on in TLS 1.2, too, once the peer's close_notify has come. It need not read that (RFC 5246 §7.2.1),
   * but OpenSSL does, and Node's programs rely on it.
   */
  readonly tls12HalfClose: boolean;
  /** Preferred ones first. */
  readonly groups: readonly NamedGroup[];
  /** What the peer may sign its handshake with. */
  readonly signatureSchemes: readonly SignatureScheme[];
  /** Preferred ones first; empty: ALPN is neither offered nor answered (RFC 7301). */
  readonly alpnProtocols: readonly string[];
  /**
   * Algorithms for certificates in both directions, preferred ones first; empty: none is offered or used (RFC 8879).
   * The provider has them all.
   */
  readonly certificateCompression: readonly CertificateCompression[];
  /** The largest inner plaintext that we accept, content type and padding included: 64 to 16 385 bytes (RFC 8449). */
  readonly recordSizeLimit: number;
  /** Padding bytes for a record with `contentLength` bytes of content (RFC 9846 §5.4); TLS 1.2 has none. */
  readonly padding: (contentLength: number) => number;
  /** Records sealed under one key before it is updated (RFC 9846 §5.5); TLS 1.2 cannot. */
  readonly keyUpdateAfterRecords: number;
  /** Whether `keyLog` events are wanted; a function is what a stream passes their lines to. */
  readonly keyLog: boolean | ((line: string) => void);
}

export interface ClientConfig extends EndpointConfig {
  readonly role: 'client';
  /** Groups that the first ClientHello has a key share for; a subset of `groups` in the same order. */
  readonly keyShares: readonly NamedGroup[];
  readonly trust: TrustPolicy;
  /** Who we are, where a server asks (RFC 9846 §4.4.2): the one that fits best, or a function of what it asks. */
  readonly identity: readonly Identity[] | ClientIdentitySelector;
  readonly sessions: ClientSessionCache | undefined;
  /** How many tickets to ask for (RFC 9149): after a full and after a resumed handshake. Undefined: say nothing. */
  readonly ticketRequest: { readonly newSession: number; readonly resumption: number } | undefined;
  /** Middlebox compatibility (RFC 9846 Appendix E.4). */
  readonly compatibilityMode: boolean;
  /** Trust policy and own identity as text: sessions are kept and resumed only under the same. */
  readonly sessionScope: string;
}

export interface ServerConfig extends EndpointConfig {
  readonly role: 'server';
  /** The one that fits a client best, or a function of what it offers. */
  readonly identity: IdentityTable<ServerIdentity> | ServerIdentitySelector;
  /** Whether the client's order of cipher suites counts, and not ours. */
  readonly followsClientOrder: boolean;
  /** Chooses among the protocols that a client offers, in place of `alpnProtocols`; undefined: none of them will do. */
  readonly selectProtocol: ProtocolSelector | undefined;
  readonly clientAuthentication: ClientAuthentication;
  readonly clientTrust: TrustPolicy | undefined;
  readonly tickets: TicketPolicy;
}

/** The identities of a server, so that one of ten thousand is found as fast as one of two. */
export interface IdentityTable<Some extends Identity> {
  /** In the order of preference. */
  readonly all: readonly Some[];
  readonly byType: ReadonlyMap<CertificateType, NamedIdentities<Some>>;
  /** Whether two authenticate clients in the same way: only then one may stand in for the other. */
  readonly isAlike: (one: Some, other: Some) => boolean;
}

/** Identities of one type, in the order of preference: by what their leaves are for, too. */
export interface NamedIdentities<Some extends Identity> {
  readonly all: readonly Some[];
  /** By DNS name, and by what follows the `*.` of a wildcard. */
  readonly exact: ReadonlyMap<string, readonly Some[]>;
  readonly wildcards: ReadonlyMap<string, readonly Some[]>;
}

/** Which tickets a server owes, and how it makes them. */
export interface TicketPolicy {
  /** Owed after a full handshake, 0 to 8; TLS 1.2 sends one within the handshake, or none. */
  readonly count: number;
  /** Owed after a resumed handshake, 0 to 8. */
  readonly resumedCount: number;
  /** Seconds, at most 604 800 (RFC 9846 §4.7.1). */
  readonly lifetime: number;
  /** Whether owed tickets may leave with our close_notify once the peer's has been read. */
  readonly onClose: boolean;
  /** Self-contained tickets under keys that rotate, or names of sessions in a store of the caller's. */
  readonly keeper: TicketKeys | ServerSessionStore;
}

/** What a ClientHello offers, for the choice of an identity. */
export interface ClientHelloInfo {
  /** What was negotiated. In TLS 1.2 RSA keys serve clients only that have a cipher suite for them, others likewise. */
  readonly protocolVersion: ProtocolVersion;
  /** The DNS name in server_name (RFC 6066 §3), lower case. */
  readonly serverName: string | undefined;
  readonly alpnProtocols: readonly string[];
  /** Code points as they came, in the client's order. */
  readonly signatureSchemes: readonly number[];
  /** signature_algorithms_cert, or where it is absent signature_algorithms. */
  readonly certificateSignatureSchemes: readonly number[];
  /** DER distinguished names in certificate_authorities; empty: any. */
  readonly certificateAuthorities: readonly Uint8Array[];
  /** What the server may present, preferred ones first (RFC 7250). */
  readonly serverCertificateTypes: readonly CertificateType[];
  readonly cipherSuites: readonly number[];
  readonly groups: readonly number[];
}

/** What a server's CertificateRequest asks, for the choice of an identity (RFC 9846 §4.4.2). */
export interface CertificateRequestInfo {
  readonly signatureSchemes: readonly number[];
  readonly certificateSignatureSchemes: readonly number[];
  /** DER distinguished names; empty: any. */
  readonly certificateAuthorities: readonly Uint8Array[];
}

/** @param offered in the client's order, a character for each byte (RFC 7301 §3.1) @param serverName lower case */
export type ProtocolSelector = (
  offered: readonly string[],
  serverName: string | undefined,
) => string | undefined;

/** `undefined` refuses the connection with unrecognized_name. */
export type ServerIdentitySelector = (
  hello: ClientHelloInfo,
  context: QuestionContext,
) => MaybePromise<ServerIdentity | undefined>;

/** `undefined` answers with no certificate. */
export type ClientIdentitySelector = (
  request: CertificateRequestInfo,
  context: QuestionContext,
) => MaybePromise<Identity | undefined>;
