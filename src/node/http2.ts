import http2, { type ClientHttp2Session, type ServerHttp2Session } from 'node:http2';
import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import { promisify } from 'node:util';
import { type ConnectOptions, connect as connectSocket } from './connect.ts';
import { createSecureServer } from './http2-server.ts';
import { offerStreamBase } from './stream-base.ts';
import { TLSSocket } from './tls-socket.ts';

type OnConnect = (session: ClientHttp2Session, socket: TLSSocket) => void;
type Authority = string | URL | PlaceOfServer;
type SessionOptions = http2.ClientSessionOptions | http2.SecureClientSessionOptions;

/** What Node takes of a URL, and of an object in its place. */
interface PlaceOfServer {
  readonly protocol?: string;
  readonly hostname?: string;
  readonly host?: string;
  readonly port?: string | number;
}

/** Node's own: its exports may be replaced by these later. */
const { connect: nodeConnect, performServerHandshake: nodeHandshake } = http2;

/** As `http2.connect`; to `https:` over a socket of Tacit's, where `createConnection` gives no other. */
export function connect(authority: string | URL, onConnect?: OnConnect): ClientHttp2Session;
export function connect(
  authority: string | URL,
  options?: SessionOptions,
  onConnect?: OnConnect,
): ClientHttp2Session;
export function connect(
  authority: Authority,
  options?: SessionOptions | OnConnect,
  onConnect?: OnConnect,
): ClientHttp2Session {
  const given = typeof options === 'function' ? undefined : options;
  const listener = typeof options === 'function' ? options : onConnect;
  const place = typeof authority === 'string' ? new URL(authority) : authority;
  const { createConnection, protocol } = given ?? {};
  const isSecure = (place?.protocol || protocol || 'https:') === 'https:';
  // What is wrong with them, Node says.
  const isNodes = typeof place !== 'object' || (given !== undefined && typeof given !== 'object');
  if (isNodes || (typeof createConnection !== 'function' && !isSecure))
    return nodeConnect(authority as URL, given, listener as never);
  let socket: Duplex | undefined;
  try {
    return nodeConnect(
      authority as URL,
      {
        ...given,
        createConnection(url: URL, own: SessionOptions): Duplex {
          socket = createConnection?.(url, own) ?? connectTo(url, own);
          if (socket instanceof TLSSocket) prepare(socket);
          return socket;
        },
      },
      listener as never,
    );
  } finally {
    // It was Node's session that had to be told.
    if (socket instanceof TLSSocket) Reflect.deleteProperty(socket, 'once');
  }
}

Object.defineProperty(connect, promisify.custom, {
  value: (authority: string, options?: SessionOptions) =>
    new Promise<ClientHttp2Session>((resolve, reject) => {
      const session = connect(authority, options, () => {
        session.removeListener('error', reject);
        resolve(session);
      });
      session.once('error', reject);
    }),
});

/** A connection that is for HTTP/2 alone, as Node makes it. */
function connectTo({ protocol, hostname, host: named, port }: PlaceOfServer, own: SessionOptions): TLSSocket {
  const host = hostname ? hostname.replace(/^\[(.*)\]$/, '$1') : (named ?? 'localhost');
  const { servername } = own as ConnectOptions;
  return connectSocket({
    port: Number(port || (protocol === 'http:' ? 80 : 443)),
    host,
    ...own,
    ALPNProtocols: ['h2'],
    ...(!servername && isIP(host) === 0 && { servername: host }),
  } as ConnectOptions);
}

/** Node's session takes it as it is, and begins when it is secure, and not when it is connected. */
function prepare(socket: TLSSocket): void {
  offerStreamBase(socket);
  // Which of the two events it waits for, Node decides by its own class.
  const { once } = socket as { once(name: string, listener: () => void): TLSSocket };
  const onceSecure = (name: string, listener: () => void): TLSSocket =>
    once.call(socket, name === 'connect' ? 'secureConnect' : name, listener);
  Object.assign(socket, { once: onceSecure });
}

/** As `http2.performServerHandshake`. */
export function performServerHandshake(
  socket: Duplex,
  options?: http2.ServerSessionOptions,
): ServerHttp2Session {
  if (socket instanceof TLSSocket) offerStreamBase(socket);
  return nodeHandshake(socket, options);
}

export {
  constants,
  createServer,
  getDefaultSettings,
  getPackedSettings,
  getUnpackedSettings,
  Http2ServerRequest,
  Http2ServerResponse,
  sensitiveHeaders,
} from 'node:http2';
export { createSecureServer };

/** `node:http2`. */
const face: typeof http2 = { ...http2, connect, createSecureServer, performServerHandshake } as typeof http2;

export default face;
