// What there is in TLS 1.2 alone; the rest of it is in clients.test.ts and servers.test.ts.

import { describe, expect, test } from 'vitest';
import { type ClientSession, MemorySessionCache } from '../src/index.ts';
import { expectExchange } from './support/expectations.ts';
import { gnutlsClientWith, gnutlsServerWith } from './support/gnutls.ts';
import { alertText } from './support/names.ts';
import { opensslClientWith, opensslServer, opensslServerWith } from './support/openssl.ts';
import type { PeerClient, PeerServer } from './support/peer.ts';
import { clients, missing, servers } from './support/peers.ts';
import { certificates } from './support/run.ts';
import { connectTo, roots, serveTo } from './support/tacit.ts';

const version = 'TLSv1.2';
const bySha256 = { signatureSchemes: ['ecdsa_secp256r1_sha256'] } as const;
const otherCurves = ['p384', 'p521'] as const;

for (const { peer, missing } of clients) {
  const client: PeerClient = { ...peer, version };
  const { dropsExtendedMasterSecret, mixesCurvesAndHashes } = client.abilities;
  const title = `${client.name} to Tacit, ${version}${missing ? ` (${missing})` : ''}`;
  describe.skipIf(missing !== undefined)(title, () => {
    test.skipIf(!dropsExtendedMasterSecret)('without extended master secret nothing is resumed', async () => {
      const exchange = await serveTo(client, { withoutExtendedMasterSecret: true, connections: 2 });
      expectExchange(exchange, [{ extendedMasterSecret: false }, { extendedMasterSecret: false }]);
    });

    test.skipIf(!dropsExtendedMasterSecret)('the extended master secret is required', async () => {
      const options = { requireExtendedMasterSecret: true };
      const { failure, peer } = await serveTo(client, { withoutExtendedMasterSecret: true }, options);
      expect(failure).toMatchObject({ direction: 'sent', alert: 'handshake_failure' });
      expect(peer[0]!.error).toMatch(alertText('handshake_failure'));
    });

    test.skipIf(!mixesCurvesAndHashes).each(otherCurves)('SHA-256 by a key on %s', async (curve) => {
      const run = { identity: certificates.client(curve) };
      const required = { clientAuthentication: 'require', ca: roots() } as const;
      const exchange = await serveTo(client, run, { ...required, ...bySha256 });
      expectExchange(exchange);
      expect(exchange.tacit[0]!.info.peerSignatureScheme).toBe('ecdsa_secp256r1_sha256');
    });
  });
}

for (const { peer, missing } of servers) {
  const server: PeerServer = { ...peer, version };
  const { dropsExtendedMasterSecret, mixesCurvesAndHashes, resumesById } = server.abilities;
  const title = `Tacit to ${server.name}, ${version}${missing ? ` (${missing})` : ''}`;
  describe.skipIf(missing !== undefined)(title, () => {
    test.skipIf(!dropsExtendedMasterSecret)('without extended master secret nothing is resumed', async () => {
      const exchange = await connectTo(server, { withoutExtendedMasterSecret: true, connections: 2 });
      expectExchange(exchange, [{ extendedMasterSecret: false }, { extendedMasterSecret: false }]);
    });

    test.skipIf(!dropsExtendedMasterSecret)('the extended master secret is required', async () => {
      const options = { requireExtendedMasterSecret: true };
      const { failure, peer } = await connectTo(server, { withoutExtendedMasterSecret: true }, options);
      expect(failure).toMatchObject({ direction: 'sent', alert: 'handshake_failure' });
      expect(peer[0]!.error).toMatch(server.abilities.namesAlerts ? alertText('handshake_failure') : /alert/);
    });

    test.skipIf(!resumesById)('resumed by its session ID, and again', async () => {
      const sessions = new WatchedSessions();
      const exchange = await connectTo(server, { withoutTickets: true, connections: 3 }, { sessions });
      expectExchange(exchange, [{}, { resumed: true }, { resumed: true }]);
      expect(sessions.kinds).toEqual(['session ID', 'session ID', 'session ID']);
    });

    test('resumed by its ticket', async () => {
      const sessions = new WatchedSessions();
      const exchange = await connectTo(server, { connections: 2 }, { sessions });
      expectExchange(exchange, [{}, { resumed: true }]);
      expect(sessions.kinds).toEqual(['ticket', 'ticket']);
    });

    test.skipIf(!mixesCurvesAndHashes).each(otherCurves)('SHA-256 by a key on %s', async (curve) => {
      const exchange = await connectTo(server, { identity: certificates.server(curve) }, bySha256);
      expectExchange(exchange);
      expect(exchange.tacit[0]!.info.peerSignatureScheme).toBe('ecdsa_secp256r1_sha256');
    });
  });
}

/** Says of each session what the server is to know it by. */
class WatchedSessions extends MemorySessionCache {
  readonly kinds: string[] = [];

  override put(session: ClientSession): void {
    const byId = session.protocolVersion === 'TLSv1.2' && session.sessionId.length > 0;
    this.kinds.push(byId ? 'session ID' : 'ticket');
    super.put(session);
  }
}

const noOpenssl = missing('openssl');
describe.skipIf(noOpenssl !== undefined)(`openssl, ${version}${noOpenssl ? ` (${noOpenssl})` : ''}`, () => {
  test('a request to renegotiate is passed over', async () => {
    expectExchange(await connectTo({ ...opensslServer, version }, { asksToRenegotiate: true }));
  });

  test.each(['AES256-GCM-SHA384', 'ECDHE-ECDSA-AES128-SHA256'])('%s alone is refused', async (cipher) => {
    const only = ['-cipher', cipher];
    const served = await serveTo({ ...opensslClientWith(...only), version }, {});
    expect(served.failure).toMatchObject({ direction: 'sent', alert: 'handshake_failure' });
    expect(served.peer[0]!.error).toMatch(alertText('handshake_failure'));
    const connected = await connectTo({ ...opensslServerWith(...only), version }, {});
    expect(connected.failure).toMatchObject({ direction: 'received', alert: 'handshake_failure' });
  });
});

const withoutRenegotiationInfo = '%DISABLE_SAFE_RENEGOTIATION';
const noClient = missing('gnutls-cli');
test.skipIf(noClient !== undefined)(
  `gnutls-cli without renegotiation_info to Tacit${noClient ? ` (${noClient})` : ''}`,
  async () => {
    expectExchange(await serveTo({ ...gnutlsClientWith(withoutRenegotiationInfo), version }, {}));
  },
);

// Every other server here has it: Tacit would refuse to talk to it.
const noServer = missing('gnutls-serv');
test.skipIf(noServer !== undefined)(
  `Tacit to gnutls-serv without renegotiation_info${noServer ? ` (${noServer})` : ''}`,
  async () => {
    const server: PeerServer = { ...gnutlsServerWith(withoutRenegotiationInfo), version };
    const { failure, peer } = await connectTo(server, {});
    expect(failure).toMatchObject({ direction: 'sent', alert: 'handshake_failure' });
    expect(peer[0]!.error).toMatch(/alert/);
  },
);
