import { concatBytes, utf8 } from '../../src/base/bytes.ts';
import type { Random } from '../../test/hostile/support/mutations.ts';
import type { Compared } from './watch.ts';

/** What a mutation can take from, beside the input itself. */
export interface Material {
  readonly other: Uint8Array;
  readonly dictionary: readonly Uint8Array[];
  /** What was compared in the last run that was watched closely. */
  readonly pairs: readonly Compared[];
}

/** One to eight changes, none of which knows what the bytes mean. */
export function mutateBlindly(input: Uint8Array, random: Random, material: Material): Uint8Array {
  let result = input;
  const count = 1 << random.below(4);
  for (let i = 0; i < count; i++) result = mutateOnce(result, random, material);
  return result;
}

const telling = [0, 1, 0x20, 0x7f, 0x80, 0xff];

function mutateOnce(input: Uint8Array, random: Random, material: Material): Uint8Array {
  const { length } = input;
  const at = random.below(length + 1);
  const few = 1 + random.below(random.below(4) === 0 ? 64 : 6);
  switch (random.below(12)) {
    case 0:
      return write(input, at, [(input[at] ?? 0) ^ (1 << random.below(8))]);
    case 1:
      return write(input, at, [random.below(256)]);
    case 2:
      return write(input, at, [telling[random.below(telling.length)]!]);
    case 3:
      return addTo(input, at, 1 + random.below(3), random.below(35) - 17);
    case 4:
      return splice(
        input,
        at,
        0,
        Uint8Array.from({ length: few }, () => random.below(256)),
      );
    case 5:
      return splice(input, at, few, new Uint8Array(0));
    case 6:
      return splice(input, at, 0, input.subarray(at, at + few));
    case 7: {
      const from = random.below(length + 1);
      return write(input, at, input.subarray(from, from + few));
    }
    case 8: {
      const from = random.below(material.other.length + 1);
      const taken = material.other.subarray(from, from + 1 + random.below(200));
      return splice(input, at, random.below(2) * taken.length, taken);
    }
    case 9: {
      const { dictionary } = material;
      if (dictionary.length === 0) return write(input, at, [random.below(256)]);
      const word = dictionary[random.below(dictionary.length)]!;
      return splice(input, at, random.below(2) * word.length, word);
    }
    case 10:
      return concatBytes(input.subarray(0, at), material.other.subarray(at));
    default:
      return asCompared(input, random, material.pairs);
  }
}

/** Where one of two values that were compared stands in the input, the other one is put. */
function asCompared(input: Uint8Array, random: Random, pairs: readonly Compared[]): Uint8Array {
  if (pairs.length === 0) return input;
  const pair = pairs[random.below(pairs.length)]!;
  const [from, to] = random.below(2) === 0 ? pair : [pair[1], pair[0]];
  for (const width of [2, 3, 1, 4, 'decimal'] as const) {
    const needle = bytesOf(from, width);
    const replacement = bytesOf(to, width);
    if (!needle || !replacement) continue;
    const places = placesOf(input, needle);
    if (places.length === 0) continue;
    const place = places[random.below(places.length)]!;
    return splice(input, place, needle.length, replacement);
  }
  return input;
}

/** @param width of a big-endian number */
function bytesOf(value: unknown, width: number | 'decimal'): Uint8Array | undefined {
  if (typeof value === 'string') return utf8(value);
  // Numbers in texts and times have two digits at least.
  if (width === 'decimal') return utf8(String(value).padStart(2, '0'));
  if (typeof value !== 'number' || value < 0 || value >= 256 ** width) return undefined;
  return Uint8Array.from({ length: width }, (_, i) => Math.floor(value / 256 ** (width - 1 - i)) % 256);
}

function placesOf(input: Uint8Array, needle: Uint8Array): number[] {
  const places: number[] = [];
  const haystack = Buffer.from(input.buffer, input.byteOffset, input.length);
  for (
    let at = haystack.indexOf(needle);
    at !== -1 && places.length < 64;
    at = haystack.indexOf(needle, at + 1)
  )
    places.push(at);
  return places;
}

/** Big-endian arithmetic on a field that is `width` bytes wide. */
function addTo(input: Uint8Array, at: number, width: number, delta: number): Uint8Array {
  let value = delta;
  for (let i = 0; i < width; i++) value += (input[at + i] ?? 0) * 256 ** (width - 1 - i);
  const wrapped = (value + 256 ** width) % 256 ** width;
  return write(input, at, bytesOf(wrapped, width)!);
}

function write(input: Uint8Array, at: number, bytes: ArrayLike<number>): Uint8Array {
  const result = input.slice();
  for (let i = 0; i < bytes.length && at + i < result.length; i++) result[at + i] = bytes[i]!;
  return result;
}

export function splice(input: Uint8Array, at: number, remove: number, insert: Uint8Array): Uint8Array {
  return concatBytes(input.subarray(0, at), insert, input.subarray(at + remove));
}
