import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What a client sends and what a server answers, different from place to place. */
export interface Payloads {
  readonly upload: Buffer;
  readonly download: Buffer;
}

/** 100 KiB and 1 MiB each way. */
export interface PayloadSizes {
  readonly usual: Payloads;
  readonly large: Payloads;
}

const lengths = { usual: 100 * 1024, large: 1024 * 1024 } as const;

/** Bytes that are no ASCII: openssl mixes what it receives into its own text, and takes letters for commands. */
export const opaque: PayloadSizes = sizes(1, (random) => 0x80 + (random % 0x80));

/** Lines of 63 digits: the GnuTLS programs read lines. */
export const lines: PayloadSizes = sizes(3, digit);

function sizes(seed: number, at: (random: number, position: number) => number): PayloadSizes {
  const payloads = (length: number): Payloads => ({
    upload: bytes(seed, length, at),
    download: bytes(seed + 1, length, at),
  });
  return { usual: payloads(lengths.usual), large: payloads(lengths.large) };
}

function digit(random: number, position: number): number {
  return position % 64 === 63 ? 0x0a : 0x30 + (random % 10);
}

function bytes(seed: number, length: number, at: (random: number, position: number) => number): Buffer {
  const made = Buffer.alloc(length);
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

/** A file with an opaque payload, for peers that read it from one. */
export function payloadFile(
  directory: string,
  direction: keyof Payloads,
  size: keyof PayloadSizes = 'usual',
): string {
  return join(directory, `${size}-${direction}`);
}

export async function writePayloads(directory: string): Promise<void> {
  for (const size of ['usual', 'large'] as const) {
    for (const direction of ['upload', 'download'] as const)
      await writeFile(payloadFile(directory, direction, size), opaque[size][direction]);
  }
}
