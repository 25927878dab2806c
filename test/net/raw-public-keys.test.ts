import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { TlsUsageError } from '../../src/base/errors.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import { type ClientOptions, clientConfig, type ServerOptions, serverConfig } from '../../src/net/config.ts';
import { loadIdentity } from '../../src/net/identity.ts';
import type { VerifiedPeer } from '../../src/net/trust.ts';
import {
  rootCertificate,
  serverCertificate,
  type TestCertificate,
  testKey,
} from '../support/certificates.ts';
import { clientEndpoint, type Endpoint, pump, serverEndpoint, startOfTime } from '../support/engine.ts';
import { bothDone, outcome } from '../support/handshake.ts';

let root: TestCertificate;
let leaf: TestCertificate;
const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const other = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const identity = { certificateType: 'RawPublicKey', key: privateKey } as const;

beforeAll(async () => {
  root = await rootCertificate();
  leaf = await serverCertificate(root);
});

function spki(key: KeyObject): Uint8Array {
  return new Uint8Array(key.export({ format: 'der', type: 'spki' }));
}

function pem(key: KeyObject): string {
  return key.export({ format: 'pem', type: 'spki' }).toString();
}

async function handshake(
  client: ClientOptions,
  server: ServerOptions,
): Promise<{
  readonly client: Endpoint;
  readonly server: Endpoint;
  readonly fate: ReturnType<typeof outcome>;
}> {
  const now = (): number => startOfTime;
  const pair = {
    client: clientEndpoint(clientConfig({ now, ...client }, nodeCrypto)),
    server: serverEndpoint(serverConfig({ now, ...server }, nodeCrypto)),
  };
  pump(pair);
  return { ...pair, fate: outcome(pair) };
}

describe('rawPublicKeys', () => {
  test.each([
    ['PEM text', () => pem(publicKey)],
    ['DER', () => spki(publicKey)],
    ['a KeyObject', () => publicKey],
  ])('take %s', async (_, key) => {
    const { fate, client } = await handshake({ rawPublicKeys: [other.publicKey, key()] }, { identity });
    expect(fate).toEqual(bothDone);
    expect(client.info.peerRawPublicKey).toEqual(spki(publicKey));
  });

  test('refuse a key that is not among them', async () => {
    const { fate, client } = await handshake({ rawPublicKeys: [other.publicKey] }, { identity });
    expect(fate).toEqual({ client: 'TLS_CERTIFICATE', server: 'received unknown_ca' });
    expect(client.engine.failure?.message).toMatch(/public key \(SHA-256 [\w+/]{43}=\) is none of/);
  });

  test('trust no certificate, unless `ca` stands beside them', async () => {
    const rawPublicKeys = [publicKey];
    const certificate = { cert: leaf.pem, key: leaf.keyPem };
    const alone = await handshake({ rawPublicKeys }, { identity: certificate });
    expect(alone.fate.client).toBe('received unsupported_certificate');
    const beside = await handshake({ rawPublicKeys, ca: root.pem }, { identity: certificate });
    expect(beside.fate).toEqual(bothDone);
    expect(beside.client.info.peerCertificates).toEqual([leaf.der]);
    const both = await handshake({ rawPublicKeys, ca: root.pem }, { identity: [certificate, identity] });
    expect(both.client.info.peerRawPublicKey).toEqual(spki(publicKey));
    const stranger = await handshake({ rawPublicKeys: [other.publicKey], ca: root.pem }, { identity });
    expect(stranger.fate.client).toBe('TLS_CERTIFICATE');
  });

  test('of clients, with and without their authorities', async () => {
    const server = { identity, clientAuthentication: 'require', rawPublicKeys: [other.publicKey] } as const;
    const own = { certificateType: 'RawPublicKey', key: other.privateKey } as const;
    const trusted = { rawPublicKeys: [publicKey] };
    const good = await handshake({ ...trusted, identity: own }, server);
    expect(good.fate).toEqual(bothDone);
    expect(good.server.info.peerRawPublicKey).toEqual(spki(other.publicKey));
    const wrong = await handshake({ ...trusted, identity }, server);
    expect(wrong.fate).toEqual({ client: 'received unknown_ca', server: 'TLS_CERTIFICATE' });
    const none = await handshake(trusted, server);
    expect(none.fate).toEqual({
      client: 'received unsupported_certificate',
      server: 'unsupported_certificate',
    });
    const either = await handshake({ ...trusted, identity: own }, { ...server, ca: root.pem });
    expect(either.fate).toEqual(bothDone);
  });

  test('are followed by verifyPeer', async () => {
    const seen: VerifiedPeer[] = [];
    const verifyPeer = (peer: VerifiedPeer): boolean => seen.push(peer) > 1;
    const options = { rawPublicKeys: [publicKey], verifyPeer };
    expect((await handshake(options, { identity })).fate.client).toBe('TLS_CERTIFICATE');
    expect((await handshake(options, { identity })).fate).toEqual(bothDone);
    expect(seen[0]).toEqual({ path: [], publicKey: spki(publicKey), purpose: 'server', host: 'localhost' });
  });

  test('of servers are none of clients', () => {
    const { trust } = clientConfig({ rawPublicKeys: [publicKey] }, nodeCrypto);
    const chain = [spki(publicKey)];
    const peer = { certificateType: 'RawPublicKey', chain, host: 'localhost', now: startOfTime } as const;
    const context = { signal: new AbortController().signal };
    expect(trust.verify({ ...peer, purpose: 'server' }, context)).toMatchObject({ trusted: true });
    expect(trust.verify({ ...peer, purpose: 'client' }, context)).toMatchObject({ trusted: false });
  });

  test('are in the fingerprint that sessions are kept under', () => {
    const scopes = [
      {},
      { rawPublicKeys: [publicKey] },
      { rawPublicKeys: [publicKey, other.publicKey] },
      { rawPublicKeys: [publicKey], ca: root.pem },
      { rawPublicKeys: [other.publicKey], ca: root.pem },
    ].map((options) => clientConfig(options, nodeCrypto).sessionScope);
    expect(new Set(scopes).size).toBe(5);
    const [one, two] = [
      [publicKey, other.publicKey],
      [other.publicKey, publicKey],
    ].map((rawPublicKeys) => clientConfig({ rawPublicKeys }, nodeCrypto).sessionScope);
    expect(one).toBe(two);
  });

  test.each<[unknown, RegExp]>([
    [[], /^rawPublicKeys: expected an array of at least one/],
    [publicKey, /^rawPublicKeys: expected an array/],
    [[publicKey, privateKey], /^rawPublicKeys\[1\]: expected a public key, got a private one/],
    [
      [privateKey.export({ format: 'pem', type: 'pkcs8' })],
      /^rawPublicKeys\[0\]: expected PEM text \(PUBLIC KEY\)/,
    ],
    [[pem(publicKey) + pem(other.publicKey)], /^rawPublicKeys\[0\]: expected one public key/],
    [['key.pem'], /^rawPublicKeys\[0\]: expected PEM text/],
    [['-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n'], /^rawPublicKeys\[0\] cannot be read/],
    [[Uint8Array.of(1, 2)], /^rawPublicKeys\[0\]: no public key that Tacit takes/],
    [[createPublicKey(testKey('rsa1024'))], /^rawPublicKeys\[0\]: an RSA key of 1024 bits/],
    [[createPublicKey(testKey('ed448'))], /^rawPublicKeys\[0\]: no public key that Tacit takes/],
  ])('of the wrong kind are named (%#)', (rawPublicKeys, message) => {
    const make = (): unknown => clientConfig({ rawPublicKeys } as unknown as ClientOptions, nodeCrypto);
    expect(make).toThrow(TlsUsageError);
    expect(make).toThrow(message);
  });

  test('go with nothing that would have no effect', () => {
    const rawPublicKeys = [publicKey];
    const pins = [new Uint8Array(32)];
    expect(() => clientConfig({ rawPublicKeys, pins }, nodeCrypto)).toThrow(
      /^pins: it is about certificates/,
    );
    expect(() => clientConfig({ rawPublicKeys, revocation: {} }, nodeCrypto)).toThrow(/^revocation: /);
    const dangerouslyVerifyPeer = () => ({ trusted: true, validUntil: startOfTime }) as const;
    expect(() => clientConfig({ rawPublicKeys, dangerouslyVerifyPeer }, nodeCrypto)).toThrow(
      /^dangerouslyVerifyPeer: it replaces `rawPublicKeys`/,
    );
    expect(() => serverConfig({ identity, rawPublicKeys }, nodeCrypto)).toThrow(/^clientAuthentication: /);
  });
});

describe('an identity of a raw public key', () => {
  test('is its key alone, also from PEM with a passphrase', () => {
    const passphrase = 'secret';
    const key = privateKey
      .export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase })
      .toString();
    const loaded = loadIdentity({ certificateType: 'RawPublicKey', key, passphrase });
    expect(loaded).toMatchObject({ certificateType: 'RawPublicKey', chain: [spki(publicKey)] });
  });

  test('has no certificate, and its type is spelt right', () => {
    const load = (options: object) => (): unknown => loadIdentity(options as typeof identity);
    expect(load({ ...identity, cert: leaf.pem })).toThrow(/^identity: unknown option "cert"/);
    expect(load({ ...identity, ocspResponse: () => undefined })).toThrow(
      /^identity: unknown option "ocspResponse"/,
    );
    expect(load({ ...identity, certificateType: 'rpk' })).toThrow(
      /^identity\.certificateType: expected 'X509' or/,
    );
    expect(load({ certificateType: 'X509', key: privateKey })).toThrow(/^identity\.cert: /);
    const ready = loadIdentity(identity);
    expect(load({ ...ready, certificateType: 'rawPublicKey' })).toThrow(/^identity\.certificateType: /);
    for (const chain of [[leaf.der], [spki(publicKey), spki(publicKey)]])
      expect(load({ ...ready, chain })).toThrow(/^identity\.chain: expected one DER SubjectPublicKeyInfo/);
  });
});
