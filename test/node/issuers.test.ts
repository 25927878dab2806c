import type { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { ConnectionOptions, DetailedPeerCertificate, TLSSocket, TlsOptions } from 'node:tls';
import { afterEach, beforeAll, expect, test } from 'vitest';
import {
  clientCertificate,
  intermediateCertificate,
  rootCertificate,
  serverCertificate,
  type TestCertificate,
  testKey,
} from '../support/certificates.ts';
import { closeServers, faces, listening } from '../support/node-faces.ts';

const names = ['localhost'];
let root: TestCertificate;
let other: TestCertificate;
let intermediate: TestCertificate;
let leaf: TestCertificate;
let below: TestCertificate;
let client: TestCertificate;

beforeAll(async () => {
  root = await rootCertificate();
  // The same name, and another key.
  other = await rootCertificate({ key: testKey('p256', 'other') });
  intermediate = await intermediateCertificate(root);
  leaf = await serverCertificate(root, { names });
  below = await serverCertificate(intermediate, { names });
  client = await clientCertificate(root);
});
afterEach(closeServers);

const own = (certificate: TestCertificate, ...above: TestCertificate[]): { key: string; cert: string } => ({
  key: certificate.keyPem,
  cert: [certificate, ...above].map(({ pem }) => pem).join('\n'),
});

/** Their subjects, and of an object that is its own issuer the word. */
function pathOf(certificate: DetailedPeerCertificate): unknown[] {
  const { subject, issuerCertificate: issuer } = certificate;
  if (issuer === undefined) return [subject?.CN];
  return [subject.CN, ...(issuer === certificate ? ['itself'] : pathOf(issuer))];
}

function x509PathOf(certificate: X509Certificate | undefined): unknown[] {
  return certificate === undefined
    ? []
    : [certificate.subject.replace('CN=', ''), ...x509PathOf(certificate.issuerCertificate)];
}

const cases: [string, unknown[], () => { server: TlsOptions; ca: ConnectionOptions['ca'] }][] = [
  ['a leaf alone', ['Test Server', 'Test Root', 'itself'], () => ({ server: own(leaf), ca: root.pem })],
  [
    'an intermediate that was sent',
    ['Test Server', 'Test Intermediate', 'Test Root', 'itself'],
    () => ({ server: own(below, intermediate), ca: root.pem }),
  ],
  [
    'an intermediate and the root, in the wrong order',
    ['Test Server', 'Test Intermediate', 'Test Root', 'itself'],
    () => ({ server: own(below, root, intermediate), ca: root.pem }),
  ],
  [
    'all of them in `ca`',
    ['Test Server', 'Test Intermediate', 'Test Root', 'itself'],
    () => ({ server: own(below), ca: [other.pem, root.pem, intermediate.pem] }),
  ],
  ['nobody known', ['Test Server'], () => ({ server: own(below), ca: root.pem })],
  ['the public authorities', ['Test Server'], () => ({ server: own(leaf), ca: undefined })],
  ['nobody', ['Test Server'], () => ({ server: own(leaf), ca: [] })],
];

test.each(cases)('the issuers of a peer, as node:tls has them: %s', async (what, expected, options) => {
  const { server, ca } = options();
  const { port } = await listening(faces.node, server);
  for (const tls of [faces.node, faces.tacit]) {
    let checked: DetailedPeerCertificate | undefined;
    const socket = tls.connect({
      port,
      host: '127.0.0.1',
      servername: 'localhost',
      ca,
      rejectUnauthorized: false,
      checkServerIdentity(_host, certificate) {
        checked = certificate as DetailedPeerCertificate;
        return undefined;
      },
    });
    await once(socket, 'secureConnect');
    expect(pathOf(socket.getPeerCertificate(true))).toEqual(expected);
    expect('issuerCertificate' in socket.getPeerCertificate()).toBe(false);
    // Who is not trusted is not looked at any closer.
    if (socket.authorized) expect(checked && pathOf(checked)).toEqual(expected);
    // Node's has empty hands from here on; and it does not care for the order.
    const sent = what.includes('sent') ? ['Test Server', 'Test Intermediate'] : ['Test Server'];
    if (!what.includes('order')) expect(x509PathOf(socket.getPeerX509Certificate())).toEqual(sent);
    socket.destroy();
  }
});

test.each(['node', 'tacit'] as const)('those of a client, at a server of %s', async (name) => {
  const accepted = new Promise<TLSSocket>((resolve) => {
    void listening(faces[name], { ...own(leaf), ca: root.pem, requestCert: true }, resolve).then(
      ({ port }) => {
        const options = { port, host: '127.0.0.1', servername: 'localhost', ca: root.pem, ...own(client) };
        faces.tacit.connect(options).on('error', () => {});
      },
    );
  });
  const socket = await accepted;
  expect(pathOf(socket.getPeerCertificate(true))).toEqual(['Test Client', 'Test Root', 'itself']);
  socket.destroy();
});

test('one that has the name of the issuer, and another key, is not it', async () => {
  // Nothing but its signature tells them apart.
  const end = await serverCertificate(root, { names, withoutKeyIdentifiers: true });
  const { port } = await listening(faces.node, own(end, other));
  const socket = faces.tacit.connect({
    port,
    host: '127.0.0.1',
    servername: 'localhost',
    ca: [other.pem, root.pem],
  });
  await once(socket, 'secureConnect');
  const { issuerCertificate } = socket.getPeerCertificate(true);
  expect(issuerCertificate.raw).toEqual(Buffer.from(root.der));
  expect(socket.getPeerX509Certificate()?.issuerCertificate).toBeUndefined();
  socket.destroy();
});

test.each(['node', 'tacit'] as const)('a server of %s takes its intermediates from `ca`', async (name) => {
  const { port } = await listening(faces[name], {
    ...own(below),
    ca: [root.pem, intermediate.pem, other.pem],
  });
  for (const client of [faces.node, faces.tacit]) {
    const socket = client.connect({ port, host: '127.0.0.1', servername: 'localhost', ca: root.pem });
    await once(socket, 'secureConnect');
    expect(socket.authorized).toBe(true);
    expect(x509PathOf(socket.getPeerX509Certificate())).toEqual([
      'Test Server',
      'Test Intermediate',
      'Test Root',
    ]);
    socket.destroy();
  }
});

test.each(['node', 'tacit'] as const)('a server of %s whose chain is given sends that', async (name) => {
  const { port } = await listening(faces[name], { ...own(below, intermediate), ca: root.pem });
  const socket = faces.tacit.connect({ port, host: '127.0.0.1', servername: 'localhost', ca: root.pem });
  await once(socket, 'secureConnect');
  expect(x509PathOf(socket.getPeerX509Certificate())).toEqual(['Test Server', 'Test Intermediate']);
  socket.destroy();
});
