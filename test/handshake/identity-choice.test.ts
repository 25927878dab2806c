import { generateKeyPairSync } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { equalBytes } from '../../src/base/bytes.ts';
import { nodeSigner } from '../../src/crypto/node/signer.ts';
import type { SignatureScheme } from '../../src/crypto/provider.ts';
import type { Identity, ServerIdentity, TrustPolicy } from '../../src/handshake/identity.ts';
import { type ClientHelloExtensions, decodeClientHello, encodeClientHello } from '../../src/wire/hello.ts';
import { decodeCertificateRequest, encodeCertificateRequest } from '../../src/wire/messages.ts';
import {
  clientCertificate,
  intermediateCertificate,
  rootCertificate,
  serverCertificate,
  type TestCertificate,
  type TestKeyType,
} from '../support/certificates.ts';
import { field } from '../support/crl.ts';
import { clientConfig, type Endpoint, serverConfig, trustAll } from '../support/engine.ts';
import {
  alteringClient,
  alteringServer,
  bothDone,
  clientOf,
  type Edit,
  outcomeOf,
  refusedByServer,
  serverOf,
} from '../support/handshake.ts';

let root: TestCertificate;
let other: TestCertificate;
const identities = new Map<string, Identity>();

function identityOf(...chain: readonly TestCertificate[]): Identity {
  return { chain: chain.map(({ der }) => der), signer: nodeSigner(chain[0]!.key) };
}

async function add(label: string, names: readonly string[], key: TestKeyType = 'ed25519'): Promise<void> {
  identities.set(label, identityOf(await serverCertificate(root, { names, key, subject: `CN=${label}` })));
}

function named(...labels: readonly string[]): Identity[] {
  return labels.map((label) => identities.get(label)!);
}

beforeAll(async () => {
  root = await rootCertificate();
  other = await rootCertificate({ subject: 'CN=Other Root', key: 'p384' });
  await add('default', ['default.example']);
  await add('a', ['a.example', 'also-a.example']);
  await add('a rsa', ['a.example'], 'rsa2048');
  await add('wildcard', ['*.b.example', '*.top']);
  await add('exact', ['x.b.example']);
  await add('exact rsa', ['y.b.example'], 'rsa2048');
  await add('address', ['192.0.2.1']);
  const leaf = (issuer: TestCertificate): Promise<TestCertificate> =>
    serverCertificate(issuer, { key: 'ed25519' });
  identities.set('by p256', identityOf(await leaf(root)));
  identities.set('by p384', identityOf(await leaf(other)));
  identities.set('by p384 with root', identityOf(await leaf(other), root));
  const middle = await intermediateCertificate(root);
  identities.set('below', identityOf(await clientCertificate(middle, { key: 'ed25519' }), middle));
});

/** Which of these identities the client is shown. */
async function shownTo(client: Endpoint, identity: readonly ServerIdentity[]): Promise<string | undefined> {
  expect(outcomeOf(client, serverOf(await serverConfig({ identity })))).toEqual(bothDone);
  const [leaf] = client.info.peerCertificates;
  for (const [label, { chain }] of identities) if (equalBytes(chain[0]!, leaf!)) return label;
  return undefined;
}

function shown(
  host: string,
  identity: readonly ServerIdentity[],
  client: Parameters<typeof clientConfig>[0] = {},
): Promise<string | undefined> {
  return shownTo(clientOf(clientConfig(client), { host }), identity);
}

/** What a client of localhost is shown that has these extensions in its ClientHello. */
function shownWith(
  extensions: Partial<ClientHelloExtensions>,
  identity: readonly ServerIdentity[],
): Promise<string | undefined> {
  const edit: Edit = (message) => {
    const hello = decodeClientHello(message.subarray(4));
    const { order: _, ...before } = hello.extensions;
    return encodeClientHello({ ...hello, extensions: { ...before, ...extensions } });
  };
  return shownTo(alteringClient(clientConfig(), 'client_hello', edit), identity);
}

describe('a server of several identities chooses', () => {
  it('by server_name, whatever its case', async () => {
    const all = named('default', 'a', 'exact');
    expect(await shown('a.example', all)).toBe('a');
    expect(await shown('ALSO-A.example', all)).toBe('a');
    expect(await shown('x.b.example', all)).toBe('exact');
    expect(await shown('default.example', all)).toBe('default');
  });

  it('an exact name before a wildcard, whatever their order', async () => {
    for (const all of [named('default', 'wildcard', 'exact'), named('exact', 'wildcard', 'default')]) {
      expect(await shown('x.b.example', all)).toBe('exact');
      expect(await shown('z.b.example', all)).toBe('wildcard');
    }
  });

  it('the first for a client that names nobody, or somebody else', async () => {
    const all = named('default', 'a', 'wildcard', 'address');
    expect(await shownTo(clientOf(clientConfig(), { host: 'a.example', serverName: '' }), all)).toBe(
      'default',
    );
    for (const host of ['192.0.2.1', 'b.example', 'q.z.b.example', 'top', 'z.top', 'localhost'])
      expect(await shown(host, all), host).toBe('default');
  });

  it('by what the client can verify, and then by their order', async () => {
    const rsa = { signatureSchemes: ['rsa_pss_rsae_sha256'] } as const;
    expect(await shown('a.example', named('a', 'a rsa'))).toBe('a');
    expect(await shown('a.example', named('a rsa', 'a'))).toBe('a rsa');
    expect(await shown('a.example', named('a', 'a rsa'), rsa)).toBe('a rsa');
    const ed25519 = { signatureSchemes: ['ed25519'] } as const;
    expect(await shown('y.b.example', named('wildcard', 'exact rsa'), ed25519)).toBe('wildcard');
    expect(await shown('nobody.test', named('a', 'a rsa'), rsa)).toBe('a rsa');
  });

  it('none that the client cannot verify: handshake_failure', async () => {
    const client = clientOf(clientConfig({ signatureSchemes: ['ecdsa_secp256r1_sha256'] }), {
      host: 'a.example',
    });
    const server = serverOf(await serverConfig({ identity: named('a', 'a rsa', 'default') }));
    expect(outcomeOf(client, server)).toEqual(refusedByServer('handshake_failure'));
  });

  it('by how its chain is signed, where signature_algorithms_cert says so; else the first', async () => {
    const accepting = (code: number, ...labels: string[]): Promise<string | undefined> =>
      shownWith({ signature_algorithms_cert: [code] }, named(...labels));
    expect(await accepting(0x0503, 'by p256', 'by p384')).toBe('by p384');
    expect(await accepting(0x0403, 'by p384', 'by p256')).toBe('by p256');
    // The signature of a root is verified by nobody.
    expect(await accepting(0x0503, 'by p256', 'by p384 with root')).toBe('by p384 with root');
    expect(await accepting(0x0804, 'by p384', 'by p256')).toBe('by p384');
    // Without it signature_algorithms says both.
    const both = { signature_algorithms: [0x0807, 0x0403], signature_algorithms_cert: undefined };
    expect(await shownWith(both, named('by p384', 'by p256'))).toBe('by p256');
  });

  it('by who issued it, where certificate_authorities says so; else the first', async () => {
    const trusting = (authority: TestCertificate, ...labels: string[]): Promise<string | undefined> =>
      shownWith({ certificate_authorities: [field(authority, 5)] }, named(...labels));
    expect(await trusting(other, 'by p256', 'by p384')).toBe('by p384');
    expect(await trusting(root, 'by p384', 'by p256')).toBe('by p256');
    const stranger = await rootCertificate({ subject: 'CN=Stranger' });
    expect(await trusting(stranger, 'by p384', 'by p256')).toBe('by p384');
  });

  it('none where there is none, which is a mistake', async () => {
    await expect(serverConfig({ identity: [] })).rejects.toThrow(/^identity is empty/);
  });
});

describe('how clients are authenticated', () => {
  const required = { clientAuthentication: 'require', clientTrust: trustAll } as const;
  const raw = (): ServerIdentity => {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    const spki = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }));
    return { certificateType: 'RawPublicKey', chain: [spki], signer: nodeSigner(privateKey) };
  };

  /** What becomes of a client without a certificate. */
  async function admitted(
    identity: readonly ServerIdentity[],
    client: Parameters<typeof clientConfig>[0] = {},
    host = 'y.b.example',
  ): Promise<string> {
    const endpoint = clientOf(clientConfig(client), { host });
    return outcomeOf(endpoint, serverOf(await serverConfig({ identity }))).server;
  }

  it('is for the name to say, not for what a client can verify', async () => {
    const [guarded] = named('exact rsa').map((one) => ({ ...one, ...required }));
    const [wildcard] = named('wildcard');
    const all = [guarded!, wildcard!, raw()];
    expect(await admitted(all)).toBe('TLS_CERTIFICATE');
    expect(await admitted(all, { signatureSchemes: ['ed25519'] })).toBe('handshake_failure');
    const trust: TrustPolicy = { ...trustAll, certificateTypes: ['RawPublicKey'] };
    expect(await admitted(all, { trust })).toBe('unsupported_certificate');
    expect(await admitted(all, { trust: { ...trust, certificateTypes: ['RawPublicKey', 'X509'] } })).toBe(
      'TLS_CERTIFICATE',
    );
    // The other names are open, and one that says the same may stand in.
    expect(await admitted(all, {}, 'z.b.example')).toBe('done');
    const alike = [guarded!, { ...wildcard!, ...required }];
    expect(await admitted(alike, { signatureSchemes: ['ed25519'] })).toBe('TLS_CERTIFICATE');
  });

  it('is for the first to say where no name is asked for', async () => {
    const [guarded] = named('a rsa').map((one) => ({ ...one, ...required }));
    const all = [guarded!, ...named('default')];
    expect(await admitted(all, {}, '192.0.2.1')).toBe('TLS_CERTIFICATE');
    expect(await admitted(all, { signatureSchemes: ['ed25519'] }, '192.0.2.1')).toBe('handshake_failure');
  });

  it('cannot be shed by the dot of the root', async () => {
    const [guarded] = named('exact rsa').map((one) => ({ ...one, ...required }));
    const dotted: Edit = (message) => {
      const hello = decodeClientHello(message.subarray(4));
      const { order: _, ...before } = hello.extensions;
      return encodeClientHello({ ...hello, extensions: { ...before, server_name: 'Y.b.example.' } });
    };
    const client = alteringClient(clientConfig(), 'client_hello', dotted);
    const server = serverOf(await serverConfig({ identity: [...named('default'), guarded!] }));
    expect(outcomeOf(client, server).server).toBe('TLS_CERTIFICATE');
    const open = serverOf(await serverConfig({ identity: named('default', 'exact rsa') }));
    expect(outcomeOf(alteringClient(clientConfig(), 'client_hello', dotted), open)).toEqual(bothDone);
    expect(open.info.serverName).toBe('y.b.example');
  });

  it.each<[string, () => readonly ServerIdentity[], RegExp]>([
    [
      'two of one name differ',
      () => [named('a')[0]!, { ...named('a rsa')[0]!, ...required }],
      /^identity: two for a\.example authenticate clients in different ways/,
    ],
    [
      'one trusts clients that nobody asks',
      () => [{ ...named('a')[0]!, clientTrust: trustAll }],
      /^an identity has clientTrust, but clientAuthentication is 'none'/,
    ],
    [
      'one takes a type that does not exist',
      () => [
        { ...named('a')[0]!, ...required, clientTrust: { ...trustAll, certificateTypes: ['raw' as 'X509'] } },
      ],
      /^identity\.clientTrust\.certificateTypes has 'raw'/,
    ],
  ])('is a mistake where %s', async (_, identity, message) => {
    await expect(serverConfig({ identity: identity() })).rejects.toThrow(message);
  });
});

it('the only one of a type is found behind many of another', async () => {
  const many = Array.from({ length: 40 }, () => ({ ...named('default')[0]! }));
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const spki = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }));
  const key: Identity = { certificateType: 'RawPublicKey', chain: [spki], signer: nodeSigner(privateKey) };
  const trust: TrustPolicy = { ...trustAll, certificateTypes: ['RawPublicKey'] };
  const client = clientOf(clientConfig({ trust }), { host: 'nobody.test' });
  expect(outcomeOf(client, serverOf(await serverConfig({ identity: [...many, key] })))).toEqual(bothDone);
  expect(client.info.peerRawPublicKey).toEqual(spki);
});

describe('a client of several identities', () => {
  /** Whom the server sees, that asks with these extensions. */
  async function seen(
    labels: readonly string[],
    asked: { schemes?: readonly SignatureScheme[]; authorities?: readonly TestCertificate[] } = {},
  ): Promise<string | undefined> {
    const client = clientOf(clientConfig({ identity: named(...labels) }));
    const config = await serverConfig({
      clientAuthentication: 'request',
      ...(asked.schemes === undefined ? {} : { signatureSchemes: asked.schemes }),
    });
    const edit: Edit = (message) => {
      const request = decodeCertificateRequest(message.subarray(4));
      const { order: _, ...before } = request.extensions;
      const certificate_authorities = asked.authorities?.map((one) => field(one, 5));
      return encodeCertificateRequest({ ...request, extensions: { ...before, certificate_authorities } });
    };
    const server = alteringServer(config, 'certificate_request', edit);
    expect(outcomeOf(client, server)).toEqual(bothDone);
    const [leaf] = server.info.peerCertificates;
    for (const [label, { chain }] of identities)
      if (leaf !== undefined && equalBytes(chain[0]!, leaf)) return label;
    return undefined;
  }

  it('shows the first that the server can verify', async () => {
    expect(await seen(['by p256', 'a rsa'])).toBe('by p256');
    expect(await seen(['by p256', 'a rsa'], { schemes: ['rsa_pss_rsae_sha256'] })).toBe('a rsa');
    expect(await seen(['by p256', 'a rsa'], { schemes: ['ecdsa_secp521r1_sha512'] })).toBeUndefined();
  });

  it('shows one that an authority of the server has issued, or none', async () => {
    expect(await seen(['by p256', 'by p384'], { authorities: [other] })).toBe('by p384');
    expect(await seen(['by p384', 'by p256'], { authorities: [root, other] })).toBe('by p384');
    expect(await seen(['by p256', 'a'], { authorities: [other] })).toBeUndefined();
    expect(await seen([])).toBeUndefined();
  });

  it('finds an authority anywhere in its chain', async () => {
    expect(await seen(['by p384', 'below'], { authorities: [root] })).toBe('below');
  });

  it('shows no certificate but its only identity to an authority that did not issue it', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    const spki = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }));
    identities.set('raw', { certificateType: 'RawPublicKey', chain: [spki], signer: nodeSigner(privateKey) });
    expect(await seen(['by p256', 'raw'], { authorities: [other] })).toBeUndefined();
    expect(await seen(['by p256', 'raw'], { authorities: [root] })).toBe('by p256');
  });

  it('shows its only one, whatever authorities the server names', async () => {
    expect(await seen(['by p256'], { authorities: [other] })).toBe('by p256');
    expect(await seen(['by p256'], { schemes: ['ecdsa_secp521r1_sha512'] })).toBeUndefined();
  });
});
