// Which version of TLS Tacit and the others agree on, and that nobody in the middle chooses it for them.

import { describe, expect, test } from 'vitest';
import type { CommonOptions } from '../src/net/config.ts';
import { downgraded } from './support/downgrade.ts';
import { expectExchange } from './support/expectations.ts';
import { alertText, everyVersion, type Version } from './support/names.ts';
import { opensslClientWith } from './support/openssl.ts';
import type { PeerClient, PeerServer } from './support/peer.ts';
import { clients, missing, servers } from './support/peers.ts';
import { connectTo, serveTo } from './support/tacit.ts';

const limits: readonly (readonly Version[])[] = [['TLSv1.2'], ['TLSv1.3'], everyVersion];

/** Each pair of limits, theirs and ours, and what comes of it. */
const pairs = limits.flatMap((theirs) =>
  limits.map((ours) => {
    const common = theirs.filter((version) => ours.includes(version)).at(-1);
    const options: Pick<CommonOptions, 'minVersion' | 'maxVersion'> = {
      minVersion: ours.at(0),
      maxVersion: ours.at(-1),
    };
    const title = (peer: string): string =>
      `${peer} with ${theirs.join(' and ')}, Tacit with ${ours.join(' and ')}: ${common ?? 'none'}`;
    return { theirs, options, common, title };
  }),
);

for (const { peer: client, missing } of clients) {
  const title = `versions of ${client.name} and a Tacit server${missing ? ` (${missing})` : ''}`;
  describe.skipIf(missing !== undefined)(title, () => {
    for (const { theirs, options, common, title } of pairs) {
      test(title(client.name), async () => {
        const exchange = await serveTo(client, { versions: theirs }, options);
        if (common) return expectExchange(exchange, [{ protocolVersion: common }]);
        expect(exchange.failure).toMatchObject({ direction: 'sent', alert: 'protocol_version' });
        expect(exchange.peer[0]!.error).toMatch(alertText('protocol_version'));
      });
    }

    test('the client notices that both would have spoken TLS 1.3', async () => {
      const behindSomebody: PeerClient = {
        ...client,
        run: async (options) => client.run({ ...options, port: await downgraded(options.port) }),
      };
      const { peer, failure } = await serveTo(behindSomebody, { versions: everyVersion });
      expect(failure).toMatchObject({ direction: 'received', alert: 'illegal_parameter' });
      expect(peer[0]!.error).toBeDefined();
    });
  });
}

for (const { peer: server, missing } of servers) {
  const title = `versions of a Tacit client and ${server.name}${missing ? ` (${missing})` : ''}`;
  describe.skipIf(missing !== undefined)(title, () => {
    for (const { theirs, options, common, title } of pairs) {
      test(title(server.name), async () => {
        const exchange = await connectTo(server, { versions: theirs }, options);
        if (common) return expectExchange(exchange, [{ protocolVersion: common }]);
        const { otherVersion } = server.abilities;
        expect(exchange.failure).toMatchObject({ direction: 'received', alert: otherVersion });
        expect(exchange.peer[0]!.error).toBeDefined();
      });
    }

    test('the client notices that both would have spoken TLS 1.3', async () => {
      const behindSomebody: PeerServer = {
        ...server,
        async start(options) {
          const running = await server.start(options);
          return { ...running, port: await downgraded(running.port) };
        },
      };
      const { peer, failure } = await connectTo(behindSomebody, { versions: everyVersion });
      expect(failure).toMatchObject({ direction: 'sent', alert: 'illegal_parameter' });
      if (server.abilities.namesAlerts) expect(peer[0]!.error).toMatch(alertText('illegal_parameter'));
    });
  });
}

const noOpenssl = missing('openssl');
const fallback = `openssl s_client that says that it fell back${noOpenssl ? ` (${noOpenssl})` : ''}`;
describe.skipIf(noOpenssl !== undefined)(fallback, () => {
  const client: PeerClient = { ...opensslClientWith('-fallback_scsv'), version: 'TLSv1.2' };

  test('is refused where TLS 1.3 is spoken', async () => {
    const { peer, failure } = await serveTo(client, {});
    expect(failure).toMatchObject({ direction: 'sent', alert: 'inappropriate_fallback' });
    expect(peer[0]!.error).toMatch(alertText('inappropriate_fallback'));
  });

  test('is served where it is not', async () => {
    expectExchange(await serveTo(client, {}, { maxVersion: 'TLSv1.2' }));
  });
});
