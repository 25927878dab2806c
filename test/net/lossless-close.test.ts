import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import {
  connect as connectNode,
  createServer as createNodeServer,
  type Server,
  type TLSSocket,
} from 'node:tls';
import { afterEach, describe, expect, test } from 'vitest';
import { TlsTruncatedError } from '../../src/base/errors.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import type { ServerOptions } from '../../src/net/config.ts';
import { connect as connectTo } from '../../src/net/connect.ts';
import { type ListenSettings, listen as listenOn, type TlsListener } from '../../src/net/listen.ts';
import type { TlsStream } from '../../src/streams/tls-stream.ts';
import { numbered, readToEnd } from '../support/bytes.ts';
import { turnsOfTheEventLoop } from '../support/sockets.ts';
import { rootPem, serverPem } from '../support/tls-endpoints.ts';

const rounds = 10;
const listeners = new Set<TlsListener>();
const servers = new Set<Server>();

afterEach(async () => {
  for (const listener of listeners) await listener.close();
  for (const server of servers) server.close();
  listeners.clear();
  servers.clear();
});

async function listen(options: Partial<ServerOptions> & ListenSettings = {}): Promise<TlsListener> {
  const listener = await listenOn({ host: '127.0.0.1', identity: serverPem, ...options }, nodeCrypto);
  listeners.add(listener);
  return listener;
}

function connect(port: number): Promise<TlsStream> {
  return connectTo({ host: '127.0.0.1', port, ca: rootPem, sessions: false }, nodeCrypto);
}

/** OpenSSL writes two tickets at the end of every handshake, unasked: that is what a write-only client has to survive. */
async function nodeServer(onConnection: (socket: TLSSocket) => void): Promise<number> {
  const server = createNodeServer({ ...serverPem, minVersion: 'TLSv1.3', allowHalfOpen: true }, onConnection);
  servers.add(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

describe('a write-only client', () => {
  test.each([1, 16_384, 1_000_000, 4_000_000])(
    'loses nothing to a server that writes tickets unasked and reads late: %i bytes',
    async (length) => {
      const data = numbered(length);
      let received: Promise<{ bytes: Buffer; ended: boolean }> = Promise.reject(new Error('no connection'));
      received.catch(() => {});
      const port = await nodeServer((socket) => {
        received = (async () => {
          await turnsOfTheEventLoop(50);
          const parts: Buffer[] = [];
          let ended = false;
          socket.on('data', (part: Buffer) => parts.push(part));
          socket.on('error', () => {});
          socket.on('end', () => {
            ended = true;
            // What a server says at its end must not hurt either.
            socket.end('200 OK');
          });
          await once(socket, 'close');
          return { bytes: Buffer.concat(parts), ended };
        })();
      });
      for (let round = 0; round < rounds; round++) {
        const client = await connect(port);
        await client.write(data);
        const report = await client.close();
        expect(report.ended).toBe('close_notify');
        const { bytes, ended } = await received;
        expect({ ended, complete: bytes.equals(data) }).toEqual({ ended: true, complete: true });
      }
    },
  );

  test('of another stack loses nothing to a Tacit server that reads late', async () => {
    const listener = await listen();
    const data = numbered(1_000_000);
    for (let round = 0; round < rounds; round++) {
      const { host, port } = listener.address;
      const socket = connectNode({ host, port, ca: rootPem, minVersion: 'TLSv1.3' });
      socket.on('error', () => {});
      socket.pause();
      const server = await listener.accept();
      const handshake = server.handshake();
      await once(socket, 'secureConnect');
      socket.end(data);
      await handshake;
      await turnsOfTheEventLoop(50);
      const bytes = await readToEnd(server);
      expect(Buffer.compare(bytes, data)).toBe(0);
      socket.resume();
      await server.close();
    }
  });

  test('of another stack that goes without a word is truncated, and keeps what it sent', async () => {
    const listener = await listen();
    const { host, port } = listener.address;
    const socket = connectNode({ host, port, ca: rootPem, minVersion: 'TLSv1.3' });
    const server = await listener.accept();
    void server.handshake();
    await once(socket, 'secureConnect');
    const written = new Promise((resolve) => socket.write(numbered(10_000), resolve));
    await written;
    const parts: Uint8Array[] = [];
    const reading = (async () => {
      for await (const bytes of server) parts.push(bytes);
    })();
    await turnsOfTheEventLoop();
    socket.destroy();
    await expect(reading).rejects.toBeInstanceOf(TlsTruncatedError);
    expect(Buffer.concat(parts).equals(numbered(10_000))).toBe(true);
    await server.close();
  });
});

describe('a server that closes while its client is still writing', () => {
  test('loses nothing of its answer', async () => {
    const listener = await listen({ drain: { bytes: 1e9 } });
    const answer = numbered(500_000);
    for (let round = 0; round < rounds; round++) {
      const connecting = connect(listener.address.port);
      const server = await listener.accept();
      await server.handshake();
      const client = await connecting;
      const upload = client.write(numbered(4_000_000));
      const answered = server.write(answer).then(() => server.close());
      await turnsOfTheEventLoop(20);
      expect(Buffer.compare(await readToEnd(client), answer)).toBe(0);
      await upload;
      await client.close();
      expect(await answered).toMatchObject({ ended: 'close_notify' });
    }
  });

  test.each([
    { what: 'read to its end', drain: { bytes: 1e9 }, length: 4_000_000 },
    { what: 'held at the byte bound', drain: { timeout: 300 }, length: 32_000_000 },
  ])('its alert reaches the client, whatever is on its way: $what', async ({ drain, length }) => {
    const listener = await listen({ clientAuthentication: 'require', ca: rootPem, drain });
    const data = new Uint8Array(length);
    for (let round = 0; round < rounds; round++) {
      const connecting = connect(listener.address.port);
      const server = await listener.accept();
      const refused = server.handshake().catch((reason: unknown) => reason);
      const client = await connecting;
      const error = await client.write(data).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ alert: 'certificate_required', direction: 'received' });
      await expect(client.read()).rejects.toBe(error);
      await expect(client.close()).rejects.toBe(error);
      expect(await refused).toMatchObject({ name: 'TlsCertificateError', check: 'missing' });
      await expect(server.close()).rejects.toBe(await refused);
    }
  });
});
