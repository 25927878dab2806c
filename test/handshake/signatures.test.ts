import { beforeAll, describe, expect, it } from 'vitest';
import { utf8 } from '../../src/base/bytes.ts';
import { nodeSigner } from '../../src/crypto/node/signer.ts';
import type { SignatureScheme } from '../../src/crypto/provider.ts';
import { certificateVerifyContent } from '../../src/handshake/authentication.ts';
import type { Identity, Signer } from '../../src/handshake/identity.ts';
import { decodeCertificateVerify, encodeCertificateVerify } from '../../src/wire/messages.ts';
import { serverCertificate, type TestKeyType } from '../support/certificates.ts';
import {
  clientConfig,
  clientEndpoint,
  clientIdentity,
  serverConfig,
  serverIdentity,
} from '../support/engine.ts';
import {
  altering,
  bothDone,
  type Edit,
  outcome,
  outcomeOf,
  refusedByClient,
  refusedByServer,
  serverOf,
  settle,
} from '../support/handshake.ts';
import { fromHex } from '../support/hex.ts';

let server: Identity;
let client: Identity;

beforeAll(async () => {
  server = await serverIdentity();
  client = await clientIdentity();
});

/** An identity whose signer is of the caller's making. */
function signedBy(identity: Identity, sign: Signer['sign']): Identity {
  return { chain: identity.chain, signer: { schemes: identity.signer.schemes, sign } };
}

describe('a signer of the caller’s', () => {
  it.each<[string, (signer: Signer) => Signer['sign']]>([
    ['at once', (signer) => (scheme, content, context) => signer.sign(scheme, content, context)],
    ['later', (signer) => async (scheme, content, context) => signer.sign(scheme, content, context)],
    [
      'as a Buffer',
      (signer) => async (scheme, content, context) =>
        Buffer.from(await signer.sign(scheme, content, context)),
    ],
  ])('signs for a server and for a client, %s', async (_, through) => {
    const pair = {
      client: clientEndpoint(clientConfig({ identity: signedBy(client, through(client.signer)) })),
      server: serverOf(
        await serverConfig({
          identity: signedBy(server, through(server.signer)),
          clientAuthentication: 'require',
        }),
      ),
    };
    await settle(pair);
    expect(outcome(pair)).toEqual(bothDone);
    expect([pair.client.info.peerSignatureScheme, pair.server.info.peerSignatureScheme]).toEqual([
      'ed25519',
      'ed25519',
    ]);
  });

  it('signs 64 spaces, the context of its side, a zero and the transcript hash (RFC 9846 §4.5.2)', async () => {
    const signed: Uint8Array[] = [];
    const watching = (identity: Identity): Identity =>
      signedBy(identity, (scheme, content, context) => {
        signed.push(content.slice());
        return identity.signer.sign(scheme, content, context);
      });
    const endpoint = clientEndpoint(clientConfig({ identity: watching(client) }));
    const config = await serverConfig({ identity: watching(server), clientAuthentication: 'require' });
    expect(outcomeOf(endpoint, serverOf(config))).toEqual(bothDone);
    expect(signed.map(({ length }) => length)).toEqual([130, 130]);
    const prefixes = ['server', 'client'].map((side) => [
      ...new Uint8Array(64).fill(0x20),
      ...utf8(`TLS 1.3, ${side} CertificateVerify`),
      0,
    ]);
    expect(signed.map((content) => [...content.subarray(0, 98)])).toEqual(prefixes);
  });

  it('is as the example of the RFC says', () => {
    const hash = new Uint8Array(32).fill(1);
    expect(certificateVerifyContent('server', hash)).toEqual(
      fromHex(
        `${'20'.repeat(64)} 544c5320312e332c207365727665722043657274696669636174655665726966 79 00 ${'01'.repeat(32)}`,
      ),
    );
  });

  it.each<[string, Signer['sign']]>([
    [
      'throws',
      () => {
        throw new Error('the HSM is gone');
      },
    ],
    ['rejects', () => Promise.reject(new Error('the HSM is gone'))],
    ['gives no bytes', () => 'signature' as never],
  ])('that %s is our own fault: internal_error', async (_, sign) => {
    const pair = {
      client: clientEndpoint(clientConfig()),
      server: serverOf(await serverConfig({ identity: signedBy(server, sign) })),
    };
    await settle(pair);
    expect(outcome(pair)).toEqual({ server: 'TLS_USAGE', client: 'received internal_error' });
  });

  it('is asked for its first scheme that the peer accepts', async () => {
    const { der, key } = await serverCertificate(undefined, { key: 'rsa2048' });
    const asked: SignatureScheme[] = [];
    const signer = nodeSigner(key);
    const identity: Identity = {
      chain: [der],
      signer: {
        schemes: ['rsa_pss_rsae_sha512', 'rsa_pss_rsae_sha256'],
        sign: (scheme, content) => {
          asked.push(scheme);
          return signer.sign(scheme, content);
        },
      },
    };
    const config = await serverConfig({ identity });
    for (const signatureSchemes of [
      ['rsa_pss_rsae_sha256', 'rsa_pss_rsae_sha512'],
      ['rsa_pss_rsae_sha256'],
    ] as const)
      expect(outcomeOf(clientEndpoint(clientConfig({ signatureSchemes })), serverOf(config))).toEqual(
        bothDone,
      );
    expect(asked).toEqual(['rsa_pss_rsae_sha512', 'rsa_pss_rsae_sha256']);
  });
});

describe('keys of every kind sign for a server', () => {
  it.each<[TestKeyType, SignatureScheme]>([
    ['p256', 'ecdsa_secp256r1_sha256'],
    ['p384', 'ecdsa_secp384r1_sha384'],
    ['p521', 'ecdsa_secp521r1_sha512'],
    ['ed25519', 'ed25519'],
    ['rsa2048', 'rsa_pss_rsae_sha256'],
    ['rsa2048', 'rsa_pss_rsae_sha384'],
    ['rsa2048', 'rsa_pss_rsae_sha512'],
    ['rsaPss2048', 'rsa_pss_pss_sha256'],
  ])('%s with %s', async (type, scheme) => {
    const { der, key } = await serverCertificate(undefined, { key: type });
    const endpoint = clientEndpoint(clientConfig({ signatureSchemes: [scheme] }));
    const config = await serverConfig({ identity: { chain: [der], signer: nodeSigner(key) } });
    expect(outcomeOf(endpoint, serverOf(config))).toEqual(bothDone);
    expect(endpoint.info.peerSignatureScheme).toBe(scheme);
  });
});

describe('a CertificateVerify is refused', () => {
  const schemeAs =
    (algorithm: number): Edit =>
    (message) =>
      encodeCertificateVerify({ ...decodeCertificateVerify(message.subarray(4)), algorithm });
  const signatureAs =
    (change: (signature: Uint8Array) => Uint8Array): Edit =>
    (message) => {
      const { algorithm, signature } = decodeCertificateVerify(message.subarray(4));
      return encodeCertificateVerify({ algorithm, signature: change(signature) });
    };

  const cases: [string, string, Edit][] = [
    ['with a scheme that was not offered', 'illegal_parameter', schemeAs(0x0808)],
    ['with rsa_pkcs1_sha256, which signs certificates only', 'illegal_parameter', schemeAs(0x0401)],
    ['with rsa_pkcs1_sha1', 'illegal_parameter', schemeAs(0x0201)],
    ['with GREASE', 'illegal_parameter', schemeAs(0x3a3a)],
    ['with a scheme that does not fit the key', 'illegal_parameter', schemeAs(0x0403)],
    [
      'with an altered signature',
      'decrypt_error',
      signatureAs((signature) => signature.map((byte) => byte ^ 1)),
    ],
    ['with an empty signature', 'decrypt_error', signatureAs(() => new Uint8Array(0))],
    ['with a signature that is cut', 'decrypt_error', signatureAs((signature) => signature.subarray(1))],
  ];

  it.each(cases)('by a client: %s: %s', async (_, alert, edit) => {
    const refusing = serverOf(await serverConfig(), altering('certificate_verify', edit));
    expect(outcomeOf(clientEndpoint(clientConfig()), refusing)).toEqual(refusedByClient(alert));
  });

  it.each(cases)('by a server: %s: %s', async (_, alert, edit) => {
    const endpoint = clientEndpoint(clientConfig({ identity: client }), altering('certificate_verify', edit));
    const config = await serverConfig({ clientAuthentication: 'require' });
    expect(outcomeOf(endpoint, serverOf(config))).toEqual(refusedByServer(alert));
  });

  it('with the signature of another key, of another transcript, or of the other side: decrypt_error', async () => {
    const endpoint = (): ReturnType<typeof clientEndpoint> => clientEndpoint(clientConfig());
    const stranger = { chain: server.chain, signer: client.signer };
    expect(outcomeOf(endpoint(), serverOf(await serverConfig({ identity: stranger })))).toEqual(
      refusedByClient('decrypt_error'),
    );
    const older = signedBy(server, (scheme, content, context) => {
      const changed = content.slice();
      changed[129] = (changed[129] ?? 0) ^ 1;
      return server.signer.sign(scheme, changed, context);
    });
    expect(outcomeOf(endpoint(), serverOf(await serverConfig({ identity: older })))).toEqual(
      refusedByClient('decrypt_error'),
    );
    const reflected = signedBy(server, (scheme, content, context) =>
      server.signer.sign(scheme, certificateVerifyContent('client', content.subarray(98)), context),
    );
    expect(outcomeOf(endpoint(), serverOf(await serverConfig({ identity: reflected })))).toEqual(
      refusedByClient('decrypt_error'),
    );
  });

  it.each([
    ['ed448', 'unsupported_certificate'],
    ['secp256k1', 'unsupported_certificate'],
  ] as const)('by a certificate with an %s key: %s', async (type, alert) => {
    const { der } = await serverCertificate(undefined, { key: type });
    const identity = { chain: [der], signer: server.signer };
    expect(outcomeOf(clientEndpoint(clientConfig()), serverOf(await serverConfig({ identity })))).toEqual(
      refusedByClient(alert),
    );
  });

  it('where the server’s Certificate is empty: decode_error', async () => {
    const through = altering('certificate', () => fromHex('0b 000004 00 000000'));
    expect(outcomeOf(clientEndpoint(clientConfig()), serverOf(await serverConfig(), through))).toEqual(
      refusedByClient('decode_error'),
    );
  });

  it('where the server’s Certificate has a context: illegal_parameter', async () => {
    const through = altering('certificate', (message) => {
      const body = Uint8Array.of(1, 7, ...message.subarray(5));
      return Uint8Array.of(11, 0, body.length >> 8, body.length, ...body);
    });
    expect(outcomeOf(clientEndpoint(clientConfig()), serverOf(await serverConfig(), through))).toEqual(
      refusedByClient('illegal_parameter'),
    );
  });
});
