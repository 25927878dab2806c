import { expect } from 'vitest';
import type { Endpoint } from './endpoint.ts';
import type { Rehearsal, Side } from './rehearsal.ts';
import { type ScenarioName, scenarioNames, versionOf } from './scenarios.ts';
import { type Verdict, verdictOf } from './verdict.ts';

/** How often each side of a scenario is mutated on each of two layers: 14 300 times together. */
export function runsOf(name: ScenarioName): number {
  return versionOf(name) === 'TLSv1.3' ? 625 : 150;
}

/** Many small connections: more than the usual time on a machine that does other things too. */
export const timeout = 180_000;

/** The seed of the first run; each one says its number when it fails. */
export function seedOf(name: ScenarioName, side: Side): number {
  return 1000 * scenarioNames.indexOf(name) + (side === 'client' ? 100 : 200);
}

/** Lets mutated flights be heard, holds who hears them to the rules, and counts what comes of it. */
export class Accidents {
  readonly #found = new Map<Verdict, number>();

  hear(label: string, rehearsal: Rehearsal, side: Side, wire: readonly Uint8Array[]): Endpoint {
    try {
      const victim = rehearsal.hear(side, wire);
      const verdict = verdictOf(victim, true);
      this.#found.set(verdict, (this.#found.get(verdict) ?? 0) + 1);
      if (verdict === 'in the handshake' || verdict === 'established') {
        victim.receiveEnd();
        expect(verdictOf(victim)).toBe('truncated');
      }
      return victim;
    } catch (error) {
      throw new Error(`${label}: ${error instanceof Error ? error.message : error}`, { cause: error });
    }
  }

  /**
   * Expects each of `usual` to have come, and nothing beside it but `rare` ones, which another seed may miss, and alerts
   * that were received: those are what an accident made of an alert.
   */
  expectVerdicts(usual: readonly Verdict[], rare: readonly Verdict[]): void {
    const found = [...this.#found.keys()].filter((verdict) => !verdict.startsWith('received '));
    expect(found).toEqual(expect.arrayContaining([...usual]));
    expect([...usual, ...rare]).toEqual(expect.arrayContaining(found));
  }
}
