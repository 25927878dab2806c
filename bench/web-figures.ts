import { newSetup } from './credentials.ts';
import type { LaneReport } from './lane.ts';
import { both, formPrefixes, race, rateRow, rowOf } from './lane-figures.ts';
import type { Figure } from './measure.ts';

export interface WebEffort {
  readonly repeats: number;
  /** Of one repeat. */
  readonly requests: number;
}

/** GET of 100 bytes over 64 connections that are kept, `tacit-tls/node/https` beside `node:https`; the floor is `node:http`. */
export async function* webFigures({ repeats, requests }: WebEffort): AsyncGenerator<Figure> {
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
  for (const side of ['server', 'client'] as const) {
    const cpu = (of: readonly LaneReport[]): number[] => of.map((report) => report[side] / requests);
    yield rowOf({
      figure: `${figure}, ${side}`,
      unit: 'µs CPU',
      tacit: cpu(reports.tacit),
      nodeTls: cpu(reports.nodeTls),
      floor: cpu(reports.net),
      target: null,
      against: 'nodeTls',
    });
  }
  yield rateRow(figure, 'requests/s', reports, requests);
}
