import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import {
  clientCertificate,
  rootCertificate,
  serverCertificate,
  type TestCertificate,
  testKey,
} from '../support/certificates.ts';
import { bytesOf, closeServers, faces, listening, outcomeOf } from '../support/node-faces.ts';
import { makeOcspResponse } from '../support/ocsp.ts';

const { tacit, node } = faces;
let root: TestCertificate;
let first: TestCertificate;
let second: TestCertificate;

beforeAll(async () => {
  root = await rootCertificate();
  first = await serverCertificate(root, { subject: 'CN=First', names: ['first.example'] });
  second = await serverCertificate(root, {
    subject: 'CN=Second',
    names: ['second.example', 'a.second.example'],
  });
});
afterEach(closeServers);

const own = ({ keyPem, pem }: TestCertificate): { key: string; cert: string } => ({ key: keyPem, cert: pem });

/** The CN that a server shows to who asks for this name. */
async function shownTo(servername: string, port: number): Promise<string | string[] | undefined> {
  const socket = node.connect({
    port,
    host: '127.0.0.1',
    servername,
    ca: root.pem,
    checkServerIdentity: () => undefined,
  });
  await once(socket, 'secureConnect');
  const { CN } = socket.getPeerCertificate().subject;
  socket.destroy();
  return CN;
}

describe('a server shows', () => {
  test('by addContext the certificate of the name, the one that was added last first', async () => {
    const { server, port } = await listening(tacit, own(first));
    expect(await shownTo('second.example', port)).toBe('First');
    server.addContext('*.second.example', own(second));
    server.addContext('second.example', tacit.createSecureContext(own(first)));
    server.addContext('second.example', tacit.createSecureContext(own(second)));
    expect(await shownTo('second.example', port)).toBe('Second');
    expect(await shownTo('A.second.example', port)).toBe('Second');
    expect(await shownTo('a.b.second.example', port)).toBe('First');
    expect(await shownTo('other.example', port)).toBe('First');
  });

  test('what SNICallback gives, at once or later', async () => {
    const asked: string[] = [];
    const SNICallback = (name: string, give: (error: Error | null, context?: object) => void): void => {
      asked.push(name);
      const context = name === 'second.example' ? tacit.createSecureContext(own(second)) : undefined;
      if (name === 'broken.example') give(new Error('no such name'));
      else setImmediate(() => give(null, context));
    };
    const { server, port } = await listening(tacit, { ...own(first), SNICallback: SNICallback as never });
    expect(await shownTo('second.example', port)).toBe('Second');
    expect(await shownTo('other.example', port)).toBe('First');
    const failed = once(server, 'tlsClientError');
    await expect(shownTo('broken.example', port)).rejects.toThrow();
    await failed;
    expect(asked).toEqual(['second.example', 'other.example', 'broken.example']);
  });

  test('what SNICallback gives without the object around it', async () => {
    const { context } = tacit.createSecureContext(own(second));
    const SNICallback = (_name: string, give: (error: null, context: object) => void): void =>
      give(null, context);
    const { port } = await listening(tacit, { ...own(first), SNICallback: SNICallback as never });
    expect(await shownTo('second.example', port)).toBe('Second');
  });

  test('another certificate after setSecureContext', async () => {
    const { server, port } = await listening(tacit, own(first));
    expect(await shownTo('first.example', port)).toBe('First');
    server.setSecureContext(own(second));
    expect(await shownTo('first.example', port)).toBe('Second');
  });

  test('the certificate that a client can verify, of several', async () => {
    const rsa = await serverCertificate(root, {
      subject: 'CN=RSA',
      names: ['first.example'],
      key: testKey('rsa2048'),
    });
    const both = { key: [rsa.keyPem, first.keyPem], cert: [first.pem, rsa.pem] };
    const { port } = await listening(tacit, both);
    for (const [sigalgs, CN] of [
      ['ecdsa_secp256r1_sha256', 'First'],
      ['rsa_pss_rsae_sha256:ecdsa_secp384r1_sha384', 'RSA'],
    ] as const) {
      const socket = node.connect({
        port,
        host: '127.0.0.1',
        servername: 'first.example',
        sigalgs,
        rejectUnauthorized: false,
      });
      await once(socket, 'secureConnect');
      expect(socket.getPeerCertificate().subject.CN).toBe(CN);
      socket.destroy();
    }
  });
});

test('a context for a name brings the authorities of its clients along, on resumed connections too', async () => {
  const ours = await rootCertificate({ subject: 'CN=Ours', key: testKey('p256', 'ours') });
  const theirs = await rootCertificate({ subject: 'CN=Theirs', key: testKey('p256', 'theirs') });
  const [member, stranger] = [await clientCertificate(theirs), await clientCertificate(ours)];
  const asking = { ...own(first), ca: ours.pem, requestCert: true, rejectUnauthorized: false };
  const { server, port } = await listening(tacit, asking, (socket) => {
    socket.end(`${socket.isSessionReused()} ${socket.authorized} ${socket.authorizationError}`);
  });
  server.addContext('second.example', tacit.createSecureContext({ ...own(second), ca: theirs.pem }));
  const said = async (servername: string, client: TestCertificate): Promise<string[]> => {
    const answers: string[] = [];
    let session: Buffer | undefined;
    for (let round = 0; round < 2; round++) {
      const options = { port, host: '127.0.0.1', servername, ca: root.pem, ...own(client) };
      const socket = tacit.connect({ ...options, ...(session && { session }) });
      socket.on('session', (given) => {
        session = given;
      });
      answers.push(String(await bytesOf(socket)));
    }
    return answers;
  };
  expect(await said('first.example', stranger)).toEqual(['false true null', 'true true null']);
  expect(await said('second.example', member)).toEqual(['false true null', 'true true null']);
  const refused = 'UNABLE_TO_VERIFY_LEAF_SIGNATURE';
  expect(await said('first.example', member)).toEqual([`false false ${refused}`, `true false ${refused}`]);
  expect(await said('second.example', stranger)).toEqual([`false false ${refused}`, `true false ${refused}`]);
});

test('a listener of tlsClientError may destroy the socket with the error', async () => {
  const { server, port } = await listening(tacit, own(first));
  server.on('tlsClientError', (error, socket) => socket.destroy(error));
  const failed = once(server, 'tlsClientError');
  const socket = node.connect({ port, host: '127.0.0.1', servername: 'first.example' });
  socket.on('error', () => {});
  await failed;
  expect(await shownTo('first.example', port)).toBe('First');
});

test.each(['reset', 'end'] as const)(
  'a stranger’s %s brings no server down that listens for no error',
  async (how) => {
    const closed: Promise<unknown>[] = [];
    // Without the listener that `listening` adds.
    const server = tacit.createServer(own(first), (socket) => {
      closed.push(new Promise((resolve) => socket.on('close', resolve)));
      socket.resume();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const raw = net.connect((server.address() as AddressInfo).port, '127.0.0.1');
    const socket = node.connect({ socket: raw, servername: 'first.example', ca: root.pem });
    socket.on('error', () => {});
    const secured = once(server, 'secureConnection');
    await Promise.all([secured, once(socket, 'secureConnect')]);
    if (how === 'reset') raw.resetAndDestroy();
    else raw.end();
    expect(await closed[0]).toBe(true);
    server.close();
  },
);

test('a server lets 256 connections drain, and drops the oldest for the next one', async () => {
  const { server, port } = await listening(tacit, own(first), (socket) => {
    socket.write('all');
    socket.destroySoon();
  });
  const raws: net.Socket[] = [];
  let onDropped = (): void => {};
  const dropped = new Promise<void>((resolve) => {
    onDropped = resolve;
  });
  server.on('connection', (raw: net.Socket) => {
    if (raws.push(raw) === 1) raw.on('close', onDropped);
  });
  const held: net.Socket[] = [];
  for (let count = 0; count < 257; count++) {
    const raw = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    held.push(raw.on('error', () => {}));
    const socket = node.connect({ socket: raw, servername: 'first.example', ca: root.pem });
    await once(socket.on('error', () => {}).resume(), 'end');
  }
  await dropped;
  expect(raws.filter(({ destroyed }) => destroyed)).toHaveLength(1);
  for (const raw of held) raw.destroy();
}, 60_000);

test('a server keeps what it was told, whatever becomes of the options', async () => {
  const options = { ...own(first), requestCert: true, ca: root.pem };
  const { server, port } = await listening(tacit, options);
  options.requestCert = false;
  const failed = once(server, 'tlsClientError');
  const socket = node.connect({ port, host: '127.0.0.1', servername: 'first.example', ca: root.pem });
  socket.on('error', () => {});
  const [error] = await failed;
  expect(error.code).toBe('ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE');
});

describe.each(['tacit', 'node'] as const)('a listener of tlsClientError of %s', (name) => {
  type Give = (error: Error | null, context?: unknown) => void;
  const answers: [string, (give: Give) => unknown, RegExp][] = [
    ['an error', (give) => give(new Error('no such name')), /^no such name$/],
    ['no context', (give) => setImmediate(() => give(null, {})), /^Invalid SNI context$/],
  ];
  test.each(answers)('learns for which name SNICallback has given %s', async (_what, answer, message) => {
    const SNICallback = (_name: string, give: Give): void => void answer(give);
    const { server, port } = await listening(faces[name], {
      ...own(first),
      SNICallback: SNICallback as never,
    });
    const failed = once(server, 'tlsClientError');
    tacit.connect({ port, host: '127.0.0.1', servername: 'broken.example' }).on('error', () => {});
    const [error, socket] = await failed;
    expect(error.message).toMatch(message);
    expect(socket.servername).toBe('broken.example');
  });

  test('learns what is wrong with a certificate', async () => {
    const stranger = await clientCertificate(
      await rootCertificate({ subject: 'CN=Theirs', key: testKey('p256', 'theirs') }),
    );
    const { server, port } = await listening(faces[name], { ...own(first), ca: root.pem, requestCert: true });
    const failed = once(server, 'tlsClientError');
    const socket = tacit.connect({
      port,
      host: '127.0.0.1',
      ca: root.pem,
      servername: 'first.example',
      ...own(stranger),
    });
    socket.on('error', () => {}).resume();
    expect((await failed)[1]).toMatchObject({
      authorized: false,
      authorizationError: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    });
  });

  test('as a client does', async () => {
    const { port } = await listening(tacit, own(first));
    const socket = faces[name].connect({ port, host: '127.0.0.1', ca: [] });
    await expect(once(socket, 'secureConnect')).rejects.toThrow();
    expect(socket).toMatchObject({
      authorized: false,
      authorizationError: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    });
  });
});

describe.each(['tacit', 'node'] as const)('without a certificate and its key, with %s', (name) => {
  test.each([
    ['TLSv1.3', 'ERR_SSL_NO_SUITABLE_SIGNATURE_ALGORITHM'],
    ['TLSv1.2', 'ERR_SSL_NO_SHARED_CIPHER'],
  ] as const)('a server refuses everybody, and goes on: %s', async (maxVersion, code) => {
    for (const options of [{}, { cert: first.pem }, { key: first.keyPem }]) {
      const { server, port } = await listening(faces[name], { ...options, maxVersion });
      for (let round = 0; round < 2; round++) {
        const failed = once(server, 'tlsClientError');
        const socket = tacit.connect({ port, host: '127.0.0.1', ca: root.pem });
        await expect(once(socket, 'secureConnect')).rejects.toMatchObject({
          code: 'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE',
        });
        expect((await failed)[0]).toMatchObject({ code });
      }
    }
  });

  test('or with a key that the client cannot verify: the same', async () => {
    const { server, port } = await listening(faces[name], own(first));
    const failed = once(server, 'tlsClientError');
    tacit.connect({ port, host: '127.0.0.1', sigalgs: 'RSA-PSS+SHA256' }).on('error', () => {});
    expect((await failed)[0]).toMatchObject({ code: 'ERR_SSL_NO_SUITABLE_SIGNATURE_ALGORITHM' });
  });

  test('a client shows none', async () => {
    const asking = { ...own(first), requestCert: true, rejectUnauthorized: false };
    const { server, port } = await listening(tacit, asking);
    const accepted = once(server, 'secureConnection');
    const socket = faces[name].connect({
      port,
      host: '127.0.0.1',
      ca: root.pem,
      cert: second.pem,
      servername: 'first.example',
    });
    await once(socket, 'secureConnect');
    expect((await accepted)[0].getPeerCertificate()).toEqual({});
    socket.destroy();
  });

  test('a context for a name goes with that of the server', async () => {
    const context = faces[name].createSecureContext({ ca: root.pem });
    const SNICallback = (_name: string, give: (error: null, context: object) => void): void =>
      give(null, context);
    const { port } = await listening(faces[name], { ...own(first), SNICallback: SNICallback as never });
    expect(await shownTo('second.example', port)).toBe('First');
  });
});

test('a server gives those who ask the response of OCSPRequest', async () => {
  const { server, port } = await listening(tacit, own(first));
  const now = Date.now();
  const times = { thisUpdate: new Date(now - 60_000), nextUpdate: new Date(now + 3_600_000) };
  const response = Buffer.from(makeOcspResponse(first, root, times));
  const requests: Buffer[] = [];
  server.on('OCSPRequest', (certificate, _issuer, answer) => {
    requests.push(certificate);
    answer(null, response);
  });
  for (const tls of [node, tacit]) {
    const options = { port, host: '127.0.0.1', servername: 'first.example', ca: root.pem, requestOCSP: true };
    const socket = tls.connect(options);
    const [given] = await once(socket, 'OCSPResponse');
    expect(given).toEqual(response);
    await once(socket, 'secureConnect');
    socket.destroy();
  }
  expect(requests).toEqual([Buffer.from(first.der), Buffer.from(first.der)]);
});

test('the lines of the key log come to whoever listens, on both sides', async () => {
  const { server, port } = await listening(tacit, own(first), (socket) => socket.end('x'));
  const lines: { server: string[]; client: string[] } = { server: [], client: [] };
  server.on('keylog', (line, socket: TLSSocket) => {
    expect(socket.encrypted).toBe(true);
    lines.server.push(String(line));
  });
  const socket = tacit.connect({ port, host: '127.0.0.1', servername: 'first.example', ca: root.pem });
  socket.on('keylog', (line) => lines.client.push(String(line)));
  await bytesOf(socket);
  expect(lines.client.length).toBeGreaterThanOrEqual(5);
  expect(lines.client[0]).toMatch(/^[A-Z_0-9]+ [0-9a-f]{64} [0-9a-f]{64,96}\n$/);
  expect(lines.client.toSorted()).toEqual(lines.server.toSorted());
});

test('a server may be closed while connections go on', async () => {
  const { server, port } = await listening(tacit, own(first), (socket) => socket.pipe(socket));
  const socket = tacit.connect({ port, host: '127.0.0.1', servername: 'first.example', ca: root.pem });
  await once(socket, 'secureConnect');
  const closed = once(server, 'close');
  server.close();
  socket.end('still here');
  expect(String(await bytesOf(socket))).toBe('still here');
  await closed;
});

test.each(['tacit', 'node'] as const)(
  'a server of %s shows no other certificate where that of a name has no key',
  async (name) => {
    const { server, port } = await listening(faces[name], own(first));
    server.addContext('second.example', { cert: second.pem });
    server.addContext('third.example', { ca: second.pem });
    const options = { port, host: '127.0.0.1', rejectUnauthorized: false };
    const refused = await outcomeOf(node.connect({ ...options, servername: 'second.example' }));
    // Node's client says SSL/TLS or SSLV3, by its OpenSSL.
    expect(refused).toMatch(/^error ERR_SSL_.*_ALERT_HANDSHAKE_FAILURE$/);
    const shown = await outcomeOf(node.connect({ ...options, servername: 'third.example' }));
    expect(shown).toMatch(/^secure /);
  },
);

test.each(['tacit', 'node'] as const)('addContext of %s wants a name', (name) => {
  expect(() => faces[name].createServer().addContext('', {})).toThrow(
    expect.objectContaining({ code: 'ERR_TLS_REQUIRED_SERVER_NAME', name: 'Error' }),
  );
});
