/*
 * How inputs of the targets for records and flights are written: records as they go over the wire, but those that are
 * to be protected in clear. Mutations then change what is inside the protection, and nobody needs to break it.
 *
 *     type  version  length  content          a record that goes out as it stands
 *     type + 0x80  version major  padding  length  content    is sealed under the keys that the receiver expects
 *     0xe0  what  0  length 0                 the receiver's application does something: see `Action`
 *
 * Anything else goes out as it stands, too.
 */

import { concatBytes } from '../../src/base/bytes.ts';
import { maxRecordContent } from '../../src/base/limits.ts';
import { contentTypes } from '../../src/wire/names.ts';
import type { Script } from '../../test/hostile/support/rehearsal.ts';

/** What the receiver's application does in between. */
export const actions = ['send', 'updateKeys', 'closeWrite', 'sendTickets'] as const;
export type Action = (typeof actions)[number];

export type Item =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'record'; readonly type: number; readonly version: number; readonly content: Uint8Array }
  | { readonly kind: 'sealed'; readonly type: number; readonly padding: number; readonly content: Uint8Array }
  | { readonly kind: 'action'; readonly action: Action };

const sealedMark = 0x80;
const actionMark = 0xe0;
const headerLength = 5;
const types: ReadonlySet<number> = new Set([...Object.values(contentTypes), 0, 24]);

export function readNotation(notation: Uint8Array): Item[] {
  const items: Item[] = [];
  for (let offset = 0; offset < notation.length; ) {
    const [type = 0, major = 0, minor = 0, high = 0, low = 0] = notation.subarray(
      offset,
      offset + headerLength,
    );
    const end = offset + headerLength + high * 256 + low;
    const content = notation.slice(offset + headerLength, end);
    if (type === actionMark) {
      items.push({ kind: 'action', action: actions[major % actions.length]! });
      offset += headerLength;
      continue;
    }
    if (end > notation.length || !types.has(type & 0x7f)) {
      items.push({ kind: 'bytes', bytes: notation.slice(offset) });
      break;
    }
    if ((type & sealedMark) === 0)
      items.push({ kind: 'record', type, version: major * 256 + minor, content });
    else items.push({ kind: 'sealed', type: type & 0x7f, padding: minor, content });
    offset = end;
  }
  return items;
}

export function writeNotation(items: readonly Item[]): Uint8Array {
  return concatBytes(...items.map(bytesOf));
}

function bytesOf(item: Item): Uint8Array {
  switch (item.kind) {
    case 'bytes':
      return item.bytes;
    case 'action':
      return Uint8Array.of(actionMark, actions.indexOf(item.action), 0, 0, 0);
    case 'record':
      return record(item.type, item.version, item.content);
    case 'sealed':
      return record(item.type | sealedMark, 0x0300 + item.padding, item.content);
  }
}

/** A record as it goes out unprotected. */
export function record(type: number, version: number, content: Uint8Array): Uint8Array {
  const { length } = content;
  return concatBytes(Uint8Array.of(type, version >> 8, version & 0xff, length >> 8, length & 0xff), content);
}

/**
 * What a side said in a rehearsal.
 * @param most content that a record may have: where it is less than usual each message has records of its own
 */
export function notationOf(
  { records }: Pick<Script, 'records'>,
  most: number = maxRecordContent,
): Uint8Array {
  return writeNotation(
    records.flatMap(({ isProtected, units }) => {
      const contents = units.map((unit) => unit.content);
      const parts =
        most < maxRecordContent ? contents.flatMap((one) => cut(one, most)) : [concatBytes(...contents)];
      // A record that holds no end of a message has no units.
      const [first] = units;
      if (!first) return [];
      const type = contentTypes[first.type];
      return parts.map(
        (content): Item =>
          isProtected
            ? { kind: 'sealed', type, padding: 0, content }
            : { kind: 'record', type, version: 0x0303, content },
      );
    }),
  );
}

function cut(content: Uint8Array, most: number): readonly Uint8Array[] {
  const count = Math.max(Math.ceil(content.length / most), 1);
  return Array.from({ length: count }, (_, i) => content.subarray(i * most, (i + 1) * most));
}

/** Handshake messages, the last one perhaps in part. */
export function messagesOf(content: Uint8Array): readonly Uint8Array[] {
  const messages: Uint8Array[] = [];
  for (let rest = content; rest.length > 0; ) {
    const length = 4 + (rest[1] ?? 0) * 65_536 + (rest[2] ?? 0) * 256 + (rest[3] ?? 0);
    messages.push(rest.slice(0, length));
    rest = rest.subarray(length);
  }
  return messages;
}

export function isWhole(message: Uint8Array): boolean {
  return message.length >= 4 && message.length === 4 + message[1]! * 65_536 + message[2]! * 256 + message[3]!;
}
