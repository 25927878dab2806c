import { SeededRandom } from '../../src/testing/random.ts';
import { type TcpModelPair, tcpModelPair } from '../../src/testing.ts';

/** A raw call at one end of a connection, with a number of bytes where it takes one. */
export type Step = readonly [
  call: 'write' | 'flood' | 'readSome' | 'drain' | 'shutdown' | 'close' | 'reset',
  end: 0 | 1,
  bytes: number,
];

/** What a call gave: a number of bytes, or a word. */
export type Answer = string | number;

/** A script that follows from its seed. Where a direction is flooded, it is only ever read until nothing is left. */
export function randomScript(seed: number): readonly Step[] {
  const random = new SeededRandom(seed);
  const steps: Step[] = [];
  const isOpen = [true, true];
  const isFlooded = [false, false];
  const mayFlood = random.integer(0, 1) === 0;
  const length = random.integer(3, 14);
  for (let i = 0; i < length; i++) {
    const end = random.integer(0, 1) as 0 | 1;
    if (!isOpen[end]) continue;
    const dice = random.integer(0, 99);
    if (dice < 30) steps.push(['write', end, random.integer(1, 3_000)]);
    else if (dice < 40 && mayFlood) {
      isFlooded[end] = true;
      steps.push(['flood', end, 0]);
    } else if (dice < 55 && !isFlooded[1 - end]) steps.push(['readSome', end, random.integer(1, 2_000)]);
    else if (dice < 67) steps.push(['drain', end, 0]);
    else if (dice < 80) steps.push(['shutdown', end, 0]);
    else if (dice < 93) steps.push(['close', end, 0]);
    else if (dice < 96) steps.push(['reset', end, 0]);
    if (dice >= 80 && dice < 96) isOpen[end] = false;
  }
  // Whoever is left reads what there is, tells whether it can write, and looks again.
  for (const end of [0, 1] as const) {
    if (isOpen[end]) steps.push(['drain', end, 0], ['write', end, 1], ['write', end, 1], ['drain', end, 0]);
  }
  return steps;
}

/** Plays a script on the model, and looks at it only when nothing moves any more. */
export async function playOnModel(
  script: readonly Step[],
): Promise<{ readonly answers: readonly Answer[]; readonly pair: TcpModelPair }> {
  const pair = tcpModelPair({ names: ['0', '1'] });
  const run = new ModelRun(pair);
  const answers: Answer[] = [];
  for (const step of script) {
    answers.push(await run.answer(step));
    await pair.clock.settled();
  }
  return { answers, pair };
}

class ModelRun {
  readonly #pair: TcpModelPair;
  readonly #written: [number, number] = [0, 0];
  readonly #read: [number, number] = [0, 0];
  readonly #isFlooded: [boolean, boolean] = [false, false];

  constructor(pair: TcpModelPair) {
    this.#pair = pair;
  }

  async answer([call, end, bytes]: Step): Promise<Answer> {
    const { socket } = this.#pair[end];
    try {
      switch (call) {
        case 'write':
          this.#written[end] += socket.write(new Uint8Array(bytes));
          return 'ok';
        case 'flood':
          await this.#flood(end);
          return 'ok';
        case 'readSome':
          return this.#take(end, bytes);
        case 'drain':
          return await this.#drain(end);
        case 'shutdown':
        case 'close':
        case 'reset':
          socket[call]();
          return 'ok';
      }
    } catch (error) {
      return (error as { readonly code: string }).code;
    }
  }

  async #flood(end: 0 | 1): Promise<void> {
    this.#isFlooded[end] = true;
    for (let hasMoved = true; hasMoved; ) {
      hasMoved = false;
      for (let count = 1; count > 0; ) {
        count = this.#pair[end].socket.write(new Uint8Array(16_384));
        this.#written[end] += count;
        hasMoved ||= count > 0;
      }
      await this.#pair.clock.settled();
    }
  }

  #take(end: 0 | 1, limit: number): Answer {
    const bytes = this.#pair[end].socket.read(limit);
    if (bytes === undefined) return 'wait';
    this.#read[end] += bytes?.length ?? 0;
    return bytes?.length ?? 'end';
  }

  async #drain(end: 0 | 1): Promise<string> {
    const isFlooded = this.#isFlooded[1 - end];
    let total = 0;
    for (;;) {
      let answer = this.#takeOrFail(end);
      if (answer === 'wait' && isFlooded) {
        await this.#pair.clock.settled();
        answer = this.#takeOrFail(end);
      }
      if (typeof answer === 'number') total += answer;
      else if (!isFlooded) return `${total} ${answer}`;
      else return `${this.#read[end] === this.#written[1 - end] ? 'all' : 'some'} ${answer}`;
    }
  }

  #takeOrFail(end: 0 | 1): Answer {
    try {
      return this.#take(end, 65_536);
    } catch (error) {
      return (error as { readonly code: string }).code;
    }
  }
}
