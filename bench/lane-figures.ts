import { Lane, type LaneReport } from './lane.ts';
import type { ImplementationName, LaneSetup, Work } from './lane-protocol.ts';
import { type Figure, judged, median } from './measure.ts';

/** A lane that takes part, by the name under which its reports are found. */
export interface Contender {
  readonly server: ImplementationName;
  readonly client: ImplementationName;
  readonly setup: LaneSetup;
}

/** What is done on each lane: `prepare` once, then `work` by turns, which is measured. */
export interface Race<Name extends string> {
  readonly contenders: Readonly<Record<Name, Contender>>;
  readonly prepare: (name: Name) => readonly Work[];
  readonly work: (name: Name) => Work;
  readonly repeats: number;
}

/** All contenders by turns, A B C A B C; the reports of each, in the order of the repeats. */
export async function race<Name extends string>(
  wanted: Race<Name>,
): Promise<Readonly<Record<Name, readonly LaneReport[]>>> {
  const names = Object.keys(wanted.contenders) as Name[];
  const lanes = new Map<Name, Lane>();
  try {
    for (const name of names) {
      const { server, client, setup } = wanted.contenders[name];
      const lane = await Lane.start(server, client, setup);
      lanes.set(name, lane);
      for (const work of wanted.prepare(name)) await lane.run(work);
    }
    const reports = Object.fromEntries(names.map((name) => [name, [] as LaneReport[]])) as Record<
      Name,
      LaneReport[]
    >;
    for (let i = 0; i < wanted.repeats; i++)
      for (const [name, lane] of lanes) reports[name].push(await lane.run(wanted.work(name)));
    return reports;
  } finally {
    for (const lane of lanes.values()) lane.stop();
  }
}

/** Which of Tacit's two forms a figure is of: `TlsStream` over TCP, or the face of `node:tls`. */
export type Form = 'tacit' | 'face';

/** What a figure of it begins with. */
export const formPrefixes: Readonly<Record<Form, string>> = { tacit: '', face: 'tacit-tls/node: ' };

/** The lanes whose two sides have the same implementation. */
export function sameOnBothSides(
  setup: LaneSetup,
  form: Form = 'tacit',
): Readonly<Record<'tacit' | 'nodeTls' | 'net', Contender>> {
  return { tacit: both(form, setup), nodeTls: both('node:tls', setup), net: both('net', setup) };
}

export function both(name: ImplementationName, setup: LaneSetup): Contender {
  return { server: name, client: name, setup };
}

/** How much is done in a second of the clock, both sides on this machine. @param amount of one piece of work, in units */
export function rateRow(
  figure: string,
  unit: string,
  reports: Readonly<Record<'tacit' | 'nodeTls' | 'net', readonly LaneReport[]>>,
  amount: number,
  target: number | null = null,
): Figure {
  const rate = (of: readonly LaneReport[]): number[] => of.map(({ wall }) => (amount / wall) * 1_000);
  return rowOf({
    figure: `${figure}, both sides on this machine`,
    unit,
    tacit: rate(reports.tacit),
    nodeTls: rate(reports.nodeTls),
    floor: rate(reports.net),
    target,
    against: 'nodeTls',
    moreIsBetter: true,
  });
}

export interface Row {
  readonly figure: string;
  readonly unit: string;
  readonly target: number | null;
  readonly tacit: readonly number[];
  readonly nodeTls?: readonly number[] | undefined;
  readonly floor?: readonly number[] | undefined;
  /** Which of the two others Tacit is held against. */
  readonly against: 'nodeTls' | 'floor';
  /** Whether more is better, as of a throughput. */
  readonly moreIsBetter?: boolean | undefined;
}

/** A row of the report; the ratio is that of the values of one and the same repeat. */
export function rowOf({ figure, unit, target, tacit, nodeTls, floor, against, moreIsBetter }: Row): Figure {
  const other = against === 'nodeTls' ? nodeTls : floor;
  if (!other) throw new Error(`${figure}: there is nothing to hold it against`);
  const ratios = tacit.map((value, i) => (moreIsBetter ? value / other[i]! : other[i]! / value));
  const medianOf = (values: readonly number[] | undefined): number | null => (values ? median(values) : null);
  const values = { figure, unit, tacit: median(tacit), nodeTls: medianOf(nodeTls), floor: medianOf(floor) };
  return judged(values, ratios, target);
}
