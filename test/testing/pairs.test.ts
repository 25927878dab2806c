import { describe, expect, test } from 'vitest';
import { nextTurn } from '../../src/streams/turns.ts';
import {
  BrokenError,
  boundedStreamPair,
  lockstepStreamPair,
  memoryStreamPair,
  trickleStreamPair,
} from '../../src/testing.ts';
import { numbered, readToEnd } from '../support/bytes.ts';

/** Whether `call` has settled once nothing else can run. */
async function isSettled(call: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const settle = (): void => {
    settled = true;
  };
  call.then(settle, settle);
  for (let i = 0; i < 5; i++) await nextTurn();
  return settled;
}

describe('memoryStreamPair', () => {
  test('takes everything at once', async () => {
    const [a, b] = memoryStreamPair();
    for (let i = 0; i < 20; i++) await a.write(numbered(100_000));
    await a.closeWrite();
    expect(await readToEnd(b)).toHaveLength(2_000_000);
  });

  test('records every write as one entry, whatever its parts, and what was written stays as it was', async () => {
    const [a, b] = memoryStreamPair();
    const part = numbered(3);
    await a.write([part, new Uint8Array(0), part]);
    await a.write([]);
    await a.write(part);
    part.fill(9);
    expect(a.writes).toEqual([new Uint8Array([0, 7, 14, 0, 7, 14]), numbered(3)]);
    expect(b.writes).toEqual([]);
    expect(await b.read()).toHaveLength(6);
  });

  test('one write is one read, up to 64 KiB', async () => {
    const [a, b] = memoryStreamPair();
    await a.write([numbered(10), numbered(70_000)]);
    await a.write(numbered(5));
    const lengths = [await b.read(), await b.read(), await b.read()].map((bytes) => bytes?.length);
    expect(lengths).toEqual([65_536, 4_474, 5]);
  });

  test('hooks see the parts of each write of their end before the peer does, and may hold it', async () => {
    const seen: (readonly number[])[] = [];
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const onWrite = (parts: readonly Uint8Array[]): Promise<void> => {
      seen.push(parts.map((part) => part.length));
      return held;
    };
    const [a, b] = memoryStreamPair({ hooks: [{ onWrite }, {}] });
    const first = a.write([numbered(1), numbered(2)]);
    const second = a.write(numbered(4));
    const end = a.closeWrite();
    await b.write(numbered(8));
    expect(seen).toEqual([[1, 2], [4]]);
    expect(await isSettled(first)).toBe(false);
    expect(a.pendingWrites).toBe(3);
    release();
    await Promise.all([first, second, end]);
    expect(await readToEnd(b)).toHaveLength(7);
  });

  test('a hook that throws or rejects breaks the write half, and only that', async () => {
    for (const fail of [() => Promise.reject(systemErrorOfTest), throwIt]) {
      const [a, b] = memoryStreamPair({ hooks: [{ onWrite: fail }, {}] });
      const error = await a.write(numbered(1)).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(BrokenError);
      expect(error).toMatchObject({ code: 'EHOSTUNREACH' });
      await expect(a.write(numbered(1))).rejects.toBe(error);
      await b.write(numbered(4));
      expect(await a.read()).toEqual(numbered(4));
    }
  });

  test('a read that waits can be seen', async () => {
    const [a, b] = memoryStreamPair();
    const read = a.read();
    expect([a.isReading, b.isReading]).toEqual([true, false]);
    await b.write(numbered(1));
    await read;
    expect(a.isReading).toBe(false);
  });

  test('a raw read takes as little as it asks for', async () => {
    const [a, b] = memoryStreamPair();
    await a.write(numbered(5));
    expect([b.socket.read(2), b.socket.read(), b.socket.read()]).toEqual([
      numbered(5).slice(0, 2),
      numbered(5).slice(2),
      undefined,
    ]);
  });

  test('kernelClose() ends the stream, and later writes of the peer fail', async () => {
    const [a, b] = memoryStreamPair();
    await a.write(numbered(5));
    a.kernelClose();
    expect(await readToEnd(b)).toEqual(numbered(5));
    await expect(b.write(numbered(1))).rejects.toMatchObject({ name: 'BrokenError', code: 'EPIPE' });
  });
});

const systemErrorOfTest = Object.assign(new Error('no route'), { code: 'EHOSTUNREACH' });
function throwIt(): void {
  throw systemErrorOfTest;
}

describe('lockstepStreamPair', () => {
  test('a write resolves when a read has taken it, and not before', async () => {
    const [a, b] = lockstepStreamPair();
    const written = a.write(numbered(100));
    expect(await isSettled(written)).toBe(false);
    expect(await b.read()).toEqual(numbered(100));
    await written;
  });

  test('a read that waits takes one write, not two', async () => {
    const [a, b] = lockstepStreamPair();
    const read = b.read();
    await a.write(numbered(1));
    expect(await read).toEqual(numbered(1));
    expect(await isSettled(a.write(numbered(2)))).toBe(false);
  });

  test('a read that was aborted takes nothing', async () => {
    const [a, b] = lockstepStreamPair();
    const abort = new AbortController();
    const read = b.read({ signal: abort.signal });
    abort.abort();
    await expect(read).rejects.toBe(abort.signal.reason);
    const written = a.write(numbered(1));
    expect(await isSettled(written)).toBe(false);
    expect(await b.read()).toEqual(numbered(1));
    await written;
  });

  test('an end is free', async () => {
    const [a, b] = lockstepStreamPair();
    await a.closeWrite();
    await b.closeWrite();
    expect([await a.read(), await b.read()]).toEqual([null, null]);
  });

  test('an end waits for the writes before it', async () => {
    const [a, b] = lockstepStreamPair();
    const written = a.write(numbered(3));
    const ended = a.closeWrite();
    expect(await isSettled(ended)).toBe(false);
    expect(await readToEnd(b)).toEqual(numbered(3));
    await Promise.all([written, ended]);
  });

  test('both sides may wait to read', async () => {
    const [a, b] = lockstepStreamPair();
    const reads = [a.read(), b.read()];
    await Promise.all([a.write(numbered(1)), b.write(numbered(2))]);
    expect(await Promise.all(reads)).toEqual([numbered(2), numbered(1)]);
  });

  test('two sides that both write first wait for ever', async () => {
    const [a, b] = lockstepStreamPair();
    const both = Promise.race([a.write(numbered(1)), b.write(numbered(1))]);
    expect(await isSettled(both)).toBe(false);
  });
});

describe('boundedStreamPair', () => {
  test.each([1, 10, 1_000])('%i bytes are taken, and not one more before a read', async (capacity) => {
    const [a, b] = boundedStreamPair(capacity);
    await a.write(numbered(capacity));
    const written = a.write(numbered(1));
    expect(await isSettled(written)).toBe(false);
    expect(await b.read()).toEqual(numbered(capacity));
    await written;
  });

  test('each direction has its own buffer, and an end needs none', async () => {
    const [a, b] = boundedStreamPair(1);
    await Promise.all([a.write(numbered(1)), b.write(numbered(1)), a.closeWrite(), b.closeWrite()]);
    expect(await readToEnd(a)).toHaveLength(1);
    expect(await readToEnd(b)).toHaveLength(1);
  });

  test('refuses a buffer of nothing', () => {
    expect(() => boundedStreamPair(0)).toThrow('capacity');
  });
});

describe('trickleStreamPair', () => {
  /** The lengths of all reads, and when the last of them was. */
  async function trickled(options: Parameters<typeof trickleStreamPair>[0]): Promise<readonly number[]> {
    const { 0: a, 1: b, clock } = trickleStreamPair(options);
    await a.write(numbered(500));
    await a.closeWrite();
    const lengths: number[] = [];
    for await (const bytes of b) lengths.push(bytes.length);
    return [...lengths, clock.now];
  }

  test('delivers chunks of at most the length given, after the delay, the same for the same seed', async () => {
    const lengths = await trickled({ chunk: 20, delay: 7, seed: 1 });
    expect(lengths.at(-1)).toBe(7);
    expect(Math.max(...lengths)).toBeLessThanOrEqual(20);
    expect(new Set(lengths).size).toBeGreaterThan(10);
    expect(await trickled({ chunk: 20, delay: 7, seed: 1 })).toEqual(lengths);
    expect(await trickled({ chunk: 20, delay: 7, seed: 2 })).not.toEqual(lengths);
  });

  test('down to single bytes, and without delay', async () => {
    expect(await trickled({ chunk: 1, delay: 0 })).toEqual([...Array(500).fill(1), 0]);
  });

  test('a reset comes behind what was written before it', async () => {
    const { 0: a, 1: b } = trickleStreamPair({ chunk: 10, delay: 3 });
    await a.write(numbered(100));
    a.destroy();
    let count = 0;
    await expect(
      (async () => {
        for await (const bytes of b) count += bytes.length;
      })(),
    ).rejects.toMatchObject({ name: 'BrokenError', code: 'ECONNRESET' });
    expect(count).toBe(100);
  });

  test('a clock can be shared', async () => {
    const first = trickleStreamPair({ delay: 10 });
    const second = trickleStreamPair({ delay: 4, clock: first.clock });
    const order: string[] = [];
    await Promise.all([first[0].write(numbered(1)), second[0].write(numbered(1))]);
    await Promise.all([
      first[1].read().then(() => order.push(`first at ${first.clock.now}`)),
      second[1].read().then(() => order.push(`second at ${second.clock.now}`)),
    ]);
    expect(order).toEqual(['second at 4', 'first at 10']);
  });
});
