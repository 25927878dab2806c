import { peerError } from '../base/errors.ts';
import { maxCiphertext, maxRecordContent } from '../base/limits.ts';
import { contentTypes, protocolVersions } from './names.ts';

/** Bytes of a record header (RFC 9846 §5.1). */
export const recordHeaderLength: number = 5;

export interface RecordHeader {
  readonly type: number;
  readonly length: number;
}

/**
 * Parses the 5 bytes of a header. `legacy_record_version` is ignored (RFC 9846 §5.1) unless it is below 0x0300
 * (Appendix E.5): that is no TLS at all.
 * @param protectsAllTypes whether records of every type are encrypted under this type of their own, as in TLS 1.2
 */
export function parseRecordHeader(bytes: Uint8Array, protectsAllTypes = false): RecordHeader {
  const [type = 0, major = 0, , high = 0, low = 0] = bytes;
  const length = high * 256 + low;
  if (!knownTypes.has(type)) throw peerError('unexpected_message', notTls(bytes, `record type ${type}`));
  if (major < 3) throw peerError('protocol_version', notTls(bytes, `record version ${major}.x`));
  const isProtected = protectsAllTypes || type === contentTypes.application_data;
  const limit = isProtected ? maxCiphertext : maxRecordContent;
  if (length > limit)
    throw peerError('record_overflow', `a record of ${length} bytes came; at most ${limit} are allowed`);
  return { type, length };
}

/** The 5 bytes in front of a record. */
export function recordHeader(
  type: number,
  length: number,
  version: number = protocolVersions.tls12,
): Uint8Array {
  const header = Uint8Array.of(type, version >> 8, version & 0xff, 0, 0);
  writeRecordLength(header, length);
  return header;
}

/** Puts another length into a header that `recordHeader` gave. */
export function writeRecordLength(header: Uint8Array, length: number): void {
  header[3] = length >> 8;
  header[4] = length;
}

const knownTypes: ReadonlySet<number> = new Set(Object.values(contentTypes));

function notTls(bytes: Uint8Array, found: string): string {
  const isText = bytes.every((byte) => byte >= 0x20 && byte < 0x7f);
  const hint = isText ? '; the peer seems to speak a plain-text protocol on this port' : '';
  return `expected a TLS record, but ${found} came${hint}`;
}
