import { BrokenError } from './errors.ts';
import type { Link } from './link.ts';
import { abortable } from './signals.ts';
import { nextTurn, Turns } from './turns.ts';

/** What is sealed before the transport is waited for: bounds the memory of a long write. */
const sliceLength = 131_072;

/** Application writes: one after the other in call order, each behind the handshake, each waits for the transport. */
export class WriteQueue {
  readonly #link: Link;
  readonly #turns = new Turns();
  #tail: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(link: Link) {
    this.#link = link;
  }

  /** Every write has settled. */
  get isIdle(): boolean {
    return this.#waiting === 0;
  }

  /**
   * Runs `operation` when its turn has come. An abort in the meantime breaks the write half: what comes later must
   * not be sent behind a gap.
   */
  async enqueue<T>(operation: () => T | Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    signal?.throwIfAborted();
    const { writeHalf } = this.#link;
    writeHalf.check();
    this.#waiting += 1;
    const result = writeHalf.guard(this.#run(this.#tail, operation));
    const settled = (): void => {
      this.#waiting -= 1;
      this.#link.changes.notify();
    };
    this.#tail = result.then(settled, settled);
    return abortable(result, signal, () => this.abort(signal?.reason));
  }

  abort(cause: unknown): void {
    const message = 'A write was aborted: what was written may be cut, so nothing more can follow';
    this.#link.writeHalf.blow(new BrokenError(message, { cause }));
  }

  /** Seals and hands over all of `data`, a slice at a time. */
  async sendAll(data: Uint8Array | readonly Uint8Array[]): Promise<void> {
    const { engine, writeHalf } = this.#link;
    for (const slice of slices(data instanceof Uint8Array ? [data] : data)) {
      writeHalf.check();
      await this.#link.write(() => engine.send(slice));
      const length = slice.reduce((sum, part) => sum + part.length, 0);
      // Otherwise a fast transport would keep us from ever reading.
      if (this.#turns.spend(length)) await nextTurn();
    }
    writeHalf.check();
  }

  async #run<T>(turn: Promise<unknown>, operation: () => T | Promise<T>): Promise<T> {
    await turn;
    const { handshake, writeHalf } = this.#link;
    await handshake.promise;
    writeHalf.check();
    return operation();
  }
}

/** `parts` without the empty ones, in groups of at most `sliceLength` bytes. */
function* slices(parts: readonly Uint8Array[]): Generator<readonly Uint8Array[]> {
  let slice: Uint8Array[] = [];
  let room = sliceLength;
  for (const part of parts) {
    for (let offset = 0; offset < part.length; ) {
      const piece = part.subarray(offset, offset + room);
      slice.push(piece);
      offset += piece.length;
      room -= piece.length;
      if (room > 0) continue;
      yield slice;
      slice = [];
      room = sliceLength;
    }
  }
  if (slice.length > 0) yield slice;
}
