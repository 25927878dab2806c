import { nothing } from '../base/nothing.ts';

/** A promise that somebody else settles. Nobody has to wait for it: its rejection alone is never "unhandled". */
export class Deferred<T> {
  readonly promise: Promise<T>;
  #resolve!: (value: T) => void;
  #reject!: (reason: unknown) => void;
  #settled = false;

  constructor() {
    this.promise = new Promise<T>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.promise.catch(() => {});
  }

  get settled(): boolean {
    return this.#settled;
  }

  resolve(value: T): void {
    this.#resolve(value);
    this.#settle();
  }

  reject(reason: unknown): void {
    this.#reject(reason);
    this.#settle();
  }

  /** The promise's own functions are let go of: most outlive what they are for by hours. */
  #settle(): void {
    this.#settled = true;
    this.#resolve = nothing;
    this.#reject = nothing;
  }
}
