import type { NamedGroup, SignatureScheme } from '../crypto/provider.ts';
import type { CipherSuite } from '../keys/cipher-suites.ts';
import type { Tls12CipherSuite } from '../keys/tls12-cipher-suites.ts';
import type { HelloRandoms } from '../keys/tls12-key-schedule.ts';
import type { Tls12ClientSession } from '../sessions/client-session.ts';

/** What a finished handshake leaves to its connection. The secrets are its own from then on. */
export type HandshakeOutcome = Tls13Outcome | Tls12Outcome;

interface CommonOutcome {
  readonly peerSignatureScheme: SignatureScheme | undefined;
  /** What the peer takes from us in signature_algorithms, as code points in its order; empty where it said nothing. */
  readonly peerAcceptedSchemes: readonly number[];
  readonly alpnProtocol: string | undefined;
  readonly serverName: string | undefined;
  readonly resumed: boolean;
  /** The verified chain of the peer, DER, leaf first; empty for an anonymous client and for a raw public key. */
  readonly peerCertificates: readonly Uint8Array[];
  /** DER SubjectPublicKeyInfo of a peer that was known by that alone (RFC 7250). */
  readonly peerRawPublicKey: Uint8Array | undefined;
  /** When the peer last proved that it has its key, in milliseconds since 1970. */
  readonly authenticatedAt: number;
  /** When the peer's path expires, in milliseconds since 1970; Infinity for an anonymous client. */
  readonly validUntil: number;
}

export interface Tls13Outcome extends CommonOutcome {
  readonly protocolVersion: 'TLSv1.3';
  readonly suite: CipherSuite;
  readonly group: NamedGroup;
  readonly helloRetryRequest: boolean;
  readonly exporterSecret: Uint8Array;
  readonly resumptionSecret: Uint8Array;
  /** For a client: what its sessions are kept under. For a server: what tickets may be issued with. */
  readonly resumption: ClientResumption | ServerResumption;
}

export interface Tls12Outcome extends CommonOutcome {
  readonly protocolVersion: 'TLSv1.2';
  readonly suite: Tls12CipherSuite;
  /** Undefined in a resumed handshake: it exchanges no keys. */
  readonly group: NamedGroup | undefined;
  readonly extendedMasterSecret: boolean;
  readonly masterSecret: Uint8Array;
  readonly randoms: HelloRandoms;
  /** For a client: what it can resume. Its secret is a copy. */
  readonly session: Tls12ClientSession | undefined;
}

export interface ClientResumption {
  readonly side: 'client';
  readonly scope: string;
}

export interface ServerResumption {
  readonly side: 'server';
  /** The hash over the policy that sessions are bound to. */
  readonly policy: Uint8Array;
  /** Tickets owed with the next write; 0 also where the client cannot use any. */
  readonly ticketsOwed: number;
  /** Whether the client can use tickets at all: it offered psk_dhe_ke, and did not ask for none. */
  readonly ticketsUsable: boolean;
}
