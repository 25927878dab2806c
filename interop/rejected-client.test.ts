// Clients of other stacks that a Tacit server refuses while they write: they read why. `npm run measure:alerts` counts
// the same against other servers.

import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listen, serve, type TlsListener } from '../src/index.ts';
import { serverName } from './support/certificates.ts';
import { missing, programOf } from './support/peers.ts';
import { start } from './support/process.ts';
import { certificates } from './support/run.ts';
import { identity, roots } from './support/tacit.ts';

const program = (name: string): string => fileURLToPath(new URL(`peers/rejected/${name}`, import.meta.url));

const uploads = [
  { bytes: 4_000_000, rounds: 50 },
  { bytes: 64_000_000, rounds: 10 },
];

let listener: TlsListener;

beforeAll(async () => {
  listener = await listen({
    host: '127.0.0.1',
    identity: identity(certificates.server()),
    clientAuthentication: 'require',
    ca: roots(),
  });
  void serve(listener, () => {}, { onError: () => undefined });
});

afterAll(() => listener.close());

/** The outcomes of connections of one program of `peers/rejected/`, one after another. */
async function outcomes(command: readonly string[], bytes: number, rounds: number): Promise<string[]> {
  const [executable = '', ...first] = command;
  const args = [...first, `${listener.address.port}`, certificates.roots, serverName, `${bytes}`];
  const peer = start(executable, args);
  peer.write('go\n'.repeat(rounds));
  peer.endInput();
  await peer.exited;
  return peer.stdout.toString().trim().split('\n');
}

const readers = [
  { name: 'Tacit', peer: 'node', command: [process.execPath, program('tacit.mjs')] },
  { name: 'node:tls', peer: 'node', command: [process.execPath, program('node-tls.mjs')] },
  {
    name: 'Python ssl',
    peer: 'python',
    command: [programOf('python'), program('python.py'), 'while-writing'],
  },
];

for (const { name, peer, command } of readers) {
  const reason = missing(peer);
  const title = `refused ${name}, which reads while it writes${reason ? ` (${reason})` : ''}`;
  test.skipIf(reason !== undefined).each(uploads)(`${title}: $rounds × $bytes bytes`, async (upload) => {
    const expected = Array.from({ length: upload.rounds }, () => 'certificate_required');
    expect(await outcomes(command, upload.bytes, upload.rounds)).toEqual(expected);
  });
}

const noPython = missing('python');
describe(`refused Python ssl, which writes first${noPython ? ` (${noPython})` : ''}`, () => {
  test.skipIf(noPython !== undefined)('50 × 1 000 000 bytes, which are drained', async () => {
    const command = [programOf('python'), program('python.py'), 'after-writing'];
    const expected = Array.from({ length: 50 }, () => 'certificate_required');
    expect(await outcomes(command, 1_000_000, 50)).toEqual(expected);
  });
});

const noOpenssl = missing('openssl');
describe(`refused openssl s_client${noOpenssl ? ` (${noOpenssl})` : ''}`, () => {
  test.skipIf(noOpenssl !== undefined).each([4_000_000, 64_000_000])('10 × %i bytes', async (bytes) => {
    const connectTo = ['-connect', `127.0.0.1:${listener.address.port}`, '-servername', serverName];
    for (let round = 0; round < 10; round++) {
      const peer = start('openssl', ['s_client', ...connectTo, '-CAfile', certificates.roots, '-quiet']);
      peer.write(new Uint8Array(bytes));
      peer.endInput();
      await peer.exited;
      expect(peer.stderr).toContain('tlsv13 alert certificate required');
    }
  });
});
