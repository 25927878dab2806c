import type { CipherSuiteName, NamedGroup, SignatureScheme } from '../../src/index.ts';
import type { Payloads } from './payload.ts';

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
  readonly groups?: readonly NamedGroup[];
  readonly cipherSuites?: readonly CipherSuiteName[];
  /** What the peer accepts, and what it signs with. */
  readonly signatureSchemes?: readonly SignatureScheme[];
  readonly alpnProtocols?: readonly string[];
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
}

export interface ServerRun extends PeerSettings {
  readonly identity: IdentityFiles;
  /** PEM file of roots: a client certificate below one of them is required. */
  readonly clientRoots?: string;
}

/** What a peer says about one connection. A field that it cannot know is undefined. */
export interface PeerReport {
  readonly error?: string | undefined;
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
  /** 32 bytes under the label `EXPORTER-tacit-interop`, no context, as hex. */
  readonly exporter?: string | undefined;
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
  /** Whether `signatureSchemes` of the settings has an effect. */
  readonly narrowsSignatureSchemes: boolean;
  readonly updatesKeys: boolean;
  /** What it does with ALPN offers that have nothing in common with its own. */
  readonly alpnMismatch: 'alert' | 'ignored';
  /** How its server refuses a client certificate that it does not trust. */
  readonly refusal: 'unknown_ca' | 'access_denied' | 'close';
  /** Whether its client shows no certificate where the server names no authority of it. */
  readonly heedsAuthorities: boolean;
  readonly limitsRecords: boolean;
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
  readonly abilities: PeerAbilities;
  /** What it speaks: bytes as they come, or HTTP/1.1 with the payload as a POST body. */
  readonly application: 'raw' | 'http';
  readonly payloads: Payloads;
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
  readonly abilities: PeerAbilities;
  readonly closesFirst: 'client' | 'server';
  readonly payloads: Payloads;
  start(options: ServerRun): Promise<RunningServer>;
}
