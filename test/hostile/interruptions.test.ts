import { beforeAll, describe, expect, it } from 'vitest';
import type { Unit } from '../support/plain-records.ts';
import { fragments, handshake, type Rehearsal, type Side, sides } from './support/rehearsal.ts';
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

/** Where in the sender's flow of records something comes. */
type Phase =
  /** Ahead of the first ClientHello: nobody knows yet that this is TLS. */
  | 'first'
  /** Ahead of ServerHello, where the client may yet learn that this is TLS 1.2. */
  | 'offered'
  /** The same of a client that speaks nothing else; by default as above. */
  | 'pinned'
  /** Without protection. */
  | 'plaintext'
  /** Under the handshake keys, as the first record. */
  | 'firstProtected'
  /** The same behind it; in TLS 1.2 behind change_cipher_spec. */
  | 'handshake'
  | 'application';

interface Interruption {
  readonly what: string;
  readonly unit: Unit;
  /** What becomes of the connection; `end` where it is passed over. */
  readonly verdict: Partial<Record<Phase, Verdict>> & { readonly otherwise: Verdict };
  /** Where that differs in TLS 1.2. */
  readonly tls12?: Partial<Record<Phase | 'otherwise', Verdict>>;
}

const alert = (...content: readonly number[]): Unit => ({ type: 'alert', content: Uint8Array.from(content) });
const changeCipherSpec = (...content: readonly number[]): Unit => ({
  type: 'change_cipher_spec',
  content: Uint8Array.from(content),
});
const data: Unit = { type: 'application_data', content: Uint8Array.of(1, 2, 3) };
const unexpected = { otherwise: 'unexpected_message' } as const;

const interruptions: readonly Interruption[] = [
  { what: 'data', unit: data, verdict: { ...unexpected, application: 'end' } },
  {
    what: 'data in the clear',
    unit: { ...data, plaintext: true },
    verdict: {
      firstProtected: 'bad_record_mac',
      handshake: 'bad_record_mac',
      application: 'bad_record_mac',
      otherwise: 'unexpected_message',
    },
  },
  {
    what: 'a protected change_cipher_spec',
    unit: changeCipherSpec(1),
    verdict: { offered: 'end', plaintext: 'end', ...unexpected },
    tls12: { pinned: 'unexpected_message', plaintext: 'unexpected_message' },
  },
  {
    what: 'a change_cipher_spec',
    unit: { ...changeCipherSpec(1), plaintext: true },
    verdict: { first: 'unexpected_message', application: 'unexpected_message', otherwise: 'end' },
    // CVE-2014-0224: keys would change that are not there yet.
    tls12: { offered: 'end', pinned: 'unexpected_message', otherwise: 'unexpected_message' },
  },
  {
    what: 'a change_cipher_spec of another value',
    unit: { ...changeCipherSpec(2), plaintext: true },
    verdict: unexpected,
    tls12: { plaintext: 'illegal_parameter' },
  },
  {
    what: 'a change_cipher_spec of two bytes',
    unit: { ...changeCipherSpec(1, 1), plaintext: true },
    verdict: unexpected,
    tls12: { plaintext: 'illegal_parameter' },
  },
  {
    what: 'an empty change_cipher_spec',
    unit: { ...changeCipherSpec(), plaintext: true },
    verdict: unexpected,
    tls12: { plaintext: 'illegal_parameter' },
  },
  { what: 'an alert', unit: alert(2, 40), verdict: { otherwise: 'received handshake_failure' } },
  {
    what: 'an alert that calls itself a warning',
    unit: alert(1, 40),
    verdict: { otherwise: 'received handshake_failure' },
    // It is one, once the version is known, or may be this (RFC 5246 §7.2).
    tls12: { first: 'received handshake_failure', otherwise: 'end' },
  },
  {
    what: 'an alert of level 3',
    unit: alert(3, 40),
    verdict: { otherwise: 'received handshake_failure' },
    tls12: {
      first: 'received handshake_failure',
      offered: 'received handshake_failure',
      otherwise: 'illegal_parameter',
    },
  },
  { what: 'an alert that nobody knows', unit: alert(2, 200), verdict: { otherwise: 'received alert_200' } },
  {
    what: 'an alert in the clear',
    unit: { ...alert(2, 40), plaintext: true },
    verdict: {
      handshake: 'unexpected_message',
      application: 'unexpected_message',
      otherwise: 'received handshake_failure',
    },
    tls12: { handshake: 'bad_record_mac', application: 'bad_record_mac' },
  },
  { what: 'half an alert', unit: alert(2), verdict: { otherwise: 'decode_error' } },
  { what: 'two alerts in a record', unit: alert(1, 90, 1, 90), verdict: { otherwise: 'decode_error' } },
  { what: 'an empty alert', unit: alert(), verdict: unexpected },
  { what: 'user_canceled', unit: alert(1, 90), verdict: { otherwise: 'end' } },
  {
    what: 'close_notify',
    unit: alert(1, 0),
    verdict: { application: 'end', otherwise: 'received close_notify' },
  },
  { what: 'an empty handshake record', unit: handshake(new Uint8Array(0)), verdict: unexpected },
  { what: 'a record of type 24', unit: { ...data, typeCode: 24 }, verdict: unexpected },
  {
    what: 'a record of type 0',
    unit: { ...data, content: new Uint8Array(0), typeCode: 0, padding: 3 },
    verdict: unexpected,
  },
];

describe.each(scenarioNames)('%s: ahead of every message', (name) => {
  it.each(sides)('of the %s, records that are no handshake message', (side) => {
    const found: string[] = [];
    const expected: string[] = [];
    for (const [index, message] of all[name][side].messages.entries()) {
      const phase = phaseOf(all[name], side, index);
      for (const interruption of interruptions) {
        const { what, unit } = interruption;
        const label = `${what} ahead of ${nameOfMessage(message)}: `;
        const victim = all[name].tamper(side, index, [{ ...unit, alone: true }, handshake(message)]);
        found.push(label + verdictOf(victim));
        expected.push(label + verdictIn(phase, interruption, name));
      }
    }
    expect(found).toEqual(expected);
  });

  it.each(sides)('of the %s, in the midst of it: unexpected_message', (side) => {
    const found: string[] = [];
    const within = [
      data,
      changeCipherSpec(1),
      { ...changeCipherSpec(1), plaintext: true },
      alert(1, 90),
      alert(2, 40),
    ];
    for (const [index, message] of all[name][side].messages.entries()) {
      for (const unit of within) {
        const [head, tail] = fragments(message, 3);
        const victim = all[name].tamper(side, index, [head!, unit, tail!]);
        const verdict = verdictOf(victim);
        if (verdict !== 'unexpected_message')
          found.push(`${nameOfMessage(message)}, ${unit.type}: ${verdict}`);
      }
    }
    expect(found).toEqual([]);
  });
});

describe.each(tls12ScenarioNames)('%s: behind the handshake', (name) => {
  it.each(sides)('of the %s, records that are no handshake message', (side) => {
    const { messages } = all[name][side];
    for (const interruption of interruptions) {
      const units = [handshake(messages.at(-1)!), { ...interruption.unit, alone: true }];
      const verdict = verdictOf(all[name].tamper(side, messages.length - 1, units));
      expect(verdict, interruption.what).toBe(verdictIn('application', interruption, name));
    }
  });
});

function verdictIn(phase: Phase, { verdict, tls12 }: Interruption, name: ScenarioName): Verdict {
  if (versionOf(name) === 'TLSv1.3') return verdict[phase] ?? verdict.otherwise;
  const table = { pinned: tls12?.offered, ...verdict, ...tls12 };
  const ofTls12 = { firstProtected: 'handshake', offered: name === 'tls12' ? 'offered' : 'pinned' } as const;
  const key = phase === 'firstProtected' || phase === 'offered' ? ofTls12[phase] : phase;
  return table[key] ?? table.otherwise ?? verdict.otherwise;
}

function phaseOf(rehearsal: Rehearsal, side: Side, index: number): Phase {
  let count = 0;
  let isFirstProtected = true;
  let isLater = false;
  for (const { units, isProtected, endsHandshake } of rehearsal[side].records) {
    for (const { type } of units) {
      if (type !== 'handshake') continue;
      if (count === index) {
        if (!isProtected && index === 0) return side === 'client' ? 'first' : 'offered';
        if (!isProtected) return 'plaintext';
        if (isLater) return 'application';
        return isFirstProtected ? 'firstProtected' : 'handshake';
      }
      count += 1;
      if (isProtected) isFirstProtected = false;
    }
    isLater ||= endsHandshake;
  }
  throw new Error('there is no such message');
}
