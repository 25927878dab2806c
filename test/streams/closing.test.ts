import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { TlsPeerError, TlsTimeoutError, TlsTruncatedError } from '../../src/base/errors.ts';
import { ClosedError } from '../../src/streams/errors.ts';
import { Slots } from '../../src/streams/slots.ts';
import { numbered, readToEnd } from '../support/bytes.ts';
import { connectedPair, testServerConfig, tlsPair, trustAll } from '../support/tls-endpoints.ts';

/** Bytes that look like a record and do not decrypt. */
const forgedRecord = new Uint8Array([23, 3, 3, 0, 32, ...numbered(32)]);

/** An alert record of TLS 1.3: header, alert, its type, the tag. */
const alertLength = 5 + 2 + 1 + 16;

describe('close', () => {
  test('is one write and the half-close behind it, and waits for the end of the transport', async () => {
    const { client, server, clientTransport } = await connectedPair();
    const before = clientTransport.writes.length;
    const closed = client.close();
    expect(await server.read()).toBeNull();
    expect(clientTransport.writes.length).toBe(before + 1);
    expect(clientTransport.writes.at(-1)?.length).toBe(alertLength);
    expect(clientTransport.calls).toEqual(['closeWrite']);
    await server.write(numbered(1_000));
    expect(await server.close()).toMatchObject({ ended: 'close_notify' });
    const report = await closed;
    expect(report.ended).toBe('close_notify');
    expect(report.discardedBytes).toBeGreaterThan(1_000);
    expect(clientTransport.calls).toEqual(['closeWrite', 'close']);
  });

  test.each([
    { capacity: 0, chunk: 65_536 },
    { capacity: 1, chunk: 1 },
    { capacity: 65_536, chunk: 65_536 },
  ])('of both sides at once, with writes under way, waits for nobody: %o', async (memory) => {
    const { client, server } = await connectedPair({ memory });
    const data = numbered(memory.capacity === 1 ? 3_000 : 300_000);
    void client.write(data);
    void server.write(data);
    const reports = await Promise.all([client.close(), server.close()]);
    expect(reports.map((report) => report.ended)).toEqual(['close_notify', 'close_notify']);
  });

  test('half-closes right behind its last write, without waiting for it: a reset may come between two calls', async () => {
    const { client, server, clientTransport } = await connectedPair();
    clientTransport.isStuck = true;
    const closed = client.close();
    await new Promise((resolve) => setImmediate(resolve));
    expect(clientTransport.calls).toEqual(['closeWrite']);
    clientTransport.unstick();
    await server.close();
    expect(await closed).toMatchObject({ ended: 'close_notify' });
  });

  test('waits for the writes before it', async () => {
    const { client, server } = await connectedPair();
    const data = numbered(1_000_000);
    const writing = client.write(data);
    const closed = client.close();
    expect(Buffer.compare(await readToEnd(server), data)).toBe(0);
    await server.close();
    await Promise.all([writing, closed]);
  });

  test('behind closeWrite sends nothing more', async () => {
    const { client, server, clientTransport } = await connectedPair();
    await client.closeWrite();
    const before = clientTransport.writes.length;
    const closed = client.close();
    await server.close();
    expect(await closed).toMatchObject({ ended: 'close_notify' });
    expect(clientTransport.writes.length).toBe(before);
  });

  test('makes every other call a ClosedError, a read that waits too; again it is the same', async () => {
    const { client, server } = await connectedPair();
    const read = client.read();
    const closed = client.close();
    await expect(read).rejects.toBeInstanceOf(ClosedError);
    await expect(client.read()).rejects.toBeInstanceOf(ClosedError);
    await expect(client.write(numbered(1))).rejects.toBeInstanceOf(ClosedError);
    await expect(client.closeWrite()).rejects.toBeInstanceOf(ClosedError);
    await expect(client.handshake()).rejects.toBeInstanceOf(ClosedError);
    await expect(client.unwrap()).rejects.toBeInstanceOf(ClosedError);
    await server.close();
    expect(await client.close()).toBe(await closed);
  });

  test('is what `await using` does', async () => {
    const { client, server, clientTransport } = await connectedPair();
    const disposed = client[Symbol.asyncDispose]();
    await server.close();
    await disposed;
    expect(clientTransport.calls).toEqual(['closeWrite', 'close']);
  });

  test('tickets ride along only behind the peer’s end', async () => {
    const early = await connectedPair();
    const closedEarly = early.server.close();
    await early.client.close();
    await closedEarly;
    expect(early.serverTransport.writes.at(-1)?.length).toBe(alertLength);
    const late = await connectedPair();
    const closedLate = late.client.close();
    expect(await late.server.read()).toBeNull();
    await late.server.close();
    await closedLate;
    expect(late.serverTransport.writes.at(-1)?.length).toBeGreaterThan(alertLength + 200);
  });
});

describe('how the peer’s side ended', () => {
  test('a FIN without close_notify is no error while we drain', async () => {
    const { client, serverTransport } = await connectedPair();
    const closed = client.close();
    await serverTransport.closeWrite();
    expect(await closed).toMatchObject({ ended: 'fin' });
  });

  test('nor is one that came before: it depends on no timing', async () => {
    const { client, server, clientTransport, serverTransport } = await connectedPair();
    await serverTransport.closeWrite();
    await expect(client.read()).rejects.toBeInstanceOf(TlsTruncatedError);
    expect(await client.close()).toMatchObject({ ended: 'fin' });
    expect(await server.read()).toBeNull();
    expect(clientTransport.calls).toEqual(['closeWrite', 'close']);
  });

  test('a reset behind the peer’s close_notify is no error', async () => {
    const { client, server, serverTransport } = await connectedPair();
    await server.closeWrite();
    expect(await client.read()).toBeNull();
    serverTransport.destroy();
    expect(await client.close()).toMatchObject({ ended: 'reset' });
  });

  test('a reset before it rejects: data may be lost', async () => {
    const { client, clientTransport, serverTransport } = await connectedPair();
    const closed = client.close();
    serverTransport.destroy();
    await expect(closed).rejects.toMatchObject({ name: 'BrokenError', code: 'ECONNRESET' });
    expect(clientTransport.isDestroyed).toBe(true);
  });

  test('an alert that answers what we wrote rejects: it was not taken', async () => {
    const { client, server } = tlsPair({
      serverConfig: testServerConfig({ clientAuthentication: 'require', clientTrust: trustAll }),
    });
    const refused = server.handshake().catch(() => {});
    await client.handshake();
    const closed = client.write(numbered(100)).then(() => client.close());
    await expect(closed).rejects.toMatchObject({ alert: 'certificate_required', direction: 'received' });
    await refused;
  });

  test('a write that the transport failed rejects', async () => {
    const { client, clientTransport } = await connectedPair();
    clientTransport.breakWrites('EPIPE');
    clientTransport.breakReads('ECONNRESET');
    await expect(client.write(numbered(1))).rejects.toMatchObject({ code: 'EPIPE' });
    await expect(client.close()).rejects.toMatchObject({ name: 'BrokenError' });
    expect(clientTransport.isDestroyed).toBe(true);
  });
});

describe('the bounds of the drain', () => {
  test('a peer that does not end: the report says so, and the transport is given back', async () => {
    const { client, server, clientTransport } = await connectedPair({ client: { drain: { timeout: 20 } } });
    const closed = client.close();
    expect(await server.read()).toBeNull();
    expect(await closed).toMatchObject({ ended: 'timeout' });
    expect(clientTransport.calls).toEqual(['closeWrite', 'destroy']);
  });

  test('a peer that takes nothing: what is unsent is lost, so it rejects and resets', async () => {
    const { client, clientTransport } = await connectedPair({ client: { drain: { timeout: 20 } } });
    clientTransport.isStuck = true;
    const writing = client.write(numbered(1_000));
    const closed = client.close();
    await expect(writing).rejects.toBeInstanceOf(Error);
    await expect(closed).rejects.toBeInstanceOf(TlsTimeoutError);
    await expect(closed).rejects.toMatchObject({ deadline: 'drain' });
    expect(clientTransport.calls).toEqual(['destroy']);
  });

  test('a peer that takes slowly, but does, has the time again with every piece', async () => {
    const { client, clientTransport, serverTransport } = await connectedPair({
      client: { drain: { timeout: 60 } },
    });
    clientTransport.isStuck = true;
    const writes = [1, 2, 3, 4, 5].map(() => client.write(numbered(10)));
    const closed = client.close();
    for (let i = 0; i < 5; i++) {
      await new Promise((resolve) => setTimeout(resolve, 30));
      clientTransport.unstick();
      await writes[i];
      clientTransport.isStuck = true;
    }
    clientTransport.unstick();
    await serverTransport.closeWrite();
    expect(await closed).toMatchObject({ ended: 'fin' });
  });

  test('from the byte bound on it reads nothing more, and holds the transport until the time is over', async () => {
    const { client, server, clientTransport } = await connectedPair({
      client: { drain: { timeout: 100, bytes: 50_000 } },
      memory: { capacity: 10_000 },
    });
    const closed = client.close();
    const flood = server.write(numbered(1_000_000)).catch(() => {});
    const report = await closed;
    expect(report.ended).toBe('timeout');
    expect(report.discardedBytes).toBeGreaterThanOrEqual(50_000);
    expect(report.discardedBytes).toBeLessThan(70_000);
    expect(clientTransport.calls).toEqual(['closeWrite', 'destroy']);
    await flood;
  });

  test('only so many drain at once: the oldest reaches its bound', async () => {
    const dropped: number[] = [];
    const slots = new Slots(2, () => dropped.push(slots.size));
    const pairs = await Promise.all([1, 2, 3].map(() => connectedPair({ client: { drain: { slots } } })));
    const closing = [];
    for (const { client, server } of pairs) {
      closing.push(client.close());
      expect(await server.read()).toBeNull();
    }
    const [first, second, third] = closing;
    expect(await first).toMatchObject({ ended: 'timeout' });
    expect(dropped.length).toBe(1);
    expect(slots.size).toBe(2);
    for (const { server } of pairs.slice(1)) await server.close();
    expect(await second).toMatchObject({ ended: 'close_notify' });
    expect(await third).toMatchObject({ ended: 'close_notify' });
    expect(slots.size).toBe(0);
  });

  test('a stream that fails while it closes goes on in its place', async () => {
    let dropped = 0;
    const slots = new Slots(1, () => {
      dropped += 1;
    });
    const { client, server, serverTransport } = await connectedPair({ server: { drain: { slots } } });
    const closing = server.close().catch((reason: unknown) => reason);
    expect(await client.read()).toBeNull();
    serverTransport.arrive(forgedRecord);
    await serverTransport.until(() => server.failure !== undefined);
    expect({ dropped, size: slots.size }).toEqual({ dropped: 0, size: 1 });
    client.destroy();
    expect(await closing).toBe(server.failure);
  });

  test('whoever is told and fails costs no connection its end', async () => {
    const slots = new Slots(1, () => {
      throw new Error('the log is full');
    });
    const thrown = once(process, 'uncaughtExceptionMonitor');
    const swallow = (): void => {};
    const others = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException').on('uncaughtException', swallow);
    try {
      const pairs = await Promise.all([1, 2].map(() => connectedPair({ client: { drain: { slots } } })));
      const closing = [];
      for (const { client, server } of pairs) {
        closing.push(client.close());
        expect(await server.read()).toBeNull();
        // All of it is handed over then.
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect(await closing[0]).toMatchObject({ ended: 'timeout' });
      expect((await thrown)[0]).toMatchObject({ message: 'the log is full' });
      await pairs[1]?.server.close();
      expect(await closing[1]).toMatchObject({ ended: 'close_notify' });
    } finally {
      process.off('uncaughtException', swallow);
      for (const other of others) process.on('uncaughtException', other);
    }
  });

  test('the handshake that a write waits for is no part of what is drained', async () => {
    const { client, server } = tlsPair({ client: { drain: { bytes: 500 } }, memory: { chunk: 100 } });
    const written = client.write(numbered(10));
    const closed = client.close();
    expect(await readToEnd(server)).toEqual(numbered(10));
    await server.close();
    await written;
    expect((await closed).discardedBytes).toBeLessThan(500);
  });

  test('a stream that has failed takes one place of them, whether or not it is closed too', async () => {
    let dropped = 0;
    const slots = new Slots(2, () => {
      dropped += 1;
    });
    const closing = await connectedPair({ client: { drain: { slots } } });
    const failed = await connectedPair({ server: { drain: { slots } } });
    const closed = closing.client.close();
    failed.clientTransport.isStuck = true;
    void failed.clientTransport.write(numbered(1));
    failed.serverTransport.arrive(forgedRecord);
    await expect(failed.server.read()).rejects.toBeInstanceOf(TlsPeerError);
    expect(slots.size).toBe(2);
    const refused = failed.server.close().catch((reason: unknown) => reason);
    expect(dropped).toBe(0);
    await closing.server.close();
    expect(await closed).toMatchObject({ ended: 'close_notify' });
    failed.clientTransport.unstick();
    expect(await refused).toBe(failed.server.failure);
    expect(slots.size).toBe(0);
  });
});

describe('close and the handshake', () => {
  test('before any use sends nothing and gives the transport back', async () => {
    const { client, server, clientTransport, serverTransport } = tlsPair();
    expect(await Promise.all([client.close(), server.close()])).toMatchObject([
      { ended: 'fin' },
      { ended: 'fin' },
    ]);
    expect(clientTransport.writes).toEqual([]);
    expect(serverTransport.writes).toEqual([]);
  });

  test('during it calls it off: user_canceled and close_notify, and those who wait are told', async () => {
    const { client, clientTransport, serverTransport } = tlsPair();
    const waiting = client.handshake();
    await clientTransport.until(() => clientTransport.writes.length === 1);
    const closed = client.close();
    await expect(waiting).rejects.toBeInstanceOf(ClosedError);
    await serverTransport.closeWrite();
    expect(await closed).toMatchObject({ ended: 'fin' });
    expect(clientTransport.writes[1]).toEqual(new Uint8Array([21, 3, 3, 0, 2, 1, 90, 21, 3, 3, 0, 2, 1, 0]));
  });

  test('a write that waits for it is not lost', async () => {
    const { client, server } = tlsPair();
    const writing = client.write(numbered(100));
    const closed = client.close();
    expect(await readToEnd(server)).toEqual(numbered(100));
    await server.close();
    await writing;
    expect(await closed).toMatchObject({ ended: 'close_notify' });
  });

  test('a write that waits for it fails with it, and close says the same', async () => {
    const { client, server, serverTransport } = tlsPair();
    const writing = client.write(numbered(100)).catch((reason: unknown) => reason);
    const closed = client.close().catch((reason: unknown) => reason);
    await serverTransport.closeWrite();
    expect(await writing).toBeInstanceOf(TlsTruncatedError);
    expect(await closed).toBe(await writing);
    server.destroy();
  });
});

describe('after a fatal alert of ours', () => {
  test('the error is there at once, the alert goes alone, and what still comes is read and forgotten', async () => {
    const { client, server, clientTransport, serverTransport } = await connectedPair({
      memory: { capacity: 1_000 },
    });
    serverTransport.arrive(forgedRecord);
    // The peer goes on writing and reads only then.
    const writing = clientTransport.write(numbered(100_000));
    await expect(server.read()).rejects.toMatchObject({ alert: 'bad_record_mac' });
    expect(serverTransport.calls).toEqual(['closeWrite']);
    await writing;
    await clientTransport.closeWrite();
    await serverTransport.until(() => serverTransport.calls.length > 1);
    expect(serverTransport.calls).toEqual(['closeWrite', 'close']);
    await expect(client.read()).rejects.toMatchObject({ alert: 'bad_record_mac', direction: 'received' });
  });

  test('close waits until that is over, and rejects with the same error', async () => {
    const { server, clientTransport, serverTransport } = await connectedPair();
    serverTransport.arrive(forgedRecord);
    clientTransport.isStuck = true;
    void clientTransport.write(numbered(1));
    const error = await server.read().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(TlsPeerError);
    let isClosed = false;
    const closed = server.close().catch((reason: unknown) => {
      isClosed = true;
      return reason;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(isClosed).toBe(false);
    clientTransport.unstick();
    expect(await closed).toBe(error);
  });

  test('is bounded: the transport is given back, also behind a write that is stuck', async () => {
    const { server, serverTransport } = await connectedPair({
      server: { drain: { timeout: 20 } },
    });
    serverTransport.isStuck = true;
    const writing = server.write(numbered(10)).catch((reason: unknown) => reason);
    serverTransport.arrive(forgedRecord);
    expect(await writing).toBeInstanceOf(TlsPeerError);
    await serverTransport.until(() => serverTransport.isDestroyed);
  });

  test('what still comes is bounded in bytes too: from there on nothing is read', async () => {
    const { server, clientTransport, serverTransport } = await connectedPair({
      server: { drain: { timeout: 50, bytes: 20_000 } },
      memory: { capacity: 1_000, chunk: 1_000 },
    });
    serverTransport.arrive(forgedRecord);
    const flood = clientTransport.write(numbered(500_000)).catch(() => {});
    let taken = 0;
    const read = serverTransport.read.bind(serverTransport);
    serverTransport.read = async (options) => {
      const bytes = await read(options);
      taken += bytes?.length ?? 0;
      return bytes;
    };
    await expect(server.read()).rejects.toBeInstanceOf(TlsPeerError);
    await serverTransport.until(() => serverTransport.isDestroyed);
    await flood;
    expect(taken).toBeGreaterThanOrEqual(19_000);
    expect(taken).toBeLessThan(25_000);
  });

  test('the peer’s alert needs no application to end the transport', async () => {
    const { client, server, clientTransport, serverTransport } = await connectedPair();
    serverTransport.arrive(forgedRecord);
    await expect(server.read()).rejects.toBeInstanceOf(TlsPeerError);
    await expect(client.write(numbered(1))).rejects.toBeInstanceOf(TlsPeerError);
    await clientTransport.until(() => clientTransport.calls.includes('close'));
    await serverTransport.until(() => serverTransport.calls.includes('close'));
  });
});

describe('destroy', () => {
  test('sends nothing, resets at once, and whoever waits is told', async () => {
    const { client, server, clientTransport } = await connectedPair();
    const before = clientTransport.writes.length;
    clientTransport.isStuck = true;
    const waiting = Promise.allSettled([
      client.read(),
      client.write(numbered(10)),
      client.write(numbered(10)),
    ]);
    client.destroy();
    for (const outcome of await waiting) expect(outcome).toMatchObject({ reason: { name: 'ClosedError' } });
    expect(clientTransport.calls).toEqual(['destroy']);
    expect(clientTransport.writes.length).toBeLessThanOrEqual(before + 1);
    await expect(server.read()).rejects.toMatchObject({ code: 'ECONNRESET' });
  });

  test('ends a close that waits, and makes a later one easy', async () => {
    const { client } = await connectedPair();
    const closed = client.close();
    client.destroy();
    await expect(closed).rejects.toBeInstanceOf(ClosedError);
    const other = await connectedPair();
    other.client.destroy();
    other.client.destroy();
    expect(await other.client.close()).toMatchObject({ ended: 'reset' });
  });

  test('is what an aborted close does', async () => {
    const { client, clientTransport } = await connectedPair();
    const abort = new AbortController();
    const closed = client.close({ signal: abort.signal });
    abort.abort(new Error('enough'));
    await expect(closed).rejects.toThrow('enough');
    expect(clientTransport.isDestroyed).toBe(true);
  });

  test('our own close comes before what the transport says', async () => {
    const { client, clientTransport } = await connectedPair();
    clientTransport.breakReads('ECONNRESET');
    clientTransport.breakWrites('EPIPE');
    await expect(client.read()).rejects.toMatchObject({ code: 'ECONNRESET' });
    await expect(client.write(numbered(1))).rejects.toMatchObject({ name: 'BrokenError' });
    client.destroy();
    await expect(client.read()).rejects.toBeInstanceOf(ClosedError);
    await expect(client.write(numbered(1))).rejects.toBeInstanceOf(ClosedError);
  });
});
