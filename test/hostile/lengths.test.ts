import { beforeAll, describe, expect, it } from 'vitest';
import { contentTypes, type ProtocolVersion } from '../../src/wire/names.ts';
import { handshake, type Rehearsal, type Side, sides } from './support/rehearsal.ts';
import {
  messagesOfInterest,
  rehearsals,
  type ScenarioName,
  scenarioNames,
  versionOf,
} from './support/scenarios.ts';
import { type LengthField, nameOfMessage, structureOf, withLength } from './support/structure.ts';
import { type Verdict, verdictOf } from './support/verdict.ts';

let all: Readonly<Record<ScenarioName, Rehearsal>>;

beforeAll(async () => {
  all = await rehearsals();
});

describe.each(scenarioNames)('%s: each length field off by one', (name) => {
  it.each(sides)('in the messages of the %s', (side) => {
    const found: string[] = [];
    const expected: string[] = [];
    for (const { index, message } of messagesOfInterest(name, all[name][side], side)) {
      for (const field of structureOf(message, versionOf(name)).lengths) {
        for (const delta of [-1, 1] as const) {
          const label = `${nameOfMessage(message)} at ${field.offset}, ${field.what} ${delta}: `;
          const victim = all[name].tamper(side, index, [handshake(withLength(message, field, delta))]);
          found.push(label + verdictOf(victim));
          expected.push(label + alertFor(name, message, field, delta));
        }
      }
    }
    expect(found).toEqual(expected);
    expect(found.length).toBeGreaterThanOrEqual(minimum[name][side]);
  });
});

describe.each(scenarioNames)('%s: the length of each record off by one', (name) => {
  it.each(sides)('from the %s', (side) => {
    const { wire, records } = all[name][side];
    for (const [index, record] of wire.entries()) {
      for (const delta of [-1, 1] as const) {
        const falsified = record.slice();
        new DataView(falsified.buffer).setUint16(3, record.length - 5 + delta);
        const verdict = verdictOf(all[name].hear(side, wire.with(index, falsified)), true);
        const { isProtected } = records[index]!;
        const place = { version: versionOf(name), isProtected, isLast: index === wire.length - 1 };
        expect(verdictsForRecord(record, delta, place), `record ${index}, ${delta}`).toContain(verdict);
      }
    }
  });
});

interface RecordPlace {
  readonly version: ProtocolVersion;
  readonly isProtected: boolean;
  readonly isLast: boolean;
}

function verdictsForRecord(
  [type]: Uint8Array,
  delta: -1 | 1,
  { version, isProtected, isLast }: RecordPlace,
): readonly Verdict[] {
  if (isProtected) return delta === 1 && isLast ? ['established'] : ['bad_record_mac'];
  if (type === contentTypes.change_cipher_spec && version === 'TLSv1.2') return ['illegal_parameter'];
  // The byte that is left, or missing, makes another header of the next one: of no record, or of one that does not end.
  return delta === 1 ? ['unexpected_message'] : ['unexpected_message', 'in the handshake'];
}

/** How many falsified messages there are at least: a walk that finds fewer fields has lost some. */
const minimum: Readonly<Record<ScenarioName, Readonly<Record<Side, number>>>> = {
  full: { client: 60, server: 56 },
  retry: { client: 54, server: 22 },
  resumed: { client: 64, server: 30 },
  clientAuthentication: { client: 16, server: 14 },
  compressed: { client: 62, server: 22 },
  tls12: { client: 60, server: 40 },
  tls12Resumed: { client: 50, server: 20 },
  tls12ClientAuthentication: { client: 14, server: 14 },
};

/** What does not fill its vector, or goes beyond it, is a decode_error; only what the header says reaches further. */
function alertFor(scenario: ScenarioName, message: Uint8Array, field: LengthField, delta: -1 | 1): Verdict {
  if (field.what !== 'message') return 'decode_error';
  const name = nameOfMessage(message);
  if (delta === -1) {
    // A byte is left in the record behind a message that has to end it.
    return name === 'ClientHello' ? 'unexpected_message' : 'decode_error';
  }
  return versionOf(scenario) === 'TLSv1.2' ? alertForOneMore(scenario, name) : alertForOneMoreOfTls13(name);
}

/** The byte that is missing would have to come from the next record, which is no handshake record, */
function alertForOneMoreOfTls13(name: string): Verdict {
  const lastOfRecord = ['ClientHello', 'HelloRetryRequest', 'ServerHello', 'NewSessionTicket'];
  if (lastOfRecord.includes(name)) return 'unexpected_message';
  // or for which the sender changed its keys; of a KeyUpdate the header says enough.
  return name === 'Finished' ? 'bad_record_mac' : 'decode_error';
}

/** The same where keys change with change_cipher_spec, and where the next record may be of the same kind. */
function alertForOneMore(scenario: ScenarioName, name: string): Verdict {
  const lastOfFlight = scenario === 'tls12ClientAuthentication' ? 'CertificateVerify' : 'ClientKeyExchange';
  const isLast = ['ClientHello', 'NewSessionTicket', 'Finished', lastOfFlight].includes(name);
  return isLast ? 'unexpected_message' : 'decode_error';
}
