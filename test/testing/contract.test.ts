import { describe, test } from 'vitest';
import { nextTurn } from '../../src/streams/turns.ts';
import {
  boundedStreamPair,
  halfCloseableStreamChecks,
  lockstepStreamPair,
  type MakePair,
  memoryStreamPair,
  tcpModelPair,
  trickleStreamPair,
} from '../../src/testing.ts';

interface Kind {
  readonly name: string;
  readonly make: MakePair;
  readonly makeClogged?: MakePair;
}

/** Nothing here needs real time. */
async function someTurns(): Promise<void> {
  for (let i = 0; i < 20; i++) await nextTurn();
}

/** The first end has written so much that it has to wait; nobody has read. */
function clogged(make: () => ReturnType<typeof tcpModelPair>): MakePair {
  return async () => {
    const pair = make();
    pair[0].write(new Uint8Array(5_000)).catch(() => {});
    await pair.clock.settled();
    return pair;
  };
}

const kinds: readonly Kind[] = [
  { name: 'memory', make: () => memoryStreamPair() },
  { name: 'lockstep', make: () => lockstepStreamPair(), makeClogged: () => lockstepStreamPair() },
  {
    name: 'bounded to 1 byte',
    make: () => boundedStreamPair(1),
    makeClogged: async () => {
      const pair = boundedStreamPair(1);
      await pair[0].write(new Uint8Array(1));
      return pair;
    },
  },
  {
    name: 'bounded to 1000 bytes',
    make: () => boundedStreamPair(1_000),
    makeClogged: async () => {
      const pair = boundedStreamPair(1_000);
      await pair[0].write(new Uint8Array(1_000));
      return pair;
    },
  },
  { name: 'trickle', make: () => trickleStreamPair({ chunk: 400, delay: 3, seed: 7 }) },
  ...(['keep', 'discard', 'node20', 'nodeWriteError'] as const).map(
    (dialect): Kind => ({
      name: `the TCP model, ${dialect}`,
      make: () => tcpModelPair({ dialect, seed: 11, latency: 5 }),
      makeClogged: clogged(() =>
        tcpModelPair({ dialect, sendBuffer: 1_000, receiveBuffer: 2_000, seed: 12, latency: 5 }),
      ),
    }),
  ),
  {
    name: 'the TCP model without a seed',
    make: () => tcpModelPair({ sendBuffer: 600, receiveBuffer: 700, latency: 0 }),
    makeClogged: clogged(() => tcpModelPair({ sendBuffer: 50, receiveBuffer: 60, latency: 0 })),
  },
];

for (const { name: kind, make, makeClogged } of kinds) {
  describe(`${kind}: a stream of the kit`, () => {
    for (const { name, run } of halfCloseableStreamChecks(make, { makeClogged, rest: someTurns }))
      test(name, run);
  });
}
