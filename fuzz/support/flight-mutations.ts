import { concatBytes } from '../../src/base/bytes.ts';
import { contentTypes } from '../../src/wire/names.ts';
import type { Random } from '../../test/hostile/support/mutations.ts';
import { type FlightInput, readFlight, scenarioCount, writeFlight } from './flight.ts';
import { mutateMessage, randomBytes } from './message-mutations.ts';
import { actions, type Item, messagesOf, readNotation, writeNotation } from './notation.ts';

/** A flight with one change that keeps it a row of records, most of them of whole messages. */
export function mutateFlight(input: Uint8Array, random: Random, other: Uint8Array): Uint8Array {
  const flight = readFlight(input);
  if (random.below(12) === 0) return writeFlight(mutateHeader(flight, random));
  const items = readNotation(flight.notation);
  const foreign = readNotation(readFlight(other).notation);
  return writeFlight({ ...flight, notation: writeNotation(mutateItems(items, random, foreign)) });
}

function mutateHeader(flight: FlightInput, random: Random): FlightInput {
  switch (random.below(3)) {
    case 0:
      return { ...flight, scenario: random.below(scenarioCount) };
    case 1:
      return { ...flight, flags: flight.flags ^ (1 << random.below(8)) };
    default:
      return { ...flight, chunks: random.below(256) };
  }
}

function mutateItems(items: readonly Item[], random: Random, foreign: readonly Item[]): readonly Item[] {
  const at = random.below(items.length + 1);
  const item = items[at];
  const put = (...others: readonly Item[]): readonly Item[] => items.toSpliced(at, 1, ...others);
  const insert = (...others: readonly Item[]): readonly Item[] => items.toSpliced(at, 0, ...others);
  switch (random.below(10)) {
    case 0:
      return insert(usual[random.below(usual.length)]!);
    case 1: {
      const taken = foreign[random.below(Math.max(foreign.length, 1))];
      return taken ? insert(taken) : items;
    }
    case 2:
      return put();
    case 3:
      return item ? insert(item) : items;
    case 4: {
      const next = items[at + 1];
      return item && next ? items.toSpliced(at, 2, next, item) : items;
    }
    case 5:
      return item && hasContent(item) ? put(...split(item, random)) : items;
    case 6:
      return item && hasContent(item) ? put(otherwise(item, random)) : items;
    default:
      return item && hasContent(item) ? put(mutateContent(item, random, foreign)) : items;
  }
}

type Record = Extract<Item, { kind: 'record' | 'sealed' }>;

function hasContent(item: Item): item is Record {
  return item.kind === 'record' || item.kind === 'sealed';
}

function split(item: Record, random: Random): readonly Record[] {
  const at = random.below(item.content.length + 1);
  return [
    { ...item, content: item.content.subarray(0, at) },
    { ...item, content: item.content.subarray(at) },
  ];
}

/** The same content in another kind of record. */
function otherwise(item: Record, random: Random): Record {
  const types = Object.values(contentTypes);
  switch (random.below(3)) {
    case 0:
      return { ...item, type: types[random.below(types.length)]! };
    case 1:
      return item.kind === 'sealed'
        ? { kind: 'record', type: item.type, version: 0x0303, content: item.content }
        : { kind: 'sealed', type: item.type, padding: 0, content: item.content };
    default:
      return item.kind === 'sealed'
        ? { ...item, padding: random.below(256) }
        : { ...item, version: random.below(65_536) };
  }
}

/** Changes one of the messages in a record, or their order. */
function mutateContent(item: Record, random: Random, foreign: readonly Item[]): Record {
  if (item.type !== contentTypes.handshake) {
    const at = random.below(item.content.length + 1);
    const changed = concatBytes(
      item.content.subarray(0, at),
      randomBytes(random, random.below(3)),
      item.content.subarray(at + random.below(3)),
    );
    return { ...item, content: changed };
  }
  const messages = messagesOf(item.content);
  const strangers = foreign.flatMap((one) => (hasContent(one) ? messagesOf(one.content) : []));
  const other = strangers[random.below(Math.max(strangers.length, 1))] ?? new Uint8Array(0);
  const at = random.below(Math.max(messages.length, 1));
  const message = messages[at];
  if (!message) return { ...item, content: other };
  const changed = ((): readonly Uint8Array[] => {
    switch (random.below(8)) {
      case 0:
        return messages.toSpliced(at, 1);
      case 1:
        return messages.toSpliced(at, 0, message);
      case 2:
        return messages.toSpliced(at, 0, other);
      case 3:
        return messages.toSpliced(at, 2, ...messages.slice(at, at + 2).reverse());
      default:
        return messages.toSpliced(at, 1, mutateMessage(message, random, other));
    }
  })();
  return { ...item, content: concatBytes(...changed) };
}

const sealed = (type: keyof typeof contentTypes, ...content: readonly number[]): Item => ({
  kind: 'sealed',
  type: contentTypes[type],
  padding: 0,
  content: Uint8Array.from(content),
});

/** What may stand anywhere, and seldom does. */
const usual: readonly Item[] = [
  sealed('alert', 1, 0),
  sealed('alert', 1, 90),
  sealed('alert', 2, 40),
  sealed('handshake', 24, 0, 0, 1, 0),
  sealed('handshake', 24, 0, 0, 1, 1),
  sealed('application_data', 1, 2, 3, 4),
  sealed('application_data'),
  sealed('handshake'),
  sealed('handshake', 4, 0, 0, 15, 0, 0, 14, 16, 1, 2, 3, 4, 1, 7, 0, 1, 9, 0, 0),
  { kind: 'record', type: contentTypes.change_cipher_spec, version: 0x0303, content: Uint8Array.of(1) },
  { kind: 'record', type: contentTypes.alert, version: 0x0303, content: Uint8Array.of(2, 40) },
  { kind: 'record', type: contentTypes.application_data, version: 0x0303, content: new Uint8Array(40) },
  ...actions.map((action): Item => ({ kind: 'action', action })),
];
