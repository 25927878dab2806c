import { once } from 'node:events';
import net from 'node:net';
import type { SecureVersion, TLSSocket } from 'node:tls';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { clientCertificate, type TestCertificate } from '../support/certificates.ts';
import {
  bytesOf,
  closeServers,
  faces,
  identity,
  listening,
  makeLocalhost,
  pairs,
  root,
  to,
} from '../support/node-faces.ts';

let client: TestCertificate;
beforeAll(async () => {
  await makeLocalhost();
  client = await clientCertificate(root);
});
afterEach(closeServers);

/** What Node's types of version 20 leave out. */
interface Inspected extends TLSSocket {
  getSharedSigalgs(): string[];
  closeWrite(): Promise<void>;
}

describe.each(pairs)('with a client of %s and a server of %s', (clientName, serverName) => {
  const [own, other] = [faces[clientName], faces[serverName]];

  /** Both ends of a connection. */
  async function connected(options: object, serverOptions: object = {}): Promise<[Inspected, Inspected]> {
    const { server, port } = await listening(other, { ...identity(), ...serverOptions });
    const accepted = once(server, 'secureConnection') as Promise<[Inspected]>;
    const socket = own.connect({ ...to(port), ...options }) as Inspected;
    await once(socket, 'secureConnect');
    return [socket, (await accepted)[0]];
  }

  test.each(['TLSv1.3', 'TLSv1.2'] as const)(
    '%s: both sides tell the same two Finished',
    async (maxVersion) => {
      const [near, far] = await connected({ maxVersion });
      expect(near.getFinished()).toEqual(far.getPeerFinished());
      expect(near.getPeerFinished()).toEqual(far.getFinished());
      expect(near.getFinished()).not.toEqual(near.getPeerFinished());
      expect(near.getFinished()?.length).toBe(maxVersion === 'TLSv1.3' ? 48 : 12);
      near.destroy();
    },
  );

  test('no Finished is there before the handshake', async () => {
    const { port } = await listening(other, identity());
    const socket = own.connect(to(port));
    expect([socket.getFinished(), socket.getPeerFinished()]).toEqual([undefined, undefined]);
    await once(socket, 'secureConnect');
    socket.destroy();
  });

  test.each(['TLSv1.3', 'TLSv1.2'] as const)('%s: what both sides sign with', async (maxVersion) => {
    const sigalgs = 'ECDSA+SHA256:RSA-PSS+SHA384:RSA-PSS+SHA256:ECDSA+SHA512';
    const asking = { requestCert: true, ca: root.pem, sigalgs: 'RSA-PSS+SHA256:ECDSA+SHA256:RSA-PSS+SHA512' };
    const [near, far] = await connected({ maxVersion, sigalgs, ...pemOf(client) }, asking);
    expect(new Set(far.getSharedSigalgs())).toEqual(new Set(['ECDSA+SHA256', 'RSA-PSS+SHA256']));
    expect(new Set(near.getSharedSigalgs())).toEqual(new Set(['RSA-PSS+SHA256', 'ECDSA+SHA256']));
    near.destroy();
  });

  test.each([
    ['TLSv1.3', 'ERR_SSL_WRONG_SSL_VERSION', 'wrong ssl version'],
    ['TLSv1.2', 'ERR_SSL_NO_RENEGOTIATION', 'no renegotiation'],
  ] as const)('%s: a renegotiation comes to %s', async (maxVersion, code, reason) => {
    // Node's client does it in TLS 1.2.
    if (clientName === 'node' && maxVersion === 'TLSv1.2') return;
    const [socket] = await connected({ maxVersion });
    const [error] = await new Promise<[Error | null]>((resolve) => {
      expect(socket.renegotiate({}, (given) => resolve([given]))).toBe(false);
    });
    expect(error).toMatchObject({ code, reason, library: 'SSL routines' });
    expect(() => socket.renegotiate(undefined as never, () => {})).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE', name: 'TypeError' }),
    );
    socket.destroy();
  });

  test('what cannot be exported is refused alike', async () => {
    const [socket] = await connected({});
    const given: [unknown, unknown, unknown?][] = [
      ['length', 'label'],
      [10, null],
      [10, 'label', 'context'],
      [-3, 'label'],
      [1.5, 'label'],
    ];
    for (const parameters of given) {
      expect(() => Reflect.apply(socket.exportKeyingMaterial, socket, parameters)).toThrow(
        expect.objectContaining({ code: expect.stringMatching(/^ERR_(INVALID_ARG_TYPE|OUT_OF_RANGE)$/) }),
      );
    }
    socket.destroy();
  });
});

describe.each(['tacit', 'node'] as const)('setMaxSendFragment of %s', (name) => {
  test('takes the numbers that Node takes', async () => {
    const { port } = await listening(faces[name], identity());
    const socket = faces[name].connect(to(port));
    await once(socket, 'secureConnect');
    expect([511, 512, 16_384, 16_385, -1].map((size) => socket.setMaxSendFragment(size))).toEqual([
      false,
      true,
      true,
      false,
      false,
    ]);
    for (const size of ['512', null, undefined, {}, Number.NaN, 2 ** 31, 512.5]) {
      expect(() => socket.setMaxSendFragment(size as never)).toThrow(
        expect.objectContaining({ code: expect.stringMatching(/^ERR_(INVALID_ARG_TYPE|OUT_OF_RANGE)$/) }),
      );
    }
    socket.destroy();
  });

  test.each(['TLSv1.3', 'TLSv1.2'] as SecureVersion[])('limits the records of %s', async (maxVersion) => {
    const { port } = await listening(faces[name], { ...identity(), maxVersion }, (socket) => {
      socket.setMaxSendFragment(600);
      socket.end(Buffer.alloc(10_000));
    });
    const { lengths, bytes } = await recordsThrough(port);
    expect(bytes).toBe(10_000);
    const data = lengths.filter((length) => length >= 600 + 16);
    expect(data).toHaveLength(16);
    expect(Math.max(...data)).toBeLessThanOrEqual(600 + 24);
  });
});

describe.each(['tacit', 'node'] as const)('what programs look at in sockets and servers of %s', (name) => {
  test('_secureEstablished: whether the handshake is done', async () => {
    const { server, port } = await listening(faces[name], identity());
    const accepted = once(server, 'secureConnection');
    const socket = faces[name].connect(to(port));
    expect(socket).toMatchObject({ _secureEstablished: false });
    await once(socket, 'secureConnect');
    expect(socket).toMatchObject({ _secureEstablished: true });
    expect((await accepted)[0]).toMatchObject({ _secureEstablished: true });
    socket.destroy();
    const failed = once(server, 'tlsClientError');
    net.connect(port, '127.0.0.1').end();
    expect((await failed)[1]).toMatchObject({ _secureEstablished: false });
  });

  test('bufferSize: what waits to be written, until the socket is closed', async () => {
    const { port } = await listening(faces[name], identity(), (socket) => socket.resume());
    const socket = faces[name].connect(to(port));
    await once(socket, 'secureConnect');
    socket.write('abc');
    expect(socket.bufferSize).toBe(3);
    socket.destroy();
    await once(socket, 'close');
    expect(socket.bufferSize).toBeUndefined();
  });

  test('ALPNProtocols of a server: in the wire form, and counts when it is set', async () => {
    const { server, port } = await listening(faces[name], { ...identity(), ALPNProtocols: ['a', 'bc'] });
    expect(server).toMatchObject({ ALPNProtocols: Buffer.from('\x01a\x02bc') });
    Object.assign(server, { ALPNProtocols: Buffer.from('\x02bc') });
    const socket = faces[name].connect({ ...to(port), ALPNProtocols: ['a', 'bc'] });
    await once(socket, 'secureConnect');
    expect(socket.alpnProtocol).toBe('bc');
    socket.destroy();
  });
});

test('closeWrite() ends our direction, and resolves', async () => {
  const { port } = await listening(faces.tacit, { ...identity(), allowHalfOpen: true } as never, (socket) => {
    socket.resume().on('end', () => socket.end('behind your end'));
  });
  const socket = faces.tacit.connect(to(port)) as Inspected;
  await once(socket, 'secureConnect');
  const received = bytesOf(socket);
  socket.write('all');
  await socket.closeWrite();
  expect(socket.writableFinished).toBe(true);
  expect(String(await received)).toBe('behind your end');
});

function pemOf({ keyPem, pem }: TestCertificate): { key: string; cert: string } {
  return { key: keyPem, cert: pem };
}

/** A client of Node's behind a wire on which the application's records of the server are measured. */
async function recordsThrough(port: number): Promise<{ lengths: number[]; bytes: number }> {
  const wire: Buffer[] = [];
  const relay = net.createServer((near) => {
    const far = net.connect(port, '127.0.0.1');
    far.on('data', (data) => wire.push(data));
    near.pipe(far).pipe(near);
    for (const side of [near, far]) side.on('error', () => {});
  });
  relay.listen(0, '127.0.0.1');
  await once(relay, 'listening');
  const socket = faces.node.connect(to((relay.address() as net.AddressInfo).port));
  const { length: bytes } = await bytesOf(socket);
  socket.destroy();
  relay.close();
  const lengths: number[] = [];
  const all = Buffer.concat(wire);
  for (let place = 0; place + 5 <= all.length; place += 5 + all.readUInt16BE(place + 3)) {
    if (all[place] === 23) lengths.push(all.readUInt16BE(place + 3));
  }
  return { lengths, bytes };
}
