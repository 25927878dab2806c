import type { Random } from '../../test/hostile/support/mutations.ts';

/** An input that takes a branch, or takes it so often, as no one before. */
export interface Entry {
  readonly input: Uint8Array;
  /** Which counters, each with how often in eight steps. */
  readonly features: readonly number[];
}

/** The inputs that are worth changing. */
export class Corpus {
  readonly entries: Entry[] = [];
  /** For each counter the steps that were seen, a bit each. */
  readonly #seen: Uint8Array;
  /** For each feature the smallest input that has it. */
  readonly #smallest = new Map<number, Entry>();
  #favourites: readonly Entry[] = [];
  /** Features that `distil` need not reach. */
  #given: ReadonlySet<number> = new Set();
  readonly #words: Uint32Array;
  readonly #counters: Uint8Array;

  /** @param counters those of the instrumented code, which are set back to 0 with each look at them */
  constructor(counters: Uint8Array, used: number) {
    this.#counters = counters;
    this.#words = new Uint32Array(counters.buffer, counters.byteOffset, Math.ceil(used / 4));
    this.#seen = new Uint8Array(counters.length);
  }

  /** How many features were seen. */
  get features(): number {
    return this.#smallest.size;
  }

  /** How many branches were taken. */
  get branches(): number {
    let count = 0;
    for (const steps of this.#seen) if (steps !== 0) count += 1;
    return count;
  }

  /** Looks at what the run of `input` did. Keeps the input where it is new. */
  judge(input: Uint8Array): boolean {
    const features: number[] = [];
    let isNew = false;
    for (let word = 0; word < this.#words.length; word++) {
      if (this.#words[word] === 0) continue;
      for (let index = word * 4; index < word * 4 + 4; index++) {
        const count = this.#counters[index]!;
        if (count === 0) continue;
        const step = stepOf[count]!;
        features.push(index * 8 + step);
        if ((this.#seen[index]! & (1 << step)) === 0) {
          this.#seen[index]! |= 1 << step;
          isNew = true;
        }
      }
      this.#words[word] = 0;
    }
    if (!isNew) return false;
    const entry = { input: input.slice(), features };
    this.entries.push(entry);
    for (const feature of features) {
      const smallest = this.#smallest.get(feature);
      if (!smallest || input.length < smallest.input.length) this.#smallest.set(feature, entry);
    }
    this.#favourites = [...new Set(this.#smallest.values())];
    return true;
  }

  /** Forgets what a run did. */
  ignore(): void {
    this.#words.fill(0);
  }

  choose(random: Random): Uint8Array {
    const { entries } = this;
    if (entries.length === 0) return new Uint8Array(0);
    const die = random.below(10);
    if (die < 5) return this.#favourites[random.below(this.#favourites.length)]!.input;
    // What is new leads to what is newer.
    if (die < 8) return entries[entries.length - 1 - random.below(Math.min(entries.length, 20))]!.input;
    return entries[random.below(entries.length)]!.input;
  }

  /** What was seen until now is there anyway. */
  takeAsGiven(): void {
    this.#given = new Set(this.#smallest.keys());
  }

  /** A few inputs that have all features together that are not given, as far as `maxBytes` go. */
  distil(maxBytes: number): readonly Uint8Array[] {
    const missing = new Set([...this.#smallest.keys()].filter((feature) => !this.#given.has(feature)));
    const kept: Uint8Array[] = [];
    let bytes = 0;
    const candidates = [...this.entries];
    while (missing.size > 0) {
      let best: Entry | undefined;
      let bestScore = 0;
      for (const entry of candidates) {
        const score =
          entry.features.filter((feature) => missing.has(feature)).length / (entry.input.length + 40);
        if (score > bestScore) [best, bestScore] = [entry, score];
      }
      if (!best || bytes + best.input.length > maxBytes) break;
      for (const feature of best.features) missing.delete(feature);
      kept.push(best.input);
      bytes += best.input.length;
    }
    return kept;
  }
}

/** 1, 2, 3, 4 to 7, 8 to 15, 16 to 31, 32 to 127, 128 and more times. */
const stepOf = Uint8Array.from({ length: 256 }, (_, count) => {
  if (count < 4) return Math.max(count - 1, 0);
  if (count < 32) return Math.floor(Math.log2(count)) + 1;
  return count < 128 ? 6 : 7;
});
