/** Numbers that follow from a seed (Mulberry32), so that what a run finds can be found again. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A whole number from 0 to `limit` - 1. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  }
}

/** The bytes with one to three accidents: bits flipped, bytes changed, inserted, removed, repeated, cut off. */
export function mutate(bytes: Uint8Array, random: Random): Uint8Array {
  let result: Uint8Array = bytes;
  for (let count = 1 + random.below(3); count > 0; count--) result = mutateOnce(result, random);
  return result;
}

function mutateOnce(bytes: Uint8Array, random: Random): Uint8Array {
  const at = random.below(bytes.length + 1);
  const few = 1 + random.below(4);
  switch (random.below(6)) {
    case 0:
      return changed(bytes, at, (byte) => byte ^ (1 << random.below(8)));
    case 1:
      return changed(bytes, at, () => random.below(256));
    case 2:
      // What lies next to the limits of a field is likelier than chance to go wrong.
      return changed(bytes, at, (byte) => byte + (random.below(2) === 0 ? 1 : -1));
    case 3:
      return Uint8Array.of(
        ...bytes.subarray(0, at),
        ...Array.from({ length: few }, () => random.below(256)),
        ...bytes.subarray(at),
      );
    case 4:
      return Uint8Array.of(...bytes.subarray(0, at), ...bytes.subarray(at + few));
    default:
      return Uint8Array.of(...bytes.subarray(0, at + few), ...bytes.subarray(at));
  }
}

function changed(bytes: Uint8Array, at: number, change: (byte: number) => number): Uint8Array {
  const result = bytes.slice();
  const index = Math.min(at, bytes.length - 1);
  if (index >= 0) result[index] = change(result[index]!);
  return result;
}
