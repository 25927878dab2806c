import { afterEach, describe, expect, test } from 'vitest';
import { TlsUsageError } from '../../src/base/errors.ts';
import { BrokenError } from '../../src/streams/errors.ts';
import { numbered } from '../support/bytes.ts';
import { connect, dial, dropEndpoints, droppedByPeer, listen, mute } from '../support/endpoints.ts';
import { turnsOfTheEventLoop } from '../support/sockets.ts';

afterEach(dropEndpoints);

/** What a listener tells about, in order. */
function reports() {
  const errors: Error[] = [];
  return { errors, onError: (error: Error): void => void errors.push(error) };
}

describe('maxConnections', () => {
  test('drops what comes above it, over all addresses, and tells', async () => {
    const { errors, onError } = reports();
    const listener = await listen({ host: ['127.0.0.1', '127.0.0.2'], maxConnections: 2, onError });
    const [first, second] = listener.addresses;
    if (first === undefined || second === undefined) throw new Error('two addresses');
    await mute({ address: first });
    await mute({ address: second });
    await turnsOfTheEventLoop();
    await droppedByPeer(dial(first));
    await droppedByPeer(dial(second));
    expect(errors.map(({ message }) => message)).toEqual([
      'A connection was dropped: more than 2 were open',
      'A connection was dropped: more than 2 were open',
    ]);
    expect(errors[0]).toBeInstanceOf(BrokenError);
    // Those that were there are still good.
    (await listener.accept()).destroy();
    const next = await listener.accept();
    await turnsOfTheEventLoop();
    // A connection that has gone makes room for another one.
    await mute({ address: first });
    await listener.accept();
    next.destroy();
  });

  test('counts those that drain', async () => {
    const { errors, onError } = reports();
    const listener = await listen({ maxConnections: 1, onError });
    const connecting = connect(listener);
    const server = await listener.accept();
    await server.handshake();
    const client = await connecting;
    const closed = server.close();
    expect(await client.read()).toBeNull();
    await droppedByPeer(dial(listener.address));
    expect(errors.length).toBe(1);
    await client.close();
    await closed;
    await turnsOfTheEventLoop();
    await mute(listener);
    await listener.accept();
    expect(errors.length).toBe(1);
  });
});

describe('maxHandshakes', () => {
  test('drops the oldest unfinished handshake, accepted or not, without a byte, and tells', async () => {
    const { errors, onError } = reports();
    let asked = (): void => {};
    const question = new Promise<void>((resolve) => {
      asked = resolve;
    });
    // One question is never answered; the other connections have no such name.
    const identity = async () => {
      asked();
      return new Promise<never>(() => {});
    };
    const listener = await listen({ identity, maxHandshakes: 2, onError });
    const refused = connect(listener).catch((reason: unknown) => reason);
    const asking = await listener.accept();
    const handshake = asking.handshake();
    handshake.catch(() => {});
    await question;
    const second = await mute(listener);
    expect(errors).toEqual([]);
    const third = await mute(listener);
    await expect(handshake).rejects.toThrow('more than 2 were in flight');
    await expect(handshake).rejects.toBeInstanceOf(BrokenError);
    expect(errors).toMatchObject([{ name: 'BrokenError', message: expect.stringContaining('more than 2') }]);
    expect(await refused).toMatchObject({ name: 'BrokenError', code: 'ECONNRESET' });
    // The next to go is the oldest again, though nobody has accepted it.
    await mute(listener);
    await droppedByPeer(second);
    expect(second.bytesRead).toBe(0);
    expect(errors.length).toBe(2);
    const accepted = [await listener.accept(), await listener.accept()];
    expect(accepted.map(({ failure }) => failure)).toEqual([undefined, undefined]);
    expect(third.destroyed).toBe(false);
  });

  test('does not count what is done', async () => {
    const { errors, onError } = reports();
    const listener = await listen({ maxHandshakes: 1, onError });
    for (let i = 0; i < 3; i++) {
      const connecting = connect(listener);
      const server = await listener.accept();
      await server.handshake();
      const client = await connecting;
      await client.write(numbered(10));
      expect(await server.read()).toEqual(numbered(10));
    }
    expect(errors).toEqual([]);
  });
});

describe('maxDraining', () => {
  test('draining connections above the limit are dropped, the oldest first, and reported', async () => {
    const errors: Error[] = [];
    const listener = await listen({ maxDraining: 1, onError: (error) => errors.push(error) });
    const pair = async () => {
      const connecting = connect(listener);
      const server = await listener.accept();
      await server.handshake();
      return { client: await connecting, server };
    };
    const [first, second] = [await pair(), await pair()];
    const closed = first.server.close();
    expect(await first.client.read()).toBeNull();
    const other = second.server.close();
    expect(await closed).toMatchObject({ ended: 'timeout' });
    expect(errors.length).toBe(1);
    await second.client.close();
    expect(await other).toMatchObject({ ended: 'close_notify' });
  });
});

describe('options that are no limits', () => {
  test.each([
    { maxConnections: 0 },
    { maxConnections: 1.5 },
    { maxHandshakes: 0 },
    { maxHandshakes: Number.NaN },
    { maxDraining: -1 },
    { handshakeTimeout: -1 },
    { idleTimeout: 0 },
    { drain: { timeout: Number.NaN } },
    { port: -1 },
    { host: [] },
  ])('are refused before anything is bound: %j', async (options) => {
    const failing = listen(options);
    await expect(failing).rejects.toBeInstanceOf(TlsUsageError);
    await expect(failing).rejects.toThrow(Object.keys(options)[0]);
  });
});
