import type { Tls13CipherSuiteName } from '../../src/wire/names.ts';
import { clientConfig, clientEndpoint, type Endpoint, serverConfig, serverEndpoint } from './engine.ts';
import { fromHex } from './hex.ts';
import { RawPeer } from './raw-peer.ts';
import {
  connectedPair,
  type PairOptions,
  type TlsPair,
  testClientConfig,
  testServerConfig,
} from './tls-endpoints.ts';

/** A `TlsStream` after its handshake, its transport, and a raw peer in the place of the other stream. */
export interface RawStreamPeer {
  readonly stream: TlsPair['client'];
  readonly transport: TlsPair['clientTransport'];
  readonly raw: RawPeer;
  /** What the stream has written since the last call, as short texts, a list for each write of the transport. */
  heard(): string[][];
}

/** @param role of the stream; the raw peer has the other one */
export async function rawStreamPeer(
  role: 'client' | 'server',
  options: Pick<PairOptions, 'client' | 'server'> = {},
): Promise<RawStreamPeer> {
  // An engine that does nothing: only its place and the secrets count.
  const place: Endpoint =
    role === 'client' ? clientEndpoint(clientConfig()) : serverEndpoint(await serverConfig());
  const keyLog = (line: string): void => {
    const [label = '', , secret = ''] = line.split(' ');
    place.secrets.set(label, fromHex(secret));
  };
  const pair = await connectedPair({
    ...options,
    clientConfig: testClientConfig(role === 'client' ? { keyLog } : {}),
    serverConfig: testServerConfig(role === 'server' ? { keyLog } : {}),
  });
  const stream = pair[role];
  const transport = role === 'client' ? pair.clientTransport : pair.serverTransport;
  const stages = { write: 'application', read: 'application' } as const;
  const raw = new RawPeer(place, stages, stream.info?.cipherSuite as Tls13CipherSuiteName);
  let seen = transport.writes.length;
  const heard = (): string[][] => {
    const fresh = transport.writes.slice(seen);
    seen = transport.writes.length;
    return fresh.map((output) => raw.hear({ events: [], parts: [], output }));
  };
  return { stream, transport, raw, heard };
}
