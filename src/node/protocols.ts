import { nodeError } from './errors.ts';

/** `ALPNProtocols` as names, a character for each byte: an array of names, or the wire form (RFC 7301 §3.1). */
export function protocolNamesOf(protocols: unknown): readonly string[] {
  if (protocols === undefined || protocols === null) return [];
  if (Array.isArray(protocols)) return protocols.map(nameOf);
  if (!ArrayBuffer.isView(protocols))
    throw nodeError('ERR_INVALID_ARG_TYPE', 'ALPNProtocols: expected an array of names, or their wire form');
  const bytes = Buffer.from(protocols.buffer, protocols.byteOffset, protocols.byteLength);
  const names: string[] = [];
  for (let place = 0; place < bytes.length; place += 1 + bytes[place]!) {
    names.push(bytes.toString('latin1', place + 1, place + 1 + bytes[place]!));
  }
  return names;
}

function nameOf(protocol: unknown): string {
  if (typeof protocol === 'string') return Buffer.from(protocol).toString('latin1');
  if (protocol instanceof Uint8Array) return Buffer.from(protocol).toString('latin1');
  throw nodeError('ERR_INVALID_ARG_TYPE', `ALPNProtocols: expected names, got ${typeof protocol}`);
}

/** As `tls.convertALPNProtocols`: puts the wire form of `protocols` into `out`. */
export function convertALPNProtocols(protocols: unknown, out: { ALPNProtocols?: Buffer }): void {
  if (!Array.isArray(protocols) && !ArrayBuffer.isView(protocols)) return;
  const names = protocolNamesOf(protocols).map((name) => Buffer.from(name, 'latin1'));
  const tooLong = names.findIndex(({ length }) => length > 255);
  if (tooLong !== -1)
    throw nodeError('ERR_OUT_OF_RANGE', `ALPNProtocols[${tooLong}]: a name has 255 bytes at most`);
  out.ALPNProtocols = Buffer.concat(names.flatMap((name) => [Buffer.of(name.length), name]));
}
