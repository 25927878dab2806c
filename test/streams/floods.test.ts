import { describe, expect, test } from 'vitest';
import { concatBytes } from '../../src/base/bytes.ts';
import { TlsPeerError, TlsTimeoutError } from '../../src/base/errors.ts';
import { contentTypes } from '../../src/wire/names.ts';
import { numbered, readAtLeast } from '../support/bytes.ts';
import { rawStreamPeer } from '../support/raw-stream-peer.ts';
import { connectedPair, testServerConfig, tlsPair } from '../support/tls-endpoints.ts';

const noBytes = new Uint8Array(0);

describe.each(['client', 'server'] as const)('a peer that floods a %s', (role) => {
  test('with two thousand requests for a key update, data between them, hears nothing, and then one acknowledgement', async () => {
    const { stream, transport, raw, heard } = await rawStreamPeer(role);
    // With it go the tickets of a server.
    await stream.write(new TextEncoder().encode('first'));
    expect(heard().flat().at(-1)).toBe('data "first"');
    const reading = readAtLeast(stream, 2_000);
    for (let i = 0; i < 2_000; i++) {
      transport.arrive(concatBytes(raw.keyUpdate('update_requested'), raw.data('x')));
    }
    await reading;
    expect(heard()).toEqual([]);
    await stream.write(new TextEncoder().encode('second'));
    expect(heard()).toEqual([['key_update update_not_requested', 'data "second"']]);
    await stream.write(new TextEncoder().encode('third'));
    expect(heard()).toEqual([['data "third"']]);
  });

  test.each([
    ['requests for a key update', 'keyUpdate'],
    ['empty records', 'empty'],
    ['records of padding', 'padding'],
  ] as const)('with %s and no data is refused', async (_, kind) => {
    const { stream, transport, raw, heard } = await rawStreamPeer(role, {
      [role]: { drain: { timeout: 20 } },
    });
    const waiting = [stream.read(), stream.write(numbered(1)).then(() => stream.read())];
    const record = (): Uint8Array => {
      if (kind === 'keyUpdate') return raw.keyUpdate('update_requested');
      return raw.record(contentTypes.application_data, noBytes, kind === 'padding' ? 100 : 0);
    };
    await waiting[1]?.catch(() => {});
    heard();
    for (let i = 0; i < 33; i++) transport.arrive(record());
    const error = await waiting[0]?.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(TlsPeerError);
    expect(error).toMatchObject({ code: 'TLS_ALERT_SENT', alert: 'unexpected_message', direction: 'sent' });
    await expect(stream.write(numbered(1))).rejects.toBe(error);
    expect(heard()).toEqual([['fatal unexpected_message']]);
    await transport.until(() => transport.calls.includes('close'));
  });

  test('with empty records between data is not', async () => {
    const { stream, transport, raw, heard } = await rawStreamPeer(role);
    const reading = readAtLeast(stream, 200);
    for (let i = 0; i < 200; i++) {
      const empty = Array.from({ length: 32 }, () => raw.data(''));
      transport.arrive(concatBytes(...empty, raw.data('x')));
    }
    expect((await reading).length).toBe(200);
    expect(heard()).toEqual([]);
  });
});

describe('behind a peer that takes nothing', () => {
  test('a thousand writes at once wait, and only the first is sealed', async () => {
    const { client, server, clientTransport } = await connectedPair();
    const before = clientTransport.written;
    clientTransport.isStuck = true;
    const writes = Array.from({ length: 1_000 }, () => client.write(numbered(10_000)));
    await new Promise((resolve) => setImmediate(resolve));
    expect(clientTransport.written - before).toBeLessThan(20_000);
    clientTransport.unstick();
    expect((await readAtLeast(server, 10_000_000)).length).toBe(10_000_000);
    await Promise.all(writes);
  });

  test.each(['sendTickets', 'updateKeys', 'closeWrite'] as const)(
    'close does not wait longer than its bound for %s',
    async (call) => {
      const { server, serverTransport } = await connectedPair({ server: { drain: { timeout: 20 } } });
      serverTransport.isStuck = true;
      const stuck = Promise.allSettled([
        server.write(numbered(10)),
        call === 'sendTickets' ? server.sendTickets(1) : server[call](),
      ]);
      await expect(server.close()).rejects.toMatchObject({ name: 'TlsTimeoutError', deadline: 'drain' });
      for (const { status } of await stuck) expect(status).toBe('rejected');
      expect(serverTransport.isDestroyed).toBe(true);
    },
  );

  test('nor for a write that waits for a handshake that nobody answers', async () => {
    const { client, clientTransport } = tlsPair({ client: { drain: { timeout: 20 } } });
    const writing = client.write(numbered(10)).catch((reason: unknown) => reason);
    const error = await client.close().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(TlsTimeoutError);
    expect(error).toMatchObject({ deadline: 'drain' });
    expect(await writing).toBeInstanceOf(Error);
    expect(clientTransport.isDestroyed).toBe(true);
  });

  test('nor for one that waits for an answer which the caller never gives', async () => {
    const { client, server, serverTransport } = tlsPair({
      server: { drain: { timeout: 20 } },
      serverConfig: testServerConfig({ identity: () => new Promise(() => {}) }),
    });
    void client.handshake().catch(() => {});
    const writing = server.write(numbered(10)).catch((reason: unknown) => reason);
    await expect(server.close()).rejects.toMatchObject({ name: 'TlsTimeoutError', deadline: 'drain' });
    expect(await writing).toBeInstanceOf(Error);
    expect(serverTransport.isDestroyed).toBe(true);
  });
});
