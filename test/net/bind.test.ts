import { once } from 'node:events';
import { type AddressInfo, createServer, type LookupFunction, Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { bind, type ListeningSocket, type ListenPlace } from '../../src/net/bind.ts';
import { connectTcp } from '../../src/net/tcp-connect.ts';
import { connect, dial, dropEndpoints, listen, mute } from '../support/endpoints.ts';
import { systemError } from '../support/memory-streams.ts';
import { turnsOfTheEventLoop } from '../support/sockets.ts';

const hasIpv6 = Object.values(networkInterfaces()).some((all) =>
  all?.some(({ address }) => address === '::1'),
);
const taken = new Set<Server>();
const bound = new Set<ListeningSocket>();

afterEach(async () => {
  vi.restoreAllMocks();
  await dropEndpoints();
  for (const socket of bound) await socket.close();
  for (const server of taken) server.close();
  bound.clear();
  taken.clear();
});

async function bindAt(place: ListenPlace): Promise<readonly ListeningSocket[]> {
  const sockets = await bind(place);
  for (const socket of sockets) bound.add(socket);
  return sockets;
}

/** Takes a port of an address away. */
async function take(host: string, port = 0): Promise<number> {
  const server = createServer();
  taken.add(server);
  server.listen(port, host);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

const hostsOf = (sockets: readonly ListeningSocket[]): string[] => sockets.map(({ address }) => address.host);

describe('several addresses', () => {
  test('share a port, and a client reaches each', async () => {
    const listener = await listen({ host: ['127.0.0.2', '127.0.0.1'] });
    const { port } = listener.address;
    expect(listener.address.host).toBe('127.0.0.2');
    expect(listener.addresses).toEqual([
      { host: '127.0.0.2', port },
      { host: '127.0.0.1', port },
    ]);
    for (const { host } of listener.addresses) {
      const connecting = connect(listener, { host, serverName: 'localhost' });
      const server = await listener.accept();
      await server.handshake();
      await connecting;
    }
    await listener.close();
    for (const { host } of listener.addresses) {
      await expect(connectTcp({ host, port })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    }
  });

  test('of a name are all listened on, each once', async () => {
    const asked: string[] = [];
    const lookup: LookupFunction = (host, _options, callback) => {
      asked.push(host);
      callback(null, [
        { address: '127.0.0.1', family: 4 },
        { address: '127.0.0.2', family: 4 },
      ]);
    };
    const sockets = await bindAt({ host: ['here.test', '127.0.0.3', 'there.test'], lookup });
    expect(hostsOf(sockets)).toEqual(['127.0.0.1', '127.0.0.2', '127.0.0.3']);
    expect(asked).toEqual(['here.test', 'there.test']);
    const one = await bindAt({
      host: 'one.test',
      lookup: (_host, _options, back) => back(null, '127.0.0.4', 4),
    });
    expect(hostsOf(one)).toEqual(['127.0.0.4']);
    expect(hostsOf(await bindAt({ host: 'localhost' }))).toContain('127.0.0.1');
  });

  test('of which one cannot be had: the error says which, and the others are free again', async () => {
    const port = await take('127.0.0.2');
    const failing = bind({ host: ['127.0.0.1', '127.0.0.2', '127.0.0.3'], port });
    await expect(failing).rejects.toMatchObject({ name: 'BrokenError', code: 'EADDRINUSE' });
    await expect(failing).rejects.toThrow(`127.0.0.2:${port}`);
    await take('127.0.0.1', port);
    // TEST-NET-1 is nobody's (RFC 5737).
    const foreign = bind({ host: ['127.0.0.1', '192.0.2.1'] });
    await expect(foreign).rejects.toMatchObject({ code: 'EADDRNOTAVAIL' });
    await expect(foreign).rejects.toThrow('192.0.2.1');
  });

  test.each([2, Number.POSITIVE_INFINITY])(
    'with port 0, another port is tried where the first one’s is taken on the second, for a while: %d times',
    async (times) => {
      const { listen: bindSocket } = Server.prototype;
      const tried: number[] = [];
      vi.spyOn(Server.prototype, 'listen').mockImplementation(function (
        this: Server,
        where: unknown,
        ...more
      ) {
        const { host, port } = where as { host: string; port: number };
        if (host === '127.0.0.2') tried.push(port);
        if (host !== '127.0.0.2' || tried.length > times) {
          return Reflect.apply(bindSocket, this, [where, ...more]);
        }
        process.nextTick(() => this.emit('error', systemError('EADDRINUSE')));
        return this;
      });
      const binding = bindAt({ host: ['127.0.0.1', '127.0.0.2'] });
      if (times === 2) {
        const ports = (await binding).map(({ address }) => address.port);
        expect(ports).toEqual([tried[2], tried[2]]);
        expect(tried.length).toBe(3);
      } else {
        await expect(binding).rejects.toMatchObject({ code: 'EADDRINUSE' });
        expect(tried.length).toBe(16);
      }
    },
  );

  test.runIf(hasIpv6)(':: beside IPv4 addresses is IPv6 only, alone it is everything', async () => {
    const sockets = await bindAt({ host: ['::', '0.0.0.0'] });
    expect(hostsOf(sockets)).toEqual(['::', '0.0.0.0']);
    const [all] = await bindAt({ host: '::' });
    const port = all?.address.port ?? 0;
    (await connectTcp({ host: '127.0.0.1', port })).destroy();
    const mixed = await listen({ host: ['::1', '127.0.0.1'] });
    for (const address of mixed.addresses) {
      await mute({ address });
      const stream = await mixed.accept();
      expect(stream.remoteAddress?.host).toBe(address.host);
    }
  });
});

test('who connects before everything is bound is not forgotten', async () => {
  const [socket] = await bindAt({ host: '127.0.0.1' });
  if (socket === undefined) throw new Error('one socket');
  const client = dial(socket.address);
  await once(client, 'connect');
  await turnsOfTheEventLoop();
  const ports: (number | undefined)[] = [];
  socket.start(
    (accepted) => {
      ports.push(accepted.remotePort);
      accepted.destroy();
    },
    () => {},
  );
  expect(ports).toEqual([client.localPort]);
});
