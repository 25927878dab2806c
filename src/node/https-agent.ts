import https, { type AgentOptions, type RequestOptions } from 'node:https';
import { type ConnectOptions, connect } from './connect.ts';
import type { TLSSocket } from './tls-socket.ts';

/** What Node's agents are given for a connection, beside what has types. */
interface Wishes extends RequestOptions {
  /** What connections are told apart by. */
  readonly _agentKey?: string;
  readonly session?: Buffer | undefined;
}

/** As `https.Agent`, whose connections are Tacit's. Sessions are resumed as Node's agent does, `maxCachedSessions` of them. */
export class Agent extends https.Agent {
  readonly #sessions = new Map<string, Buffer>();
  readonly #maxSessions: number;

  constructor(options: AgentOptions = {}) {
    super(options);
    this.#maxSessions = options.maxCachedSessions ?? 100;
  }

  override createConnection(wishes: RequestOptions): TLSSocket {
    const { _agentKey: key, session: given } = wishes as Wishes;
    const session = given ?? (key === undefined ? undefined : this.#sessions.get(key));
    const socket = connect({ ...wishes, ...(session && { session }) } as ConnectOptions);
    if (key !== undefined) {
      socket.on('session', (given: Buffer) => this.#keep(key, given));
      // It may be what the connection failed for.
      socket.once('error', () => this.#sessions.delete(key));
    }
    return socket;
  }

  #keep(key: string, session: Buffer): void {
    if (this.#maxSessions === 0) return;
    this.#sessions.delete(key);
    if (this.#sessions.size >= this.#maxSessions) this.#sessions.delete(this.#sessions.keys().next().value!);
    this.#sessions.set(key, session);
  }
}
