/*
 * Lets commands run without doing anything: their files are made up, and what would reach the world outside, a
 * connection, a listener, a process, a file that is written, is noted and fails.
 */

import childProcess from 'node:child_process';
import dns from 'node:dns';
import fs from 'node:fs';
import filePromises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';
import tls from 'node:tls';

/** What a command was about to do to the world. */
export interface Effect {
  readonly what: string;
  readonly args: readonly unknown[];
}

/** Thrown where an effect would be. */
export class Barrier extends Error {
  override readonly name = 'Barrier';
  readonly code = 'EACCES';
}

export interface Sandboxed {
  /** The exit status, or what was thrown. */
  readonly outcome: { readonly status: number } | { readonly error: unknown };
  readonly effects: readonly Effect[];
  readonly stdout: string;
}

type Functions = Record<string, unknown>;

/** @param files by their names; a name that ends with a slash is a directory */
export async function inSandbox(
  files: ReadonlyMap<string, Uint8Array>,
  run: () => Promise<number>,
): Promise<Sandboxed> {
  const effects: Effect[] = [];
  const barrier =
    (what: string) =>
    (...args: readonly unknown[]): never => {
      effects.push({ what, args });
      throw new Barrier(`${what} is not done here`);
    };
  const notThere = (path: unknown): Error =>
    Object.assign(new Error(`no ${String(path)}`), { code: 'ENOENT' });
  const isDirectory = (path: unknown): boolean =>
    path === '.' || files.has(`${String(path).replace(/\/$/, '')}/`);
  const read = (path: unknown): Uint8Array => {
    const content = files.get(String(path));
    if (!content) throw notThere(path);
    return content;
  };
  type Found = (error: null, addresses: readonly object[]) => void;
  const lookup = (_host: string, _options: object, found: Found): void =>
    found(null, [{ address: '192.0.2.1', family: 4 }]);
  let stdout = '';
  const write = (text: unknown): boolean => {
    stdout += String(text);
    return true;
  };
  const restore = patch([
    [
      fs as unknown as Functions,
      {
        existsSync: (path: unknown): boolean => isDirectory(path) || files.has(String(path)),
        statSync: (path: unknown): object => ({
          isDirectory: () => isDirectory(path),
          size: isDirectory(path) ? 0 : read(path).length,
        }),
        readFileSync: (path: unknown): Buffer => Buffer.from(read(path)),
        readdirSync: (): never => {
          throw notThere('directory');
        },
        ...Object.fromEntries(
          ['mkdirSync', 'mkdtempSync', 'writeFileSync', 'rmSync', 'createReadStream', 'openSync'].map(
            (name) => [name, barrier(name)],
          ),
        ),
      },
    ],
    [filePromises as unknown as Functions, { open: barrier('open'), rename: barrier('rename') }],
    [
      net as unknown as Functions,
      Object.fromEntries(
        ['connect', 'createConnection', 'createServer'].map((name) => [name, barrier(name)]),
      ),
    ],
    [
      tls as unknown as Functions,
      Object.fromEntries(['connect', 'createServer'].map((name) => [name, barrier(name)])),
    ],
    [dns as unknown as Functions, { lookup }],
    [
      childProcess as unknown as Functions,
      Object.fromEntries(['spawn', 'execFile'].map((name) => [name, barrier(name)])),
    ],
    [process.stdout as unknown as Functions, { write, on: () => process.stdout }],
    [process.stderr as unknown as Functions, { write: () => true }],
  ]);
  try {
    return { outcome: { status: await run() }, effects, stdout };
  } catch (error) {
    return { outcome: { error }, effects, stdout };
  } finally {
    restore();
  }
}

/** Puts functions in place of those of modules. @returns what takes them out again */
function patch(modules: readonly (readonly [Functions, Functions])[]): () => void {
  const originals = modules.map(([module, functions]) => {
    const own = Object.keys(functions).map(
      (name) => [name, Object.getOwnPropertyDescriptor(module, name)] as const,
    );
    for (const [name, value] of Object.entries(functions))
      Object.defineProperty(module, name, { value, configurable: true, writable: true });
    return [module, own] as const;
  });
  syncBuiltinESMExports();
  return () => {
    for (const [module, own] of originals) {
      for (const [name, descriptor] of own) {
        if (descriptor) Object.defineProperty(module, name, descriptor);
        else delete module[name];
      }
    }
    syncBuiltinESMExports();
  };
}
