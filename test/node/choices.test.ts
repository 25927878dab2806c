import { createPrivateKey, randomBytes } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import net from 'node:net';
import type { TLSSocket } from 'node:tls';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import tacitTls from '../../src/node.ts';
import { serverCertificate, type TestCertificate } from '../support/certificates.ts';
import {
  bytesOf,
  closeServers,
  faces,
  identity,
  listening,
  makeLocalhost,
  root,
  to,
} from '../support/node-faces.ts';

const { tacit, node } = faces;
let other: TestCertificate;
beforeAll(async () => {
  await makeLocalhost();
  other = await serverCertificate(root, { subject: 'CN=Other', names: ['localhost'] });
});
afterEach(closeServers);

/** Node's types of version 20 do not have it. */
interface Settable extends TLSSocket {
  setServername(name: unknown): void;
  setKeyCert(context: object): void;
}

function settable(socket: TLSSocket): Settable {
  return socket as Settable;
}

describe.each(['tacit', 'node'] as const)('ALPNCallback of %s', (name) => {
  const asked = async (
    ALPNCallback: (offer: object) => string | undefined,
    client: object,
  ): Promise<unknown> => {
    const { server, port } = await listening(faces[name], { ...identity(), ALPNCallback } as never);
    const failed = once(server, 'tlsClientError').then(([error]) => ({ server: error.code }));
    const socket = node.connect({ ...to(port), ...client });
    socket.on('error', () => {});
    const secured = once(socket, 'secureConnect').then(() => socket.alpnProtocol);
    secured.catch(() => {});
    const outcome = await Promise.race([secured.catch(() => failed), failed]);
    socket.destroy();
    return outcome;
  };

  test.each(['TLSv1.3', 'TLSv1.2'])('chooses among what a client of %s offers', async (maxVersion) => {
    const offers: object[] = [];
    const choose = (offer: object): string => {
      offers.push(offer);
      return 'b';
    };
    expect(await asked(choose, { ALPNProtocols: ['a', 'b'], maxVersion })).toBe('b');
    expect(offers).toEqual([{ servername: 'localhost', protocols: ['a', 'b'] }]);
  });

  test('is not asked by a client that offers nothing', async () => {
    const choose = (): never => {
      throw new Error('asked');
    };
    expect(await asked(choose, {})).toBe(false);
  });

  test('refuses a client by undefined', async () => {
    expect(await asked(() => undefined, { ALPNProtocols: ['a'] })).toMatchObject({
      server: expect.stringMatching(/^(ERR_SSL_NO_APPLICATION_PROTOCOL|ECONNRESET)$/),
    });
  });

  // Where Node ends the process instead.
  const isUncaught = name === 'node' && /^v20\.1\d\./.test(process.version);
  test.skipIf(isUncaught)('gives nothing that was not offered', async () => {
    expect(await asked(() => 'x', { ALPNProtocols: ['a'] })).toEqual({
      server: 'ERR_TLS_ALPN_CALLBACK_INVALID_RESULT',
    });
  });

  test('may give the socket another certificate', async () => {
    const context = faces[name].createSecureContext({ key: other.keyPem, cert: other.pem });
    const choose = function (this: Settable): string {
      this.setKeyCert(context);
      return 'a';
    };
    const { port } = await listening(faces[name], { ...identity(), ALPNCallback: choose } as never);
    for (const [ALPNProtocols, commonName] of [
      [['a'], 'Other'],
      [undefined, 'Test Server'],
    ] as const) {
      const socket = node.connect({
        ...to(port),
        ...(ALPNProtocols && { ALPNProtocols: [...ALPNProtocols] }),
      });
      await once(socket, 'secureConnect');
      expect(socket.getPeerCertificate().subject.CN).toBe(commonName);
      socket.destroy();
    }
  });

  test('must be a function, and the only choice', () => {
    const make = (options: object) => () => faces[name].createServer(options as never);
    // Node looks when the first client comes.
    if (name === 'tacit') expect(make({ ALPNCallback: 'a' })).toThrow(/options.ALPNCallback/);
    expect(make({ ALPNCallback: () => 'a', ALPNProtocols: ['a'] })).toThrow(
      expect.objectContaining({ code: 'ERR_TLS_ALPN_CALLBACK_WITH_PROTOCOLS', name: 'TypeError' }),
    );
  });
});

describe('keys of tickets', () => {
  const session = async (port: number, offered?: Buffer): Promise<{ session: Buffer; reused: boolean }> => {
    const socket = tacit.connect({ ...to(port), ...(offered && { session: offered }) });
    const [given] = (await Promise.all([once(socket, 'session'), bytesOf(socket)]))[0] as [Buffer];
    return { session: given, reused: socket.isSessionReused() };
  };

  test.each(['TLSv1.3', 'TLSv1.2'] as const)(
    'are shared by servers that have the same: %s',
    async (maxVersion) => {
      const options = { ...identity(), maxVersion, ticketKeys: randomBytes(48) };
      const [first, second, third] = await Promise.all([
        listening(tacit, options, (socket) => socket.end('x')),
        listening(tacit, options, (socket) => socket.end('x')),
        listening(tacit, { ...options, ticketKeys: randomBytes(48) }, (socket) => socket.end('x')),
      ]);
      const { session: given } = await session(first.port);
      expect((await session(second.port, given)).reused).toBe(true);
      expect((await session(third.port, given)).reused).toBe(false);
    },
  );

  test('can be handed to another server, and changed', async () => {
    const [first, second] = await Promise.all([
      listening(tacit, identity(), (socket) => socket.end('x')),
      listening(tacit, identity(), (socket) => socket.end('x')),
    ]);
    const before = await session(first.port);
    const keys = first.server.getTicketKeys();
    expect(keys).toHaveLength(48);
    expect(first.server.getTicketKeys()).toEqual(keys);
    expect((await session(first.port, before.session)).reused).toBe(true);
    second.server.setTicketKeys(keys);
    expect(second.server.getTicketKeys()).toEqual(keys);
    const { session: given } = await session(first.port);
    expect((await session(second.port, given)).reused).toBe(true);
    second.server.setTicketKeys(randomBytes(48));
    expect((await session(second.port, given)).reused).toBe(false);
  });

  test('come with another context, too, in any view', async () => {
    const { server, port } = await listening(tacit, identity(), (socket) => socket.end('x'));
    const { session: before } = await session(port);
    const keys = randomBytes(48);
    const view = new DataView(keys.buffer, keys.byteOffset, keys.byteLength);
    server.setSecureContext({ ...identity(), ticketKeys: view as never });
    expect(server.getTicketKeys()).toEqual(keys);
    expect((await session(port, before)).reused).toBe(false);
  });

  test('are told to nobody who gives a wrong number of them', () => {
    const keys = Buffer.from('these are secret');
    expect(() => tacit.createServer({ ticketKeys: keys })).toThrow(/^(?!.*(these|74 68 65)).*48 bytes/);
  });

  test('belong to the context, for sockets that nobody listens for', async () => {
    const secureContext = tacit.createSecureContext(identity());
    const listener = net.createServer((raw) => {
      new tacit.TLSSocket(raw, { isServer: true, secureContext }).end('x');
    });
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const { port } = listener.address() as net.AddressInfo;
    const { session: given } = await session(port);
    expect((await session(port, given)).reused).toBe(true);
    listener.close();
  });

  test.each(['tacit', 'node'] as const)('are 48 bytes for %s', (name) => {
    const server = faces[name].createServer();
    for (const keys of [undefined, null, 0, {}, 'keys'])
      expect(() => server.setTicketKeys(keys as never)).toThrow(
        expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }),
      );
    expect(() => server.setTicketKeys(Buffer.alloc(47))).toThrow('must be a 48-byte buffer');
    expect(() => faces[name].createServer({ ticketKeys: Buffer.alloc(47) })).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }),
    );
  });
});

test.each(['tacit', 'node'] as const)(
  '%s has a session before a ticket has come, which is not resumed',
  async (name) => {
    // It writes nothing, so that no ticket of ours comes.
    const { port } = await listening(tacit, identity(), (socket) => socket.resume());
    let session: Buffer | undefined;
    for (let round = 0; round < 2; round++) {
      const socket = faces[name].connect({ ...to(port), ...(session && { session }) });
      await once(socket, 'secureConnect');
      expect(socket.isSessionReused()).toBe(false);
      session = socket.getSession();
      expect(session?.length).toBeGreaterThan(0);
      socket.destroy();
    }
  },
);

test('each session is the one that getSession() gives while it is told', async () => {
  const { port } = await listening(tacit, { ...identity(), numTickets: 3 } as never, (socket) =>
    socket.end('x'),
  );
  const socket = tacit.connect(to(port));
  const told: boolean[] = [];
  socket.on('session', (session: Buffer) => told.push(session.equals(socket.getSession()!)));
  await bytesOf(socket);
  expect(told).toEqual([true, true, true]);
});

test('a socket that has resumed a session gives that one, until another comes', async () => {
  const { port } = await listening(tacit, identity(), (socket) => {
    socket.once('data', () => socket.end('x'));
  });
  const first = tacit.connect(to(port));
  first.write('go');
  const [session] = (await once(first, 'session')) as [Buffer];
  await bytesOf(first);
  const second = tacit.connect({ ...to(port), session });
  await once(second, 'secureConnect');
  expect(second.getSession()).toEqual(session);
  expect(second.getTLSTicket()).toBeInstanceOf(Buffer);
  first.destroy();
  second.end('go').resume();
  await once(second, 'close');
});

describe.each(['tacit', 'node'] as const)('of %s', (name) => {
  test('a connection whose listener rejects ends alone', async () => {
    EventEmitter.captureRejections = true;
    const server = faces[name].createServer(identity());
    EventEmitter.captureRejections = false;
    server.on('secureConnection', async (socket: TLSSocket) => {
      socket.on('error', (error) => server.emit('told', error.message));
      throw new Error('by the listener');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const told = once(server, 'told');
    const socket = faces[name].connect(to((server.address() as net.AddressInfo).port));
    socket.on('error', () => {}).resume();
    expect(await told).toEqual(['by the listener']);
    socket.destroy();
    server.close();
  });

  test('a paused connection of a server sees the end', async () => {
    const options = { ...identity(), pauseOnConnect: true, allowHalfOpen: true };
    const server = faces[name].createServer(options as never, (socket) => {
      expect([socket.isPaused(), socket.allowHalfOpen]).toEqual([true, true]);
      socket.on('end', () => socket.end());
    });
    expect(server).toMatchObject({ allowHalfOpen: true, pauseOnConnect: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const socket = faces[name].connect(to((server.address() as net.AddressInfo).port));
    await once(socket, 'secureConnect');
    socket.end();
    await once(socket, 'close');
    server.close();
  });

  test('the marks of a socket are those that it was given', async () => {
    const make = (raw: net.Socket | undefined, options: object) =>
      new faces[name].TLSSocket(raw as never, options as never).allowHalfOpen;
    expect([
      make(new net.Socket(), { allowHalfOpen: true }),
      make(undefined, { allowHalfOpen: true }),
    ]).toEqual([false, true]);
    const { port } = await listening(node, identity());
    const socket = faces[name].connect({ ...to(port), highWaterMark: 12_345 } as never);
    await once(socket, 'secureConnect');
    expect(socket.readableHighWaterMark).toBe(12_345);
    socket.destroy();
  });

  test('createSecurePair makes TLS between two duplexes', async () => {
    // Node's is gone from version 24 on.
    if (name === 'node') return;
    const pairs = faces[name] as unknown as typeof tacitTls;
    const context = (options: object) => faces[name].createSecureContext(options) as never;
    const near = pairs.createSecurePair(context({ ca: root.pem }), false, false, false);
    const far = pairs.createSecurePair(context(identity()), true, false, false);
    near.encrypted.pipe(far.encrypted).pipe(near.encrypted);
    await once(near, 'secure');
    near.cleartext.write('hello');
    expect(String((await once(far.cleartext, 'data'))[0])).toBe('hello');
    near.destroy();
    far.destroy();
  });

  test('sigalgs say what a server signs with', async () => {
    const { server, port } = await listening(faces[name], { ...identity(), sigalgs: 'RSA-PSS+SHA256' });
    const failed = once(server, 'tlsClientError');
    faces[name].connect(to(port)).on('error', () => {});
    expect((await failed)[0]).toBeInstanceOf(Error);
  });

  test('one of several authorities may be empty', () => {
    faces[name].createSecureContext({ ca: [root.pem, ''] });
  });

  test('a key is refused by its passphrase', () => {
    const key = createPrivateKey(identity().key).export({
      type: 'pkcs8',
      format: 'pem',
      cipher: 'aes-256-cbc',
      passphrase: 'right',
    });
    const { cert } = identity();
    faces[name].createSecureContext({ key, cert, passphrase: 'right' });
    expect(() => faces[name].createSecureContext({ key, cert, passphrase: 'wrong' })).toThrow(/bad decrypt/);
  });
});

test('no address goes out as a name', async () => {
  const names: unknown[] = [];
  const { port } = await listening(node, identity(), (socket) => names.push(socket.servername));
  const socket = tacit.connect({ ...to(port), servername: '127.0.0.1', rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  await expect.poll(() => names).toEqual([false]);
  socket.destroy();
});

describe('what is wrong is told as node:tls tells it', () => {
  const context = (options: unknown) => (tls: typeof node) => tls.createSecureContext(options as object);
  const server = (options: unknown) => (tls: typeof node) => tls.createServer(options as object);
  const cases: [string, (tls: typeof node) => unknown][] = [
    ['ca', context({ ca: 1 })],
    ['cert', context({ cert: { pem: 'x' } })],
    ['key', context({ key: [true] })],
    ['crl', context({ crl: {} })],
    ['ciphers', context({ ciphers: 1 })],
    ['no ciphers', context({ ciphers: ':' })],
    ['the default for empty ciphers', context({ ciphers: '' })],
    ['dhparam', context({ dhparam: 5 })],
    ['no options', context(null)],
    ['a server without options', server(null)],
    ['options that are none', context('x')],
    ['options that are none, later', (tls) => tls.createServer().setSecureContext(undefined as never)],
    ['ecdhCurve', context({ ecdhCurve: [] })],
    ['sigalgs', context({ sigalgs: 1 })],
    ['no sigalgs', context({ sigalgs: '' })],
    ['passphrase', context({ passphrase: 1, key: 'x' })],
    ['sessionTimeout', server({ sessionTimeout: 'long' })],
    ['ticketKeys', context({ ticketKeys: 'abcd' })],
    ['handshakeTimeout', server({ handshakeTimeout: 'long' })],
    ['SNICallback', server({ SNICallback: 'x' })],
    ['an engine', context({ clientCertEngine: 0 })],
    ['minVersion', context({ minVersion: 'fhqwhgads' })],
    ['maxVersion', context({ maxVersion: 'fhqwhgads' })],
    ['two kinds of versions', context({ secureProtocol: 'TLS_method', minVersion: 'TLSv1.2' })],
    ['secureProtocol', context({ secureProtocol: 'blargh' })],
    ['old methods', context({ secureProtocol: 'SSLv2_method' })],
    ['a long name', (tls) => (tls as never as typeof tacitTls).convertALPNProtocols(['a'.repeat(256)], {})],
    ['a long name of a server', server({ ALPNProtocols: ['b', 'ä'.repeat(128)] })],
    ['a long name of a client', (tls) => tls.connect({ port: 1, ALPNProtocols: ['a'.repeat(256)] })],
    [
      'a name for a server',
      (tls) => settable(new tls.TLSSocket(new net.Socket(), { isServer: true })).setServername('x'),
    ],
    ['a name that is none', (tls) => settable(tls.connect({ socket: new net.Socket() })).setServername(1)],
  ];

  test.each(cases)('%s', (_name, call) => {
    const thrown = (tls: typeof node): Partial<NodeJS.ErrnoException> => {
      try {
        call(tls);
      } catch (error) {
        const { name, code, message } = error as NodeJS.ErrnoException;
        return { name, ...(code !== undefined && { code }), message };
      }
      return {};
    };
    expect(thrown(tacit)).toEqual(thrown(node));
  });

  test('a curve that there is not', () => {
    for (const tls of [tacit, node])
      expect(() => tls.createServer({ ecdhCurve: 'prime192v3' })).toThrow(
        expect.objectContaining({
          code: 'ERR_CRYPTO_OPERATION_FAILED',
          message: expect.stringMatching(/^Failed to set ECDH curve/),
        }),
      );
  });

  test('convertALPNProtocols copies bytes as they are', () => {
    const [ours, theirs] = [tacitTls, node as never as typeof tacitTls].map((tls) => {
      const out: { ALPNProtocols?: Buffer } = {};
      tls.convertALPNProtocols(new Uint16Array([0x6101, 0x6201]), out);
      return out.ALPNProtocols;
    });
    expect(ours).toEqual(theirs);
    expect(String(ours)).toBe('\x01a\x01b');
  });

  test.each([
    [Buffer.from('\x02a'), /contains truncated protocol/],
    [Buffer.from('\x01a\0'), /must not contain zero-length protocol/],
    [['a', ''], /'protocols\[1\]' must be a non-empty string/],
  ])('%j is no list of protocols, as for later versions of Node', (ALPNProtocols, message) => {
    expect(() => tacitTls.connect({ port: 1, ALPNProtocols })).toThrow(message);
    expect(() => tacitTls.createServer({ ALPNProtocols })).toThrow(message);
  });

  test.each([false, '', 0, null])('protocols that are %j are none', (ALPNProtocols) => {
    const options = { ALPNProtocols: ALPNProtocols as never };
    for (const tls of [tacit, node]) {
      tls.createServer(options);
      tls
        .connect({ port: 1, ...options })
        .on('error', () => {})
        .destroy();
    }
  });
});
