import { concatBytes } from '../../src/base/bytes.ts';
import type { Random } from '../../test/hostile/support/mutations.ts';

/** An input that is options in one byte, and some values. */
export interface Parts {
  readonly options: number;
  readonly values: readonly Uint8Array[];
}

/** Each value behind its length in two bytes; one that is cut off counts. */
export function readParts(input: Uint8Array): Parts {
  const [options = 0] = input;
  const values: Uint8Array[] = [];
  for (let rest = input.subarray(1); rest.length >= 2; ) {
    const end = 2 + rest[0]! * 256 + rest[1]!;
    values.push(rest.slice(2, end));
    rest = rest.subarray(end);
  }
  return { options, values };
}

export function writeParts({ options, values }: Parts): Uint8Array {
  const lengths = values.map(({ length }) => Uint8Array.of(length >> 8, length & 0xff));
  return concatBytes(Uint8Array.of(options), ...values.flatMap((value, i) => [lengths[i]!, value]));
}

/** Changes the options, one of the values, or their order. */
export function mutateParts(
  input: Uint8Array,
  random: Random,
  other: Uint8Array,
  mutateValue: (value: Uint8Array, random: Random, other: Uint8Array) => Uint8Array,
): Uint8Array {
  const { options, values } = readParts(input);
  const strangers = readParts(other).values;
  const stranger = strangers[random.below(Math.max(strangers.length, 1))] ?? new Uint8Array(0);
  const at = random.below(Math.max(values.length, 1));
  const value = values[at] ?? new Uint8Array(0);
  switch (random.below(10)) {
    case 0:
      return writeParts({ options: options ^ (1 << random.below(8)), values });
    case 1:
      return writeParts({ options, values: values.toSpliced(at, 1) });
    case 2:
      return writeParts({ options, values: values.toSpliced(at, 0, value) });
    case 3:
      return writeParts({ options, values: values.toSpliced(at, 0, stranger) });
    case 4:
      return writeParts({ options, values: [...values.toSpliced(at, 1), value] });
    default:
      return writeParts({ options, values: values.toSpliced(at, 1, mutateValue(value, random, stranger)) });
  }
}
