import { expect, test } from 'vitest';
import type { TlsStream } from '../../src/streams/tls-stream.ts';
import { SeededRandom } from '../../src/testing/random.ts';
import { turn } from '../../src/testing/turn.ts';
import { memoryStreamPair, tcpModelPair, trickleStreamPair } from '../../src/testing.ts';
import type { ProtocolVersion } from '../../src/wire/names.ts';
import { timeLimit } from './support/budget.ts';
import { lockstep, type Transport, tls } from './support/ends.ts';
import { library } from './support/library.ts';
import { byteAt } from './support/play.ts';

const total = 2 ** 20;

const transports: readonly Transport[] = [
  { name: 'memory', make: () => memoryStreamPair() },
  lockstep,
  { name: 'trickle', make: (seed) => trickleStreamPair({ chunk: 9_000, delay: 3, seed }) },
  ...(['keep', 'discard'] as const).map((dialect) => ({
    name: `the TCP model, ${dialect}`,
    make: (seed: number) =>
      tcpModelPair({ dialect, seed, sendBuffer: 20_000, receiveBuffer: 14_480, latency: 4 }),
  })),
];

/** Writes everything in random pieces, with new keys, where there are any, and calls that come to nothing among them. */
async function writeAll(stream: TlsStream, end: 0 | 1, random: SeededRandom): Promise<void> {
  const hasKeyUpdates = stream.info?.protocolVersion === 'TLSv1.3';
  const pending: Promise<void>[] = [];
  for (let place = 0; place < total; ) {
    const start = place;
    const length = Math.min(total - place, random.integer(1, 30_000));
    place += length;
    pending.push(stream.write(Uint8Array.from({ length }, (_, i) => byteAt(end, start + i))));
    const dice = random.integer(0, 9);
    if (dice === 0 && hasKeyUpdates) pending.push(stream.updateKeys());
    if (dice === 1) pending.push(withoutEffect(stream));
    if (dice < 8) await Promise.all(pending.splice(0));
  }
  await Promise.all(pending);
}

/** In TLS 1.2 nobody may end before both have written everything. */
async function writeBoth(
  streams: readonly [TlsStream, TlsStream],
  randoms: readonly [SeededRandom, SeededRandom],
  version: ProtocolVersion,
): Promise<void> {
  const written = streams.map((stream, end) => writeAll(stream, end as 0 | 1, randoms[end as 0 | 1]));
  const all = Promise.all(written);
  await Promise.all(
    streams.map(async (stream, end) => {
      await (version === 'TLSv1.2' ? all : written[end]);
      await stream.closeWrite();
    }),
  );
}

async function withoutEffect(stream: TlsStream): Promise<void> {
  const reason = new Error('before');
  const written = stream.write(new Uint8Array(9), { signal: AbortSignal.abort(reason) });
  await expect(written).rejects.toBe(reason);
}

/** Reads to the end and gives up one read in four, to read again. Gives the number of bytes, and the first wrong place. */
async function readAll(
  stream: TlsStream,
  writer: 0 | 1,
  random: SeededRandom,
): Promise<readonly [number, number]> {
  let wrong = -1;
  for (let place = 0; ; ) {
    const abort = new AbortController();
    const reading = stream.read({ signal: abort.signal });
    if (random.integer(0, 3) === 0) {
      reading.catch(() => {});
      for (let pause = random.integer(0, 2); pause > 0; pause--) await turn();
      abort.abort();
    }
    const bytes = await reading.catch((reason: unknown) => {
      if (reason !== abort.signal.reason) throw reason;
      return undefined;
    });
    if (bytes === null) return [place, wrong];
    for (const byte of bytes ?? []) {
      if (byte !== byteAt(writer, place) && wrong < 0) wrong = place;
      place += 1;
    }
  }
}

test.each(
  transports.flatMap((transport) =>
    (
      [
        [1, 'TLSv1.3'],
        [2, 'TLSv1.3'],
        [3, 'TLSv1.2'],
      ] as const
    ).map(([seed, version]) => ({ name: transport.name, transport, seed, version })),
  ),
)(
  'random scheduling over $name, seed $seed, $version: 1 MiB each way, nothing lost and nothing twice',
  { timeout: timeLimit },
  async ({ transport, seed, version }) => {
    const { streams } = await tls(library, version)(transport, seed);
    const [client, server] = streams as readonly [TlsStream, TlsStream];
    const random = (of: number): SeededRandom => new SeededRandom(10 * seed + of);
    const results = await Promise.all([
      readAll(client, 1, random(1)),
      readAll(server, 0, random(2)),
      writeBoth([client, server], [random(3), random(4)], version),
    ]);
    expect(results.slice(0, 2)).toEqual([
      [total, -1],
      [total, -1],
    ]);
    const reports = await Promise.all([client.close(), server.close()]);
    expect(reports.map(({ ended }) => ended)).toEqual(['close_notify', 'close_notify']);
  },
);
