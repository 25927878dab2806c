import type { CallOptions, CloseReport } from '../../src/streams/byte-stream.ts';
import { boundedStreamPair } from '../../src/testing.ts';
import { type Data, type Fault, Plain, raced } from './faulty-stream.ts';

/** What can be wrong with a stream, second part. */
export const endingFaults: readonly Fault[] = [
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
function _passedTwice(): Uint8Array {
  const [bytes = new Uint8Array(0)] = passed.splice(0);
  return new Proxy(bytes, {});
}
const _lost = new Promise<never>(() => {});
