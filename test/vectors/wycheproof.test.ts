import { afterAll, describe, expect, it, vi } from 'vitest';
import { type WycheproofFile, wycheproof, wycheproofNames } from '../support/wycheproof.ts';
import { keyExchangeSuites } from './key-exchange.ts';
import { signatureSuites } from './signatures.ts';
import { symmetricSuites } from './symmetric.ts';
import { table } from './table.ts';
import { discrepancies, leftOut, sum, type Tally, tally } from './tally.ts';

vi.mock('node:crypto', async (importOriginal) =>
  (await import('../support/fixed-key-pairs.ts')).withFixedKeyPairs(await importOriginal()),
);

const suites = [...symmetricSuites, ...keyExchangeSuites, ...signatureSuites];
const outOfScope = new Map([['mlkem_768', 'X25519MLKEM768 comes with a later version']]);
const present = wycheproofNames();

// All in one file, so that there is one table of them all.
describe.skipIf(!present)('Project Wycheproof', () => {
  const tallies: Tally[] = [];

  afterAll(() => {
    if (tallies.length > 0) console.log(table(tallies));
  });

  it('has exactly the files that are run or said to be out of scope', () => {
    expect(discrepancies(present!, suites, outOfScope)).toEqual([]);
  });

  // P-521 alone takes 10 s where others keep the processor busy.
  it.each(suites.map((suite) => [suite.name, suite] as const))('%s', { timeout: 120_000 }, (name, suite) => {
    const one = tally(fileOf(name), suite);
    tallies.push(one);
    expect(sum(one.counts.validAccepted)).toBeGreaterThan(0);
  });

  it.each([...outOfScope])('%s is out of scope: %s', (name, reason) => {
    tallies.push(leftOut(name, fileOf(name), reason));
  });
});

function fileOf(name: string): WycheproofFile {
  const file = wycheproof(name);
  if (file === undefined) throw new Error(`there is no ${name}`);
  return file;
}
