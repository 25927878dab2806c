import { describe, expect, test } from 'vitest';
import { TlsUsageError } from '../../src/base/errors.ts';
import { BrokenError } from '../../src/streams/errors.ts';
import { toWeb } from '../../src/streams/to-web.ts';
import { nextTurn } from '../../src/streams/turns.ts';
import { boundedStreamPair, lockstepStreamPair, memoryStreamPair } from '../../src/testing.ts';
import { numbered, readToEnd } from '../support/bytes.ts';
import { tlsOver } from '../support/tls-endpoints.ts';

async function turns(count = 20): Promise<void> {
  for (let i = 0; i < count; i++) await nextTurn();
}

const tlsPair = tlsOver(lockstepStreamPair);

/** All that a readable gives, without closing what it belongs to. */
async function received(readable: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of readable) parts.push(part);
  return new Uint8Array(Buffer.concat(parts));
}

/** Flips every bit. */
function flipper(): TransformStream<Uint8Array, Uint8Array> {
  return new TransformStream({
    transform: (chunk, controller) => controller.enqueue(chunk.map((byte) => byte ^ 255)),
  });
}

describe('consumers of the Streams Standard', () => {
  test('pipeThrough() and pipeTo() carry 1 MiB there and back, over TLS, to the end', async () => {
    const [client, server] = await tlsPair();
    const far = toWeb(server);
    const echoing = far.readable.pipeThrough(flipper()).pipeTo(far.writable);
    const near = toWeb(client);
    const source = new Blob([numbered(2 ** 20)]).stream() as ReadableStream<Uint8Array>;
    const [bytes] = await Promise.all([received(near.readable), source.pipeTo(near.writable), echoing]);
    expect(Buffer.from(bytes.map((byte) => byte ^ 255)).equals(numbered(2 ** 20))).toBe(true);
    await expect(client.read()).rejects.toMatchObject({ name: 'ClosedError' });
  });

  test('a BYOB reader gets its own array filled, the rest with the next read, and the end', async () => {
    const [near, far] = memoryStreamPair();
    const reader = toWeb(near).readable.getReader({ mode: 'byob' });
    await far.write(numbered(10));
    void far.closeWrite();
    const first = await reader.read(new Uint8Array(4));
    expect(first.value).toEqual(numbered(4));
    const second = await reader.read(new Uint8Array(100));
    expect(second.value).toEqual(numbered(10).subarray(4));
    const third = await reader.read(new Uint8Array(100));
    expect(third.done).toBe(true);
    expect(third.value?.buffer.byteLength).toBe(100);
  });
});

describe('reading', () => {
  test('nothing is read before somebody asks, and then only what was asked for', async () => {
    const [near, far] = memoryStreamPair();
    for (let i = 0; i < 10; i++) await far.write(numbered(10));
    const { readable } = toWeb(near);
    const reader = readable.getReader();
    await turns();
    expect(near.isReading).toBe(false);
    await reader.read();
    await turns();
    expect(near.isReading).toBe(false);
    expect((await near.read())?.length).toBe(10);
  });

  test('a slow consumer holds the peer up: what is taken from the transport stays bounded', async () => {
    const [near, far] = boundedStreamPair(1_000);
    const reader = toWeb(near).readable.getReader();
    let written = 0;
    const writing = (async () => {
      for (; ; written += 100) await far.write(new Uint8Array(100));
    })();
    writing.catch(() => {});
    let read = 0;
    for (let i = 0; i < 5; i++) {
      read += (await reader.read()).value?.length ?? 0;
      await turns();
      expect(written - read).toBeLessThanOrEqual(1_000);
    }
    near.destroy();
  });

  test('an error is the stream’s own, and costs the writing nothing', async () => {
    const [near, far] = memoryStreamPair();
    const failure = new BrokenError('no eyes');
    near.read = () => Promise.reject(failure);
    const { readable, writable } = toWeb(near);
    await expect(readable.getReader().read()).rejects.toBe(failure);
    const writer = writable.getWriter();
    await writer.write(numbered(10));
    expect(await far.read()).toEqual(numbered(10));
    const closing = writer.close();
    await far.close();
    await closing;
    // After no more than closeWrite() it would resolve.
    await expect(near.closeWrite()).rejects.toMatchObject({ name: 'ClosedError' });
  });

  test('cancel() stops reading; writing goes on, and when it has ended the stream is closed without loss', async () => {
    const [near, far] = memoryStreamPair();
    const { readable, writable } = toWeb(near);
    const reader = readable.getReader();
    const read = reader.read();
    await turns();
    expect(near.isReading).toBe(true);
    await reader.cancel();
    expect((await read).done).toBe(true);
    await far.write(numbered(100));
    await turns();
    expect(near.isReading).toBe(false);
    const writer = writable.getWriter();
    await writer.write(numbered(10));
    const closing = writer.close();
    expect(await readToEnd(far)).toEqual(numbered(10));
    await far.close();
    await closing;
    expect(await near.close()).toEqual({ ended: 'fin', discardedBytes: 100 });
  });
});

describe('cancel() and then the end of our own side', () => {
  test('reads while the last bytes wait, since nobody else does', async () => {
    const [near, far] = memoryStreamPair();
    near.closeWrite = () => Promise.reject(new Error('waits for a peer that waits for us'));
    const { readable, writable } = toWeb(near);
    await readable.cancel();
    const closing = writable.close();
    await far.close();
    await closing;
    expect((await near.close()).ended).toBe('fin');
  });

  test('the other way round, cancel() closes, and waits for that', async () => {
    const [near, far] = memoryStreamPair();
    const { readable, writable } = toWeb(near);
    await writable.close();
    const cancelling = readable.cancel();
    await far.write(numbered(7));
    await far.close();
    await cancelling;
    expect(await near.close()).toEqual({ ended: 'fin', discardedBytes: 7 });
  });
});

describe('writing', () => {
  test('a chunk that is no Uint8Array is refused, and the peer never reads an end', async () => {
    const [near, far] = memoryStreamPair();
    const { readable, writable } = toWeb(near);
    const writer = (writable as WritableStream<unknown>).getWriter();
    await expect(writer.write('text')).rejects.toBeInstanceOf(TlsUsageError);
    await far.write(numbered(5));
    const reader = readable.getReader();
    expect((await reader.read()).value).toEqual(numbered(5));
    await reader.cancel();
    await expect(far.read()).rejects.toBeInstanceOf(BrokenError);
  });

  test('an error is the stream’s own, and costs nothing of what was received', async () => {
    const failure = new BrokenError('no ink');
    const [near, far] = memoryStreamPair({ hooks: [{ onWrite: () => Promise.reject(failure) }, {}] });
    const { readable, writable } = toWeb(near);
    await far.write(numbered(5_000));
    const writer = writable.getWriter();
    await expect(writer.write(numbered(1))).rejects.toBe(failure);
    void far.closeWrite();
    expect(await received(readable)).toEqual(numbered(5_000));
    // Both sides are over now, one of them broken.
    await expect(far.read()).rejects.toBeInstanceOf(BrokenError);
  });

  test('one that fails behind the end of the reading leaves nothing to wait for: the peer is reset', async () => {
    const failure = new BrokenError('no ink');
    const [near, far] = memoryStreamPair({ hooks: [{ onWrite: () => Promise.reject(failure) }, {}] });
    const { readable, writable } = toWeb(near);
    await far.closeWrite();
    expect(await received(readable)).toEqual(new Uint8Array(0));
    await expect(writable.getWriter().write(numbered(1))).rejects.toBe(failure);
    await expect(far.read()).rejects.toBeInstanceOf(BrokenError);
  });

  test('abort() destroys, also while a write waits: the peer reads no end', async () => {
    for (const length of [10, 5_000]) {
      const [near, far] = boundedStreamPair(1_000);
      const { readable, writable } = toWeb(near);
      const writer = writable.getWriter();
      const reason = new Error('enough');
      const written = writer.write(numbered(length));
      written.catch(() => {});
      await turns();
      await writer.abort(reason);
      await expect(readable.getReader().read()).rejects.toMatchObject({ name: 'ClosedError' });
      const end = (async () => {
        while ((await far.read()) !== null);
      })();
      await expect(end).rejects.toBeInstanceOf(BrokenError);
    }
  });
});

describe('ends', () => {
  test('the peer’s end ends reading only; the answer goes out; then the stream is closed', async () => {
    const [client, server] = await tlsPair();
    const { readable, writable } = toWeb(server);
    const question = (async () => {
      await client.write(numbered(1_000));
      await client.closeWrite();
    })();
    expect(await received(readable)).toEqual(numbered(1_000));
    await question;
    const writer = writable.getWriter();
    const answer = writer.write(numbered(5_000)).then(() => writer.close());
    expect(await readToEnd(client)).toEqual(numbered(5_000));
    const report = client.close();
    await answer;
    await expect(server.read()).rejects.toMatchObject({ name: 'ClosedError' });
    expect((await report).ended).toBe('close_notify');
  });

  test('writable.close() goes on reading, and the end of that closes the stream', async () => {
    const [near, far] = memoryStreamPair();
    const { readable, writable } = toWeb(near);
    await writable.close();
    expect(await far.read()).toBeNull();
    await far.write(numbered(10));
    await far.closeWrite();
    expect(await received(readable)).toEqual(numbered(10));
    await turns();
    await expect(near.read()).rejects.toMatchObject({ name: 'ClosedError' });
  });
});
