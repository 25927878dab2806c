import { beforeAll, describe, expect, it } from 'vitest';
import { type Step, say } from './support/steps.ts';
import { clientSceneNames, makeScenes, type Scene, type Scenes, serverSceneNames } from './tls12/scenes.ts';
import { tryOut } from './tls12/trial.ts';
import { tls12Table } from './tls12/variants.ts';

let scenes: Scenes;

beforeAll(async () => {
  scenes = await makeScenes();
});

describe('every run of steps left out, every two swapped, everything at every place, every message in every way', () => {
  it.each(clientSceneNames)('by a server of TLS 1.2, %s', (name) => all(scenes.client[name]), 600_000);
  it.each(serverSceneNames)('by a client of TLS 1.2, %s', (name) => all(scenes.server[name]), 600_000);
});

function all(scene: Scene): void {
  let count = 0;
  for (const steps of deviations(scene)) {
    tryOut(scene, steps);
    count += 1;
  }
  expect(count).toBeGreaterThan(scene.script.length);
}

function* deviations({ script, peer }: Scene): Generator<readonly Step[]> {
  const { messagesOf, variants, records, protections } = tls12Table;
  const additions = [...messagesOf[peer.side].map((name) => say(variants[name]![0]!)), ...records];
  for (const [index, step] of script.entries()) {
    for (let count = 1; index + count <= script.length; count++) yield script.toSpliced(index, count);
    for (let other = index + 1; other < script.length; other++)
      yield script.with(index, script[other]!).with(other, step);
    for (const added of additions) yield script.toSpliced(index, 0, added);
    if (step.kind !== 'message') continue;
    for (const message of variants[step.message.name] ?? []) yield script.with(index, { ...step, message });
    for (const under of protections) yield script.with(index, { ...step, under });
  }
}
