import { once } from 'node:events';
import type { Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { BrokenError, BusyError, ClosedError } from '../../src/streams/errors.ts';
import { numbered, readAtLeast, readToEnd } from '../support/bytes.ts';
import { dropSockets, isReset, receiveAll, socketPair, turnsOfTheEventLoop } from '../support/sockets.ts';

afterEach(dropSockets);

/** Node reads 64 KiB ahead and stops; what else was sent has arrived in the kernel then, and stays there. */
async function inKernel(socket: Socket): Promise<void> {
  while (socket.bytesRead < 65_536) await turnsOfTheEventLoop(1);
  await turnsOfTheEventLoop();
}

/** More than the kernel takes while nobody reads. */
const tooMuch = 32 * 2 ** 20;

describe('reading', () => {
  test('every array is the only thing in its ArrayBuffer, and no Buffer', async () => {
    const { stream, peer } = await socketPair();
    for (const length of [1, 100, 5_000, 200_000]) {
      peer.write(numbered(length));
      for (let count = 0; count < length; ) {
        const bytes = await stream.read();
        expect(bytes?.constructor).toBe(Uint8Array);
        expect(bytes?.buffer.byteLength).toBe(bytes?.length);
        count += bytes?.length ?? 0;
      }
    }
  });

  test('the end is null, again and again', async () => {
    const { stream, peer } = await socketPair();
    peer.end('last');
    expect(await readToEnd(stream)).toEqual(new Uint8Array(Buffer.from('last')));
    expect(await stream.read()).toBeNull();
    expect(await stream.read()).toBeNull();
  });

  test('a second read at once is refused at the call, and the first goes on', async () => {
    const { stream, peer } = await socketPair();
    const first = stream.read();
    await expect(stream.read()).rejects.toBeInstanceOf(BusyError);
    peer.write('x');
    expect(await first).toEqual(new Uint8Array([120]));
  });

  test('an aborted read loses nothing', async () => {
    const { stream, peer } = await socketPair();
    const abort = new AbortController();
    const read = stream.read({ signal: abort.signal });
    abort.abort(new Error('enough'));
    await expect(read).rejects.toThrow('enough');
    peer.end(numbered(1_000));
    expect(await readToEnd(stream)).toEqual(numbered(1_000));
  });

  test('what nobody reads stays with the peer: memory is bounded', async () => {
    const { stream, socket, peer } = await socketPair();
    expect(peer.write(new Uint8Array(tooMuch))).toBe(false);
    await stream.read();
    await turnsOfTheEventLoop(50);
    expect(socket.bytesRead).toBeLessThan(1_000_000);
    expect(peer.writableLength).toBeGreaterThan(0);
  });

  test('leaving an iteration early does not close', async () => {
    const { stream, peer } = await socketPair();
    peer.write('a');
    for await (const bytes of stream) {
      expect(bytes).toEqual(new Uint8Array([97]));
      break;
    }
    peer.end('b');
    expect(await stream.read()).toEqual(new Uint8Array([98]));
  });
});

describe('writing', () => {
  test('all parts arrive in order', async () => {
    const { stream, peer } = await socketPair();
    const received = receiveAll(peer);
    await stream.write([numbered(3), new Uint8Array(0), numbered(100_000)]);
    const second = stream.write(numbered(5));
    const third = stream.write(numbered(6));
    await Promise.all([second, third, stream.closeWrite()]);
    const { bytes, ended } = await received;
    expect(bytes).toEqual(Buffer.concat([numbered(3), numbered(100_000), numbered(5), numbered(6)]));
    expect(ended).toBe('end');
  });

  test('a write waits until the kernel has taken it', async () => {
    const { stream, peer } = await socketPair();
    let isDone = false;
    const written = stream.write(new Uint8Array(tooMuch)).then(() => {
      isDone = true;
    });
    await turnsOfTheEventLoop(50);
    expect(isDone).toBe(false);
    peer.resume();
    await written;
  });

  test('an already aborted signal means no effect', async () => {
    const { stream, peer } = await socketPair();
    const signal = AbortSignal.abort(new Error('before'));
    const bytes = new Uint8Array([1]);
    await expect(stream.write(bytes, { signal })).rejects.toThrow('before');
    await expect(stream.closeWrite({ signal })).rejects.toThrow('before');
    await expect(stream.close({ signal })).rejects.toThrow('before');
    await stream.write(bytes);
    const received = receiveAll(peer);
    await stream.closeWrite();
    expect((await received).bytes).toEqual(Buffer.from(bytes));
  });

  test('an aborted write breaks the write half only', async () => {
    const { stream, peer } = await socketPair();
    const abort = new AbortController();
    const written = stream.write(new Uint8Array(tooMuch), { signal: abort.signal });
    abort.abort(new Error('enough'));
    await expect(written).rejects.toThrow('enough');
    await expect(stream.write(new Uint8Array(1))).rejects.toBeInstanceOf(BrokenError);
    await expect(stream.closeWrite()).rejects.toBeInstanceOf(BrokenError);
    peer.write('still');
    expect(await stream.read()).toEqual(new Uint8Array(Buffer.from('still')));
    await expect(stream.close()).rejects.toBeInstanceOf(BrokenError);
    await stream.closed;
    expect(await isReset(peer)).toBe(true);
  });

  test('nothing is written behind closeWrite', async () => {
    const { stream } = await socketPair();
    await stream.closeWrite();
    await stream.closeWrite();
    await expect(stream.write(new Uint8Array(1))).rejects.toBeInstanceOf(ClosedError);
  });

  test('a fast receiver does not starve the event loop', async () => {
    const { stream, peer } = await socketPair();
    peer.resume();
    let turns = 0;
    let isDone = false;
    const count = (): void => {
      turns += 1;
      if (!isDone) setImmediate(count);
    };
    setImmediate(count);
    for (let i = 0; i < 256; i++) await stream.write(new Uint8Array(1_000));
    isDone = true;
    expect(turns).toBeGreaterThanOrEqual(3);
  });
});

describe('independent halves', () => {
  test('a failed write costs nothing of what was received, and no reset passes for an end', async () => {
    const { stream, socket, peer } = await socketPair();
    peer.write(numbered(100_000));
    await inKernel(socket);
    peer.resetAndDestroy();
    await once(peer, 'close');
    const failure = (async () => {
      for (;;) await stream.write(new Uint8Array(1_000));
    })();
    await expect(failure).rejects.toMatchObject({ name: 'BrokenError', code: 'ECONNRESET' });
    expect(await readAtLeast(stream, 100_000)).toEqual(numbered(100_000));
    await expect(stream.read()).rejects.toBeInstanceOf(BrokenError);
    await expect(stream.read()).rejects.toBeInstanceOf(BrokenError);
  });

  test('an end that came before the reset stays an end', async () => {
    const { stream, socket, peer } = await socketPair();
    peer.end(numbered(100_000));
    peer.resume();
    await once(peer, 'finish');
    await inKernel(socket);
    peer.destroy();
    await once(peer, 'close');
    const failure = (async () => {
      for (;;) await stream.write(new Uint8Array(1_000));
    })();
    await expect(failure).rejects.toMatchObject({ name: 'BrokenError', code: 'EPIPE' });
    expect(await readToEnd(stream)).toEqual(numbered(100_000));
  });

  test('a read that waits is given what Node’s stream holds when an error destroys it', async () => {
    const { stream, socket } = await socketPair();
    const waiting = stream.read();
    socket.push(Buffer.from('last'));
    socket.destroy(Object.assign(new Error('reset'), { code: 'ECONNRESET' }));
    expect(await waiting).toEqual(new Uint8Array(Buffer.from('last')));
    await expect(stream.read()).rejects.toMatchObject({ code: 'ECONNRESET' });
  });

  test('a failed read gives first what came before it', async () => {
    const { stream, peer } = await socketPair();
    const first = stream.read();
    await new Promise((resolve) => peer.write(numbered(1_000), resolve));
    await first;
    await new Promise((resolve) => peer.write(numbered(1_000), resolve));
    await turnsOfTheEventLoop();
    peer.resetAndDestroy();
    await once(peer, 'close');
    await turnsOfTheEventLoop();
    expect(await stream.read()).toEqual(numbered(1_000));
    await expect(stream.read()).rejects.toMatchObject({ code: 'ECONNRESET' });
    await expect(stream.write(new Uint8Array(1))).rejects.toBeInstanceOf(BrokenError);
  });
});

describe('close', () => {
  test('loses nothing although the peer writes to the end', async () => {
    for (let round = 0; round < 10; round++) {
      const { stream, peer } = await socketPair();
      const data = numbered(4_000_000);
      void stream.write(data);
      peer.write('unread');
      const closed = stream.close();
      await turnsOfTheEventLoop();
      peer.on('data', () => peer.write('chatter'));
      const { bytes, ended } = await receiveAll(peer);
      peer.end('bye');
      expect({ ended, length: bytes.length }).toEqual({ ended: 'end', length: data.length });
      expect(bytes.equals(data)).toBe(true);
      const report = await closed;
      expect(report.ended).toBe('fin');
      expect(report.discardedBytes).toBeGreaterThanOrEqual(9);
      await stream.closed;
    }
  });

  test('a reset before the peer’s end rejects', async () => {
    const { stream, peer } = await socketPair();
    const closed = stream.close();
    peer.resetAndDestroy();
    await expect(closed).rejects.toMatchObject({ name: 'BrokenError', code: 'ECONNRESET' });
    await stream.closed;
  });

  test('a peer that never ends: at the bound the descriptor is given back, and the peer has everything', async () => {
    const { stream, peer } = await socketPair({ drain: { timeout: 50 } });
    await stream.write(numbered(1_000));
    expect(await stream.close()).toMatchObject({ ended: 'timeout' });
    await stream.closed;
    const { bytes, ended } = await receiveAll(peer);
    expect(bytes.equals(numbered(1_000))).toBe(true);
    expect(ended).toBe('end');
  });

  test('a peer that takes nothing: at the bound the connection is reset, so that the rest is missed', async () => {
    const { stream, peer } = await socketPair({ drain: { timeout: 50 } });
    const written = stream.write(new Uint8Array(tooMuch));
    const failed = expect(written).rejects.toBeInstanceOf(Error);
    await expect(stream.close()).rejects.toThrow('took nothing');
    await failed;
    await stream.closed;
    expect(await isReset(peer)).toBe(true);
  });

  test('at the byte bound it pauses, and holds the connection until the time is over', async () => {
    const { stream, socket, peer } = await socketPair({ drain: { timeout: 200, bytes: 100_000 } });
    const closed = stream.close();
    peer.write(new Uint8Array(tooMuch));
    const report = await closed;
    expect(report.ended).toBe('timeout');
    expect(report.discardedBytes).toBeGreaterThanOrEqual(100_000);
    expect(socket.bytesRead).toBeLessThan(1_000_000);
  });

  test('later calls are closed, a waiting read too; close again is the same', async () => {
    const { stream, peer } = await socketPair();
    const read = stream.read();
    const closed = stream.close();
    await expect(read).rejects.toBeInstanceOf(ClosedError);
    await expect(stream.read()).rejects.toBeInstanceOf(ClosedError);
    await expect(stream.write(new Uint8Array(1))).rejects.toBeInstanceOf(ClosedError);
    peer.end();
    expect(await stream.close()).toBe(await closed);
  });

  test('aborted while it waits, it destroys', async () => {
    const { stream, peer } = await socketPair();
    void stream.write(new Uint8Array(tooMuch)).catch(() => {});
    const abort = new AbortController();
    const closed = stream.close({ signal: abort.signal });
    abort.abort(new Error('enough'));
    await expect(closed).rejects.toThrow('enough');
    await stream.closed;
    expect(await isReset(peer)).toBe(true);
  });
});

describe('destroy', () => {
  test('resets: the peer does not take it for an end', async () => {
    const { stream, peer } = await socketPair();
    await stream.write(numbered(1_000));
    const read = stream.read();
    stream.destroy();
    await expect(read).rejects.toBeInstanceOf(ClosedError);
    await expect(stream.write(new Uint8Array(1))).rejects.toBeInstanceOf(ClosedError);
    await stream.closed;
    expect(await isReset(peer)).toBe(true);
    stream.destroy();
    expect((await stream.close()).ended).toBe('reset');
  });

  test('a write that waits is not reported as done', async () => {
    const { stream } = await socketPair();
    const written = stream.write(new Uint8Array(tooMuch));
    await turnsOfTheEventLoop();
    stream.destroy();
    await expect(written).rejects.toBeInstanceOf(ClosedError);
  });

  test('behind our own end it takes nothing away', async () => {
    const { stream, peer } = await socketPair();
    // More than fits into the peer's kernel: the rest is still in ours.
    await stream.write(numbered(200_000));
    await stream.closeWrite();
    stream.destroy();
    const { bytes, ended } = await receiveAll(peer);
    expect(bytes.equals(numbered(200_000))).toBe(true);
    expect(ended).toBe('end');
  });
});
