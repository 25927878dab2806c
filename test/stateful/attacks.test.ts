import { beforeAll, describe, expect, it } from 'vitest';
import { clientSceneNames, makeScenes, type Scenes, serverSceneNames } from './support/scenes.ts';
import { tryOut } from './support/trial.ts';

let scenes: Scenes;

beforeAll(async () => {
  scenes = await makeScenes();
});

describe('an honest peer', () => {
  it.each(clientSceneNames)('server, %s: is connected', (name) => {
    const scene = scenes.client[name];
    expect(tryOut(scene, scene.script)).toEqual({ verdict: 'end', connected: true });
  });
  it.each(serverSceneNames)('client, %s: is connected', (name) => {
    const scene = scenes.server[name];
    expect(tryOut(scene, scene.script)).toEqual({ verdict: 'end', connected: true });
  });
});
