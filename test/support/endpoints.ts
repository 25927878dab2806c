import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import { type ConnectOptions, connect as connectTo } from '../../src/net/connect.ts';
import { type ListenOptions, listen as listenOn, type TlsListener } from '../../src/net/listen.ts';
import type { PeerAddress } from '../../src/streams/byte-stream.ts';
import type { TlsStream } from '../../src/streams/tls-stream.ts';
import { rootPem, serverPem } from './tls-endpoints.ts';

const listeners = new Set<TlsListener>();
const streams = new Set<TlsStream>();
const sockets = new Set<Socket>();

/** Drops what a test has left behind. */
export async function dropEndpoints(): Promise<void> {
  for (const listener of listeners) await listener.close();
  for (const stream of streams) stream.destroy();
  for (const socket of sockets) socket.destroy();
  for (const set of [listeners, streams, sockets]) set.clear();
}

/** `listener` is closed after the test. */
export function keepListener(listener: TlsListener): TlsListener {
  listeners.add(listener);
  return listener;
}

/** Listens on a loopback address and any port, with the test server's certificate, unless told otherwise. */
export async function listen(options: Partial<ListenOptions> = {}): Promise<TlsListener> {
  const where = 'path' in options ? {} : { host: '127.0.0.1', port: 0 };
  const settings = 'config' in options ? options : { identity: serverPem, ...options };
  return keepListener(await listenOn({ ...where, ...settings } as ListenOptions, nodeCrypto));
}

export async function connect(
  listener: TlsListener,
  options: Partial<ConnectOptions> = {},
): Promise<TlsStream> {
  const { host, port } = listener.address;
  const target = { host, port, ca: rootPem, ...options } as ConnectOptions;
  const stream = await connectTo(target, nodeCrypto);
  streams.add(stream);
  return stream;
}

/** A TCP connection that says nothing, connected or not yet. */
export function dial({ host, port }: PeerAddress): Socket {
  const socket = createConnection({ host, port, allowHalfOpen: true });
  socket.on('error', () => {});
  sockets.add(socket);
  return socket;
}

/** A TCP connection that says nothing. */
export async function mute({ address }: { readonly address: PeerAddress }): Promise<Socket> {
  const socket = dial(address);
  await once(socket, 'connect');
  return socket;
}

/** Resolves when the other end has given `socket` up, before or after it was connected. */
export async function droppedByPeer(socket: Socket): Promise<void> {
  socket.resume();
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve));
}
