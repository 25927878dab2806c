import { once } from 'node:events';
import { Agent, createServer, request } from 'node:http';
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2';
import { type Duplex, PassThrough, Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { describe, expect, test } from 'vitest';
import { fromDuplex } from '../../src/net/from-duplex.ts';
import { toDuplex } from '../../src/net/to-duplex.ts';
import type { CloseReport } from '../../src/streams/byte-stream.ts';
import { Deferred } from '../../src/streams/deferred.ts';
import { BrokenError } from '../../src/streams/errors.ts';
import { nextTurn } from '../../src/streams/turns.ts';
import { boundedStreamPair, lockstepStreamPair, memoryStreamPair, TestStream } from '../../src/testing.ts';
import { numbered, readToEnd } from '../support/bytes.ts';
import { tlsOver } from '../support/tls-endpoints.ts';

async function turns(count = 20): Promise<void> {
  for (let i = 0; i < count; i++) await nextTurn();
}

const noop = (): void => {};

const tlsPair = tlsOver(lockstepStreamPair);

/** All that it gives. Of itself, Node's iterator destroys a duplex at its end. */
async function received(duplex: Readable): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of duplex.iterator({ destroyOnReturn: false })) parts.push(part);
  return Buffer.concat(parts);
}

/** A sink that keeps what it gets. */
function collector(): { readonly sink: Writable; bytes(): Buffer } {
  const parts: Buffer[] = [];
  const write = (part: Buffer, _encoding: string, callback: () => void): void => {
    parts.push(part);
    callback();
  };
  return { sink: new Writable({ write }), bytes: () => Buffer.concat(parts) };
}

/** Keeps its only connection, which has no `setKeepAlive()`: it is no socket. */
class OneConnection extends Agent {
  constructor(connection: Duplex) {
    super({ keepAlive: true, maxSockets: 1 });
    Object.assign(this, {
      createConnection: () => connection,
      keepSocketAlive: () => true,
      reuseSocket() {},
    });
  }
}

describe('consumers of Node’s own', () => {
  test('pipeline() carries 1 MiB both ways at once, over TLS, to the end', async () => {
    const [client, server] = (await tlsPair()).map((stream) => toDuplex(stream)) as [Duplex, Duplex];
    const [there, back] = [numbered(2 ** 20), numbered(2 ** 20).reverse()];
    const [atServer, atClient] = [collector(), collector()];
    await Promise.all([
      pipeline(Readable.from([there]), client),
      pipeline(Readable.from([back]), server),
      pipeline(server, atServer.sink),
      pipeline(client, atClient.sink),
      once(client, 'close'),
      once(server, 'close'),
    ]);
    expect(atServer.bytes().equals(there)).toBe(true);
    expect(atClient.bytes().equals(back)).toBe(true);
  });

  test('pipeline() through a duplex in the middle', async () => {
    const [near, far] = memoryStreamPair();
    const atEnd = collector();
    const echo = toDuplex(far);
    void pipeline(echo, new PassThrough(), echo);
    await pipeline(Readable.from([numbered(200_000)]), toDuplex(near), atEnd.sink);
    expect(atEnd.bytes().equals(numbered(200_000))).toBe(true);
  });

  test('http: requests and answers with bodies on one connection, then an end on both sides', async () => {
    const [client, server] = (await tlsPair()).map((stream) => toDuplex(stream)) as [Duplex, Duplex];
    const http = createServer(async (asked, answer) => {
      const body = await received(asked);
      answer.end(Buffer.concat([Buffer.from(`${asked.method} `), body]));
    });
    http.emit('connection', server);
    const agent = new OneConnection(client);
    for (const length of [0, 300_000]) {
      const body = Buffer.from(numbered(length));
      const asking = request({ method: 'POST', agent }).end(body);
      const [answer] = await once(asking, 'response');
      expect(Buffer.concat([Buffer.from('POST '), body]).equals(await received(answer))).toBe(true);
    }
    client.end();
    await Promise.all([client, server].map((duplex) => duplex.closed || once(duplex, 'close')));
    expect(client.errored ?? server.errored).toBeNull();
  });

  test('http: a refused upload still gives its answer', async () => {
    const [near, far] = boundedStreamPair(1_000);
    const client = toDuplex(near);
    const asking = request({ method: 'POST', createConnection: () => client });
    const failed = once(asking, 'error');
    const answered = once(asking, 'response');
    asking.write(new Uint8Array(100_000));
    await far.read();
    await far.write(Buffer.from('HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\n\r\nno\n'));
    await turns();
    near.socket.write = () => {
      throw Object.assign(new Error('EPIPE'), { code: 'EPIPE' });
    };
    await far.read();
    const [answer] = await answered;
    expect((await received(answer)).toString()).toBe('no\n');
    far.close().catch(() => {});
    await Promise.race([failed, once(client, 'close')]);
  });

  test('http2: a session of several streams', async () => {
    const [client, server] = (await tlsPair()).map((stream) => toDuplex(stream)) as [Duplex, Duplex];
    const http2 = createHttp2Server((asked, answer) => answer.end(`${asked.url} ${'x'.repeat(50_000)}`));
    http2.emit('connection', server);
    const session = connectHttp2('http://localhost', { createConnection: () => client });
    const answers = await Promise.all(
      ['/a', '/b', '/c'].map((path) => received(session.request({ ':path': path }).end())),
    );
    expect(answers.map((answer) => answer.length)).toEqual([50_003, 50_003, 50_003]);
    expect(String(answers[2]).startsWith('/c x')).toBe(true);
    session.close();
    await Promise.all([client, server].map((duplex) => duplex.closed || once(duplex, 'close')));
  });
});

describe('reading', () => {
  test('nothing is read before the first pull, and then one read at a time', async () => {
    const [near, far] = memoryStreamPair();
    const duplex = toDuplex(near);
    for (let i = 0; i < 10; i++) await far.write(numbered(10));
    await turns();
    expect(near.isReading).toBe(false);
    expect(duplex.read()).toBeNull();
    await once(duplex, 'readable');
    await turns();
    expect(duplex.readableLength).toBe(10);
    expect(near.isReading).toBe(false);
  });

  test('a slow consumer holds the peer up: what is taken from the transport stays bounded', async () => {
    const [near, far] = boundedStreamPair(1_000);
    const duplex = toDuplex(near).on('readable', noop);
    let written = 0;
    const writing = (async () => {
      for (; ; written += 100) await far.write(new Uint8Array(100));
    })();
    writing.catch(() => {});
    for (let read = 1; read <= 5; read++) {
      await once(duplex, 'readable');
      await turns();
      expect(duplex.readableLength).toBeLessThanOrEqual(1_000);
      expect(written).toBeLessThanOrEqual(2_000 * read);
      duplex.read();
    }
    duplex.destroy();
  });

  test('one read for each readable is enough', async () => {
    const [near, far] = memoryStreamPair();
    const duplex = toDuplex(near);
    const parts: Buffer[] = [];
    duplex.on('readable', () => {
      const part = duplex.read();
      if (part !== null) parts.push(part);
    });
    for (let i = 0; i < 10; i++) await far.write(numbered(100));
    await far.closeWrite();
    await once(duplex, 'end');
    expect(Buffer.concat(parts).length).toBe(1_000);
  });

  test('with a high-water mark it reads ahead up to there', async () => {
    const [near, far] = memoryStreamPair();
    const duplex = toDuplex(near, { readableHighWaterMark: 45 });
    for (let i = 0; i < 10; i++) await far.write(numbered(10));
    duplex.read(0);
    await turns();
    expect(duplex.readableLength).toBe(50);
  });

  test('an error of reading is the stream’s own, and costs nothing that was read before it', async () => {
    const [near, far] = memoryStreamPair();
    const duplex = toDuplex(near, { readableHighWaterMark: 1_000 });
    await far.write(numbered(10));
    await far.write(numbered(20));
    duplex.read(0);
    await turns();
    far.destroy();
    await turns();
    expect(duplex.destroyed).toBe(false);
    const parts: Buffer[] = [];
    duplex.on('data', (part) => parts.push(part));
    const [error] = await once(duplex, 'error');
    expect(Buffer.concat(parts).length).toBe(30);
    expect(error).toBeInstanceOf(BrokenError);
    await expect(near.write(numbered(1))).rejects.toBeInstanceOf(Error);
  });
});

describe('writing', () => {
  test('chunks that wait are one write of the stream, without a copy', async () => {
    const [near, far] = memoryStreamPair();
    const seen: (readonly Uint8Array[])[] = [];
    const stream = new TestStream(near.socket, { onWrite: (parts) => void seen.push(parts) });
    const duplex = toDuplex(stream);
    const chunks = [1, 2, 3].map((value) => Buffer.alloc(10, value));
    duplex.cork();
    for (const chunk of chunks) duplex.write(chunk);
    duplex.uncork();
    await far.read();
    expect(seen.map((parts) => parts.length)).toEqual([3]);
    expect(seen[0]?.every((part, i) => part.buffer === chunks[i]?.buffer)).toBe(true);
  });

  test('a failed write gives its own error, at once to who only writes', async () => {
    const failure = new BrokenError('no ink');
    const [near] = memoryStreamPair({ hooks: [{ onWrite: () => Promise.reject(failure) }, {}] });
    const duplex = toDuplex(near);
    const told = new Promise((resolve) => duplex.on('error', noop).write('x', resolve));
    await turns();
    expect(duplex.errored).toBe(failure);
    expect(await told).toBe(failure);
  });

  test('a failed write waits for who reads: all that was received, then the error', async () => {
    const failure = new BrokenError('no ink');
    const [near, far] = memoryStreamPair({ hooks: [{ onWrite: () => Promise.reject(failure) }, {}] });
    const duplex = toDuplex(near);
    for (let i = 0; i < 5; i++) await far.write(numbered(1_000));
    const ended = far.closeWrite();
    let count = 0;
    duplex.on('readable', noop);
    duplex.write('x');
    await turns();
    expect(duplex.errored).toBeNull();
    duplex.on('data', (part) => {
      count += part.length;
    });
    duplex.off('readable', noop).resume();
    const [error] = await once(duplex, 'error');
    expect(error).toBe(failure);
    expect(count).toBe(5_000);
    await ended;
  });

  test.each([
    { how: 'an end', end: (far: TestStream) => void far.closeWrite() },
    { how: 'an error, which comes second', end: (far: TestStream) => far.destroy() },
  ])('a failed write is reported as soon as reading comes to $how', async ({ end }) => {
    const failure = new BrokenError('no ink');
    const [near, far] = memoryStreamPair({ hooks: [{ onWrite: () => Promise.reject(failure) }, {}] });
    const duplex = toDuplex(near).on('error', noop).on('data', noop);
    const told = new Promise((resolve) => duplex.write('x', resolve));
    await turns();
    expect(duplex.errored).toBeNull();
    end(far);
    await turns();
    expect(duplex.errored).toBe(failure);
    expect(await told).toBe(failure);
  });

  test('a failed write that is kept back is told when the duplex is destroyed', async () => {
    const failure = new BrokenError('no ink');
    const [near, far] = memoryStreamPair({ hooks: [{ onWrite: () => Promise.reject(failure) }, {}] });
    const duplex = toDuplex(near).on('readable', noop);
    await far.write(numbered(10));
    await once(duplex, 'readable');
    const told = new Promise((resolve) => duplex.write('x', resolve));
    await turns();
    expect(near.isReading).toBe(false);
    duplex.destroy();
    expect(await told).toBe(failure);
  });

  test('a failed write is reported though the peer has nothing more to say, and never ends', async () => {
    const failure = new BrokenError('no ink');
    const [near] = memoryStreamPair({ hooks: [{ onWrite: () => Promise.reject(failure) }, {}] });
    const duplex = toDuplex(near);
    duplex.resume().on('data', () => {});
    duplex.write('x');
    const [error] = await once(duplex, 'error');
    expect(error).toBe(failure);
  });
});

describe('ends', () => {
  test('the peer’s end ends reading only; the answer goes out; then the stream is closed before close is said', async () => {
    const [client, server] = await tlsPair();
    const duplex = toDuplex(server);
    const question = (async () => {
      await client.write(numbered(1_000));
      await client.closeWrite();
    })();
    expect((await received(duplex)).equals(numbered(1_000))).toBe(true);
    await question;
    expect(duplex.writable).toBe(true);
    expect(duplex.destroyed).toBe(false);
    duplex.end(numbered(5_000));
    const closed = once(duplex, 'close');
    expect(await readToEnd(client)).toEqual(numbered(5_000));
    const report = client.close();
    await closed;
    await expect(server.read()).rejects.toMatchObject({ name: 'ClosedError' });
    expect((await report).ended).toBe('close_notify');
  });

  test('close waits for the stream’s own close(), and its failure is the error', async () => {
    for (const failure of [undefined, new BrokenError('lost')]) {
      const [near, far] = memoryStreamPair();
      const closing = new Deferred<CloseReport>();
      const destroyed: string[] = [];
      near.close = () => closing.promise;
      near.destroy = () => void destroyed.push('near');
      const duplex = toDuplex(near).on('error', noop).resume();
      const closed = new Promise((resolve) => duplex.once('close', resolve));
      duplex.end();
      await far.closeWrite();
      await turns();
      expect(duplex).toMatchObject({ readableEnded: true, writableFinished: true, closed: false });
      if (failure === undefined) closing.resolve({ ended: 'fin', discardedBytes: 0 });
      else closing.reject(failure);
      await closed;
      expect(duplex.errored).toBe(failure ?? null);
      expect(destroyed).toEqual([]);
    }
  });

  test('an end that did not get through is none: the stream is destroyed', async () => {
    const [near, far] = memoryStreamPair();
    const failure = new BrokenError('no ink');
    const calls: string[] = [];
    near.closeWrite = () => Promise.reject(failure);
    near.close = () => Promise.reject(calls.push('close'));
    near.destroy = () => void calls.push('destroy');
    const duplex = toDuplex(near).on('error', noop).resume();
    await far.closeWrite();
    await once(duplex, 'end');
    duplex.end();
    await new Promise((resolve) => duplex.once('close', resolve));
    expect(duplex.errored).toBe(failure);
    expect(calls).toEqual(['destroy']);
  });

  test('end() goes on reading', async () => {
    const [near, far] = memoryStreamPair();
    const duplex = toDuplex(near);
    duplex.end('question');
    expect(await readToEnd(far)).toEqual(new Uint8Array(Buffer.from('question')));
    void far.write(numbered(100)).then(() => far.closeWrite());
    expect((await received(duplex)).length).toBe(100);
  });

  test('destroy() in the middle: the peer reads no end', async () => {
    for (const reason of [undefined, new Error('enough')]) {
      const [near, far] = memoryStreamPair();
      const duplex = toDuplex(near);
      const closed = new Promise((resolve) => duplex.on('error', () => {}).once('close', resolve));
      duplex.write('half of');
      duplex.read(0);
      await turns();
      duplex.destroy(reason);
      await closed;
      expect(duplex.errored).toBe(reason ?? null);
      await far.read();
      await expect(far.read()).rejects.toBeInstanceOf(BrokenError);
    }
  });

  test('an early destroy() of TLS is no end for the peer either', async () => {
    const [client, server] = await tlsPair();
    const duplex = toDuplex(client);
    duplex.end();
    await once(duplex, 'finish');
    duplex.destroy();
    expect(await server.read()).toBeNull();
    const [again, peer] = await tlsPair();
    toDuplex(again).destroy();
    await expect(peer.read()).rejects.toBeInstanceOf(Error);
  });

  test('what a listener throws is an uncaught exception, no error of the stream', async () => {
    const [near, far] = memoryStreamPair();
    const thrown = new Error('of a listener');
    const duplex = toDuplex(near).on('data', () => {
      throw thrown;
    });
    const others = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    const uncaught = new Promise((resolve) => process.once('uncaughtException', resolve));
    try {
      await far.write(numbered(1));
      expect(await uncaught).toBe(thrown);
    } finally {
      for (const listener of others) process.on('uncaughtException', listener);
    }
    expect(duplex.destroyed).toBe(false);
  });

  test('it says where the peer is, as a socket does', async () => {
    const [near] = memoryStreamPair();
    const stream = Object.assign(near, { remoteAddress: { host: '192.0.2.1', port: 7 } });
    expect(toDuplex(stream)).toMatchObject({ remoteAddress: '192.0.2.1', remotePort: 7 });
    expect(fromDuplex(toDuplex(stream)).remoteAddress).toEqual({ host: '192.0.2.1', port: 7 });
  });
});
