import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, createConnection, createServer, type LookupFunction, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { TlsCertificateError, TlsTimeoutError, TlsUsageError } from '../../src/base/errors.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import { type ConnectOptions, connect as connectTo } from '../../src/net/connect.ts';
import { type ListenOptions, listen as listenOn, type TlsListener } from '../../src/net/listen.ts';
import { serve } from '../../src/net/serve.ts';
import { connectTcp } from '../../src/net/tcp-connect.ts';
import { BrokenError, ClosedError } from '../../src/streams/errors.ts';
import type { TlsStream } from '../../src/streams/tls-stream.ts';
import { numbered, readToEnd } from '../support/bytes.ts';
import { turnsOfTheEventLoop } from '../support/sockets.ts';
import { rootPem, serverPem, testClientConfig, testServerConfig } from '../support/tls-endpoints.ts';

const listeners = new Set<TlsListener>();
const streams = new Set<TlsStream>();
const sockets = new Set<Socket>();

afterEach(async () => {
  for (const listener of listeners) await listener.close();
  for (const stream of streams) stream.destroy();
  for (const socket of sockets) socket.destroy();
  for (const set of [listeners, streams, sockets]) set.clear();
});

async function listen(options: Partial<ListenOptions> = {}): Promise<TlsListener> {
  const where = 'path' in options ? {} : { host: '127.0.0.1', port: 0 };
  const settings = 'config' in options ? options : { identity: serverPem, ...options };
  const listener = await listenOn({ ...where, ...settings } as ListenOptions, nodeCrypto);
  listeners.add(listener);
  return listener;
}

async function connect(listener: TlsListener, options: Partial<ConnectOptions> = {}): Promise<TlsStream> {
  const { host, port } = listener.address;
  const target = { host, port, ca: rootPem, ...options } as ConnectOptions;
  const stream = await connectTo(target, nodeCrypto);
  streams.add(stream);
  return stream;
}

/** A TCP connection that says nothing. */
async function mute(listener: TlsListener): Promise<Socket> {
  const socket = createConnection({ ...listener.address, allowHalfOpen: true });
  socket.on('error', () => {});
  sockets.add(socket);
  await once(socket, 'connect');
  return socket;
}

describe('connect', () => {
  test('resolves after handshake and verification', async () => {
    const listener = await listen({ alpnProtocols: ['echo'] });
    const accepted = listener.accept();
    const client = connect(listener, { alpnProtocols: ['echo'] });
    const server = await accepted;
    const info = await server.handshake();
    expect(info.alpnProtocol).toBe('echo');
    expect((await client).info?.peerCertificates.length).toBe(1);
    expect((await client).remoteAddress).toEqual(listener.address);
    expect(server.remoteAddress?.host).toBe('127.0.0.1');
  });

  test('takes ready configurations, and nothing beside them', async () => {
    const listener = await listen({ config: testServerConfig() });
    void listener.accept().then((stream) => stream.handshake());
    const { host, port } = listener.address;
    const config = testClientConfig();
    const stream = await connectTo({ host, port, config }, nodeCrypto);
    streams.add(stream);
    const wrong = { host, port, config, alpnProtocols: ['x'] };
    await expect(connectTo(wrong, nodeCrypto)).rejects.toThrow(/^alpnProtocols: /);
    await expect(connectTo(wrong, nodeCrypto)).rejects.toBeInstanceOf(TlsUsageError);
    const unknown = { host, port, hots: 'x' } as unknown as ConnectOptions;
    await expect(connectTo(unknown, nodeCrypto)).rejects.toThrow(/^hots: /);
  });

  test('a certificate that is not trusted rejects, and the server reads the alert', async () => {
    const listener = await listen();
    const accepted = listener.accept();
    const failed = expect(connect(listener, { ca: undefined })).rejects.toBeInstanceOf(TlsCertificateError);
    const server = await accepted;
    await expect(server.read()).rejects.toMatchObject({ alert: 'unknown_ca', direction: 'received' });
    await failed;
  });

  test('looks a host up with the caller’s function', async () => {
    const listener = await listen();
    void listener.accept().then((stream) => stream.handshake());
    const lookup: LookupFunction = (host, _options, callback) => {
      expect(host).toBe('localhost');
      callback(null, [{ address: '127.0.0.1', family: 4 }]);
    };
    const client = await connect(listener, { host: 'localhost', lookup });
    expect(client.remoteAddress).toEqual(listener.address);
  });

  test('nobody there: the error tells what happened at every address', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, 'close');
    const failing = connectTo({ host: '127.0.0.1', port, config: testClientConfig() }, nodeCrypto);
    await expect(failing).rejects.toMatchObject({ name: 'BrokenError', code: 'ECONNREFUSED' });
    await expect(failing).rejects.toThrow(`127.0.0.1:${port}`);
    const lookup = (
      _host: string,
      _options: object,
      callback: (error: null, found: { address: string; family: number }[]) => void,
    ) =>
      callback(null, [
        { address: '127.0.0.1', family: 4 },
        { address: '127.0.0.2', family: 4 },
      ]);
    const both = connectTcp({ host: 'two.test', port, lookup });
    await expect(both).rejects.toThrow(`127.0.0.1:${port}`);
    await expect(both).rejects.toThrow(`127.0.0.2:${port}`);
  });

  test('aborted, it leaves nothing behind', async () => {
    const listener = await listen();
    const abort = new AbortController();
    const accepted = listener.accept();
    const failing = connect(listener, { signal: abort.signal });
    const server = await accepted;
    abort.abort(new Error('enough'));
    await expect(failing).rejects.toThrow('enough');
    await expect(server.handshake()).rejects.toThrow();
    const signal = AbortSignal.abort(new Error('before'));
    await expect(connect(listener, { signal })).rejects.toThrow('before');
  });

  test('a server that says nothing: the time for the handshake passes', async () => {
    const listener = await listen();
    const failing = connect(listener, { handshakeTimeout: 30 });
    await expect(failing).rejects.toBeInstanceOf(TlsTimeoutError);
  });
});

describe('Unix sockets', () => {
  test('carry TLS as TCP does', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'tacit-'));
    try {
      const path = join(directory, 'socket');
      const listener = await listen({ path });
      expect(listener.address).toEqual({ host: path, port: 0 });
      const connecting = connectTo({ host: 'localhost', path, ca: rootPem }, nodeCrypto);
      const server = await listener.accept();
      const reading = readToEnd(server);
      const client = await connecting;
      await client.write(numbered(500_000));
      const closed = client.close();
      expect(Buffer.compare(await reading, numbered(500_000))).toBe(0);
      expect(await server.close()).toMatchObject({ ended: 'close_notify' });
      expect(await closed).toMatchObject({ ended: 'close_notify' });
      client.destroy();
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  test('a destroyed stream gives its descriptor back', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'tacit-'));
    try {
      const path = join(directory, 'socket');
      const listener = await listen({ path });
      const accepted = listener.accept();
      const transport = await connectTcp({ path });
      transport.destroy();
      await transport.closed;
      await expect((await accepted).read()).rejects.toThrow();
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});

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
    const listener = await listen({ handshakeTimeout: 30, drain: { timeout: 30 } });
    const socket = await mute(listener);
    socket.resume();
    await once(socket, 'end');
    socket.end();
    await once(socket, 'close');
    await turnsOfTheEventLoop(20);
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
    const { TlsListener } = await import('../../src/net/listen.ts');
    const listener = new TlsListener(server, testServerConfig(), { onError: (error) => errors.push(error) });
    listeners.add(listener);
    server.emit('error', Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' }));
    expect(errors).toMatchObject([{ name: 'BrokenError', code: 'EMFILE' }]);
    const accepted = listener.accept();
    await mute(listener);
    await accepted;
  });

  test('connections above the limit are dropped and reported', async () => {
    const errors: Error[] = [];
    const listener = await listen({ maxConnections: 1, onError: (error) => errors.push(error) });
    await mute(listener);
    const second = await mute(listener);
    second.resume();
    await once(second, 'end');
    await listener.accept();
    expect(errors.length).toBe(1);
    expect(errors[0]?.message).toContain('more than 1');
  });

  test('draining connections above the limit are dropped, the oldest first, and reported', async () => {
    const errors: Error[] = [];
    const listener = await listen({ maxDraining: 1, onError: (error) => errors.push(error) });
    const pair = async () => {
      const connecting = connect(listener);
      const server = await listener.accept();
      await server.handshake();
      return { client: await connecting, server };
    };
    const [first, second] = [await pair(), await pair()];
    const closed = first.server.close();
    expect(await first.client.read()).toBeNull();
    const other = second.server.close();
    expect(await closed).toMatchObject({ ended: 'timeout' });
    expect(errors.length).toBe(1);
    await second.client.close();
    expect(await other).toMatchObject({ ended: 'close_notify' });
  });
});

describe('serve', () => {
  test('calls the handler after the handshake, and closes the stream after it', async () => {
    const listener = await listen();
    const abort = new AbortController();
    const serving = serve(
      listener,
      async (stream) => {
        expect(stream.info?.protocolVersion).toBe('TLSv1.3');
        const bytes = await stream.read();
        if (bytes !== null) await stream.write(bytes);
      },
      { signal: abort.signal },
    );
    const client = await connect(listener);
    await client.write(numbered(10));
    expect(await readToEnd(client)).toEqual(numbered(10));
    expect(await client.close()).toMatchObject({ ended: 'close_notify' });
    abort.abort();
    await serving;
  });

  test('a handshake that fails reaches onError, and no handler', async () => {
    const listener = await listen();
    const errors: unknown[] = [];
    const handlers: number[] = [];
    const failed = new Promise<void>((resolve) => {
      void serve(listener, () => void handlers.push(1), {
        onError: (error) => {
          errors.push(error);
          resolve();
        },
      });
    });
    const socket = await mute(listener);
    socket.resume();
    socket.write('GET / HTTP/1.1\r\n\r\n');
    await failed;
    expect(errors).toMatchObject([{ name: 'TlsPeerError' }]);
    expect(handlers).toEqual([]);
  });

  test('a handler that fails destroys its stream: the peer does not take it for an end; others go on', async () => {
    const listener = await listen();
    const errors: unknown[] = [];
    void serve(
      listener,
      async (stream) => {
        await stream.write(numbered(10));
        if (errors.length === 0) throw new Error('handler');
      },
      { onError: (error) => errors.push(error) },
    );
    const first = await connect(listener);
    await expect(readToEnd(first)).rejects.toThrow();
    expect(errors).toMatchObject([{ message: 'handler' }]);
    const second = await connect(listener);
    expect(await readToEnd(second)).toEqual(numbered(10));
    await second.close();
  });

  test('a handler that fails without onError is a warning', async () => {
    const listener = await listen();
    const warned = once(process, 'warning');
    void serve(listener, () => {
      throw new Error('nobody listens to me');
    });
    const client = await connect(listener);
    const [warning] = await warned;
    expect(warning).toMatchObject({ message: 'nobody listens to me' });
    await expect(client.read()).rejects.toThrow();
  });

  test('aborted, it accepts nothing more and lets what there is come to its end', async () => {
    const listener = await listen();
    const abort = new AbortController();
    let go = (): void => {};
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    const serving = serve(
      listener,
      async (stream) => {
        await gate;
        await stream.write(numbered(10));
      },
      { signal: abort.signal },
    );
    const client = await connect(listener);
    abort.abort();
    const { port } = listener.address;
    await expect(connectTcp({ host: '127.0.0.1', port })).rejects.toBeInstanceOf(BrokenError);
    go();
    expect(await readToEnd(client)).toEqual(numbered(10));
    await client.close();
    await serving;
  });

  test('aborted, it does not wait for ever: what is left is destroyed', async () => {
    const listener = await listen();
    const abort = new AbortController();
    const errors: unknown[] = [];
    const serving = serve(listener, async (stream) => void (await stream.read()), {
      signal: abort.signal,
      shutdownTimeout: 30,
      onError: (error) => errors.push(error),
    });
    const client = await connect(listener);
    abort.abort();
    await serving;
    await expect(client.read()).rejects.toThrow();
  });

  test('an onError that throws ends it', async () => {
    const listener = await listen();
    const serving = serve(
      listener,
      () => {
        throw new Error('handler');
      },
      {
        onError: () => {
          throw new Error('onError');
        },
      },
    );
    const failed = expect(serving).rejects.toThrow('onError');
    const client = await connect(listener);
    await failed;
    await expect(listener.accept()).rejects.toBeInstanceOf(ClosedError);
    await expect(client.read()).rejects.toThrow();
  });
});
