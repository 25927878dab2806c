import { VirtualClock } from './clock.ts';
import type { PairOptions } from './pairs.ts';
import { SeededRandom } from './random.ts';
import { type TcpDialect, TcpSocket } from './tcp-socket.ts';
import { TestStream } from './test-stream.ts';
import { Trace } from './trace.ts';

export interface TcpModelOptions extends PairOptions {
  /** Bytes that an end keeps which the peer has no room for. 65 536 by default. */
  readonly sendBuffer?: number | undefined;
  /** Bytes that an end keeps which its program has not read. 65 536 by default; 14 480 is like the first flight of a new connection. */
  readonly receiveBuffer?: number | undefined;
  /** Ticks that everything travels. 1 by default. */
  readonly latency?: number | undefined;
  /** Without it all segments are as long as they may be and travel alike; with it both vary, the same way each time. */
  readonly seed?: number | undefined;
  /** `keep` by default. */
  readonly dialect?: TcpDialect | undefined;
  /** What the trace calls the ends; `client` and `server` by default. */
  readonly names?: readonly [string, string] | undefined;
  /** Shared with other streams, or with a program that sleeps; one of its own by default. */
  readonly clock?: VirtualClock | undefined;
}

/** The ends of one connection, with its time and the record of what happened on it. */
export type TcpModelPair = readonly [TestStream<TcpSocket>, TestStream<TcpSocket>] & {
  readonly clock: VirtualClock;
  /** `String(pair.trace)` is a picture of the connection. */
  readonly trace: Trace;
};

/**
 * Two TCP endpoints in virtual time, with the resets of the real thing: whoever closes with bytes unread, or gets
 * bytes after its close, answers with RST and loses what it had not sent. The ends are polite `ByteStream`s, whose
 * `close()` drains; `kernelClose()` closes as a program does that knows nothing of this, and `socket` offers the
 * bare calls.
 */
export function tcpModelPair(options: TcpModelOptions = {}): TcpModelPair {
  const { sendBuffer = 65_536, receiveBuffer = 65_536, latency = 1, seed, dialect = 'keep', hooks } = options;
  if (!(sendBuffer >= 1 && receiveBuffer >= 1))
    throw new RangeError('tcpModelPair: sendBuffer and receiveBuffer must be at least 1');
  if (!(latency >= 0)) throw new RangeError(`tcpModelPair: latency must be at least 0, not ${latency}`);
  const clock = options.clock ?? new VirtualClock();
  const trace = new Trace(options.names ?? ['client', 'server']);
  const random = seed === undefined ? undefined : new SeededRandom(seed);
  const common = { clock, trace, sendBuffer, receiveBuffer, latency, dialect, random };
  const [first, second] = TcpSocket.pair(common);
  const ends = [new TestStream(first, hooks?.[0]), new TestStream(second, hooks?.[1])] as const;
  return Object.assign(ends, { clock, trace });
}
