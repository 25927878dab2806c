import type { Socket } from 'node:net';
import { connectionAttemptDelay } from '../base/defaults.ts';
import { BrokenError } from '../streams/errors.ts';
import { startTimer } from '../streams/timer.ts';
import { formatPlace, type IpAddress } from './addresses.ts';

/** Whom to reach, and where that may be. */
export interface RaceTarget {
  readonly host: string;
  readonly port: number;
  /** In the order of the resolver, at least one. */
  readonly addresses: readonly IpAddress[];
}

export interface RaceOptions {
  readonly signal?: AbortSignal | undefined;
  /** Makes a socket that is connecting. */
  readonly open: (address: string, port: number) => Socket;
  /** Milliseconds that an attempt is alone before the next begins; 250 by default. */
  readonly attemptDelay?: number | undefined;
}

/**
 * Connects to the first address that answers (RFC 8305, happy eyeballs): families take turns, an attempt that fails
 * gives way at once, one that is slow gets a rival after a while and goes on beside it. Node's `autoSelectFamily`
 * gives a slow attempt up instead, and fails wherever all are slow.
 *
 * @throws BrokenError that names every address, port and reason; its `cause` is the reason, or of several an
 *   AggregateError; its `code` that of the first
 */
export function connectFirst(target: RaceTarget, options: RaceOptions): Promise<Socket> {
  const { port } = target;
  const { signal, open, attemptDelay = connectionAttemptDelay } = options;
  const queue = interleave(target.addresses);
  const running = new Set<Socket>();
  const failures: Failure[] = [];
  return new Promise((resolve, reject) => {
    let stopTimer = (): void => {};
    const end = (): void => {
      stopTimer();
      signal?.removeEventListener('abort', aborted);
      for (const socket of running) socket.destroy();
    };
    const aborted = (): void => {
      end();
      reject(signal?.reason);
    };
    const next = (): void => {
      stopTimer();
      const address = queue.shift();
      if (address !== undefined) {
        attempt(address.address);
        if (queue.length > 0) stopTimer = startTimer(attemptDelay, next);
      } else if (running.size === 0) {
        end();
        reject(allFailed(target, failures));
      }
    };
    const attempt = (address: string): void => {
      const socket = open(address, port);
      running.add(socket);
      // It stays to the end of the race and beyond: a loser that fails late has nobody else who listens.
      const failed = (cause: Error): void => {
        if (!running.delete(socket)) return;
        failures.push({ place: formatPlace(address, port), cause });
        next();
      };
      socket.on('error', failed);
      socket.once('connect', () => {
        if (!running.delete(socket)) return;
        end();
        socket.off('error', failed);
        resolve(socket);
      });
    };
    if (signal?.aborted === true) return aborted();
    signal?.addEventListener('abort', aborted, { once: true });
    next();
  });
}

interface Failure {
  readonly place: string;
  readonly cause: Error;
}

/** Families take turns, beginning with the resolver's first: one that is cut off costs one attempt only (RFC 8305 §4). */
function interleave(addresses: readonly IpAddress[]): IpAddress[] {
  const preferred = addresses.filter(({ family }) => family === addresses[0]?.family);
  const others = addresses.filter(({ family }) => family !== addresses[0]?.family);
  return addresses.flatMap((_, i) => [preferred[i], others[i]]).filter((address) => address !== undefined);
}

function allFailed({ host, port }: RaceTarget, failures: readonly Failure[]): BrokenError {
  const whole = formatPlace(host, port);
  const reasons = failures.map(({ place, cause }) => {
    const reason = codeOf(cause) ?? cause.message;
    return place === whole ? reason : `${place}: ${reason}`;
  });
  const message = `Could not connect to ${whole}: ${reasons.join('; ')}`;
  const causes = failures.map(({ cause }) => cause);
  if (causes.length === 1) return new BrokenError(message, { cause: causes[0] });
  const all = new AggregateError(causes, message);
  return new BrokenError(message, { cause: Object.assign(all, { code: codeOf(causes[0]) }) });
}

function codeOf(error: Error | undefined): string | undefined {
  return error !== undefined && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
