import type { Socket } from 'node:net';
import { nodeError } from './errors.ts';

/** As `onread` of `net.Socket`: what is received goes into one buffer of the caller's instead of 'data'. */
export interface ReadBufferOptions {
  readonly buffer: Uint8Array | (() => Uint8Array);
  /** @returns false: no more before `resume()` */
  callback(length: number, buffer: Uint8Array): boolean;
}

/** Fills it, and asks for more, until the caller has had enough: by the callback, by `pause()`, or for good. */
export class ReadBuffer {
  readonly #options: ReadBufferOptions;
  readonly #socket: Socket;
  readonly #more: () => void;
  #into: Uint8Array;
  #rest: Uint8Array = new Uint8Array(0);
  /** Something was received and not all of it given, or no more was asked for. */
  #isStopped = false;

  constructor(options: ReadBufferOptions, socket: Socket, more: () => void) {
    this.#options = options;
    this.#socket = socket;
    this.#more = more;
    this.#into = this.#nextBuffer();
  }

  put(bytes: Uint8Array): void {
    this.#rest = bytes;
    this.#fill();
  }

  /** The caller wants more. */
  resume(): void {
    if (!this.#isStopped) return;
    this.#isStopped = false;
    this.#fill();
  }

  #fill(): void {
    const { callback } = this.#options;
    while (this.#rest.length > 0) {
      if (this.#mustStop()) return;
      const into = this.#into;
      if (into.length === 0) {
        this.#socket.destroy(nodeError('ENOBUFS', 'read ENOBUFS'));
        return;
      }
      const part = this.#rest.subarray(0, into.length);
      into.set(part);
      this.#rest = this.#rest.subarray(part.length);
      if (callback(part.length, into) === false) this.#isStopped = true;
      this.#into = this.#nextBuffer();
    }
    if (!this.#mustStop()) this.#more();
  }

  /** Asked for ahead, as Node does. */
  #nextBuffer(): Uint8Array {
    const { buffer } = this.#options;
    return typeof buffer === 'function' ? buffer() : buffer;
  }

  #mustStop(): boolean {
    if (this.#socket.isPaused()) this.#isStopped = true;
    return this.#isStopped || this.#socket.destroyed;
  }
}
