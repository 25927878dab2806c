import { describe, expect, test } from 'vitest';
import type { TlsPeerError } from '../../src/base/errors.ts';
import { asksForCertificates, fight, longChain, type Program } from './laws/lockstep.ts';
import { transports } from './support/ends.ts';
import { library } from './support/library.ts';

const writesFirst: Program = async (client) => {
  await client.handshake();
  await client.write(new Uint8Array(10));
};

const readsFirst: Program = async (server) => {
  await server.handshake();
  return server.read();
};

describe.each(transports)('lockstep and its like, over $name: nobody waits for ever', (transport) => {
  test('a client that writes first and a server that reads first', async () => {
    const [, bytes] = await fight(library, {
      transport,
      programs: [writesFirst, readsFirst],
    });
    expect((bytes as Uint8Array).length).toBeGreaterThan(0);
  });

  test('the same with a client that reads only when its program does', async () => {
    await fight(library, {
      transport,
      hasForeignClient: true,
      programs: [writesFirst, readsFirst],
    });
  });

  test('the same with 64 KiB of client certificates', async () => {
    await fight(library, {
      transport,
      client: longChain(4),
      server: asksForCertificates,
      programs: [writesFirst, readsFirst],
    });
  });

  const writesAndCloses: Program = async (stream) => {
    await stream.handshake();
    // One byte at a time takes its time; a lockstep end that nobody reads stops at the first.
    const written = stream.write(new Uint8Array(transport.name.includes('1 byte') ? 2_000 : 200_000));
    await Promise.all([written, stream.close()]);
  };

  test('close against close, each behind a write that waits', async () => {
    await fight(library, {
      transport,
      programs: [writesAndCloses, writesAndCloses],
    });
  });

  test('a client that is writing more certificates than its server takes, and is told so', async () => {
    const [atClient, atServer] = await fight(library, {
      transport,
      client: longChain(6),
      server: asksForCertificates,
      programs: [
        async (client) => {
          await client.handshake();
          await client.read().catch(reasonOf);
          return client.write(new Uint8Array(1)).catch(reasonOf);
        },
        (server) => server.handshake().catch(reasonOf),
      ],
    });
    expect(atServer).toMatchObject({ name: 'TlsPeerError', direction: 'sent' });
    const { alert } = atServer as TlsPeerError;
    expect(atClient).toMatchObject({ name: 'TlsPeerError', direction: 'received', alert });
  });
});

function reasonOf(reason: unknown): unknown {
  return reason;
}
