import { createPublicKey, type KeyObject } from 'node:crypto';
import { equalBytes, toHex } from '../../src/base/bytes.ts';
import { TlsCertificateError } from '../../src/base/errors.ts';
import { createClientConfig, createServerConfig } from '../../src/connection/config.ts';
import { nodeSigner } from '../../src/crypto/node/signer.ts';
import type { ClientConfig, ServerConfig } from '../../src/handshake/config.ts';
import type { Identity, TrustPolicy } from '../../src/handshake/identity.ts';
import { identityKeys } from '../../test/hostile/support/identities.ts';
import { Rehearsal, type Scenario } from '../../test/hostile/support/rehearsal.ts';
import { OneSession } from '../../test/hostile/support/scenarios.ts';
import { testCertificate } from '../../test/support/certificates.ts';
import { makeOcspResponse } from '../../test/support/ocsp.ts';
import { SeededProvider } from '../../test/support/seeded-provider.ts';
import { ed25519 } from './authorities.ts';

/** Kinds of connection that the hostile tests have no scenario for. @param full the plainest of theirs */
export function moreRehearsals({ scenario: full }: Rehearsal): readonly Rehearsal[] {
  return [rawPublicKeys(full), stapled(full), storedSessions(full), recorded(full)];
}

/** Both sides know each other by their keys alone (RFC 7250). */
function rawPublicKeys(full: Scenario): Rehearsal {
  const [client, server] = [rawIdentity(identityKeys.client), rawIdentity(identityKeys.server)];
  return rehearse(
    'raw public keys',
    full,
    { identity: [client], trust: trustIn(server, ['RawPublicKey', 'X509']) },
    {
      identity: server,
      clientAuthentication: 'require',
      clientTrust: trustIn(client, ['RawPublicKey']),
    },
  );
}

/** With the protocol of the connections in `test/recorded`, so that what OpenSSL said there is heard further. */
function recorded(full: Scenario): Rehearsal {
  const alpnProtocols = ['recorded/1'];
  return rehearse('recorded', full, { alpnProtocols }, { alpnProtocols, identity: identityOf(full.server) });
}

/** The server sends an OCSP response along, and both sides want small records (RFC 8449). */
function stapled(full: Scenario): Rehearsal {
  const identity = identityOf(full.server);
  const certificate = testCertificate(identity.chain[0]!, identityKeys.server, 'CN=Test Server');
  const now = full.server.now();
  const ocspResponse = makeOcspResponse(certificate, certificate, {
    signature: ed25519,
    thisUpdate: new Date(now - 1_000_000),
    nextUpdate: new Date(now + 1_000_000),
  });
  return rehearse(
    'stapled',
    full,
    { trust: { ...full.client.trust, requestsOcspResponses: true }, recordSizeLimit: 300 },
    { identity: { ...identity, ocspResponse }, recordSizeLimit: 500 },
  );
}

/** A session comes back that a store has kept. */
function storedSessions(full: Scenario): Rehearsal {
  const states = new Map<string, Uint8Array>();
  const sessions = new OneSession();
  const make = (): Rehearsal =>
    rehearse(
      'stored session',
      full,
      { sessions },
      {
        identity: identityOf(full.server),
        tickets: {
          ...full.server.tickets,
          keeper: {
            kind: 'store',
            // Names come again with each run, and what was kept first is what is offered.
            put(id, state): void {
              if (!states.has(toHex(id))) states.set(toHex(id), state.slice());
            },
            get: (id) => states.get(toHex(id)),
          },
        },
      },
    );
  make();
  sessions.isOffered = true;
  return make();
}

function rehearse(
  name: string,
  full: Scenario,
  client: Partial<ClientConfig>,
  server: Partial<Omit<ServerConfig, 'identity'>> & { readonly identity: Identity },
): Rehearsal {
  const [clientProvider, serverProvider] = [
    new SeededProvider(`${name} client`),
    new SeededProvider(`${name} server`),
  ];
  return new Rehearsal({
    name,
    client: createClientConfig({
      ...full.client,
      sessions: new OneSession(),
      ...client,
      provider: clientProvider,
    }),
    // Keys for tickets of its own, which begin anew with its provider.
    server: createServerConfig({
      ...full.server,
      tickets: { ...full.server.tickets, keeper: undefined },
      ...server,
      provider: serverProvider,
    }),
    restart: () => {
      clientProvider.restart();
      serverProvider.restart();
    },
  });
}

function identityOf({ identity }: ServerConfig): Identity {
  if (typeof identity === 'function') throw new Error('the scenario has no ready identity');
  return identity.all[0]!;
}

function rawIdentity(key: KeyObject): Identity {
  const publicKey = new Uint8Array(createPublicKey(key).export({ format: 'der', type: 'spki' }));
  return { certificateType: 'RawPublicKey', chain: [publicKey], signer: nodeSigner(key) };
}

/** Trusts one key. */
function trustIn(
  { chain: [trusted = new Uint8Array(0)] }: Identity,
  certificateTypes: TrustPolicy['certificateTypes'],
): TrustPolicy {
  return {
    fingerprint: trusted,
    certificateTypes,
    verify: ({ chain: [key = new Uint8Array(0)], now }) =>
      equalBytes(key, trusted)
        ? { trusted: true, validUntil: now + 1e9 }
        : { trusted: false, error: new TlsCertificateError('unknown_issuer', 'not the key that is trusted') },
  };
}
