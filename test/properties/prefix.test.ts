import { expect, test } from 'vitest';
import { checkPrefix } from './laws/prefix.ts';
import { timeLimit } from './support/budget.ts';
import { transports } from './support/ends.ts';
import { library } from './support/library.ts';

test.each([
  ['TLSv1.3', 300],
  ['TLSv1.2', 120],
] as const)(
  'prefix in %s: what is read is the beginning of what was written, and an end comes behind all of it',
  {
    timeout: timeLimit,
  },
  async (version, runs) => {
    const count = await checkPrefix(library, { transports, runs, seed: 1, version });
    expect(Math.min(count.ends, count.failures)).toBeGreaterThan(runs / 6);
  },
);
