import { once } from 'node:events';
import type { Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { TlsTimeoutError, TlsTruncatedError } from '../../src/base/errors.ts';
import { TcpStream } from '../../src/net/tcp-stream.ts';
import { BrokenError } from '../../src/streams/errors.ts';
import { TlsStream, type TlsStreamOptions } from '../../src/streams/tls-stream.ts';
import { numbered, readAtLeast, readToEnd } from '../support/bytes.ts';
import { dropSockets, receiveAll, socketPair, turnsOfTheEventLoop } from '../support/sockets.ts';
import { peer as host, testClientConfig, testServerConfig } from '../support/tls-endpoints.ts';

afterEach(dropSockets);

type Role = 'client' | 'server';

/** More than the kernel takes while nobody reads. */
const tooMuch = 64_000_000;

/** What a socket may hold of ours, or take of the peer's, bytes: two slices of a long write, some reads. */
const bounded = 400_000;

/** The first bytes of a record of the handshake that never comes to its end. */
const slowRecord = new Uint8Array(10_000);
slowRecord.set([22, 3, 1, 64, 0]);

function tls(role: Role, transport: TcpStream, options: TlsStreamOptions = {}): TlsStream {
  return role === 'client'
    ? TlsStream.client(transport, testClientConfig(), host, options)
    : TlsStream.server(transport, testServerConfig(), options);
}

/** The stream under test over TCP, and the plain socket at the other end. */
async function alone(role: Role, options: TlsStreamOptions = {}) {
  const { stream: transport, socket, peer } = await socketPair();
  return { stream: tls(role, transport, options), transport, socket, peer };
}

/** The same after the handshake with a Tacit stream, which is no longer needed to misbehave on its socket. */
async function connected(role: Role, options: TlsStreamOptions = {}) {
  const { stream, transport, socket, peer: peerSocket } = await alone(role, options);
  const peerTransport = new TcpStream(peerSocket);
  const peer = tls(role === 'client' ? 'server' : 'client', peerTransport);
  await Promise.all([stream.handshake(), peer.handshake()]);
  return { stream, transport, socket, peer, peerTransport, peerSocket };
}

describe.each(['client', 'server'] as const)('to a %s', (role) => {
  test('a peer that never reads: a write waits, little is held, and close gives up at its bound', async () => {
    const { stream, transport, socket, peer } = await connected(role, { drain: { timeout: 100 } });
    let isDone = false;
    const written = stream.write(new Uint8Array(tooMuch)).finally(() => {
      isDone = true;
    });
    const failed = expect(written).rejects.toBeInstanceOf(Error);
    await turnsOfTheEventLoop(100);
    expect(isDone).toBe(false);
    expect(socket.writableLength).toBeLessThan(bounded);
    const error = await stream.close().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(TlsTimeoutError);
    expect(error).toMatchObject({ code: 'TLS_TIMEOUT', deadline: 'drain' });
    await failed;
    await transport.closed;
    // It does not take what it got for all there is.
    await expect(readToEnd(peer)).rejects.toThrow();
  });

  test('a peer that sends a byte now and then: the time for the handshake passes', async () => {
    const { stream, transport, peer } = await alone(role, { handshakeTimeout: 100, drain: { timeout: 50 } });
    let sent = 0;
    const dripping = setInterval(() => peer.write(slowRecord.subarray(sent, ++sent)), 2);
    const handshake = stream.handshake();
    await expect(handshake).rejects.toBeInstanceOf(TlsTimeoutError);
    await expect(handshake).rejects.toMatchObject({ code: 'TLS_TIMEOUT', deadline: 'handshake' });
    expect(sent).toBeGreaterThan(0);
    await transport.closed;
    clearInterval(dripping);
  });

  test('a peer that says nothing at all: the same', async () => {
    const { stream, transport } = await alone(role, { handshakeTimeout: 30, drain: { timeout: 30 } });
    await expect(stream.handshake()).rejects.toMatchObject({
      name: 'TlsTimeoutError',
      deadline: 'handshake',
    });
    await transport.closed;
  });

  test('a peer that stops inside a record: what came before is delivered, then it is truncated', async () => {
    const { stream, transport, peer, peerTransport } = await connected(role);
    await peer.write(numbered(1_000));
    await peerTransport.write(new Uint8Array([23, 3, 3, 0, 32, 1, 2]));
    await peerTransport.closeWrite();
    expect(await readAtLeast(stream, 1_000)).toEqual(numbered(1_000));
    const error = await stream.read().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(TlsTruncatedError);
    expect(error).toMatchObject({ code: 'TLS_TRUNCATED', atRecordBoundary: false });
    await expect(stream.read()).rejects.toBe(error);
    // Our own half goes on.
    await stream.write(numbered(10));
    expect(await peer.read()).toEqual(numbered(10));
    expect(await stream.close()).toMatchObject({ ended: 'fin' });
    await transport.closed;
  });

  test.each([
    { where: 'before anything', bytes: 0 },
    { where: 'inside a record', bytes: 100 },
  ])('a peer that half-closes during the handshake, $where: it is truncated', async ({ bytes }) => {
    const { stream, transport, peer } = await alone(role);
    const handshake = stream.handshake();
    peer.end(slowRecord.subarray(0, bytes));
    await expect(handshake).rejects.toBeInstanceOf(TlsTruncatedError);
    await expect(stream.write(numbered(1))).rejects.toBe(stream.failure);
    await expect(stream.close()).rejects.toMatchObject({ code: 'TLS_TRUNCATED' });
    await receiveAll(peer);
    await transport.closed;
  });

  test('a peer that never ends, silent: close gives the transport back at its bound', async () => {
    const { stream, transport } = await connected(role, { drain: { timeout: 50 } });
    await stream.write(numbered(1_000));
    expect(await stream.close()).toEqual({ ended: 'timeout', discardedBytes: 0 });
    await transport.closed;
  });

  test('a peer that never ends, and never stops: close pauses at its bytes, and gives up at its time', async () => {
    const drain = { timeout: 800, bytes: 100_000 };
    const { stream, transport, socket, peer } = await connected(role, { drain });
    const flooding = (async () => {
      for (;;) await peer.write(new Uint8Array(100_000));
    })();
    const stopped = expect(flooding).rejects.toBeInstanceOf(BrokenError);
    const { ended, discardedBytes } = await stream.close();
    expect(ended).toBe('timeout');
    expect(discardedBytes).toBeGreaterThanOrEqual(drain.bytes);
    expect(discardedBytes).toBeLessThan(drain.bytes + bounded);
    expect(socket.bytesRead).toBeLessThan(drain.bytes + bounded);
    await transport.closed;
    await stopped;
  });

  test('a peer that floods us while nobody reads: little is taken from the kernel', async () => {
    const { stream, socket, peer } = await connected(role);
    const flood = peer.write(new Uint8Array(tooMuch)).catch(() => {});
    await turnsOfTheEventLoop(200);
    expect(socket.bytesRead).toBeLessThan(bounded);
    stream.destroy();
    peer.destroy();
    await flood;
  });

  describe('a peer that resets', () => {
    test.each([
      { where: 'before anything', bytes: 0 },
      { where: 'inside a record of the handshake', bytes: 100 },
    ])('$where: the handshake is broken for everybody', async ({ bytes }) => {
      const { stream, transport, peer } = await alone(role);
      const waiting = Promise.allSettled([stream.handshake(), stream.read(), stream.write(numbered(1))]);
      if (bytes > 0) await flushed(peer, slowRecord.subarray(0, bytes));
      peer.resetAndDestroy();
      for (const outcome of await waiting) expectCutOff((outcome as PromiseRejectedResult).reason);
      await stream.close().catch(expectCutOff);
      await transport.closed;
    });

    test('after the handshake: what came before is delivered', async () => {
      const { stream, transport, peer, peerSocket } = await connected(role);
      const read = stream.read();
      await peer.write(numbered(1_000));
      expect(await read).toEqual(numbered(1_000));
      peerSocket.resetAndDestroy();
      expectCutOff(await stream.read().catch((reason: unknown) => reason));
      await stream.close().catch(expectCutOff);
      await transport.closed;
    });

    test('while we write: the write fails, later ones and reads too', async () => {
      const { stream, transport, peerSocket } = await connected(role);
      const written = stream.write(new Uint8Array(tooMuch)).catch((reason: unknown) => reason);
      await turnsOfTheEventLoop(20);
      peerSocket.resetAndDestroy();
      expect(await written).toBeInstanceOf(BrokenError);
      await expect(stream.write(numbered(1))).rejects.toBeInstanceOf(BrokenError);
      expectCutOff(await stream.read().catch((reason: unknown) => reason));
      await expect(stream.close()).rejects.toThrow();
      await transport.closed;
    });

    test('while we drain: close rejects, for data may be lost', async () => {
      const { stream, transport, peerSocket } = await connected(role);
      await stream.write(numbered(1_000));
      const closed = stream.close().catch((reason: unknown) => reason);
      await turnsOfTheEventLoop();
      peerSocket.resetAndDestroy();
      expect(await closed).toMatchObject({ name: 'BrokenError', code: 'ECONNRESET' });
      await transport.closed;
    });
  });
});

test('a client that half-closes behind its ClientHello: the server is truncated', async () => {
  const { stream, socket, peer } = await alone('server');
  const peerTransport = new TcpStream(peer);
  const client = tls('client', peerTransport, { drain: { timeout: 100 } });
  void client.handshake().catch(() => {});
  await peerTransport.closeWrite();
  await expect(stream.handshake()).rejects.toBeInstanceOf(TlsTruncatedError);
  // It had it whole.
  expect(socket.bytesWritten).toBeGreaterThan(100);
  client.destroy();
});

async function flushed(socket: Socket, bytes: Uint8Array): Promise<void> {
  socket.write(bytes);
  if (socket.writableLength > 0) await once(socket, 'drain');
}

/** Node 20 and 22 report some resets as an end: then it is one that nobody announced. */
function expectCutOff(error: unknown): void {
  if (error instanceof TlsTruncatedError) return;
  expect(error).toBeInstanceOf(BrokenError);
  expect((error as BrokenError).code).toMatch(/^(ECONNRESET|EPIPE)$/);
}
