import { concatBytes } from '../../src/base/bytes.ts';
import type { Random } from '../../test/hostile/support/mutations.ts';
import {
  type LengthField,
  type MessageStructure,
  structureOf,
  withContent,
  withExtension,
  withLength,
} from '../../test/hostile/support/structure.ts';

/** Codes of extensions that are known, of one that is not, and of a GREASE value. */
const extensionCodes = [
  ...[0, 1, 5, 10, 13, 16, 19, 20, 21, 27, 28, 41, 42, 43, 44, 45, 47, 48, 49, 50, 51, 58],
  ...[0x3a3a, 0xfff0],
];

/** A handshake message with one change that keeps its length fields true, or makes one of them untrue. */
export function mutateMessage(message: Uint8Array, random: Random, other: Uint8Array): Uint8Array {
  const structure = structureOrNone(message);
  if (!structure) return withOtherBytes(message, random);
  const { lengths, extensions, blocks } = structure;
  const field = lengths[random.below(lengths.length)]!;
  const content = message.subarray(field.offset + field.width, field.end);
  const at = random.below(content.length + 1);
  const few = 1 + random.below(4);
  // In hellos, extensions are what matters.
  const isHello = message[0] === 1 || message[0] === 2;
  switch (random.below(isHello ? 24 : 9)) {
    case 0:
      return withLength(message, field, random.below(7) - 3);
    case 1:
      return withContent(message, field, content.subarray(0, at));
    case 2:
      return withContent(message, field, concatBytes(content, content.subarray(at)));
    case 3:
      return withContent(
        message,
        field,
        concatBytes(content.subarray(0, at), randomBytes(random, few), content.subarray(at)),
      );
    case 4:
      return withContent(message, field, concatBytes(content.subarray(0, at), content.subarray(at + few)));
    case 5:
      return withContent(message, field, takenFrom(other, random));
    default:
      return mutateExtensions(message, random, blocks, extensions);
  }
}

/** Of messages that are laid out in no known way: other bytes, and a header that is true. */
function withOtherBytes(message: Uint8Array, random: Random): Uint8Array {
  const body = message.subarray(4);
  const at = random.below(body.length + 1);
  const few = 1 + random.below(4);
  const changed = concatBytes(
    body.subarray(0, at),
    randomBytes(random, random.below(2) * few),
    body.subarray(at + random.below(2) * few),
  );
  const { length } = changed;
  return concatBytes(
    Uint8Array.of(message[0] ?? 0, length >> 16, (length >> 8) & 0xff, length & 0xff),
    changed,
  );
}

export function structureOrNone(message: Uint8Array): MessageStructure | undefined {
  for (const version of ['TLSv1.3', 'TLSv1.2'] as const) {
    try {
      return structureOf(message, version);
    } catch {}
  }
  return undefined;
}

function mutateExtensions(
  message: Uint8Array,
  random: Random,
  blocks: readonly LengthField[],
  extensions: MessageStructure['extensions'],
): Uint8Array {
  const block = blocks[random.below(Math.max(blocks.length, 1))];
  if (!block) return message;
  const own = extensions.filter((extension) => extension.block === block);
  const one = own[random.below(Math.max(own.length, 1))];
  const whole = (place: { readonly start: number; readonly end: number }): Uint8Array =>
    message.subarray(place.start, place.end);
  const rest = own.filter((extension) => extension !== one).map(whole);
  switch (random.below(4)) {
    case 0:
      return withContent(message, block, concatBytes(...rest));
    case 1:
      return one ? withContent(message, block, concatBytes(whole(one), ...rest)) : message;
    case 2:
      return one ? withContent(message, block, concatBytes(...own.map(whole), whole(one))) : message;
    default: {
      const code = extensionCodes[random.below(extensionCodes.length)]!;
      const data =
        one && random.below(2) === 0 ? whole(one).subarray(4) : randomBytes(random, random.below(5));
      return withExtension(message, block, code, data, random.below(2) === 0 ? 'first' : 'last');
    }
  }
}

/** The content of a vector of another message. */
function takenFrom(other: Uint8Array, random: Random): Uint8Array {
  const lengths = structureOrNone(other)?.lengths;
  const field = lengths?.[random.below(lengths.length)];
  return field
    ? other.subarray(field.offset + field.width, field.end)
    : other.subarray(random.below(other.length + 1));
}

export function randomBytes(random: Random, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => random.below(256));
}
