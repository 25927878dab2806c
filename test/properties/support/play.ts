import type { ByteStream } from '../../../src/streams/byte-stream.ts';
import { SeededRandom } from '../../../src/testing/random.ts';
import { turn } from '../../../src/testing/turn.ts';
import type { VirtualClock } from '../../../src/testing.ts';
import { isLast, type Operation, type Program, type Script } from './script.ts';

/** The ends of a connection, and what tells whether anything still moves on it. */
export interface Ends {
  readonly streams: readonly [ByteStream, ByteStream];
  /** Grows whenever bytes move below the streams. */
  readonly activity: () => number;
  readonly clock?: VirtualClock | undefined;
  /** Says what happened below, where that was recorded. */
  readonly story?: (() => string) | undefined;
}

/** What every operation gave, in the order of each program. `isStuck`: they wait for one another, for ever. */
export interface Outcome {
  readonly results: readonly [readonly string[], readonly string[]];
  readonly isStuck: boolean;
}

/** How many turns of the event loop must pass without anything happening before nothing ever will: a clock may need some. */
const quietTurns = 60;

/** Resolves once `activity` has stopped growing, or `isOver`. */
export async function quiet(
  activity: () => number,
  isOver = (): boolean => false,
  turns: number = quietTurns,
): Promise<void> {
  let before = Number.NaN;
  for (let unchanged = 0; !isOver() && unchanged < turns; ) {
    await turn();
    const now = activity();
    unchanged = now === before ? unchanged + 1 : 0;
    before = now;
  }
}

/** Runs both programs to their end, or until nothing moves any more. The seed decides who goes first when. */
export async function play(script: Script, ends: Ends, seed: number): Promise<Outcome> {
  const runs = script.map((program, end) => {
    const stream = ends.streams[end as 0 | 1];
    return new Run(program, stream, end as 0 | 1, new SeededRandom(2 * seed + end));
  }) as [Run, Run];
  let isDone = false;
  const done = Promise.all(runs.map((run) => run.play())).then(() => {
    isDone = true;
  });
  await quiet(
    () => runs[0].progress + runs[1].progress + ends.activity() + (ends.clock?.now ?? 0),
    () => isDone,
  );
  const outcome = { results: [runs[0].results.slice(), runs[1].results.slice()] as const, isStuck: !isDone };
  for (const stream of ends.streams) stream.destroy();
  // Those that waited are told, and leave.
  await done;
  return outcome;
}

/** The byte at a place of what one end writes. */
export function byteAt(end: 0 | 1, place: number): number {
  return (place * 7 + (place >> 8) * 13 + (place >> 16) * 31 + end * 101) & 255;
}

class Run {
  readonly results: string[];
  progress = 0;
  readonly #program: Program;
  readonly #stream: ByteStream;
  readonly #end: 0 | 1;
  readonly #random: SeededRandom;
  #written = 0;
  #read = 0;
  #left: Uint8Array = new Uint8Array(0);

  constructor(program: Program, stream: ByteStream, end: 0 | 1, random: SeededRandom) {
    this.#program = program;
    this.#stream = stream;
    this.#end = end;
    this.#random = random;
    this.results = program.operations.map(([call]) => `${call} waits`);
  }

  async play(): Promise<void> {
    const { operations, readsAside } = this.#program;
    const numbered = operations.map((operation, place) => ({ operation, place }));
    const isRead = ({ operation: [call] }: { operation: Operation }): boolean => call.startsWith('read');
    const before = numbered.filter(({ operation }) => !isLast(operation));
    const tasks = readsAside ? [before.filter(isRead), before.filter((one) => !isRead(one))] : [before];
    await Promise.all(tasks.map((task) => this.#inTurn(task)));
    await this.#inTurn(numbered.filter(({ operation }) => isLast(operation)));
  }

  async #inTurn(task: readonly { readonly operation: Operation; readonly place: number }[]): Promise<void> {
    for (const { operation, place } of task) {
      for (let pause = this.#random.integer(0, 5) - 3; pause > 0; pause--) await turn();
      this.results[place] = `${operation[0]} ${await this.#result(operation)}`;
      this.progress += 1;
    }
  }

  async #result(operation: Operation): Promise<string> {
    try {
      return await this.#do(operation);
    } catch (error) {
      // A write behind the program's own end.
      if (error instanceof Error && error.name === 'ClosedError') return 'is refused';
      return error instanceof Error ? `fails: ${error.name}: ${error.message}` : String(error);
    }
  }

  async #do([call, count = 0]: Operation): Promise<string> {
    switch (call) {
      case 'write':
        await this.#stream.write(this.#nextBytes(count));
        return `${count} done`;
      case 'readExactly':
        return await this.#readUpTo(count);
      case 'readToEnd':
        return await this.#readUpTo(Number.POSITIVE_INFINITY);
      case 'closeWrite':
        await this.#stream.closeWrite();
        return 'done';
      case 'close':
        return this.#closed();
      case 'writeAndClose': {
        const written = this.#stream.write(this.#nextBytes(count));
        const [ended] = await Promise.all([this.#closed(), written]);
        return `${count} ${ended}`;
      }
    }
  }

  async #closed(): Promise<string> {
    const { ended } = await this.#stream.close();
    return ended === 'close_notify' || ended === 'fin' ? 'done' : ended;
  }

  #nextBytes(count: number): Uint8Array {
    const start = this.#written;
    this.#written += count;
    return Uint8Array.from({ length: count }, (_, i) => byteAt(this.#end, start + i));
  }

  async #readUpTo(count: number): Promise<string> {
    let got = 0;
    while (got < count) {
      if (this.#left.length === 0) {
        const bytes = await this.#stream.read();
        if (bytes === null) return `${got} and then the end`;
        this.#left = bytes;
      }
      const taken = this.#left.subarray(0, count - got);
      this.#left = this.#left.subarray(taken.length);
      for (const byte of taken) {
        if (byte !== byteAt(this.#end === 0 ? 1 : 0, this.#read)) return `a wrong byte at ${this.#read}`;
        this.#read += 1;
      }
      got += taken.length;
      this.progress += 1;
    }
    return `${got}`;
  }
}
