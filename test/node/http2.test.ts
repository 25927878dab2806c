import { once } from 'node:events';
import { constants, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import https from 'node:https';
import { buffer, text } from 'node:stream/consumers';
import type { TLSSocket } from 'node:tls';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { clientCertificate, type TestCertificate } from '../support/certificates.ts';
import { answerTo, closeAll, http2Of, serving, sessionWith } from '../support/http2.ts';
import { makeLocalhost, pairs, root } from '../support/node-faces.ts';

let person: TestCertificate;

beforeAll(async () => {
  await makeLocalhost();
  person = await clientCertificate(root, { subject: 'CN=a person' });
});
afterEach(closeAll);

const versions = ['TLSv1.3', 'TLSv1.2'] as const;
const combinations = pairs.flatMap((pair) => versions.map((version) => [...pair, version] as const));

describe.each(combinations)('a client of %s at a server of %s over %s', (clientName, serverName, version) => {
  const [client, server] = [http2Of[clientName], http2Of[serverName]];
  const maxVersion = version;

  test('ask and answer, with what their sockets say of themselves', async () => {
    const { server: listener, port } = await serving(server, {}, (made) =>
      made.on('stream', (stream) => {
        const { encrypted, alpnProtocol } = stream.session!;
        const socket = stream.session!.socket as TLSSocket;
        const isServers = (stream.session as ServerHttp2Session & { server: unknown }).server === listener;
        const said = [encrypted, alpnProtocol, socket.remoteAddress, socket.getProtocol(), isServers];
        stream.respond({ 'content-type': 'application/json' });
        stream.end(JSON.stringify(said));
      }),
    );
    const session = sessionWith(client, port, { maxVersion });
    const { headers, body } = await answerTo(session.request({ ':path': '/' }));
    expect(headers[':status']).toBe(200);
    expect(JSON.parse(String(body))).toEqual([true, 'h2', '127.0.0.1', version, true]);
    expect([session.encrypted, session.alpnProtocol]).toEqual([true, 'h2']);
    const socket = session.socket as TLSSocket;
    expect(socket.getProtocol()).toBe(version);
    expect(socket.authorized).toBe(true);
    expect(socket.getPeerCertificate().subjectaltname).toBe('DNS:localhost');
    expect(session.originSet).toEqual([`https://localhost:${port}`]);
  });

  test('move large bodies both ways at once', async () => {
    const { port } = await serving(server, {}, (made) =>
      made.on('stream', (stream) => {
        stream.respond();
        stream.pipe(stream);
      }),
    );
    const session = sessionWith(client, port, { maxVersion });
    const bodies = [1, 2, 3].map((fill) => Buffer.alloc(1_500_000 + fill, `body ${fill} `));
    const answers = await Promise.all(
      bodies.map((body) => {
        const request = session.request({ ':method': 'POST' });
        request.end(body);
        return answerTo(request);
      }),
    );
    for (const [i, { body }] of answers.entries()) expect(body.equals(bodies[i]!)).toBe(true);
  });

  test('send trailers', async () => {
    const { port } = await serving(server, {}, (made) =>
      made.on('stream', async (stream) => {
        const trailers = once(stream, 'trailers');
        const body = await text(stream);
        const [{ checksum }] = await trailers;
        stream.respond({}, { waitForTrailers: true });
        stream.on('wantTrailers', () => stream.sendTrailers({ returned: checksum }));
        stream.end(body);
      }),
    );
    const request = sessionWith(client, port, { maxVersion }).request({ ':method': 'POST' }, {
      waitForTrailers: true,
    } as object);
    request.on('wantTrailers', () => request.sendTrailers({ checksum: '1f' }));
    request.end('a body');
    const { body, trailers } = await answerTo(request);
    expect(String(body)).toBe('a body');
    expect(trailers).toMatchObject({ returned: '1f' });
  });

  test.each([true, false])('push, where the client takes it (%s)', async (enablePush) => {
    const { port } = await serving(server, {}, (made) =>
      made.on('stream', (stream) => {
        stream.respond({ allowed: String(stream.pushAllowed) });
        if (!stream.pushAllowed) {
          stream.end();
          return;
        }
        stream.pushStream({ ':path': '/pushed' }, (_error, pushed) => {
          pushed.respond();
          pushed.end('pushed');
          stream.end();
        });
      }),
    );
    const session = sessionWith(client, port, { maxVersion, settings: { enablePush } });
    const pushed: [unknown, Promise<string>][] = [];
    session.on('stream', (stream, headers) => pushed.push([headers[':path'], text(stream)]));
    const { headers } = await answerTo(session.request());
    expect(headers['allowed']).toBe(String(enablePush));
    const paths = await Promise.all(pushed.map(async ([path, body]) => [path, await body]));
    expect(paths).toEqual(enablePush ? [['/pushed', 'pushed']] : []);
  });

  test('have 100 streams in one session', async () => {
    let sessions = 0;
    const { port } = await serving(server, {}, (made) => {
      made.on('session', () => {
        sessions += 1;
      });
      made.on('request', (request, response) => response.end(`${request.url} `.repeat(5_000)));
    });
    const session = sessionWith(client, port, { maxVersion });
    const paths = Array.from({ length: 100 }, (_, i) => `/resource/${i}`);
    const bodies = await Promise.all(
      paths.map(async (path) => String((await answerTo(session.request({ ':path': path }))).body)),
    );
    expect(bodies).toEqual(paths.map((path) => `${path} `.repeat(5_000)));
    expect(sessions).toBe(1);
  });

  test('end one stream, and go on with others', async () => {
    const aborted: Promise<unknown>[] = [];
    const { port } = await serving(server, {}, (made) =>
      made.on('stream', (stream, headers) => {
        stream.respond();
        if (headers[':path'] === '/whole') stream.end('whole');
        else {
          aborted.push(once(stream, 'aborted').then(() => stream.rstCode));
          stream.write('a part');
        }
      }),
    );
    const session = sessionWith(client, port, { maxVersion });
    const request = session.request({ ':path': '/part' });
    await once(request, 'data');
    request.close(constants.NGHTTP2_CANCEL);
    await once(request, 'close');
    expect(await Promise.all(aborted)).toEqual([constants.NGHTTP2_CANCEL]);
    expect(String((await answerTo(session.request({ ':path': '/whole' }))).body)).toBe('whole');
  });

  test('show the client’s certificate to who answers', async () => {
    const { port } = await serving(server, { requestCert: true, ca: root.pem }, (made) =>
      made.on('request', (request, response) => {
        const socket = request.socket as TLSSocket;
        response.end(`${socket.getPeerCertificate().subject.CN} ${socket.authorized}`);
      }),
    );
    const options = { maxVersion, key: person.keyPem, cert: person.pem };
    const { body } = await answerTo(sessionWith(client, port, options).request());
    expect(String(body)).toBe('a person true');
  });

  test('close in order: what was asked is answered, and nothing is cut off', async () => {
    const body = Buffer.alloc(1_000_000, 'all of it');
    const ends: string[] = [];
    let closed: Promise<unknown> | undefined;
    const { port } = await serving(server, {}, (made) => {
      made.on('sessionError', (error) => ends.push(String(error)));
      made.on('stream', (stream: ServerHttp2Stream) => {
        closed = once(stream.session!, 'close');
        stream.respond();
        stream.end(body);
      });
    });
    const session = sessionWith(client, port, { maxVersion });
    await once(session, 'connect');
    const { socket } = session;
    socket.on('end', () => ends.push('end')).on('error', (error) => ends.push(String(error)));
    const request = session.request();
    await once(request, 'response');
    const isClosed = once(session, 'close');
    session.close();
    expect((await buffer(request)).equals(body)).toBe(true);
    await isClosed;
    await closed;
    expect(ends).toEqual(['end']);
  });
});

describe.each(pairs)('a client of %s at a server of %s', (clientName, serverName) => {
  const [client, server] = [http2Of[clientName], http2Of[serverName]];

  test('upload 20 MB, with a program that reads late', async () => {
    const chunk = Buffer.alloc(100_000, 'a chunk of it');
    const { port } = await serving(server, {}, (made) =>
      made.on('stream', async (stream) => {
        stream.respond();
        let [length, isWhole] = [0, true];
        for await (const data of stream) {
          for (let i = 0; i < data.length; i += 9_973) isWhole &&= data[i] === chunk[(length + i) % 100_000];
          length += data.length;
          // Others have a turn, so that the windows close.
          await new Promise(setImmediate);
        }
        stream.end(`${length} ${isWhole}`);
      }),
    );
    const request = sessionWith(client, port).request({ ':method': 'POST' });
    const answer = answerTo(request);
    for (let i = 0; i < 200; i++) if (!request.write(chunk)) await once(request, 'drain');
    request.end();
    expect(String((await answer).body)).toBe('20000000 true');
  });

  test('resume a session of TLS', async () => {
    const { port } = await serving(server, {}, (made) =>
      made.on('request', (request, response) =>
        response.end(String((request.socket as TLSSocket).isSessionReused())),
      ),
    );
    const first = sessionWith(client, port);
    await once(first, 'connect');
    const given = once(first.socket, 'session');
    expect(String((await answerTo(first.request())).body)).toBe('false');
    const [session] = await given;
    const again = sessionWith(client, port, { session });
    expect(String((await answerTo(again.request())).body)).toBe('true');
    expect((again.socket as TLSSocket).isSessionReused()).toBe(true);
  });

  test('fall back to HTTP/1.1 where the server allows it', async () => {
    const { port } = await serving(server, { allowHTTP1: true }, (made) =>
      made.on('request', (request, response) => {
        const { encrypted, alpnProtocol, remoteAddress } = request.socket as TLSSocket;
        response.end(JSON.stringify([request.httpVersion, encrypted, alpnProtocol, remoteAddress]));
      }),
    );
    const options = { port, host: '127.0.0.1', servername: 'localhost', ca: root.pem, agent: false };
    const body = await new Promise((resolve) => {
      https.get({ ...options, ALPNProtocols: ['http/1.1'] } as https.RequestOptions, (response) =>
        resolve(text(response)),
      );
    });
    expect(JSON.parse(await (body as Promise<string>))).toEqual(['1.1', true, 'http/1.1', '127.0.0.1']);
    const { body: overHttp2 } = await answerTo(sessionWith(client, port).request());
    expect(JSON.parse(String(overHttp2))).toEqual(['2.0', true, 'h2', '127.0.0.1']);
  });

  test('tell a session that is silent for too long', async () => {
    const timedOut: unknown[] = [];
    const { port } = await serving(server, {}, (made) => {
      made.setTimeout(100, () => {});
      made.on('timeout', (session: ServerHttp2Session) => {
        timedOut.push(session);
        session.destroy();
      });
    });
    const session = sessionWith(client, port);
    await once(session, 'close');
    expect(timedOut).toHaveLength(1);
  });
});
