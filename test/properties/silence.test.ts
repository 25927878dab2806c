import { expect, test } from 'vitest';
import { checkSilence } from './laws/silence.ts';
import { timeLimit } from './support/budget.ts';
import { library } from './support/library.ts';

test.each([
  ['TLSv1.3', 250],
  ['TLSv1.2', 150],
] as const)(
  'silence in %s: whatever the peer does, nothing leaves but what the application writes, or one fatal alert',
  {
    timeout: timeLimit,
  },
  async (version, runs) => {
    const count = await checkSilence(library, { runs, seed: 1, version });
    // All three came up often.
    expect(Math.min(count.alerts, count.refusals, count.writes)).toBeGreaterThan(runs / 25);
  },
);
