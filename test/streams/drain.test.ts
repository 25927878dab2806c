import { describe, expect, test } from 'vitest';
import { drainLimits } from '../../src/streams/drain.ts';

describe('the bounds of a drain', () => {
  test('are 30 s, 5 s after an alert, and less for a server, where many strangers may ask for it', () => {
    expect(drainLimits('client')).toMatchObject({
      timeout: 30_000,
      alertTimeout: 5_000,
      bytes: 16 * 2 ** 20,
    });
    expect(drainLimits('server')).toMatchObject({ timeout: 30_000, alertTimeout: 5_000, bytes: 2 ** 20 });
  });

  test('after an alert are never longer than those without one', () => {
    expect(drainLimits('server', { timeout: 200 })).toMatchObject({ timeout: 200, alertTimeout: 200 });
    expect(drainLimits('server', { timeout: 60_000 })).toMatchObject({
      timeout: 60_000,
      alertTimeout: 5_000,
    });
  });
});
