/** Records that are sealed or opened before the event loop gets a turn: 1 MiB of full ones, about a millisecond. */
const recordsPerTurn = 64;

/** Counts work, so that a busy stream gives the event loop a turn after a bounded number of records. */
export class Turns {
  #records = 0;

  /** Counts `bytes` as one record or more; true: it is time for `nextTurn`. */
  spend(bytes: number): boolean {
    this.#records += Math.max(1, bytes / 16_384);
    if (this.#records < recordsPerTurn) return false;
    this.#records = 0;
    return true;
  }
}

/** Resolves after the event loop has had a turn. By a message: timers take a millisecond at least. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    const arrived = (): void => {
      port1.close();
      resolve();
    };
    port1.addEventListener('message', arrived, { once: true });
    port1.start();
    port2.postMessage(null);
  });
}
