import { getEventListeners } from 'node:events';
import { describe, expect, test } from 'vitest';
import { TlsUsageError } from '../../src/base/errors.ts';
import type { ServerSessionStore } from '../../src/sessions/session-store.ts';
import { BrokenError, ClosedError } from '../../src/streams/errors.ts';
import { numbered, readAtLeast, readToEnd } from '../support/bytes.ts';
import { connectedPair, testClientConfig, testServerConfig, tlsPair } from '../support/tls-endpoints.ts';

/** Bytes that look like a record and do not decrypt. */
const forgedRecord = new Uint8Array([23, 3, 3, 0, 32, ...numbered(32)]);

describe('write', () => {
  test('is one write of the transport, whatever it is made of', async () => {
    const { client, server, clientTransport } = await connectedPair();
    const before = clientTransport.writes.length;
    await client.write([numbered(3), new Uint8Array(0), numbered(40_000)]);
    expect(clientTransport.writes.length).toBe(before + 1);
    const bytes = await readAtLeast(server, 40_003);
    expect(Buffer.concat([numbered(3), numbered(40_000)]).equals(bytes)).toBe(true);
  });

  test('carries the tickets that are owed, ahead of the data', async () => {
    const { client, server, serverTransport } = await connectedPair();
    const before = serverTransport.writes.length;
    await server.write(numbered(10));
    await server.write(numbered(10));
    const [first = 0, second = 0] = serverTransport.writes.slice(before).map((bytes) => bytes.length);
    expect(first).toBeGreaterThan(second + 100);
    expect(await readAtLeast(client, 20)).toHaveLength(20);
  });

  test('of nothing sends nothing', async () => {
    const { client, clientTransport } = await connectedPair();
    const before = clientTransport.writes.length;
    await client.write(new Uint8Array(0));
    await client.write([]);
    await client.write([new Uint8Array(0)]);
    expect(clientTransport.writes.length).toBe(before);
  });

  test('happens in call order, also before the handshake', async () => {
    const { client, server } = tlsPair();
    const writes = [
      client.write(numbered(300_000)),
      client.updateKeys(),
      client.write(numbered(1)),
      client.write([]),
      client.closeWrite(),
    ];
    const bytes = await readToEnd(server);
    expect(bytes.length).toBe(300_001);
    expect(bytes.subarray(300_000)).toEqual(numbered(1));
    await Promise.all(writes);
  });

  test('waits for the transport, and seals only a slice ahead of it', async () => {
    const { client, server, clientTransport } = await connectedPair();
    clientTransport.isStuck = true;
    const before = clientTransport.written;
    const data = numbered(5_000_000);
    let isDone = false;
    const writing = client.write(data).then(() => {
      isDone = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(isDone).toBe(false);
    expect(clientTransport.written - before).toBeLessThan(300_000);
    clientTransport.unstick();
    const bytes = await readAtLeast(server, data.length);
    expect(Buffer.compare(bytes, data)).toBe(0);
    await writing;
  });

  test('lets reads have their turn', async () => {
    const { client, server } = await connectedPair({ memory: { capacity: 1e9 } });
    let isWritten = false;
    const reading = readAtLeast(client, 1).then(() => isWritten);
    const writing = client.write(new Uint8Array(30_000_000)).then(() => {
      isWritten = true;
    });
    setImmediate(() => void server.write(numbered(1)));
    expect(await reading).toBe(false);
    client.destroy();
    await writing.catch(() => {});
  });
});

describe('an aborted write', () => {
  test('breaks the write half: what waits behind it is not sent, and nothing later', async () => {
    const { client, clientTransport } = await connectedPair({ client: { drain: { timeout: 20 } } });
    clientTransport.isStuck = true;
    const abort = new AbortController();
    const first = client.write(numbered(10), { signal: abort.signal });
    const second = client.write(numbered(20));
    const reason = new Error('enough');
    abort.abort(reason);
    await expect(first).rejects.toBe(reason);
    await expect(second).rejects.toMatchObject({ name: 'BrokenError', cause: reason });
    await expect(client.write(numbered(1))).rejects.toBeInstanceOf(BrokenError);
    await expect(client.closeWrite()).rejects.toBeInstanceOf(BrokenError);
  });

  test('leaves the read half alone', async () => {
    const { client, server, clientTransport } = await connectedPair();
    clientTransport.isStuck = true;
    const abort = new AbortController();
    const writing = client.write(numbered(10), { signal: abort.signal });
    abort.abort();
    await expect(writing).rejects.toBe(abort.signal.reason);
    await server.write(numbered(30));
    expect(await client.read()).toEqual(numbered(30));
  });

  test('is never followed by a close_notify: the peer must not take the cut for an end', async () => {
    const { client, server } = await connectedPair({ memory: { capacity: 1_000 } });
    const abort = new AbortController();
    const writing = client.write(numbered(1_000_000), { signal: abort.signal });
    await server.read();
    abort.abort();
    await expect(writing).rejects.toBe(abort.signal.reason);
    await expect(client.close()).rejects.toBeInstanceOf(BrokenError);
    await expect(readToEnd(server)).rejects.toMatchObject({ code: 'ECONNRESET' });
  });

  test('aborted before has no effect', async () => {
    const { client, server } = await connectedPair();
    const signal = AbortSignal.abort(new Error('before'));
    for (const call of [
      () => client.write(numbered(1), { signal }),
      () => client.closeWrite({ signal }),
      () => client.updateKeys({ signal }),
      () => client.unwrap({ signal }),
      () => client.close({ signal }),
    ]) {
      await expect(call()).rejects.toThrow('before');
    }
    await client.write(numbered(2));
    expect(await server.read()).toEqual(numbered(2));
  });

  test('leaves no listener on a signal when it was not aborted', async () => {
    const { client, server } = await connectedPair();
    const { signal } = new AbortController();
    const reading = readToEnd(server);
    await client.write(numbered(2), { signal });
    await client.updateKeys({ signal });
    await client.closeWrite({ signal });
    await reading;
    await server.closeWrite();
    await client.close({ signal });
    await new Promise((resolve) => setImmediate(resolve));
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });
});

describe('a transport that fails a write', () => {
  test('breaks the write half only', async () => {
    const { client, server, clientTransport, serverTransport } = await connectedPair();
    clientTransport.breakWrites('EPIPE');
    await server.write(numbered(5));
    const error = await client.write(numbered(10)).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ name: 'BrokenError', code: 'EPIPE' });
    await expect(client.write(numbered(1))).rejects.toBe(error);
    expect(await client.read()).toEqual(numbered(5));
    await server.write(numbered(6));
    expect(await client.read()).toEqual(numbered(6));
    // An alert that comes later says more.
    serverTransport.arrive(forgedRecord);
    await expect(client.read()).rejects.toMatchObject({ alert: 'bad_record_mac' });
    await expect(client.write(numbered(1))).rejects.toMatchObject({ alert: 'bad_record_mac' });
  });

  test('in the handshake’s last flight fails the writes behind it', async () => {
    const { client, server, clientTransport, serverTransport } = tlsPair();
    void server.handshake().catch(() => {});
    const handshake = client.handshake();
    await serverTransport.until(() => serverTransport.writes.length === 1);
    clientTransport.breakWrites('EPIPE');
    await handshake;
    await new Promise((resolve) => setImmediate(resolve));
    await expect(client.write(numbered(1))).rejects.toMatchObject({ name: 'BrokenError', code: 'EPIPE' });
  });

  test('is explained by an alert that is read only then', async () => {
    const { client, clientTransport, serverTransport } = await connectedPair();
    clientTransport.breakWrites('EPIPE');
    const writing = client.write(numbered(10)).catch((reason: unknown) => reason);
    await new Promise((resolve) => setImmediate(resolve));
    serverTransport.arrive(forgedRecord);
    const error = await writing;
    expect(error).toMatchObject({ name: 'TlsPeerError', alert: 'bad_record_mac', direction: 'received' });
    await expect(client.read()).rejects.toBe(error);
  });

  test('is explained by an alert that comes behind data that nobody has read', async () => {
    const { client, server, clientTransport, serverTransport } = await connectedPair();
    await server.write(numbered(20_000));
    serverTransport.arrive(forgedRecord);
    await serverTransport.until(() => serverTransport.writes.length === 3);
    clientTransport.breakWrites('EPIPE');
    const error = await client.write(numbered(10)).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ name: 'TlsPeerError', alert: 'bad_record_mac' });
    expect(await readAtLeast(client, 20_000)).toHaveLength(20_000);
  });
});

describe('closeWrite', () => {
  test('is one write of the transport and its half-close, once; reading goes on', async () => {
    const { client, server, clientTransport } = await connectedPair();
    const before = clientTransport.writes.length;
    await Promise.all([client.closeWrite(), client.closeWrite()]);
    await client.closeWrite();
    expect(clientTransport.writes.length).toBe(before + 1);
    expect(clientTransport.calls).toEqual(['closeWrite']);
    expect(await server.read()).toBeNull();
    await server.write(numbered(9));
    expect(await client.read()).toEqual(numbered(9));
  });

  test('is the last write', async () => {
    const { client } = await connectedPair();
    const ended = client.closeWrite();
    await expect(client.write(numbered(1))).rejects.toBeInstanceOf(ClosedError);
    await ended;
    await expect(client.updateKeys()).rejects.toBeInstanceOf(ClosedError);
  });

  test('sends close_notify alone while tickets are owed, before the peer’s end', async () => {
    const { server, serverTransport } = await connectedPair();
    await server.closeWrite();
    expect(serverTransport.writes.at(-1)?.length).toBe(5 + 2 + 1 + 16);
  });

  test('takes the tickets along once the peer’s end was read', async () => {
    const { client, server, serverTransport } = await connectedPair();
    await client.closeWrite();
    expect(await server.read()).toBeNull();
    await server.closeWrite();
    expect(serverTransport.writes.at(-1)?.length).toBeGreaterThan(200);
    expect(await client.read()).toBeNull();
  });
});

describe('sendTickets and updateKeys', () => {
  test('tickets leave alone, and say how many', async () => {
    const { client, server, serverTransport } = await connectedPair();
    const before = serverTransport.writes.length;
    expect(await server.sendTickets(3)).toBe(3);
    expect(serverTransport.writes.length).toBe(before + 1);
    await server.write(numbered(4));
    expect(await client.read()).toEqual(numbered(4));
  });

  test('tickets of a client, and too many, are mistakes', async () => {
    const { client, server } = await connectedPair();
    await expect(client.sendTickets(1)).rejects.toBeInstanceOf(TlsUsageError);
    await expect(server.sendTickets(9)).rejects.toBeInstanceOf(TlsUsageError);
    await server.write(numbered(4));
    expect(await client.read()).toEqual(numbered(4));
  });

  test('a store that takes its time holds no write up, and its tickets leave with a later one', async () => {
    const stored: (() => void)[] = [];
    const keeper: ServerSessionStore = {
      kind: 'store',
      put: () => new Promise<void>((resolve) => stored.push(resolve)),
      get: () => undefined,
    };
    const sessions: unknown[] = [];
    const { client, server } = await connectedPair({
      serverConfig: testServerConfig({ tickets: { keeper } }),
      clientConfig: testClientConfig({
        sessions: { put: (session) => void sessions.push(session), take: () => undefined },
      }),
    });
    await server.write(numbered(1));
    await client.read();
    expect(stored.length).toBe(2);
    for (const done of stored) done();
    await Promise.resolve();
    expect(sessions.length).toBe(0);
    await server.write(numbered(2));
    await client.read();
    expect(sessions.length).toBe(2);
  });

  test('keys change, both ways, and data go on', async () => {
    const { client, server } = await connectedPair();
    await client.updateKeys();
    await client.write(numbered(1_000));
    expect(await server.read()).toEqual(numbered(1_000));
    await server.write(numbered(2_000));
    expect(await client.read()).toEqual(numbered(2_000));
  });
});
