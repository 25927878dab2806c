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

/** Of TLS 1.2 those that differ most. */
const cases = transports.flatMap((transport) =>
  (['TLSv1.3', 'TLSv1.2'] as const)
    .filter((version) => version === 'TLSv1.3' || !/large|discard|node/.test(transport.name))
    .map((version) => ({ name: transport.name, transport, version })),
);

describe.each(cases)(
  'lockstep and its like, over $name, $version: nobody waits for ever',
  ({ transport, version }) => {
    test('a client that writes first and a server that reads first', async () => {
      const [, bytes] = await fight(library, {
        transport,
        version,
        programs: [writesFirst, readsFirst],
      });
      expect((bytes as Uint8Array).length).toBeGreaterThan(0);
    });

    test('the same with a client that reads only when its program does', async () => {
      await fight(library, {
        transport,
        version,
        hasForeignClient: true,
        programs: [writesFirst, readsFirst],
      });
    });

    test('the same with 64 KiB of client certificates', async () => {
      await fight(library, {
        transport,
        version,
        client: longChain(4),
        server: asksForCertificates,
        programs: [writesFirst, readsFirst],
      });
    });

    const writesAndCloses: Program = async (stream) => {
      await stream.handshake();
      // One byte at a time takes its time; a lockstep end that nobody reads stops at the first.
      const written = stream.write(new Uint8Array(transport.name.includes('1 byte') ? 2_000 : 200_000));
      await Promise.all([version === 'TLSv1.2' ? written.catch(endOfThePeer) : written, stream.close()]);
    };

    test('close against close, each behind a write that waits', async () => {
      await fight(library, {
        transport,
        version,
        programs: [writesAndCloses, writesAndCloses],
      });
    });

    test('a client that is writing more certificates than its server takes, and is told so', async () => {
      const [atClient, atServer] = await fight(library, {
        transport,
        version,
        client: longChain(6),
        server: asksForCertificates,
        programs: [
          async (client) => {
            const handshake = client.handshake();
            // In TLS 1.2 the client is done when the server has taken its certificates.
            if (version === 'TLSv1.2') return handshake.catch(reasonOf);
            await handshake;
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
  },
);

/** What the one writes is not read any more once the other one has closed: TLS 1.2 has no half-close. */
function endOfThePeer(reason: unknown): void {
  if ((reason as TlsPeerError).alert !== 'close_notify') throw reason;
}

function reasonOf(reason: unknown): unknown {
  return reason;
}
