import { randomBytes, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect as connectTcp, type Socket } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls, createServer, type Server, type TLSSocket, type TlsOptions } from 'node:tls';
import { afterEach, describe, expect, test } from 'vitest';
import { selfSignedCertificate } from '../support/certificates.ts';
import { type Running, tacit, Workshop } from './program.ts';

const workshop = new Workshop();
const servers: Server[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) server.close();
  await workshop.clear();
});

interface Receiver {
  readonly running: Running;
  readonly port: string;
  /** PEM of the development certificate, and a file with it. */
  readonly ca: string;
  readonly caFile: string;
}

async function startReceiver(out: string, args: readonly string[] = []): Promise<Receiver> {
  const running = workshop.start(['receive', '--port', '0', '--out', out, ...args]);
  const status = out === '-' ? 'stderr' : 'stdout';
  const [, port = ''] = await running.printed(status, /^listening on 127\.0\.0\.1:(\d+)$/m);
  const [ca] = await running.printed(
    status,
    /^-----BEGIN CERTIFICATE-----\n[^-]+-----END CERTIFICATE-----\n/m,
  );
  const caFile = join(workshop.directory(), 'dev.pem');
  writeFileSync(caFile, ca);
  return { running, port, ca, caFile };
}

function sendTo({ port, caFile }: Receiver, file: string, stdin?: Uint8Array): ReturnType<typeof tacit> {
  return tacit(['send', file, `localhost:${port}`, '--ca', caFile], stdin);
}

/** A client that is not Tacit, and the TCP socket under it. */
async function nodeClient({ port, ca }: Receiver): Promise<{ tls: TLSSocket; tcp: Socket }> {
  const tcp = connectTcp(Number(port), '127.0.0.1');
  const tls = connectTls({ socket: tcp, ca, servername: 'localhost' });
  tls.on('error', () => {});
  await once(tls, 'secureConnect');
  return { tls, tcp };
}

/** Hands `data` to the kernel. */
function written(tls: TLSSocket, data: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    tls.write(data, (error) => (error ? reject(error) : resolve()));
  });
}

/** A self-signed certificate as `node:tls` and the command line take it. */
async function selfSigned(names: readonly string[]): Promise<{ cert: string; key: string }> {
  const { pem, keyPem } = await selfSignedCertificate({ names });
  return { cert: pem, key: keyPem };
}

/** A TLS 1.3 server that is not Tacit. */
async function nodeServer(options: TlsOptions): Promise<{ server: Server; port: number }> {
  const server = createServer({ ...options, minVersion: 'TLSv1.3' });
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, port: (server.address() as AddressInfo).port };
}

function inputFile(data: Uint8Array): string {
  const path = join(workshop.directory(), 'input');
  writeFileSync(path, data);
  return path;
}

describe('receive and send', () => {
  test('a file arrives whole, byte for byte, and both say how it ended', async () => {
    const data = randomBytes(3_000_000);
    const out = join(workshop.directory(), 'output');
    const receiver = await startReceiver(out);
    const sent = await sendTo(receiver, inputFile(data));
    expect(sent.stderr).toMatch(
      /^sent 3,000,000 bytes to localhost:\d+ \(.*\)\nthe other side said close_notify: .*no receipt/,
    );
    expect(sent.status).toBe(0);
    const received = await receiver.running.finished;
    expect(received.stdout.toString()).toMatch(
      /^upload 1.*: complete, 3,000,000 bytes, ended by close_notify: .*output\n$/m,
    );
    expect(received.stderr).toBe('');
    expect(received.status).toBe(0);
    expect(data.equals(readFileSync(out))).toBe(true);
  });

  test('an empty file is a whole upload', async () => {
    const out = join(workshop.directory(), 'output');
    const receiver = await startReceiver(out);
    const sent = await sendTo(receiver, inputFile(new Uint8Array(0)));
    expect(sent.stderr).toContain('sent 0 bytes');
    expect(sent.status).toBe(0);
    const received = await receiver.running.finished;
    expect(received.stdout.toString()).toMatch(/complete, 0 bytes/);
    expect(received.status).toBe(0);
    expect(readFileSync(out).length).toBe(0);
  });

  test('from the standard input to the standard output, which carries nothing else', async () => {
    const data = randomBytes(500_000);
    const receiver = await startReceiver('-');
    const sent = await sendTo(receiver, '-', data);
    expect(sent.status).toBe(0);
    expect(sent.stdout.length).toBe(0);
    const received = await receiver.running.finished;
    expect(data.equals(received.stdout)).toBe(true);
    expect(received.stderr).toMatch(/^upload 1.*: complete, 500,000 bytes/m);
    expect(received.status).toBe(0);
  });

  test('a directory takes every upload into a file of its own, and SIGTERM ends it', async () => {
    const directory = `${join(workshop.directory(), 'uploads')}/`;
    const receiver = await startReceiver(directory);
    const inputs = ['one', 'two', 'three'].map((text) => Buffer.from(text));
    const sent = await Promise.all(inputs.map((data) => sendTo(receiver, inputFile(data))));
    expect(sent.map(({ status }) => status)).toEqual([0, 0, 0]);
    await receiver.running.printed('stdout', /upload 3.*: complete/);
    receiver.running.child.kill('SIGTERM');
    expect((await receiver.running.finished).status).toBe(0);
    const contents = readdirSync(directory).map((name) => readFileSync(join(directory, name), 'utf8'));
    expect(contents.sort()).toEqual(['one', 'three', 'two']);
  });

  test('an identity of your own is used, and no certificate is made', async () => {
    const { cert, key } = await selfSigned(['localhost']);
    const directory = workshop.directory();
    const [certFile, keyFile] = [join(directory, 'cert.pem'), join(directory, 'key.pem')];
    writeFileSync(certFile, cert);
    writeFileSync(keyFile, key);
    const out = join(directory, 'output');
    const running = workshop.start([
      'receive',
      '--port',
      '0',
      '--out',
      out,
      '--cert',
      certFile,
      '--key',
      keyFile,
    ]);
    const [, port = ''] = await running.printed('stdout', /^listening on 127\.0\.0\.1:(\d+)$/m);
    const sent = await sendTo({ running, port, ca: cert, caFile: certFile }, inputFile(Buffer.from('mine')));
    expect(sent.status).toBe(0);
    expect((await running.finished).stdout.toString()).not.toContain('BEGIN CERTIFICATE');
    expect(readFileSync(out, 'utf8')).toBe('mine');
  });

  test('the development certificate is for this machine alone and no authority', async () => {
    const { ca, running } = await startReceiver('-');
    const certificate = new X509Certificate(ca);
    expect(certificate.ca).toBe(false);
    expect(certificate.checkHost('localhost')).toBe('localhost');
    expect(certificate.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(certificate.checkIP('::1')).toBe('::1');
    expect(certificate.checkHost('example.com')).toBeUndefined();
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    running.child.kill('SIGINT');
    // Nothing was received, which is no success of a receiver of one upload.
    expect((await running.finished).status).toBe(1);
  });
});

describe('a truncated upload', () => {
  test('is reported as truncated, keeps what arrived, and fails a receiver of one', async () => {
    const data = randomBytes(200_000);
    const out = join(workshop.directory(), 'output');
    const receiver = await startReceiver(out);
    const { tls, tcp } = await nodeClient(receiver);
    await written(tls, data);
    tcp.destroy();
    const received = await receiver.running.finished;
    expect(received.stdout.toString()).toMatch(
      /^upload 1.*: truncated after 200,000 bytes, ended without close_notify/m,
    );
    expect(received.stdout.toString()).not.toContain('complete');
    expect(received.status).toBe(1);
    expect(data.equals(readFileSync(out))).toBe(true);
  });

  test('bears another name in a directory, and does not stop the receiver', async () => {
    const directory = workshop.directory();
    const receiver = await startReceiver(directory);
    const { tls, tcp } = await nodeClient(receiver);
    await written(tls, Buffer.from('half of i'));
    tcp.destroy();
    await receiver.running.printed('stdout', /upload 1.*: truncated after 9 bytes/);
    const sent = await sendTo(receiver, inputFile(Buffer.from('all of it')));
    expect(sent.status).toBe(0);
    await receiver.running.printed('stdout', /upload 2.*: complete/);
    const names = readdirSync(directory).sort();
    expect(names.map((name) => name.endsWith('.truncated'))).toEqual([true, false]);
    expect(names.map((name) => readFileSync(join(directory, name), 'utf8'))).toEqual([
      'half of i',
      'all of it',
    ]);
  });

  test('comes of a second signal; the first one waits for the upload', async () => {
    const directory = workshop.directory();
    const receiver = await startReceiver(directory);
    const { tls } = await nodeClient(receiver);
    await written(tls, Buffer.from('some'));
    // Without an upload under way, the first signal would end the program.
    await expectFile(directory, 'some');
    receiver.running.child.kill('SIGINT');
    await receiver.running.printed('stdout', /waiting for 1 running upload/);
    receiver.running.child.kill('SIGINT');
    const received = await receiver.running.finished;
    expect(received.stdout.toString()).toMatch(/upload 1.*: truncated after 4 bytes/);
    expect(received.status).toBe(0);
    expect(readdirSync(directory).map((name) => name.endsWith('.truncated'))).toEqual([true]);
  });
});

/** Waits until the only file of the directory holds `text`. */
async function expectFile(directory: string, text: string): Promise<void> {
  await expect
    .poll(() => readdirSync(directory).map((name) => readFileSync(join(directory, name), 'utf8')), {
      timeout: 10_000,
    })
    .toEqual([text]);
}

describe('failures are one line, with exit status 1', () => {
  test('nobody listens', async () => {
    const { server, port } = await nodeServer({});
    server.close();
    await once(server, 'close');
    const { status, stderr } = await tacit(['send', '-', `127.0.0.1:${port}`]);
    expect(stderr).toMatch(/^tacit send: nothing listens there \(ECONNREFUSED\)\n$/);
    expect(status).toBe(1);
  });

  test('the port is taken', async () => {
    const { port } = await startReceiver('-');
    const { status, stderr } = await tacit(['receive', '--out', '-', '--port', port]);
    expect(stderr).toMatch(/^tacit receive: another program listens on that port.*\(EADDRINUSE\)\n$/);
    expect(status).toBe(1);
  });

  test('the certificate is not trusted; the receiver says which alert it was told, and goes on', async () => {
    const out = join(workshop.directory(), 'output');
    const receiver = await startReceiver(out);
    const refused = await tacit(['send', '-', `localhost:${receiver.port}`], 'data');
    expect(refused.stderr).toMatch(
      /^tacit send: the other side's certificate was refused \(unknown_issuer\): .*--ca FILE.*\n$/,
    );
    expect(refused.status).toBe(1);
    await receiver.running.printed('stdout', /^connection failed: the other side refused: unknown_ca, .*\n/m);
    expect((await sendTo(receiver, inputFile(Buffer.from('data')))).status).toBe(0);
    expect((await receiver.running.finished).status).toBe(0);
    expect(readFileSync(out, 'utf8')).toBe('data');
  });

  test('the name is not in the certificate', async () => {
    const { cert, key } = await selfSigned(['example.com']);
    const { port } = await nodeServer({ cert, key });
    const { status, stderr } = await tacit([
      'send',
      '-',
      `localhost:${port}`,
      '--ca',
      inputFile(Buffer.from(cert)),
    ]);
    expect(stderr).toMatch(/^tacit send: the other side's certificate was refused \(name_mismatch\): .*\n$/);
    expect(status).toBe(1);
  });

  test('a server that wants a client certificate refuses: the alert by name, and its meaning', async () => {
    const { cert, key } = await selfSigned(['localhost']);
    const { port } = await nodeServer({ cert, key, requestCert: true, rejectUnauthorized: true });
    const args = ['send', '-', `localhost:${port}`, '--ca', inputFile(Buffer.from(cert))];
    const { status, stderr } = await tacit(args, randomBytes(100_000));
    expect(stderr).toMatch(
      /^tacit send: .*certificate_required, the server requires a client certificate\n$/,
    );
    expect(status).toBe(1);
  });

  test('a certificate file with no certificate in it is a usage error', async () => {
    const file = inputFile(Buffer.from('no PEM'));
    const { status, stderr } = await tacit([
      'receive',
      '--out',
      '-',
      '--port',
      '0',
      '--cert',
      file,
      '--key',
      file,
    ]);
    expect(stderr).toMatch(/^tacit receive: .+\n$/);
    expect(status).toBe(2);
  });

  // Writing to /dev/full fails as a full disk does.
  test.skipIf(!existsSync('/dev/full'))('a full disk: the sender is not told that all is well', async () => {
    const receiver = await startReceiver('/dev/full');
    const sent = await sendTo(receiver, inputFile(randomBytes(1_000_000)));
    expect(sent.stderr).not.toContain('close_notify');
    expect(sent.status).toBe(1);
    const received = await receiver.running.finished;
    expect(received.stdout.toString()).toMatch(/^upload 1.*: truncated .*the disk is full \(ENOSPC\)/m);
    expect(received.status).toBe(1);
  });
});

describe('send to a server that is not Tacit', () => {
  test('loses nothing, though the server writes tickets that nobody reads', async () => {
    const { cert, key } = await selfSigned(['localhost']);
    const { server, port } = await nodeServer({ cert, key });
    const received = once(server, 'secureConnection').then(async ([socket]: TLSSocket[]) => {
      const chunks: Buffer[] = [];
      for await (const chunk of socket!) chunks.push(chunk as Buffer);
      return Buffer.concat(chunks);
    });
    const data = randomBytes(2_000_000);
    const args = ['send', inputFile(data), `localhost:${port}`, '--ca', inputFile(Buffer.from(cert))];
    const { status, stderr } = await tacit(args);
    expect(stderr).toContain('sent 2,000,000 bytes');
    expect(status).toBe(0);
    expect(data.equals(await received)).toBe(true);
  });

  test('--server-name is what the server is asked for', async () => {
    const { cert, key } = await selfSigned(['localhost']);
    const { server, port } = await nodeServer({ cert, key });
    const asked = once(server, 'secureConnection').then(([socket]: TLSSocket[]) => {
      socket!.resume();
      return socket!.servername;
    });
    const ca = inputFile(Buffer.from(cert));
    const args = ['send', '-', `localhost:${port}`, '--ca', ca, '--server-name', 'backup.example'];
    expect((await tacit(args)).status).toBe(0);
    expect(await asked).toBe('backup.example');
  });
});
