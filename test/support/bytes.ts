import type { ByteStream } from '../../src/streams/byte-stream.ts';

/** `length` bytes that tell where they are. */
export function numbered(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = (i * 7 + (i >> 8) * 13 + (i >> 16)) & 255;
  return bytes;
}

/** Everything up to the end. */
export async function readToEnd(stream: ByteStream): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for (let bytes = await stream.read(); bytes !== null; bytes = await stream.read()) parts.push(bytes);
  return new Uint8Array(Buffer.concat(parts));
}

/** At least `length` bytes, or everything up to the end. */
export async function readAtLeast(stream: ByteStream, length: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for (let count = 0; count < length; ) {
    const bytes = await stream.read();
    if (bytes === null) break;
    parts.push(bytes);
    count += bytes.length;
  }
  return new Uint8Array(Buffer.concat(parts));
}
