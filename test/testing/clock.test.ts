import { expect, test } from 'vitest';
import { nextTurn } from '../../src/streams/turns.ts';
import { VirtualClock } from '../../src/testing.ts';

test('time advances from event to event, in the order of time and then of asking', async () => {
  const clock = new VirtualClock();
  const log: string[] = [];
  const note = (name: string) => () => void log.push(`${name} at ${clock.now}`);
  clock.after(20, note('c'));
  clock.after(5, note('a'));
  clock.after(20, note('d'));
  clock.after(5, () => clock.after(10, note('b')));
  clock.after(0, note('now'));
  await clock.settled();
  expect(log).toEqual(['now at 0', 'a at 5', 'b at 15', 'c at 20', 'd at 20']);
});

test('nothing happens before all promises that are ready have settled', async () => {
  const clock = new VirtualClock();
  const log: string[] = [];
  clock.after(0, () => void log.push('event'));
  for (let i = 0; i < 1_000; i++) await Promise.resolve();
  log.push('program');
  await clock.settled();
  expect(log).toEqual(['program', 'event']);
});

test('a program that takes a turn of the event loop now and then is not overtaken', async () => {
  const clock = new VirtualClock();
  const log: string[] = [];
  const program = async (): Promise<void> => {
    for (let i = 0; i < 5; i++) {
      await clock.sleep(1);
      await nextTurn();
      log.push(`program at ${clock.now}`);
    }
  };
  for (let time = 1; time < 20; time++) clock.after(time, () => {});
  await program();
  expect(log).toEqual([1, 2, 3, 4, 5].map((time) => `program at ${time}`));
});

test('programs can sleep in it, in no real time', async () => {
  const clock = new VirtualClock();
  const log: string[] = [];
  const program = async (name: string, pause: number): Promise<void> => {
    for (let i = 0; i < 3; i++) {
      await clock.sleep(pause);
      log.push(`${name}${clock.now}`);
    }
  };
  const started = performance.now();
  await Promise.all([program('a', 1_000_000), program('b', 1_500_000)]);
  expect(log).toEqual(['a1000000', 'b1500000', 'a2000000', 'b3000000', 'a3000000', 'b4500000']);
  expect(performance.now() - started).toBeLessThan(1_000);
});

test('settled() waits for what events start', async () => {
  const clock = new VirtualClock();
  let count = 0;
  const again = (): void => {
    count += 1;
    if (count < 100) void Promise.resolve().then(() => clock.after(1, again));
  };
  clock.after(0, again);
  await clock.settled();
  expect(count).toBe(100);
  await clock.settled();
});

test('settled() gives a program some turns to go on', async () => {
  const clock = new VirtualClock();
  let isDone = false;
  clock.after(0, async () => {
    await nextTurn();
    await nextTurn();
    clock.after(1, () => {
      isDone = true;
    });
  });
  await clock.settled();
  expect(isDone).toBe(true);
});
