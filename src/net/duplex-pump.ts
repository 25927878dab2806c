import type { Duplex } from 'node:stream';
import type { ByteStream } from '../streams/byte-stream.ts';
import { startTimer } from '../streams/timer.ts';

/** How long the error of a write is kept back while nothing is read, milliseconds. */
const errorHoldTimeout = 1_000;

type Callback = (error?: Error | null) => void;

/** What goes into a duplex of Node's, and what it is told. */
export interface DuplexEnds {
  /** Gives the consumer what was received. */
  deliver(bytes: Uint8Array): void;
  /** Gives the consumer the end. */
  end(): void;
  /** The error that the consumer gets for one of the stream's. */
  errorOf(error: Error): Error;
  /** Whether a failure of reading is taken for an end; none is, where this is not given. */
  isEnd?(error: Error): boolean;
  /** Whether the end, or what the reading failed for, has to wait for what was delivered before: until more is asked for. */
  hasMore?(): boolean;
}

/**
 * Carries bytes between a stream and the duplex that stands before it. Where a stream has two halves, Node's duplex has
 * one fate: an error of either side destroys both. So a read that fails ends the writing too, and a write that fails
 * would cost what was received and not yet read. As long as somebody listens for 'data' or 'readable', the error of a
 * write is therefore kept back until all that was received is read, or nothing was read for a second: what a consumer
 * leaves longer is lost. Who only writes gets the error at once.
 */
export class DuplexPump {
  readonly #duplex: Duplex;
  readonly #stream: ByteStream;
  readonly #ends: DuplexEnds;
  /** The stream gave its end, or failed. */
  #inputEnd: { readonly error: Error | undefined } | undefined;
  #isOutputEnded = false;
  /** Reports an error of writing that was kept back. */
  #reportHeld: (() => void) | undefined;
  #stopHolding: () => void = () => {};

  constructor(duplex: Duplex, stream: ByteStream, ends: DuplexEnds) {
    this.#duplex = duplex;
    this.#stream = stream;
    this.#ends = ends;
  }

  /** Both directions have come to a good end. */
  get isDone(): boolean {
    return this.#isOutputEnded && this.#inputEnd !== undefined && this.#inputEnd.error === undefined;
  }

  /** One read of the stream, for the duplex's `_read`. */
  read(): void {
    if (this.#inputEnd !== undefined) {
      this.#giveEnd();
      return;
    }
    this.#holdOn();
    whenSettled(
      this.#stream.read(),
      (bytes) => {
        this.#holdOn();
        if (bytes === null) this.#endInput(undefined);
        else this.#ends.deliver(bytes);
      },
      (error) => this.#endInput(this.#ends.isEnd?.(error) ? undefined : error),
    );
  }

  write(data: Uint8Array | readonly Uint8Array[], callback: Callback): void {
    this.#settle(this.#stream.write(data), callback);
  }

  endOutput(callback: Callback): void {
    this.#settle(this.#stream.closeWrite(), (error) => {
      this.#isOutputEnded = !error;
      callback(error);
    });
  }

  /** The duplex is destroyed: nothing is kept back any more. */
  stop(): void {
    this.#stopHolding();
    this.#reportHeld?.();
  }

  #endInput(error: Error | undefined): void {
    this.#inputEnd = { error };
    this.#giveEnd();
  }

  #giveEnd(): void {
    const error = this.#inputEnd?.error;
    if (this.#ends.hasMore?.() || (error !== undefined && this.#duplex.readableLength > 0)) {
      // Gives nothing, but lets Node ask again when what it holds has been read: an error would throw that away.
      this.#duplex.push(new Uint8Array(0));
    } else if (error === undefined) {
      this.#ends.end();
    } else {
      this.#reportHeld?.();
      this.#duplex.destroy(this.#ends.errorOf(error));
    }
  }

  #settle(done: Promise<void>, callback: Callback): void {
    whenSettled(
      done,
      () => callback(),
      (error) => this.#failWriting(this.#ends.errorOf(error), callback),
    );
  }

  #failWriting(error: Error, callback: Callback): void {
    const duplex = this.#duplex;
    const isRead = duplex.listenerCount('data') > 0 || duplex.listenerCount('readable') > 0;
    if (!isRead || duplex.readableEnded || duplex.destroyed) {
      callback(error);
      return;
    }
    this.#reportHeld = () => {
      this.#reportHeld = undefined;
      this.#stopHolding();
      callback(error);
    };
    duplex.once('end', this.#reportHeld);
    this.#holdOn();
  }

  /** The time begins again. */
  #holdOn(): void {
    this.#stopHolding();
    if (this.#reportHeld === undefined) return;
    this.#stopHolding = startTimer(errorHoldTimeout, () => this.#reportHeld?.());
  }
}

/** Calls back outside the promise: what a listener throws is an uncaught exception, as in all of Node, no rejection. */
export function whenSettled<T>(
  promise: Promise<T>,
  done: (value: T) => void,
  failed: (error: Error) => void,
): void {
  promise.then(
    (value) => queueMicrotask(() => done(value)),
    (error) => queueMicrotask(() => failed(error)),
  );
}
