import { randomBytes } from 'node:crypto';
import { afterEach, expect, test, vi } from 'vitest';
import { tacit } from './program.ts';
import { Workshop } from './workshop.ts';

// Up to twenty processes, one after the other, on a machine that may have more to do.
vi.setConfig({ testTimeout: 90_000 });

const workshop = new Workshop();
afterEach(() => workshop.clear());

interface Row {
  readonly server: string;
  readonly client: string;
  readonly tls: string;
  readonly bytes: number;
  readonly rounds: number;
  readonly complete: number;
  readonly bytesLost: number;
  readonly silentLosses: number;
  readonly ticketsBeforeData: number;
}

const columns = [
  'server',
  'client',
  'tls',
  'bytes',
  'rounds',
  'complete',
  'bytesLost',
  'silentLosses',
  'ticketsBeforeData',
];

test('--json prints one array of rows; Tacit is complete in every round and wrote no ticket early', async () => {
  const { status, stdout } = await tacit(['lab', '--json', '--rounds', '2', '--bytes', '300000,2000000']);
  const rows = JSON.parse(stdout.toString()) as Row[];
  for (const row of rows) {
    expect(Object.keys(row)).toEqual(columns);
    expect(row.client).toMatch(/^node:tls \(Node .*OpenSSL .*\)$/);
    expect(row.tls).toBe('1.3');
    expect(row.rounds).toBe(2);
    expect(row.complete).toBeLessThanOrEqual(row.rounds);
    expect(row.silentLosses).toBeLessThanOrEqual(row.rounds - row.complete);
    expect(row.bytesLost).toBeLessThanOrEqual(row.bytes * row.rounds);
  }
  const bytesOf = (server: string): number[] =>
    rows.filter((row) => row.server === server).map((row) => row.bytes);
  expect(bytesOf('node:tls')).toEqual([300_000, 2_000_000]);
  expect([[], [300_000, 2_000_000]]).toContainEqual(bytesOf('openssl'));
  expect(rows.filter((row) => row.server === 'tacit')).toMatchObject(
    [300_000, 2_000_000].map((bytes) => ({
      bytes,
      complete: 2,
      bytesLost: 0,
      silentLosses: 0,
      ticketsBeforeData: 0,
    })),
  );
  expect(rows.length).toBe(bytesOf('node:tls').length + bytesOf('openssl').length + bytesOf('tacit').length);
  expect(status).toBe(0);
});

test('a table and one sentence for people, of a file of yours', async () => {
  const file = workshop.file(randomBytes(400_000));
  const { status, stdout } = await tacit(['lab', '--rounds', '1', '--file', file]);
  const text = stdout.toString();
  expect(text).toMatch(/^A client process that only writes uploads over TLS 1\.3 and /);
  expect(text).toMatch(/^client: {2}node:tls \(Node .*\)/m);
  expect(text).toMatch(/^server +upload +complete +bytes lost +lost without an error +tickets before data$/m);
  expect(text).toMatch(/^node:tls +400,000 +\d of 1 /m);
  expect(text).toMatch(/^tacit +400,000 +1 of 1 +0 +0 +0$/m);
  expect(text.trimEnd()).toMatch(/received every\s+upload\s+whole[^.]*\.$/);
  expect(status).toBe(0);
});

test('--tls 1.2: nobody writes a ticket behind the handshake, and nobody loses anything', async () => {
  const file = workshop.file(randomBytes(2_000_000));
  const { status, stdout } = await tacit(['lab', '--rounds', '2', '--file', file, '--tls', '1.2']);
  const text = stdout.toString();
  expect(text).toMatch(/^A client process that only writes uploads over TLS 1\.2 and /);
  for (const server of text.includes('skipped:') ? ['node:tls', 'tacit'] : ['node:tls', 'openssl', 'tacit'])
    expect(text).toMatch(new RegExp(`^${server} +2,000,000 +2 of 2 +0 +0 +0$`, 'm'));
  expect(text).toMatch(/Every server received every upload whole: in TLS 1\.2 /);
  expect(status).toBe(0);
});

test('the version is what is spoken: by default what Node is told, and always what --tls says', async () => {
  const args = ['lab', '--json', '--rounds', '1', '--bytes', '1000'];
  const environment = { PATH: workshop.directory(), NODE_OPTIONS: '--tls-max-v1.2' };
  for (const [more, version] of [
    [[], '1.2'],
    [['--tls', '1.3'], '1.3'],
  ] as const) {
    const { status, stdout } = await tacit([...args, ...more], '', environment);
    const rows = JSON.parse(stdout.toString()) as Row[];
    expect(rows.map(({ server, tls }) => `${server} ${tls}`)).toEqual([
      `node:tls ${version}`,
      `tacit ${version}`,
    ]);
    expect(status).toBe(0);
  }
});

test('a machine without OpenSSL: that server is left out by name', async () => {
  const { stderr, stdout } = await tacit(['lab', '--json', '--rounds', '1'], '', {
    PATH: workshop.directory(),
  });
  expect(stderr).toBe('skipped: openssl: openssl is not installed\n');
  expect((JSON.parse(stdout.toString()) as Row[]).map(({ server }) => server)).toEqual(['node:tls', 'tacit']);
});
