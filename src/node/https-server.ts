import { type ServerOptions as HttpOptions, Server as HttpServer, type RequestListener } from 'node:http';
import type { Socket } from 'node:net';
import { Server as TlsServer, type ServerOptions as TlsServerOptions } from './server.ts';

export type ServerOptions = TlsServerOptions & HttpOptions;

/** What an HTTP server of Node's says, and programs listen for. */
const httpEvents: readonly string[] = [
  'request',
  'checkContinue',
  'checkExpectation',
  'clientError',
  'connect',
  'dropRequest',
  'upgrade',
];

/** As `https.Server`: an HTTP server of Node's behind a TLS server of Tacit's. */
export class Server extends TlsServer {
  readonly #http: HttpServer;
  /** The connections below, until they are gone. */
  readonly #raws = new Set<Socket>();

  declare timeout: number;
  declare keepAliveTimeout: number;
  declare headersTimeout: number;
  declare requestTimeout: number;
  declare maxHeadersCount: number | null;
  declare maxRequestsPerSocket: number | null;

  constructor(options: ServerOptions | RequestListener = {}, listener?: RequestListener) {
    const [own, onRequest] = typeof options === 'function' ? [{}, options] : [options, listener];
    // Beside a callback there may be no list.
    const protocols = own?.ALPNCallback ? undefined : ['http/1.1'];
    super({ ALPNProtocols: protocols, noDelay: true, ...own });
    this.#http = new HttpServer(own);
    this.#showSettings();
    // Whether somebody listens decides what Node does itself: an event is passed on only while it is listened for here.
    this.on('newListener', (name) => this.#pass(name));
    this.on('removeListener', (name: string) => {
      if (this.listenerCount(name) === 0) this.#http.removeAllListeners(name);
    });
    if (onRequest !== undefined) this.on('request', onRequest);
    // From then on it looks for requests that take too long.
    this.on('listening', () => {
      this.#http.emit('listening');
      this.#showSettings();
    });
    this.on('connection', (raw: Socket) => {
      this.#raws.add(raw);
      raw.once('close', () => this.#raws.delete(raw));
    });
    this.on('secureConnection', (socket) => {
      this.#http.emit('connection', socket);
      // Which is where programs find it, and where Node's HTTP tells of errors and of silence.
      socket.server = this;
    });
    // A client whose handshake failed is one for who listens for such clients.
    this.on('tlsClientError', (error, socket) => {
      if (!this.emit('clientError', error, socket)) socket.destroy();
    });
  }

  setTimeout(milliseconds?: number | (() => void), listener?: () => void): this {
    const onTimeout = typeof milliseconds === 'function' ? milliseconds : listener;
    if (onTimeout !== undefined) this.on('timeout', onTimeout);
    this.timeout = typeof milliseconds === 'number' ? milliseconds : 0;
    return this;
  }

  /** As Node's, at once: those too whose end is only waited for. */
  closeAllConnections(): void {
    this.#http.closeAllConnections();
    const raws = [...this.#raws];
    // What owes nothing says its end first.
    setImmediate(() => {
      for (const raw of raws) raw.destroy();
    });
  }

  closeIdleConnections(): void {
    this.#http.closeIdleConnections();
  }

  /** As Node's, it closes the connections that wait for a next request. */
  override close(callback?: (error?: Error) => void): this {
    super.close(callback);
    // It listens to nothing itself: what it closes are its timer and the idle connections.
    this.#http.close();
    return this;
  }

  /** What Node keeps on a server of HTTP: programs set it here, and Node looks for it at the `server` of a socket. */
  #showSettings(): void {
    const http = this.#http as unknown as Record<string | symbol, unknown>;
    for (const key of Reflect.ownKeys(http)) {
      if (key in this) continue;
      Object.defineProperty(this, key, {
        configurable: true,
        enumerable: typeof key === 'string',
        get: () => http[key],
        set: (value: unknown) => {
          http[key] = value;
        },
      });
    }
  }

  #pass(name: string | symbol): void {
    if (typeof name !== 'string' || ![...httpEvents, 'timeout'].includes(name)) return;
    if (this.#http.listenerCount(name) > 0) return;
    this.#http.on(name, (...details: unknown[]) => this.emit(name, ...details));
  }
}
