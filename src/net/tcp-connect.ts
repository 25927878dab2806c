import { createConnection, type LookupFunction, type Socket } from 'node:net';
import type { CallOptions } from '../streams/byte-stream.ts';
import type { DrainOptions } from '../streams/drain.ts';
import { BrokenError } from '../streams/errors.ts';
import { abortable } from '../streams/signals.ts';
import { addressesOf, requirePort } from './addresses.ts';
import { connectFirst } from './happy-eyeballs.ts';
import { TcpStream } from './tcp-stream.ts';

/** Where to connect to: a host and a port, or the path of a Unix socket. */
export type TcpTarget =
  | {
      readonly host: string;
      readonly port: number;
      /** Finds the addresses of a host, all of them or one; the system's way by default. */
      readonly lookup?: LookupFunction | undefined;
      readonly path?: undefined;
    }
  | { readonly path: string };

/**
 * Connects over TCP, or to a Unix socket. A host's addresses race for it, see {@link connectFirst}.
 *
 * @throws BrokenError with what went wrong at every address; TlsUsageError naming the option
 */
export async function connectTcp(
  target: TcpTarget,
  options: CallOptions & { readonly drain?: DrainOptions | undefined } = {},
): Promise<TcpStream> {
  const { signal, drain } = options;
  signal?.throwIfAborted();
  const socket = await (target.path === undefined
    ? connectHost(target.host, target.port, target.lookup, signal)
    : connectPath(target.path, signal));
  return new TcpStream(socket, { drain });
}

async function connectHost(
  host: string,
  port: number,
  lookup: LookupFunction | undefined,
  signal: AbortSignal | undefined,
): Promise<Socket> {
  requirePort(port);
  const addresses = await abortable(addressesOf(host, lookup), signal);
  const open = (address: string): Socket => createConnection({ host: address, port, allowHalfOpen: true });
  return connectFirst({ host, port, addresses }, { signal, open });
}

function connectPath(path: string, signal: AbortSignal | undefined): Promise<Socket> {
  const socket = createConnection({ path, allowHalfOpen: true });
  const connected = new Promise<Socket>((resolve, reject) => {
    const failed = (cause: Error): void => {
      reject(new BrokenError(`Could not connect to ${path}: ${cause.message}`, { cause }));
    };
    socket.on('error', failed);
    socket.once('connect', () => {
      socket.off('error', failed);
      resolve(socket);
    });
  });
  return abortable(connected, signal, () => socket.destroy());
}
