import http2, { type Http2SecureServer } from 'node:http2';
import { Server as TlsServer, type ServerOptions as TlsServerOptions } from './server.ts';

export type SecureServerOptions = http2.SecureServerOptions & Pick<TlsServerOptions, 'numTickets'>;

type OnRequest = Parameters<typeof http2.createSecureServer>[1];

/** What `tls.Server` is to Node's own server, Tacit's is to this one; all that is HTTP is Node's. */
type SecureServerClass = abstract new (options: object, onRequest: OnRequest) => Http2SecureServer;

interface SecureServerClasses {
  readonly nodes: SecureServerClass;
  readonly ours: SecureServerClass;
}

/** Node's own: its exports may be replaced by these later. */
const nodeSecureServer = http2.createSecureServer;

let classes: SecureServerClasses | undefined;

function secureServerClasses(): SecureServerClasses {
  if (classes === undefined) {
    const nodes = nodeSecureServer().constructor as SecureServerClass;
    const { constructor: _ofNode, ...methods } = Object.getOwnPropertyDescriptors(nodes.prototype as object);
    const ours = class Http2SecureServer extends TlsServer {};
    Object.defineProperties(ours.prototype, methods);
    classes = { nodes, ours: ours as unknown as SecureServerClass };
  }
  return classes;
}

/** As `http2.createSecureServer`: a TLS server of Tacit's whose connections Node's own HTTP/2, or with `allowHTTP1` HTTP/1.1, serves. */
export function createSecureServer(onRequest?: OnRequest): Http2SecureServer;
export function createSecureServer(options: SecureServerOptions, onRequest?: OnRequest): Http2SecureServer;
export function createSecureServer(
  options?: SecureServerOptions | OnRequest,
  onRequest?: OnRequest,
): Http2SecureServer {
  const { nodes, ours } = secureServerClasses();
  const base = Object.getPrototypeOf(nodes);
  // Its constructor does what a server of HTTP/2 needs, and calls that of its base, which is looked up at the call.
  Object.setPrototypeOf(nodes, TlsServer);
  try {
    return Reflect.construct(nodes, [options, onRequest], ours);
  } finally {
    Object.setPrototypeOf(nodes, base);
  }
}
