import { once } from 'node:events';
import { afterEach, describe, expect, test } from 'vitest';
import type { ServerIdentity } from '../../src/handshake/identity.ts';
import { serve } from '../../src/net/serve.ts';
import { connectTcp } from '../../src/net/tcp-connect.ts';
import { BrokenError, ClosedError } from '../../src/streams/errors.ts';
import type { TlsStream } from '../../src/streams/tls-stream.ts';
import { numbered, readToEnd } from '../support/bytes.ts';
import { connect, dropEndpoints, droppedByPeer, listen, mute } from '../support/endpoints.ts';
import { turnsOfTheEventLoop } from '../support/sockets.ts';
import { serverIdentity } from '../support/tls-endpoints.ts';

afterEach(dropEndpoints);

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
    let hasCleanedUp = false;
    const handler = async (stream: TlsStream): Promise<void> => {
      try {
        await stream.read();
      } finally {
        for (let i = 0; i < 20; i++) await null;
        hasCleanedUp = true;
      }
    };
    const serving = serve(listener, handler, {
      signal: abort.signal,
      shutdownTimeout: 30,
      onError: (error) => errors.push(error),
    });
    const client = await connect(listener);
    abort.abort();
    await serving;
    // Who comes back because its stream is destroyed has done so before serve returns.
    expect({ hasCleanedUp, errors }).toMatchObject({ hasCleanedUp: true, errors: [{ name: 'ClosedError' }] });
    await expect(client.read()).rejects.toThrow();
  });

  test('aborted, it lets a handshake that is under way finish, and serves it', async () => {
    let answer = (): void => {};
    let asked = (): void => {};
    const question = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const listener = await listen({
      identity: () => {
        asked();
        return new Promise<ServerIdentity>((resolve) => {
          answer = () => resolve(serverIdentity);
        });
      },
    });
    const abort = new AbortController();
    const serving = serve(listener, (stream) => stream.write(numbered(10)), { signal: abort.signal });
    const connecting = connect(listener);
    await question;
    abort.abort();
    answer();
    const client = await connecting;
    expect(await readToEnd(client)).toEqual(numbered(10));
    await client.close();
    await serving;
  });

  test('aborted, at its deadline it drops handshakes that did not finish and handlers that never return', async () => {
    const listener = await listen();
    const abort = new AbortController();
    const errors: unknown[] = [];
    let handlers = 0;
    const serving = serve(
      listener,
      () => {
        handlers += 1;
        return new Promise<void>(() => {});
      },
      { signal: abort.signal, shutdownTimeout: 30, onError: (error) => errors.push(error) },
    );
    const client = await connect(listener);
    const silent = await mute(listener);
    await turnsOfTheEventLoop();
    abort.abort();
    await serving;
    // Told before it returned: the handshake. The handler has told nothing, since it never came back.
    expect(errors).toMatchObject([{ name: 'ClosedError' }]);
    await expect(client.read()).rejects.toThrow();
    await droppedByPeer(silent);
    expect({ handlers, bytes: silent.bytesRead }).toEqual({ handlers: 1, bytes: 0 });
  });

  test('aborted before, it drops what nobody has accepted and returns', async () => {
    const listener = await listen();
    const silent = await mute(listener);
    await turnsOfTheEventLoop();
    const handled: unknown[] = [];
    await serve(listener, (stream) => void handled.push(stream), { signal: AbortSignal.abort() });
    await droppedByPeer(silent);
    expect(handled).toEqual([]);
  });

  test('aborted, it waits until a refused peer could read its alert', async () => {
    const listener = await listen();
    const abort = new AbortController();
    const failed: unknown[] = [];
    let isOver = false;
    const serving = serve(listener, () => {}, {
      signal: abort.signal,
      onError: (error) => {
        failed.push(error);
        abort.abort();
      },
    }).then(() => {
      isOver = true;
    });
    const socket = await mute(listener);
    socket.write('GET / HTTP/1.1\r\n\r\n');
    const [alert] = await once(socket, 'data');
    expect(alert.length).toBe(7);
    await turnsOfTheEventLoop();
    expect({ failed: failed.length, isOver }).toEqual({ failed: 1, isOver: false });
    socket.end();
    await serving;
  });

  test('a time that is none is refused', async () => {
    const listener = await listen();
    const serving = serve(listener, () => {}, { shutdownTimeout: -1 });
    await expect(serving).rejects.toThrow(/^shutdownTimeout: /);
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
