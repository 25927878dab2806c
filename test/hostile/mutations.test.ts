import { beforeAll, describe, expect, it } from 'vitest';
import { concatBytes, equalBytes } from '../../src/base/bytes.ts';
import type { Endpoint } from './support/endpoint.ts';
import { mutate, Random } from './support/mutations.ts';
import { type Rehearsal, type Side, sides } from './support/rehearsal.ts';
import { rehearsals, type ScenarioName, scenarioNames } from './support/scenarios.ts';
import { type Verdict, verdictOf } from './support/verdict.ts';

/** For each side of each scenario, and each of the two layers: 10 000 together. */
const runs = 625;

let all: Readonly<Record<ScenarioName, Rehearsal>>;

beforeAll(async () => {
  all = await rehearsals();
});

const found = new Map<Verdict, number>();

describe.each(scenarioNames)('%s: flights that were mutated', (name) => {
  it.each(sides)(`by the %s before it encrypts, ${runs} times`, (side) => {
    const isHandshake = handshakeUnits(all[name], side);
    const random = new Random(seedOf(name, side));
    for (let run = 0; run < runs; run++) {
      const target = random.below(isHandshake.length);
      let number = -1;
      let isSame = false;
      const wire = all[name][side].altered((unit) => {
        number += 1;
        if (number !== target) return [unit];
        const content = mutate(unit.content, random);
        isSame = equalBytes(content, unit.content);
        return [{ ...unit, content }];
      });
      const victim = judge(`${name} ${side} ${run}`, all[name], side, wire);
      if (isHandshake[target] && !isSame && victim.established)
        throw new Error(`${name} ${side} ${run}: an altered handshake was completed`);
    }
  });

  it.each(sides)(`on the way from the %s, ${runs} times`, (side) => {
    const { wire } = all[name][side];
    const honest = dataOf(all[name].hear(side, wire));
    const random = new Random(seedOf(name, side) + 1);
    for (let run = 0; run < runs; run++) {
      const target = random.below(wire.length);
      const mutated = wire.map((record, index) => (index === target ? mutate(record, random) : record));
      const victim = judge(`${name} ${side} ${run}`, all[name], side, mutated);
      const data = dataOf(victim);
      if (!equalBytes(data, honest.subarray(0, data.length)))
        throw new Error(`${name} ${side} ${run}: data came that nobody sent`);
    }
  });
});

it('brings every kind of alert that such accidents can', () => {
  const missing = [...expectedVerdicts].filter((verdict) => !found.has(verdict));
  expect(missing).toEqual([]);
  // Those that were received are whatever an accident makes of an alert.
  const others = [...found.keys()].filter((verdict) => !expectedVerdicts.has(verdict));
  expect(others.filter((verdict) => !verdict.startsWith('received '))).toEqual([]);
});

/** `end` is where the accident did no harm: in data, in a ticket, in the version of a record. */
const expectedVerdicts: ReadonlySet<Verdict> = new Set<Verdict>([
  'end',
  'established',
  'in the handshake',
  'bad_certificate',
  'bad_record_mac',
  'decode_error',
  'decrypt_error',
  'illegal_parameter',
  'missing_extension',
  'no_application_protocol',
  'protocol_version',
  'record_overflow',
  'unexpected_message',
  'unknown_ca',
  'unsupported_certificate',
  'unsupported_extension',
]);

/** Lets the other side hear these bytes, and holds it to the rules. */
function judge(label: string, rehearsal: Rehearsal, side: Side, wire: readonly Uint8Array[]): Endpoint {
  try {
    const victim = rehearsal.hear(side, wire);
    const verdict = verdictOf(victim, true);
    found.set(verdict, (found.get(verdict) ?? 0) + 1);
    if (verdict === 'in the handshake' || verdict === 'established') {
      victim.receiveEnd();
      expect(verdictOf(victim)).toBe('truncated');
    }
    return victim;
  } catch (error) {
    throw new Error(`${label}: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
}

/** For each unit whether it is a message of the handshake, up to Finished. */
function handshakeUnits(rehearsal: Rehearsal, side: Side): readonly boolean[] {
  let isOver = false;
  return rehearsal[side].records.flatMap(({ units, endsHandshake }) => {
    const result = units.map(({ type }) => type === 'handshake' && !isOver);
    isOver ||= endsHandshake;
    return result;
  });
}

function dataOf(endpoint: Endpoint): Uint8Array {
  return concatBytes(...endpoint.events.flatMap((event) => (event.type === 'data' ? [event.data] : [])));
}

function seedOf(name: ScenarioName, side: Side): number {
  return 1000 * scenarioNames.indexOf(name) + (side === 'client' ? 100 : 200);
}
