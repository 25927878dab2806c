import { once } from 'node:events';
import { type AddressInfo, createConnection, createServer, type Server, type Socket } from 'node:net';
import { TcpStream } from '../../src/net/tcp-stream.ts';
import type { DrainOptions } from '../../src/streams/drain.ts';

/** A TcpStream, the socket inside it, and the plain socket at the other end of a loopback connection. */
export interface SocketPair {
  readonly stream: TcpStream;
  readonly socket: Socket;
  readonly peer: Socket;
}

const servers = new Set<Server>();
const sockets = new Set<Socket>();

/** Connects a TcpStream with a plain socket. The plain one reads nothing before it is told to. */
export async function socketPair(options: { readonly drain?: DrainOptions } = {}): Promise<SocketPair> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  servers.add(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const socket = createConnection({ port, host: '127.0.0.1', allowHalfOpen: true });
  const [[peer]] = (await Promise.all([once(server, 'connection'), once(socket, 'connect')])) as [
    [Socket],
    unknown,
  ];
  server.close();
  sockets.add(socket).add(peer);
  peer.on('error', () => {});
  return { stream: new TcpStream(socket, options), socket, peer };
}

/** Drops what a test has left behind. */
export function dropSockets(): void {
  for (const socket of sockets) socket.destroy();
  for (const server of servers) server.close();
  sockets.clear();
  servers.clear();
}

/** Everything that a plain socket gets, and how that ended. */
export async function receiveAll(peer: Socket): Promise<{ bytes: Buffer; ended: 'end' | 'reset' }> {
  const parts: Buffer[] = [];
  peer.on('data', (part: Buffer) => parts.push(part));
  peer.resume();
  const ended = await new Promise<'end' | 'reset'>((resolve) => {
    peer.once('end', () => resolve('end'));
    peer.once('close', () => resolve('reset'));
  });
  return { bytes: Buffer.concat(parts), ended };
}

/**
 * Reads to the end, and tells whether the connection was reset. Node 20 and 22 report some resets as an end; but then
 * already the first write fails.
 */
export async function isReset(peer: Socket): Promise<boolean> {
  const { ended } = await receiveAll(peer);
  if (ended === 'reset') return true;
  const error = await new Promise((resolve) => peer.write('x', resolve));
  return error instanceof Error;
}

/** The event loop has gone round so often that what the loopback kernel had to do is done. */
export async function turnsOfTheEventLoop(count = 5): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}
