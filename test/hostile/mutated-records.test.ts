import { beforeAll, describe, expect, it } from 'vitest';
import { concatBytes, equalBytes } from '../../src/base/bytes.ts';
import { contentTypes } from '../../src/wire/names.ts';
import { Accidents, runsOf, seedOf, timeout } from './support/accidents.ts';
import type { Endpoint } from './support/endpoint.ts';
import { mutate, Random } from './support/mutations.ts';
import { type Rehearsal, sides } from './support/rehearsal.ts';
import { rehearsals, type ScenarioName, scenarioNames } from './support/scenarios.ts';

let all: Readonly<Record<ScenarioName, Rehearsal>>;

beforeAll(async () => {
  all = await rehearsals();
});

const accidents = new Accidents();

describe.each(scenarioNames)('%s: what goes over the wire, mutated', (name) => {
  const runs = runsOf(name);
  it.each(sides)(
    `on the way from the %s, ${runs} times: an alert or a wait, and nothing that nobody sent`,
    (side) => {
      const { wire, records } = all[name][side];
      const lastOfHandshake = records.findIndex((record) => record.endsHandshake);
      const honest = dataOf(all[name].hear(side, wire));
      const random = new Random(seedOf(name, side) + 1);
      for (let run = 0; run < runs; run++) {
        const target = random.below(wire.length);
        const mutated = mutate(wire[target]!, random);
        const victim = accidents.hear(`${name} ${side} ${run}`, all[name], side, wire.with(target, mutated));
        const data = dataOf(victim);
        expect(equalBytes(data, honest.subarray(0, data.length)), `run ${run}: data`).toBe(true);
        const isHandshake = target <= lastOfHandshake && wire[target]![0] !== contentTypes.change_cipher_spec;
        if (isHandshake && !beginsWith(mutated, wire[target]!))
          expect(victim.established, `run ${run}: an altered handshake was completed`).toBe(false);
      }
    },
    timeout,
  );
});

it('brings every alert that such accidents can', () => {
  accidents.expectVerdicts(
    [
      // A close_notify that is lost does no harm to what came before.
      ...(['end', 'established', 'in the handshake', 'bad_record_mac', 'decode_error'] as const),
      ...(['illegal_parameter', 'record_overflow', 'unexpected_message'] as const),
    ],
    [
      ...(['decrypt_error', 'handshake_failure', 'missing_extension', 'no_application_protocol'] as const),
      ...(['protocol_version', 'unsupported_extension'] as const),
      // The certificates of TLS 1.2 are not encrypted.
      ...(['bad_certificate', 'unknown_ca', 'unsupported_certificate'] as const),
    ],
  );
});

/** Whether a record came as it was sent; its version is ignored where it is not protected (RFC 9846 §5.1). */
function beginsWith(mutated: Uint8Array, sent: Uint8Array): boolean {
  const withoutVersion = (record: Uint8Array): Uint8Array =>
    record[0] === contentTypes.application_data
      ? record
      : concatBytes(record.subarray(0, 1), record.subarray(3));
  return equalBytes(withoutVersion(mutated.subarray(0, sent.length)), withoutVersion(sent));
}

function dataOf(endpoint: Endpoint): Uint8Array {
  return concatBytes(...endpoint.events.flatMap((event) => (event.type === 'data' ? [event.data] : [])));
}
