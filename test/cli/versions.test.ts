import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { DevelopmentCertificate } from '../../src/cli/development-certificate.ts';
import { dial } from '../../src/cli/lab-client.ts';
import { startNodeServer } from '../../src/cli/lab-node.ts';
import { findOpenssl, startOpensslServer } from '../../src/cli/lab-openssl.ts';
import type { LabServer } from '../../src/cli/lab-server.ts';
import { startTacitServer } from '../../src/cli/lab-tacit.ts';
import { onlyVersion, type TlsVersion, type VersionSettings } from '../../src/cli/tls-version.ts';
import { tacit } from './program.ts';
import { nodeClient, selfSigned, sendTo, Workshop } from './workshop.ts';

const versions = ['1.2', '1.3'] as const;
const other = { '1.2': '1.3', '1.3': '1.2' } as const;

const workshop = new Workshop();
afterEach(() => workshop.clear());

let identity: DevelopmentCertificate;
beforeAll(async () => {
  identity = await selfSigned(['localhost']);
});

const both: VersionSettings = { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3' };

describe('tacit send --tls', () => {
  /** What `tacit send` speaks with a server that is not Tacit, and how it ended. */
  async function spoken(options: VersionSettings, args: readonly string[]): Promise<string> {
    const { server, port } = await workshop.startNodeServer({ ...identity, ...options });
    const connected = once(server, 'secureConnection').then(([socket]: TLSSocket[]) => {
      socket!.resume();
      return socket!.getProtocol();
    });
    const refused = once(server, 'tlsClientError').then(() => 'refused');
    const file = workshop.file('data');
    const ended = await tacit([
      'send',
      file,
      `localhost:${port}`,
      '--ca',
      workshop.file(identity.cert),
      ...args,
    ]);
    return `${await Promise.race([connected, refused])}, ${ended.status} ${ended.stderr}`;
  }

  test.each(versions)('%s is the only version that it speaks', async (version) => {
    expect(await spoken(both, ['--tls', version])).toMatch(new RegExp(`^TLSv${version}, 0 sent 4 bytes`));
    expect(await spoken(onlyVersion(other[version]), ['--tls', version])).toMatch(
      /^refused, 1 tacit send: the other side refused: protocol_version, .*\n$/,
    );
  });

  test('without it, it speaks both, the higher one first', async () => {
    expect(await spoken(both, [])).toMatch(/^TLSv1\.3, 0 /);
    expect(await spoken(onlyVersion('1.2'), [])).toMatch(/^TLSv1\.2, 0 /);
  });
});

describe('tacit receive --tls', () => {
  test.each(versions)('%s is the only version that it speaks', async (version) => {
    const receiver = await workshop.startReceiver(workshop.directory(), '--tls', version);
    const { tls } = await nodeClient(receiver, both);
    expect(tls.getProtocol()).toBe(`TLSv${version}`);
    tls.end('data');
    await receiver.running.printed('stdout', /^upload 1.*: complete, 4 bytes, ended by close_notify/m);
    await expect(nodeClient(receiver, onlyVersion(other[version]))).rejects.toThrow(/protocol.version/);
    await receiver.running.printed('stdout', /^connection failed: .*protocol_version/m);
  });

  test('without it, it speaks both, the higher one first', async () => {
    const receiver = await workshop.startReceiver(workshop.directory());
    for (const [offered, version] of [
      [both, '1.3'],
      [onlyVersion('1.2'), '1.2'],
    ] as const)
      expect((await nodeClient(receiver, offered)).tls.getProtocol()).toBe(`TLSv${version}`);
  });
});

test('over TLS 1.2 a file arrives whole, byte for byte, and both say how it ended', async () => {
  const data = randomBytes(3_000_000);
  const out = join(workshop.directory(), 'output');
  const receiver = await workshop.startReceiver(out, '--tls', '1.2');
  const sent = await sendTo(receiver, workshop.file(data));
  expect(sent.stderr).toMatch(/^sent 3,000,000 bytes .*\nthe other side said close_notify: .*no receipt/);
  expect(sent.status).toBe(0);
  const received = await receiver.running.finished;
  expect(received.stdout.toString()).toMatch(
    /^upload 1.*: complete, 3,000,000 bytes, ended by close_notify/m,
  );
  expect(received.status).toBe(0);
  expect(data.equals(readFileSync(out))).toBe(true);
});

test('a server of TLS 1.2 that ends first has ended both directions, and is not called one that refused', async () => {
  const { server, port } = await workshop.startNodeServer({ ...identity, ...onlyVersion('1.2') });
  server.once('secureConnection', (socket) => socket.on('error', () => {}).end());
  const file = workshop.file(randomBytes(20_000_000));
  const sent = await tacit(['send', file, `localhost:${port}`, '--ca', workshop.file(identity.cert)]);
  expect(sent.stderr).toMatch(
    /^tacit send: stopped after .*: the peer has ended .* TLS 1\.2 has no half-close.*\n$/,
  );
  expect(sent.stderr).not.toContain('refused');
  expect(sent.status).toBe(1);
});

const openssl = await findOpenssl();
const opensslVersion = 'version' in openssl ? openssl.version : '';

describe.each<{
  readonly name: LabServer['name'];
  readonly start: (version?: TlsVersion) => LabServer | Promise<LabServer>;
}>([
  { name: 'node:tls', start: (version) => startNodeServer(identity, version) },
  { name: 'openssl', start: (version) => startOpensslServer(opensslVersion, identity, version) },
  { name: 'tacit', start: (version) => startTacitServer(identity, version) },
])("the lab's server $name", ({ name, start }) => {
  /** What a client that offers these versions speaks with it, or why it does not. */
  async function spoken(server: LabServer, offered: VersionSettings): Promise<string | null> {
    const reception = await server.receive({ start: Promise.resolve(), take: () => {} });
    reception.ended.catch(() => {});
    const socket = await dial(reception.port, () => {});
    const tls = connectTls({ ...offered, socket, ca: identity.cert, servername: 'localhost' });
    try {
      await once(tls, 'secureConnect');
      return tls.getProtocol();
    } catch (error) {
      return (error as Error).message;
    } finally {
      tls.destroy();
      reception.cancel();
    }
  }

  test.skipIf(name === 'openssl' && opensslVersion === '')('speaks what it is told, or both', async () => {
    for (const version of versions) {
      const server = await start(version);
      expect(await spoken(server, both)).toBe(`TLSv${version}`);
      expect(await spoken(server, onlyVersion(other[version]))).toMatch(/alert protocol version/);
      await server.close();
    }
    const server = await start();
    for (const version of versions) expect(await spoken(server, onlyVersion(version))).toBe(`TLSv${version}`);
    await server.close();
  });
});
