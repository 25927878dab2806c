/*
 * Compiled by `npm run typecheck`, and never run: programs that are typed against `node:tls` and `node:https`, with nothing
 * changed but where they import from.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type nodeHttps from 'node:https';
import { connect as connectSocket, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import type nodeTls from 'node:tls';
import * as names from '../../src/node.ts';
import tls, {
  type ConnectionOptions,
  connect,
  type PeerCertificate,
  type SecureContextOptions,
  TLSSocket,
  type TlsOptions,
} from '../../src/node.ts';
import https, { Agent, type RequestOptions } from '../../src/node-https.ts';

/** But for what is deprecated and left out, whoever takes `node:tls` as a value takes the face. */
export const all: Omit<typeof nodeTls, 'createSecurePair'> = tls;
export const httpsAll: typeof nodeHttps = https;

export function clients(key: string, cert: string): void {
  const options: ConnectionOptions & tls.ConnectionOptions = {
    host: 'localhost',
    port: 1,
    ca: [cert],
    ciphers: 'TLS_AES_128_GCM_SHA256',
    minVersion: 'TLSv1.2',
    ALPNProtocols: ['h2'],
    checkServerIdentity: (_host: string, certificate: PeerCertificate) =>
      certificate.fingerprint256 === '' ? undefined : new Error('pin'),
  };
  const socket: tls.TLSSocket = tls.connect(options, () => {
    const { authorized, authorizationError, alpnProtocol } = socket;
    const issuer: string | string[] | undefined =
      socket.getPeerCertificate(true).issuerCertificate.subject.CN;
    const name: string = socket.getCipher().standardName;
    socket.write(`${authorized} ${authorizationError} ${alpnProtocol} ${issuer} ${name}`);
  });
  socket.on('session', (session: Buffer) => connect({ ...options, session }));
  socket.on('keylog', (line) => line.toString());
  socket.once('secureConnect', () => socket.setMaxSendFragment(512));
  const asNodes: nodeTls.TLSSocket = tls.connect(1, 'localhost', { key, cert });
  const below: Socket = tls.connect(1, { secureContext: tls.createSecureContext({ key, cert }) });
  asNodes.pipe(below);
  new TLSSocket(new Duplex(), { isServer: true, SNICallback: (_name, done) => done(null) });
  const upgraded = tls.connect({ socket: connectSocket(1), servername: 'localhost' });
  upgraded.exportKeyingMaterial(32, 'EXPERIMENTAL', Buffer.alloc(0));
}

class Pool {
  readonly sockets = new Set<tls.TLSSocket | Socket>();
  readonly context: names.SecureContext = names.createSecureContext();

  add(socket: names.TLSSocket): void {
    this.sockets.add(socket);
  }
}

class Derived extends tls.Server {
  constructor(options: TlsOptions) {
    super(options, (socket) => socket.end());
  }
}

export function servers(secure: SecureContextOptions): tls.Server {
  const pool = new Pool();
  const options: tls.TlsOptions = {
    ...secure,
    requestCert: true,
    sessionTimeout: 60,
    ticketKeys: Buffer.alloc(48),
  };
  const server: nodeTls.Server = tls.createServer(options, (socket) => pool.add(socket));
  server.addContext('*.example.org', secure);
  server.on('secureConnection', (socket: tls.TLSSocket) => pool.add(socket));
  server.on('tlsClientError', (error: Error, socket: nodeTls.TLSSocket) => socket.destroy(error));
  server.on('newSession', (_id: Buffer, _data: Buffer, done: () => void) => done());
  server.on('OCSPRequest', (_certificate: Buffer, _issuer: Buffer, done) => done(null, Buffer.alloc(0)));
  tls.DEFAULT_MIN_VERSION = 'TLSv1.3' satisfies tls.SecureVersion;
  return new Derived(options);
}

class Tunnel extends Agent {
  override createConnection(options: RequestOptions): Duplex {
    return tls.connect({ ...(options as tls.ConnectionOptions), socket: connectSocket(1) });
  }
}

export function web(options: https.ServerOptions): https.Server {
  const server = https.createServer(options, (request: IncomingMessage, response: ServerResponse) => {
    const { authorized } = request.socket as nodeTls.TLSSocket;
    response.end(String(authorized));
  });
  const agent: https.Agent = new Tunnel({ keepAlive: true, maxCachedSessions: 0 });
  https.get('https://localhost/', { agent, rejectUnauthorized: true }, (response) => response.resume());
  https.request({ host: 'localhost', agent: false, servername: 'localhost' }).end();
  https.globalAgent = agent;
  server.keepAliveTimeout = 1;
  return server;
}

export async function beyond(socket: tls.TLSSocket): Promise<number> {
  tls.createServer({ numTickets: 2 });
  await socket.updateKeys();
  await socket.closeWrite();
  tls.setDefaultCACertificates(tls.getCACertificates('bundled'));
  return socket.sendTickets(1);
}

// Deprecated in Node, and gone from 24 on.
tls.createSecurePair().destroy();
// @ts-expect-error no option of a connection
tls.connect({ port: 'no' });
