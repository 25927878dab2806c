import { constants } from 'node:crypto';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import net from 'node:net';
import nodeTls, { type TLSSocket } from 'node:tls';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import tacitTls from '../../src/node.ts';
import http2 from '../../src/node-http2.ts';
import https from '../../src/node-https.ts';
import { serverCertificate } from '../support/certificates.ts';
import {
  bytesOf,
  closeServers,
  faces,
  identity,
  leaf,
  listening,
  makeLocalhost,
  outcomeOf,
  root,
  to,
} from '../support/node-faces.ts';

const { tacit, node } = faces;
beforeAll(makeLocalhost);
afterEach(closeServers);

describe('ciphers', () => {
  const negotiated = async (ciphers: string, maxVersion: nodeTls.SecureVersion): Promise<string> => {
    const { port } = await listening(node, identity(), (socket) => socket.end());
    const socket = tacit.connect({ ...to(port), ciphers, maxVersion });
    return new Promise((resolve) => {
      socket.once('secureConnect', () => resolve(socket.getCipher().name));
      socket.once('error', (error: NodeJS.ErrnoException) => resolve(String(error.code)));
      socket.resume();
    });
  };

  test.each([
    ['TLS_CHACHA20_POLY1305_SHA256', 'TLSv1.3', 'TLS_CHACHA20_POLY1305_SHA256'],
    ['TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384', 'TLSv1.3', 'TLS_AES_256_GCM_SHA384'],
    ['ECDHE-ECDSA-AES128-GCM-SHA256', 'TLSv1.2', 'ECDHE-ECDSA-AES128-GCM-SHA256'],
    ['HIGH:!AESGCM', 'TLSv1.2', 'ECDHE-ECDSA-CHACHA20-POLY1305'],
    ['ECDHE+AESGCM:!AES256', 'TLSv1.2', 'ECDHE-ECDSA-AES128-GCM-SHA256'],
    ['DEFAULT:@SECLEVEL=0', 'TLSv1.2', 'ECDHE-ECDSA-AES128-GCM-SHA256'],
    ['AES128-SHA', 'TLSv1.3', 'TLS_AES_256_GCM_SHA384'],
    ['ECDHE-RSA-AES128-GCM-SHA256', 'TLSv1.2', 'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE'],
  ] as const)('%s with %s agree on %s', async (ciphers, maxVersion, name) => {
    expect(await negotiated(ciphers, maxVersion)).toBe(name);
  });

  test.each([
    ['AES128-SHA:AES256-SHA', 'TLSv1.2'],
    ['TLS_AES_128_GCM_SHA256', 'TLSv1.2'],
    ['no-such-cipher', 'TLSv1.3'],
    ['TLS_NO_SUCH_CIPHER', 'TLSv1.3'],
  ] as const)('%s leave nothing up to %s', (ciphers, maxVersion) => {
    expect(() => tacit.createSecureContext({ ciphers, maxVersion })).toThrow(
      expect.objectContaining({ code: 'ERR_SSL_NO_CIPHER_MATCH' }),
    );
  });

  test.each([
    ['TLSv1.3', ['TLS_AES_256_GCM_SHA384', 'TLS_AES_128_GCM_SHA256']],
    ['TLSv1.2', ['ECDHE-ECDSA-CHACHA20-POLY1305', 'ECDHE-ECDSA-AES128-GCM-SHA256']],
  ] as const)(
    'are chosen in the order of %s servers, or in that of their clients',
    async (maxVersion, names) => {
      const [first, second] = names;
      for (const name of ['tacit', 'node'] as const) {
        const chosen: string[] = [];
        for (const honorCipherOrder of [undefined, true, false]) {
          const options = { ...identity(), maxVersion, ciphers: `${first}:${second}` };
          const { port } = await listening(faces[name], {
            ...options,
            ...(honorCipherOrder !== undefined && { honorCipherOrder }),
          });
          const socket = node.connect({ ...to(port), maxVersion, ciphers: `${second}:${first}` });
          await once(socket, 'secureConnect');
          chosen.push(socket.getCipher().name);
          socket.destroy();
        }
        expect(chosen).toEqual([first, first, second]);
      }
    },
  );

  test.each(['tacit', 'node'] as const)(
    'are chosen in the order of a server of %s whose secureOptions say so',
    async (name) => {
      const [first, second] = ['ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-ECDSA-AES128-GCM-SHA256'];
      const maxVersion = 'TLSv1.2';
      const { port } = await listening(faces[name], {
        ...identity(),
        maxVersion,
        ciphers: `${first}:${second}`,
        honorCipherOrder: false,
        secureOptions: constants.SSL_OP_CIPHER_SERVER_PREFERENCE,
      });
      const socket = node.connect({ ...to(port), maxVersion, ciphers: `${second}:${first}` });
      await once(socket, 'secureConnect');
      expect(socket.getCipher().name).toBe(first);
      socket.destroy();
    },
  );

  test('are all told by getCiphers', () => {
    expect(tacit.getCiphers()).toContain('tls_aes_128_gcm_sha256');
    expect(tacit.getCiphers().filter((name) => !node.getCiphers().includes(name))).toEqual([]);
  });
});

describe('options', () => {
  test.each([
    ['pskCallback', () => null],
    ['enableTrace', true],
  ])('refuse %s by name', (name, value) => {
    expect(() => tacit.createServer({ ...identity(), [name]: value })).toThrow(new RegExp(`^${name}: `));
  });

  test.each([
    { honorCipherOrder: true },
    { minDHSize: 2048 },
    { dhparam: 'auto' },
    { secureProtocol: 'TLS_method' },
    { secureOptions: 0x04000000 },
    { minVersion: 'TLSv1' },
    { ecdhCurve: 'X25519:P-256:X448' },
    { sigalgs: 'ECDSA+SHA256:RSA+SHA1' },
    { unknown: 'to all' },
    { ca: null, crl: null },
    { crl: [] },
    { key: null, cert: null },
  ] as object[])('take %j', (options) => {
    tacit.createSecureContext({ ...identity(), ...options });
  });

  test.each([
    [{ maxVersion: 'TLSv1.1' }, 'ERR_TLS_INVALID_PROTOCOL_VERSION'],
    [{ minVersion: 'TLSv1.3', maxVersion: 'TLSv1.2' }, 'ERR_TLS_INVALID_PROTOCOL_VERSION'],
    [
      { secureOptions: constants.SSL_OP_NO_TLSv1_2, maxVersion: 'TLSv1.2' },
      'ERR_TLS_INVALID_PROTOCOL_VERSION',
    ],
    [
      { secureOptions: constants.SSL_OP_NO_TLSv1_2 | constants.SSL_OP_NO_TLSv1_3 },
      'ERR_TLS_INVALID_PROTOCOL_VERSION',
    ],
    [{ secureOptions: 'SSL_OP_NO_TLSv1_2' }, 'ERR_INVALID_ARG_TYPE'],
    [{ secureOptions: 0.5 }, 'ERR_OUT_OF_RANGE'],
    [{ secureProtocol: 'SSLv3_method' }, 'ERR_TLS_INVALID_PROTOCOL_METHOD'],
    [{ secureProtocol: 'TLS_method', minVersion: 'TLSv1.2' }, 'ERR_TLS_PROTOCOL_VERSION_CONFLICT'],
    [{ ciphers: 1 }, 'ERR_INVALID_ARG_TYPE'],
    [{ cert: 'no certificate' }, 'ERR_OSSL_PEM_NO_START_LINE'],
    [{ crl: 'no list' }, 'TLS_USAGE'],
  ] as [object, string][])('refuse %j with %s', (options, code) => {
    expect(() => tacit.createSecureContext(options)).toThrow(expect.objectContaining({ code }));
  });

  test.each([
    [constants.SSL_OP_NO_TLSv1_3, 'TLSv1.2'],
    [constants.SSL_OP_NO_SSLv3 | constants.SSL_OP_NO_TLSv1_1, 'TLSv1.3'],
  ])('%d in secureOptions leaves %s', async (secureOptions, version) => {
    const { port } = await listening(node, identity());
    const socket = tacit.connect({ ...to(port), secureOptions });
    await once(socket, 'secureConnect');
    expect(socket.getProtocol()).toBe(version);
    socket.destroy();
  });

  test.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'SSL_OP_NO_TICKET: a server sends no ticket in %s, and takes none',
    async (maxVersion) => {
      const common = { ...identity(), maxVersion, ticketKeys: Buffer.alloc(48, 7) };
      const answer = (socket: nodeTls.TLSSocket): void => void socket.end('answer');
      const { port } = await listening(tacit, common, answer);
      const secureOptions = constants.SSL_OP_NO_TICKET;
      const without = await listening(tacit, { ...common, secureOptions }, answer);
      let session: Buffer | undefined;
      const visit = async (at: number): Promise<boolean> => {
        const options = { ...to(at), ...(session && { session }) };
        const socket = tacit.connect(options).on('session', (given) => {
          session = given;
        });
        await bytesOf(socket);
        return socket.isSessionReused();
      };
      await visit(without.port);
      expect(session).toBeUndefined();
      await visit(port);
      expect(session).toBeDefined();
      expect(await visit(port)).toBe(true);
      expect(await visit(without.port)).toBe(false);
    },
  );

  test('SSL_OP_NO_TLSv1_2 refuses TLS 1.2', async () => {
    const { port } = await listening(tacit, { ...identity(), secureOptions: constants.SSL_OP_NO_TLSv1_2 });
    const code = 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION';
    expect(await outcomeOf(tacit.connect({ ...to(port), maxVersion: 'TLSv1.2' }))).toBe(`error ${code}`);
    expect(await outcomeOf(tacit.connect(to(port)))).toBe('secure true null');
  });

  test('want a key that is the certificate’s own', async () => {
    const other = await serverCertificate(root, { names: ['localhost'] });
    const make = (options: nodeTls.SecureContextOptions) => () => tacit.createSecureContext(options);
    expect(make({ cert: leaf.pem, key: root.keyPem })).toThrow(
      expect.objectContaining({ code: 'ERR_OSSL_X509_KEY_VALUES_MISMATCH' }),
    );
    make({ cert: [leaf.pem, other.pem], key: [{ pem: other.keyPem }, Buffer.from(leaf.keyPem)] })();
  });

  test('want authorities that are certificates: what a TRUSTED CERTIFICATE is not trusted for stands behind it', () => {
    const withSettings = Buffer.concat([Buffer.from(root.der), Buffer.of(0x30, 0)]).toString('base64');
    const ca = `-----BEGIN TRUSTED CERTIFICATE-----\n${withSettings}\n-----END TRUSTED CERTIFICATE-----\n`;
    expect(() => tacit.createSecureContext({ ca: [root.pem, ca] })).toThrow(
      expect.objectContaining({ code: 'TLS_USAGE', message: expect.stringMatching(/^ca\[1\].*behind/) }),
    );
  });

  test('take PEM in any view of its bytes', async () => {
    const view = (pem: string): DataView => {
      const { buffer } = new Uint8Array(Buffer.from(pem));
      return new DataView(buffer);
    };
    const { port } = await listening(tacit, { key: view(leaf.keyPem), cert: view(leaf.pem) } as never);
    const socket = tacit.connect(to(port));
    await once(socket, 'secureConnect');
    socket.destroy();
  });

  test('of the module count for contexts that are made from then on', () => {
    const { DEFAULT_MAX_VERSION } = tacitTls;
    expect(DEFAULT_MAX_VERSION).toBe(nodeTls.DEFAULT_MAX_VERSION);
    tacitTls.DEFAULT_MAX_VERSION = 'TLSv1.2';
    try {
      expect(tacitTls.DEFAULT_MAX_VERSION).toBe('TLSv1.2');
      expect(() => tacit.createSecureContext({ minVersion: 'TLSv1.3' })).toThrow(/maxVersion TLSv1.2/);
    } finally {
      tacitTls.DEFAULT_MAX_VERSION = DEFAULT_MAX_VERSION;
    }
  });
});

describe('sockets', () => {
  test('connect in all forms', async () => {
    const { port } = await listening(tacit, identity(), (socket) => socket.end('x'));
    const options = { servername: 'localhost', ca: root.pem };
    const forms: ((done: () => void) => TLSSocket)[] = [
      (done) => tacit.connect({ port, host: '127.0.0.1', ...options }, done),
      (done) => tacit.connect(port, { host: '127.0.0.1', ...options }, done),
      (done) => tacit.connect(port, '127.0.0.1', options, done),
      (done) => tacit.connect(port, '127.0.0.1', options).once('secureConnect', done),
    ];
    for (const form of forms) {
      let isCalled = false;
      const socket = form(() => {
        isCalled = true;
      });
      expect(String(await bytesOf(socket))).toBe('x');
      expect(isCalled).toBe(true);
    }
  });

  test('give what they read to onread, until it has had enough', async () => {
    const { port } = await listening(tacit, identity(), (socket) => socket.end('0123456789'));
    const seen: string[] = [];
    const socket = tacit.connect({
      ...to(port),
      onread: {
        buffer: Buffer.alloc(4),
        callback: (length: number, buffer: Uint8Array) => {
          seen.push(String(Buffer.from(buffer.slice(0, length))));
          if (seen.length !== 1) return true;
          setImmediate(() => {
            expect(seen).toEqual(['0123']);
            socket.resume();
          });
          return false;
        },
      },
    } as nodeTls.ConnectionOptions);
    await once(socket, 'end');
    expect(seen).toEqual(['0123', '4567', '89']);
  });

  test('give onread nothing while they are paused, nor once they are destroyed', async () => {
    const { port } = await listening(tacit, identity(), (socket) => socket.end(Buffer.alloc(200_000)));
    let calls = 0;
    const options = {
      ...to(port),
      onread: {
        buffer: Buffer.alloc(1_000),
        callback: (): boolean => {
          calls += 1;
          if (calls === 2) socket.pause();
          if (calls === 5) socket.destroy();
          return true;
        },
      },
    };
    const socket = tacit.connect(options as nodeTls.ConnectionOptions);
    await expect.poll(() => calls).toBe(2);
    await new Promise((resolve) => setImmediate(resolve));
    expect(calls).toBe(2);
    socket.resume();
    await once(socket, 'close');
    expect(calls).toBe(5);
  });

  test('of a server that nobody listens for show what SNICallback gives', async () => {
    const other = await serverCertificate(root, { subject: 'CN=Other', names: ['localhost'] });
    const listener = net.createServer((raw) => {
      const context = tacit.createSecureContext({ key: other.keyPem, cert: other.pem });
      new tacit.TLSSocket(raw, {
        isServer: true,
        ...identity(),
        SNICallback: (_name, give) => give(null, context),
      }).on('error', () => {});
    });
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const socket = node.connect(to((listener.address() as net.AddressInfo).port));
    await once(socket, 'secureConnect');
    expect(socket.getPeerCertificate().subject.CN).toBe('Other');
    socket.destroy();
    listener.close();
  });

  test('are ended by a signal, also by one that has fired', async () => {
    const { port } = await listening(tacit, identity());
    for (const isEarly of [true, false]) {
      const controller = new AbortController();
      if (isEarly) controller.abort();
      const options = { ...to(port), signal: controller.signal };
      const socket = tacit.connect(options as nodeTls.ConnectionOptions);
      const failed = once(socket, 'error', { signal: undefined } as never).catch((error) => [error]);
      if (!isEarly) controller.abort();
      expect((await failed)[0]).toMatchObject({ name: 'AbortError' });
    }
  });

  test('time out where nothing moves', async () => {
    const { port } = await listening(tacit, identity());
    const socket = tacit.connect({ ...to(port), timeout: 50 });
    await once(socket, 'timeout');
    expect(socket.destroyed).toBe(false);
    socket.destroy();
  });

  test('are made without new, and are sockets', () => {
    const make = tacitTls.TLSSocket as unknown as (raw?: net.Socket) => TLSSocket;
    const socket = make();
    expect(socket).toBeInstanceOf(tacitTls.TLSSocket);
    expect(socket).toBeInstanceOf(net.Socket);
    const server = (tacitTls.Server as unknown as (options: object) => nodeTls.Server)(identity());
    expect(server).toBeInstanceOf(tacitTls.Server);
    expect(server).toBeInstanceOf(net.Server);
  });

  test('half open, where they are told to be', async () => {
    const { port } = await listening(tacit, { ...identity(), allowHalfOpen: true } as never, (socket) => {
      socket.resume().on('end', () => setImmediate(() => socket.end('after your end')));
    });
    const socket = tacit.connect(to(port));
    socket.end();
    expect(String(await bytesOf(socket))).toBe('after your end');
  });
});

test('require() gives the same object, whose defaults can be set', () => {
  const hasRequire = process.features as { readonly require_module?: boolean };
  if (hasRequire.require_module !== true) return;
  const required = createRequire(import.meta.url)('tacit-tls/node') as typeof tacitTls;
  expect(Object.keys(required).toSorted()).toEqual(Object.keys(tacitTls).toSorted());
});

describe('a context of node:tls', () => {
  const invalid = expect.objectContaining({ code: 'ERR_TLS_INVALID_CONTEXT', name: 'TypeError' });

  test('is refused by a client, whatever makes its connection: its authorities would not count', () => {
    const secureContext = nodeTls.createSecureContext({ ca: root.pem });
    const place = { host: '127.0.0.1', port: 1 };
    expect(() => tacit.connect({ ...place, secureContext })).toThrow(invalid);
    expect(() => new tacit.TLSSocket(new net.Socket(), { secureContext })).toThrow(invalid);
    expect(() => http2.connect('https://127.0.0.1:1', { secureContext })).toThrow(invalid);
    const options = { ...place, agent: false, secureContext } as const;
    expect(() => https.get(options as never)).toThrow(invalid);
  });

  test('is refused by a server: its certificate would not be shown', () => {
    const context = nodeTls.createSecureContext(identity());
    const server = tacit.createServer(identity());
    expect(() => server.addContext('other.example', context as never)).toThrow(invalid);
    expect(() => server.setSecureContext(context as never)).toThrow(invalid);
  });
});
