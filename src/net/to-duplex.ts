import { Duplex } from 'node:stream';
import type { ByteStream } from '../streams/byte-stream.ts';
import { DuplexPump, whenSettled } from './duplex-pump.ts';

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
  readonly #pump: DuplexPump;

  constructor(stream: ByteStream, { readableHighWaterMark = 1, writableHighWaterMark }: ToDuplexOptions) {
    super({
      allowHalfOpen: true,
      readableHighWaterMark,
      ...(writableHighWaterMark !== undefined && { writableHighWaterMark }),
    });
    this.#stream = stream;
    this.#pump = new DuplexPump(this, stream, {
      deliver: (bytes) => this.push(bytes),
      end: () => this.push(null),
      errorOf: (error) => error,
    });
  }

  /** As a socket's: servers log it. */
  get remoteAddress(): string | undefined {
    return this.#stream.remoteAddress?.host;
  }

  get remotePort(): number | undefined {
    return this.#stream.remoteAddress?.port;
  }

  override _read(): void {
    this.#pump.read();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: Callback): void {
    this.#pump.write(chunk, callback);
  }

  override _writev(chunks: { readonly chunk: Buffer }[], callback: Callback): void {
    this.#pump.write(
      chunks.map(({ chunk }) => chunk),
      callback,
    );
  }

  override _final(callback: Callback): void {
    this.#pump.endOutput(callback);
  }

  override _destroy(error: Error | null, callback: Callback): void {
    if (this.#pump.isDone) {
      whenSettled(
        this.#stream.close(),
        () => callback(error),
        (reason) => callback(error ?? reason),
      );
    } else {
      this.#stream.destroy();
      callback(error);
    }
    this.#pump.stop();
  }
}
