import { performance } from 'node:perf_hooks';
import { expect, test } from 'vitest';
import { descriptors, memoryGrowth, noted, untilIdle } from '../support/leftovers.ts';
import { storm } from '../support/storm.ts';

/** Fewer where there is little time. */
const connections = Number(process.env['TACIT_SOAK_CONNECTIONS'] ?? 2_000);

/** What a connection that is over may leave in memory, bytes: far less than an engine, a key or a buffer takes. */
const leftPerConnection = 500;

test(`${connections} connections at once, each with its own way to end, keep their promises and leave nothing`, async () => {
  // What is compiled, cached and pooled once is there afterwards.
  await storm({ connections, seed: 1, longest: 10_000 });
  await untilIdle();
  const before = descriptors();
  const growth = await memoryGrowth(2, (round) => weather(round + 2));
  expect(growth / connections).toBeLessThan(leftPerConnection);

  async function weather(seed: number): Promise<void> {
    const busy = performance.eventLoopUtilization();
    const { result, timers } = await noted(() => storm({ connections, seed, longest: 300_000 }));
    expect(result.problems).toEqual([]);
    await untilIdle();
    expect(timers()).toBe(0);
    expect(process.getActiveResourcesInfo().filter((name) => name === 'Timeout')).toEqual([]);
    expect(descriptors()).toBe(before);
    // Where the event loop was not idle, a run that took long was slow, and waited for nothing.
    const { active, idle } = performance.eventLoopUtilization(busy);
    console.log(`seed ${seed}: ${Math.round(active)} ms busy, ${Math.round(idle)} ms idle`);
  }
});
