import { createConnection, type LookupFunction } from 'node:net';
import type { CallOptions } from '../streams/byte-stream.ts';
import type { DrainOptions } from '../streams/drain.ts';
import { BrokenError } from '../streams/errors.ts';
import { TcpStream } from './tcp-stream.ts';

/** Where to connect to: a host and a port, or the path of a Unix socket. */
export type TcpTarget =
  | {
      readonly host: string;
      readonly port: number;
      /** Finds the addresses of a host; the system's way by default. */
      readonly lookup?: LookupFunction | undefined;
      readonly path?: undefined;
    }
  | { readonly path: string };

/**
 * Connects over TCP, or to a Unix socket. All addresses of a host are tried, one after the other.
 *
 * @throws BrokenError with what went wrong at every address
 */
export function connectTcp(
  target: TcpTarget,
  options: CallOptions & { readonly drain?: DrainOptions | undefined } = {},
): Promise<TcpStream> {
  const { signal, drain } = options;
  if (signal?.aborted === true) return Promise.reject(signal.reason);
  const socket = createConnection(
    target.path === undefined
      ? {
          host: target.host,
          port: target.port,
          ...(target.lookup && { lookup: target.lookup }),
          allowHalfOpen: true,
          autoSelectFamily: true,
        }
      : { path: target.path, allowHalfOpen: true },
  );
  return new Promise((resolve, reject) => {
    const leave = (): void => {
      socket.off('connect', connected);
      socket.off('error', failed);
      signal?.removeEventListener('abort', aborted);
    };
    const connected = (): void => {
      leave();
      resolve(new TcpStream(socket, { drain }));
    };
    const failed = (cause: Error): void => {
      leave();
      const place = target.path ?? `${target.host}:${target.port}`;
      reject(new BrokenError(`Could not connect to ${place}: ${reasons(cause)}`, { cause }));
    };
    const aborted = (): void => {
      leave();
      socket.destroy();
      reject(signal?.reason);
    };
    socket.on('connect', connected);
    socket.on('error', failed);
    signal?.addEventListener('abort', aborted, { once: true });
  });
}

/** What happened at each address that was tried. */
function reasons(cause: Error): string {
  const causes: readonly unknown[] = cause instanceof AggregateError ? cause.errors : [cause];
  return causes.map((one) => (one instanceof Error ? one.message : String(one))).join('; ');
}
