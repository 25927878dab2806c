import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import { leaf, makeLocalhost, root } from './node-faces.ts';

/** What became of a program. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

let directory: string;

/** For `beforeAll`: a directory where the package is imported by its name, made from the sources, with an identity. */
export async function makeProgramDirectory(): Promise<void> {
  directory = mkdtempSync(join(tmpdir(), 'tacit-register-'));
  const made = join(directory, 'node_modules/tacit-tls');
  mkdirSync(made, { recursive: true });
  buildSync({
    entryPoints: [fileURLToPath(new URL('../../src/node-register.ts', import.meta.url))],
    outfile: join(made, 'register.js'),
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
  });
  writeFileSync(
    join(made, 'package.json'),
    JSON.stringify({ type: 'module', exports: { './node/register': './register.js' } }),
  );
  await makeLocalhost();
  write('ca.pem', root.pem);
  write('cert.pem', leaf.pem);
  write('key.pem', leaf.keyPem);
  // Where this is loaded, whatever does TLS by OpenSSL fails.
  write(
    'no-openssl.cjs',
    `process.noDeprecation = true;
    const binding = process.binding('tls_wrap');
    const { wrap } = binding;
    binding.wrap = (handle, ...given) => {
      // What stands below a duplex is there to be had, for http2, and carries nothing.
      if (handle.constructor.name === 'JSStream') return wrap(handle, ...given);
      throw new Error('OpenSSL was asked for TLS');
    };
    process.noDeprecation = false;`,
  );
}

/** For `afterAll`. */
export function removeProgramDirectory(): void {
  rmSync(directory, { recursive: true, force: true });
}

/** A file beside the programs. */
export function write(name: string, text: string): void {
  writeFileSync(join(directory, name), text);
}

export interface RunOptions {
  /** Node's, before the program. */
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Is told what the program prints first. */
  readonly onOutput?: (line: string) => void;
}

/** Runs `program`, a script or (where it begins with an import) a module. The directory's authority is trusted. */
export function run(program: string, { flags = [], env = {}, onOutput }: RunOptions = {}): Promise<Outcome> {
  const name = /^\s*import /.test(program) ? 'program.mjs' : 'program.cjs';
  write(name, program);
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [...flags, name],
      {
        cwd: directory,
        env: { PATH: process.env['PATH'], NODE_EXTRA_CA_CERTS: 'ca.pem', ...env },
        timeout: 20_000,
      },
      (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr });
      },
    );
    if (onOutput !== undefined) child.stdout?.once('data', (text) => onOutput(String(text).trim()));
  });
}
