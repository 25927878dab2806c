import { TlsUsageError } from '../base/errors.ts';

/** The longest time that setTimeout can count. */
const maxDelay = 2 ** 31 - 1;

/** @throws TlsUsageError where `value` is no time: Infinity is one */
export function requireMilliseconds(name: string, value: number): number {
  if (value >= 0) return value;
  throw new TlsUsageError(`${name}: expected milliseconds, 0 or more, got ${value}`);
}

/** Calls back once after `milliseconds`; never if they are Infinity. Does not keep a process alive. */
export function startTimer(milliseconds: number, callback: () => void): () => void {
  return start(milliseconds, callback, false);
}

/** The same, and keeps a process alive until then. */
export function startHoldingTimer(milliseconds: number, callback: () => void): () => void {
  return start(milliseconds, callback, true);
}

function start(milliseconds: number, callback: () => void, holds: boolean): () => void {
  if (milliseconds === Number.POSITIVE_INFINITY) return () => {};
  const timer: unknown = setTimeout(callback, Math.min(milliseconds, maxDelay));
  // Node's timers are objects, elsewhere they are numbers.
  if (!holds && typeof timer === 'object') (timer as { unref?: () => void } | null)?.unref?.();
  return () => clearTimeout(timer as number);
}
