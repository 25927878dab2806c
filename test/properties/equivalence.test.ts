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

describe('equivalence with TLS 1.2, of programs that write nothing to who has ended', () => {
  const version = 'TLSv1.2';

  test('over every pair of the kit', { timeout: timeLimit }, async () => {
    const options = { scripts: shortScripts, transports, runs: 12, seed: 2, version } as const;
    expect(await checkEquivalence(library, options)).toBeGreaterThan(5);
  });

  test('with more data than a stream reads ahead, over lockstep and TCP', {
    timeout: timeLimit,
  }, async () => {
    const some = [lockstep, ...tcpModels];
    const tried = await checkEquivalence(library, { scripts, transports: some, runs: 12, seed: 3, version });
    expect(tried).toBeGreaterThan(5);
  });

  test('with a peer that does not drain', { timeout: timeLimit }, async () => {
    expect(await checkForeignPeer(library, { runs: 60, seed: 4, version })).toBeGreaterThan(15);
  });

  test('with a closing server that holds at the byte bound', async () => {
    await checkHeldDrain(library, { runs: 10, seed: 5, version });
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
