import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import tls from 'node:tls';
import { getSystemErrorMap } from 'node:util';
import { nodeError } from './errors.ts';
import { FrameCutter } from './http2-frames.ts';

/** A request of Node's native side; opaque. */
type NativeRequest = object;

/**
 * What Node's native side reads and writes (a `StreamBase`) where the stream itself is in JavaScript: it calls what is
 * `on…` here, and is told by the others.
 */
interface JSStream {
  isClosing(): boolean;
  onreadstart(): number;
  onreadstop(): number;
  onwrite(request: NativeRequest, parts: readonly Buffer[]): number;
  onshutdown(request: NativeRequest): number;
  /** What nobody on the native side has taken. */
  onread(received: ArrayBuffer | undefined): void;
  readBuffer(bytes: Uint8Array): void;
  finishWrite(request: NativeRequest, status: number): void;
  finishShutdown(request: NativeRequest, status: number): void;
}

type JSStreamClass = new () => JSStream;

/** Node's own: `node:tls` may get other exports later. */
const { TLSSocket: NodeTLSSocket, createSecureContext: createNodeContext } = tls;

let found: JSStreamClass | undefined;

/** Sockets that the native side reads and writes. */
const taken = new WeakSet<Socket>();

/**
 * Node exports it nowhere, but puts one below each TLS socket that is over a duplex.
 * @throws Error where this version of Node has another way
 */
function jsStreamClass(): JSStreamClass {
  if (found === undefined) {
    const probe = new NodeTLSSocket(
      new Duplex({ read() {}, write: (_bytes, _encoding, done) => done() }) as unknown as Socket,
      // Without one it asks `node:tls` for it.
      { secureContext: createNodeContext() },
    );
    probe.on('error', () => {});
    const made = (probe as unknown as Wrapping)._handle?._parentWrap?._handle;
    probe.destroy();
    const needed = ['readBuffer', 'finishWrite', 'finishShutdown'] as const;
    if (made?.isStreamBase !== true || !needed.every((name) => typeof made[name] === 'function'))
      throw nodeError(
        'ERR_FEATURE_UNAVAILABLE_ON_PLATFORM',
        `HTTP/2 over Tacit needs the JSStream that Node puts below a TLSSocket over a duplex, and Node ${process.version} ` +
          'has none there. Use a version of Node that this version of Tacit was tested with (20, 22, 24, 26), or a later Tacit.',
      );
    found = made.constructor as JSStreamClass;
  }
  return found;
}

/** Where it is found. */
interface Wrapping {
  readonly _handle?: {
    readonly _parentWrap?: { readonly _handle?: Partial<JSStream> & { readonly isStreamBase?: boolean } };
  };
}

/**
 * Lets Node's own `http2` use `socket` itself instead of wrapping it: gives it a `_handle` that is a `StreamBase`. It is
 * made when it is first asked for, and takes what is received from when somebody asks whether it is one (`isStreamBase`):
 * whoever does has to take it in the same turn, as `http2` does. One that still connects may be taken when it is secure.
 *
 * @param socket whose handle Node does not know: its bytes are those of the stream, and no ciphertext
 * @throws Error, when it is asked for, where this version of Node has no such thing
 */
export function offerStreamBase(socket: Socket): void {
  // It may be in use already.
  if (Object.hasOwn(socket, '_handle')) return;
  let made: JSStream | undefined;
  Object.defineProperty(socket, '_handle', {
    configurable: true,
    get(): JSStream | null {
      if (socket.destroyed) return null;
      made ??= streamBaseOver(socket);
      return made;
    },
  });
}

function streamBaseOver(socket: Socket): JSStream {
  const JSStream = jsStreamClass();
  const handle = new JSStream();
  /** What is done must not be told before it was asked for to the end, which a failure could be. */
  const telling =
    (finish: (status: number) => void) =>
    (error?: Error | null): void =>
      void setImmediate(() => finish(error ? brokenPipe() : 0));

  const input = new Input(socket, (bytes) => handle.readBuffer(bytes));
  handle.isClosing = () => socket.destroyed;
  handle.onreadstart = () => input.start();
  handle.onreadstop = () => input.stop();
  handle.onwrite = (request, parts) => {
    const done = telling((status) => handle.finishWrite(request, status));
    // They leave together, in as few records as they fit in, and the last is told of whatever befell the others.
    socket.cork();
    for (const part of parts.slice(0, -1)) socket.write(part);
    socket.write(parts.at(-1) ?? '', done);
    socket.uncork();
    return 0;
  };
  handle.onshutdown = (request) => {
    socket.end(telling((status) => handle.finishShutdown(request, status)));
    return 0;
  };
  // Its consumer has gone: what the peer still says is nobody's, and its end is waited for.
  handle.onread = () => {};

  Object.defineProperty(handle, 'isStreamBase', {
    configurable: true,
    get(): true {
      input.take();
      return true;
    },
  });
  return handle;
}

/** Gives the native side what a socket receives, from when it is taken on, in pieces of which each has a turn of its own. */
class Input {
  readonly #socket: Socket;
  readonly #give: (bytes: Uint8Array) => void;
  readonly #cutter = new FrameCutter();
  #pieces: Uint8Array[] = [];
  #isStopped = false;
  #isWaiting = false;

  constructor(socket: Socket, give: (bytes: Uint8Array) => void) {
    this.#socket = socket;
    this.#give = give;
  }

  take(): void {
    if (taken.has(this.#socket)) return;
    taken.add(this.#socket);
    this.#socket.on('data', (bytes: Buffer | string) => {
      if (typeof bytes === 'string') {
        this.#socket.destroy(
          nodeError('ERR_STREAM_WRAP', 'The socket has an encoding set: bytes are needed'),
        );
        return;
      }
      this.#pieces.push(...this.#cutter.cut(bytes));
      this.#next();
    });
    // What came before a failure counts.
    this.#socket.on('error', () => {
      for (const piece of this.#pieces.splice(0)) this.#give(piece);
    });
  }

  start(): number {
    this.#isStopped = false;
    this.#next();
    return 0;
  }

  stop(): number {
    this.#isStopped = true;
    this.#socket.pause();
    return 0;
  }

  #next(): void {
    if (this.#isStopped || this.#isWaiting) return;
    const piece = this.#pieces.shift();
    if (piece !== undefined) this.#give(piece);
    if (this.#isStopped) return;
    if (this.#pieces.length === 0) {
      if (this.#socket.isPaused()) this.#socket.resume();
      return;
    }
    this.#socket.pause();
    this.#isWaiting = true;
    setImmediate(() => {
      this.#isWaiting = false;
      this.#next();
    });
  }
}

/** libuv's number for a write that failed: what the native side goes by. The socket's 'error' says why. */
function brokenPipe(): number {
  for (const [status, [name]] of getSystemErrorMap()) if (name === 'EPIPE') return status;
  return -1;
}
