import { once } from 'node:events';
import { Duplex } from 'node:stream';
import { connect, createSecureContext, TLSSocket } from 'node:tls';
import { TlsConnection } from '../../src/connection/tls-connection.ts';
import { clientConfig, serverConfig } from '../../src/index.ts';
import type { LaneSetup } from '../lane-protocol.ts';

const cipherSuite = 'TLS_AES_128_GCM_SHA256';

/** Makes connections whose two sides are in this process, without a socket. */
export interface InMemoryPairs {
  connectTacit(): { carry(bytes: Uint8Array): void };
  connectNode(): Promise<{ carry(bytes: Uint8Array): Promise<void> }>;
}

export function inMemoryPair({ ca, identities }: LaneSetup): InMemoryPairs {
  const [{ cert, key, host }] = identities as [LaneSetup['identities'][number]];
  const server = serverConfig({ identity: { cert, key }, cipherSuites: [cipherSuite] });
  const client = clientConfig({ ca, cipherSuites: [cipherSuite], sessions: false });
  const secureContext = createSecureContext({ cert, key, ciphers: cipherSuite, minVersion: 'TLSv1.3' });
  const clientContext = createSecureContext({ ca, ciphers: cipherSuite, minVersion: 'TLSv1.3' });
  return {
    connectTacit() {
      const ours = TlsConnection.client(client, { host });
      const theirs = TlsConnection.server(server);
      while (move(ours, theirs) + move(theirs, ours) > 0);
      if (theirs.handshakeInfo === undefined) throw new Error('the handshake failed');
      return {
        carry: (bytes) => {
          ours.send(bytes);
          move(ours, theirs);
        },
      };
    },
    async connectNode() {
      const [near, far] = duplexPair();
      const theirs = new TLSSocket(far, { isServer: true, secureContext });
      const ours = connect({ socket: near, servername: host, secureContext: clientContext });
      await Promise.all([once(ours, 'secureConnect'), once(theirs, 'secure')]);
      let [awaited, arrived] = [0, (): void => {}];
      theirs.on('data', (bytes) => {
        awaited -= bytes.length;
        if (awaited === 0) arrived();
      });
      return {
        carry: (bytes) =>
          new Promise((resolve) => {
            [awaited, arrived] = [bytes.length, resolve];
            ours.write(bytes);
          }),
      };
    },
  };
}

/** What one side has to say; how many arrays it was. */
function move(from: TlsConnection, to: TlsConnection): number {
  while (from.next() !== undefined);
  const output = from.takeOutput();
  for (const bytes of output) to.receive(bytes);
  while (to.next() !== undefined);
  return output.length;
}

class MemoryDuplex extends Duplex {
  peer: MemoryDuplex | undefined;

  override _read(): void {}

  override _write(bytes: Buffer, _encoding: string, done: () => void): void {
    this.peer?.push(bytes);
    done();
  }
}

function duplexPair(): readonly [Duplex, Duplex] {
  const pair = [new MemoryDuplex(), new MemoryDuplex()] as const;
  pair[0].peer = pair[1];
  pair[1].peer = pair[0];
  return pair;
}
