import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import { type ListenOptions, listen, type TlsListener } from '../../src/net/listen.ts';
import { connectTcp } from '../../src/net/tcp-connect.ts';
import { Deferred } from '../../src/streams/deferred.ts';
import { TlsStream } from '../../src/streams/tls-stream.ts';
import { SeededRandom } from '../../src/testing/random.ts';
import { type Ending, endings, type Lonely, lonelyEndings, type Meeting } from './storm-endings.ts';
import { peer, rootPem, serverPem, testClientConfig } from './tls-endpoints.ts';

export interface StormOptions {
  readonly connections: number;
  readonly seed: number;
  /** The longest payload, bytes. */
  readonly longest: number;
}

/** What went wrong, as `ending, connection: reason`, and how often each ending was tried. */
export interface StormReport {
  readonly problems: readonly string[];
  readonly tried: ReadonlyMap<string, number>;
}

/** Connections whose handshakes run at once: no more than the backlog of a listener takes. */
const openingAtOnce = 100;

/** All of them are open at once, and a slow machine may take its time. */
const patience = { handshakeTimeout: 600_000, drain: { timeout: 600_000 } } as const;

/**
 * Opens so many connections, and ends them all at once, each in its own way. Everything that a way promises is
 * compared: payloads, reports and errors.
 */
export async function storm(options: StormOptions): Promise<StormReport> {
  const ground = await Ground.prepare(options);
  try {
    return await ground.run();
  } finally {
    await ground.clear();
  }
}

class Ground {
  readonly #options: StormOptions;
  readonly #random: SeededRandom;
  readonly #listener: TlsListener;
  readonly #refusing: TlsListener;
  /** Connections of a listener by the port of their client; either side may come first. */
  readonly #arrivals = new Map<string, Deferred<TlsStream>>();
  readonly #pool: Uint8Array;
  readonly #config = testClientConfig();
  readonly #tried = new Map<string, number>();
  readonly #problems: string[] = [];
  #open = 0;
  #everybodyIsOpen: () => void = () => {};

  static async prepare(options: StormOptions): Promise<Ground> {
    const common = { host: '127.0.0.1', identity: serverPem, maxDraining: Number.MAX_VALUE, ...patience };
    const refusal = { clientAuthentication: 'require', ca: rootPem } as const;
    const [listener, refusing] = await Promise.all(
      [common, { ...common, ...refusal }].map((settings: ListenOptions) => listen(settings, nodeCrypto)),
    );
    return new Ground(options, listener!, refusing!);
  }

  private constructor(options: StormOptions, listener: TlsListener, refusing: TlsListener) {
    this.#options = options;
    this.#random = new SeededRandom(options.seed);
    this.#pool = randomBytes(2 * options.longest, options.seed);
    this.#listener = listener;
    this.#refusing = refusing;
    for (const one of [listener, refusing]) void this.#accept(one);
  }

  async run(): Promise<StormReport> {
    const { connections } = this.#options;
    const allOpen = new Promise<void>((resolve) => {
      this.#everybodyIsOpen = resolve;
    });
    const plans = Array.from({ length: connections }, (_, number) => this.#plan(number, allOpen));
    const running: Promise<void>[] = [];
    for (let first = 0; first < plans.length; first += openingAtOnce) {
      const opening = plans.slice(first, first + openingAtOnce).map((start) => start());
      running.push(...opening.map(({ done }) => done));
      await Promise.all(opening.map(({ opened }) => opened));
    }
    await Promise.all(running);
    return { problems: this.#problems, tried: this.#tried };
  }

  async clear(): Promise<void> {
    await Promise.all([this.#listener.close(), this.#refusing.close()]);
  }

  async #accept(listener: TlsListener): Promise<void> {
    for await (const stream of listener) {
      this.#arrival(listener, stream.remoteAddress?.port).resolve(stream);
    }
  }

  /** What is random is drawn before anything runs: timing must not change it. */
  #plan(number: number, allOpen: Promise<void>): () => { opened: Promise<void>; done: Promise<void> } {
    const all: readonly (readonly [string, Ending | Lonely])[] = [...endings, ...lonelyEndings];
    const [name, ending] = all[this.#random.integer(0, all.length - 1)]!;
    const random = new SeededRandom(this.#random.integer(0, 2 ** 31));
    const [up, down] = [this.#payload(), this.#payload()];
    this.#tried.set(name, (this.#tried.get(name) ?? 0) + 1);
    return () => {
      let markOpened = (): void => {};
      const opened = new Promise<void>((resolve) => {
        markOpened = resolve;
      });
      const everybody = (): Promise<void> => {
        markOpened();
        this.#open += 1;
        if (this.#open === this.#options.connections) this.#everybodyIsOpen();
        return allOpen;
      };
      const attempt =
        ending.kind === 'pair'
          ? this.#pair(ending, { up, down, random }, everybody)
          : this.#lonely(ending, random, everybody);
      const done = attempt.catch((reason: unknown) => {
        markOpened();
        this.#problems.push(`${name}, ${number}: ${reason}`);
      });
      return { opened, done };
    };
  }

  async #pair(
    ending: Ending,
    payloads: Pick<Meeting, 'up' | 'down' | 'random'>,
    everybody: () => Promise<void>,
  ): Promise<void> {
    const listener = ending.isRefused ? this.#refusing : this.#listener;
    const transport = await connectTcp(listener.address);
    const arrival = this.#meet(listener, transport.localAddress?.port);
    const client = TlsStream.client(transport, this.#config, peer, patience);
    const handshake = client.handshake();
    const server = await arrival;
    const accepted = server.handshake();
    if (ending.isRefused) accepted.catch(() => {});
    else await accepted;
    await handshake;
    await everybody();
    await ending.run({ client, server, ...payloads });
    client.destroy();
    server.destroy();
    await transport.closed;
  }

  async #lonely(ending: Lonely, random: SeededRandom, everybody: () => Promise<void>): Promise<void> {
    if (ending.role === 'server') {
      const socket = createConnection({ ...this.#listener.address, allowHalfOpen: true });
      await once(socket, 'connect');
      const stream = await this.#meet(this.#listener, socket.localPort);
      await everybody();
      return ending.run(stream, socket, random);
    }
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const connection = once(server, 'connection') as Promise<[Socket]>;
    const transport = await connectTcp({ host: '127.0.0.1', port: (server.address() as AddressInfo).port });
    const [socket] = await connection;
    server.close();
    const stream = TlsStream.client(transport, this.#config, peer, patience);
    await everybody();
    return ending.run(stream, socket, random);
  }

  async #meet(listener: TlsListener, port: number | undefined): Promise<TlsStream> {
    const stream = await this.#arrival(listener, port).promise;
    // The port may come again.
    this.#arrivals.delete(keyOf(listener, port));
    return stream;
  }

  #arrival(listener: TlsListener, port: number | undefined): Deferred<TlsStream> {
    const key = keyOf(listener, port);
    const arrival = this.#arrivals.get(key) ?? new Deferred<TlsStream>();
    this.#arrivals.set(key, arrival);
    return arrival;
  }

  /** A third are tiny, a third are a few records, a third are as long as may be. */
  #payload(): Uint8Array {
    const longest = [100, Math.min(50_000, this.#options.longest), this.#options.longest];
    const length = this.#random.integer(0, longest[this.#random.integer(0, 2)]!);
    const start = this.#random.integer(0, this.#pool.length - length);
    return this.#pool.subarray(start, start + length);
  }
}

function keyOf(listener: TlsListener, client: number | undefined): string {
  return `${listener.address.port} ${client}`;
}

/** Faster than drawing bytes one by one: hashes of a counter. */
function randomBytes(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let offset = 0; offset < length; offset += 64) {
    const block = createHash('sha512').update(`${seed} ${offset}`).digest();
    bytes.set(block.subarray(0, length - offset), offset);
  }
  return bytes;
}
