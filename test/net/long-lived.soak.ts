import { expect, test } from 'vitest';
import { TcpStream } from '../../src/net/tcp-stream.ts';
import { TlsStream } from '../../src/streams/tls-stream.ts';
import { memoryGrowth } from '../support/leftovers.ts';
import { dropSockets, socketPair } from '../support/sockets.ts';
import { peer as host, testClientConfig, testServerConfig } from '../support/tls-endpoints.ts';

const rounds = 5_000;

test(`a connection that lives long keeps nothing of ${rounds} questions, answers and key updates`, async () => {
  const { stream, peer } = await socketPair();
  const client = TlsStream.client(stream, testClientConfig(), host);
  const server = TlsStream.server(new TcpStream(peer), testServerConfig());
  await Promise.all([client.handshake(), server.handshake()]);
  const { signal } = new AbortController();
  const question = new Uint8Array(100);
  const talk = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      if (i % 10 === 0) await client.updateKeys({ signal });
      await client.write(question, { signal });
      const bytes = await server.read({ signal });
      await server.write(bytes ?? question, { signal });
      await client.read({ signal });
    }
  };
  await talk(rounds / 5);
  const growth = await memoryGrowth(3, () => talk(rounds));
  expect(growth).toBeLessThan(rounds * 20);
  await Promise.all([client.close(), server.close()]);
  dropSockets();
});
