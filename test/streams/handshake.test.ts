import { describe, expect, test } from 'vitest';
import { TlsPeerError, TlsTimeoutError, TlsTruncatedError, TlsUsageError } from '../../src/base/errors.ts';
import type { Identity } from '../../src/handshake/identity.ts';
import { BrokenError, ClosedError } from '../../src/streams/errors.ts';
import { Slots } from '../../src/streams/slots.ts';
import { TlsStream } from '../../src/streams/tls-stream.ts';
import { numbered, readAtLeast } from '../support/bytes.ts';
import { memoryStreamPair } from '../support/memory-streams.ts';
import {
  clientIdentity,
  connectedPair,
  peer,
  serverIdentity,
  testClientConfig,
  testServerConfig,
  tlsPair,
  trustAll,
} from '../support/tls-endpoints.ts';

/** A promise of an identity that the test settles, and the signal that goes with the question. */
function laterIdentity() {
  let resolve: (identity: Identity) => void = () => {};
  let reject: (reason: Error) => void = () => {};
  let signal: AbortSignal | undefined;
  let asked: () => void = () => {};
  const question = new Promise<void>((done) => {
    asked = done;
  });
  const identity = new Promise<Identity>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  const serverConfig = testServerConfig({
    identity: (_hello, context) => {
      signal = context.signal;
      asked();
      return identity;
    },
  });
  return { serverConfig, question, resolve, reject, signal: () => signal };
}

describe('the handshake', () => {
  test('does not begin before the first use', async () => {
    const { clientTransport, serverTransport } = tlsPair();
    await Promise.resolve();
    expect(clientTransport.writes).toEqual([]);
    expect(clientTransport.isReading || serverTransport.isReading).toBe(false);
  });

  test('begins with the first read or write', async () => {
    const { client, server } = tlsPair();
    const read = server.read();
    await client.write(numbered(10));
    expect(await read).toEqual(numbered(10));
    expect(client.info?.protocolVersion).toBe('TLSv1.3');
  });

  test('runs once, and everybody shares its outcome', async () => {
    const { client, server, clientTransport } = tlsPair();
    const all = Promise.all([client.handshake(), client.handshake(), server.handshake()]);
    const [first, second] = await all;
    expect(first).toBe(second);
    expect(await client.handshake()).toBe(first);
    // ClientHello, and the last flight.
    expect(clientTransport.writes.length).toBe(2);
  });

  test.each([
    { capacity: 0, chunk: 65_536 },
    { capacity: 1, chunk: 1 },
    { capacity: 65_536, chunk: 1 },
  ])('completes over any transport: %o', async (memory) => {
    const { client, server } = tlsPair({ memory });
    const data = numbered(100);
    const [, , bytes] = await Promise.all([
      client.handshake().then(() => client.write(data)),
      server.handshake(),
      readAtLeast(server, data.length),
    ]);
    expect(bytes).toEqual(data);
  });

  test('reads while its own flight is being written: a 60 KiB client chain on lockstep', async () => {
    const chain = [...clientIdentity.chain, ...Array.from({ length: 60 }, () => new Uint8Array(1_000))];
    const { client, server } = tlsPair({
      memory: { capacity: 0 },
      clientConfig: testClientConfig({ identity: { ...clientIdentity, chain } }),
      serverConfig: testServerConfig({ clientAuthentication: 'require', clientTrust: trustAll }),
    });
    const [info] = await Promise.all([server.handshake(), client.handshake()]);
    expect(info.peerCertificates.length).toBe(61);
  });

  test('a failure is the same error for everybody, at once and later', async () => {
    const { client, server } = tlsPair({
      clientConfig: testClientConfig({ groups: ['x25519'] }),
      serverConfig: testServerConfig({ groups: ['secp256r1'] }),
    });
    const outcomes = await Promise.allSettled([
      server.handshake(),
      server.read(),
      server.write(numbered(1)),
      server.handshake(),
      client.handshake(),
    ]);
    const [first, ...others] = outcomes.map((outcome) => outcome.status === 'rejected' && outcome.reason);
    expect(first).toBeInstanceOf(TlsPeerError);
    for (const reason of others.slice(0, 3)) expect(reason).toBe(first);
    expect(others[3]).toMatchObject({ alert: 'handshake_failure', direction: 'received' });
    await expect(server.read()).rejects.toBe(first);
    await expect(server.write(numbered(1))).rejects.toBe(first);
    await expect(server.closeWrite()).rejects.toBe(first);
    expect(server.failure).toBe(first);
  });

  test('an aborted wait does not stop it', async () => {
    const { client, server } = tlsPair();
    const abort = new AbortController();
    const waiting = client.handshake({ signal: abort.signal });
    abort.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    await Promise.all([client.handshake(), server.handshake()]);
  });

  test('an aborted signal does not start it', async () => {
    const { client, clientTransport } = tlsPair();
    const signal = AbortSignal.abort(new Error('before'));
    await expect(client.handshake({ signal })).rejects.toThrow('before');
    await expect(client.read({ signal })).rejects.toThrow('before');
    await expect(client.write(numbered(1), { signal })).rejects.toThrow('before');
    expect(clientTransport.writes).toEqual([]);
  });

  test('key log lines go to the callback of the configuration', async () => {
    const lines: string[] = [];
    await connectedPair({ clientConfig: testClientConfig({ keyLog: (line) => lines.push(line) }) });
    expect(lines.map((line) => line.split(' ')[0])).toContain('CLIENT_TRAFFIC_SECRET_0');
  });

  test('a key log callback that throws fails the stream, and nobody waits for ever', async () => {
    const thrown = new Error('disk full');
    const { client, server } = tlsPair({
      clientConfig: testClientConfig({
        keyLog: () => {
          throw thrown;
        },
      }),
    });
    void server.handshake().catch(() => {});
    await expect(client.handshake()).rejects.toMatchObject({ name: 'BrokenError', cause: thrown });
    await expect(client.read()).rejects.toBeInstanceOf(BrokenError);
  });
});

describe('a question that is answered later', () => {
  test('lets the handshake go on when it is', async () => {
    const later = laterIdentity();
    const { client, server, serverTransport } = tlsPair({ serverConfig: later.serverConfig });
    const done = Promise.all([client.handshake(), server.handshake()]);
    await later.question;
    expect(serverTransport.writes).toEqual([]);
    await serverTransport.until(() => serverTransport.isReading);
    later.resolve(serverIdentity);
    await done;
  });

  test('refused, it fails the handshake on both sides', async () => {
    const later = laterIdentity();
    const { client, server } = tlsPair({ serverConfig: later.serverConfig });
    const outcomes = Promise.allSettled([client.handshake(), server.handshake()]);
    await later.question;
    later.reject(new Error('HSM gone'));
    const [atClient, atServer] = await outcomes;
    expect(atServer).toMatchObject({ reason: { name: 'TlsUsageError' } });
    expect(atClient.status).toBe('rejected');
  });

  test('is called off where the transport breaks, and a late answer sends nothing', async () => {
    const later = laterIdentity();
    const { client, server, clientTransport, serverTransport } = tlsPair({
      serverConfig: later.serverConfig,
    });
    void client.handshake().catch(() => {});
    const handshake = server.handshake();
    await later.question;
    expect(later.signal()?.aborted).toBe(false);
    clientTransport.destroy();
    await expect(handshake).rejects.toMatchObject({ name: 'BrokenError', code: 'ECONNRESET' });
    expect(later.signal()?.aborted).toBe(true);
    later.resolve(serverIdentity);
    await Promise.resolve();
    expect(serverTransport.writes).toEqual([]);
    expect(serverTransport.isDestroyed).toBe(true);
  });

  test('is called off where the transport ends', async () => {
    const later = laterIdentity();
    const { client, server, clientTransport } = tlsPair({ serverConfig: later.serverConfig });
    void client.handshake().catch(() => {});
    const handshake = server.handshake();
    await later.question;
    await clientTransport.closeWrite();
    await expect(handshake).rejects.toBeInstanceOf(TlsTruncatedError);
    expect(later.signal()?.aborted).toBe(true);
  });

  test('is called off by destroy', async () => {
    const later = laterIdentity();
    const { client, server } = tlsPair({ serverConfig: later.serverConfig });
    void client.handshake().catch(() => {});
    const handshake = server.handshake();
    await later.question;
    server.destroy();
    await expect(handshake).rejects.toBeInstanceOf(ClosedError);
    expect(later.signal()?.aborted).toBe(true);
  });
});

describe('handshakes in flight', () => {
  test('above the limit, the oldest unfinished one is dropped without a byte, its question called off', async () => {
    let dropped = 0;
    const slots = new Slots(2, () => {
      dropped += 1;
    });
    const server = { handshakeSlots: slots };
    const later = laterIdentity();
    const done = await connectedPair({ server });
    expect(slots.size).toBe(0);
    const asking = tlsPair({ server, serverConfig: later.serverConfig });
    const refused = asking.client.handshake();
    const handshake = asking.server.handshake();
    for (const promise of [refused, handshake]) promise.catch(() => {});
    await later.question;
    const unused = tlsPair({ server });
    expect({ dropped, size: slots.size }).toEqual({ dropped: 0, size: 2 });
    const [transport] = memoryStreamPair();
    const next = TlsStream.server(transport, testServerConfig(), server);
    expect({ dropped, size: slots.size }).toEqual({ dropped: 1, size: 2 });
    await expect(handshake).rejects.toBeInstanceOf(BrokenError);
    await expect(handshake).rejects.toThrow('more than 2 were in flight');
    await expect(asking.server.read()).rejects.toThrow('more than 2');
    expect(later.signal()?.aborted).toBe(true);
    later.resolve(serverIdentity);
    await expect(refused).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(asking.serverTransport.writes).toEqual([]);
    expect(asking.serverTransport.calls).toEqual(['destroy']);
    // One that nobody used yet is in flight too.
    await Promise.all([unused.client.handshake(), unused.server.handshake()]);
    expect(slots.size).toBe(1);
    next.destroy();
    await expect(next.handshake()).rejects.toBeInstanceOf(ClosedError);
    expect(slots.size).toBe(0);
    const read = done.server.read();
    await done.client.write(numbered(3));
    expect(await read).toEqual(numbered(3));
  });
});

describe('the time for the handshake', () => {
  test('is over: everybody gets one TlsTimeoutError, the peer is told, the transport is given back', async () => {
    const later = laterIdentity();
    const { client, server, serverTransport } = tlsPair({
      serverConfig: later.serverConfig,
      server: { handshakeTimeout: 20 },
    });
    const [atServer, read, atClient] = await Promise.allSettled([
      server.handshake(),
      server.read(),
      client.handshake(),
    ]);
    const { reason } = atServer as PromiseRejectedResult;
    expect(reason).toBeInstanceOf(TlsTimeoutError);
    expect(reason).toMatchObject({ deadline: 'handshake' });
    expect(read).toMatchObject({ reason });
    expect(atClient.status).toBe('rejected');
    expect(later.signal()?.aborted).toBe(true);
    await serverTransport.until(() => serverTransport.calls.length > 0);
    expect(serverTransport.calls[0]).toBe('closeWrite');
  });

  test('begins on a server with the connection, even if nobody uses it', async () => {
    const { server, serverTransport } = tlsPair({ server: { handshakeTimeout: 20, drain: { timeout: 20 } } });
    await serverTransport.until(() => serverTransport.isDestroyed);
    await expect(server.read()).rejects.toBeInstanceOf(TlsTimeoutError);
    expect(serverTransport.writes).toEqual([]);
  });

  test('begins on a client with the first use', async () => {
    const [transport] = memoryStreamPair();
    const client = TlsStream.client(transport, testClientConfig(), peer, { handshakeTimeout: 20 });
    await expect(client.read()).rejects.toBeInstanceOf(TlsTimeoutError);
  });

  test('does not count behind the handshake', async () => {
    const { client, server } = await connectedPair({
      client: { handshakeTimeout: 30 },
      server: { handshakeTimeout: 30 },
    });
    await new Promise((resolve) => setTimeout(resolve, 60));
    const read = server.read();
    await client.write(numbered(3));
    expect(await read).toEqual(numbered(3));
  });
});

test('options that are no times or sizes are mistakes', () => {
  expect(() => tlsPair({ client: { handshakeTimeout: -1 } })).toThrow(/^handshakeTimeout: /);
  expect(() => tlsPair({ client: { handshakeTimeout: Number.NaN } })).toThrow(TlsUsageError);
  expect(() => tlsPair({ client: { drain: { timeout: -1 } } })).toThrow(/^drain.timeout: /);
  expect(() => tlsPair({ client: { drain: { bytes: Number.NaN } } })).toThrow(/^drain.bytes: /);
});

test('a broken transport breaks the handshake for everybody, and is given back', async () => {
  const { client, clientTransport, serverTransport } = tlsPair();
  const waiting = Promise.allSettled([client.handshake(), client.read(), client.write(numbered(1))]);
  serverTransport.destroy();
  for (const outcome of await waiting) {
    expect(outcome).toMatchObject({ reason: { name: 'BrokenError', code: 'ECONNRESET' } });
  }
  expect(clientTransport.isDestroyed).toBe(true);
});

test('a transport that takes nothing any more breaks the handshake although it can be read', async () => {
  const { client, clientTransport } = tlsPair();
  clientTransport.breakWrites('EPIPE');
  await expect(client.handshake()).rejects.toMatchObject({ name: 'BrokenError', code: 'EPIPE' });
});

test('a transport that ends during the handshake is truncated, also for a tolerant reader', async () => {
  const { client, serverTransport } = tlsPair({ client: { truncation: 'tolerate' } });
  const waiting = client.read();
  await serverTransport.closeWrite();
  await expect(waiting).rejects.toBeInstanceOf(TlsTruncatedError);
});

test('bytes that were read before TLS began belong to it', async () => {
  const [clientTransport, serverTransport] = memoryStreamPair();
  const client = TlsStream.client(clientTransport, testClientConfig(), peer);
  const handshake = client.handshake();
  const preread = await serverTransport.read();
  const server = TlsStream.server(serverTransport, testServerConfig(), { preread: preread ?? undefined });
  await Promise.all([handshake, server.handshake()]);
});

test('keying material is the same at both ends, and a mistake before the handshake', async () => {
  const { client, server } = tlsPair();
  const context = numbered(4);
  expect(() => client.exportKeyingMaterial('EXPERIMENTAL-x', context, 32)).toThrow(TlsUsageError);
  await Promise.all([client.handshake(), server.handshake()]);
  const material = client.exportKeyingMaterial('EXPERIMENTAL-x', context, 32);
  expect(material).toEqual(server.exportKeyingMaterial('EXPERIMENTAL-x', context, 32));
});
