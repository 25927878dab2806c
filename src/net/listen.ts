import type { Socket } from 'node:net';
import {
  maxDraining as defaultMaxDraining,
  maxHandshakes as defaultMaxHandshakes,
} from '../base/defaults.ts';
import { TlsError } from '../base/errors.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import type { ServerConfig } from '../handshake/config.ts';
import type { CallOptions, PeerAddress } from '../streams/byte-stream.ts';
import { BrokenError, ClosedError } from '../streams/errors.ts';
import { abortable } from '../streams/signals.ts';
import { requireCount, Slots, tooManyHandshakes } from '../streams/slots.ts';
import { streamLimits, TlsStream, type TlsStreamOptions } from '../streams/tls-stream.ts';
import { bind, type ListeningSocket, type ListenPlace } from './bind.ts';
import { type ServerOptions, serverConfig } from './config.ts';
import { onlyConfig, type StreamSettings } from './connect.ts';
import { descriptorLimit, hasLastDescriptor } from './descriptors.ts';
import { reset, TcpStream } from './tcp-stream.ts';

export interface ListenSettings extends StreamSettings {
  /** Connections at once over all addresses, draining ones included; what comes above is dropped. Unlimited by default. */
  readonly maxConnections?: number | undefined;
  /**
   * Handshakes in flight at once, from the connection to the end of the handshake, whatever they wait for; above it the
   * oldest is dropped. 4 096 by default.
   */
  readonly maxHandshakes?: number | undefined;
  /** Connections that drain at once; the oldest is dropped first. 256 by default. */
  readonly maxDraining?: number | undefined;
  /**
   * Told what the listener survives: connections that could not be accepted, that were over a limit, or whose handshake
   * failed before anybody had accepted them.
   */
  readonly onError?: ((error: Error) => void) | undefined;
}

export type ListenOptions = ListenPlace &
  ListenSettings &
  CallOptions &
  (ServerOptions | { readonly config: ServerConfig });

/**
 * Listens for TLS connections, on all addresses of `host` or on none.
 *
 * @throws BrokenError that says which address cannot be had; TlsUsageError naming the option
 */
export async function listen(options: ListenOptions, provider: CryptoProvider): Promise<TlsListener> {
  const { port, host, lookup, path, signal, maxConnections, maxHandshakes, maxDraining, ...others } = options;
  const { onError, handshakeTimeout, idleTimeout, drain, truncation, ...rest } = others;
  signal?.throwIfAborted();
  const config = 'config' in rest ? onlyConfig(rest) : serverConfig(rest, provider);
  const stream = { handshakeTimeout, idleTimeout, drain, truncation };
  const settings = { maxConnections, maxHandshakes, maxDraining, onError, ...stream };
  checkSettings(settings);
  const binding = bind({ port, host, lookup, path });
  const sockets = await abortable(binding, signal, () => {
    void binding.then((late) => late.forEach((socket) => void socket.close())).catch(() => {});
  });
  return new TlsListener(sockets, config, settings);
}

function checkSettings(settings: ListenSettings): void {
  const { maxConnections = 1, maxHandshakes = 1, maxDraining = 0 } = settings;
  requireCount('maxConnections', maxConnections, 1);
  requireCount('maxHandshakes', maxHandshakes, 1);
  requireCount('maxDraining', maxDraining, 0);
  streamLimits('server', settings);
}

/** Accepts connections, until it is closed. */
export class TlsListener {
  /** Where it listens: the first of `addresses`. Of a Unix socket: its path as `host`, and port 0. */
  readonly address: PeerAddress;
  /** Everywhere it listens, in the order of `host`. */
  readonly addresses: readonly PeerAddress[];

  readonly #sockets: readonly ListeningSocket[];
  readonly #config: ServerConfig;
  readonly #options: TlsStreamOptions;
  readonly #onError: (error: Error) => void;
  readonly #maxConnections: number;
  readonly #descriptorLimit = descriptorLimit();
  /** Connections whose descriptor is not given back yet, whoever has them. */
  #connections = 0;
  /** Accepted by the kernel, not yet by the application. */
  readonly #waiting = new Set<TlsStream>();
  readonly #acceptors = new Set<(stream: TlsStream | undefined) => void>();
  #isClosed = false;

  /** @throws TlsUsageError naming the option */
  constructor(sockets: readonly ListeningSocket[], config: ServerConfig, settings: ListenSettings) {
    checkSettings(settings);
    this.#sockets = sockets;
    this.#config = config;
    this.#onError = settings.onError ?? (() => {});
    this.#maxConnections = settings.maxConnections ?? Number.POSITIVE_INFINITY;
    this.#options = this.#streamOptions(settings);
    this.addresses = sockets.map(({ address }) => address);
    this.address = this.addresses[0] ?? { host: '', port: 0 };
    for (const socket of sockets) {
      // One connection that could not be accepted (EMFILE, ECONNABORTED) does not stop the others: Node goes on.
      socket.start(
        (accepted) => this.#take(accepted),
        (cause) => this.#report(`A connection could not be accepted: ${cause.message}`, cause),
      );
    }
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
    for (const socket of this.#sockets) void socket.close();
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

  #streamOptions(settings: ListenSettings): TlsStreamOptions {
    const { handshakeTimeout, idleTimeout, truncation } = settings;
    const { maxDraining = defaultMaxDraining, maxHandshakes = defaultMaxHandshakes } = settings;
    const slots = new Slots(maxDraining, () =>
      this.#report(`A draining connection was dropped: more than ${maxDraining} were draining`),
    );
    const handshakeSlots = new Slots(maxHandshakes, () => this.#onError(tooManyHandshakes(handshakeSlots)));
    return { handshakeTimeout, handshakeSlots, idleTimeout, truncation, drain: { ...settings.drain, slots } };
  }

  #take(socket: Socket): void {
    if (this.#isClosed || !this.#hasRoomFor(socket)) {
      // Nobody is to take it for an end; and a FIN would leave something of it in our kernel.
      reset(socket);
      return;
    }
    this.#connections += 1;
    const transport = new TcpStream(socket);
    const stream = TlsStream.server(transport, this.#config, this.#options);
    void transport.closed.then(() => {
      this.#connections -= 1;
      const wasWaiting = this.#waiting.delete(stream);
      if (wasWaiting && stream.failure instanceof TlsError) this.#onError(stream.failure);
    });
    this.#wait(stream);
  }

  /** Until somebody accepts it, which may be at once. */
  #wait(stream: TlsStream): void {
    const [acceptor] = this.#acceptors;
    if (acceptor === undefined) this.#waiting.add(stream);
    else acceptor(stream);
  }

  #hasRoomFor(socket: Socket): boolean {
    if (this.#connections >= this.#maxConnections) {
      this.#report(`A connection was dropped: more than ${this.#maxConnections} were open`);
      return false;
    }
    if (hasLastDescriptor(socket, this.#descriptorLimit)) {
      const cause = Object.assign(new Error('too many open files'), { code: 'EMFILE' });
      this.#report(`A connection was dropped: ${cause.code}, ${cause.message}`, cause);
      return false;
    }
    return true;
  }

  #report(message: string, cause?: Error): void {
    this.#onError(new BrokenError(message, { cause }));
  }

  async #next(signal?: AbortSignal): Promise<TlsStream | undefined> {
    signal?.throwIfAborted();
    const [stream] = this.#waiting;
    if (stream !== undefined) {
      this.#waiting.delete(stream);
      return stream;
    }
    if (this.#isClosed) return undefined;
    let given: TlsStream | undefined;
    let acceptor: (stream: TlsStream | undefined) => void = () => {};
    const accepted = new Promise<TlsStream | undefined>((resolve) => {
      acceptor = (next) => {
        this.#acceptors.delete(acceptor);
        given = next;
        resolve(next);
      };
      this.#acceptors.add(acceptor);
    });
    return abortable(accepted, signal, () => {
      this.#acceptors.delete(acceptor);
      // What was given to one who has given up is the next one's.
      if (this.#isClosed) given?.destroy();
      else if (given !== undefined) this.#wait(given);
    });
  }
}
