import {
  type ClientOptions,
  type ClientSession,
  type ClientSessionCache,
  clientConfig,
  connect,
  listen,
  serve,
  type TlsStream,
} from '../../src/index.ts';
import {
  type Client,
  chunksOf,
  type Implementation,
  type LaneSetup,
  messageLength,
  primingConnections,
  uploadMark,
} from '../lane-protocol.ts';

/** `TlsStream` over TCP, as an application uses it. */
export const tacit: Implementation = {
  async listen({ ca, identities, client, cipherSuite }) {
    const listener = await listen({
      host: '127.0.0.1',
      identity: identities.map(({ cert, key }) => ({ cert, key })),
      ...(client && { ca, clientAuthentication: 'require' }),
      ...(cipherSuite && { cipherSuites: [cipherSuite] }),
    });
    void serve(listener, handle, { onError: ignoreReset });
    return listener.address.port;
  },
  client: (port, setup) => new TacitClient(port, setup),
};

async function handle(stream: TlsStream): Promise<void> {
  const first = await stream.read();
  if (first?.[0] === uploadMark) {
    for await (const _ of stream);
    return;
  }
  for (let bytes = first; bytes !== null; bytes = await stream.read()) await stream.write(bytes);
}

class TacitClient implements Client {
  readonly #port: number;
  readonly #setup: LaneSetup;
  readonly #config: ReturnType<typeof clientConfig>;
  readonly #held: TlsStream[] = [];
  readonly #message = new Uint8Array(messageLength);
  #connections = 0;

  constructor(port: number, setup: LaneSetup) {
    this.#port = port;
    this.#setup = setup;
    const { ca, client: identity, cipherSuite, resumes } = setup;
    const options: ClientOptions = { ca, ...(identity && { identity }) };
    this.#config = clientConfig({
      ...options,
      ...(cipherSuite && { cipherSuites: [cipherSuite] }),
      sessions: resumes ? new LatestSession() : false,
    });
  }

  async handshake(): Promise<void> {
    const isPrimed = this.#connections >= primingConnections;
    const stream = await this.#connect();
    if (this.#setup.resumes && isPrimed && stream.info?.resumed !== true) throw new Error('not resumed');
    await stream.close();
  }

  async upload(bytes: number): Promise<void> {
    const stream = await this.#connect();
    for (const chunk of chunksOf(bytes)) await stream.write(chunk);
    await stream.close();
  }

  async hold(): Promise<void> {
    this.#held.push(await this.#connect());
  }

  get held(): number {
    return this.#held.length;
  }

  async echo(index: number): Promise<void> {
    const stream = this.#held[index]!;
    await stream.write(this.#message);
    for (let received = 0; received < messageLength; ) received += (await stream.read())!.length;
  }

  #connect(): Promise<TlsStream> {
    const { identities } = this.#setup;
    const serverName = identities[this.#connections++ % identities.length]!.host;
    return connect({ host: '127.0.0.1', port: this.#port, serverName, config: this.#config });
  }
}

/** Gives the latest session as often as it is wanted, as the client of `node:tls` beside us does. */
class LatestSession implements ClientSessionCache {
  #latest: ClientSession | undefined;

  put(session: ClientSession): void {
    this.#latest = session;
  }

  take(): ClientSession | undefined {
    // Who takes it wipes its secret.
    return structuredClone(this.#latest);
  }
}

/** Connections that are still open when the processes end. */
function ignoreReset(error: unknown): void {
  if (!(error instanceof Error && 'code' in error && error.code === 'ECONNRESET')) throw error;
}
