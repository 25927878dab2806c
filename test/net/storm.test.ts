import { expect, test } from 'vitest';
import { noted, untilIdle } from '../support/leftovers.ts';
import { storm } from '../support/storm.ts';

// The long form, which also counts descriptors and memory, is test/net/storm.soak.ts.
test('a hundred connections at once, each with its own way to end, keep their promises and leave nothing', async () => {
  const { result, timers } = await noted(() => storm({ connections: 100, seed: 1, longest: 300_000 }));
  expect(result.problems).toEqual([]);
  expect(result.tried.size).toBe(19);
  await untilIdle();
  expect(timers()).toBe(0);
});
