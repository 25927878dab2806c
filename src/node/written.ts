/** Sockets of Node's get strings as they were written. */
export interface Written {
  readonly chunk: Buffer | string;
  readonly encoding: BufferEncoding;
}

export function bytesOf({ chunk, encoding }: Written): Buffer {
  return typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk;
}
