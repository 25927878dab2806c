import { Random } from '../../hostile/support/mutations.ts';
import type { Tally } from '../support/campaign.ts';
import { deviate } from '../support/dice.ts';
import { clientSceneNames, makeScenes, type Scene, type Scenes, serverSceneNames } from './scenes.ts';
import { tryOut } from './trial.ts';
import { tls12Table } from './variants.ts';

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
    const random = new Random(seed);
    const scene = sceneOf(worlds, random);
    const roll = deviate(scene.script, scene.peer.side, tls12Table, random);
    for (const change of roll.changes) count(changes, change);
    try {
      const outcome = tryOut(scene, roll.steps, roll.trickle);
      if (outcome.connected) connected += 1;
      count(verdicts, `${outcome.connected ? 'connected, ' : ''}${outcome.verdict}`);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`seed ${seed} (${roll.changes.join(', ')}): ${reason}`, { cause: error });
    }
  }
  return { connected, notConnected: runs - connected, verdicts, changes };
}

function sceneOf(worlds: readonly Scenes[], random: Random): Scene {
  const { client, server } = worlds[random.below(worlds.length)]!;
  return random.below(2) === 0
    ? client[clientSceneNames[random.below(clientSceneNames.length)]!]
    : server[serverSceneNames[random.below(serverSceneNames.length)]!];
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
