import type { WycheproofCase, WycheproofFile, WycheproofGroup } from '../support/wycheproof.ts';

/** How one file of vectors is run, and what Tacit decides where the file leaves it open. */
export interface Suite {
  /** The file's, as `wycheproof` takes it. */
  readonly name: string;
  readonly algorithm: string;
  readonly groupType: string;
  /** Flags that say what a vector tries, and leave its result as it is. */
  readonly flags: readonly string[];
  /** Flags that decide about 'acceptable' vectors; 'refuse' comes before 'accept'. */
  readonly acceptable?: Readonly<Record<string, 'accept' | 'refuse'>>;
  /** Why TLS has no such thing; undefined: the vectors of the group are run. */
  readonly whyNotRun?: (group: WycheproofGroup) => string | undefined;
  /** Why what is valid elsewhere is not valid here: such vectors are run, and must be refused. */
  readonly whyRefused?: (group: WycheproofGroup) => string | undefined;
  /**
   * @returns whether a vector of the group is accepted; it throws where the answers to one vector disagree, or where
   *   what came out is not what the vector says
   */
  readonly open: (group: WycheproofGroup) => (vector: WycheproofCase) => boolean;
}

/** What can become of a vector. */
export const outcomes = [
  'validAccepted',
  'validRefused',
  'invalidRefused',
  'acceptableAccepted',
  'acceptableRefused',
  'notRun',
] as const;
export type Outcome = (typeof outcomes)[number];

/** How many vectors of a file went which way. */
export interface Tally {
  readonly name: string;
  readonly vectors: number;
  /** By the reason, which is empty where it goes without saying. */
  readonly counts: Readonly<Record<Outcome, ReadonlyMap<string, number>>>;
}

/** What a vector has to come to, and why. */
interface Expectation {
  readonly accepted: boolean;
  readonly outcome: Outcome;
  readonly reason: string;
}

const shownFailures = 10;
const shownCharacters = 200;

/**
 * Runs a file.
 * @throws Error that names the vectors that came out otherwise than expected, and whatever is not known: an algorithm, a
 *   kind of group, a flag, a result, vectors that are missing
 */
export function tally(file: WycheproofFile, suite: Suite): Tally {
  const { name } = suite;
  if (file.algorithm !== suite.algorithm) throw new Error(`${name}: the algorithm ${file.algorithm}`);
  const counts = noCounts();
  const failures: string[] = [];
  const seen = new Set<number>();
  for (const group of file.testGroups) {
    if (group.type !== suite.groupType) throw new Error(`${name}: a group of type ${group.type}`);
    const whyNotRun = suite.whyNotRun?.(group);
    const accepts = whyNotRun === undefined ? suite.open(group) : undefined;
    for (const vector of group.tests) {
      seen.add(vector.tcId);
      const { accepted, outcome, reason } = expectationOf(vector, group, suite);
      if (accepts === undefined) {
        count(counts.notRun, whyNotRun!);
        continue;
      }
      const failure = failureOf(vector, accepts, accepted);
      if (failure === undefined) count(counts[outcome], reason);
      else failures.push(failure);
    }
  }
  if (failures.length > 0) {
    const shown = failures.slice(0, shownFailures).join('\n  ');
    throw new Error(`${name}: ${failures.length} vectors came out wrong:\n  ${shown}`);
  }
  const counted = outcomes.reduce((total, outcome) => total + sum(counts[outcome]), 0);
  // By their numbers too: a vector that stood there twice could hide one that is missing.
  if (counted !== file.numberOfTests || seen.size !== file.numberOfTests)
    throw new Error(`${name}: ${counted} counted, ${seen.size} seen, of ${file.numberOfTests}`);
  return { name, vectors: file.numberOfTests, counts };
}

/** Nothing of the file is run, for one reason. */
export function leftOut(name: string, file: WycheproofFile, reason: string): Tally {
  const counts = { ...noCounts(), notRun: new Map([[reason, file.numberOfTests]]) };
  return { name, vectors: file.numberOfTests, counts };
}

/** What the files that are there and those that are spoken for do not have in common. */
export function discrepancies(
  present: readonly string[],
  suites: readonly Suite[],
  outOfScope: ReadonlyMap<string, string>,
): readonly string[] {
  const known = [...suites.map(({ name }) => name), ...outOfScope.keys()];
  return [
    ...present.filter((name) => !known.includes(name)).map((name) => `nothing runs ${name}`),
    ...known.filter((name) => !present.includes(name)).map((name) => `there is no ${name}`),
    ...known.filter((name, index) => known.indexOf(name) !== index).map((name) => `${name} is there twice`),
  ];
}

export function sum(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((total, number) => total + number, 0);
}

function expectationOf(vector: WycheproofCase, group: WycheproofGroup, suite: Suite): Expectation {
  const { acceptable = {}, flags: known, name } = suite;
  const { result, flags, tcId } = vector;
  for (const flag of flags) {
    if (!known.includes(flag) && !Object.hasOwn(acceptable, flag))
      throw new Error(`${name}: test ${tcId} has an unknown flag, ${flag}`);
  }
  switch (result) {
    case 'valid': {
      const reason = suite.whyRefused?.(group);
      return reason === undefined
        ? { accepted: true, outcome: 'validAccepted', reason: '' }
        : { accepted: false, outcome: 'validRefused', reason };
    }
    case 'invalid':
      return { accepted: false, outcome: 'invalidRefused', reason: '' };
    case 'acceptable': {
      const deciding = Object.keys(acceptable).filter((flag) => flags.includes(flag));
      const refusing = deciding.find((flag) => acceptable[flag] === 'refuse');
      if (refusing !== undefined) return { accepted: false, outcome: 'acceptableRefused', reason: refusing };
      if (deciding.length === 0) throw new Error(`${name}: nothing decides about test ${tcId}, acceptable`);
      return { accepted: true, outcome: 'acceptableAccepted', reason: deciding.join(', ') };
    }
    default:
      throw new Error(`${name}: test ${tcId} has an unknown result, ${String(result)}`);
  }
}

function failureOf(
  vector: WycheproofCase,
  accepts: (vector: WycheproofCase) => boolean,
  expected: boolean,
): string | undefined {
  const what = `test ${vector.tcId} (${[vector.result, ...vector.flags].join(', ')})`;
  try {
    const accepted = accepts(vector);
    return accepted === expected ? undefined : `${what} was ${accepted ? 'accepted' : 'refused'}`;
  } catch (error) {
    return `${what}: ${String(error).slice(0, shownCharacters)}`;
  }
}

function noCounts(): Record<Outcome, Map<string, number>> {
  return {
    validAccepted: new Map(),
    validRefused: new Map(),
    invalidRefused: new Map(),
    acceptableAccepted: new Map(),
    acceptableRefused: new Map(),
    notRun: new Map(),
  };
}

function count(counts: Map<string, number>, reason: string): void {
  counts.set(reason, (counts.get(reason) ?? 0) + 1);
}
