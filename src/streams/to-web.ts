import { TlsUsageError } from '../base/errors.ts';
import type { ByteStream } from './byte-stream.ts';

/** A stream's two sides in the terms of the Streams Standard. */
export interface WebStreams {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
}

/**
 * A stream as a pair of web streams: for `pipeThrough()`, `fetch`-like interfaces, Deno, Bun and browsers.
 *
 * `readable` is a stream of bytes that is pulled: nothing is read from `stream` before somebody asks, BYOB readers
 * included. The two sides are independent, and errors are the stream's own, unchanged:
 * - `writable.close()` is `closeWrite()`; `writable.abort()` is `destroy()`, so that the peer reads no end of what was cut;
 * - `readable.cancel()` stops the reading, and only that: writing goes on;
 * - when both sides are over, the stream is closed, without loss. The call that ended our own side waits for that, and
 *   rejects where it failed. Behind `writable.close()` there is no way any more to drop the connection at once: that is
 *   what `stream.destroy()` is for, or the bound of its `close()`.
 *
 * @param stream which from now on nobody else may read, write or close; `stream.destroy()` is allowed
 */
export function toWeb(stream: ByteStream): WebStreams {
  const sides = new Sides(stream);
  return {
    readable: new ReadableStream(
      {
        type: 'bytes',
        pull: (controller) => sides.pull(controller),
        cancel: () => sides.cancel(),
      },
      { highWaterMark: 0 },
    ),
    writable: new WritableStream({
      start: (controller: object) => sides.start(controller),
      write: (chunk) => sides.write(chunk),
      close: () => sides.close(),
    }),
  };
}

/** Its signal is missing in the types of Node 20, not in Node 20. */
interface AbortableController {
  readonly signal?: AbortSignal;
}

/** What the two web streams do to the one stream. */
class Sides {
  readonly #stream: ByteStream;
  readonly #reading = new AbortController();
  #input: 'open' | 'cancelled' | 'over' = 'open';
  #output: 'open' | 'ended' | 'broken' = 'open';

  constructor(stream: ByteStream) {
    this.#stream = stream;
  }

  start(controller: AbortableController): void {
    // While a write is on its way, an abort is known by this signal only.
    controller.signal?.addEventListener('abort', () => {
      this.#output = 'broken';
      this.#stream.destroy();
    });
  }

  async pull(controller: ReadableByteStreamController): Promise<void> {
    let bytes: Uint8Array | null;
    try {
      bytes = await this.#stream.read({ signal: this.#reading.signal });
    } catch (error) {
      this.#endInput();
      throw error;
    }
    if (this.#input === 'cancelled') return;
    if (bytes !== null) {
      controller.enqueue(bytes);
      return;
    }
    controller.close();
    // A BYOB reader that waits has to be given its array back.
    controller.byobRequest?.respond(0);
    this.#endInput();
  }

  async cancel(): Promise<void> {
    this.#input = 'cancelled';
    this.#reading.abort();
    await this.#release();
  }

  async write(chunk: unknown): Promise<void> {
    try {
      if (!(chunk instanceof Uint8Array))
        throw new TlsUsageError(`toWeb: expected chunks that are a Uint8Array, got ${typeof chunk}`);
      await this.#stream.write(chunk);
    } catch (error) {
      this.#breakOutput();
      throw error;
    }
  }

  async close(): Promise<void> {
    try {
      // Where nobody reads, only close() does while the last bytes are waiting.
      if (this.#input !== 'cancelled') await this.#stream.closeWrite();
    } catch (error) {
      this.#breakOutput();
      throw error;
    }
    this.#output = 'ended';
    await this.#release();
  }

  #endInput(): void {
    if (this.#input === 'open') this.#input = 'over';
    // Both directions have been told how they ended: nobody is left to be told about this.
    this.#release().catch(() => {});
  }

  #breakOutput(): void {
    this.#output = 'broken';
    this.#release().catch(() => {});
  }

  /** Gives the stream back when both sides are over: politely, unless what was written may be cut. */
  async #release(): Promise<void> {
    if (this.#input === 'open' || this.#output === 'open') return;
    if (this.#output === 'ended') await this.#stream.close();
    else this.#stream.destroy();
  }
}
