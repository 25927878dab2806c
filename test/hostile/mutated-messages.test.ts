import { beforeAll, describe, expect, it } from 'vitest';
import { equalBytes } from '../../src/base/bytes.ts';
import { Accidents, runsOf, seedOf, timeout } from './support/accidents.ts';
import { mutate, Random } from './support/mutations.ts';
import { type Rehearsal, type Side, sides } from './support/rehearsal.ts';
import { rehearsals, type ScenarioName, scenarioNames } from './support/scenarios.ts';

let all: Readonly<Record<ScenarioName, Rehearsal>>;

beforeAll(async () => {
  all = await rehearsals();
});

const accidents = new Accidents();

describe.each(scenarioNames)('%s: what a side says, mutated before it is encrypted', (name) => {
  const runs = runsOf(name);
  it.each(sides)(
    `by the %s, ${runs} times: an alert or a wait, and never a handshake that was altered`,
    (side) => {
      const isHandshake = handshakeUnits(all[name], side);
      const random = new Random(seedOf(name, side));
      for (let run = 0; run < runs; run++) {
        const target = random.below(isHandshake.length);
        let number = -1;
        let isAltered = false;
        const wire = all[name][side].altered((unit) => {
          number += 1;
          if (number !== target) return [unit];
          const content = mutate(unit.content, random);
          isAltered = !equalBytes(content, unit.content);
          return [{ ...unit, content }];
        });
        const victim = accidents.hear(`${name} ${side} ${run}`, all[name], side, wire);
        if (isHandshake[target] && isAltered) expect(victim.established, `run ${run}`).toBe(false);
      }
    },
    timeout,
  );
});

it('brings every alert that such accidents can', () => {
  accidents.expectVerdicts(
    [
      // In data, in a ticket and in alerts it does no harm.
      ...(['end', 'bad_record_mac', 'decode_error', 'decrypt_error'] as const),
      ...(['illegal_parameter', 'protocol_version', 'unexpected_message', 'unknown_ca'] as const),
    ],
    [
      ...([
        'in the handshake',
        'established',
        'bad_certificate',
        'handshake_failure',
        'missing_extension',
      ] as const),
      ...(['no_application_protocol', 'unsupported_certificate', 'unsupported_extension'] as const),
    ],
  );
});

/** For each unit whether it is a message of the handshake, up to Finished. */
function handshakeUnits(rehearsal: Rehearsal, side: Side): readonly boolean[] {
  let isOver = false;
  return rehearsal[side].records.flatMap(({ units, endsHandshake }) => {
    const result = units.map(({ type }) => type === 'handshake' && !isOver);
    isOver ||= endsHandshake;
    return result;
  });
}
