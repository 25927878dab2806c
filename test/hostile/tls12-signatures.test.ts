import { constants, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { noBytes } from '../../src/base/bytes.ts';
import { nodeSigner } from '../../src/crypto/node/signer.ts';
import type { NamedGroup, SignatureScheme } from '../../src/crypto/provider.ts';
import { certificateVerifyContent } from '../../src/handshake/authentication.ts';
import type { Identity } from '../../src/handshake/identity.ts';
import { decodeCertificateVerify, encodeCertificateVerify } from '../../src/wire/messages.ts';
import {
  decodeServerKeyExchange,
  encodeServerKeyExchange,
  encodeTls12Certificate,
} from '../../src/wire/tls12-messages.ts';
import { clientCertificate, serverCertificate } from '../support/certificates.ts';
import { clientConfig, type Endpoint, serverConfig, serverIdentity } from '../support/engine.ts';
import {
  alteringClient,
  alteringServer,
  bothDone,
  clientOf,
  outcomeOf,
  refusedByClient,
  refusedByServer,
  serverOf,
} from '../support/handshake.ts';
import { fromHex } from '../support/hex.ts';

const tls12 = { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' } as const;
const sides = ['client', 'server'] as const;
type Side = (typeof sides)[number];

const keyTypes = ['p256', 'p384', 'ed25519', 'rsa2048'] as const;
type KeyType = (typeof keyTypes)[number];

interface Owner {
  readonly chain: readonly Uint8Array[];
  readonly key: KeyObject;
}

const owners: Record<Side, Map<KeyType, Owner>> = { client: new Map(), server: new Map() };
const strangers: Readonly<Record<KeyType, KeyObject>> = {
  p256: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
  p384: generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey,
  ed25519: generateKeyPairSync('ed25519').privateKey,
  rsa2048: generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
};

beforeAll(async () => {
  for (const key of keyTypes) {
    const server = await serverCertificate(undefined, { key });
    const client = await clientCertificate(undefined, { key });
    owners.server.set(key, { chain: [server.der], key: server.key });
    owners.client.set(key, { chain: [client.der], key: client.key });
  }
});

interface Forgery {
  /** What the message calls it, where that is not what was agreed on. */
  readonly scheme?: number;
  /** What it is in truth; by default as it should be. */
  readonly make?: (content: Uint8Array, key: KeyObject) => Uint8Array;
  /** What the other side accepts. */
  readonly accepted?: readonly SignatureScheme[];
  /** The curves of the other side. */
  readonly groups?: readonly NamedGroup[];
}

/** What becomes of a handshake in which one side's signature is another one; its transcript has what it sent. */
async function signing(side: Side, type: KeyType, forgery: Forgery): Promise<ReturnType<typeof outcomeOf>> {
  const { scheme, make, accepted, groups } = forgery;
  const { chain, key } = owners[side].get(type)!;
  const honest = nodeSigner(key);
  const identity: Identity = {
    chain,
    signer: {
      schemes: honest.schemes,
      sign: (chosen, content) => (make ? make(content, key) : honest.sign(chosen, content)),
    },
  };
  const limits = { ...(accepted && { signatureSchemes: accepted }), ...(groups && { groups }) };
  if (side === 'server') {
    const server = await serverConfig({ ...tls12, identity });
    return outcomeOf(
      clientOf(clientConfig({ ...tls12, ...limits })),
      alteringServer(server, 'server_key_exchange', (message) => {
        const parsed = decodeServerKeyExchange(message.subarray(4));
        return encodeServerKeyExchange({ ...parsed, algorithm: scheme ?? parsed.algorithm });
      }),
    );
  }
  return outcomeOf(
    alteringClient(clientConfig({ ...tls12, identity }), 'certificate_verify', (message) => {
      const parsed = decodeCertificateVerify(message.subarray(4));
      return encodeCertificateVerify({ ...parsed, algorithm: scheme ?? parsed.algorithm });
    }),
    serverOf(await serverConfig({ ...tls12, clientAuthentication: 'require', ...limits })),
  );
}

function refused(side: Side, alert: string): ReturnType<typeof outcomeOf> {
  return side === 'client' ? refusedByServer(alert) : refusedByClient(alert);
}

const hashes: Readonly<Record<KeyType, string | null>> = {
  p256: 'sha256',
  p384: 'sha384',
  ed25519: null,
  rsa2048: 'sha256',
};

const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };

/** A signature as one of this key should be, with another hash or padding where that is given. */
function signed(
  content: Uint8Array,
  type: KeyType,
  key: KeyObject,
  { hash = hashes[type], padding = pss as object } = {},
): Uint8Array {
  const options = type === 'rsa2048' ? padding : {};
  return new Uint8Array(sign(hash, content, { key, ...options }));
}

describe.each(sides)('the signature of a %s', (side) => {
  describe.each(keyTypes)('with a key of type %s', (type) => {
    it('may come as it is', async () => {
      expect(await signing(side, type, {})).toEqual(bothDone);
      expect(await signing(side, type, { make: (content, key) => signed(content, type, key) })).toEqual(
        bothDone,
      );
    });

    it.each<[string, NonNullable<Forgery['make']>]>([
      ['by another key', (content) => signed(content, type, strangers[type])],
      [
        'over other content',
        (content, key) =>
          signed(
            content.map((byte) => byte ^ 1),
            type,
            key,
          ),
      ],
      ['over less', (content, key) => signed(content.subarray(0, -1), type, key)],
      ['over nothing', (_, key) => signed(noBytes, type, key)],
      [
        'over what TLS 1.3 signs',
        (content, key) => signed(certificateVerifyContent(side, content), type, key),
      ],
      ['that is empty', () => noBytes],
      ['of zeros', () => new Uint8Array(type === 'rsa2048' ? 256 : 64)],
      ['of r = s = 0', () => fromHex('3006020100020100')],
      ['a byte too long', (content, key) => Uint8Array.of(...signed(content, type, key), 0)],
    ])('%s: decrypt_error', async (_, make) => {
      expect(await signing(side, type, { make })).toEqual(refused(side, 'decrypt_error'));
    });

    // MD5, SHA-1 and SHA-224 with RSA and ECDSA, anonymous, DSA, Ed448, SM2, ML-DSA, GREASE.
    it.each([
      0x0101, 0x0201, 0x0203, 0x0301, 0x0303, 0x0400, 0x0402, 0x0808, 0x0708, 0x0905, 0x0a0a, 0, 0xffff,
    ])('called %i: illegal_parameter', async (scheme) => {
      expect(await signing(side, type, { scheme })).toEqual(refused(side, 'illegal_parameter'));
    });

    it('called by the name of another kind of key: illegal_parameter', async () => {
      const ofOthers = { p256: [0x0401, 0x0804, 0x0807], p384: [0x0809, 0x0807], ed25519: [0x0403, 0x0804] };
      const schemes = { ...ofOthers, rsa2048: [0x0403, 0x0807, 0x0809] }[type];
      for (const scheme of schemes)
        expect(await signing(side, type, { scheme }), `${scheme}`).toEqual(
          refused(side, 'illegal_parameter'),
        );
    });
  });

  it.each<[string, KeyType, Forgery]>([
    ['ECDSA on P-256', 'p256', { scheme: 0x0503, accepted: ['ecdsa_secp256r1_sha256', 'ed25519'] }],
    ['ECDSA on P-384', 'p384', { scheme: 0x0403, accepted: ['ecdsa_secp384r1_sha384', 'ed25519'] }],
    ['PKCS#1', 'rsa2048', { scheme: 0x0401, accepted: ['rsa_pss_rsae_sha256', 'ecdsa_secp256r1_sha256'] }],
    ['PSS', 'rsa2048', { scheme: 0x0805, accepted: ['rsa_pss_rsae_sha256', 'rsa_pkcs1_sha256'] }],
  ])('with a hash or padding that was not offered (%s): illegal_parameter', async (_, type, forgery) => {
    expect(await signing(side, type, forgery)).toEqual(refused(side, 'illegal_parameter'));
  });

  it.each<[string, KeyType, number, { readonly hash?: string; readonly padding?: object }]>([
    ['SHA-384 with P-256', 'p256', 0x0503, { hash: 'sha384' }],
    ['SHA-512 with P-256', 'p256', 0x0603, { hash: 'sha512' }],
    ['SHA-256 with P-384', 'p384', 0x0403, { hash: 'sha256' }],
    ['PKCS#1 with SHA-256', 'rsa2048', 0x0401, { padding: {} }],
    ['PKCS#1 with SHA-512', 'rsa2048', 0x0601, { hash: 'sha512', padding: {} }],
  ])('may be %s, but is then no other: decrypt_error', async (_, type, scheme, how) => {
    const make: Forgery['make'] = (content, key) => signed(content, type, key, how);
    expect(await signing(side, type, { scheme, make })).toEqual(bothDone);
    expect(await signing(side, type, { scheme })).toEqual(refused(side, 'decrypt_error'));
    expect(await signing(side, type, { make })).toEqual(refused(side, 'decrypt_error'));
  });
});

describe('a key on a curve that was not offered', () => {
  const groups = ['x25519', 'secp256r1'] as const;

  it('may be that of a client, which was offered none', async () => {
    const make: Forgery['make'] = (content, key) => signed(content, 'p384', key, { hash: 'sha256' });
    expect(await signing('client', 'p384', { scheme: 0x0403, make, groups })).toEqual(bothDone);
  });

  it('is none for a server: illegal_parameter (RFC 8422 §5.1)', async () => {
    // The server reads secp384r1 where the client has said secp256r1: it would not choose such a certificate otherwise.
    const client = clientOf(clientConfig({ ...tls12, groups }), undefined, (flight) => ({
      ...flight,
      send: (message) => flight.send(replaced(message, '00060004001d0017', '00060004001d0018')),
    }));
    const { chain, key } = owners.server.get('p384')!;
    const server = serverOf(await serverConfig({ ...tls12, identity: { chain, signer: nodeSigner(key) } }));
    expect(outcomeOf(client, server)).toEqual(refusedByClient('illegal_parameter'));
  });
});

/** The message with other bytes, both in hexadecimal, where it has these. */
function replaced(message: Uint8Array, bytes: string, others: string): Uint8Array {
  return fromHex(Buffer.from(message).toString('hex').replace(bytes, others));
}

/** A server that says another cipher suite than it speaks. */
async function serverSaying(suite: number, type: KeyType): Promise<Endpoint> {
  const { chain, key } = owners.server.get(type)!;
  const config = await serverConfig({ ...tls12, identity: { chain, signer: nodeSigner(key) } });
  return alteringServer(config, 'server_hello', (message) => {
    const edited = message.slice();
    // Behind version and random value; there is no session ID.
    new DataView(edited.buffer).setUint16(39, suite);
    return edited;
  });
}

describe('a cipher suite of the other kind than the key of the server: illegal_parameter', () => {
  it.each<[KeyType, number]>([
    ['p256', 0xc02f],
    ['p384', 0xc030],
    ['ed25519', 0xcca8],
    ['rsa2048', 0xc02b],
  ])('%s', async (type, suite) => {
    const server = await serverSaying(suite, type);
    expect(outcomeOf(clientOf(clientConfig(tls12)), server)).toEqual(refusedByClient('illegal_parameter'));
  });
});

// AES-256 and ChaCha20 with ECDSA; then RSA key exchange, finite fields, CBC, TLS 1.3, NULL, anonymous, a signal.
it.each([0xc02c, 0xcca9, 0x009c, 0x009e, 0xc009, 0x1301, 0, 0xc018, 0x00ff])(
  'a cipher suite that was not offered (%i): illegal_parameter',
  async (suite) => {
    const client = clientOf(
      clientConfig({ ...tls12, cipherSuites: ['TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256'] }),
    );
    const server = await serverSaying(suite, 'p256');
    expect(outcomeOf(client, server)).toEqual(refusedByClient('illegal_parameter'));
    expect(client.engine.failure?.message).toContain('ServerHello');
  },
);

describe('a certificate', () => {
  const asking = (clientAuthentication: 'none' | 'request' | 'require'): Promise<Endpoint> =>
    serverConfig({ ...tls12, clientAuthentication }).then((config) => serverOf(config));
  const identity = (): Identity => {
    const { chain, key } = owners.client.get('ed25519')!;
    return { chain, signer: nodeSigner(key) };
  };
  const certificate = (): Uint8Array => encodeTls12Certificate(identity().chain);

  it('of a client that was not asked: unexpected_message', async () => {
    for (const message of [certificate(), encodeTls12Certificate([])]) {
      const client = alteringClient(clientConfig(tls12), 'client_key_exchange', (own) => [message, own]);
      expect(outcomeOf(client, await asking('none'))).toEqual(refusedByServer('unexpected_message'));
    }
  });

  it.each(['request', 'require'] as const)(
    'without a CertificateVerify: unexpected_message (%s)',
    async (how) => {
      const client = alteringClient(
        clientConfig({ ...tls12, identity: identity() }),
        'certificate_verify',
        () => [],
      );
      const server = await asking(how);
      expect(outcomeOf(client, server)).toEqual(refusedByServer('unexpected_message'));
      expect(server.engine.handshakeInfo).toBeUndefined();
    },
  );

  it('of somebody else, with a CertificateVerify of one’s own: decrypt_error', async () => {
    const { chain } = owners.client.get('ed25519')!;
    const stolen = { chain, signer: nodeSigner(strangers.ed25519) };
    const client = clientOf(clientConfig({ ...tls12, identity: stolen }));
    expect(outcomeOf(client, await asking('require'))).toEqual(refusedByServer('decrypt_error'));
  });

  it('with a CertificateVerify ahead of ClientKeyExchange: unexpected_message', async () => {
    let verify: Uint8Array | undefined;
    const config = clientConfig({ ...tls12, identity: identity() });
    const first = alteringClient(config, 'certificate_verify', (message) => {
      verify = message.slice();
      return message;
    });
    expect(outcomeOf(first, await asking('require'))).toEqual(bothDone);
    const second = alteringClient(config, 'client_key_exchange', (message) => [verify!, message]);
    expect(outcomeOf(second, await asking('require'))).toEqual(refusedByServer('unexpected_message'));
  });

  it('that is none, and a CertificateVerify: unexpected_message', async () => {
    const verify = encodeCertificateVerify({ algorithm: 0x0807, signature: new Uint8Array(64) });
    for (const how of ['none', 'request'] as const) {
      const client = alteringClient(clientConfig(tls12), 'client_key_exchange', (own) => [own, verify]);
      expect(outcomeOf(client, await asking(how))).toEqual(refusedByServer('unexpected_message'));
    }
  });

  it('of a server that has none: decode_error', async () => {
    const own = await serverIdentity();
    const config = await serverConfig({ ...tls12, identity: own });
    const server = alteringServer(config, 'certificate', () => encodeTls12Certificate([]));
    expect(outcomeOf(clientOf(clientConfig(tls12)), server)).toEqual(refusedByClient('decode_error'));
  });
});
