import { getEventListeners } from 'node:events';
import { describe, expect, test } from 'vitest';
import { TlsPeerError, TlsTruncatedError } from '../../src/base/errors.ts';
import { BusyError } from '../../src/streams/errors.ts';
import { numbered, readAtLeast, readToEnd } from '../support/bytes.ts';
import {
  connectedPair,
  type TlsPair,
  testServerConfig,
  tlsPair,
  trustAll,
} from '../support/tls-endpoints.ts';

/** Bytes that look like a record and do not decrypt. */
const forgedRecord = new Uint8Array([23, 3, 3, 0, 32, ...numbered(32)]);

describe('read', () => {
  test('gives arrays of its caller: alone in their ArrayBuffer, and no Buffers', async () => {
    const { client, server } = await connectedPair();
    await client.write(numbered(50_000));
    await client.write(numbered(1));
    for (let count = 0; count < 50_001; ) {
      const bytes = await server.read();
      expect(bytes?.constructor).toBe(Uint8Array);
      expect(bytes?.buffer.byteLength).toBe(bytes?.length);
      count += bytes?.length ?? 0;
    }
  });

  test('the end is null, again and again', async () => {
    const { client, server } = await connectedPair();
    await client.write(numbered(10));
    await client.closeWrite();
    expect(await readToEnd(server)).toEqual(numbered(10));
    expect(await server.read()).toBeNull();
    expect(await server.read()).toBeNull();
  });

  test('two at once: the second is refused at the call', async () => {
    const { client, server } = await connectedPair();
    const first = server.read();
    await expect(server.read()).rejects.toBeInstanceOf(BusyError);
    await client.write(numbered(5));
    expect(await first).toEqual(numbered(5));
  });

  test('an aborted one loses nothing and leaves no listener', async () => {
    const { client, server } = await connectedPair();
    const abort = new AbortController();
    const read = server.read({ signal: abort.signal });
    abort.abort(new Error('enough'));
    await expect(read).rejects.toThrow('enough');
    await client.write(numbered(5));
    const { signal } = new AbortController();
    expect(await server.read({ signal })).toEqual(numbered(5));
    const waiting = server.read({ signal });
    await client.write(numbered(6));
    expect(await waiting).toEqual(numbered(6));
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  test('leaving an iteration early does not close, and another goes on', async () => {
    const { client, server } = await connectedPair();
    await client.write(numbered(5));
    for await (const bytes of server) {
      expect(bytes).toEqual(numbered(5));
      break;
    }
    await client.write(numbered(6));
    await client.closeWrite();
    const rest: Uint8Array[] = [];
    for await (const bytes of server) rest.push(bytes);
    expect(rest).toEqual([numbered(6)]);
  });
});

describe('silence: reading writes nothing', () => {
  test('two thousand requests for a key update, with data between them, leave one acknowledgement for the next write', async () => {
    const { client, server, serverTransport } = await connectedPair();
    const reading = readAtLeast(server, 2_000);
    const before = serverTransport.writes.length;
    for (let i = 0; i < 2_000; i++) {
      await client.updateKeys();
      await client.write(numbered(1));
    }
    await reading;
    expect(serverTransport.writes.length).toBe(before);
    await server.write(numbered(10));
    expect(serverTransport.writes.length).toBe(before + 1);
    expect(await client.read()).toEqual(numbered(10));
  });

  test('tickets, and the peer’s end, make no bytes', async () => {
    const { client, server, clientTransport, serverTransport } = await connectedPair();
    const writes = [clientTransport.writes.length, serverTransport.writes.length];
    expect(writes).toEqual([2, 1]);
    await client.write(numbered(10));
    await client.closeWrite();
    await readToEnd(server);
    expect(serverTransport.writes.length).toBe(1);
    await server.sendTickets(1);
    await server.closeWrite();
    const before = clientTransport.writes.length;
    await readToEnd(client);
    expect(clientTransport.writes.length).toBe(before);
  });

  test('but for one fatal alert, alone in its write', async () => {
    const { server, serverTransport } = await connectedPair();
    const before = serverTransport.writes.length;
    serverTransport.arrive(forgedRecord);
    await expect(server.read()).rejects.toMatchObject({ alert: 'bad_record_mac', direction: 'sent' });
    expect(serverTransport.writes.length).toBe(before + 1);
    // A header, an alert, its type, and the tag.
    expect(serverTransport.writes.at(-1)?.length).toBe(5 + 2 + 1 + 16);
  });
});

describe('reading ahead', () => {
  test('one transport read is outstanding although nobody reads', async () => {
    const { client, server, serverTransport } = await connectedPair();
    await serverTransport.until(() => serverTransport.isReading);
    await client.write(numbered(1_000));
    await serverTransport.until(() => serverTransport.unread === 0 && serverTransport.isReading);
    expect(await server.read()).toEqual(numbered(1_000));
  });

  test('stops at 64 KiB, and the peer feels it', async () => {
    const { client, server, serverTransport } = await connectedPair({ memory: { capacity: 10_000 } });
    let isWritten = false;
    const data = numbered(300_000);
    const writing = client.write(data).then(() => {
      isWritten = true;
    });
    await serverTransport.until(() => !serverTransport.isReading && serverTransport.unread >= 10_000);
    expect(isWritten).toBe(false);
    const first = await readAtLeast(server, 1);
    const rest = await readAtLeast(server, data.length - first.length);
    expect(Buffer.concat([first, rest]).equals(data)).toBe(true);
    await writing;
  });

  test('counts what small records cost', async () => {
    const { client, serverTransport } = await connectedPair({ memory: { capacity: 1_000 } });
    let count = 0;
    const writing = (async () => {
      for (; count < 2_000; count++) await client.write(numbered(1));
    })();
    void writing.catch(() => {});
    for (let before = -1; before < count; ) {
      before = count;
      for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(count).toBeLessThan(1_000);
    expect(serverTransport.isReading).toBe(false);
    client.destroy();
  });

  test('finds the alert that fails the write that waits and every later one, with the same error', async () => {
    const { client, server, clientTransport } = await rejectedClient();
    clientTransport.isStuck = true;
    const waiting = client.write(numbered(10));
    void server.handshake().catch(() => {});
    const error = await waiting.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(TlsPeerError);
    expect(error).toMatchObject({ alert: 'certificate_required', direction: 'received' });
    await expect(client.write(numbered(10))).rejects.toBe(error);
    await expect(client.sendTickets(1)).rejects.toBe(error);
    await expect(client.closeWrite()).rejects.toBe(error);
    await expect(client.read()).rejects.toBe(error);
    await expect(client.close()).rejects.toBe(error);
  });

  test('gives what came before an alert first', async () => {
    const { client, server, serverTransport } = await connectedPair();
    await server.write(numbered(100));
    await server.write(numbered(200));
    await client.read();
    // What does not decrypt makes the server send an alert.
    serverTransport.arrive(forgedRecord);
    const error = await client.write(numbered(1)).then(
      () => client.closeWrite().catch((reason: unknown) => reason),
      (reason: unknown) => reason,
    );
    expect(await client.read()).toEqual(numbered(200));
    await expect(client.read()).rejects.toMatchObject({ alert: 'bad_record_mac', direction: 'received' });
    if (error !== undefined) expect(error).toMatchObject({ direction: 'received' });
  });

  test.each([
    { what: 'many small records', chunk: 1_000_000, recordSizeLimit: 64 },
    { what: 'the many pieces of one record', chunk: 1, recordSizeLimit: 16_385 },
  ])('gives the event loop a turn among $what', async ({ chunk, recordSizeLimit }) => {
    const { client, server } = await connectedPair({
      memory: { capacity: 1_000_000, chunk },
      serverConfig: testServerConfig({ recordSizeLimit }),
    });
    await client.write(numbered(16_000));
    let turns = 0;
    let isDone = false;
    const count = (): void => {
      turns += 1;
      if (!isDone) setImmediate(count);
    };
    setImmediate(count);
    await readAtLeast(server, 16_000);
    isDone = true;
    expect(turns).toBeGreaterThanOrEqual(3);
  });
});

describe('the transport’s end', () => {
  test('without close_notify is truncated, on every read, by the same error', async () => {
    const { client, server, clientTransport } = await connectedPair();
    await client.write(numbered(10));
    await clientTransport.closeWrite();
    expect(await server.read()).toEqual(numbered(10));
    const error = await server.read().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(TlsTruncatedError);
    await expect(server.read()).rejects.toBe(error);
  });

  test('ends the reading only: the write half goes on', async () => {
    const { client, server, clientTransport } = await connectedPair();
    await clientTransport.closeWrite();
    await expect(server.read()).rejects.toBeInstanceOf(TlsTruncatedError);
    await server.write(numbered(10));
    expect(await client.read()).toEqual(numbered(10));
  });

  test('between two records is an end for a tolerant reader, which may still write', async () => {
    const { client, server, clientTransport } = await connectedPair({ server: { truncation: 'tolerate' } });
    await client.write(numbered(10));
    await clientTransport.closeWrite();
    expect(await readToEnd(server)).toEqual(numbered(10));
    expect(await server.read()).toBeNull();
    await server.write(numbered(10));
    expect(await client.read()).toEqual(numbered(10));
  });

  test('inside a record is none, for a tolerant reader either', async () => {
    const { server, clientTransport } = await connectedPair({ server: { truncation: 'tolerate' } });
    await clientTransport.write(forgedRecord.slice(0, 7));
    await clientTransport.closeWrite();
    await expect(server.read()).rejects.toBeInstanceOf(TlsTruncatedError);
  });

  test('by a reset is none, for a tolerant reader either; what came before it is read first', async () => {
    const { client, server, clientTransport } = await connectedPair({ server: { truncation: 'tolerate' } });
    await client.write(numbered(10));
    clientTransport.destroy();
    expect(await server.read()).toEqual(numbered(10));
    const error = await server.read().catch((reason: unknown) => reason);
    expect(error).toMatchObject({ name: 'BrokenError', code: 'ECONNRESET' });
    await expect(server.read()).rejects.toBe(error);
  });
});

/** A client whose handshake is done, and whose certificate the server will miss. */
async function rejectedClient(): Promise<TlsPair> {
  const pair = tlsPair({
    client: { drain: { timeout: 20 } },
    serverConfig: testServerConfig({ clientAuthentication: 'require', clientTrust: trustAll }),
  });
  void pair.server.handshake().catch(() => {});
  await pair.client.handshake();
  return pair;
}
