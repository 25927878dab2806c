import { once } from 'node:events';
import { createServer as createHttpServer, request } from 'node:http';
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net';
import { Duplex, PassThrough } from 'node:stream';
import { type ConnectionOptions, connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { afterEach, describe, expect, test } from 'vitest';
import { BrokenError, TlsStream, TlsTruncatedError, TlsUsageError } from '../../src/index.ts';
import { fromDuplex } from '../../src/net/from-duplex.ts';
import { TcpStream } from '../../src/net/tcp-stream.ts';
import { numbered, readAtLeast, readToEnd } from '../support/bytes.ts';
import { dropSockets, isReset, socketPair, turnsOfTheEventLoop } from '../support/sockets.ts';
import { peer, serverPem, testClientConfig, testServerConfig } from '../support/tls-endpoints.ts';

const open = new Set<{ close(): unknown }>();
afterEach(() => {
  dropSockets();
  for (const server of open) server.close();
  open.clear();
});

/** A socket as a program makes one that thinks of nothing, and the plain socket at the other end. */
async function plainPair(): Promise<{ readonly socket: Socket; readonly peer: Socket }> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }).listen(0, '127.0.0.1');
  open.add(server);
  await once(server, 'listening');
  const socket = createConnection((server.address() as AddressInfo).port, '127.0.0.1');
  const [[accepted]] = (await Promise.all([once(server, 'connection'), once(socket, 'connect')])) as [
    [Socket],
    unknown,
  ];
  accepted.on('error', () => {});
  return { socket, peer: accepted };
}

/** A duplex whose other end is the test. */
class Hand extends Duplex {
  readonly written: Buffer[] = [];
  callback: (error?: Error | null) => void = () => {};
  reads = 0;

  override _read(): void {
    this.reads += 1;
  }

  override _write(chunk: Buffer, _encoding: string, callback: (error?: Error | null) => void): void {
    this.written.push(chunk);
    this.callback = callback;
  }
}

describe('a net.Socket', () => {
  test('is a TcpStream, half-open though it was not made so', async () => {
    const { socket, peer } = await plainPair();
    const stream = fromDuplex(socket);
    expect(stream).toBeInstanceOf(TcpStream);
    expect(stream.remoteAddress?.host).toBe('127.0.0.1');
    peer.end('question');
    expect((await readToEnd(stream)).length).toBe(8);
    await turnsOfTheEventLoop();
    await stream.write(numbered(100));
    await stream.closeWrite();
    peer.resume();
    await once(peer, 'end');
    expect(peer.bytesRead).toBe(100);
  });

  test('a failed write costs nothing of what was received, what lies in the kernel included', async () => {
    const { socket, peer } = await plainPair();
    const stream = fromDuplex(socket);
    peer.write(numbered(100_000));
    // Node reads 64 KiB ahead and stops; the rest stays in the kernel.
    while (socket.bytesRead < 65_536) await turnsOfTheEventLoop(1);
    await turnsOfTheEventLoop();
    peer.resetAndDestroy();
    await once(peer, 'close');
    const failure = (async () => {
      for (;;) await stream.write(new Uint8Array(1_000));
    })();
    await expect(failure).rejects.toBeInstanceOf(BrokenError);
    expect((await readAtLeast(stream, 100_000)).length).toBe(100_000);
    await expect(stream.read()).rejects.toBeInstanceOf(BrokenError);
  });

  test('destroy() resets', async () => {
    const { socket, peer } = await plainPair();
    const stream = fromDuplex(socket);
    await stream.write(numbered(10));
    stream.destroy();
    expect(await isReset(peer)).toBe(true);
  });

  test('a CONNECT socket that HTTP hands over carries TLS through a proxy', async () => {
    const serverConfig = testServerConfig();
    const proxy = createHttpServer().listen(0, '127.0.0.1');
    open.add(proxy);
    await once(proxy, 'listening');
    proxy.on('connect', async (_asked, socket: Socket) => {
      socket.write('HTTP/1.1 200 Connected\r\n\r\n');
      const stream = TlsStream.server(fromDuplex(socket), serverConfig);
      for await (const bytes of stream) await stream.write(bytes);
      await stream.close();
    });
    const { port } = proxy.address() as AddressInfo;
    const asking = request({ port, host: '127.0.0.1', method: 'CONNECT', path: 'localhost:443' }).end();
    const [, socket, head] = (await once(asking, 'connect')) as [unknown, Socket, Buffer];
    const stream = TlsStream.client(fromDuplex(socket), testClientConfig(), peer, { preread: head });
    await stream.write(numbered(50_000));
    expect(await readAtLeast(stream, 50_000)).toEqual(numbered(50_000));
    expect((await stream.close()).ended).toBe('close_notify');
  });
});

describe('a TLSSocket of Node’s', () => {
  test('is no TcpStream; it carries bytes and ends, half-open', async () => {
    const server = createTlsServer({ ...serverPem, allowHalfOpen: true }).listen(0, '127.0.0.1');
    open.add(server);
    await once(server, 'listening');
    server.on('secureConnection', async (socket) => {
      const stream = fromDuplex(socket);
      const bytes = await readToEnd(stream);
      await stream.write(bytes);
      await stream.close();
    });
    const { port } = server.address() as AddressInfo;
    const options = { port, host: '127.0.0.1', rejectUnauthorized: false, allowHalfOpen: true };
    const socket = connectTls(options as ConnectionOptions);
    await once(socket, 'secureConnect');
    const stream = fromDuplex(socket);
    expect(stream).not.toBeInstanceOf(TcpStream);
    await stream.write(numbered(50_000));
    await stream.closeWrite();
    expect(await readToEnd(stream)).toEqual(numbered(50_000));
    expect((await stream.close()).ended).toBe('fin');
    expect(socket.destroyed).toBe(true);
  });
});

describe('any other duplex', () => {
  test('nothing is read before the first read', async () => {
    const duplex = new Hand();
    const stream = fromDuplex(duplex);
    await stream.write(new Uint8Array(0));
    await turnsOfTheEventLoop();
    expect(duplex.reads).toBe(0);
    const read = stream.read();
    duplex.push('x');
    expect(await read).toEqual(new Uint8Array([120]));
  });

  test('a list is one write, in an array that nobody else has', async () => {
    const duplex = new Hand();
    const stream = fromDuplex(duplex);
    const part = numbered(10);
    const written = stream.write([part, part]);
    part.fill(0);
    expect(duplex.written).toEqual([Buffer.concat([numbered(10), numbered(10)])]);
    let isDone = false;
    void written.then(() => {
      isDone = true;
    });
    await turnsOfTheEventLoop();
    expect(isDone).toBe(false);
    duplex.callback();
    await written;
  });

  test('what is read is not the array that was pushed', async () => {
    const duplex = new Hand();
    const pushed = Buffer.from(new Uint8Array(8).buffer);
    duplex.push(pushed);
    (await fromDuplex(duplex).read())?.fill(7);
    expect(pushed).toEqual(Buffer.alloc(8));
  });

  test('a failed write is a BrokenError with the system’s code, after what Node’s stream holds was given', async () => {
    const duplex = new Hand();
    const stream = fromDuplex(duplex);
    duplex.push('last');
    const written = stream.write(numbered(1));
    const failure = Object.assign(new Error('no way'), { code: 'EPIPE' });
    duplex.callback(failure);
    await expect(written).rejects.toMatchObject({ name: 'BrokenError', code: 'EPIPE', cause: failure });
    await turnsOfTheEventLoop();
    expect(await stream.read()).toEqual(new Uint8Array(Buffer.from('last')));
    await expect(stream.read()).rejects.toMatchObject({ name: 'BrokenError', cause: failure });
    await expect(stream.write(numbered(1))).rejects.toMatchObject({ cause: failure });
  });

  test('a TLS reason stays the same object', async () => {
    const duplex = new Hand();
    const stream = fromDuplex(duplex);
    const failure = new TlsTruncatedError('cut', true);
    const read = stream.read();
    duplex.destroy(failure);
    await expect(read).rejects.toBe(failure);
  });

  test('close without an end is no end, and what came before it is given', async () => {
    const duplex = new Hand();
    const stream = fromDuplex(duplex);
    duplex.push('last');
    duplex.push(null);
    duplex.destroy();
    await once(duplex, 'close');
    expect((await stream.read())?.length).toBe(4);
    for (let i = 0; i < 2; i++) await expect(stream.read()).rejects.toBeInstanceOf(BrokenError);
    await expect(stream.write(numbered(1))).rejects.toBeInstanceOf(BrokenError);
  });

  test('a read that waits is given what came just before the close', async () => {
    const duplex = new Hand();
    const stream = fromDuplex(duplex);
    const read = stream.read();
    duplex.push('last');
    duplex.destroy();
    expect((await read)?.length).toBe(4);
    await expect(stream.read()).rejects.toBeInstanceOf(BrokenError);
  });

  test('one that is not half-open says so once its reading has ended', async () => {
    const duplex = new Hand({ allowHalfOpen: false });
    const stream = fromDuplex(duplex);
    duplex.push(null);
    expect(await stream.read()).toBeNull();
    await turnsOfTheEventLoop();
    await expect(stream.write(numbered(1))).rejects.toThrow('has ended its writable side itself');
    await stream.closeWrite();
    expect((await stream.close()).ended).toBe('fin');
  });

  test('sides that are over already', async () => {
    const readOnly = new Hand().end();
    await once(readOnly, 'finish');
    const reader = fromDuplex(readOnly);
    await reader.closeWrite();
    readOnly.push(numbered(5));
    readOnly.push(null);
    expect(await readToEnd(reader)).toEqual(numbered(5));
    expect((await reader.close()).ended).toBe('fin');
    const writeOnly = new Hand();
    writeOnly.push(null);
    writeOnly.resume();
    await once(writeOnly, 'end');
    writeOnly.pause();
    const stream = fromDuplex(writeOnly);
    expect(await stream.read()).toBeNull();
    const written = stream.write(numbered(3));
    writeOnly.callback();
    await written;
    expect((await stream.close()).ended).toBe('fin');
    expect(writeOnly.destroyed).toBe(true);
  });

  test('destroy() destroys it with an error, behind its own end without', async () => {
    const duplex = new Hand();
    fromDuplex(duplex).destroy();
    expect(duplex.errored).toMatchObject({ name: 'ClosedError' });
    const ended = new Hand();
    const stream = fromDuplex(ended);
    await stream.closeWrite();
    stream.destroy();
    expect(ended).toMatchObject({ destroyed: true, errored: null });
  });

  test('close() waits until the duplex has closed, but not for ever for one that does not say so', async () => {
    const slow = new Hand();
    let release = (): void => {};
    slow._destroy = (error, callback) => {
      release = () => callback(error);
    };
    let isDone = false;
    const closing = fromDuplex(slow)
      .close()
      .then(() => {
        isDone = true;
      });
    slow.push(null);
    await turnsOfTheEventLoop();
    expect([slow.destroyed, isDone]).toEqual([true, false]);
    release();
    await closing;
    const mute = new Hand({ emitClose: false });
    mute.push(null);
    expect((await fromDuplex(mute, { drain: { timeout: 50 } }).close()).ended).toBe('fin');
  });

  test('close() drains within its bounds: a peer that never ends, and one that takes nothing', async () => {
    const silent = new Hand();
    const drain = { timeout: 50 };
    expect(await fromDuplex(silent, { drain }).close()).toMatchObject({ ended: 'timeout' });
    expect(silent.destroyed).toBe(true);
    const stuck = new Hand();
    const stream = fromDuplex(stuck, { drain });
    stream.write(numbered(10)).catch(() => {});
    await expect(stream.close()).rejects.toThrow('took nothing');
    expect(stuck.errored).toMatchObject({ name: 'ClosedError' });
  });
});

describe('refused at the call', () => {
  test.each([
    ['is in object mode', new Duplex({ readableObjectMode: true, read() {} })],
    ['is in object mode', new Duplex({ writableObjectMode: true, read() {} })],
    ['is destroyed', new PassThrough().destroy()],
    ['gives strings', new PassThrough().setEncoding('utf8')],
    ['is flowing', new PassThrough().resume()],
  ])('one that %s', (what, duplex) => {
    expect(() => fromDuplex(duplex)).toThrow(TlsUsageError);
    expect(() => fromDuplex(duplex)).toThrow(what);
  });

  test('a socket that is destroyed', async () => {
    const { socket } = await socketPair();
    socket.destroy();
    expect(() => fromDuplex(socket)).toThrow('is destroyed');
  });
});
