import { readdirSync } from 'node:fs';
import { turnsOfTheEventLoop } from './sockets.ts';

/** Does something, and counts the timers that it has started and that have neither fired nor been cleared since. */
export async function noted<T>(action: () => Promise<T>): Promise<{ result: T; timers: () => number }> {
  const { setTimeout: start, clearTimeout: clear } = globalThis;
  const running = new Set<unknown>();
  const noting = (callback: () => void, milliseconds?: number): NodeJS.Timeout => {
    const timer = start(() => {
      running.delete(timer);
      callback();
    }, milliseconds);
    running.add(timer);
    return timer;
  };
  globalThis.setTimeout = noting as typeof setTimeout;
  globalThis.clearTimeout = (timer) => {
    running.delete(timer);
    clear(timer);
  };
  try {
    return { result: await action(), timers: () => running.size };
  } finally {
    globalThis.setTimeout = start;
    // What still runs may be cleared later.
    if (running.size === 0) globalThis.clearTimeout = clear;
  }
}

/** Sockets and servers that keep this thread alive. */
export function openSockets(): number {
  return process.getActiveResourcesInfo().filter((name) => /^(TCP|Pipe)(Socket|Server)Wrap$/.test(name))
    .length;
}

/** Waits until the last socket is gone: some linger behind what a test has waited for, but not for ever. */
export async function untilIdle(sockets = 0): Promise<void> {
  while (openSockets() > sockets) await turnsOfTheEventLoop(1);
}

/** Descriptors of this process, where the system lets them be counted. */
export function descriptors(): number {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return 0;
  }
}

/**
 * Does something `rounds` times, and gives the bytes that the round left which left least: what leaks does so every
 * time, what is compiled or cached is there after one. Needs `--expose-gc`.
 */
export async function memoryGrowth(
  rounds: number,
  action: (round: number) => Promise<void>,
): Promise<number> {
  const left: number[] = [];
  let before = await memoryInUse();
  for (let round = 0; round < rounds; round++) {
    await action(round);
    const after = await memoryInUse();
    left.push(after - before);
    before = after;
  }
  console.log(`bytes left by each round: ${left.join(', ')}`);
  return Math.min(...left);
}

/** Bytes in use after a collection, array buffers included. */
async function memoryInUse(): Promise<number> {
  if (globalThis.gc === undefined) throw new Error('run it with --expose-gc');
  // Finalizers run in turns of the event loop, and free more.
  for (let i = 0; i < 5; i++) {
    globalThis.gc();
    await turnsOfTheEventLoop(5);
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
