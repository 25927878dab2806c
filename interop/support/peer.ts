import type { AlertName, CipherSuiteName, NamedGroup, SignatureScheme } from '../../src/index.ts';
import type { Version } from './names.ts';
import type { PayloadSizes } from './payload.ts';

/** Paths of PEM files. */
export interface IdentityFiles {
  /** The chain without the root, leaf first. */
  readonly cert: string;
  readonly key: string;
  /** The chain without the leaf. */
  readonly intermediates: string;
}

/** What a peer is narrowed to; what is left out stays at the peer's own default. */
export interface PeerSettings {
  /** What it speaks, lowest first. */
  readonly versions: readonly Version[];
  readonly groups?: readonly NamedGroup[];
  readonly cipherSuites?: readonly CipherSuiteName[];
  /** What the peer accepts, and what it signs with. */
  readonly signatureSchemes?: readonly SignatureScheme[];
  readonly alpnProtocols?: readonly string[];
  /** `large` payloads instead of `usual` ones. */
  readonly size?: keyof PayloadSizes;
  /** It does without the extended master secret (RFC 7627). */
  readonly withoutExtendedMasterSecret?: boolean;
  /** How many connections, one after another, in one process that keeps its sessions. Default 1. */
  readonly connections?: number;
  /** The peer updates its keys in the middle of what it sends, and asks for ours. */
  readonly updateKeys?: boolean;
  /** Where the peer writes its secrets, in the format of SSLKEYLOGFILE. */
  readonly keyLog?: string;
  /** The largest record that the peer wants (RFC 8449). */
  readonly recordSizeLimit?: number;
}

export interface ClientRun extends PeerSettings {
  readonly port: number;
  /** PEM file of the roots to trust. */
  readonly roots: string;
  readonly identity?: IdentityFiles | undefined;
  /** It sends close_notify behind its payload, reads to the end, and wants no answer. */
  readonly oneWay?: boolean;
  /** It asks the server for an OCSP response. */
  readonly asksForOcspResponse?: boolean;
}

export interface ServerRun extends PeerSettings {
  readonly identity: IdentityFiles;
  /** PEM file of roots: a client certificate below one of them is required. */
  readonly clientRoots?: string;
  /** A file with the OCSP response (DER) that goes with its certificate. */
  readonly ocspResponse?: string;
  /** Its sessions of TLS 1.2 have IDs, and it has no tickets. */
  readonly withoutTickets?: boolean;
  /** It sends a HelloRequest of TLS 1.2 before it answers. */
  readonly asksToRenegotiate?: boolean;
}

/** What a peer says about one connection. A field that it cannot know is undefined. */
export interface PeerReport {
  readonly error?: string | undefined;
  readonly protocolVersion?: string | undefined;
  readonly resumed?: boolean | undefined;
  readonly cipherSuite?: string | undefined;
  readonly group?: string | undefined;
  readonly signatureScheme?: string | undefined;
  readonly alpnProtocol?: string | null | undefined;
  readonly helloRetryRequest?: boolean | undefined;
  readonly peerCertificate?: boolean | undefined;
  /** What became of 0-RTT data. */
  readonly earlyData?: string | undefined;
  /** What the OCSP response that came with a server's certificate says of it. */
  readonly stapledStatus?: string | undefined;
  /** SHA-256 of that response, as hex. */
  readonly stapledResponse?: string | undefined;
  /** 32 bytes under the label `EXPORTER-tacit-interop`, no context, as hex. */
  readonly exporter?: string | undefined;
  /** The same with the context `context`. */
  readonly exporterInContext?: string | undefined;
  readonly extendedMasterSecret?: boolean | undefined;
  readonly keyUpdatesReceived?: number | undefined;
  /** What arrived. */
  readonly bytes?: number | undefined;
  readonly sha256?: string | undefined;
  /** How our side ended as the peer saw it. */
  readonly ended?: string | undefined;
}

export interface PeerAbilities {
  readonly groups: readonly NamedGroup[];
  /** What it can sign with as a server or client certificate, and verify. */
  readonly signatureSchemes: readonly SignatureScheme[];
  /** Whether its ECDSA keys sign with the hash of another curve in TLS 1.2. */
  readonly mixesCurvesAndHashes: boolean;
  /** Whether `signatureSchemes` of the settings has an effect. */
  readonly narrowsSignatureSchemes: boolean;
  readonly updatesKeys: boolean;
  /** What it does with ALPN offers that have nothing in common with its own. */
  readonly alpnMismatch: 'alert' | 'ignored';
  /** How its server refuses a client certificate that it does not trust. */
  readonly refusal: 'unknown_ca' | 'access_denied' | 'close';
  /** What its server says to clients that do not have its version. */
  readonly otherVersion: AlertName;
  /** What its server says in TLS 1.2 to clients that have none; TLS 1.3 has an alert for it. */
  readonly tls12MissingCertificate: AlertName;
  /** Whether its client shows no certificate where the server names no authority of it. */
  readonly heedsAuthorities: boolean;
  readonly limitsRecords: boolean;
  /** Whether its clients take tickets in TLS 1.2. */
  readonly takesTls12Tickets: boolean;
  /** Whether its servers resume sessions of TLS 1.2 by their IDs. */
  readonly resumesById: boolean;
  /** Whether it can do without the extended master secret. */
  readonly dropsExtendedMasterSecret: boolean;
  /** Whether its client can end its direction and go on reading. */
  readonly halfCloses: boolean;
  /** Whether its server says which alert it received. */
  readonly namesAlerts: boolean;
  /** As a client it guesses better after a HelloRetryRequest, and gets no second one. */
  readonly remembersGroups: boolean;
}

/** A TLS client that is not Tacit. */
export interface PeerClient {
  readonly name: string;
  /** What it speaks where a test does not say. */
  readonly version: Version;
  readonly abilities: PeerAbilities;
  /** What it speaks: bytes as they come, or HTTP/1.1 with the payload as a POST body. */
  readonly application: 'raw' | 'http';
  readonly payloads: PayloadSizes;
  /** Who ends a connection after the exchange. */
  readonly closesFirst: 'client' | 'server';
  run(options: ClientRun): Promise<readonly PeerReport[]>;
}

export interface RunningServer {
  readonly port: number;
  /**
   * Resolves when the server is through with `count` connections: fewer than it was asked for where the last one
   * has failed.
   */
  reports(count: number, failed: boolean): Promise<readonly PeerReport[]>;
}

/** A TLS server that is not Tacit. */
export interface PeerServer {
  readonly name: string;
  readonly version: Version;
  readonly abilities: PeerAbilities;
  readonly closesFirst: 'client' | 'server';
  readonly payloads: PayloadSizes;
  start(options: ServerRun): Promise<RunningServer>;
}
