import { TlsError } from '../base/errors.ts';

/** The stream was closed or destroyed by its own side. */
export class ClosedError extends Error {
  override readonly name = 'ClosedError';
}

/**
 * Why nothing goes any more where a stream was closed by its own side. Its error is made when the first one meets it:
 * most connections end without anybody, and its stack costs as much as a record.
 */
export class Closed {
  readonly #message: string;
  #error: ClosedError | undefined;

  constructor(message: string) {
    this.#message = message;
  }

  /** The same for everybody. */
  get error(): ClosedError {
    this.#error ??= new ClosedError(this.#message);
    return this.#error;
  }
}

/** It as an error, made now where nobody has met it yet. */
export function errorOf(reason: Error | Closed): Error {
  return reason instanceof Closed ? reason.error : reason;
}

/** The transport broke, or a write was aborted: `cause` says how, `code` is the system's (`ECONNRESET`) if there is one. */
export class BrokenError extends Error {
  override readonly name = 'BrokenError';
  readonly code: string | undefined;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = codeOf(options?.cause);
  }
}

/** Two calls at once where only one may wait: a mistake of the caller, decided at the call. */
export class BusyError extends Error {
  override readonly name = 'BusyError';
}

/** `error` of a transport as a `BrokenError`; one that already is stays the same object. */
export function brokenBy(error: unknown, what: string): BrokenError {
  if (error instanceof BrokenError) return error;
  const code = codeOf(error);
  const reason = error instanceof Error ? error.message : String(error);
  return new BrokenError(
    `${what}: ${code !== undefined && !reason.includes(code) ? `${code}: ` : ''}${reason}`,
    {
      cause: error,
    },
  );
}

/** What a stream rejects with where the one below gave `error`: a TLS reason as it is, anything else as a `BrokenError`. */
export function reasonOf(error: unknown, what: string): Error {
  return error instanceof TlsError ? error : brokenBy(error, what);
}

function codeOf(cause: unknown): string | undefined {
  if (typeof cause !== 'object' || cause === null || !('code' in cause)) return undefined;
  return typeof cause.code === 'string' ? cause.code : undefined;
}
