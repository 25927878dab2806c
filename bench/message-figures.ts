import { newSetup } from './credentials.ts';
import type { LaneReport } from './lane.ts';
import { type Form, formPrefixes, race, rateRow, rowOf, sameOnBothSides } from './lane-figures.ts';
import type { Figure } from './measure.ts';

export interface MessageEffort {
  readonly repeats: number;
  /** Of one repeat, over all connections. */
  readonly messages: number;
  readonly isQuick: boolean;
  /** The face has one figure alone, and no targets. */
  readonly form?: Form;
}

/** 100 bytes there and back, one message at a time on each connection. */
export async function* messageFigures(effort: MessageEffort): AsyncGenerator<Figure> {
  const { repeats, messages, isQuick, form = 'tacit' } = effort;
  const setup = newSetup('ECDSA P-256');
  for (const connections of isQuick || form === 'face' ? [64] : [1, 64, 1_000]) {
    const rounds = Math.max(1, Math.round(messages / connections / (connections === 1 ? 4 : 1)));
    const work = { kind: 'echo', rounds } as const;
    const reports = await race({
      contenders: sameOnBothSides(setup, form),
      prepare: () => [{ kind: 'hold', count: connections }, work],
      work: () => work,
      repeats,
    });
    const figure = `${formPrefixes[form]}echo of 100 bytes, ${connections} connection${connections === 1 ? '' : 's'}`;
    const row = (
      what: string,
      unit: string,
      reading: (report: LaneReport) => number,
      target: number | null,
    ): Figure => {
      const read = (of: readonly LaneReport[]): number[] => of.map(reading);
      return rowOf({
        figure: `${figure}, ${what}`,
        unit,
        tacit: read(reports.tacit),
        nodeTls: read(reports.nodeTls),
        floor: read(reports.net),
        target,
        against: 'nodeTls',
      });
    };
    const count = rounds * connections;
    const target = connections === 64 && form === 'tacit' ? 1 : null;
    yield rateRow(figure, 'messages/s', reports, count, target);
    yield row('server', 'µs CPU', ({ server }) => server / count, target);
    yield row('client', 'µs CPU', ({ client }) => client / count, null);
    yield row('p50', 'ms', ({ p50 }) => p50, null);
    yield row('p99', 'ms', ({ p99 }) => p99, null);
  }
}
