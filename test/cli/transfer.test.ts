import { randomBytes, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { afterEach, describe, expect, test } from 'vitest';
import { tacit } from './program.ts';
import { nodeClient, selfSigned, sendTo, Workshop, written } from './workshop.ts';

const workshop = new Workshop();
afterEach(() => workshop.clear());

describe('receive and send', () => {
  test('a file arrives whole, byte for byte, and both say how it ended', async () => {
    const data = randomBytes(3_000_000);
    const out = join(workshop.directory(), 'output');
    const receiver = await workshop.startReceiver(out);
    const sent = await sendTo(receiver, workshop.file(data));
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
    const receiver = await workshop.startReceiver(out);
    const sent = await sendTo(receiver, workshop.file(new Uint8Array(0)));
    expect(sent.stderr).toContain('sent 0 bytes');
    expect(sent.status).toBe(0);
    const received = await receiver.running.finished;
    expect(received.stdout.toString()).toMatch(/complete, 0 bytes/);
    expect(received.status).toBe(0);
    expect(readFileSync(out).length).toBe(0);
  });

  test('from the standard input to the standard output, which carries nothing else', async () => {
    const data = randomBytes(500_000);
    const receiver = await workshop.startReceiver('-');
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
    const receiver = await workshop.startReceiver(directory);
    const inputs = ['one', 'two', 'three'].map((text) => Buffer.from(text));
    const sent = await Promise.all(inputs.map((data) => sendTo(receiver, workshop.file(data))));
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
    const sent = await sendTo({ running, port, ca: cert, caFile: certFile }, workshop.file('mine'));
    expect(sent.status).toBe(0);
    expect((await running.finished).stdout.toString()).not.toContain('BEGIN CERTIFICATE');
    expect(readFileSync(out, 'utf8')).toBe('mine');
  });

  test('the development certificate is for this machine alone and no authority', async () => {
    const { ca, running } = await workshop.startReceiver('-');
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
    const receiver = await workshop.startReceiver(out);
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
    const receiver = await workshop.startReceiver(directory);
    const { tls, tcp } = await nodeClient(receiver);
    await written(tls, Buffer.from('half of i'));
    tcp.destroy();
    await receiver.running.printed('stdout', /upload 1.*: truncated after 9 bytes/);
    const sent = await sendTo(receiver, workshop.file('all of it'));
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
    const receiver = await workshop.startReceiver(directory);
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

describe('send to a server that is not Tacit', () => {
  test('loses nothing, though the server writes tickets that nobody reads', async () => {
    const { cert, key } = await selfSigned(['localhost']);
    const { server, port } = await workshop.startNodeServer({ cert, key });
    const received = once(server, 'secureConnection').then(async ([socket]: TLSSocket[]) => {
      const chunks: Buffer[] = [];
      for await (const chunk of socket!) chunks.push(chunk as Buffer);
      return Buffer.concat(chunks);
    });
    const data = randomBytes(2_000_000);
    const args = ['send', workshop.file(data), `localhost:${port}`, '--ca', workshop.file(cert)];
    const { status, stderr } = await tacit(args);
    expect(stderr).toContain('sent 2,000,000 bytes');
    expect(status).toBe(0);
    expect(data.equals(await received)).toBe(true);
  });

  test('--server-name is what the server is asked for and what its certificate must say', async () => {
    const { cert, key } = await selfSigned(['backup.example']);
    const { server, port } = await workshop.startNodeServer({ cert, key });
    const asked = once(server, 'secureConnection').then(([socket]: TLSSocket[]) => {
      socket!.resume();
      return socket!.servername;
    });
    const ca = workshop.file(cert);
    const args = ['send', '-', `localhost:${port}`, '--ca', ca, '--server-name', 'backup.example'];
    const { status, stderr } = await tacit(args);
    expect(stderr).toContain('sent 0 bytes');
    expect(status).toBe(0);
    expect(await asked).toBe('backup.example');
  });

  test("--ca system trusts the system's store", async () => {
    const { cert, key } = await selfSigned(['localhost']);
    const { port } = await workshop.startNodeServer({ cert, key });
    const args = ['send', '-', `localhost:${port}`, '--ca', 'system'];
    const store = { SSL_CERT_FILE: workshop.file(cert), SSL_CERT_DIR: '' };
    expect(await tacit(args, '', store)).toMatchObject({ status: 0 });
    const { status, stderr } = await tacit(args, '', { ...store, SSL_CERT_FILE: '' });
    expect(stderr).toContain("no certificate in the system's store");
    expect(status).toBe(2);
  });
});
