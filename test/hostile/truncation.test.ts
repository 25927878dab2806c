import { beforeAll, describe, expect, it } from 'vitest';
import { concatBytes } from '../../src/base/bytes.ts';
import { timeout } from './support/accidents.ts';
import { fragments, handshake, type Rehearsal, sides } from './support/rehearsal.ts';
import {
  messagesOfInterest,
  rehearsals,
  type ScenarioName,
  scenarioNames,
  versionOf,
} from './support/scenarios.ts';
import { nameOfMessage, shortened, structureOf } from './support/structure.ts';
import { type Verdict, verdictOf } from './support/verdict.ts';

let all: Readonly<Record<ScenarioName, Rehearsal>>;

beforeAll(async () => {
  all = await rehearsals();
});

describe.each(scenarioNames)('%s: messages', (name) => {
  it.each(sides)(
    'of the %s, cut at every byte, the header telling so: decode_error',
    (side) => {
      const found: string[] = [];
      const expected: string[] = [];
      for (const { index, message } of messagesOfInterest(name, all[name][side], side)) {
        for (let length = 4; length < message.length; length++) {
          const label = `${nameOfMessage(message)} of ${length} bytes: `;
          const victim = all[name].tamper(side, index, [handshake(shortened(message, length))]);
          found.push(label + verdictOf(victim));
          expected.push(label + alertForShort(name, message, length));
        }
      }
      expect(found).toEqual(expected);
      expect(found.length).toBeGreaterThan(50);
    },
    timeout,
  );

  it.each(sides)('of the %s, cut, the rest never coming: truncated', (side) => {
    for (const { index, message } of messagesOfInterest(name, all[name][side], side)) {
      for (const length of new Set([0, 1, 3, 4, 5, message.length >> 1, message.length - 1])) {
        const [piece] = fragments(message, length);
        const victim = all[name].tamper(side, index, length > 0 && piece ? [piece] : [], 'falls silent');
        const label = `${nameOfMessage(message)} of ${length} bytes`;
        expect(verdictOf(victim), label).toBe(victim.established ? 'established' : 'in the handshake');
        victim.receiveEnd();
        expect(verdictOf(victim), label).toBe('truncated');
      }
    }
  });

  it.each(sides)(
    'of the %s, one byte in each record: nothing happens before the last of a message',
    (side) => {
      const whole = all[name].hear(side, all[name][side].wire);
      const wire = all[name][side].altered((unit) =>
        unit.type === 'handshake'
          ? fragments(unit.content, ...Array<number>(unit.content.length).fill(1))
          : [unit],
      );
      const victim = all[name].hear(side, wire);
      expect(verdictOf(victim)).toBe('end');
      expect(victim.events).toEqual(whole.events);
    },
  );
});

describe.each(scenarioNames)('%s: the bytes on the wire', (name) => {
  it.each(sides)('of the %s, one at a time: the same events as at once', (side) => {
    const wire = concatBytes(...all[name][side].wire);
    const atOnce = all[name].hear(side, [wire]);
    const byByte = all[name].victimOf(side);
    for (const byte of wire) byByte.receive(Uint8Array.of(byte));
    expect(verdictOf(atOnce)).toBe('end');
    expect(byByte.events).toEqual(atOnce.events);
    expect(byByte.said()).toEqual(atOnce.said());
  });

  it.each(sides)('of the %s, cut at any byte: truncated', (side) => {
    const wire = concatBytes(...all[name][side].wire);
    // A step that meets every offset within a record sooner or later, and always the last byte.
    for (let length = wire.length - 1; length >= 0; length -= 7) {
      const victim = all[name].hear(side, [wire.subarray(0, length)]);
      expect(verdictOf(victim), `${length} bytes`).toBe(
        victim.established ? 'established' : 'in the handshake',
      );
      victim.receiveEnd();
      expect(verdictOf(victim), `${length} bytes`).toBe('truncated');
    }
  });
});

/** A hello may end ahead of its extensions: so it looked before they were invented. */
function alertForShort(name: ScenarioName, message: Uint8Array, length: number): Verdict {
  const version = versionOf(name);
  const [block] = structureOf(message, version).blocks;
  if (length !== block?.offset) return 'decode_error';
  // Without signature_algorithms only SHA-1 is left (RFC 5246 §7.4.1.4.1), without renegotiation_info the peer is unsafe.
  if (version === 'TLSv1.2') return 'handshake_failure';
  if (nameOfMessage(message) === 'HelloRetryRequest') return 'missing_extension';
  // Behind a HelloRetryRequest the version has to stay what it was (RFC 9846 §4.2.4).
  if (message[0] === 2) return name === 'retry' ? 'illegal_parameter' : 'protocol_version';
  if (message[0] !== 1) return 'decode_error';
  return name === 'retry' ? 'missing_extension' : 'protocol_version';
}
