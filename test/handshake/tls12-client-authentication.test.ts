import { beforeAll, describe, expect, it } from 'vitest';
import { utf8 } from '../../src/base/bytes.ts';
import type { ClientSettings, ServerSettings } from '../../src/connection/config.ts';
import { nodeSigner } from '../../src/crypto/node/signer.ts';
import type { CertificateRequestInfo } from '../../src/handshake/config.ts';
import type { Identity, PeerChain } from '../../src/handshake/identity.ts';
import { decodeCertificateVerify, encodeCertificateVerify } from '../../src/wire/messages.ts';
import {
  decodeTls12CertificateRequest,
  encodeTls12Certificate,
  encodeTls12CertificateRequest,
  type Tls12CertificateRequest,
} from '../../src/wire/tls12-messages.ts';
import { clientCertificate, rootCertificate, type TestKeyType } from '../support/certificates.ts';
import {
  clientConfig,
  clientIdentity,
  endOfTime,
  type Pair,
  serverConfig,
  serverIdentity,
  trustAll,
} from '../support/engine.ts';
import {
  altering,
  alteringServer,
  bothDone,
  clientOf,
  outcome,
  outcomeOf,
  refusedByClient,
  refusedByServer,
  serverOf,
  settle,
} from '../support/handshake.ts';
import { ed25519Key, spkiOf } from '../support/public-keys.ts';
import { plaintextMessagesOf, tls12Only } from '../support/tls12.ts';

let identity: Identity;

beforeAll(async () => {
  identity = await clientIdentity();
});

async function clientWithKey(type: TestKeyType): Promise<Identity> {
  const { der, key } = await clientCertificate(await rootCertificate(), { key: type });
  return { chain: [der], signer: nodeSigner(key) };
}

async function run(
  client: Partial<ClientSettings>,
  server: Partial<ServerSettings>,
): Promise<Pair & { readonly fate: ReturnType<typeof outcome> }> {
  const pair = {
    client: clientOf(clientConfig({ ...tls12Only, ...client })),
    server: serverOf(await serverConfig({ ...tls12Only, ...server })),
  };
  await settle(pair);
  return { ...pair, fate: outcome(pair) };
}

/** What a client that is asked like this hears, and what comes of what it chooses. */
async function asked(
  edit: (request: Tls12CertificateRequest) => Tls12CertificateRequest,
  client: Partial<ClientSettings> = {},
): Promise<{
  readonly heard: CertificateRequestInfo[];
  readonly fate: ReturnType<typeof outcome>;
  readonly pair: Pair;
}> {
  const heard: CertificateRequestInfo[] = [];
  const settings: Partial<ClientSettings> = {
    identity: (request) => {
      heard.push(request);
      return undefined;
    },
    ...client,
  };
  const config = await serverConfig({ ...tls12Only, clientAuthentication: 'request' });
  const server = alteringServer(config, 'certificate_request', (message) =>
    encodeTls12CertificateRequest(edit(decodeTls12CertificateRequest(message.subarray(4)))),
  );
  const pair = { client: clientOf(clientConfig({ ...tls12Only, ...settings })), server };
  return { heard, fate: outcomeOf(pair.client, pair.server), pair };
}

describe('a server that authenticates its clients', () => {
  it.each(['request', 'require'] as const)(
    'by %s gets a certificate, and its scheme',
    async (clientAuthentication) => {
      const { fate, server } = await run({ identity }, { clientAuthentication });
      expect(fate).toEqual(bothDone);
      expect(server.info).toMatchObject({ peerCertificates: identity.chain, peerSignatureScheme: 'ed25519' });
    },
  );

  it.each<[TestKeyType, string]>([
    ['p256', 'ecdsa_secp256r1_sha256'],
    ['p384', 'ecdsa_secp384r1_sha384'],
    ['p521', 'ecdsa_secp521r1_sha512'],
    ['rsa2048', 'rsa_pss_rsae_sha256'],
    ['rsaPss2048', 'rsa_pss_pss_sha256'],
  ])('whatever cipher suite there is, takes a key of type %s', async (type, scheme) => {
    const { fate, server } = await run(
      { identity: await clientWithKey(type) },
      { clientAuthentication: 'require' },
    );
    expect(fate).toEqual(bothDone);
    expect(server.info.peerSignatureScheme).toBe(scheme);
    expect(server.info.cipherSuite).toMatch(/ECDSA/);
  });

  it('takes PKCS#1 where it accepts nothing better of an RSA key', async () => {
    const { fate, server } = await run(
      { identity: await clientWithKey('rsa2048') },
      { clientAuthentication: 'require', signatureSchemes: ['rsa_pkcs1_sha256'] },
    );
    expect(fate).toEqual(bothDone);
    expect(server.info.peerSignatureScheme).toBe('rsa_pkcs1_sha256');
  });

  it('judges the chain as one of a client, without a name', async () => {
    const judged: PeerChain[] = [];
    const verify = (peer: PeerChain): { trusted: true; validUntil: number } => {
      judged.push(peer);
      return { trusted: true, validUntil: endOfTime };
    };
    const clientTrust = { fingerprint: utf8('judging'), verify };
    await run({ identity }, { clientAuthentication: 'require', clientTrust });
    expect(judged).toMatchObject([
      { certificateType: 'X509', chain: identity.chain, purpose: 'client', host: undefined },
    ]);
  });

  it('takes none where it only requests one, and refuses that where it requires one', async () => {
    const requested = await run({}, { clientAuthentication: 'request' });
    expect(requested.fate).toEqual(bothDone);
    expect(requested.server.info).toMatchObject({ peerCertificates: [], peerSignatureScheme: undefined });
    const required = await run({}, { clientAuthentication: 'require' });
    expect(required.server.engine.failure).toMatchObject({ code: 'TLS_CERTIFICATE', check: 'missing' });
    expect(required.client.engine.handshakeInfo).toBeUndefined();
  });

  it('asks for none by default, and takes none then: unexpected_message', async () => {
    const { fate, server } = await run({ identity }, {});
    expect(fate).toEqual(bothDone);
    expect(server.info.peerCertificates).toEqual([]);
    const through = altering('client_key_exchange', (message) => [encodeTls12Certificate([]), message]);
    const client = clientOf(clientConfig(tls12Only), { host: 'localhost' }, through);
    expect(outcomeOf(client, serverOf(await serverConfig(tls12Only)))).toEqual(
      refusedByServer('unexpected_message'),
    );
  });

  it('names types, schemes and authorities in its request', async () => {
    const certificateAuthorities = [Uint8Array.of(0x30, 0)];
    const { server } = await run(
      {},
      {
        clientAuthentication: 'request',
        clientTrust: { ...trustAll, certificateAuthorities },
        signatureSchemes: ['rsa_pss_rsae_sha256', 'ed25519'],
      },
    );
    const request = plaintextMessagesOf(server).find(([type]) => type === 13);
    expect(decodeTls12CertificateRequest(request!.subarray(4))).toEqual({
      certificateTypes: [1, 64],
      signatureSchemes: [0x0804, 0x0807],
      certificateAuthorities,
    });
  });

  it('that takes raw public keys alone asks for nothing, or refuses where it requires one', async () => {
    const clientTrust = { ...trustAll, certificateTypes: ['RawPublicKey'] } as const;
    const requested = await run({ identity }, { clientAuthentication: 'request', clientTrust });
    expect(requested.fate).toEqual(bothDone);
    expect(requested.server.info.peerCertificates).toEqual([]);
    const required = await run({ identity }, { clientAuthentication: 'require', clientTrust });
    expect(required.fate).toEqual(refusedByServer('unsupported_certificate'));
  });

  it.each<[string, (message: Uint8Array) => Uint8Array | readonly Uint8Array[], string]>([
    ['of other content', (message) => message.fill(0xff, -1), 'decrypt_error'],
    [
      'with a scheme that was not asked for',
      (message) =>
        encodeCertificateVerify({ ...decodeCertificateVerify(message.subarray(4)), algorithm: 0x0201 }),
      'illegal_parameter',
    ],
    [
      'with a scheme that does not fit the key',
      (message) =>
        encodeCertificateVerify({ ...decodeCertificateVerify(message.subarray(4)), algorithm: 0x0403 }),
      'illegal_parameter',
    ],
    ['that does not come', () => [], 'unexpected_message'],
  ])('refuses a CertificateVerify %s', async (_name, edit, alert) => {
    const through = altering('certificate_verify', (message) => edit(message.slice()));
    const client = clientOf(clientConfig({ ...tls12Only, identity }), { host: 'localhost' }, through);
    const server = serverOf(await serverConfig({ ...tls12Only, clientAuthentication: 'require' }));
    expect(outcomeOf(client, server)).toEqual(refusedByServer(alert));
  });

  it('refuses a CertificateVerify of another handshake: decrypt_error', async () => {
    const settings = { ...tls12Only, identity };
    const config = await serverConfig({ ...tls12Only, clientAuthentication: 'require' });
    const earlier = { client: clientOf(clientConfig(settings)), server: serverOf(config) };
    outcomeOf(earlier.client, earlier.server);
    const verify = plaintextMessagesOf(earlier.client).find(([type]) => type === 15)!;
    const client = clientOf(
      clientConfig(settings),
      { host: 'localhost' },
      altering('certificate_verify', () => verify),
    );
    expect(outcomeOf(client, serverOf(config))).toEqual(refusedByServer('decrypt_error'));
  });
});

describe('a client that is asked', () => {
  it('by a function hears schemes of the types that were named, all schemes for chains, and authorities', async () => {
    const certificateAuthorities = [Uint8Array.of(0x30, 0)];
    const signatureSchemes = [0x0403, 0x0804, 0x0807, 0x0401, 0x0a0a];
    const listed = { signatureSchemes, certificateAuthorities };
    const ecdsa = await asked((request) => ({ ...request, ...listed, certificateTypes: [64] }));
    expect(ecdsa.fate).toEqual(bothDone);
    expect(ecdsa.heard).toEqual([
      {
        signatureSchemes: [0x0403, 0x0807],
        certificateSignatureSchemes: signatureSchemes,
        certificateAuthorities,
      },
    ]);
    const rsa = await asked((request) => ({ ...request, ...listed, certificateTypes: [1, 2] }));
    expect(rsa.heard[0]?.signatureSchemes).toEqual([0x0804, 0x0401]);
  });

  it.each(['at once', 'late'] as const)('by a function that answers %s shows what it chose', async (when) => {
    const { fate, server } = await run(
      { identity: () => (when === 'late' ? Promise.resolve(identity) : identity) },
      { clientAuthentication: 'require' },
    );
    expect(fate).toEqual(bothDone);
    expect(server.info.peerCertificates).toEqual(identity.chain);
  });

  it('may sign late', async () => {
    const { signer } = identity;
    const sign: Identity['signer']['sign'] = (...call) => Promise.resolve(signer.sign(...call));
    const { fate, server } = await run(
      { identity: { ...identity, signer: { ...signer, sign } } },
      { clientAuthentication: 'require' },
    );
    expect(fate).toEqual(bothDone);
    expect(server.info.peerCertificates).toEqual(identity.chain);
  });

  it('shows the one of several whose type was named, and none where no type is its own', async () => {
    const rsaIdentity = await clientWithKey('rsa2048');
    const both = { identity: [identity, rsaIdentity] };
    const { pair } = await asked((request) => ({ ...request, certificateTypes: [1] }), both);
    const certificate = plaintextMessagesOf(pair.client).find(([type]) => type === 11);
    expect(certificate).toEqual(encodeTls12Certificate(rsaIdentity.chain));
    const none = await asked((request) => ({ ...request, certificateTypes: [1] }), { identity });
    expect(none.fate).toEqual(bothDone);
    expect(none.pair.server.info.peerCertificates).toEqual([]);
  });

  it('shows none that has no scheme which the server takes', async () => {
    const { fate, pair } = await asked((request) => ({ ...request, signatureSchemes: [0x0403] }), {
      identity,
    });
    expect(fate).toEqual(bothDone);
    expect(pair.server.info.peerCertificates).toEqual([]);
  });

  it.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('the card is gone');
      },
    ],
    ['rejects', () => Promise.reject(new Error('the card is gone'))],
    ['gives one without certificates', () => ({ ...identity, chain: [] })],
    [
      'gives a raw public key',
      () => {
        const key = ed25519Key();
        return { certificateType: 'RawPublicKey', chain: [spkiOf(key)], signer: nodeSigner(key) };
      },
    ],
  ])('by a function that %s is at fault: internal_error', async (_name, choose) => {
    const { fate } = await run({ identity: choose as () => Identity }, { clientAuthentication: 'request' });
    expect(fate).toEqual({ client: 'TLS_USAGE', server: 'received internal_error' });
  });
});

describe('a server’s function', () => {
  it('may answer late, and its signer too', async () => {
    const own = await serverIdentity();
    const sign: Identity['signer']['sign'] = (...call) => Promise.resolve(own.signer.sign(...call));
    const chosen = { ...own, signer: { ...own.signer, sign } };
    const { fate, client } = await run({}, { identity: () => Promise.resolve(chosen) });
    expect(fate).toEqual(bothDone);
    expect(client.info.peerCertificates).toEqual(own.chain);
  });

  it('that gives an identity without certificates is at fault: internal_error', async () => {
    const { fate } = await run({}, { identity: async () => ({ ...(await serverIdentity()), chain: [] }) });
    expect(fate).toEqual({ server: 'TLS_USAGE', client: 'received internal_error' });
  });

  it('may ask the clients of one identity alone for a certificate', async () => {
    const chosen = {
      ...(await serverIdentity()),
      clientAuthentication: 'require',
      clientTrust: trustAll,
    } as const;
    const { fate, server } = await run({ identity }, { identity: () => chosen });
    expect(fate).toEqual(bothDone);
    expect(server.info.peerCertificates).toEqual(identity.chain);
  });
});

describe('a server’s Certificate and ServerKeyExchange', () => {
  async function fateOfAltered(
    type: 'certificate' | 'server_key_exchange' | 'server_hello_done',
    edit: (message: Uint8Array) => Uint8Array | readonly Uint8Array[],
  ): Promise<ReturnType<typeof outcome>> {
    const server = serverOf(
      await serverConfig(tls12Only),
      altering(type, (message) => edit(message.slice())),
    );
    return outcomeOf(clientOf(clientConfig(tls12Only)), server);
  }

  it.each<[string, Parameters<typeof fateOfAltered>, string]>([
    ['an empty chain', ['certificate', () => encodeTls12Certificate([])], 'decode_error'],
    ['no Certificate', ['certificate', () => []], 'unexpected_message'],
    ['another public value', ['server_key_exchange', (message) => message.fill(9, 10, 20)], 'decrypt_error'],
    ['another signature', ['server_key_exchange', (message) => message.fill(1, -4)], 'decrypt_error'],
    // secp256k1
    [
      'a group that was not offered',
      ['server_key_exchange', (message) => message.fill(0x16, 6, 7)],
      'decrypt_error',
    ],
    ['no ServerKeyExchange', ['server_key_exchange', () => []], 'unexpected_message'],
    ['two of them', ['server_key_exchange', (message) => [message, message]], 'unexpected_message'],
    ['no ServerHelloDone', ['server_hello_done', () => encodeTls12Certificate([])], 'unexpected_message'],
    [
      'more behind ServerHelloDone',
      ['server_hello_done', (message) => [message, Uint8Array.of(14, 0, 0, 0)]],
      'unexpected_message',
    ],
  ])('%s: refused', async (_name, altered, alert) => {
    expect(await fateOfAltered(...altered)).toEqual(refusedByClient(alert));
  });

  it('a chain that is not trusted is refused before the signature is looked at', async () => {
    const trust = { ...trustAll, verify: () => Promise.reject(new Error('nobody is trusted')) };
    const server = serverOf(
      await serverConfig(tls12Only),
      altering('server_key_exchange', (message) => message.slice().fill(1, -4)),
    );
    const pair = { client: clientOf(clientConfig({ ...tls12Only, trust })), server };
    await settle(pair);
    expect(outcome(pair).client).toBe('TLS_CERTIFICATE');
  });
});
