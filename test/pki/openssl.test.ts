import { describe, expect, test } from 'vitest';
import { campaign } from './fuzz/campaign.ts';
import { hasOpenssl } from './fuzz/openssl.ts';

describe.skipIf(!hasOpenssl)('random chains (needs openssl 3.0)', () => {
  test('are judged as OpenSSL judges them, or for a reason that is known', { timeout: 120_000 }, () => {
    const { trustedByBoth, refusedByBoth, unexplained } = campaign(1, 200);
    expect(unexplained.join('\n')).toBe('');
    // Neither side says the same to everything.
    expect(trustedByBoth).toBeGreaterThan(40);
    expect(refusedByBoth).toBeGreaterThan(40);
  });
});
