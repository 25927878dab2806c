import { TlsUsageError } from '../base/errors.ts';
import { requireMilliseconds, startTimer } from './timer.ts';
import { nextTurn } from './turns.ts';

/** @throws TlsUsageError where `value` is no time after which something can be idle: Infinity is one, 0 is not */
export function requireIdleTimeout(value: number): number {
  // In Node 0 means never; here it would mean always.
  if (value === 0) throw new TlsUsageError('idleTimeout: 0 would end every connection; Infinity ends none');
  return requireMilliseconds('idleTimeout', value);
}

/**
 * Watches the reads and writes of a transport, and tells when nothing has moved for a time although one was
 * outstanding. Does not keep the process alive. A busy connection pays a look at the clock per read and write: the
 * timer is not started anew, what has moved since is looked at when it goes off.
 */
export class IdleWatch {
  /** Watches nothing, so that all who want none may share it. */
  static readonly never: IdleWatch = new IdleWatch(
    Number.POSITIVE_INFINITY,
    () => false,
    () => {},
  );

  readonly #timeout: number;
  readonly #wantsInput: () => boolean;
  readonly #onIdle: () => void;
  #state: 'unstarted' | 'running' | 'stopped' = 'unstarted';
  #lastMove = 0;
  #cancel: (() => void) | undefined;
  #isReading = false;
  #writes = 0;

  /**
   * @param timeout milliseconds
   * @param wantsInput false: what was received is still with the application, and the peer may be waiting for it
   * @param onIdle called at most once
   */
  constructor(timeout: number, wantsInput: () => boolean, onIdle: () => void) {
    this.#timeout = timeout;
    this.#wantsInput = wantsInput;
    this.#onIdle = onIdle;
  }

  start(): void {
    if (this.#state !== 'unstarted' || this.#timeout === Number.POSITIVE_INFINITY) return;
    this.#state = 'running';
    this.touch();
  }

  /** For good. */
  stop(): void {
    this.#state = 'stopped';
    this.#cancel?.();
    this.#cancel = undefined;
  }

  /** Something has moved, or it is the peer's turn from now on: the whole time again. */
  touch(): void {
    if (this.#state !== 'running') return;
    this.#lastMove = performance.now();
    this.#cancel ??= startTimer(this.#timeout, this.#look);
  }

  reading(read: () => Promise<Uint8Array | null>): Promise<Uint8Array | null> {
    return this.#timeout === Number.POSITIVE_INFINITY ? read() : this.#watchReading(read);
  }

  writing(write: () => Promise<void>): Promise<void> {
    return this.#timeout === Number.POSITIVE_INFINITY ? write() : this.#watchWriting(write);
  }

  async #watchReading(read: () => Promise<Uint8Array | null>): Promise<Uint8Array | null> {
    this.#isReading = true;
    try {
      const bytes = await read();
      if (bytes !== null) this.touch();
      return bytes;
    } finally {
      this.#isReading = false;
    }
  }

  async #watchWriting(write: () => Promise<void>): Promise<void> {
    if (this.#writes === 0) this.touch();
    this.#writes += 1;
    try {
      await write();
      this.touch();
    } finally {
      this.#writes -= 1;
    }
  }

  get #isWaiting(): boolean {
    return this.#writes > 0 || (this.#isReading && this.#wantsInput());
  }

  readonly #look = (): void => {
    this.#cancel = undefined;
    // Where nobody waits, the next `touch` starts the timer again.
    if (!this.#isWaiting) return;
    const left = this.#timeout - (performance.now() - this.#lastMove);
    // Timers count whole milliseconds and may go off a part of one early.
    if (left >= 1) {
      this.#cancel = startTimer(left, this.#look);
      return;
    }
    void this.#lookAgain();
  };

  /** A program that was busy itself finds out only now what has moved in the meantime: two turns bring it in. */
  async #lookAgain(): Promise<void> {
    const lastMove = this.#lastMove;
    await nextTurn();
    await nextTurn();
    if (this.#state !== 'running' || this.#lastMove !== lastMove || !this.#isWaiting) return;
    this.stop();
    this.#onIdle();
  }
}
