import { Random } from '../../hostile/support/mutations.ts';
import { roll } from './dice.ts';
import { makeScenes, type Scenes } from './scenes.ts';
import { type Outcome, tryOut } from './trial.ts';

/** What came of many random deviations. */
export interface Tally {
  readonly connected: number;
  readonly notConnected: number;
  /** How often each verdict came, those of connections by themselves. */
  readonly verdicts: ReadonlyMap<string, number>;
  /** How often each kind of change was made. */
  readonly changes: ReadonlyMap<string, number>;
}

/** Victims that answer their own questions at once, mostly, and such that take their time. */
export async function makeWorlds(): Promise<readonly Scenes[]> {
  const atOnce = await makeScenes();
  return [atOnce, atOnce, await makeScenes('late')];
}

/** Tries random deviations, a seed each. @throws Error with the seed of the first that goes wrong */
export function campaign(worlds: readonly Scenes[], firstSeed: number, runs: number): Tally {
  const verdicts = new Map<string, number>();
  const changes = new Map<string, number>();
  let connected = 0;
  for (let seed = firstSeed; seed < firstSeed + runs; seed++) {
    const outcome = tryOne(worlds, seed, changes);
    if (outcome.connected) connected += 1;
    count(verdicts, `${outcome.connected ? 'connected, ' : ''}${outcome.verdict}`);
  }
  return { connected, notConnected: runs - connected, verdicts, changes };
}

function tryOne(worlds: readonly Scenes[], seed: number, counted: Map<string, number>): Outcome {
  const { scene, steps, changes, trickle } = roll(worlds, new Random(seed));
  for (const change of changes) count(counted, change);
  try {
    return tryOut(scene, steps, trickle);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`seed ${seed} (${changes.join(', ')}): ${reason}`, { cause: error });
  }
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
