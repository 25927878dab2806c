import { VirtualClock } from './clock.ts';
import { PipeSocket } from './pipe.ts';
import { SeededRandom } from './random.ts';
import { type StreamHooks, TestStream } from './test-stream.ts';

/** The two ends of one connection. */
export type StreamPair = readonly [TestStream, TestStream];

/** A pair whose bytes take time. */
export type TimedStreamPair = StreamPair & { readonly clock: VirtualClock };

export interface PairOptions {
  /** What a test does when the first end, or the second, is used. */
  readonly hooks?: readonly [StreamHooks, StreamHooks] | undefined;
}

export interface TricklePairOptions extends PairOptions {
  /** The most bytes that one read gives; how many it is follows from the seed. 16 by default. */
  readonly chunk?: number | undefined;
  /** Ticks that every chunk travels, and so do ends and resets. 1 by default. */
  readonly delay?: number | undefined;
  readonly seed?: number | undefined;
  /** Shared with other streams, or with a program that sleeps; one of its own by default. */
  readonly clock?: VirtualClock | undefined;
}

/** Streams that take everything at once, and give it to the next read. */
export function memoryStreamPair(options: PairOptions = {}): StreamPair {
  return streams(PipeSocket.pair({ capacity: Number.POSITIVE_INFINITY }), options);
}

/**
 * Streams without any buffer: a write resolves when reads of the peer have taken all of it. An end is free: it waits
 * for the writes before it, but not for a read. Whoever writes while nobody reads waits for ever, as two programs do
 * that rely on a buffer.
 */
export function lockstepStreamPair(options: PairOptions = {}): StreamPair {
  return streams(PipeSocket.pair({ capacity: 0 }), options);
}

/** Streams that hold at most `capacity` bytes in each direction, 1 or more. An end is free. */
export function boundedStreamPair(capacity: number, options: PairOptions = {}): StreamPair {
  if (!(capacity >= 1))
    throw new RangeError(`boundedStreamPair: capacity must be at least 1, not ${capacity}`);
  return streams(PipeSocket.pair({ capacity }), options);
}

/**
 * Streams that take everything at once and deliver it in small chunks, each after a delay in virtual time: two
 * programs that depend on how bytes are grouped, or on an answer being there at once, fail here. The same seed gives
 * the same chunks at the same times.
 */
export function trickleStreamPair(options: TricklePairOptions = {}): TimedStreamPair {
  const { chunk = 16, delay = 1, seed = 0, clock = new VirtualClock() } = options;
  if (!(chunk >= 1)) throw new RangeError(`trickleStreamPair: chunk must be at least 1, not ${chunk}`);
  const direction = (ofSeed: number) => {
    const random = new SeededRandom(ofSeed);
    return {
      capacity: Number.POSITIVE_INFINITY,
      nextLength: () => random.integer(1, chunk),
      carry: (deliver: () => void) => clock.after(delay, deliver),
    };
  };
  const pair = streams(PipeSocket.pair(direction(2 * seed), direction(2 * seed + 1)), options);
  return Object.assign(pair, { clock });
}

function streams([first, second]: [PipeSocket, PipeSocket], { hooks }: PairOptions): StreamPair {
  return [new TestStream(first, hooks?.[0]), new TestStream(second, hooks?.[1])];
}
