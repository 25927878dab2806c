import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
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

  test('gives nothing that was not offered', async () => {
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

describe('what is wrong is told as node:tls tells it', () => {
  const context = (options: unknown) => (tls: typeof node) => tls.createSecureContext(options as object);
  const server = (options: unknown) => (tls: typeof node) => tls.createServer(options as object);
  const cases: [string, (tls: typeof node) => unknown][] = [
    ['ca', context({ ca: 1 })],
    ['cert', context({ cert: { pem: 'x' } })],
    ['key', context({ key: [true] })],
    ['crl', context({ crl: {} })],
    ['ciphers', context({ ciphers: 1 })],
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

  test('convertALPNProtocols copies bytes as they are', () => {
    const [ours, theirs] = [tacitTls, node as never as typeof tacitTls].map((tls) => {
      const out: { ALPNProtocols?: Buffer } = {};
      tls.convertALPNProtocols(new Uint16Array([0x6261, 0x6463]), out);
      return out.ALPNProtocols;
    });
    expect(ours).toEqual(theirs);
    expect(String(ours)).toBe('abcd');
  });
});
