/**
 * Settles as `promise` does, or rejects with the signal's reason as soon as it fires, and then calls `onAbort`.
 * The caller has already looked whether the signal is aborted. Leaves no listener behind.
 */
export function abortable<T>(
  promise: Promise<T>,
  signal: AbortSignal | undefined,
  onAbort: () => void = () => {},
): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise<T>((resolve, reject) => {
    const abort = (): void => {
      reject(signal.reason);
      onAbort();
    };
    const settled = (): void => signal.removeEventListener('abort', abort);
    signal.addEventListener('abort', abort, { once: true });
    // First: an abort behind the outcome is none.
    promise.then(settled, settled);
    promise.then(resolve, reject);
  });
}
