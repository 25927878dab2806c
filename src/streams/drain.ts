import { alertDrainTimeout, clientDrainBytes, drainTimeout, serverDrainBytes } from '../base/defaults.ts';
import { TlsUsageError } from '../base/errors.ts';
import type { Slots } from './slots.ts';
import { requireMilliseconds, startHoldingTimer } from './timer.ts';

/** How long and how much `close()` drains. */
export interface DrainOptions {
  /**
   * Milliseconds without progress of our own last bytes, of which the transport takes up to 128 KiB in one step, and then
   * until the peer's end; 30 000 by default.
   */
  readonly timeout?: number | undefined;
  /** Bytes from which on the drain pauses, and holds until the time is over; 16 MiB on a client, 1 MiB on a server. */
  readonly bytes?: number | undefined;
  /** Shared by streams that may drain only so many at once: those of one listener. */
  readonly slots?: Slots | undefined;
}

/** `DrainOptions` with every default filled in. */
export interface DrainLimits {
  readonly timeout: number;
  /** The same after a fatal alert. */
  readonly alertTimeout: number;
  readonly bytes: number;
  readonly slots: Slots | undefined;
}

/** @throws TlsUsageError naming the option */
export function drainLimits(role: 'client' | 'server', options?: DrainOptions): DrainLimits {
  return options === undefined ? defaultLimits[role] : limitsOf(role, options);
}

function limitsOf(role: 'client' | 'server', options: DrainOptions): DrainLimits {
  const {
    timeout = drainTimeout,
    bytes = role === 'client' ? clientDrainBytes : serverDrainBytes,
    slots,
  } = options;
  requireMilliseconds('drain.timeout', timeout);
  if (!(bytes >= 0)) throw new TlsUsageError(`drain.bytes: expected a number of bytes, got ${bytes}`);
  return { timeout, alertTimeout: Math.min(timeout, alertDrainTimeout), bytes, slots };
}

const defaultLimits = { client: limitsOf('client', {}), server: limitsOf('server', {}) };

/** The time bound of one drain. Keeps the process alive: what the kernel has not sent yet would be lost with it. */
export class DrainClock {
  readonly #timeout: number;
  readonly #onExpired: () => void;
  readonly #leave: (() => void) | undefined;
  #cancel: () => void;
  #state: 'running' | 'expired' | 'stopped' = 'running';

  constructor(timeout: number, slots: Slots | undefined, onExpired: () => void) {
    this.#timeout = timeout;
    this.#onExpired = onExpired;
    this.#cancel = startHoldingTimer(timeout, this.#expire);
    this.#leave = slots?.enter(this.#expire);
  }

  get expired(): boolean {
    return this.#state === 'expired';
  }

  /** The whole time again: the peer has taken something of ours. */
  restart(): void {
    if (this.#state !== 'running') return;
    this.#cancel();
    this.#cancel = startHoldingTimer(this.#timeout, this.#expire);
  }

  stop(): void {
    if (this.#state === 'running') this.#state = 'stopped';
    this.#cancel();
    this.#leave?.();
  }

  readonly #expire = (): void => {
    if (this.#state !== 'running') return;
    this.#state = 'expired';
    this.#cancel();
    this.#leave?.();
    this.#onExpired();
  };
}
