import fc from 'fast-check';
import type { ByteStream, CallOptions } from '../../../src/streams/byte-stream.ts';
import { SeededRandom } from '../../../src/testing/random.ts';
import { turn } from '../../../src/testing/turn.ts';
import type { TestStream } from '../../../src/testing.ts';
import { type Budget, parameters } from '../support/budget.ts';
import { type Transport, tls } from '../support/ends.ts';
import type { Library } from '../support/library.ts';
import { byteAt, quiet } from '../support/play.ts';

/** A call of a program: what it does, and after how many turns its signal fires, if at all. */
interface Call {
  readonly what: 'write' | 'read' | 'updateKeys' | 'closeWrite' | 'close' | 'destroy';
  readonly bytes: number;
  readonly abortAfter: number | undefined;
  /** Whether the next call of the task comes before this one has settled. */
  readonly isAwaited: boolean;
}

/** What may happen to the connection from outside. */
interface Accident {
  readonly what: 'reset' | 'close' | 'FIN';
  readonly end: 0 | 1;
  readonly after: number;
}

interface Chaos {
  /** Two tasks for each end. */
  readonly tasks: readonly (readonly Call[])[];
  readonly accident: Accident | undefined;
  readonly seed: number;
}

const calls: fc.Arbitrary<Call> = fc.record({
  what: fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom('write' as const, 'read' as const) },
    { weight: 2, arbitrary: fc.constantFrom('updateKeys' as const, 'closeWrite' as const, 'close' as const) },
    { weight: 1, arbitrary: fc.constant('destroy' as const) },
  ),
  bytes: fc.oneof(
    fc.integer({ min: 0, max: 30 }),
    fc.integer({ min: 0, max: 5_000 }),
    fc.constantFrom(20_000, 90_000),
  ),
  abortAfter: fc.oneof(
    { weight: 4, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.integer({ min: -1, max: 6 }) },
  ),
  isAwaited: fc.boolean(),
});

const scenes: fc.Arbitrary<Chaos> = fc.record({
  tasks: fc.array(fc.array(calls, { maxLength: 8 }), { minLength: 4, maxLength: 4 }),
  accident: fc.option(
    fc.record({
      what: fc.constantFrom('reset' as const, 'close' as const, 'FIN' as const),
      end: fc.constantFrom(0 as const, 1 as const),
      after: fc.integer({ min: 0, max: 20 }),
    }),
    { nil: undefined },
  ),
  seed: fc.nat({ max: 1_000_000 }),
});

/**
 * Whatever the programs do and whatever happens to the connection: what is read is the beginning of what was written,
 * and an end is read only behind all that was written before the peer's `closeWrite` or `close`; in TLS 1.2, in which a
 * close_notify discards what its receiver would still write (RFC 5246 §7.2.1), only by who has not ended before.
 *
 * @returns how many ends were read, and how many connections broke before
 */
export async function checkPrefix(
  library: Library,
  options: Budget & { readonly transports: readonly Transport[] },
): Promise<{ readonly ends: number; readonly failures: number }> {
  const make = tls(library, options.version);
  const mayBeCut = options.version === 'TLSv1.2';
  const count = { ends: 0, failures: 0 };
  await fc.assert(
    fc.asyncProperty(scenes, fc.constantFrom(...options.transports), async (scene, transport) => {
      let below: readonly ByteStream[] = [];
      const watched: Transport = {
        name: transport.name,
        make: (seed) => {
          const pair = transport.make(seed);
          below = pair;
          return pair;
        },
      };
      const ends = await make(watched, scene.seed);
      const programs = [0, 1].map((end) => new Wild(ends.streams[end as 0 | 1], end as 0 | 1)) as [
        Wild,
        Wild,
      ];
      const random = new SeededRandom(scene.seed);
      let isDone = false;
      const running = Promise.all([
        ...scene.tasks.map((task, i) => programs[i & 1]?.run(task, new SeededRandom(scene.seed + i))),
        happen(scene.accident, below as readonly TestStream[]),
      ]).then(() => {
        isDone = true;
      });
      const activity = (): number =>
        programs[0].progress + programs[1].progress + ends.activity() + (ends.clock?.now ?? 0);
      await quiet(activity, () => isDone);
      // What has arrived is read, and perhaps the end.
      const reading = Promise.all(programs.map((program) => program.readOn(random.integer(0, 2))));
      await quiet(activity);
      for (const stream of ends.streams) stream.destroy();
      await Promise.all([running, reading]);
      for (const [end, program] of programs.entries()) {
        program.compare(programs[1 - end] as Wild, mayBeCut);
        count.ends += program.hasReadEnd ? 1 : 0;
        count.failures += program.hasFailed ? 1 : 0;
      }
    }),
    parameters(options),
  );
  return count;
}

async function happen(accident: Accident | undefined, below: readonly TestStream[]): Promise<void> {
  if (accident === undefined) return;
  for (let i = 0; i < accident.after; i++) await turn();
  const stream = below[accident.end];
  if (accident.what === 'reset') stream?.socket.reset();
  else if (accident.what === 'close') stream?.kernelClose();
  else await stream?.closeWrite().catch(() => {});
}

/** A program without any manners, which keeps a record. */
class Wild {
  hasReadEnd = false;
  hasFailed = false;
  progress = 0;
  readonly #stream: ByteStream & { updateKeys?(): Promise<void> };
  readonly #end: 0 | 1;
  /** Bytes of all writes that had an effect. */
  #written = 0;
  /** What had been written when it first said that it was all. */
  #writtenAtEnd: number | undefined;
  #isCut = false;
  #read = 0;
  #wrongByte: number | undefined;

  constructor(stream: ByteStream, end: 0 | 1) {
    this.#stream = stream;
    this.#end = end;
  }

  async run(task: readonly Call[], random: SeededRandom): Promise<void> {
    const running: Promise<void>[] = [];
    for (const call of task) {
      for (let pause = random.integer(0, 6) - 3; pause > 0; pause--) await turn();
      const settled = this.#call(call);
      running.push(settled);
      if (call.isAwaited) await settled;
    }
    await Promise.all(running);
  }

  /** Reads until that fails or gives the end. @param pause turns between reads */
  async readOn(pause: number): Promise<void> {
    for (let isOver = false; !isOver; ) {
      for (let i = 0; i < pause; i++) await turn();
      const before = this.#read;
      await this.#settle(this.#readOnce({}));
      isOver = this.#read === before;
    }
  }

  /**
   * @param mayBeCut whether our end breaks off what the writer has not sent
   * @throws where what was read is not what `writer` wrote
   */
  compare(writer: Wild, mayBeCut: boolean): void {
    const where = this.#end === 0 ? 'the client' : 'the server';
    if (this.#wrongByte !== undefined) throw new Error(`${where} read a wrong byte at ${this.#wrongByte}`);
    if (this.#read > writer.#written)
      throw new Error(`${where} read ${this.#read} bytes of ${writer.#written}`);
    if (!this.hasReadEnd) return;
    if (writer.#writtenAtEnd === undefined) throw new Error(`${where} read an end that nobody said`);
    if (mayBeCut && this.#writtenAtEnd !== undefined) return;
    if (this.#read !== writer.#writtenAtEnd || writer.#isCut)
      throw new Error(`${where} read an end after ${this.#read} bytes of ${writer.#writtenAtEnd}`);
  }

  async #call({ what, bytes, abortAfter }: Call): Promise<void> {
    const abort = new AbortController();
    const options = abortAfter === undefined ? {} : { signal: abort.signal };
    if (abortAfter !== undefined && abortAfter < 0) abort.abort(new Error('before'));
    const settled = this.#settle(this.#start(what, bytes, options));
    for (let i = 0; i < (abortAfter ?? 0); i++) await turn();
    if (abortAfter !== undefined) abort.abort(new Error('enough'));
    await settled;
    this.progress += 1;
  }

  async #start(what: Call['what'], bytes: number, options: CallOptions): Promise<void> {
    const hasEffect = options.signal?.aborted !== true;
    switch (what) {
      case 'read':
        return this.#readOnce(options);
      case 'write':
        return this.#write(bytes, options);
      case 'updateKeys':
        return this.#stream.updateKeys?.();
      case 'closeWrite':
      case 'close':
        if (hasEffect) this.#writtenAtEnd ??= this.#written;
        await this.#stream[what](options);
        return;
      case 'destroy':
        this.#isCut ||= this.#writtenAtEnd === undefined;
        this.#stream.destroy();
    }
  }

  async #write(length: number, options: CallOptions): Promise<void> {
    if (options.signal?.aborted === true || this.#writtenAtEnd !== undefined) {
      // Must have no effect.
      return this.#stream.write(new Uint8Array(length).fill(255), options);
    }
    const start = this.#written;
    this.#written += length;
    const data = Uint8Array.from({ length }, (_, i) => byteAt(this.#end, start + i));
    try {
      await this.#stream.write(data, options);
    } catch (error) {
      // Nothing of it, a part or all may have gone: no end can follow.
      if (length > 0) this.#isCut = true;
      throw error;
    }
  }

  async #readOnce(options: CallOptions): Promise<void> {
    const bytes = await this.#stream.read(options);
    if (bytes === null) {
      this.hasReadEnd = true;
      return;
    }
    if (this.hasReadEnd) throw new Error('bytes behind the end');
    for (const byte of bytes) {
      if (byte !== byteAt(this.#end === 0 ? 1 : 0, this.#read)) this.#wrongByte ??= this.#read;
      this.#read += 1;
    }
    this.progress += 1;
  }

  #settle(call: Promise<void>): Promise<void> {
    return call.catch(() => {
      this.hasFailed = true;
    });
  }
}
