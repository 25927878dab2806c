import type { Parameters } from 'fast-check';
import type { ProtocolVersion } from '../../../src/wire/names.ts';

/** How long a property is tried, and with what. */
export interface Budget {
  readonly runs: number;
  readonly seed: number;
  /** The first counterexample will do: it need not be made small. */
  readonly stopsAtOnce?: boolean;
  /** The only version that both ends speak; by default TLS 1.3. */
  readonly version?: ProtocolVersion | undefined;
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
