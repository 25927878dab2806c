/**
 * Tacit: TLS that never speaks out of turn, for Node. This entry binds the cryptography of `node:crypto`.
 * The engine without I/O is in `tacit-tls/engine`.
 */
import { nodeCrypto } from './crypto/node/provider.ts';
import type { ClientConfig, ServerConfig } from './handshake/config.ts';
import {
  type ClientOptions,
  clientConfig as makeClientConfig,
  serverConfig as makeServerConfig,
  type ServerOptions,
} from './net/config.ts';
import { type ConnectOptions, connect as connectTo } from './net/connect.ts';
import { type ListenOptions, listen as listenOn, type TlsListener } from './net/listen.ts';
import {
  type Verification,
  type VerifyOptions,
  verifyCertificates as verifyWith,
} from './net/verify-certificates.ts';
import type { TlsStream } from './streams/tls-stream.ts';

/** A client's configuration, checked and read once, for any number of connections. @throws TlsUsageError naming the option */
export function clientConfig(options: ClientOptions = {}): ClientConfig {
  return makeClientConfig(options, nodeCrypto);
}

/** A server's configuration, checked and read once, for any number of connections. @throws TlsUsageError naming the option */
export function serverConfig(options: ServerOptions): ServerConfig {
  return makeServerConfig(options, nodeCrypto);
}

/**
 * Connects over TCP or a Unix socket, and resolves when the handshake is done and the server verified.
 * @throws BrokenError where no address could be reached; the TLS reason where the handshake failed
 */
export function connect(options: ConnectOptions): Promise<TlsStream> {
  return connectTo(options, nodeCrypto);
}

/** Listens for TLS connections over TCP or on a Unix socket. @throws TlsUsageError naming the option */
export function listen(options: ListenOptions): Promise<TlsListener> {
  return listenOn(options, nodeCrypto);
}

/**
 * Judges a certificate chain as a connection would, and says how it came to that.
 *
 * @param chain PEM text or bytes, leaf first, the others in any order; or one DER certificate
 * @throws TlsUsageError where an option or `chain` cannot be read
 */
export function verifyCertificates(chain: string | Uint8Array, options: VerifyOptions = {}): Verification {
  return verifyWith(chain, options, nodeCrypto);
}

export { type AlertName, alertMeaning, type ReceivedAlertName } from './base/alerts.ts';
export {
  type CertificateCheck,
  type CertificatePlace,
  TlsCertificateError,
  TlsError,
  type TlsErrorCode,
  TlsPeerError,
  TlsTimeoutError,
  TlsTruncatedError,
  TlsUsageError,
} from './base/errors.ts';
export type { HandshakeInfo } from './connection/events.ts';
export type { CertificateCompression, NamedGroup, SignatureScheme } from './crypto/provider.ts';
export type {
  CertificateRequestInfo,
  ClientConfig,
  ClientHelloInfo,
  ClientIdentitySelector,
  ServerConfig,
  ServerIdentitySelector,
} from './handshake/config.ts';
export type {
  ClientAuthentication,
  Identity,
  MaybePromise,
  PeerChain,
  QuestionContext,
  ServerIdentity,
  Signer,
  TrustPolicy,
  TrustVerdict,
} from './handshake/identity.ts';
export type { ListenPlace } from './net/bind.ts';
export type { ClientOptions, CommonOptions, PeerVerifier, ServerOptions } from './net/config.ts';
export type { ConnectOptions, ConnectTarget, StreamSettings } from './net/connect.ts';
export { type FromDuplexOptions, fromDuplex } from './net/from-duplex.ts';
export {
  type CertificateIdentityOptions,
  type IdentityOptions,
  loadIdentity,
  type RawPublicKeyIdentityOptions,
} from './net/identity.ts';
export type { ListenOptions, ListenSettings, TlsListener } from './net/listen.ts';
export type { RawPublicKeySource } from './net/raw-public-keys.ts';
export type { RevocationOptions } from './net/revocation.ts';
export { type ServeOptions, serve } from './net/serve.ts';
export { type ToDuplexOptions, toDuplex } from './net/to-duplex.ts';
export type { PeerCheck, VerifiedPeer } from './net/trust.ts';
export type { CertificateSummary, Verification, VerifyOptions } from './net/verify-certificates.ts';
export {
  type ClientSession,
  type ClientSessionCache,
  MemorySessionCache,
  type Tls12ClientSession,
  type Tls13ClientSession,
} from './sessions/client-session.ts';
export type { ServerSessionStore } from './sessions/session-store.ts';
export { TicketKeys } from './sessions/ticket-keys.ts';
export type { ByteStream, CallOptions, CloseReport, PeerAddress } from './streams/byte-stream.ts';
export type { DrainOptions } from './streams/drain.ts';
export { BrokenError, BusyError, ClosedError } from './streams/errors.ts';
export { type FromWebOptions, fromWeb } from './streams/from-web.ts';
export { Slots } from './streams/slots.ts';
export { type TlsPeer, TlsStream, type TlsStreamOptions, type Unwrapped } from './streams/tls-stream.ts';
export { toWeb, type WebStreams } from './streams/to-web.ts';
export type { CertificateType, CipherSuiteName, ProtocolVersion } from './wire/names.ts';
