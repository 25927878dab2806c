import { isIP } from 'node:net';
import tls, { type ConnectionOptions } from 'node:tls';
import { TlsUsageError } from '../base/errors.ts';
import { connectArguments } from './connect-arguments.ts';
import { contextFrom } from './current-context.ts';
import type { Open } from './over-socket.ts';
import { protocolNamesOf } from './protocols.ts';
import { failResponses } from './responses.ts';
import { defaults, type SecureContext } from './secure-context.ts';
import { TLSSocket } from './tls-socket.ts';
import { requireType } from './validation.ts';
import { warningOnce } from './warnings.ts';

/** Node's own, with contexts of this module. */
export type ConnectOptions = Omit<ConnectionOptions, 'secureContext'> & {
  readonly secureContext?: SecureContext | undefined;
  readonly allowHalfOpen?: boolean | undefined;
};

type Listener = () => void;

/** RFC 6066 §3: no address is a server_name, and none is sent. */
const warnOfAddress = warningOnce(
  'Setting the TLS ServerName to an IP address is not permitted by RFC 6066. This will be ignored in a future version.',
  'DeprecationWarning',
  'DEP0123',
);

const warnOfTrust = warningOnce(
  "Setting the NODE_TLS_REJECT_UNAUTHORIZED environment variable to '0' makes TLS connections and HTTPS requests " +
    'insecure by disabling certificate verification.',
);

/** Whether NODE_TLS_REJECT_UNAUTHORIZED=0 switches the verification off; it is said once, as Node does. */
export function trustsEverybody(): boolean {
  if (process.env['NODE_TLS_REJECT_UNAUTHORIZED'] !== '0') return false;
  warnOfTrust();
  return true;
}

/**
 * As `tls.connect`, in all of its forms: `(options)`, `(path, options)`, `(port, host, options)`, each with a listener for
 * 'secureConnect' behind it.
 */
export function connect(options: ConnectOptions, listener?: Listener): TLSSocket;
export function connect(path: string, options?: ConnectOptions, listener?: Listener): TLSSocket;
export function connect(path: string, listener?: Listener): TLSSocket;
export function connect(
  port: number,
  host?: string,
  options?: ConnectOptions,
  listener?: Listener,
): TLSSocket;
export function connect(port: number, host?: string, listener?: Listener): TLSSocket;
export function connect(port: number, options?: ConnectOptions, listener?: Listener): TLSSocket;
export function connect(port: number, listener?: Listener): TLSSocket;
export function connect(...given: readonly unknown[]): TLSSocket {
  const { listener, ...found } = connectArguments(given);
  const options = found.options as ConnectOptions;
  const socket = socketFor(options, options.socket, listener);
  if (options.socket === undefined || options.socket === null) {
    if (options.timeout !== undefined) socket.setTimeout(options.timeout);
    socket.connect(options);
  }
  return socket;
}

/** As `connect`, over what `open` opens. */
export function connectOver(open: Open, ...given: readonly [ConnectOptions, Listener?]): TLSSocket {
  const { listener, ...found } = connectArguments(given);
  const options = found.options as ConnectOptions;
  const socket = socketFor(options, undefined, listener);
  if (options.timeout !== undefined) socket.setTimeout(options.timeout);
  socket.connectOver(open);
  return socket;
}

/** @param raw what it stands over, where that is there already */
function socketFor(
  options: ConnectOptions,
  raw: ConnectOptions['socket'],
  listener: Listener | undefined,
): TLSSocket {
  // A program that has put another one in its place means all connections.
  const { checkServerIdentity: check = tls.checkServerIdentity } = options;
  requireType('options.checkServerIdentity', check, 'function');
  if ('minDHSize' in options) requireMinDhSize(options.minDHSize);
  protocolNamesOf(options.ALPNProtocols);
  // Who says anything has decided: the environment is for those who do not.
  const rejectUnauthorized =
    'rejectUnauthorized' in options ? options.rejectUnauthorized !== false : !trustsEverybody();
  if (options.servername && isIP(options.servername)) warnOfAddress();
  const socket = new TLSSocket(raw, {
    ...options,
    secureContext: contextFrom(
      Object.assign(Object.create(null), { ciphers: defaults.DEFAULT_CIPHERS }, options),
    ),
    allowHalfOpen: raw === undefined ? options.allowHalfOpen === true : raw.allowHalfOpen,
    isServer: false,
    rejectUnauthorized,
    checkServerIdentity: check,
    hostName: options.servername || options.host || hostOf(raw) || 'localhost',
  } as ConstructorParameters<typeof TLSSocket>[1]);
  failResponses(socket);
  if (listener !== undefined) socket.once('secureConnect', listener);
  return socket;
}

/** There is no finite-field Diffie-Hellman that it could be about; Node's words for what it is not. */
function requireMinDhSize(size: unknown): void {
  if (typeof size !== 'number') throw new TlsUsageError(`options.minDHSize is not a number: ${String(size)}`);
  if (!(size > 0)) throw new TlsUsageError(`options.minDHSize is not a positive number: ${size}`);
}

/** The name that a socket was connected to, which Node keeps there. */
function hostOf(raw: unknown): string | undefined {
  const host = (raw as { readonly _host?: unknown } | undefined)?._host;
  return typeof host === 'string' ? host : undefined;
}
