import { expect, it } from 'vitest';
import type { WycheproofCase, WycheproofFile } from '../support/wycheproof.ts';
import { table } from './table.ts';
import { discrepancies, leftOut, type Suite, tally } from './tally.ts';

const suite: Suite = {
  name: 'sums',
  algorithm: 'SUM',
  groupType: 'SumTest',
  flags: ['Normal', 'Odd'],
  acceptable: { Round: 'accept', Rough: 'refuse' },
  whyNotRun: ({ size }) => (size === 'huge' ? 'too large' : undefined),
  whyRefused: ({ size }) => (size === 'small' ? 'too small' : undefined),
  open: () => (vector) => {
    if (vector['answer'] === 'broken') throw new Error('broken');
    return vector['answer'] === 'yes';
  },
};

const yes = { answer: 'yes' };
const valid = vector(1, 'valid', ['Normal'], yes);

it('counts each vector as what became of it, with the reasons', () => {
  const one = tally(
    file(7, [
      {
        tests: [
          valid,
          vector(2, 'invalid', ['Odd']),
          vector(3, 'acceptable', ['Round', 'Odd'], yes),
          vector(4, 'acceptable', ['Round', 'Rough']),
        ],
      },
      { size: 'small', tests: [vector(5, 'valid', [])] },
      { size: 'huge', tests: [vector(6, 'valid', []), vector(7, 'invalid', [])] },
    ]),
    suite,
  );
  const lines = table([one, leftOut('others', file(5, []), 'later')]).split('\n');
  expect(lines.slice(1)).toEqual([
    '        vectors  run  valid +  valid -  invalid -  accept. +  accept. -  not run',
    'sums          7    5        1        1          1          1          1        2',
    'others        5    0        0        0          0          0          0        5',
    'all          12    5        1        1          1          1          1        7',
    '  valid -  1 of sums: too small',
    '  accept. +  1 of sums: Round',
    '  accept. -  1 of sums: Rough',
    '  not run  2 of sums: too large',
    '  not run  5 of others: later',
  ]);
});

it.each<[string, WycheproofFile, RegExp]>([
  ['a valid vector that is refused', ofOne(vector(1, 'valid', [])), /test 1 \(valid\) was refused/],
  [
    'an invalid one that is accepted',
    ofOne(vector(1, 'invalid', ['Odd'], yes)),
    /\(invalid, Odd\) was accepted/,
  ],
  ['an acceptable one that is refused', ofOne(vector(1, 'acceptable', ['Round'])), /was refused/],
  [
    'an acceptable one that is accepted',
    ofOne(vector(1, 'acceptable', ['Round', 'Rough'], yes)),
    /was accepted/,
  ],
  ['one that breaks', ofOne(vector(1, 'invalid', [], { answer: 'broken' })), /test 1 .* Error: broken/],
  [
    'a valid one that TLS does not have and that is accepted',
    file(1, [{ size: 'small', tests: [valid] }]),
    /1 \(valid, Normal\) was accepted/,
  ],
  ['a vector that is not there', file(2, [{ tests: [valid] }]), /1 counted, 1 seen, of 2/],
  ['one that is there twice instead', file(2, [{ tests: [valid, valid] }]), /2 counted, 1 seen, of 2/],
  ['one too many', file(1, [{ tests: [valid, { ...valid, tcId: 2 }] }]), /2 counted, 2 seen, of 1/],
  [
    'an acceptable one that no flag decides about',
    ofOne(vector(1, 'acceptable', ['Normal'])),
    /nothing decides about test 1/,
  ],
  ['a flag that is not known', ofOne(vector(1, 'valid', ['Normal', 'New'], yes)), /unknown flag, New/],
  [
    'such a flag of one that is not run',
    file(1, [{ size: 'huge', tests: [vector(1, 'valid', ['New'])] }]),
    /unknown flag, New/,
  ],
  [
    'a flag named like what every object has',
    ofOne(vector(1, 'acceptable', ['constructor'])),
    /unknown flag, constructor/,
  ],
  [
    'a result that is not known',
    ofOne({ ...valid, result: 'perhaps' as 'valid' }),
    /unknown result, perhaps/,
  ],
  [
    'a kind of group that is not known',
    file(1, [{ type: 'ProductTest', tests: [valid] }]),
    /type ProductTest/,
  ],
  ['another algorithm', { ...ofOne(valid), algorithm: 'PRODUCT' }, /algorithm PRODUCT/],
])('refuses to count %s', (_what, vectors, message) => {
  expect(() => tally(vectors, suite)).toThrow(message);
});

it('tells which files nobody runs, which are missing and which are run twice', () => {
  const outOfScope = new Map([['later', 'reason']]);
  expect(discrepancies(['later', 'sums'], [suite], outOfScope)).toEqual([]);
  expect(discrepancies(['new', 'sums'], [suite, suite], outOfScope)).toEqual([
    'nothing runs new',
    'there is no later',
    'sums is there twice',
  ]);
});

function vector(
  tcId: number,
  result: WycheproofCase['result'],
  flags: readonly string[],
  fields: Record<string, string> = {},
): WycheproofCase {
  return { tcId, comment: '', flags, result, ...fields };
}

function file(
  numberOfTests: number,
  groups: readonly { readonly type?: string; readonly size?: string; readonly tests: WycheproofCase[] }[],
): WycheproofFile {
  return {
    algorithm: 'SUM',
    numberOfTests,
    testGroups: groups.map((group) => ({ type: 'SumTest', ...group })),
  };
}

function ofOne(one: WycheproofCase): WycheproofFile {
  return file(1, [{ tests: [one] }]);
}
