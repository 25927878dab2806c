// The client of the lab: a process of its own that only writes. It is not Tacit: its TLS is OpenSSL, by node:tls.

import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { type UploadSource, uploadChunks } from './lab-upload.ts';
import { onlyVersion, type TlsVersion } from './tls-version.ts';

/** The hidden command under which the program starts itself as the lab's client. */
export const clientRole = 'lab-client';

/** What the lab's client is told, as JSON in its one argument. */
export interface ClientOrder {
  readonly port: number;
  /** PEM: the certificate to trust. */
  readonly ca: string;
  /** The one that it speaks. */
  readonly version: TlsVersion;
  readonly upload: UploadSource;
}

/**
 * What the lab's client reports, as one line of JSON each. `bytesRead` is what its process has taken from the
 * kernel: if it is the same both times, nothing was read after the handshake.
 */
export type ClientReport =
  | { readonly event: 'stopped'; readonly bytesRead: number }
  | { readonly event: 'closed'; readonly bytesRead: number }
  | { readonly event: 'failed'; readonly message: string };

/** The TLS stack of the client, in the words of the table. */
export const clientStack = `node:tls (Node ${process.versions.node}, OpenSSL ${process.versions.openssl})`;

/** A TCP socket as a Duplex whose reading can be stopped at once, before another byte leaves the kernel. */
export class StoppableTransport extends Duplex {
  readonly #socket: Socket;
  readonly #onClose: (bytesRead: number) => void;
  #stopped = false;

  /** @param onClose told the bytes read in all, once the socket is closed */
  constructor(port: number, onClose: (bytesRead: number) => void) {
    super();
    this.#onClose = onClose;
    this.#socket = connectTcp({
      host: '127.0.0.1',
      port,
      onread: {
        buffer: Buffer.allocUnsafe(64 * 1024),
        // False stops the reading of the handle itself; pausing a stream would go on for another buffer.
        callback: (length, buffer) => {
          this.push(Buffer.from(buffer.subarray(0, length)));
          return !this.#stopped;
        },
      },
    });
    this.#socket.on('error', (error) => this.destroy(error));
    this.#socket.on('end', () => this.push(null));
  }

  /** How much has come from the kernel. */
  get bytesRead(): number {
    return this.#socket.bytesRead;
  }

  async connected(): Promise<void> {
    await once(this.#socket, 'connect');
  }

  /** @returns the bytes read until now */
  stopReading(): number {
    this.#stopped = true;
    this.#socket.pause();
    return this.#socket.bytesRead;
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, done);
  }

  /** All is in the kernel, close_notify included: now the close that does not look at what came. */
  override _final(done: (error?: Error | null) => void): void {
    this.#socket.destroy();
    this.#onClose(this.#socket.bytesRead);
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }
}

/** The client process: handshake, not one read more, the upload, close_notify, close. */
export async function runLabClient(args: readonly string[]): Promise<number> {
  try {
    await upload(JSON.parse(args[0] ?? '') as ClientOrder);
    return 0;
  } catch (error) {
    report({ event: 'failed', message: error instanceof Error ? error.message : String(error) });
    return 1;
  }
}

async function upload({ port, ca, version, upload }: ClientOrder): Promise<void> {
  const transport = await dial(port, (bytesRead) => report({ event: 'closed', bytesRead }));
  const tls = connectTls({ socket: transport, ca, servername: 'localhost', ...onlyVersion(version) });
  // Not by a promise: reading has to stop before the server has even seen our Finished.
  tls.on('secureConnect', () => report({ event: 'stopped', bytesRead: transport.stopReading() }));
  await once(tls, 'secureConnect');
  for await (const chunk of uploadChunks(upload)) {
    if (!tls.write(chunk)) await once(tls, 'drain');
  }
  tls.end();
  await once(tls, 'finish');
}

/** Connects; a server that is only just starting is given five seconds. */
export async function dial(port: number, onClose: (bytesRead: number) => void): Promise<StoppableTransport> {
  for (const deadline = Date.now() + 5_000; ; ) {
    const transport = new StoppableTransport(port, onClose);
    // Also heard by connected() as a rejection; without a listener the stream's own error would be uncaught.
    transport.on('error', () => {});
    try {
      await transport.connected();
      return transport;
    } catch (error) {
      transport.destroy();
      const refused = (error as NodeJS.ErrnoException).code === 'ECONNREFUSED';
      if (!refused || Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

function report(line: ClientReport): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
