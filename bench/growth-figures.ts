import { newSetup } from './credentials.ts';
import { drawGrowth } from './growth-plot.ts';
import type { LaneReport } from './lane.ts';
import { race, rowOf, sameOnBothSides } from './lane-figures.ts';
import type { LaneSetup, Work } from './lane-protocol.ts';
import { type Figure, median } from './measure.ts';

export interface GrowthEffort {
  readonly repeats: number;
  readonly isQuick: boolean;
  /** A directory for the plot; undefined: none is drawn. */
  readonly plots: string | undefined;
}

/** One line of the plot: what Tacit adds to plain `net`, both sides together, as one number grows. */
export interface Growth {
  readonly figure: string;
  /** What grows. */
  readonly along: string;
  readonly unit: string;
  readonly points: readonly { readonly size: number; readonly added: readonly number[] }[];
}

interface Range {
  readonly figure: string;
  readonly along: string;
  readonly unit: string;
  readonly sizes: readonly number[];
  readonly setup: (size: number) => LaneSetup;
  readonly prepare: (size: number) => readonly Work[];
  readonly work: (size: number) => Work;
  /** Units of one piece of work, for `unit`. */
  readonly count: (size: number) => number;
}

const target = 1 / 1.1;

/** (Tacit − plain `net`) for each unit, over the whole range. */
export async function* growthFigures({ repeats, isQuick, plots }: GrowthEffort): AsyncGenerator<Figure> {
  if (isQuick) return;
  const all: Growth[] = [];
  for (const range of ranges()) {
    const growth = await measure(range, repeats);
    all.push(growth);
    yield figureOf(growth);
  }
  if (plots !== undefined) await drawGrowth(all, plots);
}

function ranges(): readonly Range[] {
  const setup = newSetup('ECDSA P-256');
  const handshakes = { kind: 'handshakes', count: 200, atOnce: 4 } as const;
  const connections = [64, 1_000, 10_000];
  const roundsFor = (size: number): number => Math.max(1, Math.round(16_000 / size));
  return [
    {
      figure: 'per handshake',
      along: 'connections open',
      unit: 'µs CPU',
      sizes: connections,
      setup: () => setup,
      prepare: (size) => [{ kind: 'hold', count: size }, handshakes],
      work: () => handshakes,
      count: () => handshakes.count,
    },
    {
      figure: 'per message',
      along: 'connections',
      unit: 'µs CPU',
      sizes: connections,
      setup: () => setup,
      prepare: (size) => [
        { kind: 'hold', count: size },
        { kind: 'echo', rounds: roundsFor(size) },
      ],
      work: (size) => ({ kind: 'echo', rounds: roundsFor(size) }),
      count: (size) => roundsFor(size) * size,
    },
    {
      figure: 'per handshake',
      along: 'identities',
      unit: 'µs CPU',
      sizes: [1, 100, 10_000],
      setup: (size) => newSetup('ECDSA P-256', { identities: size }),
      prepare: () => [handshakes, handshakes],
      work: () => handshakes,
      count: () => handshakes.count,
    },
    {
      figure: 'per byte',
      along: 'bytes sent',
      unit: 'ns CPU',
      sizes: [2 ** 26, 2 ** 28, 2 ** 30],
      setup: () => setup,
      prepare: () => [{ kind: 'upload', bytes: 2 ** 27 }],
      work: (size) => ({ kind: 'upload', bytes: size }),
      count: (size) => size / 1_000,
    },
  ];
}

async function measure({ figure, along, unit, sizes, ...range }: Range, repeats: number): Promise<Growth> {
  const points: { size: number; added: number[] }[] = sizes.map((size) => ({ size, added: [] }));
  // All sizes by turns too: a machine that slows down must not look like growth.
  const sizeOf = (name: string): number => Number(name.split(' ')[1]);
  const contenders = Object.fromEntries(
    sizes.flatMap((size) => {
      const { tacit, net } = sameOnBothSides(range.setup(size));
      return [
        [`tacit ${size}`, tacit],
        [`net ${size}`, net],
      ];
    }),
  );
  const reports = await race({
    contenders,
    prepare: (name) => range.prepare(sizeOf(name)),
    work: (name) => range.work(sizeOf(name)),
    repeats,
  });
  const cost = ({ server, client }: LaneReport): number => server + client;
  for (const { size, added: values } of points) {
    const [tacit, net] = [reports[`tacit ${size}`]!, reports[`net ${size}`]!];
    for (let i = 0; i < repeats; i++) values.push((cost(tacit[i]!) - cost(net[i]!)) / range.count(size));
  }
  return { figure, along, unit, points };
}

/** The smallest size against the one that costs most. */
function figureOf({ figure, along, unit, points }: Growth): Figure {
  const [smallest, ...others] = points as [Growth['points'][number], ...Growth['points'][number][]];
  const costly = others.reduce((most, point) => (median(point.added) > median(most.added) ? point : most));
  return rowOf({
    figure: `growth of what Tacit adds ${figure}, from ${smallest.size} to ${costly.size} ${along}`,
    unit,
    tacit: costly.added,
    floor: smallest.added,
    target,
    against: 'floor',
  });
}
