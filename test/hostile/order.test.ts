import { beforeAll, describe, expect, it } from 'vitest';
import type { ProtocolVersion } from '../../src/wire/names.ts';
import { handshake, type Rehearsal, type Script, sides } from './support/rehearsal.ts';
import {
  rehearsals,
  type ScenarioName,
  scenarioNames,
  tls12ScenarioNames,
  versionOf,
} from './support/scenarios.ts';
import { nameOfMessage } from './support/structure.ts';
import { type Verdict, verdictOf } from './support/verdict.ts';

let all: Readonly<Record<ScenarioName, Rehearsal>>;

beforeAll(async () => {
  all = await rehearsals();
});

describe.each(scenarioNames)('%s: every message', (name) => {
  it.each(sides)('of the %s, left out', (side) => {
    const found: string[] = [];
    const expected: string[] = [];
    for (const [index, message] of all[name][side].messages.entries()) {
      const label = `${nameOfMessage(message)}: `;
      found.push(label + verdictOf(all[name].tamper(side, index, [])));
      expected.push(label + (whereLeftOut[versionOf(name)][nameOfMessage(message)] ?? 'unexpected_message'));
    }
    expect(found).toEqual(expected);
  });

  it.each(sides)('of the %s, twice', (side) => {
    const found: string[] = [];
    const expected: string[] = [];
    for (const [index, message] of all[name][side].messages.entries()) {
      for (const alone of [false, true]) {
        const copy = { ...handshake(message), alone };
        const label = `${nameOfMessage(message)}, ${alone ? 'in a record each' : 'in one record'}: `;
        found.push(label + verdictOf(all[name].tamper(side, index, [copy, copy])));
        expected.push(
          label +
            ((alone ? whereTwice : whereTwiceInOneRecord)(name, message, index) ?? 'unexpected_message'),
        );
      }
    }
    expect(found).toEqual(expected);
  });

  it.each(sides)('of the %s, changing places with the next in its record: unexpected_message', (side) => {
    const script = all[name][side];
    for (const first of pairsInOneRecord(script)) {
      const [one, other] = [script.messages[first]!, script.messages[first + 1]!];
      const wire = script.altered((unit, index) => {
        if (unit.type !== 'handshake' || index < first || index > first + 1) return [unit];
        return [handshake(index === first ? other : one)];
      });
      expect(verdictOf(all[name].hear(side, wire)), nameOfMessage(one)).toBe('unexpected_message');
    }
  });
});

describe.each(scenarioNames)('%s: between any two messages', (name) => {
  it.each(sides)('of the %s, each type of message that is not due: unexpected_message', (side) => {
    const samples = sampleMessages(all, name);
    const found: string[] = [];
    for (const [index, message] of all[name][side].messages.entries()) {
      const due = (versionOf(name) === 'TLSv1.2' ? tls12TypesDue : typesDue)(all[name][side], index, side);
      for (const [type, sample] of samples) {
        if (due.includes(type)) continue;
        const victim = all[name].tamper(side, index, [
          { ...handshake(sample), alone: true },
          handshake(message),
        ]);
        const verdict = verdictOf(victim);
        if (verdict !== 'unexpected_message')
          found.push(`${type} ahead of ${nameOfMessage(message)}: ${verdict}`);
      }
    }
    expect(found).toEqual([]);
  });
});

describe.each(tls12ScenarioNames)('%s: behind the handshake', (name) => {
  it.each(sides)(
    'of the %s, each type of message: unexpected_message, but for a wish to renegotiate',
    (side) => {
      const found: string[] = [];
      for (const [type, sample] of sampleMessages(all, name)) {
        const { messages } = all[name][side];
        const last = handshake(messages.at(-1)!);
        const verdict = verdictOf(
          all[name].tamper(side, messages.length - 1, [last, { ...handshake(sample), alone: true }]),
        );
        const isPassedOver = type === (side === 'server' ? 0 : 1);
        if (verdict !== (isPassedOver ? 'end' : 'unexpected_message')) found.push(`${type}: ${verdict}`);
      }
      expect(found).toEqual([]);
    },
  );
});

/** What stands behind the message, and cannot be there without it, tells. */
const whereLeftOut: Readonly<Record<ProtocolVersion, Readonly<Record<string, Verdict>>>> = {
  'TLSv1.3': {
    // The ServerHello that comes has a key share of the group that was to be asked for.
    HelloRetryRequest: 'illegal_parameter',
    // It need not be there: only the transcript tells.
    CertificateRequest: 'decrypt_error',
    // Next come records under the application keys.
    Finished: 'bad_record_mac',
    NewSessionTicket: 'end',
    // Nobody updates keys then.
    KeyUpdate: 'end',
  },
  'TLSv1.2': {
    // Neither need be there: of other transcripts come other master secrets (RFC 7627 §4).
    CertificateStatus: 'bad_record_mac',
    CertificateRequest: 'bad_record_mac',
  },
};

function whereTwiceInOneRecord(name: ScenarioName, [type]: Uint8Array): Verdict | undefined {
  return type === 4 && versionOf(name) === 'TLSv1.3' ? 'end' : undefined;
}

function whereTwice(name: ScenarioName, [type]: Uint8Array, index: number): Verdict | undefined {
  if (versionOf(name) === 'TLSv1.2') return undefined;
  // A first ClientHello is no second one: it lacks the key share that was asked for.
  if (name === 'retry' && type === 1 && index === 0) return 'illegal_parameter';
  // Behind Finished the receiver has other keys, who sends it again has not.
  if (type === 20) return 'bad_record_mac';
  return type === 4 || type === 24 ? 'end' : undefined;
}

/** The types that may come where the side sends this message. */
function typesDue(script: Script, index: number, side: 'client' | 'server'): readonly number[] {
  const type = script.messages[index]![0]!;
  const isLater = script.messages.slice(0, index).some((message) => message[0] === 20);
  if (isLater) return side === 'server' ? [4, 24] : [24];
  // Whoever takes it compressed takes it plain too.
  if (type === 25) return [11, 25];
  const follows = script.messages[index - 1]?.[0];
  return side === 'server' && type === 11 && follows === 8 ? [11, 13] : [type];
}

/** The same in TLS 1.2, in which nothing comes behind Finished. */
function tls12TypesDue(script: Script, index: number, side: 'client' | 'server'): readonly number[] {
  const type = script.messages[index]![0]!;
  if (side === 'client') return [type];
  const hasStatus = script.messages.some((message) => message[0] === 22);
  const follows = script.messages[index - 1]?.[0];
  const optional = { 11: hasStatus ? [22, 12] : [12], 12: [13, 14] }[follows ?? 0] ?? [];
  // A HelloRequest may come at any time, and means nothing (RFC 5246 §7.4.1.1).
  return [0, type, ...optional];
}

/** The first of each two messages that share a record. */
function pairsInOneRecord(script: Script): number[] {
  const first: number[] = [];
  let index = 0;
  for (const { units } of script.records) {
    const count = units.filter((unit) => unit.type === 'handshake').length;
    for (let i = 0; i < count - 1; i++) first.push(index + i);
    index += count;
  }
  return first;
}

/** A well-formed message of every type that there is or was, and of one that there is not. */
function sampleMessages(
  of: Readonly<Record<ScenarioName, Rehearsal>>,
  name: ScenarioName,
): ReadonlyMap<number, Uint8Array> {
  const samples = new Map<number, Uint8Array>();
  // HelloRequest, EndOfEarlyData, ServerKeyExchange, ServerHelloDone, CertificateStatus, message_hash, unknown.
  for (const type of [0, 5, 12, 14, 22, 77]) samples.set(type, Uint8Array.of(type, 0, 0, 0));
  samples.set(254, Uint8Array.of(254, 0, 0, 32, ...new Uint8Array(32)));
  const last = versionOf(name) === 'TLSv1.2' ? [of.tls12ClientAuthentication] : [];
  for (const { client, server } of [of.compressed, of.clientAuthentication, ...last]) {
    for (const message of [...client.messages, ...server.messages]) samples.set(message[0]!, message);
  }
  return samples;
}
