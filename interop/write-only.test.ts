// Clients of every stack that upload and close without reading: to Tacit they lose nothing.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import type { Server, TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listen, serve, type TlsListener, type TlsStream, TlsTruncatedError } from '../src/index.ts';
import tls from '../src/node.ts';
import { startDriverSink } from './support/driver.ts';
import { nodeProgram } from './support/peers.ts';
import { certificates } from './support/run.ts';
import { identity } from './support/tacit.ts';
import {
  atMost,
  type Upload,
  UploadSource,
  uploads,
  type WriteOnlyClient,
  WriteOnlyProcess,
  writeOnlyClients,
} from './support/write-only.ts';

const source = new UploadSource('write-only');

/** How long a reader lets a client that cannot close before it is read wait for the first read. */
const patience = 50;

interface Arrival {
  readonly bytes: number;
  readonly sha256: string;
  readonly error: unknown;
}

for (const client of writeOnlyClients) {
  const name = titleOf(client);
  describe.skipIf(client.missing !== undefined)(`write-only ${name}`, () => uploading(client));
}

function titleOf({ name, version, ending, missing }: WriteOnlyClient): string {
  return `${name}, ${version}, ${ending}${missing ? ` (${missing})` : ''}`;
}

function uploading(client: WriteOnlyClient): void {
  let server: SlowServer;
  let face: FaceServer;
  let peer: WriteOnlyProcess;

  beforeAll(async () => {
    server = await SlowServer.start();
    face = await FaceServer.start();
    peer = new WriteOnlyProcess(client, server.port, source);
  });

  afterAll(async () => {
    await peer.stop();
    await server.stop();
    await face.stop();
  });

  test.each(uploads[client.version])('$rounds × $bytes bytes to Tacit', async ({ bytes, rounds }) => {
    for (let round = 0; round < rounds; round++) {
      const closed = peer.upload(bytes);
      const arrival = await server.receive(closed);
      await closed;
      expect(arrival).toMatchObject({ bytes, sha256: source.hash(bytes) });
      if (client.ending === 'close_notify') expect(arrival.error).toBeUndefined();
      else expect(arrival.error).toBeInstanceOf(TlsTruncatedError);
    }
  });

  const { bytes, rounds } = ofTheFace[client.version];
  test(`${rounds} × ${bytes} bytes to the face of node:tls`, async () => {
    const other = new WriteOnlyProcess(client, face.port, source);
    for (let round = 0; round < rounds; round++) {
      const closed = other.upload(bytes);
      const arrival = await face.receive(closed);
      await closed;
      expect(arrival).toMatchObject({ bytes, sha256: source.hash(bytes) });
      const code = (arrival.error as NodeJS.ErrnoException | undefined)?.code;
      expect(code).toBe(
        client.ending === 'close_notify' ? undefined : 'ERR_SSL_UNEXPECTED_EOF_WHILE_READING',
      );
    }
    await other.stop();
  });
}

const ofTheFace: Readonly<Record<WriteOnlyClient['version'], Upload>> = {
  'TLSv1.2': { bytes: 256 * 1024, rounds: 10 },
  'TLSv1.3': { bytes: 256 * 1024, rounds: 100 },
};

/** A server written for `node:tls`, whose import says `tacit-tls/node`. It reads late. */
class FaceServer {
  readonly #server: Server;
  #arrived: ((arrival: Arrival) => void) | undefined;
  #closed: Promise<void> | undefined;

  static async start(): Promise<FaceServer> {
    const { cert, intermediates, key } = certificates.server();
    const chain = [cert, intermediates].map((path) => readFileSync(path)).join('\n');
    const face = new FaceServer(tls.createServer({ cert: chain, key: readFileSync(key) }));
    face.#server.listen(0, '127.0.0.1');
    await once(face.#server, 'listening');
    return face;
  }

  private constructor(server: Server) {
    this.#server = server;
    server.on('secureConnection', (socket) => void this.#receive(socket));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Everything that the next connection brings. */
  receive(closed: Promise<void>): Promise<Arrival> {
    this.#closed = closed;
    return new Promise((resolve) => {
      this.#arrived = resolve;
    });
  }

  async stop(): Promise<void> {
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #receive(socket: TLSSocket): Promise<void> {
    await atMost(patience, this.#closed!);
    const hash = createHash('sha256');
    let bytes = 0;
    const error = await new Promise((resolve) => {
      socket.on('data', (data: Buffer) => {
        hash.update(data);
        bytes += data.length;
      });
      socket.on('end', () => resolve(undefined));
      socket.on('error', resolve);
    });
    this.#arrived?.({ bytes, sha256: hash.digest('hex'), error });
  }
}

/** A Tacit server that reads late and slowly. */
class SlowServer {
  readonly #listener: TlsListener;
  readonly #serving: Promise<void>;
  /** Whoever waits for the next connection, with when its client has closed. */
  #next: { readonly closed: Promise<void>; readonly arrived: (arrival: Arrival) => void } | undefined;

  static async start(): Promise<SlowServer> {
    return new SlowServer(
      await listen({ host: '127.0.0.1', port: 0, identity: identity(certificates.server()) }),
    );
  }

  private constructor(listener: TlsListener) {
    this.#listener = listener;
    this.#serving = serve(listener, (stream) => this.#handle(stream), { onError: () => undefined });
  }

  get port(): number {
    return this.#listener.address.port;
  }

  async stop(): Promise<void> {
    await this.#listener.close();
    await this.#serving;
  }

  /** Everything that the next connection brings. */
  receive(closed: Promise<void>): Promise<Arrival> {
    return new Promise((arrived, reject) => {
      this.#next = { closed, arrived };
      closed.catch(reject);
    });
  }

  async #handle(stream: TlsStream): Promise<void> {
    const { closed, arrived } = this.#next!;
    let isClosed = false;
    const noticed = closed.finally(() => {
      isClosed = true;
    });
    await atMost(patience, noticed);
    const hash = createHash('sha256');
    let bytes = 0;
    let error: unknown;
    try {
      for (let data = await stream.read(); data !== null; data = await stream.read()) {
        hash.update(data);
        // While the client is there, the buffers between it and us are kept full.
        const before = bytes;
        bytes += data.length;
        if (!isClosed && before >> 20 !== bytes >> 20) await atMost(10, noticed);
      }
    } catch (reason) {
      error = reason;
    }
    arrived({ bytes, sha256: hash.digest('hex'), error });
    if (error !== undefined) throw error;
  }
}

// The control: what these tests would show if Tacit spoke out of turn. In TLS 1.2 nobody does.
const control = writeOnlyClients.filter(({ name, version }) => name !== 'Tacit' && version === 'TLSv1.3');
for (const client of control) {
  const name = titleOf(client);
  test.skipIf(client.missing !== undefined)(`the same ${name} to node:tls loses bytes`, async () => {
    const bytes = 1024 * 1024;
    const sink = await startDriverSink(nodeProgram, {
      versions: ['TLSv1.3'],
      identity: certificates.server(),
    });
    const peer = new WriteOnlyProcess(client, sink.port, source);
    const closed = peer.upload(bytes);
    await sink.accepted();
    await atMost(10_000, closed);
    sink.release();
    const [report] = await sink.reports(1);
    expect(report!.bytes).toBeLessThan(bytes);
    await peer.stop();
  });
}
