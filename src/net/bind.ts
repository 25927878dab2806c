import { createServer, type LookupFunction, type Server, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { TlsUsageError } from '../base/errors.ts';
import type { PeerAddress } from '../streams/byte-stream.ts';
import { BrokenError } from '../streams/errors.ts';
import { addressesOf, formatPlace, type IpAddress, requirePort } from './addresses.ts';
import { reset } from './tcp-stream.ts';

/** Where to listen: on a port of one address or several, or on the path of a Unix socket. */
export interface ListenPlace {
  /** 0 picks one that is free on all addresses. */
  readonly port?: number | undefined;
  /**
   * An address of this machine, a name (all its addresses), or several of them, which share the port. All of the
   * machine by default. `::` takes IPv4 too, unless an IPv4 address stands beside it.
   */
  readonly host?: string | readonly string[] | undefined;
  /** Finds the addresses of names, as `dns.lookup` does, which is the default. */
  readonly lookup?: LookupFunction | undefined;
  /** A Unix socket instead of TCP. */
  readonly path?: string | undefined;
}

/** A socket that listens. What connects before `start` is kept for it: other addresses may still be bound meanwhile. */
export class ListeningSocket {
  /** Of a Unix socket: its path as `host`, and port 0. */
  readonly address: PeerAddress;
  readonly #server: Server;
  readonly #early: Socket[] = [];
  #take = (socket: Socket): void => void this.#early.push(socket);
  #fail: (cause: Error) => void = () => {};

  /** @param server listening, made with `allowHalfOpen` and `pauseOnConnect` */
  constructor(server: Server) {
    this.#server = server;
    const address = server.address();
    this.address =
      address === null || typeof address === 'string'
        ? { host: address ?? '', port: 0 }
        : { host: address.address, port: address.port };
    server.on('connection', (socket) => this.#take(socket));
    server.on('error', (cause) => this.#fail(cause));
  }

  /** @param fail told when a connection could not be accepted, which ends nothing */
  start(take: (socket: Socket) => void, fail: (cause: Error) => void): void {
    this.#take = take;
    this.#fail = fail;
    for (const socket of this.#early.splice(0)) take(socket);
  }

  /** Resolves when the place is free again: not before the connections that were accepted are gone. */
  close(): Promise<void> {
    for (const socket of this.#early.splice(0)) reset(socket);
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}

/** How often another port is tried where the one that was free on the first address is taken on another. */
const maxPortTries = 16;

/**
 * Sockets that listen, one for each address, all or none.
 *
 * @throws BrokenError that says which address cannot be had; TlsUsageError naming the option
 */
export async function bind({
  port = 0,
  host,
  lookup,
  path,
}: ListenPlace): Promise<readonly ListeningSocket[]> {
  if (path !== undefined) return [await listenOne(path, { path })];
  requirePort(port);
  // Node knows whether this machine has IPv6.
  if (host === undefined) return [await listenOne(`port ${port}`, { port })];
  const addresses = await allAddresses(typeof host === 'string' ? [host] : host, lookup);
  for (let tries = 1; ; tries++) {
    const error = await tryAll(addresses, port);
    if (!(error instanceof BrokenError)) return error;
    if (port !== 0 || addresses.length === 1 || error.code !== 'EADDRINUSE' || tries === maxPortTries)
      throw error;
  }
}

async function allAddresses(
  hosts: readonly string[],
  lookup: LookupFunction | undefined,
): Promise<readonly IpAddress[]> {
  if (hosts.length === 0) throw new TlsUsageError('host: expected at least one address, got an empty array');
  const found = new Map<string, IpAddress>();
  for (const host of hosts) {
    for (const one of reachable(host, await addressesOf(host, lookup))) found.set(one.address, one);
  }
  return [...found.values()];
}

/** `localhost` is also ::1 on machines that have switched IPv6 off: such an address is not meant. */
function reachable(host: string, addresses: readonly IpAddress[]): readonly IpAddress[] {
  const hasIpv6 = Object.values(networkInterfaces()).some((all) =>
    all?.some(({ family }) => family === 'IPv6'),
  );
  const withoutIpv6 = addresses.filter(({ address, family }) => family === 4 || address === host);
  return hasIpv6 || withoutIpv6.length === 0 ? addresses : withoutIpv6;
}

/** All sockets, or why one of them cannot be had, and then none. */
async function tryAll(
  addresses: readonly IpAddress[],
  port: number,
): Promise<readonly ListeningSocket[] | BrokenError> {
  const sockets: ListeningSocket[] = [];
  const hasIpv4 = addresses.some(({ family }) => family === 4);
  let shared = port;
  try {
    for (const { address, family } of addresses) {
      const ipv6Only = family === 6 && hasIpv4;
      const socket = await listenOne(formatPlace(address, shared), { host: address, port: shared, ipv6Only });
      sockets.push(socket);
      shared = socket.address.port;
    }
    return sockets;
  } catch (error) {
    // The port must be free before it is tried again.
    await Promise.all(sockets.map((socket) => socket.close()));
    if (error instanceof BrokenError) return error;
    throw error;
  }
}

function listenOne(place: string, where: object): Promise<ListeningSocket> {
  // Nothing is read of a connection before it is used, and our half of it does not end with the peer's.
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  return new Promise((resolve, reject) => {
    const failed = (cause: Error): void => {
      reject(new BrokenError(`Could not listen on ${place}: ${cause.message}`, { cause }));
    };
    server.once('error', failed);
    server.listen(where, () => {
      server.off('error', failed);
      resolve(new ListeningSocket(server));
    });
  });
}
