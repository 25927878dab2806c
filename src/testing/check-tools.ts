import type { ByteStream } from '../streams/byte-stream.ts';
import { startHoldingTimer } from '../streams/timer.ts';
import { joined } from './byte-queue.ts';
import { SeededRandom } from './random.ts';
import { rest } from './turn.ts';

/** What a check of a stream found. The message says what a stream must do, and what this one did. */
export class StreamCheckError extends Error {
  override readonly name = 'StreamCheckError';
}

/** What a check does with the two ends of a new connection. */
export type CheckBody = (sender: ByteStream, receiver: ByteStream, tools: CheckTools) => Promise<void>;

/** What a check is made of. Its name says what a stream must do. */
export interface CheckDefinition {
  readonly name: string;
  /** The sender's writes have to wait until the receiver reads. */
  readonly isClogged?: boolean;
  readonly body: CheckBody;
}

/** What one run of a check waits and looks with. */
export class CheckTools {
  readonly rest: () => Promise<void>;
  /** Rejects when a call that has to succeed does not, though the check may be waiting for another one. */
  readonly failed: Promise<never>;
  readonly #timeout: number;
  #fail!: (reason: unknown) => void;

  /** @param timeout milliseconds that a call may take @param letRest lets everything happen that can happen without us */
  constructor(timeout: number, letRest: () => Promise<void> = rest) {
    this.#timeout = timeout;
    this.rest = letRest;
    this.failed = unwatched(
      new Promise((_, reject) => {
        this.#fail = reject;
      }),
    );
  }

  /** What `call` gives. @throws StreamCheckError if it does not settle, or rejects */
  gives<T>(call: Promise<T>, what: string): Promise<T> {
    const given = this.#gives(call, what);
    given.catch(this.#fail);
    return given;
  }

  async #gives<T>(call: Promise<T>, what: string): Promise<T> {
    try {
      return await this.#inTime(call, what);
    } catch (cause) {
      if (cause instanceof StreamCheckError) throw cause;
      throw new StreamCheckError(`${what} must succeed, but rejected with ${shown(cause)}`, { cause });
    }
  }

  /** Gives the reason. @throws StreamCheckError if `call` does not reject, or not with what `expected` takes */
  async rejects(call: Promise<unknown>, what: string, expected: Expected): Promise<unknown> {
    let value: unknown;
    try {
      value = await this.#inTime(call, what);
    } catch (reason) {
      if (reason instanceof StreamCheckError) throw reason;
      if (expected.takes(reason)) return reason;
      throw new StreamCheckError(
        `${what} must reject with ${expected.name}, but rejected with ${shown(reason)}`,
        {
          cause: reason,
        },
      );
    }
    throw new StreamCheckError(`${what} must reject with ${expected.name}, but gave ${shown(value)}`);
  }

  /** @throws StreamCheckError if `call` is settled after a rest */
  async waits(call: Promise<unknown>, what: string): Promise<void> {
    let isSettled = false;
    const settle = (): void => {
      isSettled = true;
    };
    call.then(settle, settle);
    await this.rest();
    must(!isSettled, `${what} must wait, but it has settled`);
  }

  /** `length` bytes, or more where reads give more. */
  async readAtLeast(stream: ByteStream, length: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    for (let count = 0; count < length; ) {
      const bytes = await this.readSome(stream);
      if (bytes === null)
        throw new StreamCheckError(`the end must not come after ${count} of ${length} bytes`);
      parts.push(bytes);
      count += bytes.length;
    }
    return joined(parts);
  }

  async readToEnd(stream: ByteStream): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    for (let bytes = await this.readSome(stream); bytes !== null; bytes = await this.readSome(stream))
      parts.push(bytes);
    return joined(parts);
  }

  async readSome(stream: ByteStream): Promise<Uint8Array | null> {
    const bytes = await this.gives(stream.read(), 'read()');
    must(
      bytes === null || bytes instanceof Uint8Array,
      `read() must give a Uint8Array or null, not ${shown(bytes)}`,
    );
    must(bytes?.length !== 0, 'read() must not give an empty array');
    return bytes;
  }

  /** Reads `expected`, and nothing else. */
  async readsExactly(stream: ByteStream, expected: Uint8Array): Promise<void> {
    same(await this.readAtLeast(stream, expected.length), expected);
  }

  /** Writes while the other end reads: a stream need not have a buffer. */
  async transfers(from: ByteStream, to: ByteStream, bytes: Uint8Array): Promise<void> {
    const written = this.gives(from.write(bytes), 'write()');
    await Promise.all([written, this.readsExactly(to, bytes)]);
  }

  /** Writes again and again until that fails, and gives the reason. */
  async writesUntilBroken(stream: ByteStream, what: string): Promise<unknown> {
    for (let i = 0; i < 200; i++) {
      const reason = await this.#inTime(stream.write(new Uint8Array(100)), `write() ${what}`).then(
        () => undefined,
        (error: unknown) => error ?? new Error('undefined'),
      );
      if (reason instanceof StreamCheckError) throw reason;
      if (reason !== undefined) return reason;
      await this.rest();
    }
    throw new StreamCheckError(`writes ${what} must reject at some time, but 200 of them succeeded`);
  }

  #inTime<T>(call: Promise<T>, what: string): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const cancel = startHoldingTimer(this.#timeout, () =>
        reject(new StreamCheckError(`${what} must settle, but still waits after ${this.#timeout} ms`)),
      );
      call.then(resolve, reject).finally(cancel);
    });
  }
}

/** Which errors a check takes. */
export interface Expected {
  readonly name: string;
  takes(reason: unknown): boolean;
}

export const closedError: Expected = {
  name: 'ClosedError',
  takes: (reason) => isNamed(reason, 'ClosedError'),
};
export const busyError: Expected = { name: 'BusyError', takes: (reason) => isNamed(reason, 'BusyError') };
/** A stream that encrypts may know better why its transport broke. */
export const brokenError: Expected = {
  name: 'BrokenError (or an error of TLS)',
  takes: (reason) =>
    isNamed(reason, 'BrokenError') || (reason instanceof Error && reason.name.startsWith('Tls')),
};

export function theReason(expected: unknown): Expected {
  return { name: "the signal's reason", takes: (reason) => reason === expected };
}

/** @throws StreamCheckError */
export function must(condition: boolean, message: string): void {
  if (!condition) throw new StreamCheckError(message);
}

/** @throws StreamCheckError */
export function same(actual: Uint8Array, expected: Uint8Array): void {
  const length = Math.min(actual.length, expected.length);
  for (let i = 0; i < length; i++) {
    if (actual[i] === expected[i]) continue;
    throw new StreamCheckError(
      `what is read must be what was written, but byte ${i} of ${expected.length} differs`,
    );
  }
  must(
    actual.length === expected.length,
    `what is read must be what was written: ${expected.length} bytes, but ${actual.length} came`,
  );
}

/** A call that is expected to fail, or need not succeed, and that nobody waits for yet. */
export function unwatched<T>(call: Promise<T>): Promise<T> {
  call.catch(() => {});
  return call;
}

/** Bytes that tell where they are. */
export function numbered(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = i * 7 + (i >> 8) * 13;
  return bytes;
}

/** `bytes` in pieces of random length. */
export function pieces(bytes: Uint8Array, longest: number, seed: number): readonly Uint8Array[] {
  const random = new SeededRandom(seed);
  const parts: Uint8Array[] = [];
  for (let offset = 0; offset < bytes.length; ) {
    const part = bytes.subarray(offset, offset + random.integer(1, longest));
    parts.push(part);
    offset += part.length;
  }
  return parts;
}

function isNamed(reason: unknown, name: string): boolean {
  return reason instanceof Error && reason.name === name;
}

function shown(value: unknown): string {
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  return value instanceof Error ? `${value.name}: ${value.message}` : String(value);
}
