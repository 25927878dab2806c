export type { ConnectOptions } from './node/connect.ts';
export {
  checkServerIdentity,
  connect,
  convertALPNProtocols,
  createSecureContext,
  createServer,
  default,
  default as 'module.exports',
  getCiphers,
  rootCertificates,
  SecureContext,
  Server,
  TLSSocket,
} from './node/face.ts';
export type { ServerOptions } from './node/server.ts';
export type { SocketOptions } from './node/tls-socket.ts';
