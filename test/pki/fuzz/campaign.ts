import { compare, describe } from './differential.ts';
import { explain } from './explanations.ts';

/** What many cases came to. */
export interface Campaign {
  readonly trustedByBoth: number;
  readonly refusedByBoth: number;
  /** By explanation: the disagreements that it applies to. */
  readonly explained: ReadonlyMap<string, number>;
  /** In words, each with its seed. */
  readonly unexplained: readonly string[];
}

/** Cases whose files lie on the disk at the same time. */
const batch = 200;

/** Judges the cases of these seeds twice, and explains where the two differ. */
export function campaign(first: number, count: number): Campaign {
  let trustedByBoth = 0;
  let refusedByBoth = 0;
  const explained = new Map<string, number>();
  const unexplained: string[] = [];
  for (let at = 0; at < count; at += batch) {
    const outcome = compare(first + at, Math.min(batch, count - at));
    trustedByBoth += outcome.trustedByBoth;
    refusedByBoth += outcome.refusedByBoth;
    for (const disagreement of outcome.disagreements) {
      const reasons = explain(disagreement);
      for (const { id } of reasons) explained.set(id, (explained.get(id) ?? 0) + 1);
      if (reasons.length === 0) unexplained.push(describe(disagreement));
    }
  }
  return { trustedByBoth, refusedByBoth, explained, unexplained };
}
