/** As `onread` of `net.Socket`: what is received goes into one buffer of the caller's instead of 'data'. */
export interface ReadBufferOptions {
  readonly buffer: Uint8Array | (() => Uint8Array);
  /** @returns false: no more before `resume()` */
  callback(length: number, buffer: Uint8Array): boolean;
}

/** Fills it, and asks for more, until the caller has had enough. */
export class ReadBuffer {
  readonly #options: ReadBufferOptions;
  readonly #more: () => void;
  #rest: Uint8Array | undefined;
  #isPaused = false;

  constructor(options: ReadBufferOptions, more: () => void) {
    this.#options = options;
    this.#more = more;
  }

  put(bytes: Uint8Array): void {
    this.#rest = bytes;
    this.#fill();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#fill();
  }

  #fill(): void {
    const { buffer, callback } = this.#options;
    while (this.#rest !== undefined && this.#rest.length > 0) {
      if (this.#isPaused) return;
      const into = typeof buffer === 'function' ? buffer() : buffer;
      const part = this.#rest.subarray(0, into.length);
      into.set(part);
      this.#rest = this.#rest.subarray(part.length);
      if (callback(part.length, into) === false) this.#isPaused = true;
    }
    if (!this.#isPaused) this.#more();
  }
}
