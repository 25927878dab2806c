import { once } from 'node:events';
import { afterEach, describe, expect, test } from 'vitest';
import { serve } from '../../src/net/serve.ts';
import { connectTcp } from '../../src/net/tcp-connect.ts';
import { BrokenError, ClosedError } from '../../src/streams/errors.ts';
import { numbered, readToEnd } from '../support/bytes.ts';
import { connect, dropEndpoints, listen, mute } from '../support/endpoints.ts';

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
