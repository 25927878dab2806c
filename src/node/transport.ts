import { Socket } from 'node:net';
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
  /** Whether TLS itself has closed or destroyed it. */
  isLetGo = false;
  readonly #stream: ByteStream;
  readonly #isSocket: boolean;
  #hasPeerEnded = false;
  #isOutputEnded = false;
  /** Ends the read that waits. */
  #endRead: () => void = () => {};

  constructor(raw: Duplex) {
    this.#isSocket = raw instanceof Socket;
    this.#stream = fromDuplex(raw, { drain: { timeout: drainTimeout } });
  }

  get remoteAddress(): PeerAddress | undefined {
    return this.#stream.remoteAddress;
  }

  read(options?: CallOptions): Promise<Uint8Array | null> {
    const read = this.#stream.read(options);
    if (this.#isSocket) return read;
    return new Promise((resolve, reject) => {
      this.#endRead = () => resolve(null);
      read.then(resolve, reject);
      this.#checkOver();
    });
  }

  write(data: Uint8Array | readonly Uint8Array[], options?: CallOptions): Promise<void> {
    return this.#stream.write(data, options);
  }

  async closeWrite(options?: CallOptions): Promise<void> {
    await this.#stream.closeWrite(options);
    this.#isOutputEnded = true;
    this.#checkOver();
  }

  /**
   * The peer has said its end. Where we have said ours too, and all is handed over, a socket is still read until its FIN has
   * come, or it would answer with a reset (RFC 9293 §3.6.1). Other duplexes have no such thing, and some have no end at all.
   */
  peerEnded(): void {
    this.#hasPeerEnded = true;
    this.#checkOver();
  }

  close(options?: CallOptions): Promise<CloseReport> {
    this.isLetGo = true;
    return this.#stream.close(options);
  }

  destroy(): void {
    this.isLetGo = true;
    if (this.isGentle) this.#stream.close().catch(() => {});
    else this.#stream.destroy();
  }

  #checkOver(): void {
    if (this.#hasPeerEnded && this.#isOutputEnded) this.#endRead();
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<Uint8Array> {
    return this.#stream[Symbol.asyncIterator]();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stream[Symbol.asyncDispose]();
  }
}
