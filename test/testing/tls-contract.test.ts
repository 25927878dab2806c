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
  twoWayStreamChecks,
} from '../../src/testing.ts';
import { peer, testClientConfig, testServerConfig } from '../support/tls-endpoints.ts';

const clientConfig = testClientConfig();
const serverConfig = testServerConfig();
const tls12 = {
  client: testClientConfig({ maxVersion: 'TLSv1.2' }),
  server: testServerConfig({ maxVersion: 'TLSv1.2' }),
};

type Transports = () => readonly [ByteStream, ByteStream];

/** TLS on both ends of a connection, after the handshake. */
function tls(makeTransports: Transports, configs = { client: clientConfig, server: serverConfig }): MakePair {
  return async () => {
    const [near, far] = makeTransports();
    const client = TlsStream.client(near, configs.client, peer);
    const server = TlsStream.server(far, configs.server);
    await Promise.all([client.handshake(), server.handshake()]);
    return [client, server];
  };
}

/** The same; then the client writes more than its peer reads ahead and the transport holds, and that write waits. */
function cloggedTls(makeTransports: Transports, configs?: typeof tls12): MakePair {
  return async () => {
    const pair = await tls(makeTransports, configs)();
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

/** In these one end writes to who has closed: TLS 1.2 has no half-close, and what is written then is refused. */
const needHalfClose: readonly string[] = [
  'close() discards what nobody has read, and goes on reading until the peer ends',
  'close() of the peer lets a waiting write go on, since it reads to the end',
  'close() reads while its last bytes wait, so that two ends that both wait to write can both close',
];

/** Of TLS 1.2 those transports that differ most. */
const some: readonly string[] = [
  'memory',
  'lockstep',
  'the TCP model, keep',
  'the TCP model, nodeWriteError',
];

for (const { name: transport, make, isUnbounded } of kinds.filter(({ name }) => some.includes(name))) {
  const options = isUnbounded ? {} : { makeClogged: cloggedTls(make, tls12) };
  const checks = twoWayStreamChecks(tls(make, tls12), options);
  describe(`TLS 1.2 over ${transport}: a stream`, () => {
    for (const { name, run } of checks.filter(
      ({ name }) => !needHalfClose.some((part) => name.endsWith(part)),
    ))
      test(name, run);
  });
}
