import { sign } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ClientSettings, ServerSettings } from '../../src/connection/config.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import type { CryptoProvider, NamedGroup } from '../../src/crypto/provider.ts';
import { certificateSignatureSchemes } from '../../src/handshake/client-hello.ts';
import type { ClientHelloInfo } from '../../src/handshake/config.ts';
import type { Identity, PeerChain } from '../../src/handshake/identity.ts';
import { tls12CipherSuites } from '../../src/keys/tls12-cipher-suites.ts';
import { contentTypes, handshakeTypeName } from '../../src/wire/names.ts';
import {
  decodeClientKeyExchange,
  decodeServerKeyExchange,
  encodeClientKeyExchange,
} from '../../src/wire/tls12-messages.ts';
import { rootCertificate, serverCertificate, type TestKeyType } from '../support/certificates.ts';
import {
  clientConfig,
  endOfTime,
  type Pair,
  pump,
  serverConfig,
  summary,
  trustAll,
} from '../support/engine.ts';
import {
  altering,
  alteringClient,
  alteringServer,
  bothDone,
  clientOf,
  type outcome,
  outcomeOf,
  refusedByClient,
  refusedByServer,
  serverOf,
} from '../support/handshake.ts';
import { splitRecords } from '../support/raw-peer.ts';
import {
  editedClientHello,
  editedServerHello,
  identityWithKey,
  plaintextMessagesOf,
  tls12Only,
} from '../support/tls12.ts';

const keyTypes = ['ed25519', 'p256', 'p384', 'p521', 'rsa2048', 'rsaPss2048'] as const;
const identities = new Map<TestKeyType, Identity>();

beforeAll(async () => {
  for (const type of keyTypes) identities.set(type, await identityWithKey(type));
});

function identityFor(type: TestKeyType): Identity {
  const identity = identities.get(type);
  if (!identity) throw new Error(`there is no identity with a key of type ${type}`);
  return identity;
}

/** What comes of a client and a server that speak TLS 1.2 alone. */
async function run(
  client: Partial<ClientSettings> = {},
  server: Partial<ServerSettings> = {},
): Promise<Pair & { readonly fate: ReturnType<typeof outcome> }> {
  const pair = {
    client: clientOf(clientConfig({ ...tls12Only, ...client })),
    server: serverOf(await serverConfig({ ...tls12Only, ...server })),
  };
  return { ...pair, fate: outcomeOf(pair.client, pair.server) };
}

function namesOf(messages: readonly Uint8Array[]): string[] {
  return messages.map(([type = 0]) => handshakeTypeName(type));
}

describe('a full handshake', () => {
  it.each(Object.values(tls12CipherSuites))(
    'with $name: data both ways',
    async ({ name, authentication }) => {
      const identity = identityFor(authentication === 'rsa' ? 'rsa2048' : 'p256');
      const { client, server, fate } = await run({ cipherSuites: [name] }, { identity });
      expect(fate).toEqual(bothDone);
      for (const { info } of [client, server])
        expect(info).toMatchObject({
          protocolVersion: 'TLSv1.2',
          cipherSuite: name,
          group: 'x25519',
          resumed: false,
          helloRetryRequest: false,
          extendedMasterSecret: true,
        });
      client.send('from the client');
      server.send('from the server');
      pump({ client, server });
      expect(summary(server.events)).toEqual(['handshakeDone', 'data "from the client"']);
      expect(summary(client.events)).toEqual(['handshakeDone', 'session', 'data "from the server"']);
    },
  );

  it.each<NamedGroup>(['x25519', 'secp256r1', 'secp384r1', 'secp521r1'])(
    'with the group %s',
    async (group) => {
      const { client, server, fate } = await run({}, { groups: [group] });
      expect(fate).toEqual(bothDone);
      expect([client.info.group, server.info.group]).toEqual([group, group]);
    },
  );

  it.each<[TestKeyType, string]>([
    ['ed25519', 'ed25519'],
    ['p256', 'ecdsa_secp256r1_sha256'],
    ['p384', 'ecdsa_secp384r1_sha384'],
    ['p521', 'ecdsa_secp521r1_sha512'],
    ['rsa2048', 'rsa_pss_rsae_sha256'],
    ['rsaPss2048', 'rsa_pss_pss_sha256'],
  ])('with a key of type %s is signed with %s', async (type, scheme) => {
    const identity = identityFor(type);
    const { client, server, fate } = await run({}, { identity });
    expect(fate).toEqual(bothDone);
    expect(client.info).toMatchObject({ peerSignatureScheme: scheme, peerCertificates: identity.chain });
    expect(server.info).toMatchObject({ peerSignatureScheme: undefined, peerCertificates: [] });
    expect(client.info.cipherSuite).toBe(
      `TLS_ECDHE_${type.startsWith('rsa') ? 'RSA' : 'ECDSA'}_WITH_AES_128_GCM_SHA256`,
    );
  });

  it.each(['rsa_pkcs1_sha256', 'rsa_pkcs1_sha384', 'rsa_pkcs1_sha512'] as const)(
    'is signed with %s where the client has nothing better',
    async (scheme) => {
      const { client, fate } = await run(
        { signatureSchemes: [scheme] },
        { identity: identityFor('rsa2048') },
      );
      expect(fate).toEqual(bothDone);
      expect(client.info.peerSignatureScheme).toBe(scheme);
    },
  );

  it('has the messages of RFC 5246 figure 1 in one flight each, and all but Finished in the clear', async () => {
    const { client, server } = await run();
    expect(namesOf(plaintextMessagesOf(client))).toEqual(['client_hello', 'client_key_exchange']);
    expect(namesOf(plaintextMessagesOf(server))).toEqual([
      'server_hello',
      'certificate',
      'server_key_exchange',
      'server_hello_done',
      // RFC 5077 §3.3.
      'new_session_ticket',
    ]);
    const { handshake, change_cipher_spec } = contentTypes;
    const types = ({ writes }: Pair['client']): (number | undefined)[][] =>
      writes.map((write) => splitRecords(write).map(([type]) => type));
    expect(types(client)).toEqual([[handshake], [handshake, change_cipher_spec, handshake]]);
    expect(types(server)).toEqual([[handshake], [handshake, change_cipher_spec, handshake]]);
  });

  it('takes fresh random values and public values each time', async () => {
    const [one, two] = [await run(), await run()];
    const hello = ({ server }: Pair): Uint8Array => plaintextMessagesOf(server)[0]!.subarray(6, 38);
    const publicValue = ({ server }: Pair): Uint8Array =>
      decodeServerKeyExchange(plaintextMessagesOf(server)[2]!.subarray(4)).publicValue;
    expect(hello(one)).not.toEqual(hello(two));
    expect(publicValue(one)).not.toEqual(publicValue(two));
    expect(plaintextMessagesOf(one.client)[1]).not.toEqual(plaintextMessagesOf(two.client)[1]);
  });

  it('judges the server’s chain for the host, before anything that it has signed', async () => {
    const judged: PeerChain[] = [];
    const trust = {
      ...trustAll,
      verify: (peer: PeerChain) => {
        judged.push(peer);
        return { trusted: true, validUntil: endOfTime } as const;
      },
    };
    const { client } = await run({ trust });
    expect(judged).toMatchObject([
      { certificateType: 'X509', purpose: 'server', host: 'localhost', chain: client.info.peerCertificates },
    ]);
  });
});

describe('what is negotiated', () => {
  it('the server’s first cipher suite that the client has and its key goes with', async () => {
    const { client } = await run(
      {
        cipherSuites: [
          'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256',
          'TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256',
        ],
      },
      {
        identity: identityFor('rsa2048'),
        cipherSuites: [
          'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384',
          'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384',
          'TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256',
          'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256',
        ],
      },
    );
    expect(client.info.cipherSuite).toBe('TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256');
  });

  it('the identity of several that a cipher suite of the client’s goes with', async () => {
    const settings = { identity: [identityFor('p256'), identityFor('rsa2048')] };
    const rsa = await run({ cipherSuites: ['TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384'] }, settings);
    expect(rsa.fate).toEqual(bothDone);
    expect(rsa.client.info.peerCertificates).toEqual(identityFor('rsa2048').chain);
    const any = await run({}, settings);
    expect(any.client.info.peerCertificates).toEqual(identityFor('p256').chain);
  });

  it('an identity whose key is on a curve of the client’s (RFC 8422 §5.1.1)', async () => {
    const settings = { identity: [identityFor('p384'), identityFor('p256'), identityFor('rsa2048')] };
    const { client, fate } = await run({ groups: ['x25519', 'secp256r1'] }, settings);
    expect(fate).toEqual(bothDone);
    expect(client.info.peerCertificates).toEqual(identityFor('p256').chain);
    const alone = await run({ groups: ['x25519', 'secp256r1'] }, { identity: identityFor('p384') });
    expect(alone.fate).toEqual(refusedByServer('handshake_failure'));
  });

  it('a function is told what the client offers, in this version', async () => {
    const heard: ClientHelloInfo[] = [];
    const { fate } = await run(
      {
        alpnProtocols: ['h2'],
        cipherSuites: ['TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256', 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256'],
        groups: ['secp256r1'],
        signatureSchemes: ['rsa_pkcs1_sha256', 'ecdsa_secp256r1_sha256'],
      },
      {
        identity: (hello) => {
          heard.push(hello);
          return identityFor('p256');
        },
      },
    );
    expect(fate).toEqual(bothDone);
    expect(heard).toEqual([
      {
        protocolVersion: 'TLSv1.2',
        serverName: 'localhost',
        alpnProtocols: ['h2'],
        certificateAuthorities: [],
        serverCertificateTypes: ['X509'],
        cipherSuites: [0xc02f, 0xc02b],
        groups: [0x17],
        signatureSchemes: [0x0401, 0x0403],
        certificateSignatureSchemes,
      },
    ]);
  });

  it('ALPN: the server’s first, none without it, no_application_protocol without a common one', async () => {
    const server = { alpnProtocols: ['b', 'a'] };
    const both = await run({ alpnProtocols: ['a', 'b'] }, server);
    expect([both.client.info.alpnProtocol, both.server.info.alpnProtocol]).toEqual(['b', 'b']);
    const none = await run({}, server);
    expect([none.client.info.alpnProtocol, none.server.info.alpnProtocol]).toEqual([undefined, undefined]);
    expect((await run({ alpnProtocols: ['c'] }, server)).fate).toEqual(
      refusedByServer('no_application_protocol'),
    );
  });

  it('server_name: both sides know it, an address is none, and a selector without an answer refuses it', async () => {
    const config = await serverConfig(tls12Only);
    const named = {
      client: clientOf(clientConfig(tls12Only), { host: 'A.example' }),
      server: serverOf(config),
    };
    expect(outcomeOf(named.client, named.server)).toEqual(bothDone);
    expect([named.client.info.serverName, named.server.info.serverName]).toEqual(['A.example', 'a.example']);
    const address = {
      client: clientOf(clientConfig(tls12Only), { host: '127.0.0.1' }),
      server: serverOf(config),
    };
    expect(outcomeOf(address.client, address.server)).toEqual(bothDone);
    expect([address.client.info.serverName, address.server.info.serverName]).toEqual([undefined, undefined]);
    const refused = await run({}, { identity: () => undefined });
    expect(refused.fate).toEqual(refusedByServer('unrecognized_name'));
  });
});

describe('what two sides do not have in common: handshake_failure', () => {
  it.each<[string, Partial<ClientSettings>, TestKeyType]>([
    ['a cipher suite', { cipherSuites: ['TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256'] }, 'rsa2048'],
    ['a cipher suite for the key', { cipherSuites: ['TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256'] }, 'rsa2048'],
    [
      'a cipher suite for an Ed25519 key',
      { cipherSuites: ['TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256'] },
      'ed25519',
    ],
    ['a group', { groups: ['secp521r1'] }, 'ed25519'],
    ['a signature scheme', { signatureSchemes: ['ecdsa_secp256r1_sha256'] }, 'ed25519'],
    ['a signature scheme for RSA', { signatureSchemes: ['ecdsa_secp256r1_sha256'] }, 'rsa2048'],
  ])('%s', async (_name, client, type) => {
    const { fate } = await run(client, {
      identity: identityFor(type),
      groups: ['x25519', 'secp256r1'],
      cipherSuites: ['TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256', 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256'],
    });
    expect(fate).toEqual(refusedByServer('handshake_failure'));
  });
});

describe('a signature of ECDSA in TLS 1.2', () => {
  /** A key on P-256 that signs with SHA-384. */
  async function crossed(): Promise<Identity> {
    const { der, key } = await serverCertificate(await rootCertificate(), { key: 'p256' });
    return {
      chain: [der],
      signer: {
        schemes: ['ecdsa_secp384r1_sha384'],
        sign: (_scheme, content) => new Uint8Array(sign('sha384', content, key)),
      },
    };
  }

  it('names a hash alone: any of our curves goes with it (RFC 9846 §4.3.3)', async () => {
    const { client, fate } = await run({}, { identity: await crossed() });
    expect(fate).toEqual(bothDone);
    expect(client.info.peerSignatureScheme).toBe('ecdsa_secp384r1_sha384');
  });

  it('of a client does so too', async () => {
    const { server, fate } = await run(
      { identity: await crossed() },
      { clientAuthentication: 'require', clientTrust: trustAll },
    );
    expect(fate).toEqual(bothDone);
    expect(server.info.peerSignatureScheme).toBe('ecdsa_secp384r1_sha384');
  });

  it('but a curve that was not offered does not', async () => {
    const { fate } = await run({ groups: ['x25519', 'secp384r1'] }, { identity: await crossed() });
    expect(fate).toEqual(refusedByClient('illegal_parameter'));
  });

  it('nor does it in TLS 1.3', async () => {
    const tls13 = { minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3' } as const;
    const { fate } = await run(tls13, { ...tls13, identity: await crossed() });
    expect(fate).toEqual(refusedByClient('illegal_parameter'));
  });
});

describe('a client refuses what it has not offered, well signed though it is: illegal_parameter', () => {
  it('a group', async () => {
    const adding = (message: Uint8Array): Uint8Array =>
      editedClientHello(message, (hello) => ({
        ...hello,
        extensions: { ...hello.extensions, supported_groups: [0x18] },
      }));
    const config = clientConfig({ ...tls12Only, groups: ['x25519', 'secp256r1'] });
    const client = alteringClient(config, 'client_hello', adding);
    expect(outcomeOf(client, serverOf(await serverConfig(tls12Only)))).toEqual(
      refusedByClient('illegal_parameter'),
    );
  });

  it('a scheme', async () => {
    const adding = (message: Uint8Array): Uint8Array =>
      editedClientHello(message, (hello) => ({
        ...hello,
        extensions: { ...hello.extensions, signature_algorithms: [0x0807] },
      }));
    const config = clientConfig({ ...tls12Only, signatureSchemes: ['ecdsa_secp256r1_sha256'] });
    const client = alteringClient(config, 'client_hello', adding);
    expect(outcomeOf(client, serverOf(await serverConfig(tls12Only)))).toEqual(
      refusedByClient('illegal_parameter'),
    );
  });

  it.each<[string, TestKeyType, number]>([
    ['a scheme of ECDSA with a suite of RSA', 'p256', 0xc02f],
    ['a scheme of RSA with a suite of ECDSA', 'rsa2048', 0xc02b],
  ])('%s', async (_name, type, cipherSuite) => {
    const config = await serverConfig({ ...tls12Only, identity: identityFor(type) });
    const server = alteringServer(config, 'server_hello', (message) =>
      editedServerHello(message, (hello) => ({ ...hello, cipherSuite })),
    );
    expect(outcomeOf(clientOf(clientConfig(tls12Only)), server)).toEqual(
      refusedByClient('illegal_parameter'),
    );
  });
});

describe('a public value that is none of its group: illegal_parameter', () => {
  it.each<[string, NamedGroup, (value: Uint8Array) => Uint8Array]>([
    ['of low order', 'x25519', () => new Uint8Array(32)],
    ['too short', 'x25519', (value) => value.slice(1)],
    ['off the curve', 'secp256r1', () => new Uint8Array(65).fill(4)],
    ['compressed', 'secp256r1', (value) => Uint8Array.of(2, ...value.slice(1, 33))],
  ])('a client’s, %s', async (_name, group, edit) => {
    const through = altering('client_key_exchange', (message) =>
      encodeClientKeyExchange(edit(decodeClientKeyExchange(message.subarray(4)))),
    );
    const client = clientOf(clientConfig(tls12Only), { host: 'localhost' }, through);
    const server = serverOf(await serverConfig({ ...tls12Only, groups: [group] }));
    expect(outcomeOf(client, server)).toEqual(refusedByServer('illegal_parameter'));
  });

  it.each<[string, NamedGroup, (value: Uint8Array) => Uint8Array]>([
    ['of low order', 'x25519', () => new Uint8Array(32)],
    ['too long', 'x25519', (value) => Uint8Array.of(...value, 0)],
    ['off the curve', 'secp256r1', () => new Uint8Array(65).fill(4)],
  ])('a server’s, %s', async (_name, group, edit) => {
    const provider: CryptoProvider = {
      ...nodeCrypto,
      initiateKeyExchange: (name) => {
        const exchange = nodeCrypto.initiateKeyExchange(name);
        return {
          group: name,
          publicValue: edit(exchange.publicValue),
          finish: (value) => exchange.finish(value),
        };
      },
    };
    const { fate } = await run({}, { provider, groups: [group] });
    expect(fate).toEqual(refusedByClient('illegal_parameter'));
  });
});
