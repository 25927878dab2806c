import { once } from 'node:events';
import http, { type IncomingMessage, type Server } from 'node:http';
import https from 'node:https';
import net, { type AddressInfo, type Socket } from 'node:net';

/** A proxy that knows CONNECT, and what it was asked. */
export interface TestProxy {
  /** That of the environment. */
  readonly url: string;
  readonly port: number;
  /** Each request as it came: its line, and its headers in their order. */
  readonly asked: string[][];
  /** What those who asked by TLS called it. */
  readonly names: unknown[];
  /** The connections from its clients, the last one last. */
  readonly clients: Socket[];
}

export interface TestProxyOptions {
  /** Of `https:`: what it shows. */
  readonly identity?: { readonly key: string; readonly cert: string };
  /** In the URL. */
  readonly credentials?: string;
  /** In place of the tunnel. */
  readonly answer?: ((near: Socket, request: IncomingMessage) => void) | undefined;
  /** Where all tunnels lead. */
  readonly to?: number;
}

const proxies: { readonly server: Server; readonly clients: readonly Socket[] }[] = [];

/** Until `closeProxies`. */
export async function proxying({ identity, credentials, answer, to }: TestProxyOptions): Promise<TestProxy> {
  const server = identity ? https.createServer(identity) : http.createServer();
  const asked: string[][] = [];
  const names: unknown[] = [];
  const clients: Socket[] = [];
  proxies.push({ server: server as Server, clients });
  server.on('connection', (socket: Socket) => clients.push(socket.on('error', () => {})));
  server.on('connect', (request: IncomingMessage, near: Socket) => {
    asked.push([`${request.method} ${request.url} HTTP/${request.httpVersion}`, ...request.rawHeaders]);
    names.push((near as Socket & { readonly servername?: unknown }).servername);
    near.on('error', () => {});
    if (answer) answer(near, request);
    else tunnel(near, to!);
  });
  server.listen(0, 'localhost');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const url = `http${identity ? 's' : ''}://${credentials ? `${credentials}@` : ''}localhost:${port}`;
  return { url, port, asked, names, clients };
}

function tunnel(near: Socket, port: number): void {
  const far = net.connect(port, 'localhost', () => {
    near.write('HTTP/1.1 200 Connection established\r\n\r\n');
    near.pipe(far).pipe(near);
  });
  far.on('error', () => near.destroy());
  near.on('close', () => far.destroy());
}

/** Its other side has let go of it. */
export function isLetGo(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    for (const name of ['end', 'close']) socket.once(name, () => resolve());
    if (socket.destroyed || socket.readableEnded) resolve();
    else socket.resume();
  });
}

/** For `afterEach`. */
export async function closeProxies(): Promise<void> {
  for (const { server, clients } of proxies.splice(0)) {
    // What was handed over for a tunnel is no connection of the server's any more.
    for (const socket of clients) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}
