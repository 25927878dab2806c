import { newSetup } from './credentials.ts';
import type { LaneReport } from './lane.ts';
import { both, formPrefixes, race, rateRow, rowOf } from './lane-figures.ts';
import type { LaneSetup } from './lane-protocol.ts';
import type { Figure } from './measure.ts';

export interface WebEffort {
  readonly repeats: number;
  /** Of one repeat. */
  readonly requests: number;
  readonly bytes: number;
}

/** `tacit-tls/node/https` and `tacit-tls/node/http2` beside Node's. */
export async function* webFigures(effort: WebEffort): AsyncGenerator<Figure> {
  yield* requestFigures(effort);
  yield* streamFigures(effort);
  yield* downloadFigures(effort);
}

/** GET of 100 bytes over 64 connections that are kept; the floor is `node:http`. */
async function* requestFigures({ repeats, requests }: WebEffort): AsyncGenerator<Figure> {
  const setup = newSetup('ECDSA P-256');
  const work = { kind: 'requests', count: requests, atOnce: 64 } as const;
  const reports = await race({
    contenders: {
      tacit: both('face:https', setup),
      nodeTls: both('node:https', setup),
      net: both('http', setup),
    },
    prepare: () => [work, work],
    work: () => work,
    repeats,
  });
  const figure = `${formPrefixes.face}https requests`;
  yield* bothSides(figure, 'µs CPU', reports, requests);
  yield rateRow(figure, 'requests/s', reports, requests);
}

/** GET of 100 bytes over one session of HTTP/2, all at once; the floor is HTTP/2 without TLS. */
async function* streamFigures({ repeats, requests }: WebEffort): AsyncGenerator<Figure> {
  const setup = newSetup('ECDSA P-256');
  const work = { kind: 'streams', count: requests } as const;
  const reports = await race({
    contenders: http2Contenders(setup),
    prepare: () => [work, work],
    work: () => work,
    repeats,
  });
  const figure = `${formPrefixes.face}http2 requests`;
  yield* bothSides(figure, 'µs CPU', reports, requests);
  yield rateRow(figure, 'requests/s', reports, requests);
}

/** One body over HTTP/2; the floor is HTTP/2 without TLS. */
async function* downloadFigures({ repeats, bytes }: WebEffort): AsyncGenerator<Figure> {
  const setup = newSetup('ECDSA P-256');
  const work = { kind: 'download', bytes } as const;
  const reports = await race({
    contenders: http2Contenders(setup),
    prepare: () => [work],
    work: () => work,
    repeats,
  });
  const figure = `${formPrefixes.face}http2 download`;
  yield* bothSides(figure, 'ns CPU/B', reports, bytes / 1_000);
  yield rateRow(figure, 'MB/s', reports, bytes / 1e6);
}

function http2Contenders(setup: LaneSetup): Parameters<typeof race>[0]['contenders'] {
  return { tacit: both('face:http2', setup), nodeTls: both('node:http2', setup), net: both('h2c', setup) };
}

type Reports = Readonly<Record<'tacit' | 'nodeTls' | 'net', readonly LaneReport[]>>;

/** @param amount of one piece of work, in what the unit counts */
function* bothSides(figure: string, unit: string, reports: Reports, amount: number): Generator<Figure> {
  for (const side of ['server', 'client'] as const) {
    const cpu = (of: readonly LaneReport[]): number[] => of.map((report) => report[side] / amount);
    yield rowOf({
      figure: `${figure}, ${side}`,
      unit,
      tacit: cpu(reports.tacit),
      nodeTls: cpu(reports.nodeTls),
      floor: cpu(reports.net),
      target: null,
      against: 'nodeTls',
    });
  }
}
