import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { concatBytes, utf8 } from '../src/base/bytes.ts';
import { createClientConfig } from '../src/connection/config.ts';
import type { ClientConfig, ServerConfig } from '../src/handshake/config.ts';
import { Endpoint } from '../test/hostile/support/endpoint.ts';
import { selfSignedCertificate } from '../test/support/certificates.ts';
import { type PlainRecord, readRecords, WriteKeys } from '../test/support/plain-records.ts';
import { SeededProvider } from '../test/support/seeded-provider.ts';
import type { PeerFlights } from './seeds.ts';
import { allRehearsals } from './support/flight.ts';

type Arguments = (port: number, directory: string) => readonly string[];

/** TLS stacks that may be installed, each as a client that asks for a page. */
const clients: Readonly<Record<string, readonly [command: string, args: Arguments]>> = {
  'OpenSSL s_client': [
    'openssl',
    (port) => ['s_client', '-connect', `127.0.0.1:${port}`, '-servername', 'localhost', '-alpn', 'http/1.1'],
  ],
  GnuTLS: [
    'gnutls-cli',
    (port) => [
      '--insecure',
      '--port',
      `${port}`,
      '--sni-hostname',
      'localhost',
      '--alpn',
      'http/1.1',
      '127.0.0.1',
    ],
  ],
  curl: ['curl', (port) => ['--insecure', '--silent', '--http1.1', `https://localhost:${port}/`]],
  'Python ssl': [
    'python3',
    (port) => [
      '-c',
      `import socket, ssl
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
with context.wrap_socket(socket.create_connection(('127.0.0.1', ${port})), server_hostname='localhost') as tls:
    tls.sendall(b'hello'); tls.recv(100)`,
    ],
  ],
};

/** And as servers of a page. */
const servers: Readonly<Record<string, readonly [command: string, args: Arguments]>> = {
  'OpenSSL s_server': [
    'openssl',
    (port, at) => [
      's_server',
      '-accept',
      `${port}`,
      '-cert',
      join(at, 'cert'),
      '-key',
      join(at, 'key'),
      '-www',
    ],
  ],
  GnuTLS: [
    'gnutls-serv',
    (port, at) => [
      '--http',
      '--port',
      `${port}`,
      '--x509certfile',
      join(at, 'cert'),
      '--x509keyfile',
      join(at, 'key'),
    ],
  ],
};

const question = utf8('GET / HTTP/1.0\r\n\r\n');
const answer = utf8('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');

/** What each peer that is installed says to Tacit, decrypted. */
export async function peerFlights(): Promise<Readonly<Record<'client' | 'server', PeerFlights>>> {
  const directory = mkdtempSync(join(tmpdir(), 'tacit-fuzz-'));
  try {
    const { pem, keyPem } = await selfSignedCertificate();
    writeFileSync(join(directory, 'cert'), pem);
    writeFileSync(join(directory, 'key'), keyPem);
    const [full] = await allRehearsals();
    const client: Record<string, readonly PlainRecord[]> = {};
    for (const [name, [command, args]] of Object.entries(clients)) {
      const said = await hearClient(full!.scenario.server, (port) => spawn(command, args(port, directory)));
      if (said.length > 0) client[name] = said;
    }
    const server: Record<string, readonly PlainRecord[]> = {};
    for (const [name, [command, args]] of Object.entries(servers)) {
      const said = await hearServer((port) => spawn(command, args(port, directory)));
      if (said.length > 0) server[name] = said;
    }
    return { client, server };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

async function hearClient(
  config: ServerConfig,
  start: (port: number) => ChildProcess,
): Promise<readonly PlainRecord[]> {
  const listener = createServer();
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const child = start((listener.address() as AddressInfo).port);
  const failed = once(child, 'exit').catch(() => {});
  child.stdin?.write('hello\n');
  const connected = once(listener, 'connection') as Promise<[Socket]>;
  const accepted = await Promise.race([connected, failed]);
  const socket =
    Array.isArray(accepted) && accepted[0] instanceof Object ? (accepted[0] as Socket) : undefined;
  const said = socket ? await converse(socket, config, answer) : [];
  child.kill();
  listener.close();
  return said;
}

async function hearServer(start: (port: number) => ChildProcess): Promise<readonly PlainRecord[]> {
  const port = await freePort();
  const child = start(port);
  let isGone = false;
  child.on('error', () => {
    isGone = true;
  });
  const config = createClientConfig({
    provider: new SeededProvider('peers'),
    trust: { fingerprint: utf8('all'), verify: () => ({ trusted: true, validUntil: Date.now() + 1e9 }) },
    alpnProtocols: ['http/1.1'],
  });
  let said: readonly PlainRecord[] = [];
  for (let tries = 0; tries < 50 && said.length === 0 && !isGone; tries++) {
    const socket = connect(port, '127.0.0.1');
    const isThere = await once(socket, 'connect').catch(() => undefined);
    if (isThere) said = await converse(socket, config, question);
    else await delay(100);
  }
  child.kill();
  return said;
}

/** Speaks with a peer until one of both has nothing more to say. @returns what the peer said */
async function converse(
  socket: Socket,
  config: ClientConfig | ServerConfig,
  line: Uint8Array,
): Promise<readonly PlainRecord[]> {
  const keys = new WriteKeys();
  const received: Uint8Array[] = [];
  const endpoint = new Endpoint(config, (flight) => ({
    ...flight,
    installReadKeys(suite, secret): void {
      keys.install(suite, secret);
      flight.installReadKeys(suite, secret);
    },
  }));
  socket.on('error', () => {});
  socket.write(endpoint.wire);
  let hasSpoken = false;
  socket.on('data', (bytes) => {
    received.push(new Uint8Array(bytes));
    socket.write(endpoint.receive(new Uint8Array(bytes)));
    if (!endpoint.established || endpoint.failed) return;
    const isTurn = config.role === 'client' || endpoint.events.some(({ type }) => type === 'data');
    if (isTurn && !hasSpoken) {
      hasSpoken = true;
      endpoint.connection.send(line);
      socket.write(endpoint.takeOutput());
    }
  });
  await Promise.race([once(socket, 'end'), once(socket, 'close'), delay(10_000)]);
  socket.destroy();
  return endpoint.failed ? [] : readRecords(concatBytes(...received), keys);
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}
