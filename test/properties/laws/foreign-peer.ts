import fc from 'fast-check';
import type { ByteStream } from '../../../src/streams/byte-stream.ts';
import { SeededRandom } from '../../../src/testing/random.ts';
import { type TcpModelOptions, type TcpModelPair, tcpModelPair } from '../../../src/testing.ts';
import { peer } from '../../support/tls-endpoints.ts';
import { type Budget, parameters } from '../support/budget.ts';
import { configsOf } from '../support/ends.ts';
import { FarewellStream, ForeignStream } from '../support/foreign.ts';
import { library as intact, type Library } from '../support/library.ts';
import { type Ends, type Outcome, play } from '../support/play.ts';
import { type Script, scriptsFor, tinyScripts, uploads } from '../support/script.ts';
import { difference, sameOutcome } from './equivalence.ts';

/** Schedules of each script without TLS, all of which have to come to the same, and schedules with it. */
const schedules = { without: 10, with: 3 };

/**
 * Against a peer that does not drain, TLS is no worse than plain TCP on which each `closeWrite` and `close` writes a
 * byte first: programs that come to the same in every schedule of that come to it with TLS.
 *
 * @returns how many of the scripts did, and so were tried
 */
export async function checkForeignPeer(library: Library, budget: Budget): Promise<number> {
  const makeTls = tlsWithForeign(library, budget.version);
  let tried = 0;
  await fc.assert(
    fc.asyncProperty(
      scriptsFor(fc.oneof(tinyScripts, uploads), budget.version),
      fc.nat({ max: 1_000_000 }),
      fc.constantFrom(0, 1),
      async (script, seed, foreign) => {
        const expected = await withoutTls(script, seed, foreign as 0 | 1);
        if (expected === undefined) return;
        tried += 1;
        for (let i = 0; i < schedules.with; i++) {
          const ends = await makeTls(tcpModelPair(options(seed + i, [300, 1_000, 65_536])), foreign as 0 | 1);
          const outcome = politely(await play(script, ends, seed + i));
          if (!sameOutcome(outcome, expected)) {
            const who = `with a ${foreign === 0 ? 'client' : 'server'} that does not drain`;
            throw new Error(difference(script, who, outcome, expected, ends.story?.()));
          }
        }
      },
    ),
    parameters(budget),
  );
  return tried;
}

/** What every schedule comes to; undefined where that is not one and the same, or something fails. */
async function withoutTls(script: Script, seed: number, foreign: 0 | 1): Promise<Outcome | undefined> {
  let expected: Outcome | undefined;
  for (let i = 0; i < schedules.without; i++) {
    // Some bytes that fit into a buffer do not fit with what TLS adds: so every size has to do.
    const pair = tcpModelPair(options(seed + i, [1, 2, 50, 1_000, 65_536]));
    const ends = over(pair, FarewellStream.pair(pair, [foreign !== 0, foreign !== 1]));
    const outcome = politely(await play(script, ends, seed + i));
    if (outcome.isStuck || outcome.results.flat().some((result) => result.includes('fails')))
      return undefined;
    expected ??= outcome;
    if (!sameOutcome(outcome, expected)) return undefined;
  }
  return expected;
}

function options(seed: number, buffers: readonly number[]): TcpModelOptions {
  const random = new SeededRandom(seed);
  const oneOf = <T>(values: readonly T[]): T => values[random.integer(0, values.length - 1)] as T;
  return {
    sendBuffer: oneOf(buffers),
    receiveBuffer: oneOf(buffers),
    latency: oneOf([0, 1, 5, 30]),
    dialect: oneOf(['keep', 'discard'] as const),
    seed,
  };
}

function tlsWithForeign(
  library: Library,
  version: Budget['version'],
): (pair: TcpModelPair, foreign: 0 | 1) => Promise<Ends> {
  const { TlsStream } = library;
  const configs = configsOf(library, {}, version);
  // The peer is one that obeys the law, but for its close: what it does wrong would prove nothing.
  const { TlsConnection } = intact;
  const theirs = configsOf(intact, {}, version);
  return async (pair, foreign) => {
    const client =
      foreign === 0
        ? new ForeignStream(TlsConnection.client(theirs.client, peer), pair[0])
        : TlsStream.client(pair[0], configs.client, peer);
    const server =
      foreign === 1
        ? new ForeignStream(TlsConnection.server(theirs.server), pair[1])
        : TlsStream.server(pair[1], configs.server);
    await Promise.all([client.handshake(), server.handshake()]);
    return over(pair, [client, server]);
  };
}

function over(pair: TcpModelPair, streams: readonly [ByteStream, ByteStream]): Ends {
  const { clock, trace } = pair;
  return { streams, clock, activity: () => trace.entries.length, story: () => String(trace) };
}

/** A reset behind the peer's end is no error. */
function politely({ results: [first, second], isStuck }: Outcome): Outcome {
  const polite = (result: string): string => result.replace(/(close|writeAndClose \d+) reset$/, '$1 done');
  return { results: [first.map(polite), second.map(polite)], isStuck };
}
