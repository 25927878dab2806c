import type { TlsConnection } from '../../../src/connection/tls-connection.ts';
import type { ByteStream, CloseReport } from '../../../src/streams/byte-stream.ts';
import { ClosedError } from '../../../src/streams/errors.ts';
import type { TestStream } from '../../../src/testing.ts';

/** TLS as programs use it elsewhere: it reads of the transport only when the program reads, and closes without draining. */
export class ForeignStream implements ByteStream {
  readonly #engine: TlsConnection;
  readonly #transport: TestStream;
  readonly #received: Uint8Array[] = [];
  #hasEnded = false;
  #failure: Error | undefined;
  #hasSaidFarewell = false;

  constructor(engine: TlsConnection, transport: TestStream) {
    this.#engine = engine;
    this.#transport = transport;
  }

  async handshake(): Promise<void> {
    this.#pull();
    await this.#flush();
    while (this.#engine.handshakeInfo === undefined) await this.#readMore();
  }

  async read(): Promise<Uint8Array | null> {
    for (;;) {
      const bytes = this.#received.shift();
      if (bytes !== undefined) return bytes;
      if (this.#hasEnded) return null;
      await this.#readMore();
    }
  }

  async write(data: Uint8Array | readonly Uint8Array[]): Promise<void> {
    if (this.#hasSaidFarewell) throw new ClosedError('Nothing can be written any more');
    this.#engine.send(data);
    await this.#flush();
  }

  /** Asks for new keys of the peer. */
  async updateKeys(): Promise<void> {
    this.#engine.updateKeys();
    await this.#flush();
  }

  async closeWrite(): Promise<void> {
    if (this.#hasSaidFarewell) return;
    this.#hasSaidFarewell = true;
    this.#engine.closeWrite();
    await this.#flush();
    await this.#transport.closeWrite();
  }

  async close(): Promise<CloseReport> {
    if (!this.#hasSaidFarewell) {
      this.#hasSaidFarewell = true;
      this.#engine.closeWrite();
      await this.#flush();
    }
    this.#transport.kernelClose();
    return { ended: 'fin', discardedBytes: 0 };
  }

  destroy(): void {
    this.#transport.destroy();
  }

  async *[Symbol.asyncIterator](): AsyncIterableIterator<Uint8Array> {
    for (let bytes = await this.read(); bytes !== null; bytes = await this.read()) yield bytes;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #readMore(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    const bytes = await this.#transport.read();
    if (bytes === null) this.#engine.receiveEnd();
    else this.#engine.receive(bytes);
    this.#pull();
    await this.#flush();
  }

  #pull(): void {
    for (let event = this.#engine.next(); event !== undefined; event = this.#engine.next()) {
      if (event.type === 'data') this.#received.push(event.data);
      else if (event.type === 'end') this.#hasEnded = true;
      else if (event.type === 'failed') this.#failure = event.error;
    }
  }

  async #flush(): Promise<void> {
    const parts = this.#engine.takeOutput();
    if (parts.length > 0) await this.#transport.write(parts);
  }
}

/** The transport without TLS, but each `closeWrite` and `close` writes one byte first, which its peer does not show. */
export class FarewellStream implements ByteStream {
  readonly #transport: TestStream;
  readonly #drains: boolean;
  #peer: FarewellStream = this;
  #written = 0;
  #read = 0;
  /** How many bytes came before it. */
  #farewellAt: number | undefined;

  /** @param drains whether the first end, and the second, closes politely */
  static pair(
    transports: readonly [TestStream, TestStream],
    drains: readonly [boolean, boolean],
  ): [FarewellStream, FarewellStream] {
    const ends: [FarewellStream, FarewellStream] = [
      new FarewellStream(transports[0], drains[0]),
      new FarewellStream(transports[1], drains[1]),
    ];
    ends[0].#peer = ends[1];
    ends[1].#peer = ends[0];
    return ends;
  }

  private constructor(transport: TestStream, drains: boolean) {
    this.#transport = transport;
    this.#drains = drains;
  }

  async read(): Promise<Uint8Array | null> {
    for (;;) {
      const bytes = await this.#transport.read();
      if (bytes === null) return null;
      const count = Math.min(bytes.length, (this.#peer.#farewellAt ?? Number.POSITIVE_INFINITY) - this.#read);
      this.#read += count;
      if (count > 0) return bytes.slice(0, count);
    }
  }

  async write(data: Uint8Array): Promise<void> {
    this.#written += data.length;
    await this.#transport.write(data);
  }

  async closeWrite(): Promise<void> {
    await Promise.all([this.#sayFarewell(), this.#transport.closeWrite()]);
  }

  async close(): Promise<CloseReport> {
    const said = this.#sayFarewell();
    if (this.#drains) {
      said.catch(() => {});
      return this.#transport.close();
    }
    await said;
    this.#transport.kernelClose();
    return { ended: 'fin', discardedBytes: 0 };
  }

  destroy(): void {
    this.#transport.destroy();
  }

  async *[Symbol.asyncIterator](): AsyncIterableIterator<Uint8Array> {
    for (let bytes = await this.read(); bytes !== null; bytes = await this.read()) yield bytes;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #sayFarewell(): Promise<void> {
    if (this.#farewellAt !== undefined) return;
    this.#farewellAt = this.#written;
    await this.#transport.write(new Uint8Array(1));
  }
}
