// A Tacit client that uploads and closes without reading: to servers that write tickets unasked it loses nothing.

import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { type ClientConfig, clientConfig, connect, type TlsStream } from '../src/index.ts';
import { serverName } from './support/certificates.ts';
import { type DriverProgram, startDriverSink } from './support/driver.ts';
import { everyVersion } from './support/names.ts';
import { goProgram, missing, nodeProgram, pythonProgram, rustlsProgram } from './support/peers.ts';
import { freePort, start, untilListening } from './support/process.ts';
import { certificates } from './support/run.ts';
import { roots } from './support/tacit.ts';
import { atMost, UploadSource, uploads } from './support/write-only.ts';

const source = new UploadSource('write-only-client');
const config = clientConfig({ ca: roots() });

/** How long a server lets a client that cannot close before it is read wait for the first read. */
const patience = 50;

const sinks: readonly (readonly [string, DriverProgram])[] = [
  ['node', nodeProgram],
  ['python', pythonProgram],
  ['go', goProgram],
  ['rustls', rustlsProgram],
];

const cases = sinks.flatMap(([name, program]) =>
  everyVersion.map((version) => ({ reason: missing(name), program, version })),
);

for (const { reason, program, version } of cases) {
  const title = `write-only Tacit to ${program.name}, ${version}${reason ? ` (${reason})` : ''}`;
  describe.skipIf(reason !== undefined)(title, () => {
    test.each(uploads[version])('$rounds × $bytes bytes', async ({ bytes, rounds }) => {
      const identity = certificates.server();
      const sink = await startDriverSink(program, { versions: [version], identity, connections: rounds });
      for (let round = 0; round < rounds; round++) {
        const stream = await open(sink.port, config);
        await sink.accepted();
        const written = stream.write(source.first(bytes));
        const closed = written.then(() => stream.close());
        await atMost(patience, written);
        sink.release();
        expect(await closed).toMatchObject({ ended: expect.stringMatching(/^(close_notify|fin)$/) });
      }
      const expected = Array.from({ length: rounds }, () => ({ bytes, sha256: source.hash(bytes) }));
      expect(await sink.reports(rounds)).toMatchObject(expected);
    });
  });
}

const noOpenssl = missing('openssl');
const opensslTitle = `write-only Tacit to openssl s_server${noOpenssl ? ` (${noOpenssl})` : ''}`;
describe.skipIf(noOpenssl !== undefined).each(everyVersion)(`${opensslTitle}, %s`, (version) => {
  test.each(uploads[version])('$rounds × $bytes bytes', async ({ bytes, rounds }) => {
    const { cert, key, intermediates } = certificates.server();
    // In -quiet mode it prints nothing but what it receives, the port neither. Finding it takes a connection.
    const port = await freePort();
    const args = ['-accept', `127.0.0.1:${port}`, '-naccept', `${rounds + 1}`, '-quiet'];
    args.push('-min_protocol', version, '-max_protocol', version);
    args.push('-cert', cert, '-key', key, '-cert_chain', intermediates);
    const server = start('openssl', ['s_server', ...args]);
    await untilListening(server, port);
    for (let round = 0; round < rounds; round++) {
      // It writes what it reads to a pipe that nobody empties yet.
      server.pauseOutput();
      const stream = await open(port, config);
      const written = stream.write(source.first(bytes));
      const closed = written.then(() => stream.close());
      await atMost(patience, written);
      server.resumeOutput();
      expect(await closed).toMatchObject({ ended: expect.stringMatching(/^(close_notify|fin)$/) });
    }
    await server.exited;
    const received = server.stdout;
    expect(received.length).toBe(rounds * bytes);
    const expected = createHash('sha256');
    for (let round = 0; round < rounds; round++) expected.update(source.first(bytes));
    expect(createHash('sha256').update(received).digest('hex')).toBe(expected.digest('hex'));
  });
});

function open(port: number, config: ClientConfig): Promise<TlsStream> {
  return connect({ host: '127.0.0.1', port, serverName, config });
}
