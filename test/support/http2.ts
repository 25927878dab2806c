import { once } from 'node:events';
import nodeHttp2, {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type Http2SecureServer,
  type IncomingHttpHeaders,
  type SecureClientSessionOptions,
  type SecureServerOptions,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import tacitHttp2 from '../../src/node-http2.ts';
import { identity, root } from './node-faces.ts';

export type Http2 = typeof nodeHttp2;

export const http2Of: Readonly<Record<'tacit' | 'node', Http2>> = { tacit: tacitHttp2, node: nodeHttp2 };

const servers: Http2SecureServer[] = [];
const sessions: ClientHttp2Session[] = [];

/** A server with the certificate of localhost, until `closeAll`. */
export async function serving(
  http2: Http2,
  options: SecureServerOptions = {},
  listen: (server: Http2SecureServer) => void = () => {},
): Promise<{ server: Http2SecureServer; port: number }> {
  const server = http2.createSecureServer({ ...identity(), ...options });
  servers.push(server);
  listen(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, port: (server.address() as AddressInfo).port };
}

/** A session with it, until `closeAll`. Its errors are the test's to listen for. */
export function sessionWith(
  http2: Http2,
  port: number,
  options: SecureClientSessionOptions = {},
): ClientHttp2Session {
  const session = http2.connect(`https://localhost:${port}`, {
    ca: root.pem,
    host: '127.0.0.1',
    servername: 'localhost',
    ...options,
  });
  sessions.push(session);
  return session;
}

/** For `afterEach`. */
export async function closeAll(): Promise<void> {
  for (const session of sessions.splice(0)) {
    session.on('error', () => {});
    session.destroy();
  }
  await Promise.all(
    servers.splice(0).map((server) => new Promise<void>((resolve) => server.close(() => resolve()))),
  );
}

export interface Answer {
  readonly headers: IncomingHttpHeaders & { readonly ':status'?: number };
  readonly body: Buffer;
  readonly trailers: IncomingHttpHeaders | undefined;
}

/** The whole of what comes for a request. */
export async function answerTo(request: ClientHttp2Stream): Promise<Answer> {
  let trailers: IncomingHttpHeaders | undefined;
  request.once('trailers', (given) => {
    trailers = given;
  });
  const [headers] = await once(request, 'response');
  return { headers, body: await buffer(request), trailers };
}
