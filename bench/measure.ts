/** One row of the report; see README.md. */
export interface Figure {
  readonly figure: string;
  readonly unit: string;
  readonly tacit: number;
  readonly nodeTls: number | null;
  readonly floor: number | null;
  /** Above 1 is better for Tacit: the floor's, or `node:tls`'s, value by Tacit's. */
  readonly ratio: number;
  /** The interval of the ratio over the repeats. */
  readonly low: number;
  readonly high: number;
  readonly target: number | null;
  readonly met: boolean | null;
}

/** How long and how often. */
export interface Effort {
  readonly repeats: number;
  /** Milliseconds of one side of one repeat. */
  readonly batch: number;
  /** Milliseconds of each side before the first repeat. */
  readonly warmUp: number;
}

export interface Comparison {
  readonly figure: string;
  /** What is measured. */
  readonly tacit: () => unknown;
  /** What it cannot be faster than, or is held against. */
  readonly floor: () => unknown;
  readonly target: number | null;
}

/** Both sides by turns, in microseconds of the processor for one call. */
export function compare({ figure, tacit, floor, target }: Comparison, effort: Effort): Figure {
  for (const run of [tacit, floor]) warmUp(run, effort.warmUp);
  const times = [tacit, floor].map((run) => ({
    run,
    calls: callsFor(run, effort.batch),
    spent: [] as number[],
  }));
  for (let i = 0; i < effort.repeats; i++)
    for (const side of times) side.spent.push(microseconds(side.run, side.calls));
  const [ours, bare] = times.map(({ spent }) => spent) as [number[], number[]];
  const ratios = bare.map((time, index) => time / ours[index]!);
  return judged(
    { figure, unit: 'µs', tacit: median(ours), nodeTls: null, floor: median(bare) },
    ratios,
    target,
  );
}

/** A row of the ratios of all repeats. */
export function judged(
  values: Pick<Figure, 'figure' | 'unit' | 'tacit' | 'nodeTls' | 'floor'>,
  ratios: readonly number[],
  target: number | null,
): Figure {
  const ratio = median(ratios);
  const [low, high] = interval(ratios);
  return { ...values, ratio, low, high, target, met: target === null ? null : ratio >= target };
}

/** Of the processor, all threads of the process together, so that garbage collection is in it and other programs are not. */
export function microseconds(run: () => unknown, calls: number): number {
  const before = processorTime();
  for (let i = 0; i < calls; i++) run();
  return (processorTime() - before) / calls;
}

/** Microseconds that this process has had of the processor, user and system, over all threads. */
export function processorTime(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}

/** In which the true median lies in 95 of 100 runs, whatever the distribution: by the ranks of a binomial. */
export function interval(values: readonly number[]): readonly [low: number, high: number] {
  const sorted = values.toSorted((a, b) => a - b);
  const rank = Math.max(0, Math.floor(sorted.length / 2 - 0.98 * Math.sqrt(sorted.length)));
  return [sorted[rank]!, sorted[sorted.length - 1 - rank]!];
}

/** Until the compiler, which works beside us and would be counted, is done. */
function warmUp(run: () => unknown, milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end) run();
}

/** How many calls take `milliseconds`. */
function callsFor(run: () => unknown, milliseconds: number): number {
  for (let calls = 1; ; calls *= 2) {
    const spent = (microseconds(run, calls) * calls) / 1000;
    if (spent >= milliseconds) return Math.max(1, Math.round((calls * milliseconds) / spent));
  }
}
