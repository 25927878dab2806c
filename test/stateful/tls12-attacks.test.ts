import { beforeAll, describe, expect, it } from 'vitest';
import { changeCipherSpec, type MessageStep, record, type Step, say } from './support/steps.ts';
import * as clientHello from './tls12/attacks/client-hello.ts';
import * as clientOrder from './tls12/attacks/client-order.ts';
import * as clientProofs from './tls12/attacks/client-proofs.ts';
import * as serverAnswers from './tls12/attacks/server-answers.ts';
import * as serverOrder from './tls12/attacks/server-order.ts';
import * as serverRecords from './tls12/attacks/server-records.ts';
import { clientSceneNames, makeScenes, type Scene, type Scenes, serverSceneNames } from './tls12/scenes.ts';
import { specialScenes } from './tls12/special.ts';
import { tryOut } from './tls12/trial.ts';

let scenes: Scenes;
let late: Scenes;

beforeAll(async () => {
  scenes = await makeScenes();
  late = await makeScenes('late');
});

const connected = { verdict: 'end', connected: true };

describe('an honest peer of TLS 1.2', () => {
  it.each(clientSceneNames)('server, %s: is connected', (name) => {
    for (const { client } of [scenes, late])
      for (const trickle of [false, true])
        expect(tryOut(client[name], client[name].script, trickle)).toEqual(connected);
  });

  it.each(serverSceneNames)('client, %s: is connected', (name) => {
    for (const { server } of [scenes, late])
      for (const trickle of [false, true])
        expect(tryOut(server[name], server[name].script, trickle)).toEqual(connected);
  });
});

describe.each(Object.entries({ ...serverOrder, ...serverRecords, ...serverAnswers }))(
  'a server of TLS 1.2 that deviates: %s',
  (_about, attacks) => {
    it.each(attacks)('%s (%s, %s)', (_what, _section, name, edit, verdict) => {
      const scene = scenes.client[name];
      expect(tryOut(scene, edit(scene.script)).verdict).toBe(verdict);
    });
  },
);

describe.each(Object.entries({ ...clientHello, ...clientOrder, ...clientProofs }))(
  'a client of TLS 1.2 that deviates: %s',
  (_about, attacks) => {
    it.each(attacks)('%s (%s, %s)', (_what, _section, name, edit, verdict) => {
      const scene = scenes.server[name];
      expect(tryOut(scene, edit(scene.script)).verdict).toBe(verdict);
    });
  },
);

describe('a client of another configuration', () => {
  it.each([
    ['newer', 'protocol_version'],
    ['ecdsa', 'end'],
    ['foreignCurve', 'illegal_parameter'],
  ] as const)('%s: %s', async (name, verdict) => {
    const scene = (await specialScenes(scenes))[name];
    expect(tryOut(scene, scene.script).verdict).toBe(verdict);
  });
});

/** What must not do any harm, wherever it comes. */
const harmless: readonly (readonly [what: string, change: (steps: readonly Step[]) => readonly Step[]])[] = [
  ['messages in records of one byte', (steps) => eachMessage(steps, { pieces: new Array(300).fill(1) })],
  ['messages of a flight in one record', joined],
];

describe.each(harmless)('%s', (_what, change) => {
  it.each(clientSceneNames)('by a server, %s: does no harm', (name) => {
    expect(tryOut(scenes.client[name], change(scenes.client[name].script)).verdict).toBe('end');
  });

  it.each(serverSceneNames)('by a client, %s: does no harm', (name) => {
    expect(tryOut(scenes.server[name], change(scenes.server[name].script)).verdict).toBe('end');
  });
});

/** What a peer may say too much of, at every place of every scene: the model says what becomes of it. */
const additions: readonly Step[] = [
  changeCipherSpec(),
  say({ name: 'HelloRequest' }),
  record('alert', [1, 100]),
  record('application_data', [1]),
];

describe('left out, twice, or something else ahead of it, one step at a time: connected only if the model allows it', () => {
  it.each(clientSceneNames)('by a server, %s', (name) => everywhere(scenes.client[name]));
  it.each(serverSceneNames)('by a client, %s', (name) => everywhere(scenes.server[name]));
});

function everywhere(scene: Scene): void {
  const { script } = scene;
  for (const [index, step] of script.entries()) {
    for (const steps of [[], [step, step], ...additions.map((added) => [added, step])])
      tryOut(scene, [...script.slice(0, index), ...steps, ...script.slice(index + 1)]);
  }
}

function eachMessage(steps: readonly Step[], change: Partial<MessageStep>): readonly Step[] {
  return steps.map((step) => (step.kind === 'message' ? { ...step, ...change } : step));
}

/** Neighbours share a record. */
function joined(steps: readonly Step[]): readonly Step[] {
  return steps.map((step, index) => {
    const next = steps[index + 1];
    return step.kind === 'message' && next?.kind === 'message' ? { ...step, joined: 'alone' } : step;
  });
}
