import { type AddressInfo, Socket, type SocketConnectOpts } from 'node:net';
import type { Duplex } from 'node:stream';
import { adopting } from './callable.ts';
import { connectArguments } from './connect-arguments.ts';

/** Replaces what the types of `net.Socket` call properties, and a class cannot override by accessors. */
export function defineGetters<Made extends object>(
  made: { readonly prototype: Made },
  getters: Readonly<Record<string, (self: Made) => unknown>>,
): void {
  for (const [name, value] of Object.entries(getters)) {
    Object.defineProperty(made.prototype, name, {
      configurable: true,
      get(this: Made) {
        return value(this);
      },
    });
  }
}

/** What was opened, connected and as good as new; or why nothing was. */
export type Opened = (error: Error | null, raw?: Duplex) => void;

/**
 * Opens what a socket is to stand over, and says so once, not before it has returned.
 * @returns gives up what was not handed over; `opened` is not called any more
 */
export type Open = (opened: Opened) => () => void;

const AdoptingSocket: typeof Socket = adopting(Socket);

/**
 * A socket over another one, or over any duplex: what is asked of the connection itself, it asks of that one. It has no
 * handle of its own, so that nothing but its stream can be read or written.
 */
export abstract class OverSocket extends AdoptingSocket {
  #raw: Duplex | undefined;
  #hasBegun = false;
  /** Gives up what is being opened. */
  #stopOpening: () => void = () => {};

  static {
    const names = [
      'remoteAddress',
      'remotePort',
      'remoteFamily',
      'localAddress',
      'localPort',
      'localFamily',
      'autoSelectFamilyAttemptedAddresses',
    ] as const;
    const ofRaw = (name: (typeof names)[number]) => (socket: OverSocket) =>
      socket.#raw instanceof Socket ? socket.#raw[name as keyof Socket] : undefined;
    defineGetters(OverSocket, {
      ...Object.fromEntries(names.map((name) => [name, ofRaw(name)])),
      // Node's go by the handle.
      pending: (socket) => socket.connecting,
      bufferSize: (socket) => (socket.destroyed ? undefined : socket.writableLength),
    });
  }

  /** `raw` is connected, and from now on nobody else's. */
  protected abstract begin(raw: Duplex): void;

  /** What to say where `raw` has closed before. */
  protected abstract disconnected(): Error;

  /** The socket `raw` has closed since the beginning, although its peer has neither ended nor reset it. */
  protected abstract dropped(): void;

  /** Connects as `net.Socket` does, and begins then. */
  override connect(...given: unknown[]): this {
    const { options, listener } = connectArguments(given);
    if (listener !== undefined) this.once('connect', listener);
    // By a signal that had fired already.
    if (this.destroyed) return this;
    const raw = new Socket({ allowHalfOpen: true });
    this.attach(raw);
    raw.connect(options as SocketConnectOpts);
    return this;
  }

  /** Connects by what `open` opens, and begins then. */
  connectOver(open: Open): void {
    // By a signal that had fired already.
    if (this.destroyed) return;
    this.#setConnecting(true);
    this.#stopOpening = open((error, raw) => {
      if (raw === undefined) this.destroy(error ?? undefined);
      else this.#connected(raw);
    });
  }

  override address(): AddressInfo | object {
    return this.#raw instanceof Socket ? this.#raw.address() : {};
  }

  override setNoDelay(noDelay?: boolean): this {
    return this.#tell((raw) => raw.setNoDelay(noDelay));
  }

  override setKeepAlive(enable?: boolean, initialDelay?: number): this {
    return this.#tell((raw) => raw.setKeepAlive(enable, initialDelay));
  }

  override ref(): this {
    return this.#tell((raw) => raw.ref());
  }

  override unref(): this {
    return this.#tell((raw) => raw.unref());
  }

  /** Stands over `raw` from now on, and begins once it is connected; not before the next tick. */
  protected attach(raw: Duplex): void {
    this.#raw = raw;
    if (this.destroyed) {
      raw.destroy();
      return;
    }
    takeOver(raw);
    // Or it would end itself before our own end.
    raw.allowHalfOpen = true;
    raw.once('close', () => {
      if (this.#hasBegun && raw instanceof Socket && !raw.readableEnded && !raw.errored) this.dropped();
    });
    const isConnecting = raw instanceof Socket && (raw.connecting || raw.pending);
    if (!isConnecting) {
      // Whoever has just made this socket can still say what it is to do.
      process.nextTick(() => this.#begin(raw));
      return;
    }
    this.#setConnecting(true);
    for (const name of ['lookup', 'connectionAttempt', 'connectionAttemptFailed', 'connectionAttemptTimeout'])
      raw.on(name, (...details) => this.emit(name, ...details));
    raw.once('error', (error) => {
      if (!this.#hasBegun) this.destroy(error);
    });
    raw.once('close', () => {
      if (!this.#hasBegun && !this.destroyed) this.destroy(this.disconnected());
    });
    raw.once('connect', () => this.#connected(raw));
  }

  /** Where nothing has begun yet, there is only `raw` to be given up. */
  protected giveUp(): void {
    this.#setConnecting(false);
    if (this.#hasBegun) return;
    this.#stopOpening();
    this.#raw?.destroy();
  }

  #connected(raw: Duplex): void {
    this.#raw = raw;
    raw.allowHalfOpen = true;
    this.#setConnecting(false);
    this.emit('connect');
    this.emit('ready');
    this.#begin(raw);
  }

  #begin(raw: Duplex): void {
    if (this.destroyed || this.#hasBegun) return;
    this.#hasBegun = true;
    // Whoever has handed it over may have resumed it since, or listen again, as Node's agent does behind a proxy.
    takeOver(raw);
    this.begin(raw);
  }

  #tell(say: (raw: Socket) => void): this {
    if (this.#raw instanceof Socket) say(this.#raw);
    return this;
  }

  /** Node's own types let nobody but Node write this. */
  #setConnecting(connecting: boolean): void {
    (this as { connecting: boolean }).connecting = connecting;
  }
}

/** Whoever listened to the plaintext must not be given ciphertext. */
function takeOver(raw: Duplex): void {
  raw.removeAllListeners('data').removeAllListeners('readable');
  raw.pause();
}
