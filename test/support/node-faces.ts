import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import nodeTls from 'node:tls';
import tacitTls from '../../src/node.ts';
import { rootCertificate, serverCertificate, type TestCertificate } from './certificates.ts';

/** An authority and its server's certificate. There from `makeLocalhost` on. */
export let root: TestCertificate;
export let leaf: TestCertificate;

/** For `beforeAll`. */
export async function makeLocalhost(): Promise<void> {
  root = await rootCertificate();
  leaf = await serverCertificate(root, { names: ['localhost'] });
}

/** Options of its server. */
export function identity(): { key: string; cert: string } {
  return { key: leaf.keyPem, cert: leaf.pem };
}

/** Options of its client. */
export function to(port: number): { port: number; host: string; servername: string; ca: string } {
  return { port, host: '127.0.0.1', servername: 'localhost', ca: root.pem };
}

export type Tls = typeof nodeTls;

/** Programs are typed against `node:tls`. */
export const faces: Readonly<Record<'tacit' | 'node', Tls>> = {
  tacit: tacitTls as unknown as Tls,
  node: nodeTls,
};

/** Client and server, at least one of them ours. */
export const pairs = [
  ['tacit', 'tacit'],
  ['tacit', 'node'],
  ['node', 'tacit'],
] as const;

export interface Listening {
  readonly server: nodeTls.Server;
  readonly port: number;
}

const open: nodeTls.Server[] = [];

/**
 * A server of one of the two, until `closeServers`. The listener of Node's comes a turn late: what it ends at once, it
 * ends without close_notify.
 */
export async function listening(
  tls: Tls,
  options: nodeTls.TlsOptions,
  listener?: (socket: nodeTls.TLSSocket) => void,
): Promise<Listening> {
  const server = tls.createServer(options, (socket) => {
    // Many a client of these tests goes without a word.
    socket.on('error', () => {});
    if (tls === nodeTls) setImmediate(() => listener?.(socket));
    else listener?.(socket);
  });
  open.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, port: (server.address() as AddressInfo).port };
}

/** For `afterEach`. */
export async function closeServers(): Promise<void> {
  await Promise.all(
    open.splice(0).map((server) => new Promise<void>((resolve) => server.close(() => resolve()))),
  );
}

/** All that comes until the end. */
export async function bytesOf(socket: nodeTls.TLSSocket): Promise<Buffer> {
  const parts: Buffer[] = [];
  socket.on('data', (data: Buffer) => parts.push(data));
  await once(socket, 'end');
  return Buffer.concat(parts);
}

/** What became of a connection: `secure`, or the code of its error. */
export async function outcomeOf(socket: nodeTls.TLSSocket): Promise<string> {
  const outcome = await new Promise<string>((resolve) => {
    socket.once('secureConnect', () => resolve(`secure ${socket.authorized} ${socket.authorizationError}`));
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(`error ${error.code}`));
  });
  socket.on('error', () => {});
  socket.destroy();
  return outcome;
}
