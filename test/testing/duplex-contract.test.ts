import { once } from 'node:events';
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { fromDuplex } from '../../src/net/from-duplex.ts';
import { type ToDuplexOptions, toDuplex } from '../../src/net/to-duplex.ts';
import type { ByteStream } from '../../src/streams/byte-stream.ts';
import { halfCloseableStreamChecks, lockstepStreamPair, type MakePair } from '../../src/testing.ts';
import { tlsOver } from '../support/tls-endpoints.ts';
import { adapted, clogged, someTurns, transports } from '../support/transports.ts';

/** TLS does not get to see more of a transport. */
const isForTls: readonly string[] = ['lockstep', 'a buffer of 1000 bytes', 'the TCP model, nodeWriteError'];

function there(options?: ToDuplexOptions): (stream: ByteStream) => ByteStream {
  return (stream) => fromDuplex(toDuplex(stream, options));
}

for (const { name: transport, make, isUnbounded } of transports) {
  describe(`fromDuplex(toDuplex()) over ${transport}: a stream`, () => {
    const makePair = adapted(make, there());
    const options = { rest: someTurns, ...(!isUnbounded && { makeClogged: clogged(makePair) }) };
    for (const { name, run } of halfCloseableStreamChecks(makePair, options)) test(name, run);
  });
}

describe.each([0, 16_384])('fromDuplex(toDuplex()) with high-water marks of %i: a stream', (mark) => {
  const makePair = adapted(
    lockstepStreamPair,
    there({ readableHighWaterMark: mark, writableHighWaterMark: mark }),
  );
  const options = { rest: someTurns, makeClogged: clogged(makePair, 100_000) };
  for (const { name, run } of halfCloseableStreamChecks(makePair, options)) test(name, run);
});

describe('fromDuplex(toDuplex()) of TLS over lockstep: a stream', () => {
  const makePair = adapted(tlsOver(lockstepStreamPair), there());
  const makeClogged = clogged(makePair, 300_000);
  for (const { name, run } of halfCloseableStreamChecks(makePair, { makeClogged })) test(name, run);
});

for (const { name: transport, make } of transports.filter(({ name }) => isForTls.includes(name))) {
  describe(`TLS over fromDuplex(toDuplex()) over ${transport}: a stream`, () => {
    const makePair = tlsOver(adapted(make, there()));
    const makeClogged = clogged(makePair, 300_000);
    for (const { name, run } of halfCloseableStreamChecks(makePair, { makeClogged })) test(name, run);
  });
}

/** Two duplexes in memory that hand on the very arrays that they get, as Node's `duplexPair()` does. */
function duplexPair(): readonly [Duplex, Duplex] {
  const ends: Duplex[] = [];
  const taken: (() => void)[] = [() => {}, () => {}];
  for (const index of [0, 1]) {
    ends.push(
      new Duplex({
        read: () => taken[1 - index]?.(),
        write: (chunk, _encoding, callback) => {
          taken[index] = callback;
          ends[1 - index]?.push(chunk);
        },
        final: (callback) => {
          ends[1 - index]?.push(null);
          callback();
        },
        destroy: (error, callback) => {
          if (error !== null || !ends[index]?.readableEnded)
            ends[1 - index]?.destroy(new Error('The other end was destroyed'));
          callback(error);
        },
      }),
    );
  }
  return ends as unknown as readonly [Duplex, Duplex];
}

describe('fromDuplex() of duplexes that share their arrays: a stream', () => {
  const makePair: MakePair = () => {
    const [first, second] = duplexPair();
    return [fromDuplex(first), fromDuplex(second)];
  };
  const options = { rest: someTurns, makeClogged: clogged(makePair, 100_000) };
  for (const { name, run } of halfCloseableStreamChecks(makePair, options)) test(name, run);
});

/** Node 20 and 22 report a reset behind unread bytes as a clean end: no stream on them can know better. */
const takesResetsForEnds = Number(process.versions.node.split('.')[0]) < 24;

describe('fromDuplex() of sockets that were not made half-open, over loopback: a stream', () => {
  const server = createServer({ pauseOnConnect: true });
  beforeAll(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterAll(() => void server.close());

  const makePair: MakePair = async () => {
    const socket = createConnection({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' });
    const [[accepted]] = (await Promise.all([once(server, 'connection'), once(socket, 'connect')])) as [
      [Socket],
      unknown,
    ];
    // What is in a writer's way here is more than a stream drains by default.
    const drain = { bytes: Number.POSITIVE_INFINITY };
    return [fromDuplex(socket, { drain }), fromDuplex(accepted, { drain })];
  };
  // More than the kernel takes while nobody reads.
  const makeClogged = clogged(makePair, 32 * 2 ** 20);
  for (const { name, run } of halfCloseableStreamChecks(makePair, { makeClogged })) {
    const isUnknowable = takesResetsForEnds && /never (reads )?an end/.test(name);
    test.skipIf(isUnknowable)(name, run);
  }
});
