import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What a client sends and what a server answers: 100 KiB each, different from place to place. */
export interface Payloads {
  readonly name: string;
  readonly upload: Buffer;
  readonly download: Buffer;
}

/** Bytes that are no ASCII: openssl mixes what it receives into its own text, and takes letters for commands. */
export const opaque: Payloads = {
  name: 'opaque',
  upload: bytes(1, (random) => 0x80 + (random % 0x80)),
  download: bytes(2, (random) => 0x80 + (random % 0x80)),
};

/** Lines of 63 digits: the GnuTLS programs read lines. */
export const lines: Payloads = { name: 'lines', upload: bytes(3, digit), download: bytes(4, digit) };

function digit(random: number, position: number): number {
  return position % 64 === 63 ? 0x0a : 0x30 + (random % 10);
}

function bytes(seed: number, at: (random: number, position: number) => number): Buffer {
  const made = Buffer.alloc(100 * 1024);
  let state = seed;
  for (let i = 0; i < made.length; i++) {
    // Numerical Recipes' linear congruential generator; its high bits are the good ones.
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    made[i] = at(state >>> 16, i);
  }
  return made;
}

export function sha256(data: Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

/** Files with the opaque payloads, for peers that read them from one. */
export function uploadFile(directory: string): string {
  return join(directory, 'upload');
}

export function downloadFile(directory: string): string {
  return join(directory, 'download');
}

export async function writePayloads(directory: string): Promise<void> {
  await writeFile(uploadFile(directory), opaque.upload);
  await writeFile(downloadFile(directory), opaque.download);
}
