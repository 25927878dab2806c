import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { TlsTimeoutError, TlsUsageError } from '../../src/base/errors.ts';
import type { TlsStreamOptions } from '../../src/streams/tls-stream.ts';
import { numbered } from '../support/bytes.ts';
import { turnsOfTheEventLoop } from '../support/sockets.ts';
import { connectedPair, type TlsPair, tlsPair } from '../support/tls-endpoints.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/** A client that may be idle for a second, and a server with all the time there is. */
async function pairWithTimeout(options: { readonly capacity?: number } = {}): Promise<TlsPair> {
  return connectedPair({
    client: { idleTimeout: 1_000, drain: { timeout: 60_000 } },
    server: { drain: { timeout: 120_000 } },
    memory: options,
  });
}

/** Lets virtual time pass in small steps, and everything happen that is due then. */
async function pass(milliseconds: number): Promise<void> {
  for (let left = milliseconds; left > 0; left -= 100) {
    vi.advanceTimersByTime(Math.min(100, left));
    await turnsOfTheEventLoop();
  }
}

describe('a peer that does not move', () => {
  test('and stays silent: what was received is delivered, then everything fails with one error', async () => {
    const { client, server, clientTransport } = await pairWithTimeout();
    await server.write(numbered(10));
    expect(await client.read()).toEqual(numbered(10));
    const read = client.read();
    read.catch(() => {});
    await pass(900);
    expect(client.failure).toBeUndefined();
    const before = clientTransport.writes.length;
    await pass(100);
    const error = await read.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(TlsTimeoutError);
    expect(error).toMatchObject({ code: 'TLS_TIMEOUT', deadline: 'idle' });
    expect(client.failure).toBe(error);
    await expect(client.read()).rejects.toBe(error);
    await expect(client.write(numbered(1))).rejects.toBe(error);
    await expect(client.close()).rejects.toBe(error);
    // Not a byte, no half-close: a reset.
    expect(clientTransport.writes.length).toBe(before);
    expect(clientTransport.calls).toEqual(['destroy']);
    await expect(server.read()).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(vi.getTimerCount()).toBe(0);
  });

  test('and never reads what we write', async () => {
    const { client, clientTransport } = await pairWithTimeout({ capacity: 10_000 });
    clientTransport.isStuck = true;
    const written = client.write(numbered(1_000_000));
    const later = client.write(numbered(1));
    const read = client.read();
    for (const promise of [written, later, read]) promise.catch(() => {});
    await turnsOfTheEventLoop();
    const before = clientTransport.writes.length;
    await pass(1_000);
    const error = client.failure;
    expect(error).toMatchObject({ deadline: 'idle' });
    await expect(written).rejects.toBe(error);
    await expect(later).rejects.toBe(error);
    await expect(read).rejects.toBe(error);
    expect(clientTransport.writes.length).toBe(before);
    expect(clientTransport.calls).toEqual(['destroy']);
  });

  test('while our application has not taken what came: that is delivered before the error, all of it', async () => {
    const { client, server, clientTransport } = await pairWithTimeout({ capacity: 1e6 });
    const data = numbered(90_000);
    // More than is read ahead: the rest waits in the engine, undecrypted.
    const sent = server.write(data);
    await turnsOfTheEventLoop();
    await sent;
    await pass(5_000);
    clientTransport.isStuck = true;
    client.write(numbered(1)).catch(() => {});
    await turnsOfTheEventLoop();
    await pass(900);
    expect(client.failure).toBeUndefined();
    await pass(100);
    expect(client.failure).toMatchObject({ deadline: 'idle' });
    const parts: Uint8Array[] = [];
    const reading = (async () => {
      for await (const bytes of client) parts.push(bytes);
    })();
    await expect(reading).rejects.toBe(client.failure);
    const received = Buffer.concat(parts);
    expect(received.length).toBeGreaterThan(65_536 + 16_384);
    expect(received.equals(data.subarray(0, received.length))).toBe(true);
  });
});

describe('not idle is', () => {
  test('a connection on which a byte comes now and then', async () => {
    const { client, server } = await pairWithTimeout();
    for (let round = 0; round < 5; round++) {
      const read = client.read();
      await pass(900);
      await server.write(numbered(1));
      expect(await read).toEqual(numbered(1));
    }
    const last = client.read();
    last.catch(() => {});
    await pass(900);
    expect(client.failure).toBeUndefined();
    await pass(100);
    await expect(last).rejects.toBeInstanceOf(TlsTimeoutError);
  });

  test('one on which less than a record comes, at the last moment', async () => {
    const { client, clientTransport } = await pairWithTimeout();
    const read = client.read();
    read.catch(() => {});
    await pass(900);
    clientTransport.arrive(new Uint8Array([23]));
    await pass(900);
    expect(client.failure).toBeUndefined();
  });

  test('a peer that takes our bytes slowly', async () => {
    const { client, clientTransport } = await pairWithTimeout();
    for (let round = 0; round < 3; round++) {
      clientTransport.isStuck = true;
      const written = client.write(numbered(10));
      await turnsOfTheEventLoop();
      await pass(900);
      clientTransport.unstick();
      await written;
    }
    await pass(900);
    expect(client.failure).toBeUndefined();
    await pass(100);
    expect(client.failure).toBeInstanceOf(TlsTimeoutError);
  });

  test('an application that reads slowly, and the peer has its whole time from then on', async () => {
    const { client, server } = await pairWithTimeout();
    await server.write(numbered(10));
    await turnsOfTheEventLoop();
    await pass(10_900);
    expect(client.failure).toBeUndefined();
    expect(await client.read()).toEqual(numbered(10));
    await pass(900);
    expect(client.failure).toBeUndefined();
    await pass(100);
    expect(client.failure).toBeInstanceOf(TlsTimeoutError);
  });

  test('one whose peer has ended, while nothing is written', async () => {
    const { client, server } = await pairWithTimeout();
    await server.closeWrite();
    expect(await client.read()).toBeNull();
    await pass(10_000);
    expect(vi.getTimerCount()).toBe(0);
    await client.write(numbered(10));
    expect(await server.read()).toEqual(numbered(10));
  });

  test('a handshake, which has its own time', async () => {
    const { client, server } = tlsPair({ client: { idleTimeout: 1_000 } });
    const handshake = client.handshake();
    await pass(5_000);
    void server.handshake();
    await handshake;
    expect(client.failure).toBeUndefined();
  });

  test('a close, which has its own bound', async () => {
    const { client, server } = await pairWithTimeout();
    const closed = client.close();
    expect(await server.read()).toBeNull();
    await pass(30_000);
    await server.close();
    expect(await closed).toMatchObject({ ended: 'close_notify' });
    expect(vi.getTimerCount()).toBe(0);
  });

  test('anything, by default', async () => {
    const { client } = await connectedPair();
    const read = client.read();
    read.catch(() => {});
    await turnsOfTheEventLoop();
    expect(vi.getTimerCount()).toBe(0);
    client.destroy();
  });
});

describe('the timer', () => {
  test('is not started anew for every byte', async () => {
    const { client, server } = await pairWithTimeout();
    const set = vi.spyOn(globalThis, 'setTimeout');
    for (let round = 0; round < 50; round++) {
      await server.write(numbered(1));
      await client.read();
      await client.write(numbered(1));
      await server.read();
    }
    expect(set).not.toHaveBeenCalled();
    client.destroy();
    expect(vi.getTimerCount()).toBe(0);
  });

  test('does not keep the process alive', async () => {
    const set = vi.spyOn(globalThis, 'setTimeout');
    const { client } = await pairWithTimeout();
    const timers = set.mock.results.map(({ value }) => value as NodeJS.Timeout);
    expect(timers.map((timer) => timer.hasRef())).not.toContain(true);
    expect(vi.getTimerCount()).toBe(1);
    client.destroy();
  });

  test('is gone once the transport was given back', async () => {
    const { client, server } = await pairWithTimeout();
    await Promise.all([client.unwrap(), server.unwrap()]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test.each([0, -1, Number.NaN])('is refused for %d ms', (idleTimeout) => {
    const options: TlsStreamOptions = { idleTimeout };
    expect(() => tlsPair({ client: options })).toThrow(TlsUsageError);
    expect(() => tlsPair({ client: options })).toThrow(/^idleTimeout: /);
  });
});
