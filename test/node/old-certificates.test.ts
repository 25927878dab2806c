import { once } from 'node:events';
import type { ConnectionOptions, SecureVersion, TLSSocket, TlsOptions } from 'node:tls';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { connect } from '../../src/index.ts';
import {
  type CertificateOptions,
  clientCertificate,
  intermediateCertificate,
  rootCertificate,
  serverCertificate,
  type TestCertificate,
  testKey,
  version1Of,
} from '../support/certificates.ts';
import { crlPem, makeCrl } from '../support/crl.ts';
import { bytesOf, closeServers, faces, listening, outcomeOf, pairs } from '../support/node-faces.ts';
import { makeOcspResponse } from '../support/ocsp.ts';

const { tacit, node } = faces;
const versions: readonly SecureVersion[] = ['TLSv1.3', 'TLSv1.2'];

let root: TestCertificate;
let oldRoot: TestCertificate;
let other: TestCertificate;
let intermediate: TestCertificate;
let oldIntermediate: TestCertificate;
let leaf: TestCertificate;
let below: TestCertificate;
let client: TestCertificate;

beforeAll(async () => {
  root = await rootCertificate();
  other = await rootCertificate({ subject: 'CN=Other Root' });
  const old = await rootCertificate({ subject: 'CN=Old Root' });
  oldRoot = version1Of(old, old);
  intermediate = await intermediateCertificate(root);
  oldIntermediate = version1Of(await intermediateCertificate(root, { subject: 'CN=Old' }), root);
  leaf = await oldLeaf(root);
  below = await oldLeaf(intermediate);
  client = version1Of(await clientCertificate(root), root);
});
afterEach(closeServers);

/** A server's certificate of version 1, as `openssl x509 -req -CA` makes it: its name is its CN. */
async function oldLeaf(issuer: TestCertificate, options: CertificateOptions = {}): Promise<TestCertificate> {
  return version1Of(await serverCertificate(issuer, { subject: 'CN=localhost', ...options }), issuer);
}

async function selfSigned(): Promise<TestCertificate> {
  const own = await serverCertificate(undefined, { subject: 'CN=localhost' });
  return version1Of(own, own);
}

const to = (port: number): ConnectionOptions => ({ port, host: '127.0.0.1', servername: 'localhost' });

describe('a server whose certificate is of version 1 is judged as node:tls judges it', () => {
  type Case = { server: TlsOptions; client: ConnectionOptions };
  const cases: [string, () => Case | Promise<Case>][] = [
    ['known by its CN', () => ({ server: own(leaf), client: { ca: root.pem } })],
    ['of another CN', () => ({ server: own(leaf), client: { ca: root.pem, servername: 'example.org' } })],
    ['below an intermediate', () => ({ server: own(below, intermediate), client: { ca: root.pem } })],
    ['without that intermediate', () => ({ server: own(below), client: { ca: root.pem } })],
    ['of nobody known', () => ({ server: own(leaf), client: { ca: other.pem } })],
    ['against the public ones', () => ({ server: own(leaf), client: {} })],
    [
      'below a root of version 1',
      async () => ({ server: own(await oldLeaf(oldRoot)), client: { ca: oldRoot.pem } }),
    ],
    [
      'with a root of version 1',
      async () => ({ server: own(await oldLeaf(oldRoot), oldRoot), client: { ca: oldRoot.pem } }),
    ],
    [
      'with a root of version 1 that is not known',
      async () => ({ server: own(await oldLeaf(oldRoot), oldRoot), client: { ca: root.pem } }),
    ],
    ['self-signed', async () => ({ server: own(await selfSigned()), client: { ca: root.pem } })],
    [
      'self-signed, and in `ca`',
      async () => {
        const certificate = await selfSigned();
        return { server: own(certificate), client: { ca: certificate.pem } };
      },
    ],
    [
      'expired',
      async () => ({
        server: own(await oldLeaf(root, { notAfter: new Date('2025-01-01') })),
        client: { ca: root.pem },
      }),
    ],
    [
      'signed by somebody else',
      async () => ({
        server: own(version1Of(await serverCertificate(root, { subject: 'CN=localhost' }), other)),
        client: { ca: root.pem },
      }),
    ],
    ['revoked', () => ({ server: own(leaf), client: { ca: root.pem, crl: list(leaf) } })],
    ['not revoked', () => ({ server: own(leaf), client: { ca: root.pem, crl: list() } })],
  ];

  test.each(cases)('%s', async (_, options) => {
    const { server, client: asked } = await options();
    for (const maxVersion of versions) {
      const { port } = await listening(node, { ...server, maxVersion }, (socket) =>
        socket.on('error', () => {}),
      );
      for (const rejectUnauthorized of [true, false]) {
        const [expected, found] = await Promise.all(
          [node, tacit].map((tls) => outcomeOf(tls.connect({ ...to(port), ...asked, rejectUnauthorized }))),
        );
        expect(found).toBe(expected);
      }
    }
  });

  test('and refused with an intermediate of version 1, or as one', async () => {
    const chains = [
      own(await oldLeaf(oldIntermediate), oldIntermediate),
      own(await serverCertificate(oldIntermediate), oldIntermediate),
      own(await serverCertificate(leaf), leaf),
    ];
    for (const server of chains) {
      const { port } = await listening(node, server);
      expect(await outcomeOf(node.connect({ ...to(port), ca: root.pem }))).toMatch(/^error /);
      expect(await outcomeOf(tacit.connect({ ...to(port), ca: root.pem }))).toBe('error UNSPECIFIED');
    }
  });
});

describe.each(pairs)(
  'a client of %s whose certificate is of version 1, at a server of %s',
  (ours, theirs) => {
    test.each(versions)('%s: is authorized, on a resumed connection too', async (maxVersion) => {
      const asking = { ...own(leaf), ca: root.pem, requestCert: true, maxVersion };
      const { port } = await listening(faces[theirs], asking, (socket) => {
        const { subject } = socket.getPeerCertificate();
        socket.end(`${socket.isSessionReused()} ${socket.authorized} ${subject.CN}`);
      });
      const options = { ...to(port), ca: root.pem, ...own(client) };
      const first = faces[ours].connect(options);
      const [[session], text] = (await Promise.all([once(first, 'session'), bytesOf(first)])) as [
        [Buffer],
        Buffer,
      ];
      expect(String(text)).toBe('false true Test Client');
      const second = faces[ours].connect({ ...options, session });
      await once(second, 'secureConnect');
      expect([second.isSessionReused(), second.authorized]).toEqual([true, true]);
      expect(String(await bytesOf(second))).toBe('true true Test Client');
    });

    test('is authorized by an intermediate that it sends', async () => {
      const end = version1Of(await clientCertificate(intermediate), intermediate);
      expect(await judged({ ca: root.pem }, own(end, intermediate))).toBe('true null');
    });

    test('is not authorized where it is revoked, or of nobody known', async () => {
      const asking = { rejectUnauthorized: false };
      const crl = list(client);
      expect(await judged({ ...asking, ca: root.pem, crl }, own(client))).toBe('false CERT_REVOKED');
      expect(await judged({ ...asking, ca: other.pem }, { ...own(client), ca: [] })).toBe(
        'false UNABLE_TO_VERIFY_LEAF_SIGNATURE',
      );
    });

    async function judged(server: TlsOptions, asked: ConnectionOptions): Promise<string> {
      const asking = { ...own(leaf), requestCert: true, ...server };
      const { port } = await listening(faces[theirs], asking, (socket) =>
        socket.end(`${socket.authorized} ${socket.authorizationError}`),
      );
      const options = { ...to(port), rejectUnauthorized: false, ...asked };
      return String(await bytesOf(faces[ours].connect(options)));
    }
  },
);

test('a client shows the certificate of version 1 that the server’s authorities have issued', async () => {
  const stranger = await clientCertificate(other, { subject: 'CN=Stranger' });
  const asking = { ...own(leaf), ca: root.pem, requestCert: true };
  const { port } = await listening(tacit, asking, (socket) =>
    socket.end(String(socket.getPeerCertificate().subject.CN)),
  );
  const certificates = { key: [stranger.keyPem, client.keyPem], cert: [stranger.pem, client.pem] };
  const socket = tacit.connect({ ...to(port), rejectUnauthorized: false, ...certificates });
  expect(String(await bytesOf(socket))).toBe('Test Client');
});

test.each(['node', 'tacit'] as const)('a server of %s takes its intermediates from `ca`', async (name) => {
  const { port } = await listening(faces[name], { ...own(below), ca: [root.pem, intermediate.pem] });
  for (const tls of [node, tacit]) {
    const socket = tls.connect({ ...to(port), ca: root.pem });
    await once(socket, 'secureConnect');
    expect(issuersOf(socket)).toEqual(['localhost', 'Test Intermediate', 'Test Root']);
    socket.destroy();
  }
});

test('the issuers in `ca` are shown', async () => {
  const { port } = await listening(node, own(below));
  for (const tls of [node, tacit]) {
    const socket = tls.connect({ ...to(port), ca: [root.pem, intermediate.pem] });
    await once(socket, 'secureConnect');
    expect(issuersOf(socket)).toEqual(['localhost', 'Test Intermediate', 'Test Root']);
    socket.destroy();
  }
});

test('a server gives those who ask its OCSP response', async () => {
  const { server, port } = await listening(tacit, own(leaf));
  const response = Buffer.from(makeOcspResponse(leaf, root, recent()));
  server.on('OCSPRequest', (_certificate, _issuer, answer) => answer(null, response));
  for (const tls of [node, tacit]) {
    const options = { ...to(port), ca: root.pem, requestOCSP: true };
    const socket = tls.connect(options);
    expect(await once(socket, 'OCSPResponse')).toEqual([response]);
    await once(socket, 'secureConnect');
    socket.destroy();
  }
});

test('what the face takes, Tacit’s own clients refuse, in the same process', async () => {
  const { port } = await listening(node, own(leaf));
  const options = { port, host: '127.0.0.1', serverName: 'localhost', ca: root.pem };
  for (const _ of ['before', 'after']) {
    await expect(connect(options)).rejects.toMatchObject({
      check: 'malformed',
      certificate: { position: 0 },
    });
    expect(await outcomeOf(tacit.connect({ ...to(port), ca: root.pem }))).toBe('secure true null');
  }
});

test('a key that is too short stays refused', async () => {
  const weak = await serverCertificate(root, { subject: 'CN=localhost', key: testKey('rsa1024') });
  const server = own(version1Of(weak, root));
  const { port } = await listening(node, { ...server, ciphers: 'DEFAULT@SECLEVEL=0' });
  const lenient = { ...to(port), ca: root.pem, ciphers: 'DEFAULT@SECLEVEL=0' };
  expect(await outcomeOf(node.connect(lenient))).toBe('secure true null');
  expect(await outcomeOf(tacit.connect(lenient))).toBe('error EE_KEY_TOO_SMALL');
});

/** The CNs of a peer's certificate and its issuers. */
function issuersOf(socket: TLSSocket): unknown[] {
  const found: unknown[] = [];
  let certificate = socket.getPeerCertificate(true);
  for (; !found.includes(certificate.subject.CN); certificate = certificate.issuerCertificate)
    found.push(certificate.subject.CN);
  return found;
}

function own(
  certificate: TestCertificate,
  ...chain: readonly TestCertificate[]
): { key: string; cert: string } {
  return { key: certificate.keyPem, cert: [certificate, ...chain].map(({ pem }) => pem).join('\n') };
}

/** The root's list of now, with these certificates. */
function list(...revoked: readonly TestCertificate[]): string {
  return crlPem(makeCrl(root, { ...recent(), revoked }));
}

/** Node has no other clock. */
function recent(): { thisUpdate: Date; nextUpdate: Date } {
  const now = Date.now();
  return { thisUpdate: new Date(now - 3_600_000), nextUpdate: new Date(now + 3_600_000) };
}
