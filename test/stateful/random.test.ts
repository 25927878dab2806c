import { beforeAll, expect, it } from 'vitest';
import { Random } from '../hostile/support/mutations.ts';
import { roll } from './support/dice.ts';
import { makeScenes, type Scenes } from './support/scenes.ts';
import { tryOut } from './support/trial.ts';

let scenes: Scenes;

beforeAll(async () => {
  scenes = await makeScenes();
});

it('explores', () => {
  const verdicts = new Map<string, number>();
  const errors: string[] = [];
  const start = Date.now();
  const first = Number(process.env['FIRST'] ?? 0);
  const count = Number(process.env['COUNT'] ?? 2000);
  let failures = 0;
  for (let seed = first; seed < first + count; seed++) {
    const { scene, steps, changes, trickle } = roll(scenes, new Random(seed));
    try {
      const { verdict, connected } = tryOut(scene, steps, trickle);
      const key = `${connected ? 'connected' : 'refused'} ${verdict}`;
      verdicts.set(key, (verdicts.get(key) ?? 0) + 1);
    } catch (error) {
      failures += 1;
      if (errors.length < 6)
        errors.push(
          `seed ${seed} ${changes.join()}: ${(error as Error).message}\n${((error as Error).cause as Error)?.stack?.split('\n').slice(1, 5).join('\n')}`,
        );
    }
  }
  console.log(
    Date.now() - start,
    'ms',
    [...verdicts].sort((a, b) => b[1] - a[1]),
    failures,
  );
  console.log(errors.join('\n\n'));
  expect(errors.length).toBe(0);
}, 3_000_000);
