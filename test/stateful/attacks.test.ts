import { beforeAll, describe, expect, it } from 'vitest';
import * as clientHello from './attacks/client-hello.ts';
import * as clientOrder from './attacks/client-order.ts';
import * as clientProofs from './attacks/client-proofs.ts';
import * as clientRecords from './attacks/client-records.ts';
import * as serverHello from './attacks/server-hello.ts';
import * as serverOrder from './attacks/server-order.ts';
import * as serverProofs from './attacks/server-proofs.ts';
import * as serverRecords from './attacks/server-records.ts';
import { changed } from './support/edits.ts';
import { perform } from './support/peer.ts';
import { clientSceneNames, makeScenes, type Scenes, serverSceneNames } from './support/scenes.ts';
import { changeCipherSpec, type MessageStep, record, type Step } from './support/steps.ts';
import { tryOut } from './support/trial.ts';

let scenes: Scenes;
let late: Scenes;

beforeAll(async () => {
  scenes = await makeScenes();
  late = await makeScenes('late');
});

const connected = { verdict: 'end', connected: true };

describe('an honest peer', () => {
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

describe.each(Object.entries({ ...serverOrder, ...serverHello, ...serverProofs, ...serverRecords }))(
  'a server that deviates: %s',
  (_about, attacks) => {
    it.each(attacks)('%s (§%s, %s)', (_what, _section, name, edit, verdict) => {
      const scene = scenes.client[name];
      expect(tryOut(scene, edit(scene.script)).verdict).toBe(verdict);
    });
  },
);

describe.each(Object.entries({ ...clientOrder, ...clientHello, ...clientProofs, ...clientRecords }))(
  'a client that deviates: %s',
  (_about, attacks) => {
    it.each(attacks)('%s (§%s, %s)', (_what, _section, name, edit, verdict) => {
      const scene = scenes.server[name];
      expect(tryOut(scene, edit(scene.script)).verdict).toBe(verdict);
    });
  },
);

/** What must not do any harm. */
const harmless: readonly (readonly [what: string, change: (steps: readonly Step[]) => readonly Step[]])[] = [
  ['messages in records of one byte', (steps) => eachMessage(steps, { pieces: new Array(300).fill(1) })],
  ['messages of a flight in one record', joined],
  ['padding', (steps) => eachMessage(steps, { padding: 100 })],
  ['change_cipher_spec wherever it may be', (steps) => amongHandshake(steps, changeCipherSpec())],
  ['user_canceled up to four times', (steps) => amongHandshake(steps, record('alert', [1, 90]), 4)],
];

describe.each(harmless)('%s', (_what, change) => {
  it.each(clientSceneNames)('by a server, %s: does no harm', (name) => {
    expect(tryOut(scenes.client[name], change(scenes.client[name].script)).verdict).toBe('end');
  });

  it.each(serverSceneNames)('by a client, %s: does no harm', (name) => {
    expect(tryOut(scenes.server[name], change(scenes.server[name].script)).verdict).toBe('end');
  });
});

it('a ClientHello with a PSK, sent again by somebody who does not have its keys: goes nowhere', () => {
  const { resumed } = scenes.server;
  const { said } = perform(resumed, resumed.script);
  const recorded = said[0]!.content;
  const again = changed('ClientHello', { message: { name: 'ClientHello', recorded } });
  expect(tryOut(resumed, again(resumed.script))).toEqual({ verdict: 'bad_record_mac', connected: false });
});

function eachMessage(steps: readonly Step[], change: Partial<MessageStep>): readonly Step[] {
  return steps.map((step) => (step.kind === 'message' ? { ...step, ...change } : step));
}

/** Neighbours share a record, up to Finished. */
function joined(steps: readonly Step[]): readonly Step[] {
  return steps.map((step, index) => {
    const next = steps[index + 1];
    return step.kind === 'message' && next?.kind === 'message' ? { ...step, joined: 'alone' } : step;
  });
}

/** Ahead of each step of the handshake, but for the first that a server hears. */
function amongHandshake(steps: readonly Step[], added: Step, limit = 100): readonly Step[] {
  const end = steps.findIndex((step) => step.kind === 'message' && step.message.name === 'Finished');
  let left = limit;
  return steps.flatMap((step, index) => {
    if (index === 0 || index > end || left === 0) return [step];
    left -= 1;
    return [added, step];
  });
}
