import { once } from 'node:events';
import net from 'node:net';
import { Duplex } from 'node:stream';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import {
  bytesOf,
  closeServers,
  faces,
  identity,
  leaf,
  listening,
  makeLocalhost,
  pairs,
  root,
  to,
} from '../support/node-faces.ts';

beforeAll(makeLocalhost);
afterEach(closeServers);

describe.each(pairs)('a client of %s at a server of %s', (clientName, serverName) => {
  const [client, server] = [faces[clientName], faces[serverName]];

  test.each(['TLSv1.3', 'TLSv1.2'] as const)('talk %s, and end', async (maxVersion) => {
    const accepted: TLSSocket[] = [];
    const { port } = await listening(server, { ...identity(), ALPNProtocols: ['b', 'a'] }, (socket) => {
      accepted.push(socket);
      socket.pipe(socket);
    });
    const socket = client.connect({ ...to(port), maxVersion, ALPNProtocols: ['a', 'c'] });
    expect(socket.connecting).toBe(true);
    await once(socket, 'secureConnect');
    expect(socket).toMatchObject({
      authorized: true,
      authorizationError: null,
      encrypted: true,
      alpnProtocol: 'a',
      servername: 'localhost',
      connecting: false,
      remoteAddress: '127.0.0.1',
      remoteFamily: 'IPv4',
      remotePort: port,
    });
    expect(socket.getProtocol()).toBe(maxVersion);
    expect(socket.getPeerCertificate().subject.CN).toBe('Test Server');
    expect(socket.getPeerCertificate().raw).toEqual(Buffer.from(leaf.der));
    expect(socket.getPeerX509Certificate()?.raw).toEqual(Buffer.from(leaf.der));
    // Node's own is empty now.
    if (clientName === 'tacit') expect(socket.getPeerCertificate().subject.CN).toBe('Test Server');
    expect(socket.getCipher().version).toBe(maxVersion);
    expect(socket.getEphemeralKeyInfo()).toMatchObject({ type: 'ECDH', name: 'X25519' });
    expect(socket.isSessionReused()).toBe(false);
    socket.write('he');
    socket.end('llo');
    expect(String(await bytesOf(socket))).toBe('hello');
    await once(socket, 'close');
    expect(socket.bytesRead).toBe(5);
    expect(accepted).toHaveLength(1);
    expect(accepted[0]).toMatchObject({
      servername: 'localhost',
      alpnProtocol: 'a',
      authorized: false,
      authorizationError: null,
    });
  });

  test('derive the same keying material', async () => {
    const derived = (socket: TLSSocket): string =>
      socket.exportKeyingMaterial(32, 'EXPORTER-test', Buffer.from('context')).toString('hex');
    const theirs = new Promise<string>((resolve) => {
      void listening(server, identity(), (socket) => {
        resolve(derived(socket));
        socket.end();
      }).then(({ port }) => {
        const socket = client.connect(to(port), () => {
          mine = derived(socket);
        });
        socket.resume();
      });
    });
    let mine = '';
    expect(await theirs).toMatch(/^[0-9a-f]{64}$/);
    await expect.poll(() => mine).toBe(await theirs);
  });

  test('lose nothing of 4 MB, against a reader that pauses', async () => {
    const sent = Buffer.alloc(4_000_000, 'abcdefg');
    const { port } = await listening(server, identity(), (socket) => socket.end(sent));
    const socket = client.connect(to(port));
    await once(socket, 'secureConnect');
    const parts: Buffer[] = [];
    socket.on('data', (data: Buffer) => {
      parts.push(data);
      socket.pause();
      setImmediate(() => socket.resume());
    });
    await once(socket, 'end');
    expect(Buffer.concat(parts).equals(sent)).toBe(true);
  });

  test('resume a session that the client was given', async () => {
    const { port } = await listening(server, identity(), (socket) => socket.end('x'));
    const first = client.connect(to(port));
    const [session] = (await Promise.all([once(first, 'session'), bytesOf(first)]))[0] as [Buffer];
    const second = client.connect({ ...to(port), session });
    await once(second, 'secureConnect');
    expect(second.isSessionReused()).toBe(true);
    expect(second.authorized).toBe(true);
    // Node's own does not have it any more.
    if (clientName === 'tacit') expect(second.getPeerCertificate().raw).toEqual(Buffer.from(leaf.der));
    expect(String(await bytesOf(second))).toBe('x');
    const third = client.connect({ ...to(port), session: Buffer.from('no session') });
    await once(third, 'secureConnect');
    expect(third.isSessionReused()).toBe(false);
    await bytesOf(third);
  });

  test('agree over a duplex that is no socket, and over TLS', async () => {
    const { port } = await listening(server, identity(), (outer) => {
      // Inside of the first connection there is another one.
      const inner = new server.TLSSocket(outer, {
        isServer: true,
        secureContext: server.createSecureContext(identity()),
      });
      inner.on('data', (data) => inner.end(`inner ${data}`));
    });
    const outer = client.connect(to(port));
    await once(outer, 'secureConnect');
    const inner = client.connect({ socket: outer, servername: 'localhost', ca: root.pem });
    await once(inner, 'secureConnect');
    inner.write('hello');
    expect(String(await bytesOf(inner))).toBe('inner hello');
    inner.end();

    const { port: plain } = await listening(server, identity(), (socket) => socket.end('through a duplex'));
    const raw = net.connect(plain, '127.0.0.1');
    const duplex = new Duplex({
      read: () => {},
      write: (data, _encoding, done) => raw.write(data, done),
      final: (done) => raw.end(done),
    });
    raw.on('data', (data) => duplex.push(data)).on('end', () => duplex.push(null));
    const socket = client.connect({ socket: duplex, servername: 'localhost', ca: root.pem });
    await once(socket, 'secureConnect');
    expect(String(await bytesOf(socket))).toBe('through a duplex');
    socket.end();
  });

  test('end over a duplex that has no end, with all that was written', async () => {
    const received = new Promise<string>((resolve) => {
      void listening(server, identity(), (socket) => void bytesOf(socket).then(String).then(resolve)).then(
        ({ port }) => {
          const raw = net.connect(port, '127.0.0.1');
          // Neither `final` nor an end of what can be read.
          const duplex = new Duplex({
            read: () => {},
            write: (data, _encoding, done) => raw.write(data, done),
          });
          raw.on('data', (data) => duplex.push(data)).on('end', () => raw.end());
          duplex.on('close', () => raw.destroy());
          const socket = client.connect({ socket: duplex, servername: 'localhost', ca: root.pem });
          socket.once('secureConnect', () => socket.end('all of it')).resume();
          duplex.once('close', () => closed());
        },
      );
    });
    let closed = (): void => {};
    const closing = new Promise<void>((resolve) => {
      closed = resolve;
    });
    expect(await received).toBe('all of it');
    await closing;
  });

  test('begin behind an answer in the clear, as packages for STARTTLS do', async () => {
    const { createSecureContext, TLSSocket: Secure } = server;
    const listener = net.createServer((raw) => {
      raw.once('data', () => {
        raw.write('GO', () => {
          // As smtp-server does: its server is none of TLS, and says nothing about it.
          const secureContext = createSecureContext(identity());
          const socket = new Secure(raw, { isServer: true, secureContext, server: listener });
          socket.on('data', (data) => socket.end(`secret ${data}`));
        });
      });
    });
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const raw = net.connect((listener.address() as net.AddressInfo).port, '127.0.0.1');
    raw.write('STARTTLS');
    await once(raw, 'data');
    // As undici and nodemailer do.
    const none = { servername: null, session: null } as unknown as ConnectionOptions;
    const socket = client.connect({ ...none, host: 'localhost', socket: raw, ca: root.pem });
    raw.resume();
    // As Node's agent does behind a proxy.
    raw.on('readable', () => raw.read());
    socket.write('hello');
    expect(String(await bytesOf(socket))).toBe('secret hello');
    socket.end();
    listener.close();
  });
});
