/*
 * Records connections between Tacit and the OpenSSL that is installed, and between two OpenSSLs, into data/connections.json.
 * Run it with Node 22.18 or later, which reads TypeScript: `node test/recorded/record.ts`. README.md says more.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { TlsConnection } from '../../src/connection/tls-connection.ts';
import { selfSignedCertificate, type TestCertificate } from '../support/certificates.ts';
import { seededEd25519Key } from '../support/seeded-provider.ts';
import {
  engineMaker,
  type GroupName,
  groupNames,
  perform,
  type RecordedConnection,
  type RecordedStep,
  type Recording,
  tacitKeySeed,
} from './endpoints.ts';

const directory = mkdtempSync(join(tmpdir(), 'recorded-'));
const file = (name: string): string => join(directory, name);

/** What is particular to the OpenSSL of a group. */
const ownArguments: Readonly<Record<GroupName, readonly string[]>> = {
  client: [],
  'client, retry for a group': ['-groups', 'P-256'],
  'client, retry for a cookie': ['-stateless'],
  // With the names of authorities in its request.
  'client with a certificate': ['-Verify', '1', '-CAfile', file('tacit.pem')],
  server: ['-sess_out', file('session')],
  'server, retry for a group': ['-groups', 'X25519:P-256'],
  'server of clients with certificates': ['-cert', file('cert.pem'), '-key', file('key.pem')],
};

async function main(): Promise<void> {
  const openssl = await selfSignedCertificate({ key: 'p256' });
  const tacit = await selfSignedCertificate({ key: seededEd25519Key(tacitKeySeed) });
  writeFileSync(file('cert.pem'), openssl.pem);
  writeFileSync(file('key.pem'), openssl.keyPem);
  writeFileSync(file('tacit.pem'), tacit.pem);
  const base64 = ({ der }: TestCertificate): string => Buffer.from(der).toString('base64');
  const certificates = { openssl: base64(openssl), tacit: base64(tacit) };
  const groups: Recording['groups'][number][] = [];
  for (const name of groupNames) {
    const makeEngine = engineMaker(name, certificates);
    const record = name.startsWith('client') ? recordClient : recordServer;
    groups.push({ name, connections: await record(name, makeEngine) });
  }
  const version = execFileSync('openssl', ['version'], { encoding: 'utf8' }).trim();
  const recording: Recording = { openssl: version, certificates, groups, tapped: await recordTapped() };
  writeFileSync(new URL('data/connections.json', import.meta.url), `${JSON.stringify(recording, null, 1)}\n`);
  rmSync(directory, { recursive: true });
}

/** Tacit on a socket, writing down every step. */
class Recorder {
  readonly steps: RecordedStep[] = [];
  readonly #engine: TlsConnection;
  readonly #socket: Socket;
  #seen = '';

  constructor(engine: TlsConnection, socket: Socket) {
    this.#engine = engine;
    this.#socket = socket;
    socket.on('data', (data) => this.#step({ call: 'receive', bytes: data.toString('base64') }));
    this.#step({ call: 'start' });
  }

  act(call: RecordedStep['call'], text = ''): void {
    const bytes = Buffer.from(text).toString('base64');
    this.#step(bytes === '' ? { call } : { call, bytes });
  }

  /** Waits for an event that begins so, once. */
  async heard(event: string): Promise<void> {
    for (let tries = 0; !this.#seen.includes(`\n${event}`); tries++) {
      if (tries > 200) throw new Error(`"${event}" does not come; there was:${this.#seen}`);
      await delay(20);
    }
    this.#seen = this.#seen.replace(`\n${event}`, '\n');
  }

  #step(step: RecordedStep): void {
    const done = perform(this.#engine, step);
    this.steps.push(done);
    for (const event of done.events ?? []) this.#seen += `\n${event}`;
    if (done.output) this.#socket.write(Buffer.from(done.output, 'base64'));
  }
}

async function recordClient(name: GroupName, makeEngine: () => TlsConnection): Promise<RecordedConnection[]> {
  const port = await freePort();
  const server = openssl('s_server', '-accept', `${port}`, ...serverArguments, ...ownArguments[name]);
  await server.says('ACCEPT');
  const connections: RecordedConnection[] = [];
  for (const kind of name === 'client' ? ['full', 'resumed'] : ['full']) {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    const tacit = new Recorder(makeEngine(), socket);
    await tacit.heard('handshakeDone');
    tacit.act('send', 'first from Tacit\n');
    await server.says('first from Tacit');
    server.write('first from OpenSSL\n');
    await tacit.heard('data first from OpenSSL');
    // Its command for a KeyUpdate that wants one back.
    server.write('K\n');
    await delay(200);
    server.write('second from OpenSSL\n');
    await tacit.heard('data second from OpenSSL');
    tacit.act('send', 'second from Tacit\n');
    tacit.act('updateKeys');
    tacit.act('send', 'third from Tacit\n');
    await server.says('third from Tacit');
    tacit.act('closeWrite');
    await tacit.heard('end');
    socket.destroy();
    connections.push({ name: kind, steps: tacit.steps });
  }
  server.end();
  return connections;
}

async function recordServer(name: GroupName, makeEngine: () => TlsConnection): Promise<RecordedConnection[]> {
  const listener = createServer();
  const port = await listening(listener);
  const connections: RecordedConnection[] = [];
  for (const kind of name === 'server' ? ['full', 'resumed'] : ['full']) {
    const accepted = once(listener, 'connection') as Promise<[Socket]>;
    const resumption = kind === 'resumed' ? ['-sess_in', file('session')] : ownArguments[name];
    const client = openssl('s_client', '-connect', `127.0.0.1:${port}`, ...clientArguments, ...resumption);
    const [socket] = await accepted;
    const tacit = new Recorder(makeEngine(), socket);
    await tacit.heard('handshakeDone');
    client.write('first from OpenSSL\n');
    await tacit.heard('data first from OpenSSL');
    tacit.act('send', 'first from Tacit\n');
    await client.says('first from Tacit');
    client.write('K\n');
    await delay(200);
    client.write('second from OpenSSL\n');
    await tacit.heard('data second from OpenSSL');
    tacit.act('updateKeys');
    tacit.act('send', 'second from Tacit\n');
    await client.says('second from Tacit');
    client.write('third from OpenSSL\n');
    await tacit.heard('data third from OpenSSL');
    client.write('Q\n');
    await tacit.heard('end');
    tacit.act('closeWrite');
    socket.end();
    await client.ended();
    connections.push({ name: kind, steps: tacit.steps });
  }
  listener.close();
  return connections;
}

/** Two OpenSSLs through a proxy that keeps what it carries. */
async function recordTapped(): Promise<Recording['tapped']> {
  const port = await freePort();
  const keyLog = file('keylog');
  const server = openssl(
    's_server',
    ...['-accept', `${port}`, ...serverArguments, '-groups', 'P-256', '-Verify', '1', '-keylogfile', keyLog],
  );
  await server.says('ACCEPT');
  const written: Record<'client' | 'server', Buffer[]> = { client: [], server: [] };
  const proxy = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    // What comes for a side that has left is kept all the same.
    for (const socket of [near, far]) socket.on('error', () => {});
    near.on('data', (data) => void written.client.push(data)).pipe(far);
    far.on('data', (data) => void written.server.push(data)).pipe(near);
  });
  const proxyPort = await listening(proxy);
  const client = openssl(
    's_client',
    ...['-connect', `127.0.0.1:${proxyPort}`, ...clientArguments],
    ...['-groups', 'X25519:P-256', '-cert', file('cert.pem'), '-key', file('key.pem')],
  );
  await client.says('Verify return code');
  client.write('from the client\n');
  await server.says('from the client');
  server.write('from the server\n');
  await client.says('from the server');
  client.write('K\n');
  await delay(200);
  client.write('again from the client\n');
  await server.says('again from the client');
  server.write('again from the server\n');
  await client.says('again from the server');
  client.write('Q\n');
  await client.ended();
  // The server's close_notify comes after.
  await delay(200);
  server.end();
  proxy.close();
  const lines = readFileSync(keyLog, 'utf8').split('\n');
  return {
    client: Buffer.concat(written.client).toString('base64'),
    server: Buffer.concat(written.server).toString('base64'),
    keyLog: lines.filter((line) => line !== '' && !line.startsWith('#')),
  };
}

const common = ['-tls1_3', '-alpn', 'recorded/1'];
const clientArguments = [...common, '-servername', 'localhost'];
const serverArguments = [...common, '-cert', file('cert.pem'), '-key', file('key.pem')];

interface OpenSsl {
  write(text: string): void;
  /** Waits until it has printed this. */
  says(text: string): Promise<void>;
  ended(): Promise<void>;
  end(): void;
}

function openssl(...args: readonly string[]): OpenSsl {
  const child: ChildProcess = spawn('openssl', args, { stdio: 'pipe' });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (data) => {
      output += data;
    });
  }
  const exited = once(child, 'exit');
  return {
    write: (text) => void child.stdin?.write(text),
    async says(text) {
      for (let tries = 0; !output.includes(text); tries++) {
        if (tries > 200) throw new Error(`openssl ${args.join(' ')} does not say "${text}":\n${output}`);
        await delay(20);
      }
    },
    ended: async () => void (await exited),
    end: () => void child.kill(),
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listening(server);
  server.close();
  return port;
}

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

void main();
