import { describe, test } from 'vitest';
import type { ByteStream } from '../../src/streams/byte-stream.ts';
import { TlsStream } from '../../src/streams/tls-stream.ts';
import {
  boundedStreamPair,
  halfCloseableStreamChecks,
  lockstepStreamPair,
  type MakePair,
  memoryStreamPair,
  tcpModelPair,
  trickleStreamPair,
} from '../../src/testing.ts';
import { peer, testClientConfig, testServerConfig } from '../support/tls-endpoints.ts';

const clientConfig = testClientConfig();
const serverConfig = testServerConfig();

type Transports = () => readonly [ByteStream, ByteStream];

/** TLS on both ends of a connection, after the handshake. */
function tls(makeTransports: Transports): MakePair {
  return async () => {
    const [near, far] = makeTransports();
    const client = TlsStream.client(near, clientConfig, peer);
    const server = TlsStream.server(far, serverConfig);
    await Promise.all([client.handshake(), server.handshake()]);
    return [client, server];
  };
}

/** The same; then the client writes more than its peer reads ahead and the transport holds, and that write waits. */
function cloggedTls(makeTransports: Transports): MakePair {
  return async () => {
    const pair = await tls(makeTransports)();
    pair[0].write(new Uint8Array(300_000)).catch(() => {});
    return pair;
  };
}

interface Kind {
  readonly name: string;
  readonly make: Transports;
  readonly isUnbounded?: boolean;
}

const kinds: readonly Kind[] = [
  { name: 'memory', make: memoryStreamPair, isUnbounded: true },
  { name: 'lockstep', make: lockstepStreamPair },
  { name: 'a buffer of 10 bytes', make: () => boundedStreamPair(10) },
  { name: 'trickle', make: () => trickleStreamPair({ chunk: 1_000, delay: 2, seed: 3 }), isUnbounded: true },
  {
    name: 'TLS over lockstep',
    make: () => {
      const [near, far] = lockstepStreamPair();
      return [TlsStream.client(near, clientConfig, peer), TlsStream.server(far, serverConfig)];
    },
  },
  ...(['keep', 'discard', 'node20', 'nodeWriteError'] as const).map((dialect) => ({
    name: `the TCP model, ${dialect}`,
    make: () => tcpModelPair({ dialect, sendBuffer: 5_000, receiveBuffer: 4_000, seed: 4, latency: 3 }),
  })),
];

for (const { name: transport, make, isUnbounded } of kinds) {
  const options = isUnbounded ? {} : { makeClogged: cloggedTls(make) };
  describe(`TLS over ${transport}: a stream`, () => {
    for (const { name, run } of halfCloseableStreamChecks(tls(make), options)) test(name, run);
  });
}
