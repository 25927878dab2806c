import { once } from 'node:events';
import http, { type IncomingMessage, type RequestListener } from 'node:http';
import nodeHttps from 'node:https';
import net, { type AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import nodeTls, { type TLSSocket } from 'node:tls';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import tacitHttps from '../../src/node-https.ts';
import { identity, makeLocalhost, to } from '../support/node-faces.ts';

type Https = typeof nodeHttps;
type HalfOpen = nodeHttps.Server & { httpAllowHalfOpen: boolean };

const httpsOf: Readonly<Record<'tacit' | 'node', Https>> = {
  tacit: tacitHttps as unknown as Https,
  node: nodeHttps,
};
const open: nodeHttps.Server[] = [];

beforeAll(makeLocalhost);
afterEach(async () => {
  for (const server of open.splice(0)) {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }
});

describe.each(['tacit', 'node'] as const)('a server of %s', (name) => {
  const https = httpsOf[name];

  async function serving(
    listener?: RequestListener,
    options: nodeHttps.ServerOptions = {},
  ): Promise<{ server: nodeHttps.Server; port: number }> {
    const server = https.createServer({ ...identity(), ...options }, listener);
    open.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return { server, port: (server.address() as AddressInfo).port };
  }

  async function bodyFrom(port: number, options: nodeHttps.RequestOptions = {}): Promise<string> {
    const request = nodeHttps.get({ ...to(port), agent: false, ...options });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    return text(response);
  }

  test('chooses the protocol by a callback', async () => {
    const asked: unknown[] = [];
    const ALPNCallback = (offer: { servername: string; protocols: string[] }): string => {
      asked.push(offer);
      return 'http/1.1';
    };
    const { port } = await serving(
      (request, response) => response.end((request.socket as TLSSocket).alpnProtocol || 'none'),
      { ALPNCallback },
    );
    const protocols = ['other', 'http/1.1'];
    expect(await bodyFrom(port, { ALPNProtocols: protocols } as object)).toBe('http/1.1');
    expect(asked).toEqual([{ servername: 'localhost', protocols }]);
  });

  test('is what its sockets belong to', async () => {
    const found: unknown[] = [];
    const { server, port } = await serving((request, response) => {
      found.push((request.socket as unknown as { server: unknown }).server);
      response.end();
    });
    server.on('upgrade', (request: IncomingMessage, socket) => {
      found.push((request.socket as unknown as { server: unknown }).server);
      socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\n');
    });
    await bodyFrom(port);
    const headers = { connection: 'upgrade', upgrade: 'other' };
    const request = nodeHttps.get({ ...to(port), agent: false, headers });
    const [, socket] = await once(request, 'upgrade');
    await text(socket);
    expect(found).toHaveLength(2);
    expect(found.every((one) => one === server)).toBe(true);
  });

  test('makes its messages of the classes that it is given, and joins headers where it is to', async () => {
    class Request extends http.IncomingMessage {}
    class Response extends http.ServerResponse {}
    const { port } = await serving(
      (request, response) =>
        response.end(
          `${request instanceof Request} ${response instanceof Response} ${request.headers.authorization}`,
        ),
      { IncomingMessage: Request, ServerResponse: Response, joinDuplicateHeaders: true } as never,
    );
    const headers = ['Host', 'localhost', 'Authorization', 'a', 'Authorization', 'b'];
    expect(await bodyFrom(port, { headers } as never)).toBe('true true a, b');
  });

  test('tells of errors of requests and of silence, once', async () => {
    const { server, port } = await serving();
    const told: string[] = [];
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      told.push(String(error.code));
      socket.destroy();
    });
    server.on('timeout', (socket) => {
      told.push('timeout');
      socket.destroy();
    });
    const bad = nodeTls.connect(to(port)).on('error', () => {});
    bad.end('no request\r\n\r\n');
    await once(bad.resume(), 'close');
    expect(told).toEqual([expect.stringMatching(/^HPE_/)]);
    server.timeout = 20;
    const silent = nodeTls.connect(to(port)).on('error', () => {});
    await once(silent.resume(), 'close');
    expect(told.slice(1)).toEqual(['timeout']);
  });

  test('tells of a handshake that does not come', async () => {
    const { server, port } = await serving(undefined, { handshakeTimeout: 20 });
    const raw = net.connect(port, '127.0.0.1').on('error', () => {});
    const [error, socket] = await once(server, 'clientError');
    expect(error.code).toBe('ERR_TLS_HANDSHAKE_TIMEOUT');
    const closed = once(raw.resume(), 'close');
    socket.destroy();
    await closed;
  });

  test('goes on for a client that has said all it has to say, where it may', async () => {
    const answerLate: RequestListener = (request, response) => {
      request.resume();
      request.socket.once('end', () => setImmediate(() => response.end('late')));
    };
    const { server, port } = await serving(answerLate, { allowHalfOpen: true } as object);
    const halfClosing = async (): Promise<string> => {
      const socket = nodeTls.connect({ ...to(port), allowHalfOpen: true } as nodeTls.ConnectionOptions);
      socket.on('error', () => {});
      socket.end('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
      return text(socket);
    };
    expect(await halfClosing()).toBe('');
    (server as HalfOpen).httpAllowHalfOpen = true;
    expect(await halfClosing()).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*late/);
  });
});

describe('what tells connections apart', () => {
  test.each([
    ['nothing', undefined],
    ['an address', { host: 'localhost', port: 443, servername: 'other.example', rejectUnauthorized: false }],
  ])('%s: is as Node has it', (_what, options) => {
    const [ours, nodes] = [new tacitHttps.Agent(), new nodeHttps.Agent()];
    expect(ours.getName(options)).toBe(nodes.getName(options));
  });
});

test('a request refuses what is no listener', () => {
  const options = { host: 'localhost', port: 1, agent: false } as const;
  for (const https of Object.values(httpsOf))
    expect(() => https.request(options, 5 as never)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }),
    );
});
