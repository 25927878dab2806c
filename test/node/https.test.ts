import { once } from 'node:events';
import type { IncomingMessage, RequestListener } from 'node:http';
import nodeHttps from 'node:https';
import net, { type AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import nodeTls from 'node:tls';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import * as tacitHttps from '../../src/node-https.ts';
import { rootCertificate, serverCertificate, type TestCertificate } from '../support/certificates.ts';

type Https = typeof nodeHttps;
const sides: Readonly<Record<'tacit' | 'node', Https>> = {
  tacit: tacitHttps as unknown as Https,
  node: nodeHttps,
};

let root: TestCertificate;
let leaf: TestCertificate;
const open: nodeHttps.Server[] = [];

beforeAll(async () => {
  root = await rootCertificate();
  leaf = await serverCertificate(root, { names: ['localhost'] });
});
afterEach(async () => {
  for (const server of open.splice(0)) {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }
});

async function serving(
  https: Https,
  listener: RequestListener,
): Promise<{ server: nodeHttps.Server; port: number }> {
  const server = https.createServer({ key: leaf.keyPem, cert: leaf.pem }, listener);
  open.push(server);
  server.listen(0, 'localhost');
  await once(server, 'listening');
  return { server, port: (server.address() as AddressInfo).port };
}

async function responseTo(
  https: Https,
  port: number,
  options: nodeHttps.RequestOptions = {},
  body = '',
): Promise<IncomingMessage> {
  const request = https.request({ host: 'localhost', port, ca: root.pem, ...options });
  request.end(body);
  const [response] = await once(request, 'response');
  // What fails from now on is the response; Node tells the request, too.
  request.on('error', () => {});
  return response;
}

describe.each([
  ['tacit', 'tacit'],
  ['tacit', 'node'],
  ['node', 'tacit'],
] as const)('a client of %s at a server of %s', (clientName, serverName) => {
  const [client, server] = [sides[clientName], sides[serverName]];

  test('ask and answer, with what a socket says of itself', async () => {
    const { port } = await serving(server, async (request, response) => {
      const socket = request.socket as nodeTls.TLSSocket;
      const { encrypted, remoteAddress, alpnProtocol } = socket;
      const said = { encrypted, alpnProtocol, isLocal: /127\.0\.0\.1|::1/.test(String(remoteAddress)) };
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ ...said, body: await text(request), url: request.url }));
    });
    const agent = new client.Agent();
    const response = await responseTo(
      client,
      port,
      { agent, method: 'POST', path: '/a?b', ALPNProtocols: ['http/1.1'] } as object,
      'the body',
    );
    expect(response.statusCode).toBe(200);
    expect(JSON.parse(await text(response))).toEqual({
      encrypted: true,
      alpnProtocol: 'http/1.1',
      isLocal: true,
      body: 'the body',
      url: '/a?b',
    });
    agent.destroy();
  });

  test('keep a connection, and resume its session on the next one', async () => {
    const { port } = await serving(server, (request, response) => {
      const socket = request.socket as nodeTls.TLSSocket;
      response.end(`${socket.remotePort} ${socket.isSessionReused()}`);
    });
    const agent = new client.Agent({ keepAlive: true, maxSockets: 1 });
    const first = await text(await responseTo(client, port, { agent }));
    expect(await text(await responseTo(client, port, { agent }))).toBe(first);
    const closing = await responseTo(client, port, { agent, headers: { connection: 'close' } });
    expect(await text(closing)).toBe(first);
    const [later, isReused] = (await text(await responseTo(client, port, { agent }))).split(' ');
    expect(later).not.toBe(first.split(' ')[0]);
    expect(isReused).toBe('true');
    agent.destroy();
  });

  test('send 5 MB each way', async () => {
    const body = 'x'.repeat(5_000_000);
    const { port } = await serving(server, async (request, response) => {
      const received = await text(request);
      response.end(received === body ? received : 'not the same');
    });
    const agent = new client.Agent();
    const response = await responseTo(client, port, { agent, method: 'POST' }, body);
    expect((await text(response)) === body).toBe(true);
    agent.destroy();
  });

  test('change the protocol', async () => {
    const { server: listener, port } = await serving(server, () => {});
    listener.on('upgrade', (_request, socket) => {
      socket.write('HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
      socket.pipe(socket);
    });
    const agent = new client.Agent();
    const headers = { connection: 'Upgrade', upgrade: 'echo' };
    const request = client.request({ host: 'localhost', port, ca: root.pem, agent, headers });
    request.end();
    const [, socket] = await once(request, 'upgrade');
    socket.end('to and fro');
    expect(await text(socket)).toBe('to and fro');
  });
});

test.each(['tacit', 'node'] as const)(
  'a server of %s ends requests whose headers do not come',
  async (name) => {
    const options = {
      key: leaf.keyPem,
      cert: leaf.pem,
      headersTimeout: 100,
      connectionsCheckingInterval: 50,
    };
    const server = sides[name].createServer(options, () => {});
    open.push(server);
    server.listen(0, 'localhost');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const socket = nodeTls.connect({ port, host: 'localhost', servername: 'localhost', ca: root.pem });
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n');
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 408 /);
  },
);

test.each([false, true])(
  'a server survives strangers, whether or not (%s) it listens for them',
  async (listens) => {
    const { server, port } = await serving(sides.tacit, (_request, response) => response.end('well'));
    const errors: Error[] = [];
    if (listens) {
      server.on('clientError', (error, socket) => {
        errors.push(error);
        socket.destroy(error);
      });
    }
    for (const junk of ['GET / HTTP/1.1\r\n\r\n', '\x16\x03\x01\xff\xff', '']) {
      const raw = net.connect(port, 'localhost');
      raw.on('error', () => {}).resume();
      raw.end(junk);
      await new Promise((resolve) => raw.once('close', resolve));
    }
    const agent = new sides.tacit.Agent();
    expect(await text(await responseTo(sides.tacit, port, { agent }))).toBe('well');
    expect(errors.length).toBe(listens ? 3 : 0);
    agent.destroy();
  },
);

test('a client refuses a server that it does not trust', async () => {
  const { port } = await serving(sides.node, (_request, response) => response.end());
  await expect(
    responseTo(sides.tacit, port, { ca: leaf.pem.slice(0, 0) || undefined }),
  ).rejects.toMatchObject({
    code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  });
});

test('get takes a URL, and the global agent is Tacit’s', async () => {
  const { port } = await serving(sides.tacit, (request, response) => response.end(request.url));
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    sides.tacit.get(`https://localhost:${port}/path`, { ca: root.pem }, resolve).on('error', reject);
  });
  expect(answer.socket.constructor.name).toBe('TLSSocket');
  expect(answer.socket).not.toBeInstanceOf(nodeTls.TLSSocket);
  expect(await text(answer)).toBe('/path');
  sides.tacit.globalAgent.destroy();
});

test('a body that ends with a connection that was cut off is no whole body', async () => {
  const relay = net.createServer((near) => {
    const far = net.connect(upstream, 'localhost');
    near.on('error', () => {});
    far.on('error', () => {});
    near.pipe(far);
    let isAnswered = false;
    far.on('data', (data) => {
      // Behind the answer, the end of TLS is kept back, and the connection ended.
      if (isAnswered) near.end();
      else near.write(data);
    });
    cut = () => {
      isAnswered = true;
      near.end();
    };
  });
  let cut = (): void => {};
  const { port: upstream } = await serving(sides.node, (_request, response) => {
    // Neither a length nor chunks: the body ends with the connection.
    response.useChunkedEncodingByDefault = false;
    response.writeHead(200, { connection: 'close' });
    response.write('all but the end');
  });
  relay.listen(0, 'localhost');
  await once(relay, 'listening');
  const agent = new sides.tacit.Agent();
  const { port } = relay.address() as AddressInfo;
  const response = await responseTo(sides.tacit, port, { agent, headers: { connection: 'close' } });
  let body = '';
  response.on('data', (data) => {
    body += data;
    cut();
  });
  const outcome = await new Promise((resolve) => {
    response.on('end', () => resolve('end'));
    response.on('error', (error: NodeJS.ErrnoException) => resolve(error.code));
  });
  expect(body).toContain('all but the end');
  expect(outcome).toBe('ERR_SSL_UNEXPECTED_EOF_WHILE_READING');
  relay.close();
});

test('closeAllConnections ends those too whose end is only waited for', async () => {
  const { server, port } = await serving(sides.tacit, (_request, response) => {
    response.writeHead(200, { connection: 'close' });
    response.end('all');
  });
  // It keeps its own side open.
  const raw = net.connect({ port, host: 'localhost', allowHalfOpen: true });
  const socket = nodeTls.connect({ socket: raw, servername: 'localhost', ca: root.pem });
  socket.on('error', () => {});
  await once(socket, 'secureConnect');
  socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
  socket.resume();
  await once(socket, 'end');
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
  socket.destroy();
}, 10_000);
