import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { beforeAll, describe, expect, it } from 'vitest';
import { concatBytes } from '../../src/base/bytes.ts';
import {
  maxBufferedInput,
  maxKeyUpdatesInARow,
  maxMessageSizes,
  maxUserCanceled,
} from '../../src/base/limits.ts';
import { createServerConfig } from '../../src/connection/config.ts';
import { TlsConnection } from '../../src/connection/tls-connection.ts';
import { contentTypes } from '../../src/wire/names.ts';
import { alertForLength } from '../support/messages.ts';
import type { Unit } from '../support/plain-records.ts';
import { handshake, type Rehearsal, sides } from './support/rehearsal.ts';
import {
  messagesOfInterest,
  rehearsals,
  type ScenarioName,
  scenarioNames,
  tls12ScenarioNames,
} from './support/scenarios.ts';
import { nameOfMessage } from './support/structure.ts';
import { type Verdict, verdictOf } from './support/verdict.ts';

let all: Readonly<Record<ScenarioName, Rehearsal>>;

beforeAll(async () => {
  all = await rehearsals();
});

describe.each(scenarioNames)('%s: a message that announces more than its type may have', (name) => {
  it.each(sides)(
    'from the %s is refused from its header, one that announces the most is waited for',
    (side) => {
      const found: string[] = [];
      for (const { message, index } of messagesOfInterest(name, all[name][side], side)) {
        const limit = maxMessageSizes[message[0]!]!;
        for (const length of [limit, limit + 1, 2 ** 24 - 1]) {
          const header = Uint8Array.of(message[0]!, length >> 16, (length >> 8) & 0xff, length & 0xff);
          const victim = all[name].tamper(side, index, [handshake(header)], 'falls silent');
          const verdict = verdictOf(victim);
          const waits = victim.established ? 'established' : 'in the handshake';
          const expected = length > limit ? alertForLength(message[0]!) : waits;
          if (verdict !== expected) found.push(`${nameOfMessage(message)} of ${length} bytes: ${verdict}`);
        }
      }
      expect(found).toEqual([]);
    },
  );
});

describe.each(sides.flatMap((side) => (['full', 'tls12'] as const).map((name) => ({ side, name }))))(
  'a record of the $side that announces too much: record_overflow, from its header ($name)',
  ({ side, name }) => {
    it.each([
      ['handshake', 22],
      ['alert', 21],
      ['change_cipher_spec', 20],
      ['application_data', 23],
    ])('%s', (_, type) => {
      const found: string[] = [];
      const expected: string[] = [];
      const { wire, records } = all[name][side];
      for (let count = 0; count < wire.length; count++) {
        // In TLS 1.2 records of every type are protected, behind change_cipher_spec.
        const isProtected = name === 'tls12' && records[count]!.isProtected;
        const most = isProtected || type === 23 ? 2 ** 14 + 256 : 2 ** 14;
        for (const length of [most, most + 1, 0xffff]) {
          const header = Uint8Array.of(type, 3, 3, length >> 8, length & 0xff);
          const victim = all[name].hear(side, [...wire.slice(0, count), header]);
          const verdict = verdictOf(victim);
          const waits =
            victim.events.at(-1)?.type === 'end'
              ? 'end'
              : victim.established
                ? 'established'
                : 'in the handshake';
          found.push(`behind ${count} records, ${length}: ${verdict}`);
          expected.push(`behind ${count} records, ${length}: ${length > most ? 'record_overflow' : waits}`);
        }
      }
      expect(found).toEqual(expected);
    });
  },
);

describe.each(tls12ScenarioNames)('%s: a protected record', (name) => {
  it.each(sides)('of the %s holds 2^14 bytes, and no more: record_overflow', (side) => {
    const { records, keys, wire } = all[name][side];
    const place = records.findIndex(({ units: [unit] }) => unit?.type === 'application_data');
    for (const [length, verdict] of [
      [2 ** 14, 'established'],
      [2 ** 14 + 1, 'record_overflow'],
      [2 ** 14 + 200, 'record_overflow'],
    ] as const) {
      const walk = keys.walk();
      for (const { units, isProtected } of records.slice(0, place))
        if (isProtected)
          walk.seal(contentTypes.handshake, concatBytes(...units.map(({ content }) => content)), 0);
      const sealed = walk.seal(contentTypes.application_data, new Uint8Array(length), 0);
      const victim = all[name].hear(side, [...wire.slice(0, place), sealed]);
      expect(verdictOf(victim), `${length} bytes`).toBe(verdict);
    }
  });
});

const warning: Unit = { type: 'alert', content: Uint8Array.of(1, 90) };

describe.each(tls12ScenarioNames)('%s: what means nothing, again and again', (name) => {
  const helloRequest = handshake(Uint8Array.of(0, 0, 0, 0));

  it.each([
    ['HelloRequest', helloRequest, maxKeyUpdatesInARow, 'unexpected_message'],
    [
      'HelloRequest in a record each',
      { ...helloRequest, alone: true },
      maxKeyUpdatesInARow,
      'unexpected_message',
    ],
    ['warning', warning, maxUserCanceled, 'decode_error'],
  ] as const)('%s: so many, and no more', (_, unit, most, alert) => {
    const { messages } = all[name].server;
    for (const index of messages.keys()) {
      const flood = (count: number): Verdict =>
        verdictOf(
          all[name].tamper('server', index, [...Array<Unit>(count).fill(unit), handshake(messages[index]!)]),
        );
      expect(flood(most), nameOfMessage(messages[index]!)).toBe('end');
      expect(flood(most + 1), nameOfMessage(messages[index]!)).toBe(alert);
    }
  });
});

describe.each(tls12ScenarioNames)('%s: behind the handshake', (name) => {
  it.each(sides)('warnings of the %s with empty records between them are so many in a row, too', (side) => {
    const empty: Unit = { type: 'application_data', content: new Uint8Array(0) };
    const { messages } = all[name][side];
    const last = messages.length - 1;
    const flood = (count: number): Verdict => {
      const units = Array.from({ length: count }, () => [warning, empty]).flat();
      return verdictOf(all[name].tamper(side, last, [handshake(messages[last]!), ...units]));
    };
    expect(flood(maxUserCanceled)).toBe('end');
    expect(flood(maxUserCanceled + 1)).toBe('decode_error');
  });
});

describe('memory', () => {
  it.each(sides)('a hello from the %s in records of one byte costs no more than its bytes, twice', (side) => {
    const type = side === 'client' ? 1 : 2;
    const limit = maxMessageSizes[type]!;
    const victim = all.full.victimOf(side);
    const before = memoryInUse();
    victim.connection.receive(
      Uint8Array.of(22, 3, 3, 0, 4, type, limit >> 16, (limit >> 8) & 0xff, limit & 0xff),
    );
    const record = Uint8Array.of(22, 3, 3, 0, 1, 0);
    for (let received = 0; received < limit - 1; received++) {
      victim.connection.receive(record.slice());
      if (victim.connection.next()) throw new Error('something happened before the message was there');
    }
    // What the machine that runs this learns meanwhile takes some too; an object for each byte would take 10 MB.
    expect(memoryInUse() - before).toBeLessThan(2 * limit + 1_000_000);
    expect(verdictOf(victim)).toBe('in the handshake');
    victim.receive(record);
    expect(verdictOf(victim)).not.toBe('in the handshake');
  });

  it.each(['full', 'tls12'] as const)(
    'what comes while a question is open is asked for up to 64 KiB, and no further (%s)',
    (name) => {
      const { scenario, client } = all[name];
      const never = new Promise<never>(() => {});
      const server = TlsConnection.server(createServerConfig({ ...scenario.server, identity: () => never }));
      server.receive(client.wire[0]!);
      expect(server.next()?.type).toBe('question');
      const junk = new Uint8Array(1000).fill(0xff);
      let received = 0;
      for (; server.wantsInput && received < 2 * maxBufferedInput; received += junk.length) {
        server.receive(junk);
        expect(server.next()).toBeUndefined();
      }
      expect(received).toBeGreaterThanOrEqual(maxBufferedInput);
      expect(received).toBeLessThan(maxBufferedInput + junk.length);
      expect(server.takeOutput()).toHaveLength(0);
    },
  );
});

/** Bytes in use on the heap and in arrays, after what nobody needs any more is gone. */
function memoryInUse(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
