import type { Duplex } from 'node:stream';
import { fromDuplex } from '../net/from-duplex.ts';
import type { ByteStream, CallOptions, CloseReport, PeerAddress } from '../streams/byte-stream.ts';

/** How long the peer's end is waited for where the program waits for nothing any more, milliseconds. */
const drainTimeout = 2_000;

/**
 * What TLS runs on. Programs for Node destroy sockets whose last bytes are still under way, and expect them to arrive: once
 * `isGentle` is set, `destroy` ends the transport instead of resetting it. Without a close_notify before it, no TLS takes
 * that for an end.
 */
export class Transport implements ByteStream {
  isGentle = false;
  readonly #stream: ByteStream;

  constructor(raw: Duplex) {
    this.#stream = fromDuplex(raw, { drain: { timeout: drainTimeout } });
  }

  get remoteAddress(): PeerAddress | undefined {
    return this.#stream.remoteAddress;
  }

  read(options?: CallOptions): Promise<Uint8Array | null> {
    return this.#stream.read(options);
  }

  write(data: Uint8Array | readonly Uint8Array[], options?: CallOptions): Promise<void> {
    return this.#stream.write(data, options);
  }

  closeWrite(options?: CallOptions): Promise<void> {
    return this.#stream.closeWrite(options);
  }

  close(options?: CallOptions): Promise<CloseReport> {
    return this.#stream.close(options);
  }

  destroy(): void {
    if (this.isGentle) this.#stream.close().catch(() => {});
    else this.#stream.destroy();
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<Uint8Array> {
    return this.#stream[Symbol.asyncIterator]();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stream[Symbol.asyncDispose]();
  }
}
