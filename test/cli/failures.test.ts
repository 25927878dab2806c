import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { tacit } from './program.ts';
import { selfSigned, sendTo, Workshop } from './workshop.ts';

const workshop = new Workshop();
afterEach(() => workshop.clear());

describe('failures are one line, with exit status 1', () => {
  test('nobody listens', async () => {
    const { server, port } = await workshop.startNodeServer({});
    server.close();
    await once(server, 'close');
    const { status, stderr } = await tacit(['send', '-', `127.0.0.1:${port}`]);
    expect(stderr).toMatch(/^tacit send: nothing listens there \(ECONNREFUSED\)\n$/);
    expect(status).toBe(1);
  });

  test('the port is taken', async () => {
    const { port } = await workshop.startReceiver('-');
    const { status, stderr } = await tacit(['receive', '--out', '-', '--port', port]);
    expect(stderr).toMatch(/^tacit receive: another program listens on that port.*\(EADDRINUSE\)\n$/);
    expect(status).toBe(1);
  });

  test('the certificate is not trusted; the receiver says which alert it was told, and goes on', async () => {
    const out = join(workshop.directory(), 'output');
    const receiver = await workshop.startReceiver(out);
    const refused = await tacit(['send', '-', `localhost:${receiver.port}`], 'data');
    expect(refused.stderr).toMatch(
      /^tacit send: the other side's certificate was refused \(unknown_issuer\): .*--ca FILE.*\n$/,
    );
    expect(refused.status).toBe(1);
    await receiver.running.printed('stdout', /^connection failed: the other side refused: unknown_ca, .*\n/m);
    expect((await sendTo(receiver, workshop.file('data'))).status).toBe(0);
    expect((await receiver.running.finished).status).toBe(0);
    expect(readFileSync(out, 'utf8')).toBe('data');
  });

  test('the name is not in the certificate', async () => {
    const { cert, key } = await selfSigned(['example.com']);
    const { port } = await workshop.startNodeServer({ cert, key });
    const { status, stderr } = await tacit(['send', '-', `localhost:${port}`, '--ca', workshop.file(cert)]);
    expect(stderr).toMatch(/^tacit send: the other side's certificate was refused \(name_mismatch\): .*\n$/);
    expect(status).toBe(1);
  });

  test('a server that wants a client certificate refuses: the alert by name, and its meaning', async () => {
    const { cert, key } = await selfSigned(['localhost']);
    const { port } = await workshop.startNodeServer({
      cert,
      key,
      requestCert: true,
      rejectUnauthorized: true,
    });
    const args = ['send', '-', `localhost:${port}`, '--ca', workshop.file(cert)];
    const { status, stderr } = await tacit(args, randomBytes(100_000));
    expect(stderr).toMatch(
      /^tacit send: .*certificate_required, the server requires a client certificate\n$/,
    );
    expect(status).toBe(1);
  });

  test('a certificate file with no certificate in it is a usage error', async () => {
    const file = workshop.file('no PEM');
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
    const receiver = await workshop.startReceiver('/dev/full');
    const sent = await sendTo(receiver, workshop.file(randomBytes(1_000_000)));
    expect(sent.stderr).not.toContain('close_notify');
    expect(sent.status).toBe(1);
    const received = await receiver.running.finished;
    expect(received.stdout.toString()).toMatch(/^upload 1.*: truncated .*the disk is full \(ENOSPC\)/m);
    expect(received.status).toBe(1);
  });

  test('nobody reads the standard output any more', async () => {
    const receiver = await workshop.startReceiver('-');
    receiver.running.child.stdout?.destroy();
    const sent = await sendTo(receiver, workshop.file(randomBytes(1_000_000)));
    expect(sent.status).toBe(1);
    const received = await receiver.running.finished;
    expect(received.stderr).toMatch(
      /^upload 1.*: truncated after .*whoever was to read it had closed \(EPIPE\)/m,
    );
    expect(received.status).toBe(1);
  });
});
