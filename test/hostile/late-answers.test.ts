import { beforeAll, describe, expect, it } from 'vitest';
import { seedOf, timeout } from './support/accidents.ts';
import type { Endpoint } from './support/endpoint.ts';
import { mutate, Random } from './support/mutations.ts';
import { type Rehearsal, sides } from './support/rehearsal.ts';
import { rehearsals, type ScenarioName, scenarioNames } from './support/scenarios.ts';
import { verdictOf } from './support/verdict.ts';

/** Each of them twice: with answers at once, and late. */
const runs = 30;

let atOnce: Readonly<Record<ScenarioName, Rehearsal>>;
let late: Readonly<Record<ScenarioName, Rehearsal>>;

beforeAll(async () => {
  atOnce = await rehearsals();
  late = await rehearsals('late');
});

/*
 * Identities, signatures and verdicts that come only when more input, good or bad, already waits: it makes no
 * difference.
 */
describe.each(scenarioNames)('%s, with answers that come late', (name) => {
  it.each(sides)('the %s says the same', (side) => {
    expect(late[name][side].messages).toEqual(atOnce[name][side].messages);
  });

  it.each(sides)(
    `what the %s says, mutated ${runs} times, ends in the same way`,
    (side) => {
      const random = new Random(seedOf(name, side) + 2);
      const { records } = atOnce[name][side];
      const count = records.flatMap((record) => record.units).length;
      for (let run = 0; run < runs; run++) {
        const target = random.below(count);
        let number = -1;
        const wire = atOnce[name][side].altered((unit) => {
          number += 1;
          return [number === target ? { ...unit, content: mutate(unit.content, random) } : unit];
        });
        expect(fateOf(late[name].hear(side, wire)), `run ${run}`).toEqual(
          fateOf(atOnce[name].hear(side, wire)),
        );
      }
    },
    timeout,
  );
});

/** What became of it and what it said; how that lay in records may differ. */
function fateOf(victim: Endpoint): unknown {
  const { before, after } = victim.said();
  return {
    verdict: verdictOf(victim, true),
    events: victim.events.map(({ type }) => type),
    said: [...before, ...after],
  };
}
