import tls from 'node:tls';
import { callable } from './callable.ts';
import { connect as connectSocket } from './connect.ts';
import { cipherNames } from './openssl-names.ts';
import { convertALPNProtocols as convertProtocols } from './protocols.ts';
import {
  SecureContext as Context,
  createSecureContext as createContext,
  defaults,
} from './secure-context.ts';
import { createServer as createTlsServer, Server as TlsServer } from './server.ts';
import { TLSSocket as Socket } from './tls-socket.ts';

export const TLSSocket: typeof Socket = callable(Socket);
export const Server: typeof TlsServer = callable(TlsServer);
export const SecureContext: typeof Context = callable(Context);
export const connect: typeof connectSocket = connectSocket;
export const createServer: typeof createTlsServer = createTlsServer;
export const createSecureContext: typeof createContext = createContext;
export const convertALPNProtocols: typeof convertProtocols = convertProtocols;
/** Node's own: the name, or where there is none the CN, against the host. */
export const checkServerIdentity: typeof tls.checkServerIdentity = tls.checkServerIdentity;
export const rootCertificates: typeof tls.rootCertificates = tls.rootCertificates;

/** Names of the cipher suites that there are, in lower case. */
export function getCiphers(): string[] {
  return [...cipherNames];
}

interface Face {
  readonly TLSSocket: typeof TLSSocket;
  readonly Server: typeof Server;
  readonly SecureContext: typeof SecureContext;
  readonly connect: typeof connect;
  readonly createServer: typeof createServer;
  readonly createSecureContext: typeof createSecureContext;
  readonly convertALPNProtocols: typeof convertALPNProtocols;
  readonly checkServerIdentity: typeof checkServerIdentity;
  readonly rootCertificates: typeof rootCertificates;
  readonly getCiphers: typeof getCiphers;
  /** What these four are set to counts for contexts that are made from then on. */
  DEFAULT_CIPHERS: string;
  DEFAULT_ECDH_CURVE: string;
  DEFAULT_MIN_VERSION: tls.SecureVersion;
  DEFAULT_MAX_VERSION: tls.SecureVersion;
}

/** `node:tls`, as far as it goes. */
const face: Face = Object.defineProperties(
  {
    TLSSocket,
    Server,
    SecureContext,
    connect,
    createServer,
    createSecureContext,
    convertALPNProtocols,
    checkServerIdentity,
    rootCertificates,
    getCiphers,
  } as Face,
  Object.fromEntries(
    (Object.keys(defaults) as (keyof typeof defaults)[]).map((name) => [
      name,
      {
        enumerable: true,
        get: () => defaults[name],
        set: (value: never) => {
          defaults[name] = value;
        },
      },
    ]),
  ),
);

export default face;
