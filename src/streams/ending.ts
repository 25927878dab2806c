import { TlsTimeoutError } from '../base/errors.ts';
import type { CloseReport } from './byte-stream.ts';
import { DrainClock, type DrainLimits } from './drain.ts';
import { BrokenError, type Closed, ClosedError } from './errors.ts';
import type { Link } from './link.ts';
import type { WriteQueue } from './write-queue.ts';

/**
 * How a connection ends without loss: whatever is last written, then our end of stream behind it, and meanwhile
 * everything that the peer sends is read and thrown away until its end, so that our kernel does not answer it with
 * a reset (RFC 9293 §3.6.1), which would destroy what the peer has not read yet.
 */
export class Ending {
  readonly #link: Link;
  readonly #writes: WriteQueue;
  readonly #limits: DrainLimits;
  #lingering: Promise<void> | undefined;
  #clock: DrainClock | undefined;
  #isSayingFarewell = false;
  /** Our end of stream, and all before it, was handed to the transport; or why that failed. */
  #farewell: { readonly error: BrokenError | undefined } | undefined;

  constructor(link: Link, writes: WriteQueue, limits: DrainLimits) {
    this.#link = link;
    this.#writes = writes;
    this.#limits = limits;
  }

  /** The end after a fatal alert, in the background: the alert alone, and a shorter time, so that the peer can read it. */
  linger(fatal: Error): void {
    // Nothing was said to a peer that moved no more, and nobody may take what it was sent for everything.
    const isIdle = fatal instanceof TlsTimeoutError && fatal.deadline === 'idle';
    if (fatal instanceof BrokenError || isIdle) {
      this.#link.stop(fatal);
      this.#link.transport.destroy();
    } else {
      this.#lingering ??= this.#linger(fatal);
    }
  }

  /** The end that the application asked for. Called once. @param closed what later calls fail with */
  async close(closed: Closed): Promise<CloseReport> {
    const link = this.#link;
    // It ends already, in its own time and with a slot of its own.
    if (link.fatal !== undefined) return this.#endAfter(link.fatal);
    const clock = this.#startClock(this.#limits.timeout);
    link.onProgress = () => clock.restart();
    try {
      // Reading before the last write, or two sides with small buffers would wait for each other.
      if (this.#writes.isIdle && !link.handshake.settled) this.#callOffHandshake();
      else link.drain();
      await link.changes.until(() => this.#writes.isIdle || this.#isHopeless(clock));
      if (!this.#isHopeless(clock)) void this.#sayFarewell();
      await link.changes.until(() => this.#isDone() || this.#isHopeless(clock));
      return await this.#finish(clock, closed);
    } finally {
      clock.stop();
      link.onProgress = () => {};
    }
  }

  async #endAfter(fatal: Error): Promise<never> {
    await this.#lingering;
    throw fatal;
  }

  async #linger(fatal: Error): Promise<void> {
    const link = this.#link;
    const clock = this.#startClock(this.#limits.alertTimeout);
    link.discard();
    void this.#handOver();
    await link.changes.until(() => this.#isDone() || clock.expired || link.isStopped);
    await this.#release(clock, fatal);
    clock.stop();
  }

  /** Nobody wrote and nobody will: only those who wait for the handshake itself are told. */
  #callOffHandshake(): void {
    this.#link.handshake.reject(new ClosedError('The stream was closed during its handshake'));
    this.#link.engine.closeWrite();
    this.#link.discard();
  }

  #sayFarewell(): Promise<void> {
    this.#link.engine.closeWrite();
    return this.#handOver();
  }

  async #handOver(): Promise<void> {
    this.#isSayingFarewell = true;
    this.#farewell = { error: await this.#link.endOutput() };
    this.#link.changes.notify();
  }

  /** One at a time: a connection takes one slot, also if it fails while it closes. */
  #startClock(timeout: number): DrainClock {
    this.#clock?.stop();
    this.#clock = new DrainClock(timeout, this.#limits.slots, () => this.#link.changes.notify());
    return this.#clock;
  }

  /** Both directions are over. */
  #isDone(): boolean {
    return this.#farewell !== undefined && this.#link.inputEnd !== undefined;
  }

  /** What remains would not help any more. */
  #isHopeless(clock: DrainClock): boolean {
    const { fatal, isStopped, inputEnd, peerEnded, writeHalf } = this.#link;
    if (fatal !== undefined || isStopped || clock.expired) return true;
    if (inputEnd?.error !== undefined && !peerEnded) return true;
    if (this.#farewell?.error !== undefined) return true;
    return !this.#isSayingFarewell && writeHalf.isBlown;
  }

  async #finish(clock: DrainClock, closed: Closed): Promise<CloseReport> {
    const link = this.#link;
    const { fatal, inputEnd, peerEnded } = link;
    const broken = link.writeHalf.reason;
    if (fatal !== undefined) {
      clock.stop();
      return this.#endAfter(fatal);
    }
    if (link.isStopped) throw new ClosedError('The stream was destroyed while it was closing');
    const unsent = this.#farewell === undefined;
    await this.#release(clock, closed);
    if (inputEnd?.error !== undefined && !peerEnded) throw inputEnd.error;
    if (this.#farewell?.error !== undefined) {
      // The peer has already said its last: that our farewell does not reach it any more loses nothing.
      if (peerEnded || inputEnd !== undefined) return this.#report('reset');
      throw this.#farewell.error;
    }
    if (unsent && broken !== undefined) throw broken;
    if (unsent) throw this.#timeoutError();
    if (inputEnd === undefined) return this.#report('timeout');
    if (inputEnd.error !== undefined) return this.#report('reset');
    return this.#report(peerEnded ? 'close_notify' : 'fin');
  }

  /** Gives the transport back: politely where both directions are over, at once where they are not. */
  async #release(clock: DrainClock, reason: Error | Closed): Promise<void> {
    const { transport, changes, inputEnd } = this.#link;
    const isClean = this.#farewell?.error === undefined && this.#isDone() && inputEnd?.error === undefined;
    this.#link.stop(reason);
    if (!isClean || clock.expired) return transport.destroy();
    let isReleased = false;
    const settled = (): void => {
      isReleased = true;
      changes.notify();
    };
    transport.close().then(settled, settled);
    await changes.until(() => isReleased || clock.expired);
    if (!isReleased) transport.destroy();
  }

  #report(ended: CloseReport['ended']): CloseReport {
    return { ended, discardedBytes: this.#link.drainedBytes };
  }

  #timeoutError(): TlsTimeoutError {
    const { timeout } = this.#limits;
    return new TlsTimeoutError(
      'drain',
      `close() gave up before all that was written was handed over: the peer did not take it in time (${timeout} ms)`,
    );
  }
}
