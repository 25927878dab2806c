import { SeededRandom } from '../../../src/testing/random.ts';

/** Choices that follow from a seed. */
export class Dice {
  readonly #random: SeededRandom;

  constructor(seed: number) {
    // Neighbouring seeds begin alike: the first number is left out.
    this.#random = new SeededRandom(Math.imul(seed, 0x9e3779b1));
    this.below(2);
  }

  /** From 0 to `limit` - 1. */
  below(limit: number): number {
    return this.#random.integer(0, limit - 1);
  }

  oneIn(count: number): boolean {
    return this.below(count) === 0;
  }

  pick<T>(list: readonly T[]): T {
    if (list.length === 0) throw new RangeError('nothing to pick from');
    return list[this.below(list.length)]!;
  }

  /** Some of them in their order, each with a chance of one half. */
  some<T>(list: readonly T[]): readonly T[] {
    return list.filter(() => this.oneIn(2));
  }

  shuffled<T>(list: readonly T[]): readonly T[] {
    const left = [...list];
    return list.map(() => left.splice(this.below(left.length), 1)[0]!);
  }
}
