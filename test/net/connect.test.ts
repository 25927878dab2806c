import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, createServer, type LookupFunction } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { TlsCertificateError, TlsTimeoutError, TlsUsageError } from '../../src/base/errors.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import { type ConnectOptions, connect as connectTo } from '../../src/net/connect.ts';
import { connectTcp } from '../../src/net/tcp-connect.ts';
import { numbered, readToEnd } from '../support/bytes.ts';
import { connect, dropEndpoints, listen } from '../support/endpoints.ts';
import { rootPem, testClientConfig, testServerConfig } from '../support/tls-endpoints.ts';

afterEach(dropEndpoints);

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
    stream.destroy();
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

  test('a client that cannot be made leaves no connection behind', async () => {
    const listener = await listen();
    const failing = connect(listener, { serverName: 'x'.repeat(70_000) });
    await expect(failing).rejects.toBeInstanceOf(TlsUsageError);
    // Not the time for the handshake: the connection is gone.
    const server = await listener.accept();
    await expect(server.handshake()).rejects.not.toBeInstanceOf(TlsTimeoutError);
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
