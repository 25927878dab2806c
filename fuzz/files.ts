import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

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

/** Writes an input. @param name by default one that follows from its content @returns the file */
export function writeInput(directory: string, input: Uint8Array, name: string = hashOf(input)): string {
  mkdirSync(directory, { recursive: true });
  const path = join(directory, name.replace(/[^\w]+/g, '-'));
  writeFileSync(path, input);
  return path;
}

/** Whether the name of an input says that it was found, and not made as a seed. */
export function isFound(path: string): boolean {
  return /^[0-9a-f]{16}$/.test(basename(path));
}

function hashOf(input: Uint8Array): string {
  return createHash('sha256').update(input).digest('hex').slice(0, 16);
}
