import type { ByteStream } from '../../src/streams/byte-stream.ts';
import { nextTurn } from '../../src/streams/turns.ts';
import {
  boundedStreamPair,
  lockstepStreamPair,
  type MakePair,
  memoryStreamPair,
  tcpModelPair,
  trickleStreamPair,
} from '../../src/testing.ts';

type Pair = readonly [ByteStream, ByteStream];

/** A kind of connection that something else is put on. */
export interface Transport {
  readonly name: string;
  readonly make: () => Pair;
  /** Takes everything at once: nothing can be in a writer's way. */
  readonly isUnbounded?: boolean;
}

/** Every pair of the kit. */
export const transports: readonly Transport[] = [
  { name: 'memory', make: memoryStreamPair, isUnbounded: true },
  { name: 'lockstep', make: lockstepStreamPair },
  { name: 'a buffer of 1 byte', make: () => boundedStreamPair(1) },
  { name: 'a buffer of 1000 bytes', make: () => boundedStreamPair(1_000) },
  { name: 'trickle', make: () => trickleStreamPair({ chunk: 400, delay: 3, seed: 7 }), isUnbounded: true },
  ...(['keep', 'discard', 'node20', 'nodeWriteError'] as const).map((dialect) => ({
    name: `the TCP model, ${dialect}`,
    make: () => tcpModelPair({ dialect, sendBuffer: 1_000, receiveBuffer: 2_000, seed: 12, latency: 5 }),
  })),
];

/** Both ends of a pair through `adapt`. */
export function adapted(make: MakePair, adapt: (stream: ByteStream) => ByteStream): () => Promise<Pair> {
  return async () => {
    const [first, second] = await make();
    return [adapt(first), adapt(second)];
  };
}

/** A pair whose first end has written more than there is room for: what an adapter holds, and all that is under it. */
export function clogged(make: MakePair, length = 5_000): MakePair {
  return async () => {
    const pair = await make();
    pair[0].write(new Uint8Array(length)).catch(() => {});
    return pair;
  };
}

/** What a check rests where nothing needs real time. */
export async function someTurns(): Promise<void> {
  for (let i = 0; i < 40; i++) await nextTurn();
}
