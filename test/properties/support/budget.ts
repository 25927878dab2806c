import type { Parameters } from 'fast-check';

/** How long a property is tried, and with what. */
export interface Budget {
  readonly runs: number;
  readonly seed: number;
  /** The first counterexample will do: it need not be made small. */
  readonly stopsAtOnce?: boolean;
}

/** How many times as long as usual, where the environment says so: a whole number above 1 gives other seeds too. */
const factor = Number(process.env['TACIT_SOAK'] ?? 1);

/** What a property may take, in milliseconds. */
export const timeLimit: number = 120_000 * factor;

/** The budget, as fast-check wants it. */
export function parameters<T>({ runs, seed, stopsAtOnce = false }: Budget): Parameters<T> {
  const isLong = factor > 1 && !stopsAtOnce;
  return {
    numRuns: isLong ? runs * factor : runs,
    seed: isLong ? seed * 1_000 + factor : seed,
    endOnFailure: stopsAtOnce,
  };
}
