import { once } from 'node:events';
import net from 'node:net';
import type { ConnectionOptions, TLSSocket, TlsOptions } from 'node:tls';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import {
  clientCertificate,
  intermediateCertificate,
  rootCertificate,
  selfSignedCertificate,
  serverCertificate,
  type TestCertificate,
  toPem,
} from '../support/certificates.ts';
import { crlPem, makeCrl } from '../support/crl.ts';
import { ascii, der, sequence } from '../support/der.ts';
import { bytesOf, closeServers, faces, listening, outcomeOf, pairs } from '../support/node-faces.ts';
import {
  authority,
  commonName,
  dnsNames,
  newKey,
  type RawCertificate,
  rawCertificate,
  rawExtension,
} from '../support/raw-certificates.ts';

const names = ['localhost'];
let root: TestCertificate;
let intermediate: TestCertificate;
let other: TestCertificate;
let leaf: TestCertificate;
let selfSigned: TestCertificate;
let expired: TestCertificate;
let early: TestCertificate;
let below: TestCertificate;
let forClients: TestCertificate;
let client: TestCertificate;

beforeAll(async () => {
  root = await rootCertificate();
  other = await rootCertificate({ subject: 'CN=Other Root' });
  intermediate = await intermediateCertificate(root);
  leaf = await serverCertificate(root, { names });
  below = await serverCertificate(intermediate, { names });
  selfSigned = await selfSignedCertificate({ names });
  expired = await serverCertificate(root, { names, notAfter: new Date('2025-01-01') });
  early = await serverCertificate(root, { names, notBefore: new Date('2045-01-01') });
  forClients = await clientCertificate(root);
  client = await clientCertificate(root);
});
afterEach(closeServers);

const to = (port: number): ConnectionOptions => ({ port, host: '127.0.0.1', servername: 'localhost' });

describe('a server is judged as node:tls judges it', () => {
  const cases: [string, () => { server: TlsOptions; client: ConnectionOptions }][] = [
    ['trusted', () => ({ server: own(leaf), client: { ca: root.pem } })],
    [
      'trusted through an intermediate',
      () => ({ server: own(below, intermediate), client: { ca: root.pem } }),
    ],
    ['trusted itself', () => ({ server: own(selfSigned), client: { ca: selfSigned.pem } })],
    ['self-signed', () => ({ server: own(selfSigned), client: { ca: root.pem } })],
    ['of nobody known', () => ({ server: own(leaf), client: { ca: other.pem } })],
    ['without its intermediate', () => ({ server: own(below), client: { ca: root.pem } })],
    ['with its intermediate alone', () => ({ server: own(below, intermediate), client: { ca: other.pem } })],
    ['with its root', () => ({ server: own(below, intermediate, root), client: { ca: other.pem } })],
    ['against the public ones', () => ({ server: own(leaf), client: {} })],
    ['of nobody, where nobody is trusted', () => ({ server: own(leaf), client: { ca: [] } })],
    [
      'of nobody, where `ca` has no certificate in it',
      () => ({ server: own(leaf), client: { ca: [leaf.keyPem, ''] } }),
    ],
    ...['X509 CERTIFICATE', 'TRUSTED CERTIFICATE'].map((label): (typeof cases)[number] => [
      `by an authority under the label ${label}`,
      () => ({ server: own(leaf), client: { ca: root.pem.replaceAll('CERTIFICATE', label) } }),
    ]),
    [
      'by an authority in other bytes',
      () => ({
        server: own(leaf),
        client: { ca: viewOf(root.pem) as never },
      }),
    ],
    ['expired', () => ({ server: own(expired), client: { ca: root.pem } })],
    ['not valid yet', () => ({ server: own(early), client: { ca: root.pem } })],
    ['of another name', () => ({ server: own(leaf), client: { ca: root.pem, servername: 'example.org' } })],
    [
      'refused by a check of the caller',
      () => ({
        server: own(leaf),
        client: {
          ca: root.pem,
          checkServerIdentity: () => Object.assign(new Error('no'), { code: 'OWN_REASON' }),
        },
      }),
    ],
    [
      'revoked',
      () => ({
        server: own(leaf),
        client: { ca: root.pem, crl: crlPem(makeCrl(root, { ...recent(), revoked: [leaf] })) },
      }),
    ],
    [
      'not revoked',
      () => ({ server: own(leaf), client: { ca: root.pem, crl: crlPem(makeCrl(root, recent())) } }),
    ],
    [
      'of a client',
      () => ({ server: own(forClients), client: { ca: root.pem, checkServerIdentity: () => undefined } }),
    ],
  ];

  test.each(cases)('%s', async (_, options) => {
    const { server, client: asked } = options();
    const { port } = await listening(faces.node, server, (socket) => socket.on('error', () => {}));
    for (const rejectUnauthorized of [true, false]) {
      const [expected, found] = await Promise.all(
        [faces.node, faces.tacit].map((tls) =>
          outcomeOf(tls.connect({ ...to(port), ...asked, rejectUnauthorized })),
        ),
      );
      expect(found).toBe(expected);
    }
  });
});

describe.each(pairs)('a client of %s with a certificate at a server of %s', (clientName, serverName) => {
  // Its own `ca` has its root, which goes along.
  const unknownIssuer = 'SELF_SIGNED_CERT_IN_CHAIN';

  const judged = async (
    server: TlsOptions,
    asked: ConnectionOptions,
  ): Promise<{ authorized: boolean; error: unknown; subject: string | string[] | undefined } | string> => {
    let socket: TLSSocket | undefined;
    const accepted = new Promise<Awaited<ReturnType<typeof judged>>>((resolve) => {
      void listening(faces[serverName], { ...own(leaf), ...server }, (secure) => {
        const { authorized, authorizationError: error } = secure;
        const subject = secure.getPeerCertificate().subject?.CN;
        resolve({ authorized, error, subject });
        secure.end();
      }).then(({ server: listener, port }) => {
        listener.on('tlsClientError', (error: NodeJS.ErrnoException) => resolve(`error ${error.code}`));
        socket = faces[clientName].connect({ ...to(port), ca: root.pem, ...asked });
        socket.on('error', () => {});
        socket.resume();
      });
    });
    const result = await accepted;
    socket?.destroy();
    return result;
  };

  test('is authorized where the server asks and trusts it', async () => {
    const server = { ca: root.pem, requestCert: true };
    expect(await judged(server, own(client))).toEqual({
      authorized: true,
      error: null,
      subject: 'Test Client',
    });
  });

  test('is refused without one, or with one of nobody known', async () => {
    const server = { ca: other.pem, requestCert: true };
    expect(await judged(server, {})).toBe('error ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE');
    // Node's server drops the connection.
    const code = serverName === 'node' ? 'ECONNRESET' : unknownIssuer;
    expect(await judged(server, own(client))).toBe(`error ${code}`);
  });

  test('is let in unauthorized where the server says so', async () => {
    const server = { ca: other.pem, requestCert: true, rejectUnauthorized: false };
    expect(await judged(server, {})).toEqual({
      authorized: false,
      error: 'UNABLE_TO_GET_ISSUER_CERT',
      subject: undefined,
    });
    expect(await judged(server, own(client))).toEqual({
      authorized: false,
      error: unknownIssuer,
      subject: 'Test Client',
    });
  });

  test('is asked for nothing otherwise', async () => {
    expect(await judged({}, own(client))).toEqual({ authorized: false, error: null, subject: undefined });
  });
});

test.each([
  ['permitted', 0xa0, 'example.org'],
  ['excluded', 0xa1, 'victim.test'],
])('a CN is no way around names that are %s', async (_, tag, name) => {
  const [rootKey, middleKey, leafKey] = [newKey(), newKey(), newKey()];
  const constraints = rawExtension('2.5.29.30', true, sequence(der(tag, sequence(der(0x82, ascii(name))))));
  const [top, middle] = [commonName('Top'), commonName('Middle')];
  const anchor = rawCertificate({
    subject: top,
    issuer: top,
    key: rootKey,
    signer: rootKey,
    extensions: [authority],
  });
  const constrained = rawCertificate({
    subject: middle,
    issuer: top,
    key: middleKey,
    signer: rootKey,
    extensions: [authority, constraints],
  });
  const ends: [string, Uint8Array[]][] = [
    ['error CERT_REJECTED', []],
    ['secure true null', [dnsNames('www.example.org')]],
  ];
  for (const [outcome, extensions] of ends) {
    const servername = extensions.length === 0 ? 'www.victim.test' : 'www.example.org';
    const end = rawCertificate({
      subject: commonName(servername),
      issuer: middle,
      key: leafKey,
      signer: middleKey,
      extensions:
        extensions.length === 0 ? [rawExtension('2.5.29.14', false, der(0x04, ascii('x')))] : extensions,
    });
    const server = {
      key: String(leafKey.export({ format: 'pem', type: 'pkcs8' })),
      cert: [end, constrained].map((bytes) => toPem('CERTIFICATE', bytes)).join('\n'),
    };
    const { port } = await listening(faces.node, server);
    const ca = toPem('CERTIFICATE', anchor);
    expect(await outcomeOf(faces.tacit.connect({ ...to(port), servername, ca }))).toBe(outcome);
  }
});

test.each([
  ['permitted', 0xa0, 'example.org'],
  ['excluded', 0xa1, 'victim.test'],
])('nor is a client’s, where they are %s', async (_, tag, name) => {
  const [rootKey, middleKey, clientKey] = [newKey(), newKey(), newKey()];
  const constraints = rawExtension('2.5.29.30', true, sequence(der(tag, sequence(der(0x82, ascii(name))))));
  const [top, middle] = [commonName('Top'), commonName('Middle')];
  const asRoot = { subject: top, issuer: top, key: rootKey, signer: rootKey };
  const asMiddle = { subject: middle, issuer: top, key: middleKey, signer: rootKey };
  const anchor = rawCertificate({ ...asRoot, extensions: [authority] });
  const constrained = rawCertificate({ ...asMiddle, extensions: [authority, constraints] });
  const asking = { ca: toPem('CERTIFICATE', anchor), requestCert: true, rejectUnauthorized: false };
  const cases: [string, string, string, Partial<RawCertificate>][] = [];
  for (const old of [{ version: new Uint8Array() }, {}]) {
    cases.push(['www.victim.test', 'UNSPECIFIED', 'CERT_REJECTED', old]);
    cases.push(['Jane B. Doe', 'null', 'null', old], ['jane@victim.test', 'null', 'null', old]);
  }
  const named = { extensions: [dnsNames('www.example.org')] };
  cases.push(['www.victim.test', 'null', 'null', named]);
  for (const [cn, expected, found, parts] of cases) {
    const asClient = { subject: commonName(cn), issuer: middle, key: clientKey, signer: middleKey };
    const end = rawCertificate({ extensions: [], ...asClient, ...parts });
    const shown = {
      key: String(clientKey.export({ format: 'pem', type: 'pkcs8' })),
      cert: [end, constrained].map((bytes) => toPem('CERTIFICATE', bytes)).join('\n'),
    };
    for (const [tls, outcome] of [
      [faces.node, expected],
      [faces.tacit, found],
    ] as const) {
      const { port } = await listening(tls, { ...own(leaf), ...asking }, (socket) =>
        socket.end(String(socket.authorizationError)),
      );
      const socket = faces.node.connect({ ...to(port), ...shown, rejectUnauthorized: false });
      expect(String(await bytesOf(socket))).toBe(outcome);
    }
  }
});

describe('checkServerIdentity', () => {
  const answers: [string, unknown, string, string][] = [
    ['null', null, 'secure true null', 'secure true null'],
    ['false', false, 'secure true null', 'secure true null'],
    ['true', true, 'error undefined', 'secure false checkServerIdentity gave no Error: true'],
    [
      'a promise',
      Promise.resolve(),
      'error undefined',
      'secure false checkServerIdentity gave no Error: [object Promise]',
    ],
  ];
  test.each(answers)('that gives %s', async (_, answer, strict, lenient) => {
    const { port } = await listening(faces.node, own(leaf));
    const options = { ...to(port), ca: root.pem, checkServerIdentity: () => answer as undefined };
    expect(await outcomeOf(faces.tacit.connect(options))).toBe(strict);
    expect(await outcomeOf(faces.tacit.connect({ ...options, rejectUnauthorized: false }))).toBe(lenient);
  });

  test('that throws refuses', async () => {
    const { port } = await listening(faces.node, own(leaf));
    const checkServerIdentity = (): undefined => {
      throw new Error('of the check');
    };
    const socket = faces.tacit.connect({ ...to(port), ca: root.pem, checkServerIdentity });
    expect(await outcomeOf(socket)).toMatch(/^error /);
  });
});

test('NODE_TLS_REJECT_UNAUTHORIZED is for those who say nothing themselves', async () => {
  const { port } = await listening(faces.node, own(selfSigned));
  const said = process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
  process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
  try {
    const outcome = (options: object): Promise<string> =>
      outcomeOf(faces.tacit.connect({ ...to(port), ...options }));
    expect(await outcome({})).toBe('secure false DEPTH_ZERO_SELF_SIGNED_CERT');
    for (const rejectUnauthorized of [true, undefined, null, 0])
      expect(await outcome({ rejectUnauthorized })).toBe('error DEPTH_ZERO_SELF_SIGNED_CERT');
  } finally {
    if (said === undefined) delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    else process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = said;
  }
});

describe('a handshake that fails', () => {
  test.each(['tacit', 'node'] as const)(
    'because the server of %s has no protocol in common',
    async (name) => {
      const { server, port } = await listening(faces[name], { ...own(leaf), ALPNProtocols: ['a'] });
      const failed = once(server, 'tlsClientError');
      const options = { ...to(port), ca: root.pem, ALPNProtocols: ['b'] };
      expect(await outcomeOf(faces.tacit.connect(options))).toBe(
        'error ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL',
      );
      await failed;
    },
  );

  test('because the peer goes says so, with the place', async () => {
    const listener = net.createServer((raw) => raw.end());
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const { port } = listener.address() as net.AddressInfo;
    for (const tls of [faces.node, faces.tacit]) {
      const [error] = (await once(tls.connect(port, '127.0.0.1'), 'error', {}).catch((reason) => [
        reason,
      ])) as [NodeJS.ErrnoException];
      expect(error).toMatchObject({
        code: 'ECONNRESET',
        message: 'Client network socket disconnected before secure TLS connection was established',
        host: '127.0.0.1',
        port,
      });
    }
    listener.close();
  });

  test('because nobody listens', async () => {
    const listener = net.createServer().listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const { port } = listener.address() as net.AddressInfo;
    listener.close();
    await once(listener, 'close');
    expect(await outcomeOf(faces.tacit.connect(port, '127.0.0.1'))).toBe('error ECONNREFUSED');
  });

  test('because the client says nothing in time', async () => {
    const { server, port } = await listening(faces.tacit, { ...own(leaf), handshakeTimeout: 50 });
    const raw = net.connect(port, '127.0.0.1');
    raw.on('error', () => {});
    const [error] = await once(server, 'tlsClientError');
    expect(error).toMatchObject({ code: 'ERR_TLS_HANDSHAKE_TIMEOUT' });
    raw.destroy();
  });

  test('at a server is told to it, and it goes on', async () => {
    const { server, port } = await listening(faces.tacit, own(leaf), (socket) => socket.end('well'));
    const raw = net.connect(port, '127.0.0.1');
    raw.end('GET / HTTP/1.1\r\n\r\n');
    raw.on('error', () => {}).resume();
    const [error] = await once(server, 'tlsClientError');
    expect(error.code).toMatch(/^ERR_SSL_/);
    const socket = faces.tacit.connect({ ...to(port), ca: root.pem });
    expect(String(await bytesOf(socket))).toBe('well');
  });
});

test('a context keeps the lists that it was made with, whatever becomes of the bytes', async () => {
  const { port } = await listening(faces.node, own(leaf));
  const crl = [Buffer.from(crlPem(makeCrl(root, { ...recent(), revoked: [leaf] })))];
  const secureContext = faces.tacit.createSecureContext({ ca: root.pem, crl });
  crl[0]!.fill(crlPem(makeCrl(root, recent())));
  crl[0] = Buffer.from(crlPem(makeCrl(root, recent())));
  expect(await outcomeOf(faces.tacit.connect({ ...to(port), secureContext }))).toBe('error CERT_REVOKED');
});

test('a stream that was cut off is an error, behind all that came before', async () => {
  const { port } = await listening(faces.node, own(leaf), (socket) => {
    socket.write('all that there is', () => {
      // The transport's end without TLS having said anything.
      const { _parent: raw } = socket as unknown as { _parent: net.Socket };
      (raw ?? socket).destroy();
    });
  });
  const socket = faces.tacit.connect({ ...to(port), ca: root.pem });
  let text = '';
  socket.on('data', (data) => {
    text += data;
  });
  const [error] = (await once(socket, 'close').then(
    () => [undefined],
    (reason) => [reason],
  )) as [NodeJS.ErrnoException | undefined];
  expect(text).toBe('all that there is');
  expect(error?.code).toMatch(/^(ERR_SSL_UNEXPECTED_EOF_WHILE_READING|ECONNRESET)$/);
});

function own(
  certificate: TestCertificate,
  ...chain: readonly TestCertificate[]
): { key: string; cert: string } {
  return { key: certificate.keyPem, cert: [certificate, ...chain].map(({ pem }) => pem).join('\n') };
}

/** `text` in the middle of a buffer, which has other bytes around it. */
function viewOf(text: string): DataView {
  const { buffer } = new Uint8Array(Buffer.from(`--${text}--`));
  return new DataView(buffer, 2, text.length);
}

/** Lists of now: Node has no other clock. */
function recent(): { thisUpdate: Date; nextUpdate: Date } {
  const now = Date.now();
  return { thisUpdate: new Date(now - 3_600_000), nextUpdate: new Date(now + 3_600_000) };
}
