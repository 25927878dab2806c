import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rootPem, serverPem } from '../support/tls-endpoints.ts';
import { bundleShim } from './bundle.mjs';
import { parseFlags, Unimplemented } from './flags.ts';

/** Two connections, one process: the runner takes what the shim says in front of TLS, and then speaks TLS itself. */
class Runner {
  readonly #server: Server = createServer({ allowHalfOpen: true });
  readonly ids: bigint[] = [];

  async listen(speak: (socket: Socket) => void): Promise<number> {
    this.#server.on('connection', (socket) => {
      socket.once('readable', () => {
        this.ids.push((socket.read(8) as Buffer).readBigUInt64LE());
        speak(socket);
      });
    });
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return (this.#server.address() as { port: number }).port;
  }

  close(): void {
    this.#server.close();
  }
}

let folder: string;
let shim: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tacit-shim-'));
  shim = join(folder, 'shim.mjs');
  await bundleShim(shim);
  writeFileSync(join(folder, 'cert.pem'), serverPem.cert);
  writeFileSync(join(folder, 'key.pem'), serverPem.key);
  writeFileSync(join(folder, 'another.pem'), rootPem);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function runShim(
  ...args: readonly string[]
): Promise<{ readonly code: number; readonly error: string; readonly output: string }> {
  const child = spawn(process.execPath, ['--no-warnings', shim, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [error, output] = ['', ''];
  child.stderr.on('data', (chunk) => {
    error += chunk;
  });
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  const [code] = await once(child, 'close');
  return { code: code as number, error, output };
}

/** Sends a word, and ends when it came back with all its bits changed. */
function expectEcho(socket: TLSSocket): void {
  socket.on('error', () => {});
  socket.write('word');
  socket.on('data', (data: Buffer) => {
    if (data.map((byte) => byte ^ 0xff).toString() === 'word') socket.end();
  });
}

const identity = (): readonly string[] => [
  '-cert-file',
  join(folder, 'cert.pem'),
  '-key-file',
  join(folder, 'key.pem'),
];

/** Runs the shim as a client of a server of Node's. */
async function asClient(
  flags: readonly string[],
): Promise<Awaited<ReturnType<typeof runShim>> & { readonly ids: readonly bigint[] }> {
  const runner = new Runner();
  const port = await runner.listen((socket) => {
    expectEcho(new TLSSocket(socket, { isServer: true, ALPNProtocols: ['one', 'two'], ...serverPem }));
  });
  const result = await runShim('-port', String(port), '-shim-id', '7', ...flags);
  runner.close();
  return { ...result, ids: runner.ids };
}

/** Runs it as the server of a client of Node's. */
async function asServer(flags: readonly string[]): Promise<Awaited<ReturnType<typeof runShim>>> {
  const runner = new Runner();
  const port = await runner.listen((socket) => {
    expectEcho(
      connect({ socket, host: 'localhost', servername: 'localhost', ca: rootPem, minVersion: 'TLSv1.3' }),
    );
  });
  const result = await runShim('-port', String(port), '-shim-id', '7', '-server', ...identity(), ...flags);
  runner.close();
  return result;
}

describe('the shim', () => {
  it('says that it has no handshaker', async () => {
    expect(await runShim('-is-handshaker-supported')).toEqual({ code: 0, error: '', output: 'No\n' });
  });

  it('says who it is, echoes, and exits without a word', async () => {
    expect(await asClient([])).toEqual({ code: 0, error: '', output: '', ids: [7n] });
    expect(await asServer([])).toEqual({ code: 0, error: '', output: '' });
  });

  it('does so a byte at a time and with late answers too', async () => {
    expect(await asClient(['-one-byte-reads', '-async'])).toMatchObject({ code: 0, error: '' });
    expect(await asServer(['-one-byte-reads', '-async'])).toMatchObject({ code: 0, error: '' });
  });

  it('notices what is not as the flags expect it', async () => {
    expect(await asClient(['-advertise-alpn', '\x03two', '-expect-alpn', 'two'])).toMatchObject({ code: 0 });
    expect(await asClient(['-advertise-alpn', '\x03two', '-expect-alpn', 'one'])).toMatchObject({
      code: 1,
      error: expect.stringContaining('ALPN protocol: expected "one", found "two"'),
    });
    expect(await asServer(['-expect-server-name', 'localhost'])).toMatchObject({ code: 0 });
    expect(await asServer(['-expect-server-name', 'another'])).toMatchObject({
      code: 1,
      error: expect.stringContaining('server_name: expected "another", found "localhost"'),
    });
  });

  it.each<[string, ...string[]]>([
    ['-expect-version', '771'],
    ['-expect-cipher', '4868'],
    ['-expect-curve-id', '30'],
    ['-expect-peer-signature-algorithm', '2055'],
    ['-expect-peer-certificate-type', '2'],
    ['-expect-selected-credential', '3'],
    ['-expect-peer-cert-file', 'another.pem'],
    ['-expect-no-peer-cert'],
    ['-expect-no-session'],
    ['-expect-hrr'],
    ['-expect-hrr', '-implicit-handshake'],
  ])('notices as a client that %s is not so', async (...flags) => {
    const files = flags.map((flag) => (flag === 'another.pem' ? join(folder, flag) : flag));
    expect(await asClient(files)).toMatchObject({
      code: 1,
      error: expect.stringMatching(/^:SHIM: .*expected/),
    });
  });

  it.each<[string, ...string[]]>([
    ['-expect-no-server-name'],
    ['-expect-advertised-alpn', '\x02h2'],
    ['-expect-peer-verify-pref', '1027'],
    ['-expect-selected-credential', '3'],
    ['-expect-hrr'],
    ['-select-alpn', 'h2'],
    ['-expect-hrr', '-implicit-handshake'],
  ])('notices as a server that %s is not so', async (...flags) => {
    expect(await asServer(flags)).toMatchObject({
      code: 1,
      error: expect.stringMatching(/^:SHIM: .*expected/),
    });
  });

  it('connects once more for each resumption, which has to succeed', async () => {
    // The two servers do not share their keys.
    expect(await asClient(['-resume-count', '1', '-on-resume-expect-session-miss'])).toMatchObject({
      code: 0,
      ids: [7n, 7n],
    });
    expect(await asClient(['-resume-count', '1'])).toMatchObject({
      code: 1,
      error: expect.stringContaining('resumed: expected true, found false'),
    });
  });

  it('tells in its first line why it has refused the peer', async () => {
    const refused = await asClient(['-verify-peer', '-verify-fail']);
    expect(refused).toMatchObject({
      code: 1,
      error: expect.stringMatching(/^:CERTIFICATE not_acceptable: /),
    });
  });

  it('exits with 89 for what it does not know', async () => {
    expect(await runShim('-dtls')).toMatchObject({ code: 89 });
    expect(await runShim('-max-version', '770')).toMatchObject({ code: 89 });
    expect(await runShim('-server', '-curves', '4588')).toMatchObject({ code: 89 });
  });
});

describe('its flags', () => {
  it('are for some connections where they say so', () => {
    const { initial, resume } = parseFlags([
      ...[
        '-on-initial-expect-hrr',
        '-on-resume-expect-alpn',
        'h2',
        '-on-shim-server',
        '-curves',
        '23',
        '-curves',
        '24',
      ],
    ]);
    expect([initial.has('expect-hrr'), resume.has('expect-hrr')]).toEqual([true, false]);
    expect([initial.text('expect-alpn'), resume.text('expect-alpn')]).toEqual([undefined, 'h2']);
    expect([initial.has('server'), resume.has('server')]).toEqual([true, true]);
    expect(resume.numbers('curves')).toEqual([23, 24]);
  });

  it('describe the credential that was begun last', () => {
    const { initial } = parseFlags([
      ...[
        '-cert-file',
        'a',
        '-key-file',
        'b',
        '-new-x509-credential',
        '-cert-file',
        'c',
        '-signing-prefs',
        '1027',
      ],
    ]);
    expect(initial.defaultCredential).toEqual({ kind: 'X509', certFile: 'a', keyFile: 'b' });
    expect(initial.credentials).toEqual([
      { kind: 'X509', certFile: 'c', signingPrefs: ['ecdsa_secp256r1_sha256'] },
    ]);
  });

  it.each([
    ['an unknown one', ['-unheard-of']],
    ['one of 0-RTT', ['-on-retry-expect-alpn', 'h2']],
    ['an unknown signature scheme', ['-signing-prefs', '2308']],
  ])('that are not implemented are refused: %s', (_, flags) => {
    expect(() => parseFlags(flags)).toThrow(Unimplemented);
  });
});

it('each disabled test of the configuration has a reason', () => {
  const { DisabledTests } = JSON.parse(readFileSync(new URL('config.json', import.meta.url), 'utf8')) as {
    readonly DisabledTests: Readonly<Record<string, string>>;
  };
  expect(Object.entries(DisabledTests).filter(([, reason]) => !/\w+ \w+|DTLS|QUIC/.test(reason))).toEqual([]);
});
