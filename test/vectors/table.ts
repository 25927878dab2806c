import { type Outcome, outcomes, sum, type Tally } from './tally.ts';

const columns: Readonly<Record<Outcome, string>> = {
  validAccepted: 'valid +',
  validRefused: 'valid -',
  invalidRefused: 'invalid -',
  acceptableAccepted: 'accept. +',
  acceptableRefused: 'accept. -',
  notRun: 'not run',
};
const headings = ['vectors', 'run', ...outcomes.map((outcome) => columns[outcome])];

/** What became of the vectors: a line for each file, and below them each reason for what is out of the ordinary. */
export function table(tallies: readonly Tally[]): string {
  const rows = tallies.map((one) => ({ name: one.name, numbers: numbersOf(one) }));
  const totals = headings.map((_, column) =>
    rows.reduce((total, { numbers }) => total + numbers[column]!, 0),
  );
  rows.push({ name: 'all', numbers: totals });
  const width = Math.max(...rows.map(({ name }) => name.length));
  const reasons = tallies.flatMap(({ name, counts }) =>
    outcomes.flatMap((outcome) =>
      [...counts[outcome]]
        .filter(([reason]) => reason !== '')
        .map(([reason, number]) => `  ${columns[outcome]}  ${number} of ${name}: ${reason}`),
    ),
  );
  return [
    'Project Wycheproof: accepted (+), refused (-); "accept." are left to the implementation',
    line('', headings, width),
    ...rows.map(({ name, numbers }) => line(name, numbers.map(String), width)),
    ...reasons,
  ].join('\n');
}

function numbersOf({ vectors, counts }: Tally): readonly number[] {
  const numbers = outcomes.map((outcome) => sum(counts[outcome]));
  const run = numbers.reduce((total, number) => total + number, 0) - sum(counts.notRun);
  return [vectors, run, ...numbers];
}

function line(name: string, cells: readonly string[], width: number): string {
  const padded = cells.map((cell, column) => cell.padStart(headings[column]!.length + 2));
  return `${name.padEnd(width)}${padded.join('')}`;
}
