import { afterEach, describe, expect, test, vi } from 'vitest';
import { TlsTruncatedError, TlsUsageError } from '../../src/base/errors.ts';
import { BrokenError } from '../../src/streams/errors.ts';
import { fromWeb } from '../../src/streams/from-web.ts';
import { numbered, readToEnd } from '../support/bytes.ts';

/** A readable that gives `chunks`, then its end; and what became of it. */
function source(chunks: readonly unknown[]): {
  readonly readable: ReadableStream<Uint8Array>;
  readonly pulls: () => number;
  readonly cancelled: () => unknown;
} {
  let pulls = 0;
  let cancelled: unknown;
  const readable = new ReadableStream<unknown>(
    {
      pull: (controller) => {
        const chunk = chunks[pulls];
        pulls += 1;
        if (chunk === undefined) controller.close();
        else if (chunk instanceof Error) controller.error(chunk);
        else controller.enqueue(chunk);
      },
      cancel: (reason) => {
        cancelled = reason;
      },
    },
    { highWaterMark: 0 },
  );
  return {
    readable: readable as ReadableStream<Uint8Array>,
    pulls: () => pulls,
    cancelled: () => cancelled,
  };
}

/** A writable, and what became of it. */
function sink(write: (chunk: Uint8Array) => void | Promise<void> = () => {}): {
  readonly writable: WritableStream<Uint8Array>;
  readonly events: unknown[];
} {
  const events: unknown[] = [];
  const writable = new WritableStream<Uint8Array>({
    write: (chunk) => {
      events.push(chunk);
      return write(chunk);
    },
    close: () => void events.push('close'),
    abort: (reason) => void events.push(reason),
  });
  return { writable, events };
}

afterEach(() => void vi.useRealTimers());

const forever = new Promise<void>(() => {});

describe('reading', () => {
  test('nothing is read before the first read, and then one chunk for one read', async () => {
    const { readable, pulls } = source([numbered(1), numbered(2), numbered(3)]);
    const stream = fromWeb({ readable, writable: sink().writable });
    await new Promise((resolve) => setImmediate(resolve));
    expect(pulls()).toBe(0);
    expect(await stream.read()).toEqual(numbered(1));
    await new Promise((resolve) => setImmediate(resolve));
    expect(pulls()).toBe(1);
  });

  test('subclasses and views come out plain and alone in their ArrayBuffer; what already is one is not copied', async () => {
    const own = numbered(5);
    const { readable } = source([Buffer.from([1, 2]), numbered(9).subarray(3, 6), new Uint8Array(0), own]);
    const stream = fromWeb({ readable, writable: sink().writable });
    const arrays = [await stream.read(), await stream.read(), await stream.read()];
    expect(arrays).toEqual([new Uint8Array([1, 2]), numbered(9).slice(3, 6), numbered(5)]);
    for (const array of arrays) {
      expect(array?.constructor).toBe(Uint8Array);
      expect(array?.buffer.byteLength).toBe(array?.length);
    }
    expect(arrays[2]).toBe(own);
    expect(await stream.read()).toBeNull();
  });

  test.each(['text', new ArrayBuffer(3), new Uint16Array(3)])('a chunk like %o is refused', async (chunk) => {
    const { readable, cancelled } = source([numbered(1), chunk, numbered(1)]);
    const stream = fromWeb({ readable, writable: sink().writable });
    await stream.read();
    for (let i = 0; i < 2; i++) await expect(stream.read()).rejects.toBeInstanceOf(TlsUsageError);
    expect(cancelled()).toBeInstanceOf(TlsUsageError);
  });

  test('what an aborted read would have got is for the next one', async () => {
    let give: (bytes: Uint8Array) => void = () => {};
    let pulls = 0;
    const readable = new ReadableStream<Uint8Array>(
      {
        pull: (controller) => {
          pulls += 1;
          return new Promise((resolve) => {
            give = (bytes) => {
              controller.enqueue(bytes);
              resolve();
            };
          });
        },
      },
      { highWaterMark: 0 },
    );
    const stream = fromWeb({ readable, writable: sink().writable });
    const abort = new AbortController();
    const read = stream.read({ signal: abort.signal });
    abort.abort(new Error('enough'));
    await expect(read).rejects.toThrow('enough');
    const next = stream.read();
    give(numbered(1));
    expect(await next).toEqual(numbered(1));
    await new Promise((resolve) => setImmediate(resolve));
    expect(pulls).toBe(1);
    const last = stream.read();
    await new Promise((resolve) => setImmediate(resolve));
    give(numbered(2));
    expect(await last).toEqual(numbered(2));
  });

  test('errors: BrokenError and those of TLS as they are, others as the cause of a BrokenError', async () => {
    const own = [new BrokenError('broken'), new TlsTruncatedError('cut', true)];
    for (const error of own) {
      const stream = fromWeb({ readable: source([error]).readable, writable: sink().writable });
      await expect(stream.read()).rejects.toBe(error);
    }
    const other = Object.assign(new Error('reset'), { code: 'ECONNRESET' });
    const stream = fromWeb({ readable: source([numbered(1), other]).readable, writable: sink().writable });
    await stream.read();
    for (let i = 0; i < 2; i++)
      await expect(stream.read()).rejects.toMatchObject({
        name: 'BrokenError',
        cause: other,
        code: 'ECONNRESET',
      });
    // The other half does not mind.
    await stream.write(numbered(1));
  });
});

describe('writing', () => {
  test('a list is one chunk, in an array that the sink may keep', async () => {
    const { writable, events } = sink();
    const stream = fromWeb({ readable: source([]).readable, writable });
    const part = numbered(10);
    await stream.write([part, new Uint8Array(0), part]);
    part.fill(0);
    await stream.write([]);
    await stream.write(part);
    part.fill(1);
    expect(events).toEqual([new Uint8Array([...numbered(10), ...numbered(10)]), new Uint8Array(10)]);
  });

  test('a sink that takes everything at once does not keep others from their turn', async () => {
    const stream = fromWeb({ readable: source([]).readable, writable: sink().writable });
    let isDone = false;
    let turns = 0;
    const turn = (): void => {
      turns += 1;
      if (!isDone) setImmediate(turn);
    };
    setImmediate(turn);
    for (let i = 0; i < 256; i++) await stream.write(numbered(10));
    isDone = true;
    expect(turns).toBeGreaterThanOrEqual(3);
  });

  test('a failed write breaks the write half, and only that', async () => {
    const failure = new Error('full');
    const { writable } = sink(() => Promise.reject(failure));
    const stream = fromWeb({ readable: source([numbered(3)]).readable, writable });
    for (let i = 0; i < 2; i++)
      await expect(stream.write(numbered(1))).rejects.toMatchObject({ name: 'BrokenError', cause: failure });
    expect(await stream.read()).toEqual(numbered(3));
    await expect(stream.close()).rejects.toMatchObject({ cause: failure });
  });
});

describe('ends', () => {
  test('close() closes the writable and reads to the end', async () => {
    const { writable, events } = sink();
    const stream = fromWeb({ readable: source([numbered(3), numbered(4)]).readable, writable });
    expect(await stream.close()).toEqual({ ended: 'fin', discardedBytes: 7 });
    expect(events).toEqual(['close']);
  });

  test('close() is bounded: a readable that never ends is cancelled, a writable that takes nothing aborted', async () => {
    const drain = { timeout: 50 };
    const endless = new ReadableStream<Uint8Array>();
    expect(await fromWeb({ readable: endless, writable: sink().writable }, { drain }).close()).toMatchObject({
      ended: 'timeout',
    });
    const { writable, events } = sink(() => forever);
    const stream = fromWeb({ readable: source([]).readable, writable }, { drain });
    stream.write(numbered(1)).catch(() => {});
    await expect(stream.close()).rejects.toThrow('took nothing');
    expect(events).toEqual([numbered(1)]);
    await expect(stream.read()).rejects.toMatchObject({ name: 'ClosedError' });
  });

  test('close() has its whole time again when the peer takes something', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    let take: () => void = () => {};
    const { writable } = sink(
      () =>
        new Promise((resolve) => {
          take = resolve;
        }),
    );
    const stream = fromWeb({ readable: source([]).readable, writable }, { drain: { timeout: 100 } });
    const written = [1, 2, 3].map((length) => stream.write(numbered(length)));
    const closing = stream.close();
    for (let i = 0; i < 3; i++) {
      await new Promise((resolve) => setImmediate(resolve));
      vi.advanceTimersByTime(80);
      take();
    }
    await Promise.all(written);
    expect((await closing).ended).toBe('fin');
  });

  test('a source that never waits does not keep the time bound from coming', async () => {
    const endless = new ReadableStream<Uint8Array>({ pull: (controller) => controller.enqueue(numbered(1)) });
    const drain = { timeout: 20, bytes: Number.POSITIVE_INFINITY };
    const stream = fromWeb({ readable: endless, writable: sink().writable }, { drain });
    expect((await stream.close()).ended).toBe('timeout');
  });

  test('at the byte bound it pauses', async () => {
    const { readable, pulls } = source(Array.from({ length: 100 }, () => numbered(10)));
    const stream = fromWeb({ readable, writable: sink().writable }, { drain: { timeout: 50, bytes: 25 } });
    expect(await stream.close()).toEqual({ ended: 'timeout', discardedBytes: 30 });
    expect(pulls()).toBe(3);
  });

  test('destroy() aborts the writable and cancels the readable', async () => {
    const { writable, events } = sink();
    const { readable, cancelled } = source([]);
    fromWeb({ readable, writable }).destroy();
    await new Promise((resolve) => setImmediate(resolve));
    expect(events).toMatchObject([{ name: 'ClosedError' }]);
    expect(cancelled()).toMatchObject({ name: 'ClosedError' });
  });

  test('reading to the end twice, through an iteration', async () => {
    const stream = fromWeb({ readable: source([numbered(3)]).readable, writable: sink().writable });
    expect(await readToEnd(stream)).toEqual(numbered(3));
    expect(await stream.read()).toBeNull();
  });
});

test('locked streams are refused, naming which', () => {
  const { readable } = source([]);
  readable.getReader();
  const { writable } = sink();
  expect(() => fromWeb({ readable, writable })).toThrow('locked: readable');
  expect(writable.locked).toBe(false);
});
