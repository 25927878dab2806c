import { describe, test } from 'vitest';
import type { ByteStream } from '../../src/streams/byte-stream.ts';
import { fromWeb } from '../../src/streams/from-web.ts';
import { toWeb } from '../../src/streams/to-web.ts';
import { halfCloseableStreamChecks, lockstepStreamPair, type MakePair } from '../../src/testing.ts';
import { tlsOver } from '../support/tls-endpoints.ts';
import { adapted, clogged, someTurns, transports } from '../support/transports.ts';

/** TLS does not get to see more of a transport. */
const isForTls: readonly string[] = ['lockstep', 'a buffer of 1000 bytes', 'the TCP model, nodeWriteError'];

const there = (stream: ByteStream): ByteStream => fromWeb(toWeb(stream));

/**
 * `destroy()` behind our own end: a WritableStream that was closed cannot be aborted, and a readable's `cancel()`
 * says only that nobody reads. So `toWeb()` goes on to close without loss, and a peer that writes is not told.
 */
const cannotBeDestroyed =
  /^.*: close\(\) that is aborted while it waits rejects with the reason and destroys$/;

for (const { name: transport, make, isUnbounded } of transports) {
  describe(`fromWeb(toWeb()) over ${transport}: a stream`, () => {
    const makePair = adapted(make, there);
    const options = { rest: someTurns, ...(!isUnbounded && { makeClogged: clogged(makePair) }) };
    for (const { name, run } of halfCloseableStreamChecks(makePair, options))
      test.skipIf(cannotBeDestroyed.test(name))(name, run);
  });
}

describe('fromWeb(toWeb()) of TLS over lockstep: a stream', () => {
  const makePair = adapted(tlsOver(lockstepStreamPair), there);
  const makeClogged = clogged(makePair, 300_000);
  for (const { name, run } of halfCloseableStreamChecks(makePair, { makeClogged }))
    test.skipIf(cannotBeDestroyed.test(name))(name, run);
});

for (const { name: transport, make } of transports.filter(({ name }) => isForTls.includes(name))) {
  describe(`TLS over fromWeb(toWeb()) over ${transport}: a stream`, () => {
    const makePair = tlsOver(adapted(make, there));
    const makeClogged = clogged(makePair, 300_000);
    for (const { name, run } of halfCloseableStreamChecks(makePair, { makeClogged }))
      test.skipIf(cannotBeDestroyed.test(name))(name, run);
  });
}

describe('fromWeb() of web streams in memory: a stream', () => {
  const makePair: MakePair = () => {
    const [there, back] = [new TransformStream<Uint8Array>(), new TransformStream<Uint8Array>()];
    return [
      fromWeb({ readable: back.readable, writable: there.writable }),
      fromWeb({ readable: there.readable, writable: back.writable }),
    ];
  };
  const options = { rest: someTurns, makeClogged: clogged(makePair) };
  for (const { name, run } of halfCloseableStreamChecks(makePair, options)) test(name, run);
});
