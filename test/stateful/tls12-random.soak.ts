import { beforeAll, expect, it } from 'vitest';
import { campaign, makeWorlds } from './tls12/campaign.ts';
import type { Scenes } from './tls12/scenes.ts';

/** As elsewhere: how much longer than usual, and other seeds with it. */
const factor = Number(process.env['TACIT_SOAK'] ?? 10);

/** How many, and from which seed on: a run that failed can be had again, by itself. */
const runs = Number(process.env['TACIT_STATEFUL_RUNS'] ?? factor * 1_000);
const firstSeed = Number(process.env['TACIT_STATEFUL_SEED'] ?? factor * 1_000_000);

let worlds: readonly Scenes[];

beforeAll(async () => {
  worlds = await makeWorlds();
});

it(`${runs} random deviations in TLS 1.2 from seed ${firstSeed} on: connected if, and only if, the model allows it`, {
  timeout: 60_000 + runs * 60,
}, () => {
  const { connected, notConnected, verdicts } = campaign(worlds, firstSeed, runs);
  const lines = [...verdicts]
    .sort(([, a], [, b]) => b - a)
    .map(([verdict, count]) => `  ${count} ${verdict}`);
  console.log([`deviations: ${connected} connected, ${notConnected} not`, ...lines].join('\n'));
  expect(connected).toBeGreaterThan(runs / 6);
});
