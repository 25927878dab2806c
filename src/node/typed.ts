import type { EventEmitter } from 'node:events';
import type { Duplex } from 'node:stream';
import type tls from 'node:tls';

/*
 * The face as programs see it: the types of `node:tls` that they have installed, and what is there beyond them. So whatever
 * compiles against `node:tls` compiles against this.
 */

export type {
  Certificate,
  CipherNameAndProtocol,
  CommonConnectionOptions,
  ConnectionOptions,
  DetailedPeerCertificate,
  EphemeralKeyInfo,
  KeyObject,
  PeerCertificate,
  PSKCallbackNegotation,
  PxfObject,
  SecureContextOptions,
  SecureVersion,
  TLSSocketOptions,
} from 'node:tls';

/** As `tls.TLSSocket`, and more. */
export interface TLSSocket extends tls.TLSSocket {
  /**
   * Sends session tickets now, alone; only a server can.
   * @param count 0 to 8
   * @returns how many went: none to a client that cannot use them, and none in TLS 1.2
   */
  sendTickets(count: number): Promise<number>;
  /** Moves to new keys, and asks the peer to do the same (RFC 9846 §4.7.3). Rejects in TLS 1.2, which cannot. */
  updateKeys(): Promise<void>;
  /** As `end()`; resolves once close_notify is handed over. Reading goes on where the socket is half open. */
  closeWrite(): Promise<void>;
}

/** As `tls.TlsOptions`, and more. */
export interface TlsOptions extends tls.TlsOptions {
  /** How many session tickets are owed after a handshake; they leave with the first write of the application. */
  readonly numTickets?: number | undefined;
}

/** As the constructor of `tls.TLSSocket`; `new` may be left out. */
export interface TLSSocketConstructor extends Omit<typeof tls.TLSSocket, 'prototype'> {
  new (socket: Duplex, options?: tls.TLSSocketOptions): TLSSocket;
  (socket: Duplex, options?: tls.TLSSocketOptions): TLSSocket;
  readonly prototype: TLSSocket;
}

/** As the constructor of `tls.Server`; `new` may be left out. */
export interface ServerConstructor extends Omit<typeof tls.Server, 'prototype'> {
  new (listener?: (socket: TLSSocket) => void): tls.Server;
  new (options: TlsOptions, listener?: (socket: TLSSocket) => void): tls.Server;
  (listener?: (socket: TLSSocket) => void): tls.Server;
  (options: TlsOptions, listener?: (socket: TLSSocket) => void): tls.Server;
  readonly prototype: tls.Server;
}

/** As `tls.connect`, in all of its forms. */
export interface Connect {
  (options: tls.ConnectionOptions, listener?: () => void): TLSSocket;
  (port: number, host?: string, options?: tls.ConnectionOptions, listener?: () => void): TLSSocket;
  (port: number, host?: string, listener?: () => void): TLSSocket;
  (port: number, options?: tls.ConnectionOptions, listener?: () => void): TLSSocket;
  (port: number, listener?: () => void): TLSSocket;
  (path: string, options?: tls.ConnectionOptions, listener?: () => void): TLSSocket;
  (path: string, listener?: () => void): TLSSocket;
}

/** As `tls.createServer`. */
export interface CreateServer {
  (listener?: (socket: TLSSocket) => void): tls.Server;
  (options: TlsOptions, listener?: (socket: TLSSocket) => void): tls.Server;
}

/** Names that have another form here, or are not in all versions of Node. */
type Replaced =
  | 'TLSSocket'
  | 'Server'
  | 'connect'
  | 'createServer'
  | 'createSecurePair'
  | 'getCACertificates'
  | 'setDefaultCACertificates';

/** `node:tls`. */
export interface Tls extends Omit<typeof tls, Replaced> {
  readonly TLSSocket: TLSSocketConstructor;
  readonly Server: ServerConstructor;
  readonly connect: Connect;
  readonly createServer: CreateServer;
  readonly SecureContext: SecureContextConstructor;
  /** Those that connections without a `ca` trust, or one of the sets that they are made of: PEM. */
  readonly getCACertificates: (kind?: 'default' | 'system' | 'bundled' | 'extra') => string[];
  /** PEM, text or bytes: what connections without a `ca` trust from now on, and nobody else. */
  readonly setDefaultCACertificates: (certificates: readonly (string | NodeJS.ArrayBufferView)[]) => void;
  /** Node's older way to a `TLSSocket`, which Node 24 does not have any more. */
  readonly createSecurePair: (
    context?: tls.SecureContext | null,
    isServer?: boolean,
    requestCert?: boolean,
    rejectUnauthorized?: boolean,
    options?: tls.TLSSocketOptions,
  ) => SecurePair;
  readonly convertALPNProtocols: (
    protocols: readonly string[] | NodeJS.ArrayBufferView,
    out: { ALPNProtocols?: Buffer },
  ) => void;
}

/** TLS between two duplexes; 'secure' once the handshake is done. */
export interface SecurePair extends EventEmitter {
  /** For whoever carries the bytes. */
  readonly encrypted: Duplex;
  readonly cleartext: TLSSocket;
  destroy(): void;
}

/** Undocumented in Node, and used all the same. */
export interface SecureContextConstructor {
  new (options?: tls.SecureContextOptions): tls.SecureContext;
  (options?: tls.SecureContextOptions): tls.SecureContext;
  readonly prototype: tls.SecureContext;
}
