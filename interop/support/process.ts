import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { onTestFinished } from 'vitest';
import type { PeerSettings } from './peer.ts';

export interface ProcessOptions {
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly cwd?: string | undefined;
  /** Milliseconds until the process is killed. */
  readonly timeout?: number | undefined;
}

export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const defaultTimeout = 60_000;

interface Signal {
  readonly fired: Promise<void>;
  readonly fire: () => void;
}

function signal(): Signal {
  let fire: () => void = () => undefined;
  const fired = new Promise<void>((resolve) => {
    fire = resolve;
  });
  return { fired, fire };
}

/**
 * A peer that runs as a child process. Its output is kept whole; tests wait for a line or for the end, never for
 * a time. It is killed when the test ends, and when its time is up.
 */
export class PeerProcess {
  readonly exited: Promise<ProcessEnd>;
  readonly #command: string;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #stdout: Buffer[] = [];
  readonly #stderr: Buffer[] = [];
  #stdoutLength = 0;
  #changed: Signal = signal();
  #end: ProcessEnd | undefined;

  constructor(command: string, args: readonly string[], options: ProcessOptions = {}) {
    this.#command = [command, ...args].join(' ');
    const env = { ...process.env, LC_ALL: 'C', ...options.env };
    this.#child = spawn(command, args, { env, cwd: options.cwd, stdio: 'pipe' });
    this.#child.stdout.on('data', (chunk: Buffer) => {
      this.#stdout.push(chunk);
      this.#stdoutLength += chunk.length;
      this.#signalChange();
    });
    this.#child.stderr.on('data', (chunk: Buffer) => {
      this.#stderr.push(chunk);
      this.#signalChange();
    });
    // A peer that ends early breaks the pipe: what it printed says why.
    this.#child.stdin.on('error', () => undefined);
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), options.timeout ?? defaultTimeout);
    this.exited = new Promise((resolve) => {
      const finish = (end: ProcessEnd): void => {
        clearTimeout(timer);
        this.#end = end;
        this.#signalChange();
        resolve(end);
      };
      this.#child.on('error', (error) => {
        this.#stderr.push(Buffer.from(`${error.message}\n`));
        finish({ code: null, signal: null });
      });
      this.#child.on('close', (code, signal) => finish({ code, signal }));
    });
  }

  get stdout(): Buffer {
    const joined = Buffer.concat(this.#stdout);
    this.#stdout.splice(0, this.#stdout.length, joined);
    return joined;
  }

  get stdoutLength(): number {
    return this.#stdoutLength;
  }

  get stderr(): string {
    return Buffer.concat(this.#stderr).toString('latin1');
  }

  /** Both outputs as text. */
  get output(): string {
    return `${this.stdout.toString('latin1')}\n${this.stderr}`;
  }

  write(data: string | Uint8Array): void {
    this.#child.stdin.write(data);
  }

  endInput(): void {
    this.#child.stdin.end();
  }

  pauseOutput(): void {
    this.#child.stdout.pause();
  }

  resumeOutput(): void {
    this.#child.stdout.resume();
  }

  /** Waits until `probe` finds something in the output; rejects when the process ends without it. */
  async until<T>(what: string, probe: () => T | undefined): Promise<T> {
    for (;;) {
      const found = probe();
      if (found !== undefined) return found;
      if (this.#end !== undefined) throw this.#endedBefore(what);
      await this.#changed.fired;
    }
  }

  /** The same for what shows elsewhere than in the output: tries again and again. */
  async poll<T>(what: string, probe: () => Promise<T | undefined>): Promise<T> {
    for (;;) {
      const found = await probe();
      if (found !== undefined) return found;
      if (this.#end !== undefined) throw this.#endedBefore(what);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** Waits for a match in what the process prints, on either output. */
  match(pattern: RegExp): Promise<RegExpMatchArray> {
    return this.until(`printing ${pattern}`, () => this.output.match(pattern) ?? undefined);
  }

  get ended(): boolean {
    return this.#end !== undefined;
  }

  /** Asks the process to end. */
  async terminate(): Promise<ProcessEnd> {
    if (!this.ended) this.#child.kill('SIGTERM');
    return this.exited;
  }

  async kill(): Promise<void> {
    if (this.#end === undefined) this.#child.kill('SIGKILL');
    await this.exited;
  }

  #endedBefore(what: string): Error {
    const end = this.#end?.code ?? this.#end?.signal;
    return new Error(`${this.#command} ended (${end}) before ${what}:\n${excerpt(this.output)}`);
  }

  #signalChange(): void {
    const changed = this.#changed;
    this.#changed = signal();
    changed.fire();
  }
}

/** Starts a process that does not outlive the running test. */
export function start(command: string, args: readonly string[], options?: ProcessOptions): PeerProcess {
  const peer = new PeerProcess(command, args, options);
  onTestFinished(() => peer.kill());
  return peer;
}

/** The variable that most peers take the name of their key log from. */
export function keyLogEnvironment({ keyLog }: PeerSettings): Record<string, string> {
  return keyLog === undefined ? {} : { SSLKEYLOGFILE: keyLog };
}

/** For peers that cannot bind port 0 and say what they got. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** For peers that do not say when they listen: resolves when a connection is accepted. */
export function untilListening(peer: PeerProcess, port: number): Promise<true> {
  return peer.poll(`listening on port ${port}`, async () => {
    const socket = connect(port, '127.0.0.1');
    const connected = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    });
    socket.destroy();
    return connected || undefined;
  });
}

function excerpt(text: string): string {
  return text.length <= 4000 ? text : `${text.slice(0, 2000)}\n…\n${text.slice(-2000)}`;
}
