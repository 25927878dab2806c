import { expect, test, vi } from 'vitest';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import type { TrustVerdict } from '../../src/handshake/identity.ts';
import { x509Trust } from '../../src/net/trust.ts';
import { intermediateCertificate, rootCertificate, serverCertificate } from '../support/certificates.ts';

const root = vi.hoisted(() => ({ pem: '' }));

vi.mock('node:tls', async (importOriginal) => {
  const original = await importOriginal<typeof import('node:tls')>();
  return {
    ...original,
    get rootCertificates() {
      return [
        ...original.rootCertificates,
        root.pem,
        '-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----',
      ];
    },
  };
});

test('without `ca` a chain to one of Node’s roots is trusted, and a root that cannot be read is none', async () => {
  const authority = await rootCertificate();
  root.pem = authority.pem;
  const intermediate = await intermediateCertificate(authority);
  const leaf = await serverCertificate(intermediate, { names: ['www.example.org'] });
  const policy = x509Trust({ purpose: 'server' }, nodeCrypto);
  const peer = {
    purpose: 'server',
    host: 'www.example.org',
    now: Date.parse('2026-06-01T00:00:00Z'),
  } as const;
  const context = { signal: new AbortController().signal };
  const judge = (chain: readonly Uint8Array[]): TrustVerdict =>
    policy.verify({ ...peer, chain }, context) as TrustVerdict;
  expect(judge([leaf.der, intermediate.der])).toMatchObject({ trusted: true });
  expect(judge([leaf.der])).toMatchObject({ trusted: false, error: { check: 'unknown_issuer' } });
});
