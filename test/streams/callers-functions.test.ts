import { describe, expect, test } from 'vitest';
import { TlsUsageError } from '../../src/base/errors.ts';
import type { ServerConfig } from '../../src/handshake/config.ts';
import type { ServerSessionStore } from '../../src/sessions/session-store.ts';
import { BrokenError } from '../../src/streams/errors.ts';
import type { TlsStream } from '../../src/streams/tls-stream.ts';
import { turn } from '../../src/testing/turn.ts';
import { numbered, readAtLeast } from '../support/bytes.ts';
import {
  connectedPair,
  serverIdentity,
  type TlsPair,
  testClientConfig,
  testServerConfig,
  tlsPair,
} from '../support/tls-endpoints.ts';
import { unhandledRejections } from '../support/unhandled.ts';

/** Something of the caller's that fails, at the worst time, is never anybody else's loss. */

function destroy({ client, server }: TlsPair): void {
  client.destroy();
  server.destroy();
}

async function someTurns(): Promise<void> {
  for (let i = 0; i < 10; i++) await turn();
}

function withStore(put: ServerSessionStore['put']): ServerConfig {
  return testServerConfig({ tickets: { keeper: { kind: 'store', put, get: () => undefined } } });
}

describe('a session store that fails later', () => {
  const serverConfig = withStore(() => Promise.reject(new Error('the store is down')));

  test('costs nothing where the tickets ride with a close', async () => {
    const unhandled = await unhandledRejections(async () => {
      const { client, server } = await connectedPair({ serverConfig });
      const closed = client.close();
      expect(await server.read()).toBeNull();
      await server.close();
      await closed;
    });
    expect(unhandled).toEqual([]);
  });

  test.each([
    ['behind the peer’s end', 0],
    ['with nobody reading', 200_000],
  ])('costs nothing %s', async (_, unread) => {
    const unhandled = await unhandledRejections(async () => {
      const pair = await connectedPair({ serverConfig, memory: { capacity: 1_000_000 } });
      await pair.client.write(numbered(unread));
      await pair.client.closeWrite();
      await pair.server.write(numbered(1));
      await pair.client.read();
      destroy(pair);
    });
    expect(unhandled).toEqual([]);
  });
});

test.each([
  ['behind the peer’s end', 0],
  ['with nobody reading', 200_000],
])('tickets that a store has taken in leave with a later write, also %s', async (_, unread) => {
  const stored: (() => void)[] = [];
  const sessions: unknown[] = [];
  const pair = await connectedPair({
    serverConfig: withStore(() => new Promise<void>((resolve) => stored.push(resolve))),
    clientConfig: testClientConfig({
      sessions: { put: (session) => sessions.push(session), take: () => undefined },
    }),
    memory: { capacity: 1_000_000 },
  });
  await pair.client.write(numbered(unread));
  if (unread === 0) await pair.client.closeWrite();
  await pair.server.write(numbered(1));
  await pair.client.read();
  expect([stored.length, sessions.length]).toEqual([2, 0]);
  for (const done of stored) done();
  await someTurns();
  await pair.server.write(numbered(1));
  await pair.client.read();
  expect(sessions.length).toBe(2);
  destroy(pair);
});

describe('a question whose connection ends before it is answered', () => {
  const sign = (): Promise<never> => Promise.reject(new Error('the HSM is busy'));
  const identity = { chain: serverIdentity.chain, signer: { schemes: serverIdentity.signer.schemes, sign } };

  test('by a key log that fails', async () => {
    const keyLog = (): never => {
      throw new Error('the disk is full');
    };
    const unhandled = await unhandledRejections(async () => {
      const pair = tlsPair({ serverConfig: testServerConfig({ identity, keyLog }) });
      await Promise.allSettled([pair.client.handshake(), pair.server.handshake()]);
      destroy(pair);
    });
    expect(unhandled).toEqual([]);
  });

  test('by a key log, or a choice of identities, that destroys the stream', async () => {
    const unhandled = await unhandledRejections(async () => {
      let pair: TlsPair | undefined;
      const keyLog = (): void => pair?.server.destroy();
      const choose = async (): Promise<never> => {
        pair?.server.destroy();
        throw new Error('nobody');
      };
      for (const settings of [{ identity, keyLog }, { identity: choose }]) {
        pair = tlsPair({ serverConfig: testServerConfig(settings) });
        await Promise.allSettled([pair.client.handshake(), pair.server.handshake()]);
        destroy(pair);
      }
    });
    expect(unhandled).toEqual([]);
  });
});

describe('a clock that fails', () => {
  async function pairWithClock(): Promise<TlsPair & { readonly breakClock: () => void }> {
    let isBroken = false;
    const now = (): number => {
      if (isBroken) throw new Error('no time');
      return Date.now();
    };
    const pair = await connectedPair({ serverConfig: testServerConfig({ now }) });
    return {
      ...pair,
      breakClock: () => {
        isBroken = true;
      },
    };
  }

  test('costs tickets, not the write, and leaves nothing behind for a read to send', async () => {
    const pair = await pairWithClock();
    await pair.client.updateKeys();
    await pair.client.write(numbered(1));
    await pair.server.read();
    pair.breakClock();
    await pair.server.write(numbered(3));
    expect(await pair.client.read()).toEqual(numbered(3));
    const before = pair.serverTransport.writes.length;
    await pair.client.write(numbered(1));
    await pair.server.read();
    await someTurns();
    expect(pair.serverTransport.writes.length).toBe(before);
    destroy(pair);
  });

  test('costs no close', async () => {
    const pair = await pairWithClock();
    const closed = pair.client.close();
    expect(await pair.server.read()).toBeNull();
    pair.breakClock();
    expect(await pair.server.close()).toMatchObject({ ended: 'close_notify' });
    expect(await closed).toMatchObject({ ended: 'close_notify' });
  });
});

test('a client’s cache that fails costs a resumption, not the connection', async () => {
  const put = (): never => {
    throw new Error('the cache is full');
  };
  const pair = await connectedPair({
    clientConfig: testClientConfig({ sessions: { put, take: () => undefined } }),
  });
  const before = pair.clientTransport.writes.length;
  await pair.server.write(numbered(5));
  expect(await pair.client.read()).toEqual(numbered(5));
  expect(pair.clientTransport.writes.length).toBe(before);
  destroy(pair);
});

test.each([
  ['text'],
  [null],
  [undefined],
  [new ArrayBuffer(3)],
  [[1, 2]],
  [new Uint16Array([1, 2, 300])],
  [[numbered(200_000), null]],
])('what is no bytes is a mistake at the call, and nothing is sent: %#', async (data) => {
  const pair = await connectedPair();
  const before = pair.clientTransport.writes.length;
  await expect(pair.client.write(data as never)).rejects.toBeInstanceOf(TlsUsageError);
  expect(pair.clientTransport.writes.length).toBe(before);
  await pair.client.write(numbered(3));
  expect(await readAtLeast(pair.server, 3)).toEqual(numbered(3));
  destroy(pair);
});

test('a transport that gives something else than bytes breaks the stream, and nobody waits', async () => {
  const pair = tlsPair();
  pair.clientTransport.read = async () => undefined as never;
  const unhandled = await unhandledRejections(async () => {
    await expect(pair.client.handshake()).rejects.toMatchObject({ name: 'BrokenError' });
  });
  expect(unhandled).toEqual([]);
  destroy(pair);
});

test('an abort right behind a write that has succeeded breaks nothing', async () => {
  for (let steps = 0; steps < 25; steps++) {
    const pair = await connectedPair();
    const abort = new AbortController();
    let hasSucceeded = false;
    const written = pair.client.write(numbered(5), { signal: abort.signal }).then(
      () => {
        hasSucceeded = true;
      },
      () => {},
    );
    for (let i = 0; i < steps; i++) await Promise.resolve();
    abort.abort(new Error('late'));
    await written;
    const next = await pair.client.write(numbered(1)).then(
      () => true,
      () => false,
    );
    expect({ steps, next }).toEqual({ steps, next: hasSucceeded });
    destroy(pair);
  }
});

describe('a function of the configuration that uses its own stream in the middle of a write', () => {
  const long = 300_000;

  /** A client whose next padding runs `hook` first. */
  async function clientWith(
    hook: (client: TlsStream) => void,
  ): Promise<{ client: TlsStream; received: Promise<string> }> {
    let run: (() => void) | undefined;
    const clientConfig = testClientConfig({
      padding: () => {
        const now = run;
        run = undefined;
        now?.();
        return 0;
      },
    });
    const { client, server } = await connectedPair({ clientConfig });
    run = () => hook(client);
    return { client, received: runsOf(server) };
  }

  test('cannot write into it: writes go out in call order', async () => {
    let inner: Promise<void> | undefined;
    const { client, received } = await clientWith((stream) => {
      inner = stream.write(new Uint8Array(long).fill(66));
    });
    await client.write(new Uint8Array(long).fill(65));
    await inner;
    await client.closeWrite();
    expect(await received).toBe(`65 × ${long}, 66 × ${long}`);
  });

  test('cannot end it before its time', async () => {
    let inner: Promise<void> | undefined;
    const { client, received } = await clientWith((stream) => {
      inner = stream.closeWrite();
    });
    await client.write(new Uint8Array(long).fill(65));
    await inner;
    expect(await received).toBe(`65 × ${long}`);
  });

  test('can abort it', async () => {
    const abort = new AbortController();
    const reason = new Error('enough');
    const { client, received } = await clientWith(() => abort.abort(reason));
    await expect(client.write(new Uint8Array(long), { signal: abort.signal })).rejects.toBe(reason);
    await expect(client.write(new Uint8Array(1))).rejects.toThrow(BrokenError);
    client.destroy();
    await received.catch(() => {});
  });
});

/** What a stream gives to its end, as runs of one byte. */
async function runsOf(stream: TlsStream): Promise<string> {
  const runs: { byte: number; count: number }[] = [];
  for await (const bytes of stream) {
    for (const byte of bytes) {
      const last = runs.at(-1);
      if (last?.byte === byte) last.count += 1;
      else runs.push({ byte, count: 1 });
    }
  }
  return runs.map(({ byte, count }) => `${byte} × ${count}`).join(', ');
}
