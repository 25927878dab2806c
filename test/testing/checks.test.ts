import { describe, expect, test } from 'vitest';
import type { ByteStream, CallOptions, CloseReport } from '../../src/streams/byte-stream.ts';
import { nextTurn } from '../../src/streams/turns.ts';
import {
  boundedStreamPair,
  checkHalfCloseableStream,
  checkOneWayStream,
  checkTwoWayStream,
  halfCloseableStreamChecks,
  memoryStreamPair,
  oneWayStreamChecks,
  StreamCheckError,
  type TestStream,
  tcpModelPair,
  twoWayStreamChecks,
} from '../../src/testing.ts';

type Data = Uint8Array | readonly Uint8Array[];

/** A stream that does all that it should; faults override what they are about. */
class Plain implements ByteStream {
  protected readonly inner: TestStream;

  constructor(inner: TestStream) {
    this.inner = inner;
  }
  read(options?: CallOptions): Promise<Uint8Array | null> {
    return this.inner.read(options);
  }
  write(data: Data, options?: CallOptions): Promise<void> {
    return this.inner.write(data, options);
  }
  closeWrite(options?: CallOptions): Promise<void> {
    return this.inner.closeWrite(options);
  }
  close(options?: CallOptions): Promise<CloseReport> {
    return this.inner.close(options);
  }
  destroy(): void {
    this.inner.destroy();
  }
  async *[Symbol.asyncIterator](): AsyncIterableIterator<Uint8Array> {
    for (let bytes = await this.read(); bytes !== null; bytes = await this.read()) yield bytes;
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

interface Fault {
  /** What is wrong. */
  readonly fault: string;
  /** A part of the name of the check that has to find it. */
  readonly check: string;
  readonly make: (inner: TestStream) => ByteStream;
  readonly makePair?: () => readonly [TestStream, TestStream];
}

/** A promise that rejects as soon as the signal fires, whatever becomes of the call. */
function raced<T>(call: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  call.catch(() => {});
  return new Promise((resolve, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
    call.then(resolve, reject);
  });
}

const faults: readonly Fault[] = [
  {
    fault: 'gives an empty array now and then',
    check: 'no read is empty',
    make: (inner) =>
      new (class extends Plain {
        #count = 0;
        override async read(options?: CallOptions) {
          this.#count += 1;
          return this.#count % 5 === 0 ? new Uint8Array(0) : super.read(options);
        }
      })(inner),
  },
  {
    fault: 'gives views into a larger buffer',
    check: 'belongs to the reader',
    make: (inner) =>
      new (class extends Plain {
        override async read(options?: CallOptions) {
          const bytes = await super.read(options);
          if (bytes === null) return null;
          const larger = new Uint8Array(bytes.length + 10);
          larger.set(bytes, 5);
          return larger.subarray(5, 5 + bytes.length);
        }
      })(inner),
  },
  {
    fault: 'gives Buffers',
    check: 'belongs to the reader',
    make: (inner) =>
      new (class extends Plain {
        override async read(options?: CallOptions) {
          const bytes = await super.read(options);
          return bytes && Buffer.from(bytes.buffer as ArrayBuffer);
        }
      })(inner),
  },
  {
    fault: 'gives the array that the writer passed in',
    check: 'neither later reads nor the arrays of the writer',
    make: (inner) =>
      new (class extends Plain {
        static readonly passed: Uint8Array[] = [];
        override async write(data: Data, options?: CallOptions) {
          if (!(data instanceof Uint8Array) && data[0]?.length === 3_000) passed.push(data[0]);
          return super.write(data, options);
        }
        override async read(options?: CallOptions) {
          const bytes = await super.read(options);
          return passed.length > 0 && bytes?.length === 6_000 ? passedTwice() : bytes;
        }
      })(inner),
  },
  {
    fault: 'lets a second read wait for its turn',
    check: 'refused with BusyError',
    make: (inner) =>
      new (class extends Plain {
        #last: Promise<unknown> = Promise.resolve();
        override read(options?: CallOptions) {
          const mine = this.#last.then(() => super.read(options));
          this.#last = mine.catch(() => {});
          return mine;
        }
      })(inner),
  },
  {
    fault: 'forgets that it has ended',
    check: 'the end is null, again and again',
    make: (inner) =>
      new (class extends Plain {
        #isEnded = false;
        override async read(options?: CallOptions) {
          if (this.#isEnded) return new Promise<never>(() => {});
          const bytes = await super.read(options);
          this.#isEnded ||= bytes === null;
          return bytes;
        }
      })(inner),
  },
  {
    fault: 'loses what arrives for a read that is aborted',
    check: 'loses nothing, and makes room',
    make: (inner) =>
      new (class extends Plain {
        override async read({ signal }: CallOptions = {}) {
          signal?.throwIfAborted();
          if (inner.isReading) await lost;
          return raced(super.read(), signal);
        }
      })(inner),
  },
  {
    fault: 'loses what arrives just when a read is aborted',
    check: 'just when bytes arrive',
    make: (inner) =>
      new (class extends Plain {
        override async read({ signal }: CallOptions = {}) {
          signal?.throwIfAborted();
          const bytes = await super.read(signal && { signal });
          for (let i = 0; i < 3; i++) await Promise.resolve();
          signal?.throwIfAborted();
          return bytes;
        }
      })(inner),
  },
  {
    fault: 'does not look at the signal of a read before it takes something',
    check: 'a read whose signal has fired before takes nothing',
    make: (inner) =>
      new (class extends Plain {
        override async read({ signal }: CallOptions = {}) {
          const bytes = await super.read();
          signal?.throwIfAborted();
          return bytes;
        }
      })(inner),
  },
  {
    fault: 'closes when an iteration is left',
    check: 'leaving an iteration early',
    make: (inner) =>
      new (class extends Plain {
        override async *[Symbol.asyncIterator](): AsyncIterableIterator<Uint8Array> {
          try {
            yield* super[Symbol.asyncIterator]();
          } finally {
            this.destroy();
          }
        }
      })(inner),
  },
  {
    fault: 'writes only the first array of a list',
    check: 'a list of arrays',
    make: (inner) =>
      new (class extends Plain {
        override write(data: Data, options?: CallOptions) {
          return super.write(data instanceof Uint8Array ? data : (data[0] ?? []), options);
        }
      })(inner),
  },
  {
    fault: 'writes the whole buffer behind a view',
    check: 'of a view into a larger buffer',
    make: (inner) =>
      new (class extends Plain {
        override write(data: Data, options?: CallOptions) {
          return super.write(data instanceof Uint8Array ? new Uint8Array(data.buffer) : data, options);
        }
      })(inner),
  },
  {
    fault: 'takes an empty write for an end',
    check: 'an empty write has no effect',
    make: (inner) =>
      new (class extends Plain {
        override write(data: Data, options?: CallOptions) {
          return data.length === 0 ? super.closeWrite(options) : super.write(data, options);
        }
      })(inner),
  },
  {
    fault: 'lets small writes overtake large ones',
    check: 'arrive in the order of the calls',
    make: (inner) =>
      new (class extends Plain {
        override async write(data: Data, options?: CallOptions) {
          if (data.length > 3_000) await nextTurn();
          return super.write(data, options);
        }
      })(inner),
  },
  {
    fault: 'resolves a write before it has copied the bytes',
    check: 'may be used again',
    make: (inner) =>
      new (class extends Plain {
        override async write(data: Data) {
          void nextTurn().then(() => super.write(data));
        }
      })(inner),
  },
  {
    fault: 'writes although the signal has fired',
    check: 'a write whose signal has fired before has no effect',
    make: (inner) =>
      new (class extends Plain {
        override async write(data: Data, options?: CallOptions) {
          await super.write(data);
          options?.signal?.throwIfAborted();
        }
      })(inner),
  },
  {
    fault: 'leaves listeners on signals',
    check: 'leave no listener',
    make: (inner) =>
      new (class extends Plain {
        override write(data: Data, { signal }: CallOptions = {}) {
          return raced(super.write(data), signal);
        }
      })(inner),
  },
  {
    fault: 'breaks when a signal fires after its call',
    check: 'a signal that fires after its write is over',
    make: (inner) =>
      new (class extends Plain {
        override write(data: Data, { signal }: CallOptions = {}) {
          signal?.addEventListener('abort', () => this.destroy());
          return super.write(data);
        }
      })(inner),
  },
  {
    fault: 'says end after it was closed',
    check: 'after close() was called, reading and writing reject',
    make: (inner) =>
      new (class extends Plain {
        #isClosed = false;
        override async read(options?: CallOptions) {
          return this.#isClosed ? null : super.read(options);
        }
        override close(options?: CallOptions) {
          this.#isClosed = true;
          return super.close(options);
        }
      })(inner),
  },
  {
    fault: 'takes empty writes after destroy()',
    check: 'after destroy(), reading and writing reject',
    make: (inner) =>
      new (class extends Plain {
        override async write(data: Data, options?: CallOptions) {
          if (data.length > 0) await super.write(data, options);
        }
      })(inner),
  },
  {
    fault: 'closes with what it has not read',
    check: 'an answer before close() arrives whole, though the question was never read',
    makePair: () => tcpModelPair({ receiveBuffer: 2_000, sendBuffer: 100_000 }),
    make: (inner) =>
      new (class extends Plain {
        override async close(): Promise<CloseReport> {
          inner.kernelClose();
          return { ended: 'fin', discardedBytes: 0 };
        }
      })(inner),
  },
  {
    fault: 'closes without reading to the end',
    check: 'goes on writing all the time',
    makePair: () => tcpModelPair({ receiveBuffer: 2_000, sendBuffer: 100_000 }),
    make: (inner) =>
      new (class extends Plain {
        override async close(): Promise<CloseReport> {
          while (inner.socket.read() !== undefined);
          inner.kernelClose();
          return { ended: 'fin', discardedBytes: 0 };
        }
      })(inner),
  },
  {
    fault: 'flushes first and drains afterwards',
    check: 'that both wait to write can both close',
    makePair: () => boundedStreamPair(10),
    make: (inner) =>
      new (class extends Plain {
        override async close(): Promise<CloseReport> {
          await this.closeWrite();
          return super.close();
        }
      })(inner),
  },
  {
    fault: 'ends politely when it is destroyed',
    check: 'destroy() never looks like an end',
    make: (inner) =>
      new (class extends Plain {
        override destroy() {
          inner.kernelClose();
        }
      })(inner),
  },
  {
    fault: 'closes even if the signal has fired',
    check: 'close() with a signal that has fired before',
    make: (inner) =>
      new (class extends Plain {
        override close({ signal }: CallOptions = {}) {
          const closing = super.close();
          closing.catch(() => {});
          return signal?.aborted ? Promise.reject(signal.reason) : closing;
        }
      })(inner),
  },
  {
    fault: 'goes on draining after close() was aborted',
    check: 'close() that is aborted while it waits',
    make: (inner) =>
      new (class extends Plain {
        override close({ signal }: CallOptions = {}) {
          return raced(super.close(), signal);
        }
      })(inner),
  },
  {
    fault: 'does not close when it is disposed',
    check: 'Symbol.asyncDispose closes',
    make: (inner) =>
      new (class extends Plain {
        override async [Symbol.asyncDispose]() {}
      })(inner),
  },
  {
    fault: 'leaves a read waiting when it is closed',
    check: 'close() wakes a read of its own side',
    make: (inner) =>
      new (class extends Plain {
        override read(options?: CallOptions) {
          return super.read(options).catch((error: Error) => {
            if (error.name === 'ClosedError' && inner.pendingWrites === 0)
              return new Promise<never>(() => {});
            throw error;
          });
        }
      })(inner),
  },
  {
    fault: 'resolves close() before the peer has ended',
    check: 'goes on reading until the peer ends',
    make: (inner) =>
      new (class extends Plain {
        override async close(): Promise<CloseReport> {
          super.close().catch(() => {});
          return { ended: 'fin', discardedBytes: 1 };
        }
      })(inner),
  },
  {
    fault: 'says something else when it is closed again',
    check: 'close() may be called again',
    make: (inner) =>
      new (class extends Plain {
        #count = 0;
        override async close(options?: CallOptions): Promise<CloseReport> {
          const report = await super.close(options);
          this.#count += 1;
          return this.#count > 1 ? { ...report, ended: 'timeout' } : report;
        }
      })(inner),
  },
  {
    fault: 'reports no number of discarded bytes',
    check: 'close() gives a report',
    make: (inner) =>
      new (class extends Plain {
        override async close(options?: CallOptions): Promise<CloseReport> {
          const { ended } = await super.close(options);
          return { ended } as CloseReport;
        }
      })(inner),
  },
  {
    fault: 'cannot be closed after a call that was aborted',
    check: 'after calls that were aborted, both ends can still be closed',
    make: (inner) =>
      new (class extends Plain {
        #isStuck = false;
        override read(options?: CallOptions) {
          options?.signal?.addEventListener('abort', () => {
            this.#isStuck = true;
          });
          return super.read(options);
        }
        override close(options?: CallOptions) {
          return this.#isStuck ? new Promise<never>(() => {}) : super.close(options);
        }
      })(inner),
  },
  {
    fault: 'writes into the void when the peer is gone',
    check: 'writing fails with BrokenError in the end',
    make: (inner) =>
      new (class extends Plain {
        override async write(data: Data, options?: CallOptions) {
          await super.write(data, options).catch(() => {});
        }
      })(inner),
  },
  {
    fault: 'says broken although it was closed',
    check: 'ClosedError comes before BrokenError',
    make: (inner) =>
      new (class extends Plain {
        #error: unknown;
        override async write(data: Data, options?: CallOptions) {
          if (this.#error !== undefined) throw this.#error;
          try {
            await super.write(data, options);
          } catch (error) {
            this.#error = error;
            throw error;
          }
        }
      })(inner),
  },
  {
    fault: 'has a buffer without bounds',
    check: 'a write for which there is no room waits',
    make: (inner) =>
      new (class extends Plain {
        override async write(data: Data, options?: CallOptions) {
          super.write(data, options).catch(() => {});
        }
      })(inner),
  },
  {
    fault: 'writes on after a write was aborted',
    check: 'and later ones with BrokenError',
    make: (inner) =>
      new (class extends Plain {
        override write(data: Data, { signal }: CallOptions = {}) {
          return raced(super.write(data), signal);
        }
      })(inner),
  },
  {
    fault: 'ends politely behind a write that was aborted',
    check: 'after a write that was aborted, the peer never reads an end',
    make: (inner) =>
      new (class extends Plain {
        #isCut = false;
        override write(data: Data, options: CallOptions = {}) {
          options.signal?.addEventListener('abort', () => {
            this.#isCut = true;
          });
          return super.write(data, options);
        }
        override async close(options?: CallOptions) {
          if (this.#isCut) inner.kernelClose();
          return super.close(options);
        }
      })(inner),
  },
  {
    fault: 'destroys everything when a write is aborted',
    check: 'what came before a failed write stays readable',
    make: (inner) =>
      new (class extends Plain {
        override write(data: Data, options: CallOptions = {}) {
          options.signal?.addEventListener('abort', () => queueMicrotask(() => this.destroy()));
          return super.write(data, options);
        }
      })(inner),
  },
  {
    fault: 'lets writes wait for a read of the same side',
    check: 'a read that waits does not hold up a write',
    make: (inner) =>
      new (class extends Plain {
        #reading: Promise<unknown> = Promise.resolve();
        override read(options?: CallOptions) {
          const read = super.read(options);
          this.#reading = read.catch(() => {});
          return read;
        }
        override async write(data: Data, options?: CallOptions) {
          if (inner.isReading) await this.#reading;
          return super.write(data, options);
        }
      })(inner),
  },
  {
    fault: 'ends its own direction when the peer ends',
    check: 'the other direction stays open',
    make: (inner) =>
      new (class extends Plain {
        override async read(options?: CallOptions) {
          const bytes = await super.read(options);
          if (bytes === null) await super.closeWrite();
          return bytes;
        }
      })(inner),
  },
  {
    fault: 'ignores writes after closeWrite()',
    check: 'after closeWrite() writing rejects',
    make: (inner) =>
      new (class extends Plain {
        #isEnded = false;
        override closeWrite(options?: CallOptions) {
          this.#isEnded = true;
          return super.closeWrite(options);
        }
        override async write(data: Data, options?: CallOptions) {
          if (!this.#isEnded) await super.write(data, options);
        }
      })(inner),
  },
  {
    fault: 'refuses a second closeWrite()',
    check: 'closeWrite() may be called again',
    make: (inner) =>
      new (class extends Plain {
        #isEnded = false;
        override async closeWrite(options?: CallOptions) {
          if (this.#isEnded) throw new Error('again');
          this.#isEnded = true;
          return super.closeWrite(options);
        }
      })(inner),
  },
  {
    fault: 'calls its reads off in closeWrite()',
    check: 'a read that waits goes on waiting',
    make: (inner) =>
      new (class extends Plain {
        #abort = new AbortController();
        override read({ signal = this.#abort.signal }: CallOptions = {}) {
          return super.read({ signal });
        }
        override closeWrite(options?: CallOptions) {
          this.#abort.abort();
          return super.closeWrite(options);
        }
      })(inner),
  },
  {
    fault: 'lets closeWrite() resolve ahead of the writes before it',
    check: 'closeWrite() waits for the writes before it',
    make: (inner) =>
      new (class extends Plain {
        override async closeWrite(options?: CallOptions) {
          super.closeWrite(options).catch(() => {});
        }
      })(inner),
  },
  {
    fault: 'does not wake a write when it is destroyed',
    check: 'destroy() wakes a write that waits',
    make: (inner) =>
      new (class extends Plain {
        override write(data: Data, options?: CallOptions) {
          return super.write(data, options).catch(() => new Promise<never>(() => {}));
        }
      })(inner),
  },
];

const passed: Uint8Array[] = [];
function passedTwice(): Uint8Array {
  const [bytes = new Uint8Array(0)] = passed.splice(0);
  return new Proxy(bytes, {});
}
const lost = new Promise<never>(() => {});

describe('the checks find a stream that', () => {
  test.each(faults)('$fault', async ({ check, make, makePair = memoryStreamPair }) => {
    const makeFaulty = (): readonly [ByteStream, ByteStream] => {
      const [first, second] = makePair();
      return [make(first), make(second)];
    };
    const makeClogged = async (): Promise<readonly [ByteStream, ByteStream]> => {
      const [first, second] = boundedStreamPair(100);
      await first.write(new Uint8Array(100));
      return [make(first), make(second)];
    };
    const checks = halfCloseableStreamChecks(makeFaulty, { makeClogged, timeout: 300 });
    const found = checks.filter(({ name }) => name.includes(check));
    expect(found).not.toEqual([]);
    const results = await Promise.allSettled(found.map(({ run }) => run()));
    expect(results.filter(({ status }) => status === 'rejected')).not.toEqual([]);
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(StreamCheckError);
    }
  });
});

describe('running all checks', () => {
  const broken = (): readonly [ByteStream, ByteStream] => {
    const [first, second] = memoryStreamPair();
    return [
      new (class extends Plain {
        override async write() {
          throw new Error('no ink');
        }
      })(first),
      second,
    ];
  };

  test.each([checkOneWayStream, checkTwoWayStream, checkHalfCloseableStream])(
    '%o is content with a stream that does all',
    async (check) => {
      await check(memoryStreamPair);
    },
  );

  test('the error names each check that failed, and what the stream did', async () => {
    const error = await checkTwoWayStream(broken, { timeout: 300 }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(StreamCheckError);
    const { message } = error as Error;
    expect(message).toMatch(/^\d+ of \d+ checks of the stream failed:\n- /);
    expect(message).toContain(
      '- first to second: a great deal arrives whole: write() must succeed, but rejected with Error: no ink',
    );
    expect(message).not.toContain('second to first: a great deal arrives whole');
  });

  test('there are more of them than Trio has', () => {
    const options = { makeClogged: memoryStreamPair };
    const oneWay = oneWayStreamChecks(memoryStreamPair, options).length;
    const turned = oneWayStreamChecks(memoryStreamPair).length;
    const twoWay = twoWayStreamChecks(memoryStreamPair, options).length;
    const halfCloseable = halfCloseableStreamChecks(memoryStreamPair, options).length;
    expect(oneWay).toBeGreaterThanOrEqual(33);
    expect(twoWay - oneWay - turned).toBeGreaterThanOrEqual(5);
    expect(halfCloseable - twoWay).toBeGreaterThanOrEqual(8);
  });

  test('every check has a name of its own', () => {
    const names = halfCloseableStreamChecks(memoryStreamPair, { makeClogged: memoryStreamPair }).map(
      ({ name }) => name,
    );
    expect(new Set(names).size).toBe(names.length);
  });
});
