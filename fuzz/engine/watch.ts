/*
 * What instrumented code reports to: it has to be there before that code is loaded, so the bundle's entry imports this
 * file first.
 */

/** Room for the counters of all sources. */
const maxCounters = 1 << 16;
/** Pairs of compared values that one run may note. */
const maxPairs = 256;

export interface Watch {
  /** How often each branch was taken, modulo 256. */
  readonly counters: Uint8Array;
  /** Whether compared values are noted now. */
  noting: boolean;
  /** Numbers and strings that were compared and differed. */
  readonly pairs: Compared[];
}

export type Compared = readonly [unknown, unknown];

export const watch: Watch = { counters: new Uint8Array(maxCounters), noting: false, pairs: [] };

function note(a: unknown, b: unknown): void {
  if (watch.pairs.length >= maxPairs || a === b) return;
  if (isTelling(a) && isTelling(b)) watch.pairs.push([a, b]);
}

function isTelling(value: unknown): boolean {
  return Number.isInteger(value) || (typeof value === 'string' && value.length > 0 && value.length < 64);
}

type Ordered = number;

Object.assign(globalThis, {
  __watch: {
    counters: watch.counters,
    eq(a: unknown, b: unknown): boolean {
      if (watch.noting) note(a, b);
      return a === b;
    },
    ne(a: unknown, b: unknown): boolean {
      if (watch.noting) note(a, b);
      return a !== b;
    },
    lt(a: Ordered, b: Ordered): boolean {
      if (watch.noting) note(a, b);
      return a < b;
    },
    le(a: Ordered, b: Ordered): boolean {
      if (watch.noting) note(a, b);
      return a <= b;
    },
    gt(a: Ordered, b: Ordered): boolean {
      if (watch.noting) note(a, b);
      return a > b;
    },
    ge(a: Ordered, b: Ordered): boolean {
      if (watch.noting) note(a, b);
      return a >= b;
    },
  },
});
