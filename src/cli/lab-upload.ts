import { createCipheriv, createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';

/** What the lab's client uploads: bytes made up on the spot, or a file. Goes to the child process as JSON. */
export interface UploadSource {
  readonly length: number;
  /** Undefined: made up, the same bytes every time. */
  readonly path?: string;
}

const chunkLength = 64 * 1024;

/** The first `length` bytes of an upload, in chunks. */
export function uploadChunks(
  source: UploadSource,
  length: number = source.length,
): AsyncIterable<Uint8Array> {
  if (length === 0) return emptyChunks();
  return source.path === undefined
    ? madeUpChunks(length)
    : (createReadStream(source.path, {
        end: length - 1,
        highWaterMark: chunkLength,
      }) as AsyncIterable<Uint8Array>);
}

async function* emptyChunks(): AsyncGenerator<Uint8Array> {}

/** A key stream: no two places look alike, so bytes that were moved or repeated are seen. */
async function* madeUpChunks(length: number): AsyncGenerator<Uint8Array> {
  const stream = createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16));
  const zeros = Buffer.alloc(chunkLength);
  for (let left = length; left > 0; left -= chunkLength) {
    yield stream.update(left < chunkLength ? zeros.subarray(0, left) : zeros);
  }
}

/** What arrived of an upload. */
export class Arrived {
  #length = 0;
  readonly #hash = createHash('sha256');

  get length(): number {
    return this.#length;
  }

  take(bytes: Uint8Array): void {
    this.#length += bytes.length;
    this.#hash.update(bytes);
  }

  /** Whether what arrived is, byte for byte, how the upload begins. To be asked once, at the end. */
  async isStartOf(source: UploadSource): Promise<boolean> {
    if (this.#length > source.length) return false;
    const expected = createHash('sha256');
    for await (const chunk of uploadChunks(source, this.#length)) expected.update(chunk);
    return expected.digest().equals(this.#hash.digest());
  }
}
