import { beforeAll, describe, expect, test } from 'vitest';
import { TlsCertificateError, TlsUsageError } from '../../src/base/errors.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import type { SignatureScheme } from '../../src/crypto/provider.ts';
import type { CertificateRequestInfo } from '../../src/handshake/config.ts';
import type { Identity, PeerChain, TrustVerdict } from '../../src/handshake/identity.ts';
import { type ClientOptions, clientConfig, type ServerOptions, serverConfig } from '../../src/net/config.ts';
import {
  type CertificateOptions,
  clientCertificate,
  pemChain,
  rootCertificate,
  selfSignedCertificate,
  serverCertificate,
  type TestCertificate,
} from '../support/certificates.ts';
import { field } from '../support/crl.ts';
import { clientEndpoint, type Pair, pump, serverEndpoint, startOfTime, summary } from '../support/engine.ts';

let root: TestCertificate;
let leaf: TestCertificate;
let client: TestCertificate;
const now = (): number => startOfTime;

beforeAll(async () => {
  root = await rootCertificate();
  leaf = await serverCertificate(root);
  client = await clientCertificate(root);
});

function usage(call: () => unknown, pattern: RegExp): void {
  let caught: unknown;
  try {
    call();
  } catch (error) {
    caught = error;
  }
  expect(caught).toBeInstanceOf(TlsUsageError);
  expect((caught as TlsUsageError).message).toMatch(pattern);
}

function own(certificate: TestCertificate): { cert: string; key: string } {
  return { cert: certificate.pem, key: certificate.keyPem };
}

/** Two engines that were configured by options only, after all that they have to say. */
function handshake(clientOptions: ClientOptions, serverOptions: Partial<ServerOptions> = {}): Pair {
  const pair = {
    client: clientEndpoint(clientConfig({ now, ...clientOptions }, nodeCrypto)),
    server: serverEndpoint(serverConfig({ now, identity: own(leaf), ...serverOptions }, nodeCrypto)),
  };
  pump(pair);
  return pair;
}

describe('a handshake by options', () => {
  test('is done where the chain leads to `ca`', () => {
    const pair = handshake({ ca: root.pem });
    expect(pair.client.info.peerCertificates).toEqual([leaf.der]);
    expect(pair.server.info.peerCertificates).toEqual([]);
  });

  test('is done with a self-signed certificate that is in `ca`, whatever it says of itself', async () => {
    const certificate = await selfSignedCertificate();
    const pair = handshake({ ca: certificate.der }, { identity: own(certificate) });
    expect(pair.client.info.peerCertificates).toEqual([certificate.der]);
  });

  test('authenticates a client', () => {
    const options = { clientAuthentication: 'require', ca: root.pem } as const;
    const pair = handshake({ ca: root.pem, identity: own(client) }, options);
    expect(pair.server.info.peerCertificates).toEqual([client.der]);
    const without = handshake({ ca: root.pem }, options);
    expect(summary(without.client.events)).toContain('failed received certificate_required');
    const wrong = handshake({ ca: root.pem, identity: own(leaf) }, options);
    expect(summary(wrong.client.events)).toContain('failed received unsupported_certificate');
  });

  const refused: readonly (readonly [string, string, CertificateOptions])[] = [
    ['expired', 'certificate_expired', { notAfter: new Date(startOfTime - 1000) }],
    ['not_yet_valid', 'certificate_expired', { notBefore: new Date(startOfTime + 1000) }],
    ['name_mismatch', 'bad_certificate', { names: ['other.example'] }],
    ['key_usage', 'unsupported_certificate', { keyUsage: ['keyEncipherment'] }],
    ['extended_key_usage', 'unsupported_certificate', { extendedKeyUsage: ['clientAuth'] }],
    ['not_acceptable', 'certificate_unknown', { ca: true }],
  ];

  test.each(refused)('that is refused as %s tells the server %s', async (check, alert, options) => {
    const certificate = await serverCertificate(root, options);
    const pair = handshake({ ca: root.pem }, { identity: own(certificate) });
    expect(pair.client.engine.failure).toMatchObject({ name: 'TlsCertificateError', check });
    expect(summary(pair.server.events)).toEqual([`failed received ${alert}`]);
  });

  test('by default trusts nobody that Node does not', () => {
    const pair = handshake({});
    expect(pair.client.engine.failure).toMatchObject({ check: 'unknown_issuer' });
    expect(summary(pair.server.events)).toEqual(['failed received unknown_ca']);
  });
});

describe('an option', () => {
  test('that is unknown is named, so that none is given in vain', () => {
    usage(
      () => clientConfig({ rejectUnauthorized: false } as ClientOptions, nodeCrypto),
      /^rejectUnauthorized: /,
    );
    usage(
      () => clientConfig({ clientAuthentication: 'none' } as ClientOptions, nodeCrypto),
      /clientAuthentication/,
    );
    usage(() => serverConfig({ ...own(leaf) } as unknown as ServerOptions, nodeCrypto), /^cert: /);
    const misplaced = { identity: own(leaf), sessions: false } as ServerOptions;
    usage(() => serverConfig(misplaced, nodeCrypto), /^sessions: /);
    usage(() => clientConfig(null as never, nodeCrypto), /object of options/);
  });

  test('that is undefined is as good as none', () => {
    expect(
      clientConfig({ ca: undefined, padding: undefined, identity: undefined }, nodeCrypto).identity,
    ).toEqual([]);
  });

  test('of the wrong kind is named', () => {
    const wrong = (options: object, pattern: RegExp): void => {
      usage(() => clientConfig(options as ClientOptions, nodeCrypto), pattern);
    };
    wrong({ dangerouslyVerifyPeer: true }, /dangerouslyVerifyPeer: expected a function/);
    wrong({ dangerouslyVerifyPeer: false }, /dangerouslyVerifyPeer: expected a function/);
    wrong({ dangerouslyLogKeys: true }, /dangerouslyLogKeys: expected a function/);
    wrong({ now: 5 }, /now: expected a function/);
    wrong({ ca: 'ca.pem' }, /ca: /);
    wrong({ ca: null }, /ca: /);
    wrong({ padding: 0 }, /padding: /);
    wrong({ padding: 1.5 }, /padding: /);
    wrong({ identity: 'cert.pem' }, /identity: /);
    wrong({ identity: { cert: leaf.pem, key: client.keyPem } }, /do not belong together/);
    wrong({ identity: [] }, /^identity: expected at least one/);
    wrong({ identity: [own(client), { cert: leaf.pem }] }, /^identity\[1\]\.key: /);
  });

  test('`padding` as a number pads the inner plaintext to a multiple of it', () => {
    const { padding } = clientConfig({ padding: 16 }, nodeCrypto);
    for (const length of [0, 1, 14, 15, 16, 100]) expect((length + 1 + padding(length)) % 16).toBe(0);
    expect(padding(15)).toBe(0);
    expect(clientConfig({ padding: (length) => length }, nodeCrypto).padding(3)).toBe(3);
  });

  test('`certificateCompression` is on by default, and `[]` switches it off', () => {
    const server: ServerOptions = { identity: own(leaf) };
    expect(clientConfig({}, nodeCrypto).certificateCompression).toEqual(['brotli', 'zlib']);
    expect(serverConfig(server, nodeCrypto).certificateCompression).toEqual(['brotli', 'zlib']);
    for (const certificateCompression of [['zlib'], []] as const) {
      expect(clientConfig({ certificateCompression }, nodeCrypto)).toMatchObject({ certificateCompression });
      const own = serverConfig({ ...server, certificateCompression }, nodeCrypto);
      expect(own).toMatchObject({ certificateCompression });
    }
    const unknown = { certificateCompression: ['zstd'] } as unknown as ClientOptions;
    usage(
      () => clientConfig(unknown, nodeCrypto),
      /certificateCompression has 'zstd'; known are zlib, brotli/,
    );
  });

  test('`dangerouslyLogKeys` is what the configuration logs with, and nothing is logged without it', () => {
    const log = (): void => undefined;
    expect(clientConfig({ dangerouslyLogKeys: log }, nodeCrypto).keyLog).toBe(log);
    expect(clientConfig({}, nodeCrypto).keyLog).toBe(false);
  });
});

describe('who judges clients', () => {
  const identity = (): Identity & { clientAuthentication?: 'require' } => ({
    chain: [leaf.der],
    signer: {
      schemes: ['ecdsa_secp256r1_sha256'] satisfies SignatureScheme[],
      sign: () => new Uint8Array(0),
    },
  });

  test('has to be known where clients are asked, and public authorities are nobody', () => {
    for (const clientAuthentication of ['request', 'require'] as const) {
      usage(
        () => serverConfig({ identity: own(leaf), clientAuthentication }, nodeCrypto),
        /^ca: .*your clients/,
      );
    }
    const asks = { ...identity(), clientAuthentication: 'require' as const };
    usage(() => serverConfig({ identity: asks }, nodeCrypto), /^ca: /);
    expect(serverConfig({ identity: asks, ca: root.pem }, nodeCrypto).clientTrust).toBeDefined();
  });

  test('has nothing to do where no client is asked', () => {
    usage(() => serverConfig({ identity: own(leaf), ca: root.pem }, nodeCrypto), /^clientAuthentication: /);
    // A function may choose an identity that asks.
    expect(serverConfig({ identity, ca: root.pem }, nodeCrypto).clientTrust).toBeDefined();
  });
});

describe('dangerouslyVerifyPeer', () => {
  const verdict = (peer: PeerChain): TrustVerdict => ({ trusted: true, validUntil: peer.now + 1000 });

  test('is all that judges, and is told everything', () => {
    const peers: PeerChain[] = [];
    const pair = handshake({
      dangerouslyVerifyPeer: (peer) => {
        peers.push(peer);
        return verdict(peer);
      },
    });
    expect(pair.client.info.peerCertificates).toEqual([leaf.der]);
    const ocspResponses = [undefined];
    expect(peers).toEqual([
      { chain: [leaf.der], ocspResponses, purpose: 'server', host: 'localhost', now: startOfTime },
    ]);
  });

  test('can refuse', () => {
    const error = new TlsCertificateError('expired', 'too old for me');
    const pair = handshake({ dangerouslyVerifyPeer: () => ({ trusted: false, error }) });
    expect(pair.client.engine.failure).toBe(error);
    expect(summary(pair.server.events)).toEqual(['failed received certificate_expired']);
  });

  test.each([
    undefined,
    true,
    { trusted: true },
    { trusted: true, validUntil: Number.NaN },
    { trusted: 'yes', validUntil: 1 },
    { trusted: false },
    { trusted: false, error: new Error('no') },
  ])('refuses where it gives no verdict: %j', async (careless) => {
    const given = careless as unknown as TrustVerdict;
    const pair = handshake({ dangerouslyVerifyPeer: () => given });
    expect(pair.client.engine.failure).toMatchObject({ check: 'not_acceptable' });
    expect(pair.client.engine.failure?.message).toContain('dangerouslyVerifyPeer');
    expect(summary(pair.server.events)).toEqual(['failed received certificate_unknown']);
    const { trust } = clientConfig({ dangerouslyVerifyPeer: async () => given }, nodeCrypto);
    const peer: PeerChain = { chain: [leaf.der], purpose: 'server', host: 'localhost', now: startOfTime };
    expect(await trust.verify(peer, { signal: new AbortController().signal })).toMatchObject({
      trusted: false,
    });
  });

  test('is not compared with another one, nor given beside `ca`', () => {
    const [a, b] = [verdict, verdict].map((verify) =>
      clientConfig({ dangerouslyVerifyPeer: verify }, nodeCrypto),
    );
    expect(a!.trust.fingerprint).not.toEqual(b!.trust.fingerprint);
    usage(() => clientConfig({ dangerouslyVerifyPeer: verdict, ca: root.pem }, nodeCrypto), /replaces `ca`/);
  });
});

describe('certificate_authorities', () => {
  /** What a client hears that is asked by a server with these authorities. */
  function heard(ca: ServerOptions['ca']): readonly Uint8Array[] | undefined {
    let authorities: readonly Uint8Array[] | undefined;
    const identity = (request: CertificateRequestInfo): undefined => {
      authorities = request.certificateAuthorities;
    };
    handshake({ ca: root.pem, identity }, { identity: own(leaf), clientAuthentication: 'request', ca });
    return authorities;
  }

  test('names whom a server takes clients from, each once', async () => {
    const other = await rootCertificate({ subject: 'CN=Other Root' });
    const again = await rootCertificate({ key: 'p384' });
    expect(heard([root.pem, other.pem, again.pem])).toEqual([field(root, 5), field(other, 5)]);
  });

  test('names the issuer of a client that is trusted itself', async () => {
    const self = await selfSignedCertificate();
    expect(heard([client.der, self.der])).toEqual([field(root, 5), field(self, 5)]);
    const pair = handshake(
      { ca: root.pem, identity: own(client) },
      { identity: own(leaf), clientAuthentication: 'require', ca: client.pem },
    );
    expect(pair.server.info.peerCertificates).toEqual([client.der]);
  });

  test('is left out where there are too many of them', async () => {
    const long = 'x'.repeat(60);
    const subjects = Array.from({ length: 180 }, (_, index) => `CN=${index},O=${long},OU=${long}`);
    const many = await Promise.all(subjects.map((subject) => rootCertificate({ subject, key: root.key })));
    expect(heard([root.pem, ...many.slice(0, 20).map(({ pem }) => pem)])).toHaveLength(21);
    expect(heard([root.pem, ...many.map(({ pem }) => pem)])).toEqual([]);
  });
});

test('of several identities the one for the name is shown, and a client has several too', async () => {
  const other = await serverCertificate(root, { names: ['other.example'] });
  const stranger = await clientCertificate(await rootCertificate({ subject: 'CN=Stranger' }), {
    key: 'p384',
  });
  const pair = handshake(
    { ca: root.pem, identity: [own(stranger), own(client)], signatureSchemes: ['ecdsa_secp256r1_sha256'] },
    {
      identity: [own(other), own(leaf)],
      clientAuthentication: 'require',
      ca: root.pem,
      signatureSchemes: ['ecdsa_secp256r1_sha256'],
    },
  );
  expect(pair.client.info.peerCertificates).toEqual([leaf.der]);
  expect(pair.server.info.peerCertificates).toEqual([client.der]);
});

test('the whole chain of an identity is sent', async () => {
  const pair = handshake({ ca: root.pem }, { identity: { cert: pemChain(leaf, root), key: leaf.key } });
  expect(pair.client.info.peerCertificates).toEqual([leaf.der, root.der]);
});
