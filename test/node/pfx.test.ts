import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type nodeHttps from 'node:https';
import net, { type AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { DetailedPeerCertificate, SecureContextOptions, TLSSocket, TlsOptions } from 'node:tls';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { judgingPolicy } from '../../src/node/judge.ts';
import type { SecureContext } from '../../src/node/secure-context.ts';
import http2 from '../../src/node-http2.ts';
import https from '../../src/node-https.ts';
import {
  clientCertificate,
  intermediateCertificate,
  pemChain,
  rootCertificate,
  selfSignedCertificate,
  serverCertificate,
  type TestCertificate,
  testCertificate,
  testKey,
} from '../support/certificates.ts';
import { closeServers, faces, listening, outcomeOf } from '../support/node-faces.ts';
import { defaultPassphrase as passphrase, pkcs12, pkcs12Of } from '../support/pkcs12.ts';

const both = ['tacit', 'node'] as const;

let root: TestCertificate;
let other: TestCertificate;
let intermediate: TestCertificate;
let leaf: TestCertificate;
let below: TestCertificate;
let elsewhere: TestCertificate;
let client: TestCertificate;
let clientBelow: TestCertificate;

beforeAll(async () => {
  root = await rootCertificate();
  other = await rootCertificate({ subject: 'CN=Other Root' });
  intermediate = await intermediateCertificate(root);
  leaf = await serverCertificate(root);
  below = await serverCertificate(intermediate, { subject: 'CN=Below' });
  elsewhere = await serverCertificate(other, { subject: 'CN=Elsewhere' });
  client = await clientCertificate(root);
  clientBelow = await clientCertificate(intermediate, { subject: 'CN=Client Below' });
});
afterEach(closeServers);

const pem = (...chain: TestCertificate[]): { key: string; cert: string } => ({
  key: chain[0]!.keyPem,
  cert: pemChain(...chain),
});

const file = (...certificates: TestCertificate[]): SecureContextOptions => ({
  pfx: pkcs12Of(certificates),
  passphrase,
});

function connected(name: 'tacit' | 'node', port: number, options: object = {}): TLSSocket {
  return faces[name].connect({ port, host: '127.0.0.1', servername: 'localhost', ...options });
}

/** What a server of ours sends before a client knows anything: in TLS 1.2 its certificates can be read. */
async function sent(options: TlsOptions): Promise<Buffer> {
  const { port } = await listening(faces.tacit, options);
  const parts: Buffer[] = [];
  const relay = net.createServer((below) => {
    const above = net.connect(port, '127.0.0.1');
    above.on('data', (bytes) => parts.push(bytes));
    below.pipe(above).pipe(below);
  });
  relay.listen(0, '127.0.0.1');
  await once(relay, 'listening');
  const socket = connected('node', (relay.address() as AddressInfo).port, {
    rejectUnauthorized: false,
    maxVersion: 'TLSv1.2',
  });
  await once(socket, 'secureConnect');
  socket.end();
  await once(socket, 'close');
  relay.close();
  return Buffer.concat(parts);
}

describe('the chain', () => {
  test('goes out from the key’s certificate up to its root, and what else there is behind it', async () => {
    const bytes = await sent(file(below, root, other, intermediate));
    const places = [below, intermediate, root, other].map((certificate) => bytes.indexOf(certificate.der));
    expect(Math.min(...places)).toBeGreaterThan(0);
    expect(places).toEqual(places.toSorted((a, b) => a - b));
  });

  test('is byte for byte what the file has, even where that is no DER', async () => {
    for (const certificate of [leaf, await serverCertificate(root, { key: 'rsa2048' })]) {
      const [, length] = certificate.der.subarray(1);
      expect(length).toBeGreaterThan(0);
      // A length with a byte more than it needs, which OpenSSL bears.
      const long = Buffer.concat([Buffer.of(0x30, 0x83, 0x00), certificate.der.subarray(2)]);
      const pfx = pkcs12({ keys: [certificate], certificates: [{ der: long }] }, {});
      expect((await sent({ pfx, passphrase })).includes(long)).toBe(true);
    }
  });

  test('gets what `ca` knows of it where it stands alone, as in node:tls', async () => {
    for (const name of both) {
      const { port } = await listening(faces[name], { ...file(below), ca: [intermediate.pem, root.pem] });
      expect(await outcomeOf(connected('node', port, { ca: root.pem }))).toBe('secure true null');
    }
  });
});

describe('the certificate of the key', () => {
  const cn = async (name: 'tacit' | 'node', options: TlsOptions): Promise<unknown> => {
    const { port } = await listening(faces[name], options);
    const socket = connected('node', port, { rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    const { subject } = socket.getPeerCertificate();
    socket.destroy();
    return subject.CN;
  };

  test('is found by its key, wherever it stands', async () => {
    const certificates = [root, intermediate, below];
    const pfx = pkcs12({ keys: [below], certificates }, {});
    for (const name of both) expect(await cn(name, { pfx, passphrase })).toBe('Below');
  });

  test('is the first of several, but for the one that the file names', async () => {
    const renewed = await serverCertificate(root, { subject: 'CN=Renewed', key: leaf.key });
    const pfx = pkcs12({ keys: [leaf], certificates: [renewed, leaf] }, {});
    for (const name of both) expect(await cn(name, { pfx, passphrase })).toBe('Renewed');
    const named = (id: string, of: string): TlsOptions => ({
      pfx: pkcs12({ keys: [{ key: leaf.key, id }], certificates: [leaf, { ...renewed, id: of }] }, {}),
      passphrase,
    });
    expect(await cn('tacit', named('2', '2'))).toBe('Renewed');
    const nameless = pkcs12({ keys: [leaf], certificates: [{ ...renewed, id: '2' }, leaf] }, {});
    for (const name of both) expect(await cn(name, { pfx: nameless, passphrase })).toBe('Renewed');
    expect(await cn('tacit', named('2', '3'))).toBe('Test Server');
  });

  test('is not another’s, whatever the file names', async () => {
    const certificates = [{ der: root.der, id: '1' }, { der: leaf.der }];
    const pfx = pkcs12({ keys: [{ key: leaf.key, id: '1' }], certificates }, {});
    for (const name of both) expect(await cn(name, { pfx, passphrase })).toBe('Test Server');
  });

  test('takes the place of one that was there before, and of `cert`', async () => {
    const files = [pkcs12Of([leaf]), pkcs12Of([below, intermediate])];
    for (const name of both) {
      expect(await cn(name, { pfx: files, passphrase })).toBe('Below');
      expect(await cn(name, { pfx: files.toReversed(), passphrase })).toBe('Test Server');
      expect(await cn(name, { ...pem(leaf), pfx: files[1]!, passphrase })).toBe('Below');
    }
  });

  test('of RSA and of ECDSA, each for the clients that want it', async () => {
    const rsa = await serverCertificate(root, { subject: 'CN=RSA', key: 'rsa2048' });
    const cases = [
      { pfx: [{ buf: pkcs12Of([rsa]), passphrase }, pkcs12Of([leaf], { passphrase: '' })] },
      { ...pem(rsa), ...file(leaf) },
    ];
    for (const options of cases)
      for (const name of both) {
        const { port } = await listening(faces[name], options as TlsOptions);
        const found = [];
        for (const kind of ['RSA', 'ECDSA']) {
          const ciphers = `ECDHE-${kind}-AES256-GCM-SHA384`;
          const socket = connected('node', port, { ciphers, maxVersion: 'TLSv1.2', ca: root.pem });
          await once(socket, 'secureConnect');
          found.push(socket.getPeerCertificate().subject.CN);
          socket.destroy();
        }
        expect(found).toEqual(['RSA', 'Test Server']);
      }
  });

  test('needs no other key: that of a file goes with a `cert`, too', async () => {
    const options = { ...file(leaf), cert: leaf.pem };
    for (const name of both) expect(await cn(name, options)).toBe('Test Server');
  });
});

/** What the file of a client has beside its own, its `ca`, and what the server sends. */
const trusting: [string, string, () => [TestCertificate[], SecureContextOptions['ca'], TestCertificate[]]][] =
  [
    ['a root in the file', 'secure true null', () => [[root], undefined, [leaf]]],
    ['a root in the file, and another in `ca`', 'secure true null', () => [[root], other.pem, [leaf]]],
    ['the same, and a server below that other', 'secure true null', () => [[root], other.pem, [elsewhere]]],
    ['a root in the file, and nobody in `ca`', 'secure true null', () => [[root], [], [leaf]]],
    ['a path in the file', 'secure true null', () => [[intermediate, root], undefined, [below]]],
    ['a path in the file to a root of `ca`', 'secure true null', () => [[intermediate], root.pem, [below]]],
    [
      'an intermediate without its root',
      'error UNABLE_TO_GET_ISSUER_CERT',
      () => [[intermediate], undefined, [below, intermediate]],
    ],
    [
      'an intermediate without its root, and another root in `ca`',
      'error UNABLE_TO_GET_ISSUER_CERT',
      () => [[intermediate], other.pem, [below, intermediate]],
    ],
    ['nobody of the server’s', 'error UNABLE_TO_VERIFY_LEAF_SIGNATURE', () => [[other], undefined, [leaf]]],
  ];

describe.each(both)('whom a file of %s makes trusted, as in node:tls', (name) => {
  test.each(trusting)('%s: %s', async (_what, expected, make) => {
    const [further, ca, chain] = make();
    const { port } = await listening(faces.node, pem(...chain));
    const options = { ...file(client, ...further), ...(ca !== undefined && { ca }) };
    // Where the path ends in what is in the file, OpenSSL has a code of its own.
    const outcome = await outcomeOf(connected(name, port, options));
    expect(outcome.replace('_CERT_LOCALLY', '_CERT')).toBe(expected);
  });

  test('not who has the certificate itself', async () => {
    const own = await selfSignedCertificate();
    const { port } = await listening(faces.node, pem(own));
    const outcome = await outcomeOf(connected(name, port, file(own)));
    expect(outcome).toBe('error DEPTH_ZERO_SELF_SIGNED_CERT');
  });

  const clients: [
    string,
    boolean,
    () => [TestCertificate[], SecureContextOptions['ca'], TestCertificate[]],
  ][] = [
    ['a root in the file', true, () => [[root], undefined, [client]]],
    ['a root in the file, and another in `ca`', true, () => [[root], other.pem, [client]]],
    ['a path in the file', true, () => [[intermediate, root], undefined, [clientBelow]]],
    [
      'an intermediate of the server’s own, and another root in `ca`',
      false,
      () => [[intermediate], other.pem, [clientBelow, intermediate]],
    ],
    ['nobody of the client’s', false, () => [[], undefined, [client]]],
    [
      'a path in the file, and a client without a certificate',
      false,
      () => [[intermediate, client], root.pem, []],
    ],
  ];
  test.each(clients)('clients: %s (%s)', async (_what, expected, make) => {
    const [further, ca, chain] = make();
    const options = { ...file(leaf, ...further), ...(ca !== undefined && { ca }) };
    const wishes = { requestCert: true, rejectUnauthorized: false };
    const authorized = new Promise((resolve) => {
      void listening(faces[name], { ...options, ...wishes }, (socket) => {
        resolve(socket.authorized);
        socket.destroy();
      }).then(({ port }) => {
        const own = chain.length === 0 ? {} : pem(...chain);
        connected('node', port, { ...own, ca: root.pem }).on('error', () => {});
      });
    });
    expect(await authorized).toBe(expected);
  });

  test('and shown as their issuers', async () => {
    const { port } = await listening(faces.node, pem(below));
    const socket = connected(name, port, file(client, intermediate, root));
    await once(socket, 'secureConnect');
    const certificate = socket.getPeerCertificate(true) as DetailedPeerCertificate;
    socket.destroy();
    const issuers = [certificate.issuerCertificate, certificate.issuerCertificate.issuerCertificate];
    expect(issuers.map(({ subject }) => subject.CN)).toEqual(['Test Intermediate', 'Test Root']);
  });

  test('a client shows who it is', async () => {
    const server = { ...pem(leaf), ca: root.pem, requestCert: true };
    const subject = new Promise((resolve) => {
      void listening(faces.node, server, (socket) => {
        resolve(socket.getPeerCertificate().subject.CN);
        socket.destroy();
      }).then(({ port }) =>
        connected(name, port, file(clientBelow, intermediate, root)).on('error', () => {}),
      );
    });
    expect(await subject).toBe('Client Below');
  });
});

test('who sends nothing is not taken for what is in a file', async () => {
  const context = faces.tacit.createSecureContext({ ...file(leaf, client), ca: root.pem }) as SecureContext;
  const policy = judgingPolicy(context.context, 'client', {
    rejectsUnauthorized: true,
    requestsOcspResponse: false,
    identityCheck: undefined,
    onJudged: () => {},
    onOcspResponse: () => {},
  });
  const judged = (...chain: Uint8Array[]): unknown =>
    policy.verify(
      { chain, purpose: 'client', host: undefined, now: Date.now() },
      { signal: new AbortController().signal },
    );
  expect(judged(client.der)).toMatchObject({ trusted: true });
  expect(judged()).toMatchObject({ trusted: false, error: { check: 'missing' } });
});

test('what nobody can read is no anchor, and that is said', async () => {
  const old = await rootCertificate({ subject: 'CN=Odd', key: testKey('p256', 'odd') });
  const long = Buffer.concat([Buffer.of(0x30, 0x83, 0x00), old.der.subarray(2)]);
  const warned = once(process, 'warning');
  faces.tacit.createSecureContext(file(leaf, testCertificate(long, old.key, old.subject)));
  expect(String((await warned)[0])).toMatch(/Ignoring a certificate of `pfx`: /);
});

describe('https', () => {
  const serving = async (options: nodeHttps.ServerOptions): Promise<nodeHttps.Server> => {
    const server = https.createServer(options, (request, response) => {
      const { subject } = (request.socket as TLSSocket).getPeerCertificate();
      response.end(`${subject?.CN} by ${request.socket.remotePort}`);
    }) as nodeHttps.Server;
    server.listen(0, 'localhost');
    await once(server, 'listening');
    return server;
  };

  test('servers, clients, and connections that are used again', async () => {
    const server = await serving({
      ...file(leaf, root),
      requestCert: true,
      keepAliveTimeout: 60_000,
    });
    const agent = new https.Agent({ keepAlive: true });
    const get = async (...certificates: TestCertificate[]): Promise<string> => {
      const pfx = [{ buf: pkcs12Fixed(...certificates), passphrase }];
      const { port } = server.address() as AddressInfo;
      const request = https.get({ host: 'localhost', port, agent, pfx } as nodeHttps.RequestOptions);
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      return text(response);
    };
    try {
      const answers = [
        await get(client, root),
        await get(client, root),
        await get(clientBelow, intermediate, root),
      ];
      expect(answers.map((answer) => answer.split(' by ')[0])).toEqual([
        'Test Client',
        'Test Client',
        'Client Below',
      ]);
      expect(new Set(answers).size).toBe(2);
    } finally {
      agent.destroy();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    }
  });

  const files = new Map<TestCertificate, Buffer>();
  /** The same bytes each time. */
  function pkcs12Fixed(...certificates: TestCertificate[]): Buffer {
    const known = files.get(certificates[0]!) ?? pkcs12Of(certificates);
    files.set(certificates[0]!, known);
    return known;
  }
});

test('http2 servers', async () => {
  const server = http2.createSecureServer(file(leaf), (_request, response) => response.end('well'));
  server.listen(0, 'localhost');
  await once(server, 'listening');
  const session = http2.connect(
    `https://localhost:${(server.address() as AddressInfo).port}`,
    file(client, root),
  );
  try {
    const request = session.request({ ':path': '/' });
    expect(await text(request)).toBe('well');
  } finally {
    session.close();
    server.close();
    await once(server, 'close');
  }
});
