import { createServer, type Server, type Socket } from 'node:net';
import { maxDraining as defaultMaxDraining } from '../base/defaults.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import type { ServerConfig } from '../handshake/config.ts';
import type { CallOptions, PeerAddress } from '../streams/byte-stream.ts';
import { Slots } from '../streams/slots.ts';
import { BrokenError, ClosedError } from '../streams/errors.ts';
import { abortable } from '../streams/signals.ts';
import { TlsStream, type TlsStreamOptions } from '../streams/tls-stream.ts';
import { type ServerOptions, serverConfig } from './config.ts';
import { onlyConfig, type StreamSettings } from './connect.ts';
import { TcpStream } from './tcp-stream.ts';

/** Where to listen: on a port, or on the path of a Unix socket. */
export interface ListenPlace {
  /** 0 picks a free one. */
  readonly port?: number | undefined;
  /** An address of this machine; all of them by default. */
  readonly host?: string | undefined;
  /** A Unix socket instead of TCP. */
  readonly path?: string | undefined;
}

export interface ListenSettings extends StreamSettings {
  /** Connections at once, draining ones included; what comes above is dropped. Unlimited by default. */
  readonly maxConnections?: number | undefined;
  /** Connections that drain at once; the oldest is dropped first. 256 by default. */
  readonly maxDraining?: number | undefined;
  /** Told what the listener survives: a connection that could not be accepted, one that was over a limit. */
  readonly onError?: ((error: Error) => void) | undefined;
}

export type ListenOptions = ListenPlace &
  ListenSettings &
  CallOptions &
  (ServerOptions | { readonly config: ServerConfig });

/**
 * Listens for TLS connections.
 *
 * @throws BrokenError where the address cannot be had
 */
export async function listen(options: ListenOptions, provider: CryptoProvider): Promise<TlsListener> {
  const { port, host, path, signal, maxConnections, maxDraining, onError, ...others } = options;
  const { handshakeTimeout, drain, truncation, ...rest } = others;
  signal?.throwIfAborted();
  const config = 'config' in rest ? onlyConfig(rest) : serverConfig(rest, provider);
  // Nothing is read of a connection before it is used.
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true });
  if (maxConnections !== undefined) server.maxConnections = maxConnections;
  const listening = new Promise<void>((resolve, reject) => {
    const failed = (cause: Error): void => {
      reject(new BrokenError(`Could not listen: ${cause.message}`, { cause }));
    };
    server.once('error', failed);
    server.once('listening', () => {
      server.off('error', failed);
      resolve();
    });
  });
  server.listen(path === undefined ? { port: port ?? 0, host } : { path });
  await abortable(listening, signal, () => server.close());
  return new TlsListener(server, config, { maxDraining, onError, handshakeTimeout, drain, truncation });
}

/** Accepts connections, until it is closed. */
export class TlsListener {
  /** Where it listens. Of a Unix socket: its path as `host`, and port 0. */
  readonly address: PeerAddress;

  readonly #server: Server;
  readonly #config: ServerConfig;
  readonly #options: TlsStreamOptions;
  readonly #onError: (error: Error) => void;
  /** Accepted by the kernel, not yet by the application. */
  readonly #waiting = new Set<TlsStream>();
  readonly #acceptors = new Set<(stream: TlsStream | undefined) => void>();
  #isClosed = false;

  /** @param server listening, made with `allowHalfOpen` and `pauseOnConnect` */
  constructor(server: Server, config: ServerConfig, settings: ListenSettings) {
    this.#server = server;
    this.#config = config;
    this.#onError = settings.onError ?? (() => {});
    const { maxDraining = defaultMaxDraining, handshakeTimeout, truncation } = settings;
    const slots = new Slots(maxDraining, () => {
      this.#onError(new Error(`A draining connection was dropped: more than ${maxDraining} were draining`));
    });
    this.#options = { handshakeTimeout, truncation, drain: { ...settings.drain, slots } };
    this.address = addressOf(server);
    server.on('connection', (socket) => this.#take(socket));
    // One connection that could not be accepted (EMFILE, ECONNABORTED) does not stop the others: Node goes on.
    server.on('error', (cause) => {
      this.#onError(new BrokenError(`A connection could not be accepted: ${cause.message}`, { cause }));
    });
    server.on('drop', () => {
      this.#onError(new Error(`A connection was dropped: more than ${server.maxConnections} were open`));
    });
  }

  /**
   * The next connection. Its handshake has not run: it does with the first use, and its time has begun.
   *
   * @throws ClosedError once the listener is closed
   */
  async accept(options: CallOptions = {}): Promise<TlsStream> {
    const stream = await this.#next(options.signal);
    if (stream === undefined) throw new ClosedError('The listener was closed');
    return stream;
  }

  /** Accepts nothing more, and drops what nobody has accepted. Accepted connections go on. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#server.close();
    for (const stream of this.#waiting) stream.destroy();
    this.#waiting.clear();
    for (const acceptor of [...this.#acceptors]) acceptor(undefined);
  }

  /** Connections, until the listener is closed. */
  async *[Symbol.asyncIterator](): AsyncIterableIterator<TlsStream> {
    for (let stream = await this.#next(); stream !== undefined; stream = await this.#next()) yield stream;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #take(socket: Socket): void {
    const transport = new TcpStream(socket);
    const stream = TlsStream.server(transport, this.#config, this.#options);
    if (this.#isClosed) {
      stream.destroy();
      return;
    }
    const [acceptor] = this.#acceptors;
    if (acceptor !== undefined) {
      acceptor(stream);
      return;
    }
    this.#waiting.add(stream);
    void transport.closed.then(() => this.#waiting.delete(stream));
  }

  async #next(signal?: AbortSignal): Promise<TlsStream | undefined> {
    signal?.throwIfAborted();
    const [stream] = this.#waiting;
    if (stream !== undefined) {
      this.#waiting.delete(stream);
      return stream;
    }
    if (this.#isClosed) return undefined;
    let acceptor: (stream: TlsStream | undefined) => void = () => {};
    const accepted = new Promise<TlsStream | undefined>((resolve) => {
      acceptor = (next) => {
        this.#acceptors.delete(acceptor);
        resolve(next);
      };
      this.#acceptors.add(acceptor);
    });
    return abortable(accepted, signal, () => this.#acceptors.delete(acceptor));
  }
}

function addressOf(server: Server): PeerAddress {
  const address = server.address();
  if (address === null || typeof address === 'string') return { host: address ?? '', port: 0 };
  return { host: address.address, port: address.port };
}
