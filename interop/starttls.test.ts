// TLS that begins in the middle of a connection, and ends there.

import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { type ByteStream, clientConfig, fromDuplex, TlsStream } from '../src/index.ts';
import { serverName } from './support/certificates.ts';
import { Lines, mailServer } from './support/mail.ts';
import { missing, programOf } from './support/peers.ts';
import { start } from './support/process.ts';
import { certificates, scratchFile } from './support/run.ts';

const skipped = (peer: string): string => {
  const reason = missing(peer);
  return reason === undefined ? '' : ` (${reason})`;
};

const letter = 'Subject: lines\n\nof a letter\n';

describe('STARTTLS to a Tacit server, by', () => {
  test.skipIf(missing('curl') !== undefined)(`curl${skipped('curl')}`, async () => {
    const { port, mail } = await mailServer();
    const file = scratchFile('letter');
    writeFileSync(file, letter.replaceAll('\n', '\r\n'));
    const url = `smtp://${serverName}:${port}`;
    const to = [
      '--resolve',
      `${serverName}:${port}:127.0.0.1`,
      '--cacert',
      certificates.roots,
      '--ssl-reqd',
      url,
    ];
    const peer = start('curl', [
      ...['--silent', '--show-error', '--max-time', '30', '--tlsv1.3', ...to],
      ...['--mail-from', 'a@example', '--mail-rcpt', 'b@example', '--upload-file', file],
    ]);
    expect(await peer.exited, peer.stderr).toMatchObject({ code: 0 });
    expectMail(await mail);
  });

  test.skipIf(missing('python') !== undefined)(`Python's smtplib${skipped('python')}`, async () => {
    const { port, mail } = await mailServer();
    const program = [
      'import smtplib, ssl, sys',
      `context = ssl.create_default_context(cafile=sys.argv[2])`,
      'client = smtplib.SMTP("localhost", int(sys.argv[1]))',
      'client.starttls(context=context)',
      'client.sendmail("a@example", ["b@example"], sys.argv[3])',
      'client.quit()',
    ].join('\n');
    const peer = start(programOf('python'), ['-I', '-c', program, String(port), certificates.roots, letter]);
    expect(await peer.exited, peer.stderr).toMatchObject({ code: 0 });
    expectMail(await mail);
  });

  test.skipIf(missing('openssl') !== undefined)(`openssl s_client${skipped('openssl')}`, async () => {
    const { port, mail } = await mailServer();
    const peer = start('openssl', [
      ...['s_client', '-connect', `127.0.0.1:${port}`, '-starttls', 'smtp', '-crlf', '-quiet', '-tls1_3'],
      ...['-verify_return_error', '-verify_hostname', serverName, '-CAfile', certificates.roots],
    ]);
    peer.write('EHLO client.example\nQUIT\n');
    await peer.match(/221 bye/);
    const { commands, failure } = await mail;
    expect(failure).toBeUndefined();
    expect(commands.slice(-2)).toEqual([
      ['TLS', 'EHLO client.example'],
      ['TLS', 'QUIT'],
    ]);
  });

  test('somebody who puts commands behind it in one packet: they are no part of what TLS protects', async () => {
    const { port, mail } = await mailServer();
    const socket = connect(port, '127.0.0.1');
    socket.resume();
    socket.write('EHLO x\r\nSTARTTLS\r\nMAIL FROM:<attacker@example>\r\n');
    const { commands, failure } = await mail;
    socket.destroy();
    expect(failure).toMatchObject({ name: 'TlsPeerError', direction: 'sent' });
    expect(commands.filter(([where]) => where === 'TLS')).toEqual([]);
  });
});

describe.skipIf(missing('python') !== undefined)(
  `STARTTLS by a Tacit client to Python${skipped('python')}`,
  () => {
    const program = fileURLToPath(new URL('peers/starttls.py', import.meta.url));

    test('plain, TLS, plain, TLS, plain: on one connection', async () => {
      const { cert, key } = certificates.server();
      const peer = start(programOf('python'), ['-I', program, cert, key]);
      const [, port = ''] = await peer.match(/^(\d+)$/m);
      const socket = connect({ port: Number(port), host: '127.0.0.1', allowHalfOpen: true });
      await once(socket, 'connect');
      let plain: ByteStream = fromDuplex(socket);
      const config = clientConfig({ ca: readFileSync(certificates.roots, 'utf8') });
      for (const word of ['one', 'two']) {
        const lines = new Lines(plain);
        await plain.write(Buffer.from('STARTTLS\r\n'));
        expect(await lines.next()).toBe('220 go ahead');
        const stream = TlsStream.client(plain, config, { host: serverName }, { preread: lines.takeRest() });
        await stream.write(Buffer.from(`${word}\r\n`));
        expect(await new Lines(stream).next()).toBe(`you said ${word}`);
        await stream.write(Buffer.from('STOP\r\n'));
        // Python's unwrap() waits for our close_notify, as ours does for its own.
        const { transport, trailing } = await stream.unwrap();
        expect(trailing).toHaveLength(0);
        plain = transport;
      }
      await peer.match(/^done$/m);
      await plain.close();
      expect(await peer.exited).toMatchObject({ code: 0 });
    });
  },
);

function expectMail(mail: Awaited<Awaited<ReturnType<typeof mailServer>>['mail']>): void {
  expect(mail.failure).toBeUndefined();
  expect(mail.message).toBe(letter);
  const verbs = mail.commands.map(([where, line]) => `${where} ${line.split(' ')[0]?.toUpperCase()}`);
  expect(verbs.slice(0, 3)).toEqual(['plain EHLO', 'plain STARTTLS', 'TLS EHLO']);
  expect(verbs.filter((verb) => verb.startsWith('plain'))).toHaveLength(2);
}
