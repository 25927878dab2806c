import { expect, test } from 'vitest';
import { checkPrefix } from './laws/prefix.ts';
import { timeLimit } from './support/budget.ts';
import { transports } from './support/ends.ts';
import { library } from './support/library.ts';

test('prefix: what is read is the beginning of what was written, and an end comes behind all of it', {
  timeout: timeLimit,
}, async () => {
  const count = await checkPrefix(library, { transports, runs: 300, seed: 1 });
  expect(Math.min(count.ends, count.failures)).toBeGreaterThan(50);
});
