import { expect, test } from 'vitest';
import { campaign } from './campaign.ts';

test('random configurations come to the same with Tacit as with node:tls, or for a reason that is known', {
  timeout: 240_000,
}, async () => {
  const { connected, refused, resumed, unexplained } = await campaign(1, 120);
  expect(unexplained.join('\n')).toBe('');
  // Neither says the same to everything.
  expect(connected).toBeGreaterThan(300);
  expect(refused).toBeGreaterThan(100);
  expect(resumed).toBeGreaterThan(50);
});
