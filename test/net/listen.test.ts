import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { TlsTimeoutError } from '../../src/base/errors.ts';
import { ListeningSocket } from '../../src/net/bind.ts';
import { TlsListener } from '../../src/net/listen.ts';
import { ClosedError } from '../../src/streams/errors.ts';
import { numbered } from '../support/bytes.ts';
import { connect, dropEndpoints, keepListener, listen, mute } from '../support/endpoints.ts';
import { turnsOfTheEventLoop } from '../support/sockets.ts';
import { testServerConfig } from '../support/tls-endpoints.ts';

afterEach(dropEndpoints);

describe('listen', () => {
  test('accept does not wait for a slow handshake', async () => {
    const listener = await listen();
    await mute(listener);
    const slow = await listener.accept();
    expect(slow.info).toBeUndefined();
    const accepted = listener.accept();
    const client = await Promise.all([connect(listener), accepted.then((stream) => stream.handshake())]);
    expect(client[1].protocolVersion).toBe('TLSv1.3');
    slow.destroy();
  });

  test('the time for the handshake begins with the connection, even if nobody accepts it', async () => {
    const errors: Error[] = [];
    const onError = (error: Error): void => void errors.push(error);
    const listener = await listen({ handshakeTimeout: 30, drain: { timeout: 30 }, onError });
    const socket = await mute(listener);
    socket.resume();
    await once(socket, 'end');
    socket.end();
    await once(socket, 'close');
    await turnsOfTheEventLoop(20);
    expect(errors).toMatchObject([{ name: 'TlsTimeoutError', deadline: 'handshake' }]);
    // What is over before anybody accepted it is not handed out any more.
    await mute(listener);
    const stream = await listener.accept();
    expect(stream.failure).toBeUndefined();
    await expect(stream.handshake()).rejects.toBeInstanceOf(TlsTimeoutError);
  });

  test('an aborted accept loses no connection', async () => {
    const listener = await listen();
    const abort = new AbortController();
    const waiting = listener.accept({ signal: abort.signal });
    abort.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    const accepted = listener.accept();
    await mute(listener);
    await accepted;
  });

  test('an accept that is aborted just when a connection comes leaves it to the next', async () => {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const listener = keepListener(new TlsListener([new ListeningSocket(server)], testServerConfig(), {}));
    const abort = new AbortController();
    server.on('connection', () => abort.abort(new Error('enough')));
    const waiting = listener.accept({ signal: abort.signal });
    await Promise.all([mute(listener), expect(waiting).rejects.toThrow('enough')]);
    const stream = await listener.accept();
    expect(stream.failure).toBeUndefined();
  });

  test('closed: who waits is told, a loop ends, the port is free, accepted connections go on', async () => {
    const listener = await listen();
    const { port } = listener.address;
    const accepted = listener.accept();
    const [client, server] = await Promise.all([
      connect(listener),
      accepted.then(async (stream) => {
        await stream.handshake();
        return stream;
      }),
    ]);
    const waiting = listener.accept();
    const loop = (async () => {
      for await (const stream of listener) stream.destroy();
    })();
    await listener.close();
    await expect(waiting).rejects.toBeInstanceOf(ClosedError);
    await expect(listener.accept()).rejects.toBeInstanceOf(ClosedError);
    await loop;
    await (await listen({ port })).close();
    await client.write(numbered(10));
    expect(await server.read()).toEqual(numbered(10));
  });

  test('a port that is taken rejects', async () => {
    const { address } = await listen();
    await expect(listen({ port: address.port })).rejects.toMatchObject({
      name: 'BrokenError',
      code: 'EADDRINUSE',
    });
  });

  test('a connection that cannot be accepted stops no other, and is reported', async () => {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const errors: Error[] = [];
    const settings = { onError: (error: Error) => errors.push(error) };
    const listener = new TlsListener([new ListeningSocket(server)], testServerConfig(), settings);
    keepListener(listener);
    server.emit('error', Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' }));
    expect(errors).toMatchObject([{ name: 'BrokenError', code: 'EMFILE' }]);
    const accepted = listener.accept();
    await mute(listener);
    await accepted;
  });
});
