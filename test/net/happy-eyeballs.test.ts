import { once } from 'node:events';
import { type AddressInfo, createServer, type LookupFunction, type Server, Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { connectionAttemptDelay } from '../../src/base/defaults.ts';
import { TlsUsageError } from '../../src/base/errors.ts';
import { addressesOf, type IpAddress } from '../../src/net/addresses.ts';
import { connectFirst } from '../../src/net/happy-eyeballs.ts';
import { connectTcp } from '../../src/net/tcp-connect.ts';
import { BrokenError } from '../../src/streams/errors.ts';
import { systemError } from '../support/memory-streams.ts';

const four = (address: string): IpAddress => ({ address, family: 4 });
const six = (address: string): IpAddress => ({ address, family: 6 });
const hasIpv6 = Object.values(networkInterfaces()).some((all) =>
  all?.some(({ address }) => address === '::1'),
);

/** Sockets that connect and fail when the test says so: an address that never answers is one that it says nothing of. */
function race(addresses: IpAddress[], signal?: AbortSignal) {
  const sockets = new Map<string, Socket>();
  const open = (address: string): Socket => {
    const socket = new Socket();
    sockets.set(address, socket);
    return socket;
  };
  const connected = connectFirst({ host: 'h.test', port: 443, addresses }, { open, signal });
  connected.catch(() => {});
  return {
    connected,
    opened: () => [...sockets.keys()],
    answer: (address: string) => sockets.get(address)?.emit('connect'),
    refuse: async (address: string, code = 'ECONNREFUSED') => {
      sockets.get(address)?.destroy(systemError(code));
      await new Promise((resolve) => setImmediate(resolve));
    },
    left: () => [...sockets].filter(([, socket]) => !socket.destroyed).map(([address]) => address),
  };
}

describe('addresses race', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
  afterEach(() => void vi.useRealTimers());

  test('one that never answers delays the next by the attempt delay, and goes on beside it', async () => {
    const { connected, opened, answer, left } = race([four('192.0.2.1'), four('192.0.2.2')]);
    expect(connectionAttemptDelay).toBe(250);
    vi.advanceTimersByTime(249);
    expect(opened()).toEqual(['192.0.2.1']);
    vi.advanceTimersByTime(1);
    expect(opened()).toEqual(['192.0.2.1', '192.0.2.2']);
    expect(left()).toEqual(['192.0.2.1', '192.0.2.2']);
    answer('192.0.2.2');
    await connected;
    expect(left()).toEqual(['192.0.2.2']);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('a slow first one still wins, where the second fails in the meantime', async () => {
    const { connected, answer, refuse, left } = race([four('192.0.2.1'), four('192.0.2.2')]);
    vi.advanceTimersByTime(250);
    await refuse('192.0.2.2');
    vi.advanceTimersByTime(60_000);
    answer('192.0.2.1');
    expect((await connected).destroyed).toBe(false);
    expect(left()).toEqual(['192.0.2.1']);
  });

  test('one that fails gives way at once, and the next has its whole delay', async () => {
    const { opened, refuse } = race([four('192.0.2.1'), four('192.0.2.2'), four('192.0.2.3')]);
    vi.advanceTimersByTime(200);
    await refuse('192.0.2.1');
    expect(opened()).toEqual(['192.0.2.1', '192.0.2.2']);
    vi.advanceTimersByTime(249);
    expect(opened().length).toBe(2);
    vi.advanceTimersByTime(1);
    expect(opened().length).toBe(3);
  });

  test('families take turns, beginning with the resolver’s first', () => {
    const { opened } = race([six('2001:db8::1'), six('2001:db8::2'), six('2001:db8::3'), four('192.0.2.1')]);
    vi.advanceTimersByTime(1_000);
    expect(opened()).toEqual(['2001:db8::1', '192.0.2.1', '2001:db8::2', '2001:db8::3']);
    const other = race([four('192.0.2.1'), four('192.0.2.2'), six('2001:db8::1')]);
    vi.advanceTimersByTime(1_000);
    expect(other.opened()).toEqual(['192.0.2.1', '2001:db8::1', '192.0.2.2']);
  });

  test('a winner’s rivals that fail or answer late hurt nobody', async () => {
    const { connected, answer, refuse, left } = race([four('192.0.2.1'), four('192.0.2.2')]);
    vi.advanceTimersByTime(250);
    answer('192.0.2.1');
    answer('192.0.2.2');
    await refuse('192.0.2.2');
    expect((await connected).listenerCount('error')).toBe(0);
    expect(left()).toEqual(['192.0.2.1']);
  });

  test('an abort ends all attempts and starts no more', async () => {
    const abort = new AbortController();
    const { connected, opened, left } = race(
      [four('192.0.2.1'), four('192.0.2.2'), four('192.0.2.3')],
      abort.signal,
    );
    vi.advanceTimersByTime(250);
    abort.abort(new Error('enough'));
    await expect(connected).rejects.toThrow('enough');
    expect(left()).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
    expect(opened().length).toBe(2);
  });

  test('when all have failed, the error names each with its port and reason', async () => {
    const { connected, refuse } = race([six('2001:db8::1'), four('192.0.2.1')]);
    await refuse('2001:db8::1', 'ENETUNREACH');
    await refuse('192.0.2.1');
    const error = await connected.catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      name: 'BrokenError',
      code: 'ENETUNREACH',
      message: 'Could not connect to h.test:443: [2001:db8::1]:443: ENETUNREACH; 192.0.2.1:443: ECONNREFUSED',
    });
    const { cause } = error as BrokenError;
    expect(cause).toBeInstanceOf(AggregateError);
    expect((cause as AggregateError).errors).toMatchObject([
      { code: 'ENETUNREACH' },
      { code: 'ECONNREFUSED' },
    ]);
  });
});

describe('over loopback', () => {
  const servers = new Set<Server>();
  afterEach(() => {
    for (const server of servers) server.close();
    servers.clear();
  });

  async function serverAt(host: string): Promise<number> {
    const server = createServer((socket) => void socket.on('error', () => {}));
    servers.add(server);
    server.listen(0, host);
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  }

  const answering =
    (...addresses: string[]): LookupFunction =>
    (_host, options, callback) => {
      expect(options).toMatchObject({ all: true, verbatim: true });
      // The family that a resolver gives is not what counts.
      callback(
        null,
        addresses.map((address) => ({ address, family: 0 })),
      );
    };

  test('an address that refuses costs no delay, and the one that answers is had', async () => {
    const port = await serverAt('127.0.0.3');
    const lookup = answering('127.0.0.1', '127.0.0.2', '127.0.0.2', '127.0.0.3');
    const stream = await connectTcp({ host: 'three.test', port, lookup });
    expect(stream.remoteAddress).toEqual({ host: '127.0.0.3', port });
    stream.destroy();
  });

  test.runIf(hasIpv6)('IPv6 and IPv4, whichever is there', async () => {
    for (const [host, other] of [
      ['::1', '127.0.0.9'],
      ['127.0.0.9', '::1'],
    ] as const) {
      const port = await serverAt(host);
      for (const lookup of [answering(host, other), answering(other, host)]) {
        const stream = await connectTcp({ host: 'both.test', port, lookup });
        expect(stream.remoteAddress).toEqual({ host, port });
        stream.destroy();
      }
    }
  });

  test('a lookup may answer with one address', async () => {
    const port = await serverAt('127.0.0.1');
    const lookup: LookupFunction = (_host, _options, callback) => callback(null, '127.0.0.1', 4);
    const stream = await connectTcp({ host: 'one.test', port, lookup });
    expect(stream.remoteAddress?.host).toBe('127.0.0.1');
    stream.destroy();
  });

  test('an address is not looked up', async () => {
    const port = await serverAt('127.0.0.1');
    const lookup = vi.fn();
    (await connectTcp({ host: '127.0.0.1', port, lookup })).destroy();
    expect(lookup).not.toHaveBeenCalled();
  });

  test('the system’s resolver is asked by default', async () => {
    expect((await addressesOf('localhost')).map(({ address }) => address)).toContain('127.0.0.1');
  });

  test('a name without addresses, an answer that is none, a port that is none', async () => {
    const failing: LookupFunction = (_host, _options, callback) => callback(systemError('ENOTFOUND'), '', 0);
    const missing = connectTcp({ host: 'no.test', port: 1, lookup: failing });
    await expect(missing).rejects.toMatchObject({ name: 'BrokenError', code: 'ENOTFOUND' });
    await expect(missing).rejects.toThrow('no.test');
    await expect(connectTcp({ host: 'no.test', port: 1, lookup: answering() })).rejects.toThrow('no.test');
    const wrong = connectTcp({ host: 'no.test', port: 1, lookup: answering('here') });
    await expect(wrong).rejects.toThrow(/^lookup: .*"here"/);
    const port = connectTcp({ host: '127.0.0.1', port: 65_536 });
    await expect(port).rejects.toBeInstanceOf(TlsUsageError);
    await expect(port).rejects.toThrow(/^port: /);
  });

  test('an abort does not wait for a lookup', async () => {
    const abort = new AbortController();
    const connecting = connectTcp({ host: 'slow.test', port: 1, lookup: () => {} }, { signal: abort.signal });
    abort.abort(new Error('enough'));
    await expect(connecting).rejects.toThrow('enough');
    await expect(connecting).rejects.not.toBeInstanceOf(BrokenError);
  });
});
