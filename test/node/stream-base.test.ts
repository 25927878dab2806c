import { once } from 'node:events';
import http2, { type ClientHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { buffer } from 'node:stream/consumers';
import type { TLSSocket } from 'node:tls';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { offerStreamBase } from '../../src/node/stream-base.ts';
import { closeServers, faces, identity, listening, makeLocalhost, to } from '../support/node-faces.ts';

beforeAll(makeLocalhost);
afterEach(closeServers);

const ALPNProtocols = ['h2'];

/** A secure socket of ours whose peer is ours too, and what the server's socket of Node's own http2 answers. */
async function session(
  onStream: (stream: ServerHttp2Stream) => void,
): Promise<{ socket: TLSSocket; client: ClientHttp2Session }> {
  const server = http2.createServer();
  server.on('stream', onStream);
  const { port } = await listening(faces.tacit, { ...identity(), ALPNProtocols }, (socket) => {
    offerStreamBase(socket);
    server.emit('connection', socket);
  });
  const socket = faces.tacit.connect({ ...to(port), ALPNProtocols });
  await once(socket, 'secureConnect');
  offerStreamBase(socket);
  const client = http2.connect('https://localhost', { createConnection: () => socket });
  return { socket, client };
}

describe('node:http2 over sockets with a stream base of ours', () => {
  test('takes the sockets themselves, and shows them', async () => {
    const { socket, client } = await session((stream) => {
      const { encrypted, alpnProtocol } = stream.session!;
      const { remotePort } = stream.session!.socket;
      stream.respond({ said: JSON.stringify({ encrypted, alpnProtocol, remotePort }) });
      stream.end();
    });
    const request = client.request();
    const [headers] = await once(request, 'response');
    expect(JSON.parse(headers.said)).toEqual({
      encrypted: true,
      alpnProtocol: 'h2',
      remotePort: socket.localPort,
    });
    expect([client.encrypted, client.alpnProtocol]).toEqual([true, 'h2']);
    const shown = client.socket as TLSSocket;
    expect(Object.getPrototypeOf(shown)).toBe(Object.getPrototypeOf(socket));
    expect(shown.getPeerCertificate().subject).toEqual(socket.getPeerCertificate().subject);
    expect(shown.getProtocol()).toBe('TLSv1.3');
    request.resume();
    client.close();
    await once(client, 'close');
  });

  test('moves 5 MB each way at once, and closes in order', async () => {
    const body = Buffer.alloc(5_000_000, 'both ways ');
    const { socket, client } = await session((stream) => {
      stream.respond();
      stream.pipe(stream);
    });
    const request = client.request({ ':method': 'POST' });
    request.end(body);
    expect((await buffer(request)).equals(body)).toBe(true);
    const ended: string[] = [];
    socket.on('end', () => ended.push('end')).on('error', (error) => ended.push(error.message));
    client.close();
    await once(client, 'close');
    expect(ended).toEqual(['end']);
    expect(socket.destroyed).toBe(true);
  });

  test('learns that the socket is destroyed while a write is under way', async () => {
    let reachServer = (_stream: ServerHttp2Stream): void => {};
    const reached = new Promise<ServerHttp2Stream>((resolve) => {
      reachServer = resolve;
    });
    const { socket, client } = await session((stream) => {
      stream.on('error', () => {});
      reachServer(stream);
    });
    const errors: Error[] = [];
    client.on('error', (error) => errors.push(error));
    // Nothing of it is read, so that the windows and then the buffers fill up.
    const requests = Array.from({ length: 100 }, () => client.request({ ':method': 'POST' }));
    for (const request of requests) request.on('error', () => {}).write(Buffer.alloc(60_000));
    const stream = await reached;
    stream.session!.on('error', () => {});
    const closed = [client, stream.session!].map(
      (one) => new Promise((resolve) => one.once('close', resolve)),
    );
    socket.destroy(new Error('of the program'));
    await Promise.all(closed);
    expect(errors.map(({ message }) => message)).toEqual(['of the program']);
  });
});

test('a look at the handle takes nothing of what is received', async () => {
  const { port } = await listening(faces.tacit, { ...identity(), ALPNProtocols }, (socket) => {
    socket.end('for the program');
  });
  const socket = faces.tacit.connect({ ...to(port), ALPNProtocols });
  offerStreamBase(socket);
  await once(socket, 'secureConnect');
  expect((socket as unknown as { _handle: unknown })._handle).toBeTruthy();
  expect(socket.readableFlowing).toBe(null);
  expect(String(await buffer(socket))).toBe('for the program');
  // As Node's.
  expect((socket as unknown as { _handle: unknown })._handle).toBe(null);
});

test('a socket that gives strings is refused', async () => {
  const { port } = await listening(faces.tacit, { ...identity(), ALPNProtocols }, (socket) => {
    socket.end('text');
  });
  const socket = faces.tacit.connect({ ...to(port), ALPNProtocols });
  offerStreamBase(socket);
  socket.setEncoding('latin1');
  const { isStreamBase } = (socket as unknown as { _handle: { isStreamBase: boolean } })._handle;
  expect(isStreamBase).toBe(true);
  const [error] = await once(socket, 'error');
  expect(error.code).toBe('ERR_STREAM_WRAP');
});
