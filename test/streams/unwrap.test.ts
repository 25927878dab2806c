import { describe, expect, test } from 'vitest';
import { TlsPeerError, TlsTruncatedError, TlsUsageError } from '../../src/base/errors.ts';
import { ClosedError } from '../../src/streams/errors.ts';
import { TlsStream } from '../../src/streams/tls-stream.ts';
import { numbered, readAtLeast, readToEnd } from '../support/bytes.ts';
import { memoryStreamPair } from '../support/memory-streams.ts';
import { connectedPair, peer, testClientConfig, testServerConfig } from '../support/tls-endpoints.ts';

/** Bytes that look like a record and do not decrypt. */
const forgedRecord = new Uint8Array([23, 3, 3, 0, 32, ...numbered(32)]);

describe('unwrap', () => {
  test('gives the transport back at both ends, open in both directions', async () => {
    const { client, server, clientTransport, serverTransport } = await connectedPair();
    await client.write(numbered(10));
    const [atClient, atServer] = await Promise.all([
      client.unwrap(),
      server.read().then((bytes) => {
        expect(bytes).toEqual(numbered(10));
        return server.unwrap();
      }),
    ]);
    expect(atClient.transport).toBe(clientTransport);
    expect(atServer.trailing.length).toBe(0);
    expect([...clientTransport.calls, ...serverTransport.calls]).toEqual([]);
    await atClient.transport.write(numbered(3));
    expect(await atServer.transport.read()).toEqual(numbered(3));
    await atServer.transport.write(numbered(4));
    expect(await atClient.transport.read()).toEqual(numbered(4));
  });

  test('gives what came in one read with the peer’s close_notify, and leaves the rest in the transport', async () => {
    const { client, server, clientTransport, serverTransport } = await connectedPair();
    clientTransport.isStuck = true;
    void client.unwrap().catch(() => {});
    await clientTransport.until(() => clientTransport.writes.length === 3);
    const [, , closeNotify = new Uint8Array()] = clientTransport.writes;
    serverTransport.arrive(new Uint8Array([...closeNotify, ...numbered(50)]));
    serverTransport.arrive(numbered(60));
    const { transport, trailing } = await server.unwrap();
    expect(trailing).toEqual(numbered(50));
    expect(await transport.read()).toEqual(numbered(60));
    client.destroy();
  });

  test('waits until what came before the end was read', async () => {
    const { client, server } = await connectedPair();
    await server.write(numbered(100));
    await server.closeWrite();
    let isDone = false;
    const unwrapping = client.unwrap().then((unwrapped) => {
      isDone = true;
      return unwrapped;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(isDone).toBe(false);
    expect(await client.read()).toEqual(numbered(100));
    await unwrapping;
  });

  test('closes the stream, and not the transport', async () => {
    const { client, server, clientTransport } = await connectedPair();
    await Promise.all([client.unwrap(), server.unwrap()]);
    await expect(client.read()).rejects.toBeInstanceOf(ClosedError);
    await expect(client.write(numbered(1))).rejects.toBeInstanceOf(ClosedError);
    expect(await client.close()).toMatchObject({ ended: 'close_notify' });
    client.destroy();
    expect(clientTransport.calls).toEqual([]);
  });

  test('where the transport ends without close_notify is truncated', async () => {
    const { client, serverTransport } = await connectedPair();
    const unwrapping = client.unwrap();
    await serverTransport.closeWrite();
    await expect(unwrapping).rejects.toBeInstanceOf(TlsTruncatedError);
  });

  test('where the peer sends an alert rejects with it, also if something is unread', async () => {
    const { client, server, serverTransport } = await connectedPair();
    await server.write(numbered(10));
    serverTransport.isStuck = true;
    serverTransport.arrive(forgedRecord);
    const unwrapping = client.unwrap();
    await new Promise((resolve) => setImmediate(resolve));
    serverTransport.unstick();
    await expect(unwrapping).rejects.toMatchObject({ alert: 'bad_record_mac', direction: 'received' });
    expect(await client.read()).toEqual(numbered(10));
  });

  test('behind closeWrite is a mistake', async () => {
    const { client } = await connectedPair();
    await client.closeWrite();
    await expect(client.unwrap()).rejects.toBeInstanceOf(TlsUsageError);
  });

  test('aborted while it waits can be called again', async () => {
    const { client, server } = await connectedPair();
    const abort = new AbortController();
    const unwrapping = client.unwrap({ signal: abort.signal });
    expect(await server.read()).toBeNull();
    abort.abort(new Error('enough'));
    await expect(unwrapping).rejects.toThrow('enough');
    const again = client.unwrap();
    await Promise.all([again, server.unwrap()]);
  });
});

describe('unwrap and its neighbours', () => {
  test('twice at once gives both the same', async () => {
    const { client, server, clientTransport, serverTransport } = await connectedPair();
    clientTransport.isStuck = true;
    void client.unwrap().catch(() => {});
    await clientTransport.until(() => clientTransport.writes.length === 3);
    const [, , closeNotify = new Uint8Array()] = clientTransport.writes;
    const both = Promise.all([server.unwrap(), server.unwrap()]);
    serverTransport.arrive(new Uint8Array([...closeNotify, ...numbered(50)]));
    const [first, second] = await both;
    expect(first.trailing).toEqual(numbered(50));
    expect(second).toBe(first);
    client.destroy();
  });

  test('destroy() at any moment is not overlooked', async () => {
    for (let steps = 0; steps < 40; steps++) {
      const { client, server, clientTransport } = await connectedPair();
      const unwrapped = client.unwrap().then(
        () => 'unwrapped',
        () => 'failed',
      );
      void server.unwrap().catch(() => {});
      for (let i = 0; i < steps; i++) await Promise.resolve();
      client.destroy();
      // What was given back is the caller's and left alone; what was not is gone.
      expect({ steps, calls: clientTransport.calls }).toEqual({
        steps,
        calls: (await unwrapped) === 'unwrapped' ? [] : ['destroy'],
      });
      server.destroy();
    }
  });

  test('closeWrite() behind it is a mistake: unwrap() does not half-close', async () => {
    const { client, server } = await connectedPair();
    const abort = new AbortController();
    const unwrapping = client.unwrap({ signal: abort.signal });
    expect(await server.read()).toBeNull();
    abort.abort(new Error('enough'));
    await expect(unwrapping).rejects.toThrow('enough');
    await expect(client.closeWrite()).rejects.toBeInstanceOf(TlsUsageError);
    client.destroy();
    server.destroy();
  });

  test('stops at close_notify and nothing else, whatever is tolerated', async () => {
    const { client, serverTransport } = await connectedPair({ client: { truncation: 'tolerate' } });
    const unwrapping = client.unwrap();
    await serverTransport.closeWrite();
    await expect(unwrapping).rejects.toBeInstanceOf(TlsTruncatedError);
    client.destroy();
  });
});

describe('STARTTLS', () => {
  test('a client that has read more than the answer does not begin: anybody can have put it there', async () => {
    const [near, far] = memoryStreamPair();
    const preread = new TextEncoder().encode('250 you are who you say\r\n');
    const client = TlsStream.client(near, testClientConfig(), peer, { preread });
    const failing = client.handshake();
    await expect(failing).rejects.toBeInstanceOf(TlsPeerError);
    await expect(failing).rejects.toMatchObject({ alert: 'unexpected_message', direction: 'sent' });
    await expect(failing).rejects.toThrow('before ClientHello');
    await expect(client.read()).rejects.toBe(await failing.catch((reason: unknown) => reason));
    // The alert alone, and our end.
    expect(await readToEnd(far)).toEqual(new Uint8Array([21, 3, 3, 0, 2, 2, 10]));
  });

  test('nor does one to which TLS has come too early', async () => {
    const [near] = memoryStreamPair();
    const preread = new Uint8Array([21, 3, 3, 0, 2, 2, 40]);
    const client = TlsStream.client(near, testClientConfig(), peer, { preread });
    await expect(client.handshake()).rejects.toMatchObject({ alert: 'unexpected_message' });
    client.destroy();
  });

  test('a server takes no plaintext behind the command for anything', async () => {
    const [near, far] = memoryStreamPair();
    const preread = new TextEncoder().encode('RCPT TO:<somebody@else.test>\r\n');
    const server = TlsStream.server(near, testServerConfig(), { preread });
    const reading = server.read();
    await expect(reading).rejects.toMatchObject({ name: 'TlsPeerError', direction: 'sent' });
    await expect(server.handshake()).rejects.toBeInstanceOf(TlsPeerError);
    expect((await readToEnd(far)).length).toBe(7);
  });

  test('a server that has read the beginning of ClientHello goes on behind it', async () => {
    const [near, far] = memoryStreamPair();
    const client = TlsStream.client(near, testClientConfig(), peer);
    const handshake = client.handshake();
    const hello = (await far.read()) ?? new Uint8Array();
    const server = TlsStream.server(far, testServerConfig(), { preread: hello.subarray(0, 100) });
    far.arrive(hello.subarray(100));
    await Promise.all([handshake, server.handshake()]);
  });

  test('plain, then TLS, then plain again, then TLS again', async () => {
    const [a, b] = memoryStreamPair();
    for (let round = 0; round < 2; round++) {
      await a.write(numbered(4));
      expect(await readAtLeast(b, 4)).toEqual(numbered(4));
      const client = TlsStream.client(a, testClientConfig(), peer);
      const server = TlsStream.server(b, testServerConfig());
      const reading = readToEnd(server);
      await client.write(numbered(9));
      await Promise.all([client.unwrap(), reading.then(() => server.unwrap())]);
      expect(await reading).toEqual(numbered(9));
    }
  });
});

describe('TLS in TLS', () => {
  test('carries data and closes without loss, through both layers', async () => {
    const outer = await connectedPair();
    const client = TlsStream.client(outer.client, testClientConfig(), peer);
    const server = TlsStream.server(outer.server, testServerConfig());
    const data = numbered(300_000);
    void client.write(data);
    const closed = client.close();
    expect(Buffer.compare(await readToEnd(server), data)).toBe(0);
    expect(await server.close()).toMatchObject({ ended: 'close_notify' });
    expect(await closed).toMatchObject({ ended: 'close_notify' });
    expect(outer.clientTransport.calls).toEqual(['closeWrite', 'close']);
    await expect(outer.client.read()).rejects.toBeInstanceOf(ClosedError);
  });

  test('is truncated where only the outer one was ended', async () => {
    const outer = await connectedPair();
    const client = TlsStream.client(outer.client, testClientConfig(), peer);
    const server = TlsStream.server(outer.server, testServerConfig());
    await Promise.all([client.handshake(), server.handshake()]);
    await outer.client.closeWrite();
    await expect(server.read()).rejects.toBeInstanceOf(TlsTruncatedError);
  });
});
