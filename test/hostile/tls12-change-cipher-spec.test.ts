import { beforeAll, describe, expect, it } from 'vitest';
import { concatBytes } from '../../src/base/bytes.ts';
import type { Unit } from '../support/plain-records.ts';
import { handshake, type Rehearsal, sides } from './support/rehearsal.ts';
import { rehearsals, type ScenarioName, tls12ScenarioNames } from './support/scenarios.ts';
import { type Verdict, verdictOf } from './support/verdict.ts';

/*
 * The change_cipher_spec of TLS 1.2 stands in no transcript: only its place says that what follows is protected
 * (RFC 5246 §7.1). What comes ahead of every message, and in the midst of it, is in interruptions.test.ts.
 */

let all: Readonly<Record<ScenarioName, Rehearsal>>;

beforeAll(async () => {
  all = await rehearsals();
});

const changeCipherSpec: Unit = { type: 'change_cipher_spec', content: Uint8Array.of(1), plaintext: true };

describe.each(tls12ScenarioNames)('%s', (name) => {
  describe.each(sides)('the change_cipher_spec of the %s', (side) => {
    /** What becomes of the other side when other units stand in place of this one, and of the Finished behind it. */
    const instead = (units: readonly Unit[], finished?: readonly Unit[]): Verdict => {
      const last = all[name][side].messages.length - 1;
      const wire = all[name][side].altered((unit, index) => {
        if (unit.type === 'change_cipher_spec') return units;
        return (unit.type === 'handshake' && index === last && finished) || [unit];
      });
      return verdictOf(all[name].hear(side, wire));
    };
    const finishedInTheClear = (): Unit => ({
      ...handshake(all[name][side].messages.at(-1)!),
      alone: true,
      plaintext: true,
    });

    it('may come as it is', () => {
      expect(instead([changeCipherSpec])).toBe('end');
    });

    it('left out: what follows is no message', () => {
      expect(instead([])).toBe('unexpected_message');
    });

    it('twice, or many times', () => {
      expect(instead([changeCipherSpec, changeCipherSpec])).toBe('unexpected_message');
      expect(instead(Array<Unit>(40).fill(changeCipherSpec))).toBe('unexpected_message');
    });

    it('of other content', () => {
      for (const content of [[], [0], [2], [255], [1, 1], [1, 0], [0, 1]]) {
        const other = { ...changeCipherSpec, content: Uint8Array.from(content) };
        expect(instead([other]), `${content}`).toBe('illegal_parameter');
      }
    });

    it('behind a Finished that is not protected', () => {
      expect(instead([finishedInTheClear(), changeCipherSpec])).toBe('unexpected_message');
      expect(instead([finishedInTheClear(), changeCipherSpec], [])).toBe('unexpected_message');
    });

    it('and a Finished behind it that is not protected', () => {
      expect(instead([changeCipherSpec, finishedInTheClear()])).toBe('bad_record_mac');
    });

    it('that would have a message span the change of keys', () => {
      const finished = all[name][side].messages.at(-1)!;
      for (const length of [1, 3, 4, 10]) {
        const head = { ...handshake(finished.subarray(0, length)), alone: true };
        const rest = handshake(finished.subarray(length));
        expect(instead([head, changeCipherSpec], [rest]), `${length} bytes`).toBe('unexpected_message');
      }
    });

    it('in one record with the message ahead of it', () => {
      const { records } = all[name][side];
      const place = records.findIndex(({ units: [unit] }) => unit?.type === 'change_cipher_spec');
      const wire = [...all[name][side].wire];
      const [ahead, own] = [wire[place - 1]!, wire[place]!];
      const content = concatBytes(ahead.subarray(5), own.subarray(5));
      const joined = concatBytes(
        ahead.subarray(0, 3),
        Uint8Array.of(content.length >> 8, content.length),
        content,
      );
      wire.splice(place - 1, 2, joined);
      expect(verdictOf(all[name].hear(side, wire))).toBe('unexpected_message');
    });

    it('too early, and everything behind it protected: nothing is opened with keys that are not there yet', () => {
      const { records, keys } = all[name][side];
      const place = records.findIndex(({ units: [unit] }) => unit?.type === 'change_cipher_spec');
      for (let early = 0; early < place; early++) {
        const walk = keys.walk();
        const wire = records.toSpliced(place, 1).flatMap(({ units }, index) => {
          const types = { handshake: 22, application_data: 23, alert: 21, change_cipher_spec: 20 };
          const sealed = units.map(({ type, content }) => walk.seal(types[type], content, 0));
          const plain = all[name][side].wire[index]!;
          if (index < early) return [plain];
          return index === early ? [Uint8Array.of(20, 3, 3, 0, 1, 1), ...sealed] : sealed;
        });
        expect(verdictOf(all[name].hear(side, wire)), `ahead of record ${early}`).toBe('unexpected_message');
      }
    });
  });
});
