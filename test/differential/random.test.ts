import { expect, test } from 'vitest';
import { campaign } from './campaign.ts';

test('random configurations come to the same with Tacit as with node:tls, or for a reason that is known', {
  timeout: 240_000,
}, async () => {
  const { connected, refused, resumed, unexplained } = await campaign(1, 160);
  expect(unexplained.join('\n')).toBe('');
  // Neither says the same to everything.
  expect(connected).toBeGreaterThan(400);
  expect(refused).toBeGreaterThan(150);
  expect(resumed).toBeGreaterThan(100);
});
