import { describe, expect, test } from 'vitest';
import type { ByteStream } from '../../src/streams/byte-stream.ts';
import { type TcpDialect, type TcpModelOptions, type TcpModelPair, tcpModelPair } from '../../src/testing.ts';
import { numbered } from '../support/bytes.ts';

/** Everything up to the end or an error, and which it was. */
async function readAll(stream: ByteStream): Promise<{ readonly bytes: number; readonly ended: string }> {
  let bytes = 0;
  try {
    for await (const part of stream) bytes += part.length;
    return { bytes, ended: 'end' };
  } catch (error) {
    return { bytes, ended: codeOf(error) };
  }
}

function codeOf(error: unknown): string {
  const { code, name } = error as { readonly code?: string; readonly name: string };
  return code ?? name;
}

function outcome(call: Promise<unknown>): Promise<string> {
  return call.then(() => 'ok', codeOf);
}

/** The client has uploaded `upload` bytes that nobody has read yet, and the server has written 500 that the client has not read. */
async function upload(bytes: number, options: TcpModelOptions = {}): Promise<TcpModelPair> {
  const pair = tcpModelPair({ receiveBuffer: 14_480, ...options });
  const [client, server] = pair;
  await server.write(new Uint8Array(500));
  await client.write(numbered(bytes));
  await pair.clock.settled();
  return pair;
}

const small = { sendBuffer: 1_000, receiveBuffer: 1_000 };

describe('rule 1: closing with unread bytes sends a reset', () => {
  test('at once, and the peer sees it', async () => {
    const [client, server] = await upload(100);
    client.kernelClose();
    expect(await readAll(server)).toEqual({ bytes: 100, ended: 'ECONNRESET' });
  });

  test('one unread byte is enough, also after an earlier half-close', async () => {
    const { 0: client, 1: server, clock, trace } = tcpModelPair();
    await client.closeWrite();
    await server.write(new Uint8Array(1));
    await clock.settled();
    client.kernelClose();
    await clock.settled();
    expect(await outcome(server.write(new Uint8Array(1)))).toBe('EPIPE');
    expect(trace.entries.filter(({ text }) => text === 'RST')).toHaveLength(1);
  });

  test('a FIN that was received is no byte', async () => {
    const { 0: client, 1: server, clock, trace } = tcpModelPair();
    await server.closeWrite();
    await client.write(new Uint8Array(10));
    await clock.settled();
    client.kernelClose();
    expect(await readAll(server)).toEqual({ bytes: 10, ended: 'end' });
    expect(String(trace)).not.toContain('RST');
  });
});

describe('rule 2: a reset destroys what its sender had not sent', () => {
  const lossless = 14_480;

  test('what fits in the window survives under keep, with an error behind it', async () => {
    const [client, server] = await upload(lossless);
    client.kernelClose();
    expect(await readAll(server)).toEqual({ bytes: lossless, ended: 'ECONNRESET' });
  });

  test('what does not fit is lost', async () => {
    const [client, server] = await upload(lossless + 20_000);
    client.kernelClose();
    expect(await readAll(server)).toEqual({ bytes: lossless, ended: 'ECONNRESET' });
  });

  test('under discard, what the receiver has not read is lost too', async () => {
    const { 0: client, 1: server, clock } = await upload(lossless, { dialect: 'discard' });
    client.kernelClose();
    await clock.settled();
    expect(await readAll(server)).toEqual({ bytes: 0, ended: 'ECONNRESET' });
  });

  test('under discard, bytes before a FIN are lost as well, and that is no end', async () => {
    const { 0: client, 1: server, clock } = await upload(100, { dialect: 'discard' });
    await client.closeWrite();
    await clock.settled();
    client.kernelClose();
    await clock.settled();
    expect(await readAll(server)).toEqual({ bytes: 0, ended: 'ECONNRESET' });
  });
});

describe('rule 3: the error goes once, to whoever takes it first', () => {
  test('a raw write takes it: reads give what came before, and then what looks like an end', async () => {
    const { 0: client, 1: server, clock } = await upload(100);
    client.kernelClose();
    await clock.settled();
    expect(() => server.socket.write(new Uint8Array(1))).toThrow('ECONNRESET');
    expect(() => server.socket.write(new Uint8Array(1))).toThrow('EPIPE');
    expect(server.socket.read()).toHaveLength(100);
    expect(server.socket.read()).toBeNull();
  });

  test('a raw read takes it: then come the end and EPIPE', async () => {
    const { 0: client, 1: server, clock } = await upload(100);
    client.kernelClose();
    await clock.settled();
    expect(server.socket.read()).toHaveLength(100);
    expect(() => server.socket.read()).toThrow('ECONNRESET');
    expect(server.socket.read()).toBeNull();
    expect(() => server.socket.write(new Uint8Array(1))).toThrow('EPIPE');
    expect(() => server.socket.shutdown()).toThrow('ENOTCONN');
  });

  test('a stream whose write took it does not take the rest for an end', async () => {
    const { 0: client, 1: server, clock } = await upload(100);
    client.kernelClose();
    await clock.settled();
    expect(await outcome(server.write(new Uint8Array(1)))).toBe('ECONNRESET');
    expect(await readAll(server)).toEqual({ bytes: 100, ended: 'ECONNRESET' });
    expect(await outcome(server.read())).toBe('ECONNRESET');
  });

  test('of a read and a write that both wait, the read takes it, and both fail', async () => {
    const { 0: client, 1: server, clock } = tcpModelPair(small);
    const written = outcome(server.write(new Uint8Array(5_000)));
    const read = outcome(server.read());
    await clock.settled();
    client.kernelClose();
    expect(await Promise.all([read, written])).toEqual(['ECONNRESET', 'ECONNRESET']);
  });
});

describe('rule 4: after a clean close, the first bytes to arrive are answered with a reset', () => {
  test('the first write succeeds, the next one fails', async () => {
    const { 0: client, 1: server, clock } = tcpModelPair();
    client.kernelClose();
    await clock.settled();
    expect(await outcome(server.write(new Uint8Array(10)))).toBe('ok');
    await clock.settled();
    expect(await outcome(server.write(new Uint8Array(10)))).toBe('EPIPE');
  });

  test('what the closed side had not delivered dies', async () => {
    const { 0: client, 1: server, clock } = tcpModelPair(small);
    await client.write(new Uint8Array(2_000));
    client.kernelClose();
    await clock.settled();
    await server.write(new Uint8Array(1));
    await clock.settled();
    expect(await readAll(server)).toEqual({ bytes: 1_000, ended: 'ECONNRESET' });
  });
});

describe('rule 5: once the FIN has been received, a reset cannot hurt reads', () => {
  test('only writes', async () => {
    const { 0: client, 1: server, clock } = await upload(100);
    await client.closeWrite();
    await clock.settled();
    client.kernelClose();
    await clock.settled();
    expect(await outcome(server.write(new Uint8Array(1)))).toBe('EPIPE');
    expect(await readAll(server)).toEqual({ bytes: 100, ended: 'end' });
  });
});

describe('what the error of a reset is called', () => {
  test('EPIPE behind the FIN, ECONNRESET once our own end is on its way or waits', async () => {
    const codes: string[] = [];
    for (const ends of [false, true]) {
      const { 0: client, 1: server, clock } = tcpModelPair(small);
      await server.write(new Uint8Array(1_500));
      await client.closeWrite();
      await clock.settled();
      if (ends) server.socket.shutdown();
      client.kernelClose();
      await clock.settled();
      codes.push(await outcome((async () => server.socket.write(new Uint8Array(1)))()));
    }
    expect(codes).toEqual(['EPIPE', 'ECONNRESET']);
  });
});

describe('rule 6: half-close, drain to the end, close', () => {
  test.each([undefined, 1, 2, 3])('loses nothing, whatever the peer writes (seed %s)', async (seed) => {
    for (const dialect of ['keep', 'discard'] as const) {
      const { 0: client, 1: server } = tcpModelPair({ ...small, seed, latency: 7, dialect });
      const talking = (async () => {
        for (let i = 0; i < 50; i++) await server.write(new Uint8Array(300));
      })();
      const sent = client.write(numbered(40_000));
      const closing = client.close();
      expect(await readAll(server)).toEqual({ bytes: 40_000, ended: 'end' });
      await Promise.all([sent, talking]);
      expect(await server.close()).toEqual({ ended: 'fin', discardedBytes: 0 });
      expect(await closing).toEqual({ ended: 'fin', discardedBytes: 15_000 });
    }
  });

  test('to flush first and drain afterwards deadlocks where both buffers are small', async () => {
    const pair = tcpModelPair(small);
    let finished = 0;
    for (const end of [pair[0], pair[1]]) {
      void (async () => {
        await end.write(new Uint8Array(3_000));
        await end.close();
        finished += 1;
      })();
    }
    await pair.clock.settled();
    expect(finished).toBe(0);
    expect(pair.map((end) => end.pendingWrites)).toEqual([1, 1]);
  });

  test('to drain while the last bytes are flushed does not', async () => {
    const pair = tcpModelPair(small);
    const written = [pair[0], pair[1]].map((end) => end.write(new Uint8Array(3_000)));
    await pair.clock.settled();
    const reports = await Promise.all([pair[0].close(), pair[1].close(), ...written]);
    expect(reports.slice(0, 2)).toEqual([
      { ended: 'fin', discardedBytes: 3_000 },
      { ended: 'fin', discardedBytes: 3_000 },
    ]);
  });
});

describe('rule 7: resets on purpose', () => {
  test('SO_LINGER with zero is always a reset', async () => {
    const { 0: client, 1: server, clock } = tcpModelPair();
    await client.write(new Uint8Array(10));
    await clock.settled();
    client.socket.reset();
    expect(await readAll(server)).toEqual({ bytes: 10, ended: 'ECONNRESET' });
  });

  test('destroy() of a stream is one, unless its end was sent', async () => {
    const first = tcpModelPair();
    first[0].destroy();
    expect(await readAll(first[1])).toEqual({ bytes: 0, ended: 'ECONNRESET' });
    const second = tcpModelPair();
    await second[0].closeWrite();
    second[0].destroy();
    expect(await readAll(second[1])).toEqual({ bytes: 0, ended: 'end' });
  });

  test('half-close and exit is like close', async () => {
    const { 0: client, 1: server, clock } = await upload(30_000, { receiveBuffer: 1_000 });
    await client.closeWrite();
    client.kernelClose();
    await clock.settled();
    expect(await readAll(server)).toEqual({ bytes: 1_000, ended: 'ECONNRESET' });
  });
});

describe('rule 8: closing at a bound while our own bytes are still queued', () => {
  test('a silent peer gets all of them', async () => {
    const { 0: client, 1: server, clock } = tcpModelPair(small);
    await client.write(new Uint8Array(2_000));
    client.kernelClose();
    await clock.settled();
    expect(await readAll(server)).toEqual({ bytes: 2_000, ended: 'end' });
  });

  test('a peer that speaks later loses what was unsent', async () => {
    const { 0: client, 1: server, clock } = tcpModelPair({ ...small, sendBuffer: 4_000 });
    await client.write(new Uint8Array(5_000));
    client.kernelClose();
    await clock.settled();
    await server.read();
    await clock.settled();
    await server.write(new Uint8Array(1));
    await clock.settled();
    expect(await readAll(server)).toEqual({ bytes: 1_000, ended: 'ECONNRESET' });
  });
});

describe('dialects of Node', () => {
  async function read(dialect: TcpDialect): Promise<{ readonly bytes: number; readonly ended: string }> {
    const { 0: client, 1: server, clock } = await upload(34_480, { dialect });
    client.kernelClose();
    await clock.settled();
    return readAll(server);
  }

  test('node20: a reset behind unread bytes is a clean end of a truncated stream', async () => {
    expect(await read('node20')).toEqual({ bytes: 14_480, ended: 'end' });
    expect(await read('keep')).toEqual({ bytes: 14_480, ended: 'ECONNRESET' });
  });

  test('node20: a reset with nothing before it is one', async () => {
    const { 0: client, 1: server } = tcpModelPair({ dialect: 'node20' });
    client.destroy();
    expect(await readAll(server)).toEqual({ bytes: 0, ended: 'ECONNRESET' });
  });

  test('nodeWriteError: a failed write throws away what was received', async () => {
    for (const [dialect, bytes] of [
      ['nodeWriteError', 0],
      ['keep', 100],
    ] as const) {
      const { 0: client, 1: server, clock } = await upload(100, { dialect });
      client.kernelClose();
      await clock.settled();
      expect(await outcome(server.write(new Uint8Array(1)))).toBe('ECONNRESET');
      expect(await readAll(server)).toEqual({ bytes, ended: 'ECONNRESET' });
    }
  });
});

describe('time and buffers', () => {
  test('everything travels for the latency', async () => {
    const { 0: client, 1: server, clock } = tcpModelPair({ latency: 20 });
    await client.write(new Uint8Array(1));
    expect(clock.now).toBe(0);
    await server.read();
    expect(clock.now).toBe(20);
    await server.closeWrite();
    expect(await client.read()).toBeNull();
    expect(clock.now).toBe(40);
  });

  test('a write waits once both buffers are full, and goes on as the peer reads', async () => {
    const { 0: client, 1: server, clock } = tcpModelPair(small);
    await client.write(new Uint8Array(2_000));
    let isDone = false;
    const written = client.write(new Uint8Array(10)).then(() => {
      isDone = true;
    });
    await clock.settled();
    expect(isDone).toBe(false);
    expect([client.socket.unsent, server.socket.unread]).toEqual([1_000, 1_000]);
    await server.read();
    await written;
  });

  test('the same seed gives the same run, another seed another one', async () => {
    const run = async (seed: number): Promise<string> => {
      const { 0: client, 1: server, trace } = tcpModelPair({ ...small, seed, latency: 9 });
      const closing = client.write(numbered(9_000)).then(() => client.close());
      await server.write(numbered(700));
      await readAll(server);
      await server.close();
      await closing;
      return String(trace);
    };
    const first = await run(1);
    expect(await run(1)).toBe(first);
    expect(await run(2)).not.toBe(first);
  });

  test('a seed varies how long segments are, and how long they take', async () => {
    const arrows = async (
      seed: number | undefined,
    ): Promise<readonly (readonly [number | undefined, number])[]> => {
      const { 0: client, clock, trace } = tcpModelPair({ seed, latency: 100 });
      for (let i = 0; i < 20; i++) await client.write(new Uint8Array(100));
      await clock.settled();
      return trace.entries.flatMap((entry) => (entry.kind === 'arrow' ? [[entry.bytes, entry.arrives]] : []));
    };
    expect(await arrows(undefined)).toEqual(Array(20).fill([100, 100]));
    const varied = await arrows(5);
    expect(new Set(varied.map(([bytes]) => bytes)).size).toBeGreaterThan(5);
    expect(new Set(varied.map(([, arrives]) => arrives)).size).toBeGreaterThan(3);
    expect(varied.reduce((sum, [bytes = 0]) => sum + bytes, 0)).toBe(2_000);
  });

  test('refuses buffers and latencies that there cannot be', () => {
    expect(() => tcpModelPair({ sendBuffer: 0 })).toThrow(RangeError);
    expect(() => tcpModelPair({ receiveBuffer: 0 })).toThrow(RangeError);
    expect(() => tcpModelPair({ latency: -1 })).toThrow(RangeError);
  });
});
