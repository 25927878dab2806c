import { Deferred } from '../streams/deferred.ts';
import { Queue } from './queue.ts';
import { turn } from './turn.ts';

interface Appointment {
  readonly time: number;
  readonly action: () => void;
}

/**
 * Time that advances only when nothing else can run: before each event, the event loop gets a turn, in which all
 * promises that are ready settle. A turn is messages to ourselves, neither a promise (one can never be known to be
 * the last) nor a timer (a millisecond each). So a program that waits for nothing but these streams, this clock and
 * its own promises runs the same way every time. Real timers, I/O and worker threads do not hold the clock up.
 */
export class VirtualClock {
  /** In the order of time, and of their making. */
  readonly #appointments = new Queue<Appointment>();
  readonly #waiting: Deferred<void>[] = [];
  #now = 0;
  #isRunning = false;

  /** In ticks; 0 at the beginning. */
  get now(): number {
    return this.#now;
  }

  /** Calls `action` in `ticks`, after everything else that happens before and at that time was asked for earlier. */
  after(ticks: number, action: () => void): void {
    const time = this.#now + Math.max(0, ticks);
    this.#appointments.insert({ time, action }, (other) => other.time > time);
    void this.#run();
  }

  /** Resolves in `ticks` of virtual time. */
  sleep(ticks: number): Promise<void> {
    return new Promise((resolve) => this.after(ticks, resolve));
  }

  /** Resolves when nothing is on its way any more, and nobody has had anything to do for some turns. */
  settled(): Promise<void> {
    const settled = new Deferred<void>();
    this.#waiting.push(settled);
    void this.#run();
    return settled.promise;
  }

  async #run(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    try {
      let quietTurns = 0;
      do {
        await turn();
        quietTurns = this.#runNext() ? 0 : quietTurns + 1;
        if (quietTurns > 3) for (const settled of this.#waiting.splice(0)) settled.resolve();
      } while (this.#appointments.length > 0 || this.#waiting.length > 0);
    } finally {
      this.#isRunning = false;
    }
  }

  #runNext(): boolean {
    const next = this.#appointments.take();
    if (next === undefined) return false;
    this.#now = next.time;
    next.action();
    return true;
  }
}
