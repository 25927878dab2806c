import { beforeAll, describe, expect, it } from 'vitest';
import { clientSceneNames, makeScenes, type Scene, type Scenes, serverSceneNames } from './support/scenes.ts';
import { type Deviation, insertions, omissions, repetitionsAndSwaps, replacements } from './support/sweep.ts';
import { tryOut } from './support/trial.ts';

let scenes: Scenes;

beforeAll(async () => {
  scenes = await makeScenes();
});

const sweeps: readonly (readonly [what: string, deviations: (scene: Scene) => Generator<Deviation>])[] = [
  ['every run of steps left out', (scene) => omissions(scene, scene.script.length)],
  ['every step twice, and every two changing places', repetitionsAndSwaps],
  ['every message and every record at every place', insertions],
  ['every message in every other way, and under other keys', replacements],
];

describe.each(sweeps)('%s', (_what, deviations) => {
  it.each(clientSceneNames)('by a server, %s', (name) => all(scenes.client[name], deviations), 300_000);
  it.each(serverSceneNames)('by a client, %s', (name) => all(scenes.server[name], deviations), 300_000);
});

function all(scene: Scene, deviations: (scene: Scene) => Generator<Deviation>): void {
  let count = 0;
  for (const { what, steps } of deviations(scene)) {
    count += 1;
    try {
      tryOut(scene, steps);
    } catch (error) {
      throw new Error(`${what}: ${error instanceof Error ? error.message : error}`, { cause: error });
    }
  }
  expect(count).toBeGreaterThan(scene.script.length);
}
