import { once } from 'node:events';
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { StoppableTransport } from '../../src/cli/lab-client.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import { sha256 } from '../../src/crypto/sha256.ts';

/** What lies between a client and a server. */
export interface Wire {
  readonly client: Duplex;
  readonly server: Duplex;
  /** Ends both directions without a word of TLS. Only in memory. */
  cut(where: 'cut' | 'cut inside a record'): void;
  /** Whether the server began with a HelloRetryRequest; undefined where nobody looked. */
  readonly retried: boolean | undefined;
}

export function openWire(transport: 'memory' | 'tcp', stopsClient: boolean): Promise<Wire> {
  return transport === 'memory' ? Promise.resolve(memoryWire()) : tcpWire(stopsClient);
}

function memoryWire(): Wire {
  const client = new MemoryEnd();
  const server = new MemoryEnd();
  client.peer = server;
  server.peer = client;
  return {
    client,
    server,
    cut(where): void {
      for (const end of [client, server])
        end.cut(where === 'cut' ? undefined : Buffer.from('1703030400ffff', 'hex'));
    },
    get retried() {
      return isRetry(server.beginning);
    },
  };
}

function systemError(code: string): Error {
  return Object.assign(new Error(code), { code });
}

/** One end of a connection in memory that ends as a socket does: without an error by a FIN, with one by a reset. */
class MemoryEnd extends Duplex {
  peer: MemoryEnd = this;
  /** What was written first. */
  beginning: Buffer = Buffer.alloc(0);
  #isCut = false;
  #isEnded = false;
  #taken: ((error?: Error) => void) | undefined;

  constructor() {
    super({ allowHalfOpen: true });
  }

  /** The peer is told the end behind `last`, and hears nothing more. */
  cut(last: Buffer | undefined): void {
    this.#isCut = true;
    if (last !== undefined) this.peer.push(last);
    this.peer.push(null);
    this.#take();
  }

  override _read(): void {
    this.peer.#take();
  }

  override _write(chunk: Buffer, _encoding: string, callback: (error?: Error) => void): void {
    if (this.beginning.length === 0) this.beginning = Buffer.from(chunk);
    this.#taken = callback;
    if (this.#isCut) this.#take();
    else if (this.peer.destroyed) this.#take(systemError('EPIPE'));
    else this.#deliver(chunk);
  }

  /** Later, as from a kernel: not from within the call that wrote it. */
  #deliver(chunk: Buffer): void {
    const copy = Buffer.from(chunk);
    process.nextTick(() => {
      if (this.#isCut || this.peer.destroyed || this.peer.push(copy)) this.#take();
    });
  }

  override _final(callback: (error?: Error) => void): void {
    this.#end();
    callback();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#take();
    if (error !== null) process.nextTick(() => this.peer.destroy(systemError('ECONNRESET')));
    else if (!this.writableFinished) this.#end();
    this.peer.#take();
    callback(error);
  }

  #end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    process.nextTick(() => {
      if (!this.#isCut && !this.peer.destroyed) this.peer.push(null);
    });
  }

  #take(error?: Error): void {
    const taken = this.#taken;
    this.#taken = undefined;
    taken?.(error);
  }
}

const retryRandom = Buffer.from(sha256(nodeCrypto, Buffer.from('HelloRetryRequest')));

/** A ServerHello in a record of its own, or at the beginning of one: its random is the sixth field (RFC 9846 §4.2.3). */
function isRetry(beginning: Buffer): boolean {
  return beginning.subarray(11, 43).equals(retryRandom);
}

async function tcpWire(stopsClient: boolean): Promise<Wire> {
  const listener = createServer({ allowHalfOpen: true });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  const accepted = once(listener, 'connection') as Promise<[Socket]>;
  const [client, [server]] = await Promise.all([dial(port, stopsClient), accepted]);
  listener.close();
  return {
    client,
    server,
    cut(): void {
      throw new Error('a socket cannot be cut');
    },
    retried: undefined,
  };
}

/** A socket that can really stop reading, for a TLSSocket that would go on where nobody reads. */
async function dial(port: number, canStop: boolean): Promise<Duplex> {
  if (canStop) {
    const transport = new StoppableTransport(port, () => {});
    await transport.connected();
    return transport;
  }
  const socket = createConnection({ port, host: '127.0.0.1', allowHalfOpen: true });
  await once(socket, 'connect');
  return socket;
}
