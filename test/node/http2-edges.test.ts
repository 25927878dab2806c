import { once } from 'node:events';
import nodeHttp2, { type ServerHttp2Session } from 'node:http2';
import nodeHttps from 'node:https';
import net, { type AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import nodeTls, { type TLSSocket } from 'node:tls';
import { promisify } from 'node:util';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import * as named from '../../src/node-http2.ts';
import tacitHttps from '../../src/node-https.ts';
import { answerTo, closeAll, http2Of, serving, sessionWith } from '../support/http2.ts';
import {
  endHeaders,
  endStream,
  frame,
  framesIn,
  frameTypes,
  okStatus,
  preface,
} from '../support/http2-frames.ts';
import {
  closeServers,
  faces,
  identity,
  listening,
  makeLocalhost,
  pairs,
  root,
  to,
} from '../support/node-faces.ts';

beforeAll(makeLocalhost);
afterEach(async () => {
  await closeAll();
  await closeServers();
});

const { tacit } = http2Of;

function codeOf(error: unknown): unknown {
  return (error as NodeJS.ErrnoException).code;
}

test('there is all that node:http2 has', () => {
  const ours = Object.keys(named).filter((name) => !['default', 'module.exports'].includes(name));
  expect(ours.sort()).toEqual(Object.keys(nodeHttp2).sort());
  expect(Object.keys(named.default).sort()).toEqual(ours);
  expect(named.createServer).toBe(nodeHttp2.createServer);
  expect(named.sensitiveHeaders).toBe(nodeHttp2.sensitiveHeaders);
});

test('a server is none of Node’s classes, which stay as they were', async () => {
  const { server } = await serving(tacit);
  const { constructor: nodes } = nodeHttp2.createSecureServer();
  expect(Object.getPrototypeOf(nodes)).toBe(nodeTls.Server);
  expect(server).toBeInstanceOf(net.Server);
  expect(server).not.toBeInstanceOf(nodeTls.Server);
  expect(() => tacit.createSecureServer({ settings: 1 } as never)).toThrow(
    expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }),
  );
  expect(Object.getPrototypeOf(nodes)).toBe(nodeTls.Server);
});

describe.each(pairs)('a client of %s at a server of %s', (clientName, serverName) => {
  const [client, server] = [http2Of[clientName], http2Of[serverName]];

  test('that has HTTP/1.1 alone: what Node says', async () => {
    const https = { tacit: tacitHttps as unknown as typeof nodeHttps, node: nodeHttps }[serverName];
    const listener = https.createServer(identity(), (_request, response) => response.end());
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const { port } = listener.address() as AddressInfo;
    const codes = await Promise.all(
      [client, nodeHttp2].map(async (http2) => {
        const session = sessionWith(http2, port);
        session.request().on('error', () => {});
        return codeOf((await once(session, 'error'))[0]);
      }),
    );
    expect(codes[0]).toBe(codes[1]);
    listener.close();
  });

  test('without allowHTTP1 tells clients of HTTP/1.1 what is wrong', async () => {
    const unknown: (string | false | null)[] = [];
    const { server: listener, port } = await serving(server, { unknownProtocolTimeout: 100 });
    // Of Node's servers, what comes from within such a listener has no end.
    const ask = async (ALPNProtocols: string[]): Promise<string> => {
      const socket = faces[clientName].connect({ ...to(port), ALPNProtocols });
      let said = '';
      socket.on('data', (data) => {
        said += data;
      });
      socket.on('error', (error) => {
        said ||= String(codeOf(error));
      });
      socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
      await new Promise((resolve) => socket.once('close', resolve));
      return said;
    };
    expect(await ask([])).toMatch(/^HTTP\/1.0 403 Forbidden\r\n(.*\r\n)+Missing ALPN Protocol/);
    listener.on('unknownProtocol', (socket: TLSSocket) => {
      unknown.push(socket.alpnProtocol);
      socket.resume().end('another protocol');
    });
    expect(await ask([])).toBe('another protocol');
    expect(unknown).toEqual([false]);
    // Node's client may meet it while it writes.
    expect(await ask(['http/1.1'])).toMatch(/^ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL$|^EPROTO$/);
  });

  test('whose connection is cut off within an answer: no whole answer', async () => {
    const sessions: ServerHttp2Session[] = [];
    const errors: unknown[] = [];
    const { port: upstream } = await serving(server, {}, (made) => {
      made.on('session', (session) => sessions.push(session));
      made.on('sessionError', (error) => errors.push(codeOf(error)));
      made.on('stream', (stream) => {
        stream.on('error', () => {});
        stream.respond();
        stream.write('all but the end');
      });
    });
    const cuts: (() => void)[] = [];
    const relay = net.createServer((near) => {
      const far = net.connect(upstream, '127.0.0.1');
      near.pipe(far, { end: false });
      far.pipe(near, { end: false });
      for (const socket of [near, far]) socket.on('error', () => {});
      cuts.push(() => {
        near.end();
        far.end();
      });
    });
    relay.listen(0, '127.0.0.1');
    await once(relay, 'listening');
    const session = sessionWith(client, (relay.address() as AddressInfo).port);
    session.on('error', (error) => errors.push(codeOf(error)));
    const request = session.request();
    const ends: unknown[] = [];
    request.on('error', (error) => ends.push(codeOf(error))).on('aborted', () => ends.push('aborted'));
    request.on('end', () => ends.push('end'));
    await once(request, 'data');
    request.resume();
    const closed = [session, sessions[0]!].map((one) => new Promise((resolve) => one.once('close', resolve)));
    for (const cut of cuts) cut();
    await Promise.all(closed);
    // Node's streams tell those who look; its sessions nobody.
    const ours = [clientName, serverName].filter((name) => name === 'tacit');
    expect(errors).toEqual(ours.map(() => 'ERR_SSL_UNEXPECTED_EOF_WHILE_READING'));
    if (clientName === 'tacit') expect(ends).toContain('ERR_SSL_UNEXPECTED_EOF_WHILE_READING');
    relay.close();
  });
});

test('strangers bring no server down, and are told to who listens', async () => {
  const errors: string[] = [];
  const { port } = await serving(tacit, {}, (made) => {
    made.on('tlsClientError', () => errors.push('tlsClientError'));
    made.on('sessionError', () => errors.push('sessionError'));
    made.on('request', (_request, response) => response.end('well'));
  });
  const raw = net.connect(port, '127.0.0.1');
  raw.on('error', () => {}).resume();
  raw.end('GET / HTTP/1.1\r\n\r\n');
  await new Promise((resolve) => raw.once('close', resolve));
  const socket = nodeTls.connect({ ...to(port), ALPNProtocols: ['h2'] });
  socket.on('error', () => {}).resume();
  socket.write('no preface of HTTP/2, which has 24 bytes');
  await new Promise((resolve) => socket.once('close', resolve));
  await expect.poll(() => errors).toEqual(['tlsClientError', 'sessionError']);
  expect(String((await answerTo(sessionWith(tacit, port).request())).body)).toBe('well');
});

describe('createConnection', () => {
  const onRequest = (made: nodeHttp2.Http2SecureServer): void => {
    made.on('request', (_request, response) => response.end('answered'));
  };

  test.each([false, true])('gives a socket of ours, secure already or (%s) not', async (isSecure) => {
    const { port } = await serving(tacit, {}, onRequest);
    const socket = faces.tacit.connect({ ...to(port), ALPNProtocols: ['h2'] });
    if (isSecure) await once(socket, 'secureConnect');
    const session = sessionWith(tacit, port, {
      createConnection: (url: URL) => {
        expect(url.port).toBe(String(port));
        return socket as Duplex;
      },
    });
    const connected = once(session, 'connect');
    expect(String((await answerTo(session.request())).body)).toBe('answered');
    expect((await connected)[1]).toBe(socket);
    expect([session.encrypted, session.alpnProtocol]).toEqual([true, 'h2']);
    expect(Object.keys(socket)).not.toContain('once');
  });

  test('gives a socket of Node’s', async () => {
    const { port } = await serving(tacit, {}, onRequest);
    const session = sessionWith(tacit, port, {
      createConnection: () => nodeTls.connect({ ...to(port), ALPNProtocols: ['h2'] }),
    });
    expect(String((await answerTo(session.request())).body)).toBe('answered');
    expect(session.socket).toBeInstanceOf(nodeTls.TLSSocket);
  });
});

test('performServerHandshake makes a session of a socket', async () => {
  const { port } = await listening(
    faces.tacit,
    { ...identity(), ALPNProtocols: ['h2', 'other'] },
    (socket) => {
      named.performServerHandshake(socket).on('stream', (stream) => {
        stream.respond();
        stream.end(String(stream.session!.encrypted));
      });
    },
  );
  for (const ALPNProtocols of [['h2'], ['other']]) {
    const createConnection = (): Duplex => faces.tacit.connect({ ...to(port), ALPNProtocols });
    const session = sessionWith(tacit, port, { createConnection });
    expect(String((await answerTo(session.request())).body)).toBe('true');
    session.close();
  }
});

test('connect can be promisified, and throws and fails as Node’s', async () => {
  const { port } = await serving(tacit, {}, (made) =>
    made.on('request', (_request, response) => response.end('well')),
  );
  const connect = promisify(tacit.connect) as unknown as typeof nodeHttp2.connect;
  const session = await (connect(`https://localhost:${port}`, {
    ca: root.pem,
  }) as unknown as Promise<nodeHttp2.ClientHttp2Session>);
  expect(String((await answerTo(session.request())).body)).toBe('well');
  session.close();
  await expect(connect(`https://localhost:${port}`)).rejects.toMatchObject({
    code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  });
  const invalid = [['no URL'], ['https://localhost', 1], [1], ['other://localhost']];
  for (const given of invalid) {
    const codes = [tacit, nodeHttp2].map((http2) => {
      try {
        return (http2.connect as (...all: unknown[]) => unknown)(...given);
      } catch (error) {
        return codeOf(error);
      }
    });
    expect(typeof codes[0]).toBe('string');
    expect(codes[0]).toBe(codes[1]);
  }
});

test('without TLS it is Node’s', async () => {
  const server = named.createServer((_request, response) => response.end('in the clear'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const session = tacit.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  expect(String((await answerTo(session.request())).body)).toBe('in the clear');
  expect(session.alpnProtocol).toBe('h2c');
  session.close();
  server.close();
});

test.each([
  ['at once', Number.POSITIVE_INFINITY],
  ['byte by byte', 1],
])('a body that comes with its end, %s, can be asked for when the response is there', async (_how, size) => {
  const answer = Buffer.concat([
    frame(frameTypes.headers, endHeaders, 1, okStatus),
    frame(frameTypes.data, 0, 1, Buffer.from('all ')),
    frame(frameTypes.data, endStream, 1, Buffer.from('of it')),
  ]);
  const { port } = await listening(faces.node, { ...identity(), ALPNProtocols: ['h2'] }, async (socket) => {
    socket.setNoDelay();
    await asked(socket, 1);
    for (let place = 0; place < answer.length; place += size) {
      await new Promise((resolve) => socket.write(answer.subarray(place, place + size), resolve));
    }
  });
  const session = sessionWith(tacit, port);
  session.on('error', () => {});
  expect(String((await answerTo(session.request())).body)).toBe('all of it');
});

describe.each([1, 50, 700])('a server that answers %i requests, and ends behind the last one', (count) => {
  test.each(['a record', 'records of their own'])('in %s: all of it arrives', async (how) => {
    const { port } = await listening(faces.node, { ...identity(), ALPNProtocols: ['h2'] }, async (socket) => {
      await asked(socket, count);
      const frames = Array.from({ length: count }, (_, i) => [
        frame(frameTypes.headers, endHeaders, 1 + 2 * i, okStatus),
        frame(frameTypes.data, endStream, 1 + 2 * i, Buffer.from(`body ${i}`)),
      ]).flat();
      if (how === 'a record') socket.write(Buffer.concat(frames));
      else for (const one of frames) socket.write(one);
      socket.end();
    });
    const session = sessionWith(tacit, port);
    const bodies = await Promise.all(
      Array.from({ length: count }, async () => {
        const request = session.request();
        await once(request, 'response');
        return String(await buffer(request));
      }),
    );
    expect(bodies).toEqual(Array.from({ length: count }, (_, i) => `body ${i}`));
  });
});

/** Speaks as a server until so many requests have come. */
async function asked(socket: TLSSocket, count: number): Promise<void> {
  socket.write(frame(frameTypes.settings, 0, 0, Buffer.alloc(0)));
  let received = Buffer.alloc(0);
  const requests = (): number =>
    framesIn(received, preface.length).filter(({ type }) => type === frameTypes.headers).length;
  while (requests() < count) received = Buffer.concat([received, (await once(socket, 'data'))[0]]);
}
