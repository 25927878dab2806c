import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import tls from 'node:tls';
import { getSystemErrorMap } from 'node:util';
import { nodeError } from './errors.ts';
import { FrameCutter } from './http2-frames.ts';

/** Bytes on average, below which parts are copied together. */
const fewBytes = 1_024;

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

/** Of sockets that the native side reads and writes. */
const taken = new WeakMap<Socket, Input>();

/**
 * Whether HTTP/2 has not been given yet all that `socket` has received: its end closes the session, and comes behind that.
 */
export function hasFramesLeft(socket: Socket): boolean {
  return taken.get(socket)?.hasMore ?? false;
}

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
    const chunks = joined(parts);
    socket.cork();
    for (const chunk of chunks.slice(0, -1)) socket.write(chunk);
    socket.write(chunks.at(-1) ?? '', done);
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

/** Frames without much in them come in hundreds of parts, which are cheaper to copy than to be written one by one. */
function joined(parts: readonly Buffer[]): readonly Buffer[] {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return parts.length > 1 && length < parts.length * fewBytes ? [Buffer.concat(parts, length)] : parts;
}

/** How many pieces are given in one turn of the event loop: the program of other connections waits for so many. */
const piecesPerTurn = 16;

/**
 * Gives the native side what a socket receives, from when it is taken on. Behind each piece the program runs, before the
 * next one is given: that is what is between two immediates, also within one turn of the event loop.
 */
class Input {
  readonly #socket: Socket;
  readonly #give: (bytes: Uint8Array) => void;
  readonly #cutter = new FrameCutter();
  #pieces: Uint8Array[] = [];
  /** How many bytes have come here, of those that the socket has received. */
  #seen = 0;
  #isStopped = false;
  /** Immediates that are still to come. */
  #expected = 0;

  constructor(socket: Socket, give: (bytes: Uint8Array) => void) {
    this.#socket = socket;
    this.#give = give;
  }

  /** The socket has received what was not given yet. */
  get hasMore(): boolean {
    return this.#pieces.length > 0 || this.#seen < this.#socket.bytesRead;
  }

  take(): void {
    if (taken.has(this.#socket)) return;
    taken.set(this.#socket, this);
    this.#seen = this.#socket.bytesRead - this.#socket.readableLength;
    // Who resumes a socket whose consumer has stopped wants its end, and no consumer any more.
    this.#socket.on('resume', () => {
      if (!this.#socket.isPaused()) this.start();
    });
    this.#socket.on('data', (bytes: Buffer | string) => {
      if (typeof bytes === 'string') {
        this.#socket.destroy(
          nodeError('ERR_STREAM_WRAP', 'The socket has an encoding set: bytes are needed'),
        );
        return;
      }
      this.#receive(bytes);
    });
    // What came before a failure counts.
    this.#socket.on('error', () => {
      for (const piece of this.#pieces.splice(0)) this.#give(piece);
    });
  }

  start(): number {
    this.#isStopped = false;
    this.#arrange();
    return 0;
  }

  stop(): number {
    this.#isStopped = true;
    this.#socket.pause();
    return 0;
  }

  #receive(bytes: Uint8Array): void {
    this.#seen += bytes.length;
    const [first, ...others] = this.#cutter.cut(bytes);
    if (first.length > 0) {
      if (this.#pieces.length > 0) this.#pieces.push(first);
      else this.#give(first);
    }
    this.#pieces.push(...others);
    this.#arrange();
  }

  #next(): void {
    this.#expected -= 1;
    if (this.#pieces.length === 0) this.#cutter.turn();
    else if (!this.#isStopped && !this.#socket.destroyed) this.#give(this.#pieces.shift()!);
    if (this.#expected === 0) this.#arrange();
  }

  #arrange(): void {
    const { length } = this.#pieces;
    if (length > 0) this.#socket.pause();
    else if (!this.#isStopped && this.#socket.isPaused()) this.#socket.resume();
    const isWaiting = length > 0 ? !this.#isStopped : this.#cutter.hasBegun;
    if (!isWaiting || this.#expected > 0 || this.#socket.destroyed) return;
    this.#expected = Math.min(Math.max(length, 1), piecesPerTurn);
    for (let i = 0; i < this.#expected; i++) setImmediate(() => this.#next());
  }
}

/** libuv's number for a write that failed: what the native side goes by. The socket's 'error' says why. */
function brokenPipe(): number {
  for (const [status, [name]] of getSystemErrorMap()) if (name === 'EPIPE') return status;
  return -1;
}
