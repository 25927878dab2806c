import type { Random } from '../../test/hostile/support/mutations.ts';

/** One thing that is fuzzed: a function that throws for what must not be. */
export interface Target {
  /** @throws what was found, or returns where the input did no harm */
  run(input: Uint8Array): void | Promise<void>;
  /** A change that keeps to the form of the input. `other` is another input, to take something from. */
  mutate?(input: Uint8Array, random: Random, other: Uint8Array): Uint8Array;
  /** Pieces that inputs are made of. */
  readonly dictionary?: readonly Uint8Array[];
  /** The longest input, bytes. */
  readonly maxLength: number;
  /** The longest that one input may take, milliseconds, with room for a machine that does other things too. */
  readonly maxTime: number;
}

/** A broken promise of the code under test. */
export class Finding extends Error {
  override readonly name = 'Finding';
}

/** @throws Finding unless `condition` */
export function demand(condition: boolean, what: string, cause?: unknown): asserts condition {
  if (!condition) throw new Finding(what, cause === undefined ? undefined : { cause });
}
