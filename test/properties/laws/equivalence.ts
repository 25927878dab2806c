import fc from 'fast-check';
import { type Budget, parameters } from '../support/budget.ts';
import { lockstep, plain, type Transport, tls } from '../support/ends.ts';
import type { Library } from '../support/library.ts';
import { type Outcome, play } from '../support/play.ts';
import { drawn, type Script, scriptsFor } from '../support/script.ts';

export interface EquivalenceOptions extends Budget {
  readonly scripts: fc.Arbitrary<Script>;
  readonly transports: readonly Transport[];
}

/**
 * Whatever two programs come to on a transport without any buffer, they come to on TLS over every transport: the same
 * bytes and the same ends. Such programs depend on nothing but the bytes, so that one schedule without TLS says it all.
 *
 * @returns how many of the scripts came to their end without TLS, and so were tried
 */
export async function checkEquivalence(library: Library, options: EquivalenceOptions): Promise<number> {
  const make = tls(library, options.version);
  let tried = 0;
  await fc.assert(
    fc.asyncProperty(
      scriptsFor(options.scripts, options.version),
      fc.nat({ max: 1_000_000 }),
      async (script, seed) => {
        const expected = await play(script, await plain(lockstep, seed), seed);
        if (expected.isStuck) return;
        tried += 1;
        for (const transport of options.transports) {
          const ends = await make(transport, seed);
          const outcome = await play(script, ends, seed);
          if (!sameOutcome(outcome, expected))
            throw new Error(difference(script, `over ${transport.name}`, outcome, expected, ends.story?.()));
        }
      },
    ),
    parameters(options),
  );
  return tried;
}

export function sameOutcome(one: Outcome, other: Outcome): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** A counterexample as a person reads it. */
export function difference(
  script: Script,
  where: string,
  outcome: Outcome,
  expected: Outcome,
  story = '',
): string {
  const shown = ({ results, isStuck }: Outcome): string =>
    `${results.map((lines) => `  ${lines.join(', ')}`).join('\n')}${isStuck ? '\n  (stuck)' : ''}`;
  return `${drawn(script)}\nTLS ${where}:\n${shown(outcome)}\nwithout TLS:\n${shown(expected)}\n${story}`;
}
