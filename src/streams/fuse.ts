import { TlsError } from '../base/errors.ts';
import { Closed, ClosedError, errorOf } from './errors.ts';

/** Blows once, for good: everything that it guards, and everything that comes later, fails with its reason. */
export class Fuse {
  /** None while nothing is guarded: an idle connection has several fuses. */
  #guarded: Set<(reason: unknown) => void> | undefined;
  #reason: Error | Closed | undefined;

  get isBlown(): boolean {
    return this.#reason !== undefined;
  }

  get reason(): Error | undefined {
    return this.#reason && errorOf(this.#reason);
  }

  /** A later reason replaces an earlier one only if it says more: our own close, then TLS, then the transport. */
  blow(reason: Error | Closed): void {
    if (this.#reason === undefined || rank(reason) > rank(this.#reason)) this.#reason = reason;
    const guarded = this.#guarded;
    if (guarded === undefined) return;
    this.#guarded = undefined;
    for (const fail of guarded) fail(this.reason);
  }

  /** @throws the reason, if blown */
  check(): void {
    if (this.#reason !== undefined) throw this.reason;
  }

  /** Settles as `promise` does, unless the fuse blows first. */
  guard<T>(promise: Promise<T>): Promise<T> {
    // Its own outcome is nobody's any more.
    if (this.#reason !== undefined) promise.catch(() => {});
    return this.promise((resolve, reject) => promise.then(resolve, reject));
  }

  /** What `start` settles, unless the fuse blows first. If it has blown, nothing starts. */
  promise<T>(start: (resolve: (value: T) => void, reject: (reason: unknown) => void) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#reason !== undefined) {
        reject(this.reason);
        return;
      }
      this.#guarded = (this.#guarded ?? new Set()).add(reject);
      start(
        (value) => {
          this.#release(reject);
          resolve(value);
        },
        (reason) => {
          this.#release(reject);
          reject(reason);
        },
      );
    });
  }

  #release(reject: (reason: unknown) => void): void {
    this.#guarded?.delete(reject);
    if (this.#guarded?.size === 0) this.#guarded = undefined;
  }
}

function rank(reason: Error | Closed): number {
  if (reason instanceof Closed || reason instanceof ClosedError) return 2;
  return reason instanceof TlsError ? 1 : 0;
}
