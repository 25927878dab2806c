import { beforeAll, describe, expect, it } from 'vitest';
import { concatBytes, equalBytes } from '../../src/base/bytes.ts';
import { type Rehearsal, type Side, sides } from './support/rehearsal.ts';
import { rehearsals, type ScenarioName, tls12ScenarioNames } from './support/scenarios.ts';
import { verdictOf } from './support/verdict.ts';

/*
 * Whoever is on the way can repeat, drop, exchange and rename the records of TLS 1.2, whose type, version and (of GCM)
 * nonce lie open: all of that is authenticated, with a sequence number that is not sent (RFC 5246 §6.2.3.3).
 */

let all: Readonly<Record<ScenarioName, Rehearsal>>;

beforeAll(async () => {
  all = await rehearsals();
});

describe.each(tls12ScenarioNames)('%s: protected records', (name) => {
  /** Numbers of the records that are protected: Finished, data, data, close_notify. */
  const places = (side: Side): readonly number[] =>
    all[name][side].records.flatMap(({ isProtected }, place) => (isProtected ? [place] : []));

  /** Expects that from record `place` on nothing more is read, and all that came before it. */
  const expectRefused = (
    side: Side,
    wire: readonly Uint8Array[],
    place: number,
    alert = 'bad_record_mac',
  ): void => {
    const victim = all[name].hear(side, wire);
    const data = (heard: typeof victim): Uint8Array =>
      concatBytes(...heard.events.flatMap((event) => (event.type === 'data' ? [event.data] : [])));
    const honest = data(all[name].hear(side, all[name][side].wire.slice(0, place)));
    expect(verdictOf(victim), `record ${place}`).toBe(alert);
    expect(equalBytes(data(victim), honest), `data ahead of record ${place}`).toBe(true);
  };

  it.each(sides)('of the %s, twice', (side) => {
    const { wire } = all[name][side];
    // Behind the last one, close_notify, nothing is read.
    for (const place of places(side).slice(0, -1))
      expectRefused(side, wire.toSpliced(place, 0, wire[place]!), place + 1);
  });

  it.each(sides)('of the %s, left out', (side) => {
    for (const place of places(side).slice(0, -1))
      expectRefused(side, all[name][side].wire.toSpliced(place, 1), place);
  });

  it.each(sides)('of the %s, changing places with the next', (side) => {
    const { wire } = all[name][side];
    for (const place of places(side).slice(0, -1))
      expectRefused(side, wire.toSpliced(place, 2, wire[place + 1]!, wire[place]!), place);
  });

  it.each(sides)('of the %s, thrown back at it', (side) => {
    const other = side === 'client' ? 'server' : 'client';
    for (const [index, place] of places(side).entries()) {
      const own = all[name][other].wire[places(other)[index]!]!;
      expectRefused(side, all[name][side].wire.with(place, own), place);
    }
  });

  it.each(sides)('of the %s, by another type or version', (side) => {
    const { wire } = all[name][side];
    for (const place of places(side)) {
      const types = [21, 22, 23].filter((type) => type !== wire[place]![0]);
      for (const type of types) expectRefused(side, wire.with(place, wire[place]!.with(0, type)), place);
      for (const minor of [0, 1, 2, 4])
        expectRefused(side, wire.with(place, wire[place]!.with(2, minor)), place);
    }
  });

  it.each(sides)('of the %s, with a bit of nonce, content or tag flipped', (side) => {
    const { wire } = all[name][side];
    for (const place of places(side)) {
      const record = wire[place]!;
      for (let at = 5; at < record.length; at += 5) {
        const flipped = record.with(at, record[at]! ^ (1 << (at % 8)));
        expectRefused(side, wire.with(place, flipped), place);
      }
    }
  });

  it.each(sides)('of the %s, cut to any length', (side) => {
    const { wire } = all[name][side];
    for (const place of places(side)) {
      const record = wire[place]!;
      for (let length = 0; length < record.length - 5; length += 3) {
        const cut = concatBytes(
          record.subarray(0, 3),
          Uint8Array.of(0, length),
          record.subarray(5, 5 + length),
        );
        expectRefused(side, wire.with(place, cut), place);
      }
    }
  });
});
