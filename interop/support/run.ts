import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inject } from 'vitest';
import { CertificateFiles } from './certificates.ts';

/** A peer is there in some version, or it is missing for some reason. */
export type PeerState = { readonly version: string; readonly program: string } | { readonly missing: string };

/** What the global setup found and made for this run. */
export interface InteropRun {
  /** Removed at the end. */
  readonly directory: string;
  readonly peers: Readonly<Record<string, PeerState>>;
}

declare module 'vitest' {
  interface ProvidedContext {
    interop: InteropRun;
  }
}

export const run: InteropRun = inject('interop');

export const certificates: CertificateFiles = new CertificateFiles(join(run.directory, 'certificates'));

/** A path in the run's directory, for a file that a peer writes. */
let scratchFiles = 0;
export function scratchFile(name: string): string {
  scratchFiles++;
  return join(run.directory, `${process.pid}-${scratchFiles}-${name}`);
}

/** A file with this content; equal contents are one file. */
export async function contentFile(name: string, content: string): Promise<string> {
  const directory = join(run.directory, 'content');
  await mkdir(directory, { recursive: true });
  const path = join(directory, `${createHash('sha256').update(content).digest('hex').slice(0, 16)}-${name}`);
  await writeFile(path, content);
  return path;
}
