import type { CallOptions, CloseReport } from '../../src/streams/byte-stream.ts';
import { nextTurn } from '../../src/streams/turns.ts';
import { tcpModelPair } from '../../src/testing.ts';
import { type Data, type Fault, Plain, raced } from './faulty-stream.ts';

/** What can be wrong with a stream, first part. */
export const readingAndWritingFaults: readonly Fault[] = [
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
];

const passed: Uint8Array[] = [];
function passedTwice(): Uint8Array {
  const [bytes = new Uint8Array(0)] = passed.splice(0);
  return new Proxy(bytes, {});
}
const lost = new Promise<never>(() => {});
