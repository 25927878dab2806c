import { BusyError, type Closed } from './errors.ts';

/** What an array costs beside its bytes, so that many small ones are bounded too. */
const overhead = 128;

/** A read that waits. */
interface Reader {
  readonly resolve: (bytes: Uint8Array | null) => void;
  readonly reject: (reason: unknown) => void;
  readonly signal: AbortSignal | undefined;
  readonly onAbort: (() => void) | undefined;
}

/** What was received and not yet read: bytes, then one sticky end or error. One reader may wait. */
export class Inbox {
  readonly #limit: number;
  readonly #arrays: Uint8Array[] = [];
  #cost = 0;
  #reader: Reader | undefined;
  #end: { readonly error: Error | undefined } | undefined;

  /** @param limit bytes from which on `hasRoom` is false */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get hasRoom(): boolean {
    return this.#cost < this.#limit;
  }

  get isEmpty(): boolean {
    return this.#arrays.length === 0;
  }

  /** A read is waiting. */
  get isAwaited(): boolean {
    return this.#reader !== undefined;
  }

  put(bytes: Uint8Array): void {
    if (this.#end !== undefined) return;
    const own = owned(bytes);
    if (this.#reader !== undefined) {
      this.#endReading()?.resolve(own);
    } else {
      this.#arrays.push(own);
      this.#cost += own.length + overhead;
    }
  }

  /** Behind what was put come the end (no error) or the error, for ever. */
  end(error?: Error): void {
    if (this.#end !== undefined) return;
    this.#end = { error };
    if (error !== undefined) this.#endReading()?.reject(error);
    else this.#endReading()?.resolve(null);
  }

  /** Throws away what nobody has read; from now on every read fails with the error of `closed`. */
  close(closed: Closed): void {
    this.#arrays.length = 0;
    this.#cost = 0;
    this.#end = closed;
    this.#endReading()?.reject(closed.error);
  }

  take(signal: AbortSignal | undefined): Promise<Uint8Array | null> {
    if (signal?.aborted === true) return Promise.reject(signal.reason);
    if (this.#reader !== undefined) {
      return Promise.reject(
        new BusyError('read() was called while another read is waiting: await that one first'),
      );
    }
    const bytes = this.#arrays.shift();
    if (bytes !== undefined) {
      this.#cost -= bytes.length + overhead;
      return Promise.resolve(bytes);
    }
    if (this.#end !== undefined) {
      const { error } = this.#end;
      return error === undefined ? Promise.resolve(null) : Promise.reject(error);
    }
    return this.#wait(signal);
  }

  /** Objects of a connection that is idle: as few as there can be. */
  #wait(signal: AbortSignal | undefined): Promise<Uint8Array | null> {
    return new Promise((resolve, reject) => {
      const onAbort = signal && (() => this.#endReading()?.reject(signal.reason));
      if (onAbort) signal.addEventListener('abort', onAbort, { once: true });
      this.#reader = { resolve, reject, signal, onAbort };
    });
  }

  #endReading(): Reader | undefined {
    const reader = this.#reader;
    this.#reader = undefined;
    if (reader?.onAbort) reader.signal?.removeEventListener('abort', reader.onAbort);
    return reader;
  }
}

/** `bytes` alone in an ArrayBuffer: what a reader gets may be transferred or kept without keeping more. */
export function owned(bytes: Uint8Array): Uint8Array {
  if (bytes.byteLength === bytes.buffer.byteLength && bytes.constructor === Uint8Array) return bytes;
  if (bytes.byteLength === bytes.buffer.byteLength) return new Uint8Array(bytes.buffer);
  const copy = new Uint8Array(bytes.length);
  copy.set(bytes);
  return copy;
}
