import { beforeAll, describe, expect, test } from 'vitest';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import { nodeSigner } from '../../src/crypto/node/signer.ts';
import type { CryptoProvider } from '../../src/crypto/provider.ts';
import type { TrustPolicy } from '../../src/handshake/identity.ts';
import { type RevocationOptions, revocationSettings } from '../../src/net/revocation.ts';
import { x509Trust } from '../../src/net/trust.ts';
import { anchorsOf, type TrustAnchors } from '../../src/pki/anchors.ts';
import { verifyChain } from '../../src/pki/verify.ts';
import { type TestCertificate, testKey } from '../support/certificates.ts';
import { makeCrl } from '../support/crl.ts';
import { clientConfig, clientEndpoint, serverConfig } from '../support/engine.ts';
import { outcomeOf, serverOf } from '../support/handshake.ts';
import { revoked } from '../support/ocsp.ts';
import { host, response } from '../support/stapled.ts';
import { intermediate, leaf, makeChain, now, root } from '../support/trust.ts';

beforeAll(makeChain);

/** One that has met nothing yet. */
function newProvider(): CryptoProvider {
  return { ...nodeCrypto };
}

interface Question {
  readonly chain?: readonly TestCertificate[];
  readonly anchors?: TrustAnchors;
  readonly revocation?: RevocationOptions;
  readonly ocspResponses?: readonly (Uint8Array | undefined)[];
}

/** `trusted`, or the check that refuses. */
function judge(provider: CryptoProvider, question: Question = {}): string {
  const { chain = [leaf, intermediate], revocation = {}, ocspResponses } = question;
  const { anchors = anchorsOf([root.der], provider) } = question;
  try {
    verifyChain({
      provider,
      chain: chain.map(({ der }) => der),
      anchors,
      purpose: 'server',
      host,
      now,
      revocation: revocationSettings(revocation),
      ocspResponses,
    });
    return 'trusted';
  } catch (error) {
    return (error as { check: string }).check;
  }
}

describe('a chain that was met before', () => {
  test.each([
    ['the leaf', (): Uint8Array[] => [makeCrl(intermediate, { revoked: [leaf] }), makeCrl(root)]],
    ['its issuer', (): Uint8Array[] => [makeCrl(intermediate), makeCrl(root, { revoked: [intermediate] })]],
  ])('is refused once %s is revoked', (_, lists) => {
    const provider = newProvider();
    const anchors = anchorsOf([root.der], provider);
    expect(judge(provider, { anchors })).toBe('trusted');
    expect(judge(provider, { anchors, revocation: { crls: lists() } })).toBe('revoked');
    const answer = response({ status: revoked(new Date('2026-05-01T00:00:00Z')) });
    expect(judge(provider, { anchors, ocspResponses: [answer] })).toBe('revoked');
    expect(judge(provider, { anchors })).toBe('trusted');
  });

  const good = (): Uint8Array => response();
  const bad = (): Uint8Array => response({ status: revoked(new Date('2026-05-01T00:00:00Z')) });
  const garbage = (): Uint8Array => Uint8Array.of(1);
  const none = (): undefined => undefined;

  test.each([
    ['revoked', bad, good],
    ['trusted', good, bad],
    ['bad_ocsp_response', garbage, good],
    ['trusted', good, garbage],
    ['missing_ocsp_response', none, good],
  ])('and comes with its leaf twice is %s by the response to the first', (verdict, first, second) => {
    const chain = [leaf, intermediate, leaf];
    const question: Question = {
      chain,
      ocspResponses: [first(), undefined, second()],
      revocation: verdict === 'missing_ocsp_response' ? { stapledResponses: 'require' } : {},
    };
    expect(judge(newProvider(), question)).toBe(verdict);
    const warmed = newProvider();
    expect(judge(warmed)).toBe('trusted');
    expect(judge(warmed, question)).toBe(verdict);
  });
});

describe('a server that was met before', () => {
  const handshake = async (
    provider: CryptoProvider,
    trust: TrustPolicy,
    key = leaf.key,
  ): Promise<ReturnType<typeof outcomeOf>> => {
    const identity = { chain: [leaf.der, intermediate.der], signer: nodeSigner(key) };
    const client = clientConfig({ provider, trust, now: () => now, sessions: false });
    const server = await serverConfig({ identity });
    return outcomeOf(clientEndpoint(client, undefined, host), serverOf(server));
  };

  test('is known by the key of its own certificate, and by no other', async () => {
    const provider = newProvider();
    const trust = x509Trust({ ca: root.pem, purpose: 'server' }, provider);
    const met = await handshake(provider, trust);
    expect(await handshake(provider, trust)).toEqual(met);
    const impostor = await handshake(provider, trust, testKey('p256', 'impostor'));
    expect(impostor).toEqual({ client: 'decrypt_error', server: 'received decrypt_error' });
    expect(await handshake(provider, trust, intermediate.key)).toEqual(impostor);
    expect(await handshake(provider, trust)).toEqual(met);
  });
});
