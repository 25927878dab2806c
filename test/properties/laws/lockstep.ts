import type { ClientSettings, ServerSettings } from '../../../src/connection/config.ts';
import type { ByteStream } from '../../../src/streams/byte-stream.ts';
import type { TestStream } from '../../../src/testing.ts';
import type { ProtocolVersion } from '../../../src/wire/names.ts';
import { clientIdentity, peer, trustAll } from '../../support/tls-endpoints.ts';
import { Counted, configsOf, type Transport } from '../support/ends.ts';
import { ForeignStream } from '../support/foreign.ts';
import { library as intact, type Library } from '../support/library.ts';
import { quiet } from '../support/play.ts';

/** Two programs on TLS, and whether they come to their end or wait for one another for ever. */
interface Duel {
  readonly transport: Transport;
  /** The client reads the transport only when its program reads. */
  readonly hasForeignClient?: boolean;
  readonly version?: ProtocolVersion | undefined;
  readonly client?: Partial<ClientSettings>;
  readonly server?: Partial<ServerSettings>;
  readonly programs: readonly [Program, Program];
}

/** What one end does. */
export type Program = (stream: ByteStream & { handshake(): Promise<unknown> }) => Promise<unknown>;

/** A client with `count` certificates of 16 000 bytes behind its own. */
export function longChain(count: number): Partial<ClientSettings> {
  const others = Array.from({ length: count }, () => new Uint8Array(16_000).fill(48));
  return { identity: { ...clientIdentity, chain: [...clientIdentity.chain, ...others] } };
}

export const asksForCertificates: Partial<ServerSettings> = {
  clientAuthentication: 'require',
  clientTrust: trustAll,
};

/** @throws where the programs wait for one another, or one of them fails */
export async function fight(
  library: Library,
  { transport, hasForeignClient, version, programs, ...settings }: Duel,
): Promise<unknown[]> {
  const { TlsStream } = library;
  const configs = configsOf(library, settings, version);
  const pair = transport.make(1);
  let moved = 0;
  const move = (): void => {
    moved += 1;
  };
  const [near, far] = [new Counted(pair[0], move), new Counted(pair[1], move)];
  const client = hasForeignClient
    ? new ForeignStream(
        intact.TlsConnection.client(configsOf(intact, settings, version).client, peer),
        pair[0] as TestStream,
      )
    : TlsStream.client(near, configs.client, peer);
  const server = TlsStream.server(far, configs.server);
  let isDone = false;
  const done = Promise.all([programs[0](client), programs[1](server)]).finally(() => {
    isDone = true;
  });
  done.catch(() => {});
  await quiet(
    () => moved + (pair.clock?.now ?? 0),
    () => isDone,
  );
  client.destroy();
  server.destroy();
  if (!isDone) throw new Error(`the programs wait for one another over ${transport.name}`);
  return done;
}
