import './watch.ts';
import { parentPort, workerData } from 'node:worker_threads';
import { Fuzzer, type Progress } from './fuzzer.ts';
import type { Target } from './target.ts';

/** What the thread that fuzzes is given. */
export interface Order {
  readonly seed: number;
  readonly seconds: number;
  readonly counters: number;
  readonly inputs: readonly Uint8Array[];
  readonly given: number;
  /** Two numbers, how many runs there were and how long the last input is; then that input. */
  readonly current: SharedArrayBuffer;
  /** How many bytes of inputs to keep at the end; 0 keeps those that are new. */
  readonly distil: number;
}

/** What it says. */
export type Word =
  | { readonly kind: 'progress'; readonly progress: Progress }
  | { readonly kind: 'found'; readonly input: Uint8Array; readonly text: string; readonly progress: Progress }
  | { readonly kind: 'done'; readonly progress: Progress; readonly inputs: readonly Uint8Array[] };

export const headerLength = 8;

/** The thread that fuzzes: another one watches it, as it may never come to an end. */
export async function runWorker(load: () => Promise<Target>): Promise<void> {
  const { seed, seconds, counters, inputs, given, current, distil } = workerData as Order;
  const header = new Int32Array(current, 0, 2);
  const bytes = new Uint8Array(current, headerLength);
  const say = (word: Word): void => parentPort?.postMessage(word);
  const target = await load();
  const fuzzer = new Fuzzer(target, {
    seed,
    seconds,
    counters,
    inputs,
    given,
    announce(input) {
      bytes.set(input.subarray(0, bytes.length));
      header[1] = input.length;
      header[0] = (header[0]! + 1) | 0;
    },
    report: (progress) => say({ kind: 'progress', progress }),
  });
  const found = await fuzzer.run();
  const { progress } = fuzzer;
  if (found) {
    const { input, error } = found;
    say({ kind: 'found', input, text: textOf(error), progress });
    return;
  }
  const own = fuzzer.corpus.entries.map((entry) => entry.input);
  say({ kind: 'done', progress, inputs: distil > 0 ? fuzzer.corpus.distil(distil) : own });
}

function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? '' : `\ncaused by ${textOf(error.cause)}`;
  return `${error.stack ?? error.message}${cause}`;
}
