import { type Comparison, compare, describe } from './compare.ts';
import { explain } from './explanations.ts';
import { randomScenario } from './generate.ts';

/** What many scenarios came to. */
export interface Campaign {
  readonly connected: number;
  readonly refused: number;
  readonly resumed: number;
  /** By explanation: the differences that it applies to. */
  readonly explained: ReadonlyMap<string, number>;
  /** In words, each with its seed. */
  readonly unexplained: readonly string[];
}

/** Plays the scenarios of these seeds with every pair, and explains where they differ. */
export async function campaign(first: number, count: number): Promise<Campaign> {
  let [connected, refused, resumed] = [0, 0, 0];
  const explained = new Map<string, number>();
  const unexplained: string[] = [];
  for (let seed = first; seed < first + count; seed++) {
    const scenario = randomScenario(seed);
    let comparison: Comparison;
    try {
      comparison = await compare(scenario);
    } catch (error) {
      unexplained.push(`seed ${seed}: ${(error as Error).stack}\n  ${JSON.stringify(scenario)}`);
      continue;
    }
    connected += comparison.connected;
    refused += comparison.refused;
    resumed += comparison.resumed;
    for (const difference of comparison.differences) {
      const reasons = explain(difference);
      for (const { id } of reasons) explained.set(id, (explained.get(id) ?? 0) + 1);
      if (reasons.length === 0) unexplained.push(describe(difference));
    }
  }
  return { connected, refused, resumed, explained, unexplained };
}
