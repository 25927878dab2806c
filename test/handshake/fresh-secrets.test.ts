import { beforeAll, describe, expect, it } from 'vitest';
import { toHex, utf8 } from '../../src/base/bytes.ts';
import { TlsCertificateError } from '../../src/base/errors.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import type {
  CryptoProvider,
  KeyExchange,
  KeyExchangeResponse,
  NamedGroup,
} from '../../src/crypto/provider.ts';
import type { Identity, TrustPolicy } from '../../src/handshake/identity.ts';
import type { Flight } from '../../src/handshake/steps.ts';
import { decodeServerHello, encodeClientHello, type ServerHello } from '../../src/wire/hello.ts';
import { clientConfig, clientEndpoint, clientIdentity, serverConfig } from '../support/engine.ts';
import { altering, bothDone, outcomeOf, plaintextMessage, serverOf } from '../support/handshake.ts';
import { helloOf, newHello } from '../support/hello.ts';
import { splitRecords } from '../support/raw-peer.ts';

const groups: readonly NamedGroup[] = ['x25519', 'secp256r1', 'secp384r1', 'secp521r1'];

function distinct(values: readonly (Uint8Array | undefined)[]): number {
  return new Set(values.map((value) => toHex(value ?? new Uint8Array(0)))).size;
}

describe('what serves one connection only', () => {
  it('a client’s key shares, random value and session id are fresh in each', () => {
    const config = clientConfig({ keyShares: groups });
    const hellos = Array.from({ length: 4 }, () => helloOf(clientEndpoint(config)));
    for (const index of groups.keys())
      expect(distinct(hellos.map(({ extensions }) => extensions.key_share?.[index]?.keyExchange))).toBe(4);
    expect(distinct(hellos.map(({ random }) => random))).toBe(4);
    expect(distinct(hellos.map(({ legacySessionId }) => legacySessionId))).toBe(4);
  });

  it('a client’s key share after a HelloRetryRequest is fresh too', async () => {
    const asked: NamedGroup[] = [];
    const provider: CryptoProvider = {
      ...nodeCrypto,
      initiateKeyExchange(group): KeyExchange {
        asked.push(group);
        return nodeCrypto.initiateKeyExchange(group);
      },
    };
    const config = clientConfig({ provider });
    const server = await serverConfig({ groups: ['secp256r1'] });
    for (let i = 0; i < 2; i++) expect(outcomeOf(clientEndpoint(config), serverOf(server))).toEqual(bothDone);
    expect(asked).toEqual(['x25519', 'secp256r1', 'x25519', 'secp256r1']);
  });

  it('a server’s key share and random value are fresh in each, also where the client reuses its own', async () => {
    const config = await serverConfig();
    const reused = plaintextMessage(encodeClientHello(newHello().hello));
    const answers = Array.from({ length: 4 }, () => {
      const server = serverOf(config);
      const [first] = splitRecords(server.receive(reused).output);
      return decodeServerHello(first?.subarray(9) ?? new Uint8Array(0)) as ServerHello;
    });
    expect(distinct(answers.map(({ extensions }) => extensions.key_share?.keyExchange))).toBe(4);
    expect(distinct(answers.map(({ random }) => random))).toBe(4);
  });

  it('a client takes a key share that a server reuses', async () => {
    let pair: KeyExchange | undefined;
    const provider: CryptoProvider = {
      ...nodeCrypto,
      respondToKeyExchange(group, peerShare): KeyExchangeResponse | undefined {
        pair ??= nodeCrypto.initiateKeyExchange(group);
        const sharedSecret = pair.finish(peerShare);
        return sharedSecret && { publicValue: pair.publicValue, sharedSecret };
      },
    };
    const config = await serverConfig({ provider });
    for (let i = 0; i < 2; i++)
      expect(outcomeOf(clientEndpoint(clientConfig()), serverOf(config))).toEqual(bothDone);
  });
});

describe('secrets are wiped when a handshake is over', () => {
  let identity: Identity;

  beforeAll(async () => {
    identity = await clientIdentity();
  });

  /** Shared secrets and traffic secrets, as arrays that the handshake holds. */
  class Watched {
    readonly held: [string, Uint8Array][] = [];

    readonly provider: CryptoProvider = {
      ...nodeCrypto,
      initiateKeyExchange: (group) => {
        const exchange = nodeCrypto.initiateKeyExchange(group);
        return { ...exchange, finish: (share) => this.#keep('shared', exchange.finish(share)) };
      },
      respondToKeyExchange: (group, share) => {
        const response = nodeCrypto.respondToKeyExchange(group, share);
        this.#keep('shared', response?.sharedSecret);
        return response;
      },
    };

    readonly through = (flight: Flight): Flight => ({
      ...flight,
      keyLog: (label, random, secret) => {
        this.#keep(label, secret);
        flight.keyLog(label, random, secret);
      },
    });

    /** The names of what is not all zeros. */
    get left(): string[] {
      return this.held.filter(([, secret]) => secret.some((byte) => byte !== 0)).map(([name]) => name);
    }

    #keep(name: string, secret: Uint8Array | undefined): Uint8Array | undefined {
      if (secret) this.held.push([name, secret]);
      return secret;
    }
  }

  const nobody: TrustPolicy = {
    fingerprint: utf8('nobody'),
    verify: () => ({ trusted: false, error: new TlsCertificateError('unknown_issuer', 'unknown') }),
  };

  it('well: all but what the connection goes on with', async () => {
    const [watchedClient, watchedServer] = [new Watched(), new Watched()];
    const client = clientEndpoint(clientConfig({ provider: watchedClient.provider }), watchedClient.through);
    const server = serverOf(await serverConfig({ provider: watchedServer.provider }), watchedServer.through);
    expect(outcomeOf(client, server)).toEqual(bothDone);
    expect(watchedClient.held.length).toBe(6);
    expect(watchedClient.left).toEqual(['EXPORTER_SECRET']);
    expect(watchedServer.held.length).toBe(6);
    expect(watchedServer.left).toEqual(['EXPORTER_SECRET']);
  });

  it('badly, on a client: all of them', async () => {
    for (const type of ['server_hello', 'finished', 'encrypted_extensions'] as const) {
      const watched = new Watched();
      const client = clientEndpoint(clientConfig({ provider: watched.provider }), watched.through);
      const through = altering(type, (message) =>
        message.map((byte, index) => (index === message.length - 1 ? byte ^ 1 : byte)),
      );
      outcomeOf(client, serverOf(await serverConfig(), through));
      expect(client.engine.failure).toBeDefined();
      expect(watched.left, type).toEqual([]);
    }
    const watched = new Watched();
    const client = clientEndpoint(
      clientConfig({ provider: watched.provider, trust: nobody }),
      watched.through,
    );
    outcomeOf(client, serverOf(await serverConfig()));
    expect([watched.held.length, watched.left]).toEqual([3, []]);

    // This one fails behind the server's Finished, when all secrets are there.
    const late = new Watched();
    const settings = { provider: late.provider, identity: { ...identity, chain: [] } };
    outcomeOf(
      clientEndpoint(clientConfig(settings), late.through),
      serverOf(await serverConfig({ clientAuthentication: 'require' })),
    );
    expect([late.held.length, late.left]).toEqual([6, []]);
  });

  it('badly, on a server, or given up: all of them', async () => {
    const watched = new Watched();
    const config = await serverConfig({
      provider: watched.provider,
      clientAuthentication: 'require',
      clientTrust: nobody,
    });
    outcomeOf(clientEndpoint(clientConfig({ identity })), serverOf(config, watched.through));
    expect([watched.held.length, watched.left]).toEqual([6, []]);

    const abandoned = new Watched();
    const server = serverOf(await serverConfig({ provider: abandoned.provider }), abandoned.through);
    server.receive(clientEndpoint(clientConfig()).turn().output);
    expect(abandoned.left.length).toBe(5);
    server.turn((engine) => engine.abandon());
    expect(abandoned.left).toEqual([]);
  });
});
