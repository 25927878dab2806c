import { describe, expect, test } from 'vitest';
import { TlsPeerError, TlsTruncatedError, TlsUsageError } from '../../src/base/errors.ts';
import { ClosedError } from '../../src/streams/errors.ts';
import { TlsStream } from '../../src/streams/tls-stream.ts';
import { tcpModelPair } from '../../src/testing.ts';
import { numbered, readAtLeast, readToEnd } from '../support/bytes.ts';
import {
  connectedPair as connected,
  type PairOptions,
  peer,
  type TlsPair,
  testClientConfig,
  testServerConfig,
} from '../support/tls-endpoints.ts';

const clientConfig = testClientConfig({ maxVersion: 'TLSv1.2' });
const serverConfig = testServerConfig({ maxVersion: 'TLSv1.2' });

function connectedPair(options: PairOptions = {}): Promise<TlsPair> {
  return connected({ clientConfig, serverConfig, ...options });
}

const peersEnd = {
  name: 'TlsPeerError',
  direction: 'received',
  alert: 'close_notify',
  code: 'TLS_ALERT_RECEIVED',
};

function reasonOf(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => {
      throw new Error('it succeeded');
    },
    (reason: unknown) => reason,
  );
}

describe('behind the peer’s close_notify', () => {
  test.each(['client', 'server'] as const)(
    'the %s cannot write: with one reason, and no byte',
    async (role) => {
      const pair = await connectedPair();
      const [own, other] = role === 'client' ? [pair.client, pair.server] : [pair.server, pair.client];
      const transport = role === 'client' ? pair.clientTransport : pair.serverTransport;
      await other.write(numbered(1_000));
      await other.closeWrite();
      expect(await readToEnd(own)).toEqual(numbered(1_000));
      const before = transport.writes.length;
      const reason = await reasonOf(own.write(numbered(1)));
      expect(reason).toBeInstanceOf(TlsPeerError);
      expect(reason).toMatchObject(peersEnd);
      expect(await reasonOf(own.write([numbered(1), numbered(1)]))).toBe(reason);
      expect(transport.writes.length).toBe(before);
      // That is no failure of the connection.
      expect(own.failure).toBeUndefined();
      expect(await own.read()).toBeNull();
      const closed = own.close();
      expect(await other.read()).toBeNull();
      expect(await closed).toMatchObject({ ended: 'close_notify' });
      expect(await other.close()).toMatchObject({ ended: 'close_notify' });
      expect(transport.writes.length).toBe(before + 1);
    },
  );

  test('all that came before is there, although it was read only after the write had failed', async () => {
    const { client, server } = await connectedPair();
    await server.write(numbered(30_000));
    await server.closeWrite();
    await new Promise((resolve) => setImmediate(resolve));
    expect(await reasonOf(client.write(numbered(1)))).toMatchObject(peersEnd);
    expect(await readToEnd(client)).toEqual(numbered(30_000));
    expect(await client.read()).toBeNull();
  });

  test('nothing is still written, as nothing ever is', async () => {
    const { client, server, clientTransport } = await connectedPair();
    await server.closeWrite();
    expect(await client.read()).toBeNull();
    const before = clientTransport.writes.length;
    await client.write(new Uint8Array(0));
    await client.write([]);
    expect(clientTransport.writes.length).toBe(before);
  });

  test('a write that has begun breaks off: the peer reads the beginning of it, and our end', async () => {
    const { client, server } = await connectedPair({ memory: { capacity: 1_000 } });
    const writing = reasonOf(client.write(numbered(300_000)));
    await readAtLeast(server, 10_000);
    const ended = server.closeWrite();
    const got: number[] = [];
    for await (const bytes of server) {
      got.push(bytes.length);
      // It goes on reading: the client has a write to get rid of before it says its own end.
      if (got.length === 1) void writing.then(() => client.closeWrite());
    }
    expect(await writing).toMatchObject(peersEnd);
    await ended;
    expect(got.reduce((sum, length) => sum + length, 10_000)).toBeLessThan(300_000);
    expect(await client.read()).toBeNull();
  });

  test('closeWrite says our end, and close has nothing left to say', async () => {
    const { client, server, clientTransport } = await connectedPair();
    await server.closeWrite();
    expect(await client.read()).toBeNull();
    const before = clientTransport.writes.length;
    await client.closeWrite();
    expect(await server.read()).toBeNull();
    expect(await reasonOf(client.write(numbered(1)))).toBeInstanceOf(ClosedError);
    expect(await client.close()).toMatchObject({ ended: 'close_notify' });
    expect(clientTransport.writes.length).toBe(before + 1);
  });
});

describe('a peer that ends its transport without close_notify', () => {
  test('has not told us to stop: our own half goes on, as in TLS 1.3', async () => {
    const { client, server, serverTransport } = await connectedPair();
    await server.write(numbered(10));
    await serverTransport.closeWrite();
    expect(await client.read()).toEqual(numbered(10));
    expect(await reasonOf(client.read())).toBeInstanceOf(TlsTruncatedError);
    await client.write(numbered(20));
    expect(await server.read()).toEqual(numbered(20));
    client.destroy();
    server.destroy();
  });
});

describe('a record that does not decrypt', () => {
  test('takes nothing away of what came before it', async () => {
    const { client, server, clientTransport } = await connectedPair();
    await server.write(numbered(30_000));
    clientTransport.arrive(Uint8Array.of(23, 3, 3, 0, 40, ...numbered(40)));
    expect(await readAtLeast(client, 30_000)).toEqual(numbered(30_000));
    const reason = await reasonOf(client.read());
    expect(reason).toMatchObject({ direction: 'sent', alert: 'bad_record_mac' });
    expect(await reasonOf(client.write(numbered(1)))).toBe(reason);
    expect(await reasonOf(server.read())).toMatchObject({ direction: 'received', alert: 'bad_record_mac' });
  });
});

describe('what TLS 1.2 does not have', () => {
  test('is refused, or comes to nothing, and hurts nobody', async () => {
    const { client, server, serverTransport } = await connectedPair();
    const before = serverTransport.writes.length;
    expect(await reasonOf(client.updateKeys())).toBeInstanceOf(TlsUsageError);
    expect(await reasonOf(server.updateKeys())).toBeInstanceOf(TlsUsageError);
    expect(await reasonOf(client.sendTickets(1))).toBeInstanceOf(TlsUsageError);
    expect(await server.sendTickets(3)).toBe(0);
    expect(serverTransport.writes.length).toBe(before);
    await client.write(numbered(10));
    expect(await server.read()).toEqual(numbered(10));
    await server.write(numbered(11));
    expect(await client.read()).toEqual(numbered(11));
  });
});

describe('unwrap', () => {
  test('gives the transport back at both ends', async () => {
    const { client, server, clientTransport, serverTransport } = await connectedPair();
    await client.write(numbered(10));
    const [atClient, atServer] = await Promise.all([
      client.unwrap(),
      server.read().then(() => server.unwrap()),
    ]);
    expect([atClient.transport, atServer.transport]).toEqual([clientTransport, serverTransport]);
    expect([atClient.trailing.length, atServer.trailing.length]).toEqual([0, 0]);
    await atClient.transport.write(numbered(3));
    expect(await atServer.transport.read()).toEqual(numbered(3));
  });
});

/*
 * The reason for Tacit: who only writes, and closes, loses nothing to a reset, whatever its peer says meanwhile.
 */
describe('a program that only writes, over TCP with small buffers', () => {
  const dialects = ['keep', 'discard', 'node20', 'nodeWriteError'] as const;
  const cases = dialects.flatMap((dialect) =>
    (['client', 'server'] as const).flatMap((writer) => [1, 2].map((seed) => ({ dialect, writer, seed }))),
  );

  function endsOf({ dialect, writer, seed }: (typeof cases)[number]): {
    readonly sender: TlsStream;
    readonly receiver: TlsStream;
  } {
    const pair = tcpModelPair({ dialect, seed, sendBuffer: 1_000, receiveBuffer: 700, latency: 3 });
    const client = TlsStream.client(pair[0], clientConfig, peer);
    const server = TlsStream.server(pair[1], serverConfig);
    return writer === 'client' ? { sender: client, receiver: server } : { sender: server, receiver: client };
  }

  test.each(cases)('$dialect, the $writer writes, seed $seed: all of it and the end arrive', async (one) => {
    const { sender, receiver } = endsOf(one);
    const upload = async (): Promise<unknown> => {
      await sender.handshake();
      for (let i = 0; i < 5; i++) await sender.write(numbered(4_000));
      return sender.close();
    };
    const receive = async (): Promise<Uint8Array> => {
      const bytes = await readToEnd(receiver);
      await receiver.close();
      return bytes;
    };
    const [report, received] = await Promise.all([upload(), receive()]);
    expect(received.length).toBe(20_000);
    expect(report).toMatchObject({ ended: 'close_notify' });
  });

  test.each(cases)(
    '$dialect, the $writer writes, seed $seed: an answer that nobody reads costs nothing',
    async (one) => {
      const { sender, receiver } = endsOf(one);
      const answered = receiver.write(numbered(3_000)).catch((reason: unknown) => reason);
      const upload = async (): Promise<unknown> => {
        await sender.write(numbered(20_000));
        return sender.close();
      };
      const receive = async (): Promise<Uint8Array> => {
        const bytes = await readToEnd(receiver);
        // It was under way before the sender ended, or else it is refused.
        if ((await answered) !== undefined) expect(await answered).toMatchObject(peersEnd);
        await receiver.close();
        return bytes;
      };
      const [report, received] = await Promise.all([upload(), receive()]);
      expect(received).toEqual(numbered(20_000));
      expect(report).toMatchObject({ ended: 'close_notify' });
    },
  );
});
