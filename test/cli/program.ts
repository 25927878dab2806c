// Runs the built command line as a child process.

import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

export interface Finished {
  readonly status: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** A running `tacit`. */
export class Running {
  readonly child: ChildProcess;
  readonly finished: Promise<Finished>;
  readonly #stdout: Buffer[] = [];
  #stderr = '';
  #closed = false;
  readonly #onOutput = new Set<() => void>();

  constructor(args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
    this.child = spawn(process.execPath, [program, ...args], {
      stdio: 'pipe',
      env: { ...process.env, ...environment },
    });
    this.child.stdout?.on('data', (bytes: Buffer) => {
      this.#stdout.push(bytes);
      for (const check of this.#onOutput) check();
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
      for (const check of this.#onOutput) check();
    });
    // Who exits early closes its stdin on us.
    this.child.stdin?.on('error', () => {});
    this.finished = new Promise((resolve) => {
      this.child.once('close', (status) => {
        this.#closed = true;
        for (const check of this.#onOutput) check();
        resolve({ status, stdout: Buffer.concat(this.#stdout), stderr: this.#stderr });
      });
    });
  }

  /** The first match in what it has printed, or will have. */
  printed(stream: 'stdout' | 'stderr', pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const check = (): void => {
        const text = stream === 'stdout' ? Buffer.concat(this.#stdout).toString() : this.#stderr;
        const match = pattern.exec(text);
        if (match !== null) resolve(match);
        else if (this.#closed) reject(new Error(`ended without ${pattern}:\n${text}\n${this.#stderr}`));
        else return;
        this.#onOutput.delete(check);
      };
      this.#onOutput.add(check);
      check();
    });
  }
}

/** Runs it to its end. */
export function tacit(
  args: readonly string[],
  stdin: string | Uint8Array = '',
  environment: Readonly<Record<string, string>> = {},
): Promise<Finished> {
  const running = new Running(args, environment);
  running.child.stdin?.end(stdin);
  return running.finished;
}
