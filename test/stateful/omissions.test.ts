import { beforeAll, describe, expect, it } from 'vitest';
import { clientSceneNames, makeScenes, type Scene, type Scenes, serverSceneNames } from './support/scenes.ts';
import { omissions } from './support/sweep.ts';
import { tryOut } from './support/trial.ts';

let scenes: Scenes;

beforeAll(async () => {
  scenes = await makeScenes();
});

/** What may be missing: a change_cipher_spec, and what comes behind the handshake. */
describe('one step or two left out, wherever they are: connected only if the model allows it', () => {
  it.each(clientSceneNames)('by a server, %s', (name) =>
    expect(connectedWithout(scenes.client[name])).toBeGreaterThan(3),
  );
  it.each(serverSceneNames)('by a client, %s', (name) =>
    expect(connectedWithout(scenes.server[name])).toBeGreaterThan(3),
  );
});

function connectedWithout(scene: Scene): number {
  let connected = 0;
  for (const { what, steps } of omissions(scene, 2)) {
    try {
      if (tryOut(scene, steps).connected) connected += 1;
    } catch (error) {
      throw new Error(`${what}: ${error instanceof Error ? error.message : error}`, { cause: error });
    }
  }
  return connected;
}
