import type { Parameters } from 'fast-check';

/** How long a property is tried, and with what. */
export interface Budget {
  readonly runs: number;
  readonly seed: number;
  /** The first counterexample will do: it need not be made small. */
  readonly stopsAtOnce?: boolean;
}

/** The same, as fast-check wants it. Ten times or more as long where the environment says so: see `npm run test:soak`. */
export function parameters<T>({ runs, seed, stopsAtOnce = false }: Budget): Parameters<T> {
  const factor = Number(process.env['TACIT_SOAK'] ?? 1);
  return {
    numRuns: stopsAtOnce ? runs : runs * factor,
    seed: factor > 1 ? seed + factor : seed,
    endOnFailure: stopsAtOnce,
  };
}
