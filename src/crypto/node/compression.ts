import {
  type BrotliOptions,
  brotliCompressSync,
  brotliDecompressSync,
  constants,
  deflateSync,
  inflateSync,
  type ZlibOptions,
} from 'node:zlib';
import type { CertificateCompression, Compressor } from '../provider.ts';
import { plainBytes } from './bytes.ts';

/** See `CryptoProvider.compressors`. */
export const compressors: Readonly<Record<CertificateCompression, Compressor>> = {
  zlib: {
    compress: (bytes) => plainBytes(deflateSync(bytes)),
    decompress: (compressed, length) => decompress(inflateSync, compressed, length),
  },
  brotli: {
    compress: (bytes) => plainBytes(brotliCompressSync(bytes, { params: brotliParameters })),
    decompress: (compressed, length) =>
      hasLargeWindow(compressed) ? undefined : decompress(brotliDecompressSync, compressed, length),
  },
};

/**
 * The best that does not make a server pause: 0.3 ms for a usual chain, 4 ms for the largest. The next better quality
 * saves 2 % of the bytes and takes 5 ms; with a larger window this one would take so long too.
 */
const brotliParameters = {
  [constants.BROTLI_PARAM_QUALITY]: 9,
  [constants.BROTLI_PARAM_LGWIN]: 16,
};

/**
 * Windows of 8 and 16 MiB (RFC 7932 §9.1), which a decoder fills before it gives anything out: 50 bytes can make it do
 * that. Encoders have 4 MiB by default; no Certificate needs so much.
 */
function hasLargeWindow([first = 0]: Uint8Array): boolean {
  return (first & 0b1101) === 0b1101;
}

type NodeDecompress = (bytes: Uint8Array, options: ZlibOptions & BrotliOptions) => unknown;

function decompress(
  nodeDecompress: NodeDecompress,
  compressed: Uint8Array,
  length: number,
): Uint8Array | undefined {
  // With room for one byte more the output is never full, and one chunk is enough.
  const options = { maxOutputLength: Math.max(length, 1), chunkSize: Math.max(length + 1, 64), info: true };
  let result: { readonly buffer: Buffer; readonly engine: { readonly bytesWritten: number } };
  try {
    result = nodeDecompress(compressed, options) as typeof result;
  } catch {
    return undefined;
  }
  // What lies behind the stream Node does not read, and does not mention.
  if (result.engine.bytesWritten !== compressed.length || result.buffer.length !== length) return undefined;
  return plainBytes(result.buffer);
}
