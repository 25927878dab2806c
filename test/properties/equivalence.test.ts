import { describe, expect, test } from 'vitest';
import { checkEquivalence } from './laws/equivalence.ts';
import { checkForeignPeer } from './laws/foreign-peer.ts';
import { checkHeldDrain } from './laws/held-drain.ts';
import { timeLimit } from './support/budget.ts';
import { lockstep, tcpModels, transports } from './support/ends.ts';
import { library } from './support/library.ts';
import { scripts, shortScripts } from './support/script.ts';

describe('equivalence: what two programs come to without TLS and without a buffer, they come to with TLS', () => {
  test('over every pair of the kit', { timeout: timeLimit }, async () => {
    const tried = await checkEquivalence(library, { scripts: shortScripts, transports, runs: 40, seed: 2 });
    expect(tried).toBeGreaterThan(20);
  });

  test('with more data than a stream reads ahead, over lockstep and TCP', {
    timeout: timeLimit,
  }, async () => {
    const some = [lockstep, ...tcpModels];
    const tried = await checkEquivalence(library, { scripts, transports: some, runs: 40, seed: 3 });
    expect(tried).toBeGreaterThan(20);
  });
});

describe('reset: a peer that does not drain', () => {
  test('does no more harm than to plain TCP that says a byte at each end', {
    timeout: timeLimit,
  }, async () => {
    const tried = await checkForeignPeer(library, { runs: 200, seed: 4 });
    expect(tried).toBeGreaterThan(60);
  });

  test('costs no answer: at the byte bound a closing server holds, it does not close', async () => {
    await checkHeldDrain(library, { runs: 40, seed: 5 });
  });
});
