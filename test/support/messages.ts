import { concatBytes } from '../../src/base/bytes.ts';
import { handshakeTypes } from '../../src/wire/names.ts';
import { Writer } from '../../src/wire/writer.ts';
import { fromHex } from './hex.ts';

/** One extension as it stands on the wire. */
export function rawExtension(code: number, data: Uint8Array): Uint8Array {
  return new Writer().uint16(code).vector(2, data).finish();
}

/** The content of an extension block. */
export function extensionBlock(
  extensions: readonly (readonly [code: number, data: Uint8Array])[],
): Uint8Array {
  return concatBytes(...extensions.map(([code, data]) => rawExtension(code, data)));
}

/** The alert for a message that announces more than its type may have: most are bounded by their syntax (RFC 9846 §6). */
export function alertForLength(type: number): string {
  const { certificate, certificate_status, certificate_verify, compressed_certificate, server_key_exchange } =
    handshakeTypes;
  if (type === compressed_certificate) return 'bad_certificate';
  const ourBounds: readonly number[] = [
    certificate,
    certificate_status,
    certificate_verify,
    server_key_exchange,
  ];
  return ourBounds.includes(type) ? 'illegal_parameter' : 'decode_error';
}

const random = new Uint8Array(32).fill(0x5a);
/** SHA-256 of "HelloRetryRequest". */
export const retryRandom: Uint8Array = fromHex(
  'cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c',
);

/** Bodies of the messages that carry extensions, by RFC 9846's abbreviations, around an extension block; SH12 is TLS 1.2's ServerHello. */
export const messageBodies = {
  CH: (block: Uint8Array): Uint8Array => clientHelloBody(block),
  SH: (block: Uint8Array): Uint8Array => serverHelloBody(random, block),
  SH12: (block: Uint8Array): Uint8Array => serverHelloBody(random, block),
  HRR: (block: Uint8Array): Uint8Array => serverHelloBody(retryRandom, block),
  EE: (block: Uint8Array): Uint8Array => new Writer().vector(2, block).finish(),
  CR: (block: Uint8Array): Uint8Array => new Writer().vector(1, new Uint8Array(0)).vector(2, block).finish(),
  CT: (block: Uint8Array): Uint8Array =>
    new Writer()
      .vector(1, new Uint8Array(0))
      .vector(3, (list) => list.vector(3, fromHex('3000')).vector(2, block))
      .finish(),
  NST: (block: Uint8Array): Uint8Array =>
    new Writer()
      .uint32(3600)
      .uint32(7)
      .vector(1, fromHex('01'))
      .vector(2, fromHex('6162'))
      .vector(2, block)
      .finish(),
};

/** Fields of a ClientHello that are well formed, each replaceable by any bytes, its length field included. */
export interface ClientHelloFields {
  readonly legacyVersion?: Uint8Array;
  readonly random?: Uint8Array;
  readonly sessionId?: Uint8Array;
  readonly cipherSuites?: Uint8Array;
  readonly compression?: Uint8Array;
  /** With its length; empty: none at all. */
  readonly extensions?: Uint8Array;
}

export function clientHelloBody(block: Uint8Array, fields: ClientHelloFields = {}): Uint8Array {
  return concatBytes(
    fields.legacyVersion ?? fromHex('0303'),
    fields.random ?? random,
    fields.sessionId ?? fromHex('00'),
    fields.cipherSuites ?? fromHex('0002 1301'),
    fields.compression ?? fromHex('0100'),
    fields.extensions ?? new Writer().vector(2, block).finish(),
  );
}

export function serverHelloBody(
  serverRandom: Uint8Array,
  block: Uint8Array,
  fields: {
    readonly legacyVersion?: Uint8Array;
    readonly sessionId?: Uint8Array;
    readonly extensions?: Uint8Array;
  } = {},
): Uint8Array {
  return concatBytes(
    fields.legacyVersion ?? fromHex('0303'),
    serverRandom,
    fields.sessionId ?? fromHex('00'),
    fromHex('1301 00'),
    fields.extensions ?? new Writer().vector(2, block).finish(),
  );
}
