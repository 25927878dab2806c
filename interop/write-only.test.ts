// Clients of every stack that upload and close without reading: to Tacit they lose nothing.

import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listen, serve, type TlsListener, type TlsStream, TlsTruncatedError } from '../src/index.ts';
import { startDriverSink } from './support/driver.ts';
import { nodeProgram } from './support/peers.ts';
import { certificates } from './support/run.ts';
import { identity } from './support/tacit.ts';
import {
  atMost,
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
  let peer: WriteOnlyProcess;

  beforeAll(async () => {
    server = await SlowServer.start();
    peer = new WriteOnlyProcess(client, server.port, source);
  });

  afterAll(async () => {
    await peer.stop();
    await server.stop();
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
