import { expect, test } from 'vitest';
import { campaign } from './campaign.ts';
import { explanations } from './explanations.ts';

/** As elsewhere: how much longer than usual, and other seeds with it. */
const factor = Number(process.env['TACIT_SOAK'] ?? 10);
/** Configurations, each with four pairs. */
const count = Number(process.env['TACIT_SOAK_CONFIGURATIONS'] ?? factor * 200);

test('thousands of random configurations come to the same with Tacit as with node:tls, or for a reason that is known, and every reason is needed', {
  timeout: count * 1_000,
}, async () => {
  const { connected, refused, resumed, explained, unexplained } = await campaign(factor * 100_000, count);
  const counts = explanations.map(({ id }) => `  ${explained.get(id) ?? 0} ${id}`);
  const outcomes = `${count} configurations: ${connected} connected, ${resumed} of them resumed, ${refused} refused`;
  console.log([outcomes, ...counts].join('\n'));
  expect(unexplained.join('\n')).toBe('');
  // The rarest ones apply once in a thousand.
  if (count < 2_000) return;
  expect(explanations.filter(({ id }) => !explained.has(id)).map(({ id }) => id)).toEqual([]);
});
