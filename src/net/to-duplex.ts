import { Duplex } from 'node:stream';
import type { ByteStream } from '../streams/byte-stream.ts';
import { startTimer } from '../streams/timer.ts';

/** After a failed write: how long nothing may be read before the error is reported, milliseconds. */
const errorHoldTimeout = 1_000;

/** Settings of `toDuplex()`. */
export interface ToDuplexOptions {
  /** Bytes that may be read before the consumer asks for them, to the next whole read; 1, so one read, by default. */
  readonly readableHighWaterMark?: number | undefined;
  /** Bytes that may wait to be written before `write()` returns false; Node's default by default. */
  readonly writableHighWaterMark?: number | undefined;
}

/**
 * A stream as a duplex of Node's, for `http`, `http2`, `ws`, `pipeline()` and whatever else takes one.
 *
 * It is pulled: nothing is read from the stream before the consumer asks, and then one read ahead. Its sides end one
 * after the other: the peer's end is 'end', `end()` is `closeWrite()`. When both have ended, the stream is closed,
 * without loss, and 'close' is emitted after that. `destroy()` before that destroys the stream, so that the peer reads
 * no end. Errors are the stream's own, unchanged.
 *
 * Mind that `for await` over any duplex of Node's destroys it at its end: iterate over the stream itself, or over
 * `duplex.iterator({ destroyOnReturn: false })`.
 *
 * Where a stream has two halves, Node's duplex has one fate: an error of either side destroys both. So a read that
 * fails ends the writing too, and a write that fails would cost what was received and not yet read. As long as somebody
 * listens for 'data' or 'readable', the error of a write is therefore kept back until all that was received is read,
 * or nothing was read for a second: what a consumer leaves longer is lost. Who only writes gets the error at once.
 *
 * @param stream which from now on nobody else may read, write or close; `stream.destroy()` is allowed
 */
export function toDuplex(stream: ByteStream, options: ToDuplexOptions = {}): Duplex {
  return new StreamDuplex(stream, options);
}

type Callback = (error?: Error | null) => void;

class StreamDuplex extends Duplex {
  readonly #stream: ByteStream;
  /** The stream gave its end, or failed. */
  #inputEnd: { readonly error: Error | undefined } | undefined;
  #isOutputEnded = false;
  /** Reports an error of writing that was kept back. */
  #reportHeld: (() => void) | undefined;
  #stopHolding: () => void = () => {};

  constructor(stream: ByteStream, { readableHighWaterMark = 1, writableHighWaterMark }: ToDuplexOptions) {
    super({
      allowHalfOpen: true,
      readableHighWaterMark,
      ...(writableHighWaterMark !== undefined && { writableHighWaterMark }),
    });
    this.#stream = stream;
  }

  /** As a socket's: servers log it. */
  get remoteAddress(): string | undefined {
    return this.#stream.remoteAddress?.host;
  }

  get remotePort(): number | undefined {
    return this.#stream.remoteAddress?.port;
  }

  override _read(): void {
    if (this.#inputEnd !== undefined) this.#giveEnd();
    else this.#pull();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: Callback): void {
    this.#settle(this.#stream.write(chunk), callback);
  }

  override _writev(chunks: { readonly chunk: Buffer }[], callback: Callback): void {
    this.#settle(this.#stream.write(chunks.map(({ chunk }) => chunk)), callback);
  }

  override _final(callback: Callback): void {
    this.#settle(this.#stream.closeWrite(), (error) => {
      this.#isOutputEnded = !error;
      callback(error);
    });
  }

  override _destroy(error: Error | null, callback: Callback): void {
    this.#stopHolding();
    if (this.#isOutputEnded && this.#inputEnd !== undefined && this.#inputEnd.error === undefined) {
      whenSettled(
        this.#stream.close(),
        () => callback(error),
        (reason) => callback(error ?? reason),
      );
    } else {
      this.#stream.destroy();
      callback(error);
    }
    this.#reportHeld?.();
  }

  #pull(): void {
    this.#holdOn();
    whenSettled(
      this.#stream.read(),
      (bytes) => {
        this.#holdOn();
        if (bytes === null) this.#endInput(undefined);
        else this.push(bytes);
      },
      (error) => this.#endInput(error),
    );
  }

  #endInput(error: Error | undefined): void {
    this.#inputEnd = { error };
    this.#giveEnd();
  }

  #giveEnd(): void {
    const error = this.#inputEnd?.error;
    if (error === undefined) {
      this.push(null);
    } else if (this.readableLength > 0) {
      // Gives nothing, but lets Node ask again when what it holds has been read: an error would throw that away.
      this.push(new Uint8Array(0));
    } else {
      this.#reportHeld?.();
      this.destroy(error);
    }
  }

  #settle(done: Promise<void>, callback: Callback): void {
    whenSettled(
      done,
      () => callback(),
      (error) => this.#failWriting(error, callback),
    );
  }

  #failWriting(error: Error, callback: Callback): void {
    const isRead = this.listenerCount('data') > 0 || this.listenerCount('readable') > 0;
    if (!isRead || this.readableEnded || this.destroyed) {
      callback(error);
      return;
    }
    this.#reportHeld = () => {
      this.#reportHeld = undefined;
      this.#stopHolding();
      callback(error);
    };
    this.once('end', this.#reportHeld);
    this.#holdOn();
  }

  /** The time begins again. */
  #holdOn(): void {
    this.#stopHolding();
    if (this.#reportHeld === undefined) return;
    this.#stopHolding = startTimer(errorHoldTimeout, () => this.#reportHeld?.());
  }
}

/** Calls back outside the promise: what a listener throws is an uncaught exception, as in all of Node, no rejection. */
function whenSettled<T>(promise: Promise<T>, done: (value: T) => void, failed: (error: Error) => void): void {
  promise.then(
    (value) => queueMicrotask(() => done(value)),
    (error) => queueMicrotask(() => failed(error)),
  );
}
