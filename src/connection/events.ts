import type { TlsError } from '../base/errors.ts';
import type { NamedGroup, SignatureScheme } from '../crypto/provider.ts';
import type { QuestionSubject } from '../handshake/steps.ts';
import type { ClientSession } from '../sessions/client-session.ts';
import type { CipherSuiteName, ProtocolVersion } from '../wire/names.ts';

/** What a handshake agreed on. */
export interface HandshakeInfo {
  readonly protocolVersion: ProtocolVersion;
  readonly cipherSuite: CipherSuiteName;
  /** Undefined in a resumed handshake of TLS 1.2, which exchanges no keys. */
  readonly group: NamedGroup | undefined;
  /** What the peer signed with; undefined where it did not (a resumed handshake, an anonymous client). */
  readonly peerSignatureScheme: SignatureScheme | undefined;
  /** What the peer takes signatures with (signature_algorithms): code points in its order; empty where it said nothing. */
  readonly peerAcceptedSchemes: readonly number[];
  /**
   * The verify_data of both Finished messages (RFC 9846 §4.5.3, RFC 5246 §7.4.9). That of the first is "tls-unique" in
   * TLS 1.2 (RFC 5929 §3); TLS 1.3 has an exporter for channel bindings instead (RFC 9266).
   */
  readonly finished: { readonly sent: Uint8Array; readonly received: Uint8Array };
  readonly alpnProtocol: string | undefined;
  /** The server_name that the client asked for. */
  readonly serverName: string | undefined;
  readonly resumed: boolean;
  readonly helloRetryRequest: boolean;
  /** Whether the secrets are bound to the whole handshake (RFC 7627): always in TLS 1.3. Without it nothing is exported. */
  readonly extendedMasterSecret: boolean;
  /** The verified chain of the peer, leaf first, from the original handshake where this one was resumed; empty for an anonymous client and for a raw public key. */
  readonly peerCertificates: readonly Uint8Array[];
  /** DER SubjectPublicKeyInfo of a peer that was known by that alone (RFC 7250); undefined for all others. */
  readonly peerRawPublicKey: Uint8Array | undefined;
  /** When the peer last proved that it has its key, in milliseconds since 1970. */
  readonly authenticatedAt: number;
}

/** What `next()` gives. */
export type ConnectionEvent =
  | { readonly type: 'handshakeDone'; readonly info: HandshakeInfo }
  | { readonly type: 'data'; readonly data: Uint8Array }
  | { readonly type: 'session'; readonly session: ClientSession }
  | { readonly type: 'question'; readonly question: Question }
  | { readonly type: 'keyLog'; readonly line: string }
  /** The peer's close_notify: it sends nothing more. */
  | { readonly type: 'end' }
  | { readonly type: 'failed'; readonly error: TlsError };

/** A question that the configuration could not answer at once: answer it with `answer` or `refuse`, now or later. */
export interface Question {
  /** `ticketStorage` asks whether a session store has taken a session in. */
  readonly subject: QuestionSubject | { readonly kind: 'ticketStorage' };
  /** What a function of the configuration gave: whoever drives the connection passes its outcome on. */
  readonly pending: PromiseLike<unknown>;
}
