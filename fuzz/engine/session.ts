import { Worker } from 'node:worker_threads';
import type { Built } from './build.ts';
import type { Progress } from './fuzzer.ts';
import { headerLength, type Order, type Word } from './worker.ts';

/** An input may run for so long before it is taken to hang, milliseconds. */
const hangTime = 20_000;
/** What the process may take, bytes: far more than any input may make it take. */
const maxMemory = 1_500_000_000;
const longestInput = 1 << 20;

export interface SessionOptions extends Pick<Order, 'seed' | 'seconds' | 'inputs' | 'given' | 'distil'> {
  readonly target: string;
  readonly onProgress: (progress: Progress) => void;
}

export type Ending = Exclude<Word, { kind: 'progress' }>;

/** Fuzzes in a thread of its own and watches it: an input that never ends, or fills the memory, is a finding too. */
export function fuzz(built: Built, options: SessionOptions): Promise<Ending> {
  const { onProgress, ...order } = options;
  const current = new SharedArrayBuffer(headerLength + longestInput);
  const header = new Int32Array(current, 0, 2);
  const { counters } = built;
  const worker = new Worker(built.file, {
    workerData: { ...order, counters, current } satisfies Order & { target: string },
    resourceLimits: { maxOldGenerationSizeMb: 1_000 },
  });
  let progress: Progress = { executions: 0, seconds: 0, features: 0, branches: 0, inputs: 0 };
  return new Promise((resolve) => {
    const stop = (ending: Ending): void => {
      clearInterval(timer);
      resolve(ending);
      void worker.terminate();
    };
    const found = (text: string): void => {
      const input = new Uint8Array(current, headerLength, header[1]).slice();
      stop({ kind: 'found', input, text, progress });
    };
    let [run, since] = [header[0], Date.now()];
    const timer = setInterval(() => {
      if (header[0] !== run) [run, since] = [header[0], Date.now()];
      else if (run !== 0 && Date.now() - since > hangTime) found(`it has not ended in ${hangTime} ms`);
      const { rss } = process.memoryUsage();
      if (rss > maxMemory) found(`the process takes ${rss} bytes`);
    }, 1_000);
    worker.on('message', (word: Word) => {
      progress = word.progress;
      if (word.kind === 'progress') onProgress(word.progress);
      else stop(word);
    });
    worker.on('error', (error) => found(error.stack ?? String(error)));
    worker.on('exit', (code) => found(`the thread left with status ${code}`));
  });
}
