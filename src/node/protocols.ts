import tls from 'node:tls';
import { nodeError } from './errors.ts';
import { invalidValue, requireType } from './validation.ts';

/**
 * `ALPNProtocols` as names, a character for each byte: an array of names, or the wire form (RFC 7301 §3.1). As in Node,
 * what is false is none.
 * @throws Error with Node's codes for what is neither, and for names that are not 1 to 255 bytes
 */
export function protocolNamesOf(protocols: unknown): readonly string[] {
  if (!protocols) return [];
  if (Array.isArray(protocols)) return protocols.map(nameOf);
  if (!ArrayBuffer.isView(protocols))
    throw nodeError('ERR_INVALID_ARG_TYPE', 'ALPNProtocols: expected an array of names, or their wire form');
  return namesIn(Buffer.from(protocols.buffer, protocols.byteOffset, protocols.byteLength));
}

/** @throws TypeError (`ERR_INVALID_ARG_VALUE`, as later versions of Node) for what is no list of protocols */
function namesIn(wire: Buffer): readonly string[] {
  const names: string[] = [];
  let place = 0;
  while (place < wire.length) {
    const start = place + 1;
    place = start + wire[place]!;
    if (place === start) throw invalidValue('ALPNProtocols', 'must not contain zero-length protocol', wire);
    if (place > wire.length) throw invalidValue('ALPNProtocols', 'contains truncated protocol', wire);
    names.push(wire.toString('latin1', start, place));
  }
  return names;
}

function nameOf(protocol: unknown, index: number): string {
  if (typeof protocol !== 'string' && !(protocol instanceof String || protocol instanceof Uint8Array))
    throw nodeError('ERR_INVALID_ARG_TYPE', `ALPNProtocols: expected names, got ${typeof protocol}`);
  const name = Buffer.from(protocol as string).toString('latin1');
  if (name === '') throw invalidValue(`protocols[${index}]`, 'must be a non-empty string', protocol);
  if (name.length > 255)
    throw nodeError(
      'ERR_OUT_OF_RANGE',
      `The byte length of the protocol at index ${index} exceeds the maximum length. It must be <= 255. Received ${name.length}`,
    );
  return name;
}

/** As `ALPNCallback` of `node:tls`: chooses among what the client offers. */
export type AlpnCallback = (offer: {
  readonly servername: string;
  readonly protocols: readonly string[];
}) => string | undefined;

/** @throws TypeError with Node's codes for what is no function, or comes beside `ALPNProtocols` */
export function alpnCallbackOf(options: object): AlpnCallback | undefined {
  const { ALPNCallback, ALPNProtocols } = options as { ALPNCallback?: unknown; ALPNProtocols?: unknown };
  if (ALPNCallback === undefined || ALPNCallback === null) return undefined;
  requireType('options.ALPNCallback', ALPNCallback, 'function');
  if (ALPNProtocols)
    throw nodeError(
      'ERR_TLS_ALPN_CALLBACK_WITH_PROTOCOLS',
      'The ALPNCallback and ALPNProtocols TLS options are mutually exclusive',
    );
  return ALPNCallback as AlpnCallback;
}

/**
 * It as the engine asks it.
 * @param socket what it is called on
 */
export function protocolSelector(
  callback: AlpnCallback,
  socket: object,
): (offered: readonly string[], serverName: string | undefined) => string | undefined {
  return (offered, serverName = '') => {
    const protocols = offered.map((name) => Buffer.from(name, 'latin1').toString());
    const chosen: unknown = Reflect.apply(callback, socket, [{ servername: serverName, protocols }]);
    if (chosen === undefined) return undefined;
    const place = protocols.indexOf(chosen as string);
    if (place === -1)
      throw nodeError(
        'ERR_TLS_ALPN_CALLBACK_INVALID_RESULT',
        `ALPN callback returned a value (${String(chosen)}) that did not match any of the client's offered protocols (${protocols.join(', ')})`,
      );
    return offered[place];
  };
}

type Convert = (protocols: unknown, out: { ALPNProtocols?: Buffer | undefined }) => void;

/** Node's own: it is about bytes alone, and its checks change from version to version. */
export const convertALPNProtocols: Convert = (tls as unknown as { convertALPNProtocols: Convert })
  .convertALPNProtocols;
