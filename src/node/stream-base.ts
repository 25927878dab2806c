import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import tls from 'node:tls';
import { getSystemErrorMap } from 'node:util';
import { nodeError } from './errors.ts';

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

  handle.isClosing = () => socket.destroyed;
  handle.onreadstart = () => {
    socket.resume();
    return 0;
  };
  handle.onreadstop = () => {
    socket.pause();
    return 0;
  };
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

  let isTaken = false;
  Object.defineProperty(handle, 'isStreamBase', {
    configurable: true,
    get(): true {
      if (!isTaken) {
        isTaken = true;
        socket.on('data', (bytes: Buffer | string) => {
          if (typeof bytes !== 'string') handle.readBuffer(bytes);
          else
            socket.destroy(nodeError('ERR_STREAM_WRAP', 'The socket has an encoding set: bytes are needed'));
        });
      }
      return true;
    },
  });
  return handle;
}

/** libuv's number for a write that failed: what the native side goes by. The socket's 'error' says why. */
function brokenPipe(): number {
  for (const [status, [name]] of getSystemErrorMap()) if (name === 'EPIPE') return status;
  return -1;
}
