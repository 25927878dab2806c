import { createHash } from 'node:crypto';

export interface Received {
  readonly bytes: number;
  readonly sha256: string;
}

interface Readable {
  read(): Promise<Uint8Array | null>;
}

/** Reads what arrives on a stream by length or by line, or to its end. */
export class Incoming {
  readonly #stream: Readable;
  #rest: Buffer = Buffer.alloc(0);

  constructor(stream: Readable) {
    this.#stream = stream;
  }

  /** Exactly `length` bytes. */
  async take(length: number): Promise<Received> {
    const hash = createHash('sha256');
    let left = length;
    while (left > 0) {
      if (this.#rest.length === 0) await this.#more(`${left} of ${length} bytes`);
      const part = this.#rest.subarray(0, left);
      this.#rest = this.#rest.subarray(part.length);
      hash.update(part);
      left -= part.length;
    }
    return { bytes: length, sha256: hash.digest('hex') };
  }

  /** Text up to and with `delimiter`. */
  async takeThrough(delimiter: string): Promise<string> {
    for (;;) {
      const at = this.#rest.indexOf(delimiter);
      if (at >= 0) {
        const text = this.#rest.toString('latin1', 0, at + delimiter.length);
        this.#rest = this.#rest.subarray(at + delimiter.length);
        return text;
      }
      await this.#more(`the delimiter ${JSON.stringify(delimiter)}`);
    }
  }

  /** Everything to the end. */
  async takeAll(): Promise<Received> {
    const hash = createHash('sha256').update(this.#rest);
    let bytes = this.#rest.length;
    this.#rest = Buffer.alloc(0);
    for (let data = await this.#stream.read(); data !== null; data = await this.#stream.read()) {
      hash.update(data);
      bytes += data.length;
    }
    return { bytes, sha256: hash.digest('hex') };
  }

  async #more(wanted: string): Promise<void> {
    const data = await this.#stream.read();
    if (data === null) throw new Error(`the stream ended where ${wanted} should come`);
    this.#rest = Buffer.concat([this.#rest, data]);
  }
}
