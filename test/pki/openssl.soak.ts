import { describe, expect, test } from 'vitest';
import { campaign } from './fuzz/campaign.ts';
import { explanations } from './fuzz/explanations.ts';
import { hasOpenssl } from './fuzz/openssl.ts';

/** As elsewhere: how much longer than usual, and other seeds with it. */
const factor = Number(process.env['TACIT_SOAK'] ?? 10);

describe.skipIf(!hasOpenssl)('thousands of random chains (needs openssl 3.0)', () => {
  test('are judged as OpenSSL judges them, or for a reason that is known, and every reason is needed', {
    timeout: factor * 120_000,
  }, () => {
    const { trustedByBoth, refusedByBoth, explained, unexplained } = campaign(factor * 100_000, factor * 600);
    const counts = explanations.map(({ id, stricter }) => `  ${explained.get(id) ?? 0} ${stricter}: ${id}`);
    console.log(
      [`openssl verify: ${trustedByBoth} trusted by both, ${refusedByBoth} refused by both`, ...counts].join(
        '\n',
      ),
    );
    expect(unexplained.join('\n')).toBe('');
    expect(explanations.filter(({ id }) => !explained.has(id)).map(({ id }) => id)).toEqual([]);
  });
});
