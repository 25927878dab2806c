import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type {
  Answer,
  ImplementationName,
  LaneSetup,
  Request,
  Usage,
  Work,
  WorkReport,
} from './lane-protocol.ts';

/** What one piece of work took. */
export interface LaneReport {
  /** Microseconds of the processor, user and system over all threads. */
  readonly server: number;
  readonly client: number;
  /** Milliseconds on the clock. */
  readonly wall: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

/** A server and a client, each in a process of its own. */
export class Lane {
  readonly #server: Side;
  readonly #client: Side;

  private constructor(server: Side, client: Side) {
    this.#server = server;
    this.#client = client;
  }

  static async start(
    server: ImplementationName,
    client: ImplementationName,
    setup: LaneSetup,
  ): Promise<Lane> {
    const lane = new Lane(new Side(), new Side());
    const listening = await lane.#server.ask({ kind: 'listen', implementation: server, setup });
    if (listening.kind !== 'listening') throw new Error('a server gave no port');
    await lane.#client.ask({ kind: 'connect', implementation: client, setup, port: listening.port });
    return lane;
  }

  async run(work: Work): Promise<LaneReport> {
    const before = await usageOf(this.#server, false);
    const { cpu, wall, latencies } = await workOf(this.#client, work);
    const after = await usageOf(this.#server, false);
    const [p50 = 0, p99 = 0] = latencies;
    return { server: after.microseconds - before.microseconds, client: cpu, wall, p50, p99 };
  }

  /** Bytes that the server's process has in memory, after a collection. */
  async serverMemory(): Promise<number> {
    return (await usageOf(this.#server, true)).residentSet;
  }

  stop(): void {
    this.#server.stop();
    this.#client.stop();
  }
}

async function usageOf(side: Side, collect: boolean): Promise<Usage> {
  const answer = await side.ask({ kind: 'usage', collect });
  if (answer.kind !== 'usage') throw new Error('a side did not say what it uses');
  return answer.usage;
}

async function workOf(side: Side, work: Work): Promise<WorkReport> {
  const answer = await side.ask({ kind: 'work', work });
  if (answer.kind !== 'worked') throw new Error('a side did not say how it worked');
  return answer.report;
}

/** One process. Requests are answered one at a time. */
class Side {
  readonly #process: ChildProcess;

  constructor() {
    const program = fileURLToPath(new URL('side.mjs', import.meta.url));
    this.#process = fork(program, { execArgv: ['--expose-gc'], serialization: 'advanced' });
  }

  async ask(request: Request): Promise<Answer> {
    const abort = new AbortController();
    const ended = once(this.#process, 'exit', abort).then(() => {
      throw new Error('a side of the benchmark ended');
    });
    const answered = once(this.#process, 'message', abort).then(([answer]) => answer as Answer);
    this.#process.send(request);
    try {
      const answer = await Promise.race([answered, ended]);
      if (answer.kind === 'failed') throw new Error(`a side of the benchmark failed: ${answer.reason}`);
      return answer;
    } finally {
      // The one that lost must not be waited for, nor its rejection be anybody's.
      ended.catch(() => {});
      answered.catch(() => {});
      abort.abort();
    }
  }

  stop(): void {
    this.#process.kill('SIGKILL');
  }
}
