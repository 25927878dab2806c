import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** One input with the file that holds it. */
export interface InputFile {
  readonly path: string;
  readonly input: Uint8Array;
}

/** The inputs in a directory, in the order of their names; none where it is not there. */
export function readInputs(directory: string): readonly InputFile[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory)
    .sort()
    .map((name) => join(directory, name))
    .map((path) => ({ path, input: new Uint8Array(readFileSync(path)) }));
}

/** Writes an input under a name that follows from its content. @returns the file */
export function writeInput(directory: string, input: Uint8Array): string {
  mkdirSync(directory, { recursive: true });
  const path = join(directory, createHash('sha256').update(input).digest('hex').slice(0, 16));
  writeFileSync(path, input);
  return path;
}
