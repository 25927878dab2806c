import { encodeMessage } from './message.ts';
import { Reader } from './reader.ts';

/** RFC 8879 §4. */
export interface CompressedCertificate {
  readonly algorithm: number;
  /** Of the body of the Certificate message, in bytes: its header is not compressed. */
  readonly uncompressedLength: number;
  readonly compressed: Uint8Array;
}

export function decodeCompressedCertificate(body: Uint8Array): CompressedCertificate {
  const reader = new Reader(body, 'CompressedCertificate');
  const algorithm = reader.uint16();
  const uncompressedLength = reader.uint24();
  const compressed = reader.vector(3, 1);
  reader.end();
  return { algorithm, uncompressedLength, compressed };
}

export function encodeCompressedCertificate(message: CompressedCertificate): Uint8Array {
  return encodeMessage('compressed_certificate', (writer) => {
    writer.uint16(message.algorithm).uint24(message.uncompressedLength).vector(3, message.compressed);
  });
}
