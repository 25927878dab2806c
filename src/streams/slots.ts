import { TlsUsageError } from '../base/errors.ts';
import { BrokenError } from './errors.ts';

/** @throws TlsUsageError where `value` is no count, or less than `least`: Infinity is one */
export function requireCount(name: string, value: number, least: number): number {
  if (value >= least && (Number.isInteger(value) || value === Number.POSITIVE_INFINITY)) return value;
  throw new TlsUsageError(`${name}: expected a whole number, ${least} or more, or Infinity, got ${value}`);
}

/** A limit for how many do something at once: above it, the oldest has to stop at once. */
export class Slots {
  readonly max: number;
  readonly #onDrop: () => void;
  /** In the order of their coming. */
  readonly #users = new Set<() => void>();

  /** @param onDrop told about each that had to stop */
  constructor(max: number, onDrop: () => void = () => {}) {
    this.max = max;
    this.#onDrop = onDrop;
  }

  get size(): number {
    return this.#users.size;
  }

  /** @param stop ends what begins here @returns ends the use of the slot */
  enter(stop: () => void): () => void {
    this.#users.add(stop);
    const [oldest] = this.#users;
    if (this.#users.size > this.max && oldest !== undefined) {
      this.#users.delete(oldest);
      oldest();
      this.#report();
    }
    return () => void this.#users.delete(stop);
  }

  /** What the one who is told does wrong is its own affair, and no connection's. */
  #report(): void {
    try {
      this.#onDrop();
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}

/** Why a handshake that was the oldest had to stop. */
export function tooManyHandshakes({ max }: Slots): BrokenError {
  return new BrokenError(`An unfinished handshake was dropped: more than ${max} were in flight`);
}
