import { once } from 'node:events';
import net from 'node:net';
import type { TLSSocket } from 'node:tls';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { closeServers, faces, identity, listening, makeLocalhost, to } from '../support/node-faces.ts';

beforeAll(makeLocalhost);

const open: net.Server[] = [];
afterEach(async () => {
  await closeServers();
  for (const listener of open.splice(0)) listener.close();
});

/** What a program hears that makes the TLSSocket of each connection itself, and listens to nothing but these. */
async function heardOf(
  tls: (typeof faces)['node'],
  client: (raw: net.Socket) => void,
  use: (socket: TLSSocket) => void = () => {},
): Promise<string[]> {
  const heard: string[] = [];
  const secureContext = tls.createSecureContext(identity());
  const closed = new Promise<void>((resolve) => {
    const listener = net.createServer((raw) => {
      const socket = new tls.TLSSocket(raw, { isServer: true, secureContext });
      socket.on('_tlsError', ({ code }: NodeJS.ErrnoException) => heard.push(`_tlsError ${code}`));
      socket.on('close', (hadError) => {
        heard.push(`close ${hadError}`);
        resolve();
      });
      use(socket);
    });
    open.push(listener);
    listener.listen(0, '127.0.0.1', () => {
      const raw = net.connect((listener.address() as net.AddressInfo).port, '127.0.0.1');
      raw.on('error', () => {}).resume();
      client(raw);
    });
  });
  await closed;
  return heard;
}

describe.each(['node', 'tacit'] as const)(
  'a socket of %s on a connection that a program accepts itself',
  (name) => {
    const junk = (raw: net.Socket): void => void raw.end(Buffer.alloc(1024, 42));

    test('ends no process where a stranger speaks no TLS', async () => {
      expect(await heardOf(faces[name], junk)).toEqual([
        '_tlsError ERR_SSL_WRONG_VERSION_NUMBER',
        'close true',
      ]);
    });

    test('nor where there is something to be written to it', async () => {
      const heard = await heardOf(faces[name], junk, (socket) => socket.write('220 ready'));
      // Node's library says that it is in an error state already.
      const code = name === 'node' ? 'EPROTO' : 'ERR_SSL_WRONG_VERSION_NUMBER';
      expect(heard).toEqual([`_tlsError ${code}`, 'close true']);
    });

    test('nor where it resets', async () => {
      const heard = await heardOf(faces[name], (raw) => raw.once('connect', () => raw.resetAndDestroy()));
      expect(heard).toEqual(['_tlsError ECONNRESET', 'close true']);
    });

    test('and tells who listens to `error` the same', async () => {
      let code: string | undefined;
      const heard = await heardOf(faces[name], junk, (socket) => {
        socket.on('error', (error: NodeJS.ErrnoException) => {
          code = error.code;
        });
      });
      expect([code, ...heard]).toEqual([
        'ERR_SSL_WRONG_VERSION_NUMBER',
        '_tlsError ERR_SSL_WRONG_VERSION_NUMBER',
        'close true',
      ]);
    });
  },
);

describe.each(['node', 'tacit'] as const)('a socket of %s above one that a program destroys', (name) => {
  const { [name]: tls } = faces;

  test('closes without an error, though what has come is not read', async () => {
    const server = tls.createServer(identity());
    const accepted: Promise<[TLSSocket, net.Socket]> = new Promise((resolve) => {
      const listener = net.createServer((raw) => {
        server.once('secureConnection', (socket) => resolve([socket, raw]));
        server.emit('connection', raw);
      });
      open.push(listener);
      listener.listen(0, '127.0.0.1', () => {
        const client = faces.tacit.connect(to((listener.address() as net.AddressInfo).port));
        client.on('error', () => {}).write('foo');
      });
    });
    const [socket, raw] = await accepted;
    await once(socket, 'readable');
    const heard: string[] = [];
    for (const event of ['end', 'error', 'close']) socket.on(event, () => heard.push(event));
    raw.destroy();
    await once(raw, 'close');
    expect(socket.destroyed).toBe(true);
    await expect.poll(() => heard).toEqual(['close']);
  });

  test('tells of a write that it has not taken, though nobody gave a callback', async () => {
    const { port } = await listening(faces.node, identity(), (peer) => peer.resume());
    const raw = net.connect(port, '127.0.0.1');
    const socket = tls.connect({ ...to(port), socket: raw });
    await once(socket, 'secureConnect');
    const failed = once(socket, 'error');
    socket.write(Buffer.alloc(50_000_000));
    setImmediate(() => raw.destroy());
    expect((await failed)[0]).toMatchObject({ code: 'ECANCELED' });
  });

  test('tells its error', async () => {
    const { port } = await listening(faces.node, identity());
    const raw = net.connect(port, '127.0.0.1');
    const socket = tls.connect({ ...to(port), socket: raw });
    await once(socket, 'secureConnect');
    const failed = once(socket, 'error');
    raw.destroy(Object.assign(new Error('too slow'), { code: 'OWN_REASON' }));
    expect((await failed)[0]).toMatchObject({ code: 'OWN_REASON' });
  });
});
