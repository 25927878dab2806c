import { drainTimeout } from '../base/defaults.ts';
import { TlsError } from '../base/errors.ts';
import { BrokenError, ClosedError } from '../streams/errors.ts';
import { requireMilliseconds, startHoldingTimer } from '../streams/timer.ts';
import type { TlsStream } from '../streams/tls-stream.ts';
import { nextTurn } from '../streams/turns.ts';
import type { TlsListener } from './listen.ts';

export interface ServeOptions {
  /**
   * Stops accepting, and lets the connections that were accepted come to their end: one that is still in its handshake
   * finishes it and is served. What was waiting to be accepted is dropped.
   */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds that they have for it before they are destroyed; 30 000 by default. */
  readonly shutdownTimeout?: number | undefined;
  /**
   * Told about each connection that failed, and about each handler that did. Without it failed connections are
   * nobody's business and failed handlers a warning of the process.
   */
  readonly onError?: ((error: unknown, stream: TlsStream) => void) | undefined;
}

/**
 * Calls `handler` with every connection after its handshake, and closes it when the handler is done; if the handler
 * fails, it destroys it, so that the peer does not take what was written for all there is.
 *
 * @returns when the listener is closed (which `signal` does) and all connections have ended, or their time is over:
 *   handlers that do not come back even though their stream is destroyed are left alone
 * @throws what `onError` throws; TlsUsageError naming the option
 */
export async function serve(
  listener: TlsListener,
  handler: (stream: TlsStream) => Promise<void> | void,
  options: ServeOptions = {},
): Promise<void> {
  const { signal, shutdownTimeout = drainTimeout, onError = warn } = options;
  requireMilliseconds('shutdownTimeout', shutdownTimeout);
  const running = new Map<TlsStream, Promise<void>>();
  let failure: { readonly reason: unknown } | undefined;
  const stop = (): void => void listener.close();
  signal?.addEventListener('abort', stop, { once: true });
  if (signal?.aborted === true) stop();
  for await (const stream of listener) {
    const done = serveOne(stream, handler, onError)
      .catch((reason: unknown) => {
        failure ??= { reason };
        stop();
      })
      .finally(() => running.delete(stream));
    running.set(stream, done);
  }
  signal?.removeEventListener('abort', stop);
  await allSettled(running, shutdownTimeout);
  if (failure !== undefined) throw failure.reason;
}

async function serveOne(
  stream: TlsStream,
  handler: (stream: TlsStream) => Promise<void> | void,
  onError: (error: unknown, stream: TlsStream) => void,
): Promise<void> {
  try {
    await stream.handshake();
    await handler(stream);
    await stream.close();
  } catch (error) {
    if (stream.failure === undefined) stream.destroy();
    onError(error, stream);
    // What failed for a TLS reason ends by itself: the peer has to have time to read its alert, at a shutdown too.
    if (stream.failure !== undefined) await stream.close().catch(() => {});
  }
}

/** Waits for all, destroys what is left after the time, and leaves handlers alone that do not come back even then. */
async function allSettled(running: ReadonlyMap<TlsStream, Promise<void>>, timeout: number): Promise<void> {
  if (running.size === 0) return;
  let stopTimer = (): void => {};
  const expired = new Promise<void>((resolve) => {
    stopTimer = startHoldingTimer(timeout, resolve);
  });
  await Promise.race([Promise.all(running.values()), expired]);
  stopTimer();
  for (const stream of running.keys()) stream.destroy();
  // Those that waited for their stream come back now, and what they tell is told before we return.
  await Promise.race([Promise.all(running.values()), nextTurn()]);
}

function warn(error: unknown): void {
  if (error instanceof TlsError || error instanceof BrokenError || error instanceof ClosedError) return;
  process.emitWarning(error instanceof Error ? error : String(error));
}
