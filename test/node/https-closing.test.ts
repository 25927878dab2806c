import { once } from 'node:events';
import http, { type RequestListener } from 'node:http';
import type nodeHttps from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import nodeTls, { type TLSSocket } from 'node:tls';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import tacitHttps from '../../src/node-https.ts';
import { faces, identity, makeLocalhost, to } from '../support/node-faces.ts';

/** What a program has in its hands to close connections. */
type Closing = Pick<http.Server, 'closeAllConnections' | 'closeIdleConnections' | 'on'>;

interface Serving {
  readonly server: Closing;
  readonly port: number;
}

const cleanups: (() => Promise<void>)[] = [];

beforeAll(makeLocalhost);
afterEach(async () => {
  for (const cleanUp of cleanups.splice(0)) await cleanUp();
});

/** As `tacit-tls/node/https`, and as Node's own HTTP has it where `register` puts Tacit below it. */
const servers = {
  async face(listener: RequestListener, options: object): Promise<Serving> {
    const server = tacitHttps.createServer({ ...identity(), ...options }, listener);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    cleanups.push(async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    });
    return { server, port: (server.address() as AddressInfo).port };
  },
  async nodes(listener: RequestListener, options: object): Promise<Serving> {
    const server = http.createServer(options, listener);
    const below = faces.tacit.createServer(identity(), (socket) => server.emit('connection', socket));
    below.listen(0, '127.0.0.1');
    await once(below, 'listening');
    // From then on it knows its connections.
    server.emit('listening');
    cleanups.push(async () => {
      server.closeAllConnections();
      server.close();
      below.close();
      await once(below, 'close');
    });
    return { server, port: (below.address() as AddressInfo).port };
  },
};

const [asks, asksAgain] = ['/', '/again'].map((path) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);

interface Ended {
  readonly received: string;
  /** Empty where it was with close_notify. */
  readonly error: string;
}

interface Client {
  readonly socket: TLSSocket;
  readonly ended: Promise<Ended>;
  /** That `part` was received. */
  has(part: string): Promise<void>;
}

/** A client that tells an end from a truncation. */
async function clientOf(port: number): Promise<Client> {
  const socket = faces.tacit.connect(to(port));
  let [received, error] = ['', ''];
  socket.on('data', (data: Buffer) => {
    received += data;
    socket.emit('more');
  });
  socket.on('error', ({ code }: NodeJS.ErrnoException) => {
    error = String(code);
  });
  const ended = new Promise<Ended>((resolve) => {
    socket.on('close', () => resolve({ received, error }));
  });
  await once(socket, 'secureConnect');
  return {
    socket,
    ended,
    async has(part) {
      while (!received.includes(part)) await once(socket, 'more');
    },
  };
}

const cutOff = 'ERR_SSL_UNEXPECTED_EOF_WHILE_READING';

describe.each(['face', 'nodes'] as const)('a server (%s) ends with close_notify', (name) => {
  const serving = servers[name];

  test.each(['closeIdleConnections', 'closeAllConnections'] as const)('what is idle: %s', async (close) => {
    const { server, port } = await serving((_request, response) => response.end('all'), {});
    const { socket, has, ended } = await clientOf(port);
    socket.write(asks!);
    await has('all');
    server[close]();
    expect(await ended).toMatchObject({ error: '' });
  });

  test('what is silent for too long', async () => {
    const options = { keepAliveTimeout: 20, keepAliveTimeoutBuffer: 0 };
    const { port } = await serving((_request, response) => response.end('all'), options);
    const { socket, ended } = await clientOf(port);
    socket.write(asks!);
    expect(await ended).toMatchObject({ error: '', received: expect.stringMatching(/all$/) });
  });

  test('what has just been answered', async () => {
    const { server, port } = await serving((_request, response) => {
      response.write('nearly ');
      response.end('all');
      server.closeAllConnections();
    }, {});
    const { socket, ended } = await clientOf(port);
    socket.write(asks!);
    expect(await ended).toMatchObject({ error: '', received: expect.stringMatching(/all\r\n0\r\n\r\n$/) });
  });

  test('what made no sense, behind an answer that has no length', async () => {
    const { port } = await serving(() => {}, {});
    const { socket, ended } = await clientOf(port);
    socket.write('no request\r\n\r\n');
    expect(await ended).toMatchObject({ error: '', received: expect.stringMatching(/^HTTP\/1\.1 400 /) });
  });
});

describe.each(['face', 'nodes'] as const)('a server (%s) cuts off visibly', (name) => {
  const serving = servers[name];

  test('a response, and a request that has none', async () => {
    const { server, port } = await serving((request, response) => {
      if (request.url === '/again') return server.closeAllConnections();
      response.writeHead(200, { 'content-length': 7 });
      response.write('one of');
      return undefined;
    }, {});
    const [answered, unanswered] = [await clientOf(port), await clientOf(port)];
    answered.socket.write(asks!);
    await answered.has('one of');
    unanswered.socket.write(asksAgain!);
    expect(await answered.ended).toMatchObject({ error: cutOff, received: expect.stringMatching(/one of$/) });
    expect(await unanswered.ended).toEqual({ error: cutOff, received: '' });
  });

  test('the end of a response, where Node still has it', async () => {
    const { server, port } = await serving((_request, response) => {
      response.writeHead(200, { 'content-length': 8 });
      response.write('half');
      // In the turn in which that is handed on, what follows waits for it.
      process.nextTick(() => {
        response.end('lost');
        server.closeAllConnections();
      });
    }, {});
    const { socket, ended } = await clientOf(port);
    socket.write(asks!);
    expect(await ended).toMatchObject({ error: cutOff, received: expect.stringMatching(/half$/) });
  });

  // Where the upgrade's own request is not complete, Node 26 keeps its parser.
  test.each(['', 'Content-Length: 5\r\n'])('another protocol, behind a response (%j)', async (header) => {
    const { server, port } = await serving((_request, response) => response.end('all'), {});
    server.on('upgrade', (_request, socket: Socket) => {
      socket.write('HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\nhalf', () =>
        socket.destroy(),
      );
    });
    const { socket, has, ended } = await clientOf(port);
    socket.write(asks!);
    await has('all');
    socket.write(
      `POST / HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: other\r\n${header}\r\n`,
    );
    expect(await ended).toMatchObject({ error: cutOff, received: expect.stringMatching(/half$/) });
  });
});

describe.each(['face', 'nodes'] as const)('a client that goes without close_notify (%s)', (name) => {
  const serving = servers[name];

  async function complaintOf(sent: string): Promise<string> {
    const { server, port } = await serving((request, response) => {
      request.resume().on('end', () => response.end('all'));
    }, {});
    const complaint = new Promise<string>((resolve) => {
      server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
        socket.destroy();
        resolve(String(error.code));
      });
      server.on('connection', (socket: Socket) => socket.on('close', () => resolve('none')));
    });
    // Of Node's, which says nothing when it is destroyed.
    const socket = nodeTls.connect(to(port));
    await once(socket, 'secureConnect');
    socket.write(sent);
    // All that comes is an answer, and what was sent has arrived by then.
    if (sent.includes(asks!)) await once(socket, 'data');
    socket.destroy();
    return complaint;
  }

  test('between its requests is none to complain of', async () => {
    expect(await complaintOf(asks!)).toBe('none');
  });

  test('within a request is one', async () => {
    expect(await complaintOf(`${asks}GET /again HT`)).toBe('HPE_INVALID_EOF_STATE');
    const body = 'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhalf';
    expect(await complaintOf(`${asks}${body}`)).toBe(cutOff);
  });
});

test('an agent of the face finds its connection ended, and uses another one', async () => {
  const { server, port } = await servers.face(
    (request, response) => response.end(String(request.socket.remotePort)),
    {},
  );
  const agent = new tacitHttps.Agent({ keepAlive: true, maxSockets: 1 });
  const ask = async (): Promise<Socket> => {
    const request = tacitHttps.get({ ...to(port), agent } as nodeHttps.RequestOptions);
    const [response] = await once(request, 'response');
    const { socket } = response;
    response.resume();
    await once(response, 'end');
    return socket;
  };
  const socket = await ask();
  const errors: Error[] = [];
  socket.on('error', (error) => errors.push(error));
  await new Promise<void>((resolve) => {
    socket.on('close', () => resolve());
    server.closeIdleConnections();
  });
  expect(errors).toEqual([]);
  expect(await ask()).not.toBe(socket);
  agent.destroy();
});
