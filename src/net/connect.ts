import type { LookupFunction } from 'node:net';
import { TlsUsageError } from '../base/errors.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import type { ClientConfig } from '../handshake/config.ts';
import type { CallOptions } from '../streams/byte-stream.ts';
import type { DrainOptions } from '../streams/drain.ts';
import { streamLimits, TlsStream } from '../streams/tls-stream.ts';
import { type ClientOptions, clientConfig } from './config.ts';
import { connectTcp } from './tcp-connect.ts';

/** What belongs to the stream and not to the TLS configuration. */
export interface StreamSettings {
  /** Milliseconds from the connection to the end of the handshake; 10 000 by default. */
  readonly handshakeTimeout?: number | undefined;
  /**
   * Milliseconds after the handshake in which nothing moves although the peer's turn has come, until reads and writes
   * fail with TlsTimeoutError; see TlsStreamOptions. Never by default.
   */
  readonly idleTimeout?: number | undefined;
  /** How long and how much `close()` drains. */
  readonly drain?: DrainOptions | undefined;
  /** `tolerate` takes a transport's end without close_notify for an end. */
  readonly truncation?: 'strict' | 'tolerate' | undefined;
}

/** Whom to connect to. */
export type ConnectTarget = {
  /** A DNS name or an IP address. */
  readonly host: string;
  /**
   * The name to ask for (server_name), which is also what the certificate must be valid for; `host` by default. The
   * empty string asks for none.
   */
  readonly serverName?: string | undefined;
} & (
  | {
      readonly port: number;
      /** Finds the addresses of `host`, all of them or one, as `dns.lookup` does, which is the default. */
      readonly lookup?: LookupFunction | undefined;
      readonly path?: undefined;
    }
  /** A Unix socket instead of TCP. */
  | { readonly path: string; readonly port?: number | undefined; readonly lookup?: undefined }
);

export type ConnectOptions = ConnectTarget &
  CallOptions &
  StreamSettings &
  (ClientOptions | { readonly config: ClientConfig });

/**
 * Connects, runs the handshake and verifies the server. All addresses of a host are tried, and a slow one delays the
 * next by 250 ms (RFC 8305).
 *
 * @throws BrokenError where there is no connection, with what went wrong at every address; the TLS reason where the
 *   handshake failed
 */
export async function connect(options: ConnectOptions, provider: CryptoProvider): Promise<TlsStream> {
  const { host, port, path, lookup, serverName, signal, ...others } = options;
  const { handshakeTimeout, idleTimeout, drain, truncation, ...rest } = others;
  signal?.throwIfAborted();
  const config = 'config' in rest ? onlyConfig(rest) : clientConfig(rest, provider);
  const settings = { handshakeTimeout, idleTimeout, drain, truncation };
  // Before there is a connection that a mistake could leave behind.
  streamLimits('client', settings);
  const transport = await connectTcp(path === undefined ? { host, port, lookup } : { path }, { signal });
  const peer = { host: serverName || host, port, serverName };
  let stream: TlsStream;
  try {
    stream = TlsStream.client(transport, config, peer, settings);
  } catch (error) {
    transport.destroy();
    throw error;
  }
  try {
    await stream.handshake({ signal });
  } catch (error) {
    // A failed handshake ends its connection by itself, so that the peer can read why.
    if (stream.failure === undefined) stream.destroy();
    throw error;
  }
  return stream;
}

/** A ready configuration is complete: what stands beside it would have no effect. */
export function onlyConfig<Config>({ config, ...others }: { readonly config: Config }): Config {
  const [name] = Object.keys(others);
  if (name === undefined) return config;
  throw new TlsUsageError(`${name}: it has no effect beside a ready \`config\`; make it part of that one`);
}
