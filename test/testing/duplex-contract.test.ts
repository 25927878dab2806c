import { describe, test } from 'vitest';
import { fromDuplex } from '../../src/net/from-duplex.ts';
import { toDuplex } from '../../src/net/to-duplex.ts';
import type { ByteStream } from '../../src/streams/byte-stream.ts';
import { nextTurn } from '../../src/streams/turns.ts';
import {
  boundedStreamPair,
  halfCloseableStreamChecks,
  lockstepStreamPair,
  memoryStreamPair,
  tcpModelPair,
  trickleStreamPair,
} from '../../src/testing.ts';
type Transports = () => readonly [ByteStream, ByteStream];
const kinds: readonly { name: string; make: Transports; unbounded?: boolean }[] = [
  { name: 'memory', make: memoryStreamPair, unbounded: true },
  { name: 'lockstep', make: lockstepStreamPair },
  { name: 'bounded to 1 byte', make: () => boundedStreamPair(1) },
  { name: 'bounded to 1000 bytes', make: () => boundedStreamPair(1_000) },
  { name: 'trickle', make: () => trickleStreamPair({ chunk: 400, delay: 3, seed: 7 }), unbounded: true },
  ...(['keep', 'discard', 'node20', 'nodeWriteError'] as const).map((dialect) => ({
    name: `the TCP model, ${dialect}`,
    make: () => tcpModelPair({ dialect, sendBuffer: 1_000, receiveBuffer: 2_000, seed: 12, latency: 5 }),
  })),
];
async function someTurns(): Promise<void> {
  for (let i = 0; i < 40; i++) await nextTurn();
}
const adapt = (make: Transports) => () => {
  const [a, b] = make();
  return [fromDuplex(toDuplex(a)), fromDuplex(toDuplex(b))] as const;
};
for (const { name: kind, make, unbounded } of kinds) {
  const makeClogged = async () => {
    const pair = adapt(make)();
    pair[0].write(new Uint8Array(100_000)).catch(() => {});
    return pair;
  };
  describe(`${kind}: a stream made of a duplex`, () => {
    for (const { name, run } of halfCloseableStreamChecks(adapt(make), { ...(unbounded ? {} : { makeClogged }), rest: someTurns }))
      test(name, run);
  });
}
