/**
 * The engine without I/O: bytes in, events out, bytes out. For transports that are no streams, for other run-times,
 * and for tests. This entry binds the cryptography of `node:crypto` where none is given.
 */
import {
  type ClientSettings,
  createClientConfig,
  createServerConfig,
  type ServerSettings,
} from './connection/config.ts';
import { nodeCrypto } from './crypto/node/provider.ts';
import type { CryptoProvider } from './crypto/provider.ts';
import type { ClientConfig, ServerConfig } from './handshake/config.ts';

type WithoutProvider<Settings> = Omit<Settings, 'provider'> & {
  readonly provider?: CryptoProvider | undefined;
};

/** A client's configuration. The trust policy has no default here. @throws TlsUsageError naming the field */
export function clientConfig(settings: WithoutProvider<ClientSettings>): ClientConfig {
  return createClientConfig({ ...settings, provider: settings.provider ?? nodeCrypto } as ClientSettings);
}

/** A server's configuration. @throws TlsUsageError naming the field */
export function serverConfig(settings: WithoutProvider<ServerSettings>): ServerConfig {
  return createServerConfig({ ...settings, provider: settings.provider ?? nodeCrypto } as ServerSettings);
}

export { type AlertName, alertMeaning, type ReceivedAlertName } from './base/alerts.ts';
export {
  type CertificateCheck,
  TlsCertificateError,
  TlsError,
  type TlsErrorCode,
  TlsPeerError,
  TlsTimeoutError,
  TlsTruncatedError,
  TlsUsageError,
} from './base/errors.ts';
export type { ClientSettings, ServerSettings } from './connection/config.ts';
export type { ConnectionEvent, HandshakeInfo, Question } from './connection/events.ts';
export { TlsConnection } from './connection/tls-connection.ts';
export { nodeCrypto } from './crypto/node/provider.ts';
export { nodeSigner } from './crypto/node/signer.ts';
export type * from './crypto/provider.ts';
export type { PeerName } from './handshake/client-hello.ts';
export type * from './handshake/config.ts';
export type * from './handshake/identity.ts';
export {
  type ClientSession,
  type ClientSessionCache,
  MemorySessionCache,
  type Tls12ClientSession,
  type Tls13ClientSession,
} from './sessions/client-session.ts';
export type { ServerSessionStore } from './sessions/session-store.ts';
export { TicketKeys } from './sessions/ticket-keys.ts';
export type { CertificateType, CipherSuiteName, ProtocolVersion } from './wire/names.ts';
