import nodeTls from 'node:tls';
import {
  getCACertificates as getAuthorities,
  setDefaultCACertificates as setAuthorities,
} from './authorities.ts';
import { callable } from './callable.ts';
import { connect as connectSocket } from './connect.ts';
import { exportContexts } from './current-context.ts';
import { cipherNames } from './openssl-names.ts';
import { convertALPNProtocols as convertProtocols } from './protocols.ts';
import {
  SecureContext as Context,
  createSecureContext as createContext,
  defaults,
} from './secure-context.ts';
import { createSecurePair as createPair } from './secure-pair.ts';
import { createServer as createTlsServer, Server as TlsServer } from './server.ts';
import { TLSSocket as Socket } from './tls-socket.ts';
import type * as typed from './typed.ts';

type Tls = typed.Tls;

export type TLSSocket = typed.TLSSocket;
export type Server = nodeTls.Server;
export type SecureContext = nodeTls.SecureContext;

export const TLSSocket: Tls['TLSSocket'] = callable(Socket) as unknown as Tls['TLSSocket'];
export const Server: Tls['Server'] = callable(TlsServer) as unknown as Tls['Server'];
export const SecureContext: Tls['SecureContext'] = callable(Context) as unknown as Tls['SecureContext'];
export const connect: Tls['connect'] = connectSocket as unknown as Tls['connect'];
export const createServer: Tls['createServer'] = createTlsServer as unknown as Tls['createServer'];
export const createSecureContext: Tls['createSecureContext'] =
  createContext as unknown as Tls['createSecureContext'];
/** Node's older way to a `TLSSocket`. */
export const createSecurePair: Tls['createSecurePair'] = createPair as unknown as Tls['createSecurePair'];
export const convertALPNProtocols: Tls['convertALPNProtocols'] = convertProtocols;
/** Node's own: the name, or where there is none the CN, against the host. */
export const checkServerIdentity: Tls['checkServerIdentity'] = nodeTls.checkServerIdentity;
export const rootCertificates: Tls['rootCertificates'] = nodeTls.rootCertificates;

/** Names of the cipher suites that there are, in lower case. */
export function getCiphers(): string[] {
  return [...cipherNames];
}

export const getCACertificates: Tls['getCACertificates'] = getAuthorities;
export const setDefaultCACertificates: Tls['setDefaultCACertificates'] = setAuthorities;

/** `node:tls`. The four defaults count for contexts that are made from then on. */
const tls: Tls = Object.defineProperties(
  {
    TLSSocket,
    Server,
    SecureContext,
    connect,
    createServer,
    createSecureContext,
    createSecurePair,
    convertALPNProtocols,
    checkServerIdentity,
    rootCertificates,
    getCiphers,
    getCACertificates,
    setDefaultCACertificates,
    // There are no renegotiations that they could limit.
    CLIENT_RENEG_LIMIT: nodeTls.CLIENT_RENEG_LIMIT,
    CLIENT_RENEG_WINDOW: nodeTls.CLIENT_RENEG_WINDOW,
  } as unknown as Tls,
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

exportContexts(tls);

/** So that the default import has the types, too: `tls.TLSSocket`, `tls.ConnectionOptions`. */
declare namespace tls {
  export type Certificate = nodeTls.Certificate;
  export type CipherNameAndProtocol = nodeTls.CipherNameAndProtocol;
  export type CommonConnectionOptions = nodeTls.CommonConnectionOptions;
  export type ConnectionOptions = nodeTls.ConnectionOptions;
  export type DetailedPeerCertificate = nodeTls.DetailedPeerCertificate;
  export type EphemeralKeyInfo = nodeTls.EphemeralKeyInfo;
  export type KeyObject = nodeTls.KeyObject;
  export type PSKCallbackNegotation = nodeTls.PSKCallbackNegotation;
  export type PeerCertificate = nodeTls.PeerCertificate;
  export type PxfObject = nodeTls.PxfObject;
  export type SecureContext = nodeTls.SecureContext;
  export type SecureContextOptions = nodeTls.SecureContextOptions;
  export type SecureVersion = nodeTls.SecureVersion;
  export type Server = nodeTls.Server;
  export type TLSSocket = typed.TLSSocket;
  export type TLSSocketOptions = nodeTls.TLSSocketOptions;
  export type TlsOptions = typed.TlsOptions;
}

export default tls;
