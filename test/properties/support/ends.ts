import { createPrivateKey } from 'node:crypto';
import type { ClientSettings, ServerSettings } from '../../../src/connection/config.ts';
import type { ClientConfig, ServerConfig } from '../../../src/handshake/config.ts';
import type { ByteStream, CallOptions } from '../../../src/streams/byte-stream.ts';
import {
  boundedStreamPair,
  lockstepStreamPair,
  memoryStreamPair,
  type TcpModelOptions,
  tcpModelPair,
  trickleStreamPair,
  type VirtualClock,
} from '../../../src/testing.ts';
import type { ProtocolVersion } from '../../../src/wire/names.ts';
import { type Data, Plain } from '../../support/faulty-stream.ts';
import { peer, serverIdentity, serverPem, trustAll } from '../../support/tls-endpoints.ts';
import type { Library } from './library.ts';
import type { Ends } from './play.ts';

/** Two ends of a new connection; the seed varies what the transport has of its own. */
export interface Transport {
  readonly name: string;
  readonly make: (seed: number) => readonly [ByteStream, ByteStream] & { readonly clock?: VirtualClock };
}

/** A model of TCP, under both ways in which kernels treat what a reset finds unread, and Node's two. */
function tcp(name: string, options: TcpModelOptions): Transport[] {
  return (['keep', 'discard', 'node20', 'nodeWriteError'] as const).map((dialect) => ({
    name: `the TCP model, ${name}, ${dialect}`,
    make: (seed) => tcpModelPair({ ...options, dialect, seed }),
  }));
}

export const lockstep: Transport = { name: 'lockstep', make: () => lockstepStreamPair() };

export const tcpModels: readonly Transport[] = [
  ...tcp('large buffers', { latency: 5 }),
  ...tcp('small buffers', { sendBuffer: 1_000, receiveBuffer: 700, latency: 3 }),
];

/** Every pair of the kit. */
export const transports: readonly Transport[] = [
  { name: 'memory', make: () => memoryStreamPair() },
  lockstep,
  { name: 'a buffer of 1 byte', make: () => boundedStreamPair(1) },
  { name: 'a buffer of 1 000 bytes', make: () => boundedStreamPair(1_000) },
  { name: 'trickle', make: (seed) => trickleStreamPair({ chunk: 1 + (seed % 5) * 300, delay: 2, seed }) },
  ...tcpModels,
];

/** Makes the two ends that programs are run on. */
export type MakeEnds = (transport: Transport, seed: number) => Promise<Ends>;

/** The transport itself. */
export const plain: MakeEnds = async (transport, seed) => {
  const below = new Watched(transport, seed);
  return below.under(below.ends);
};

export interface Configs {
  readonly client: ClientConfig;
  readonly server: ServerConfig;
}

/** The configurations of both ends; certificates are not what this is about. */
export function configsOf(
  { createClientConfig, createServerConfig, nodeCrypto, nodeSigner }: Library,
  settings: { readonly client?: Partial<ClientSettings>; readonly server?: Partial<ServerSettings> } = {},
  version: ProtocolVersion = 'TLSv1.3',
): Configs {
  const signer = nodeSigner(createPrivateKey(serverPem.key));
  const versions = { minVersion: version, maxVersion: version };
  return {
    client: createClientConfig({ provider: nodeCrypto, trust: trustAll, ...versions, ...settings.client }),
    server: createServerConfig({
      provider: nodeCrypto,
      ...versions,
      identity: { chain: serverIdentity.chain, signer },
      ...settings.server,
    }),
  };
}

/** TLS on both ends, after the handshake. */
export function tls(library: Library, version?: ProtocolVersion): MakeEnds {
  const configs = configsOf(library, {}, version);
  return async (transport, seed) => {
    const below = new Watched(transport, seed);
    const client = library.TlsStream.client(below.ends[0], configs.client, peer);
    const server = library.TlsStream.server(below.ends[1], configs.server);
    await Promise.all([client.handshake(), server.handshake()]);
    return below.under([client, server]);
  };
}

/** A transport that counts what moves on it. */
class Watched {
  readonly ends: readonly [ByteStream, ByteStream];
  readonly #clock: VirtualClock | undefined;
  readonly #story: () => string;
  #count = 0;

  constructor(transport: Transport, seed: number) {
    const pair = transport.make(seed);
    this.#clock = pair.clock;
    this.#story = () => ('trace' in pair ? String(pair.trace) : '');
    const moved = (): void => {
      this.#count += 1;
    };
    this.ends = [new Counted(pair[0], moved), new Counted(pair[1], moved)];
  }

  under(streams: readonly [ByteStream, ByteStream]): Ends {
    return { streams, activity: () => this.#count, clock: this.#clock, story: this.#story };
  }
}

/** A stream that tells when something has moved. */
export class Counted extends Plain<ByteStream> {
  readonly #moved: () => void;

  constructor(inner: ByteStream, moved: () => void) {
    super(inner);
    this.#moved = moved;
  }
  override async read(options?: CallOptions): Promise<Uint8Array | null> {
    const bytes = await super.read(options);
    this.#moved();
    return bytes;
  }
  override async write(data: Data, options?: CallOptions): Promise<void> {
    await super.write(data, options);
    this.#moved();
  }
}
