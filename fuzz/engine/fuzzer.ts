import { Random } from '../../test/hostile/support/mutations.ts';
import { Corpus } from './corpus.ts';
import { mutateBlindly, splice } from './mutate.ts';
import { Finding, type Target } from './target.ts';
import { type Compared, watch } from './watch.ts';

export interface FuzzerOptions {
  readonly seed: number;
  readonly seconds: number;
  /** How many of the counters the instrumented code uses. */
  readonly counters: number;
  readonly inputs: readonly Uint8Array[];
  /** How many of these are there anyway: they are changed more often than others, and need not be distilled. */
  readonly given: number;
  /** Told of each input ahead of its run, so that somebody else has it where it never ends. */
  readonly announce: (input: Uint8Array) => void;
  readonly report: (progress: Progress) => void;
}

export interface Progress {
  readonly executions: number;
  readonly seconds: number;
  readonly features: number;
  readonly branches: number;
  readonly inputs: number;
}

export interface Found {
  readonly input: Uint8Array;
  readonly error: unknown;
}

/** Looks for an input that a target does not bear. */
export class Fuzzer {
  readonly corpus: Corpus;
  readonly #target: Target;
  readonly #options: FuzzerOptions;
  readonly #random: Random;
  readonly #begin = performance.now();
  #executions = 0;

  constructor(target: Target, options: FuzzerOptions) {
    this.#target = target;
    this.#options = options;
    this.#random = new Random(options.seed);
    this.corpus = new Corpus(watch.counters, options.counters);
  }

  get progress(): Progress {
    return {
      executions: this.#executions,
      seconds: (performance.now() - this.#begin) / 1000,
      features: this.corpus.features,
      branches: this.corpus.branches,
      inputs: this.corpus.entries.length,
    };
  }

  /** @returns what was found, made as small as a few seconds allow; undefined where the time is up */
  async run(): Promise<Found | undefined> {
    const { inputs, given, seconds, report } = this.#options;
    // What making ready did says nothing.
    this.corpus.ignore();
    for (const [i, input] of [...inputs, new Uint8Array(0)].entries()) {
      if (i === given) this.corpus.takeAsGiven();
      const error = await this.#try(input);
      if (error !== undefined) return { input, error };
      this.corpus.judge(input);
    }
    let nextReport = 0;
    while (this.progress.seconds < seconds) {
      const found = await this.#round();
      if (found) return this.#shrink(found);
      if (this.progress.seconds > nextReport) {
        report(this.progress);
        nextReport = this.progress.seconds + 10;
      }
    }
    return undefined;
  }

  /** Changes one input in a number of ways. */
  async #round(): Promise<Found | undefined> {
    const base = this.#chooseBase();
    const pairs = await this.#compared(base);
    for (let i = 0; i < 100; i++) {
      const input = this.#mutate(base, pairs);
      const error = await this.#try(input);
      if (error !== undefined) return { input, error };
      this.corpus.judge(input);
    }
    return undefined;
  }

  /** What somebody made is nearer to what is taken than most that was found. */
  #chooseBase(): Uint8Array {
    const { inputs, given } = this.#options;
    const random = this.#random;
    return given > 0 && random.below(4) === 0 ? inputs[random.below(given)]! : this.corpus.choose(random);
  }

  #mutate(base: Uint8Array, pairs: readonly Compared[]): Uint8Array {
    const { dictionary = [], maxLength, mutate } = this.#target;
    const random = this.#random;
    const other = this.corpus.choose(random);
    let input = base;
    // Mostly with the form, else against it, or both.
    const way = mutate ? random.below(6) : 0;
    const count = random.below(2) === 0 ? 1 : 1 + random.below(3);
    for (let i = 0; i < count && way > 0; i++)
      input = mutate?.call(this.#target, input, random, other) ?? input;
    if (way < 2) input = mutateBlindly(input, random, { other, dictionary, pairs });
    return input.subarray(0, maxLength);
  }

  async #compared(input: Uint8Array): Promise<readonly Compared[]> {
    watch.pairs.length = 0;
    watch.noting = true;
    await this.#try(input);
    watch.noting = false;
    this.corpus.ignore();
    return watch.pairs.slice();
  }

  async #try(input: Uint8Array): Promise<unknown> {
    this.#executions += 1;
    this.#options.announce(input);
    return outcomeOf(this.#target, input, this.#target.maxTime);
  }

  /** Takes pieces out as long as the same is found. */
  async #shrink({ input, error }: Found): Promise<Found> {
    const until = performance.now() + 5_000;
    let smallest: Found = { input, error };
    for (let size = input.length >> 1; size > 0 && performance.now() < until; ) {
      let progressed = false;
      for (let at = 0; at < smallest.input.length && performance.now() < until; ) {
        const candidate = splice(smallest.input, at, size, new Uint8Array(0));
        const found = await this.#try(candidate);
        if (found !== undefined && kindOf(found) === kindOf(error)) {
          smallest = { input: candidate, error: found };
          progressed = true;
        } else at += size;
      }
      if (!progressed) size >>= 1;
    }
    return smallest;
  }
}

/** Runs a target on one input. @returns what it threw, or that it took longer than `maxTime` milliseconds */
export async function outcomeOf(target: Target, input: Uint8Array, maxTime: number): Promise<unknown> {
  const begin = performance.now();
  const error = await errorOf(target, input);
  if (error !== undefined || performance.now() - begin <= maxTime) return error;
  let took = maxTime;
  // Time in which the machine did something else does not count, nor what is compiled and collected only once.
  for (let again = 0; again < 3 && took >= maxTime; again++) {
    const usage = process.cpuUsage();
    await errorOf(target, input);
    const { user, system } = process.cpuUsage(usage);
    took = (user + system) / 1_000;
  }
  return took > maxTime ? new Finding(`it took ${took.toFixed(0)} ms, not ${maxTime}`) : undefined;
}

async function errorOf(target: Target, input: Uint8Array): Promise<unknown> {
  try {
    // A target may keep or change what it gets.
    const pending = target.run(input.slice());
    if (pending) await pending;
    return undefined;
  } catch (error) {
    return error ?? new Finding('it threw nothing');
  }
}

function kindOf(error: unknown): string {
  return error instanceof Error ? `${error.name} ${error.message.replace(/[0-9a-f]+/g, '#')}` : String(error);
}
