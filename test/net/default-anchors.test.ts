import { rootCertificates } from 'node:tls';
import { expect, test, vi } from 'vitest';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import type { TrustVerdict } from '../../src/handshake/identity.ts';
import { clientConfig } from '../../src/net/config.ts';
import { x509Trust } from '../../src/net/trust.ts';
import { TlsStream } from '../../src/streams/tls-stream.ts';
import { memoryStreamPair } from '../../src/testing.ts';
import { intermediateCertificate, rootCertificate, serverCertificate } from '../support/certificates.ts';

const root = vi.hoisted(() => ({ pem: '', reads: 0 }));

vi.mock('node:tls', async (importOriginal) => {
  const original = await importOriginal<typeof import('node:tls')>();
  return {
    ...original,
    get rootCertificates() {
      root.reads += 1;
      return [
        ...original.rootCertificates,
        root.pem,
        '-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----',
      ];
    },
  };
});

test('Node’s roots are read for the first connection, not for a configuration, and once', () => {
  const hash = vi.fn(nodeCrypto.hash);
  const provider = { ...nodeCrypto, hash };
  root.reads = 0;
  const own = rootCertificates[0] as string;
  expect(root.reads).toBe(1);
  const configs = [{}, { ca: 'bundled' }, { ca: ['bundled', own] }, { ca: [own, 'system', 'bundled'] }].map(
    (options) => clientConfig(options, provider),
  );
  expect(root.reads).toBe(1);
  // Of those that were given as certificates.
  expect(hash.mock.calls.length).toBeLessThan(10);
  for (const config of configs.slice(0, 3)) {
    const [here] = memoryStreamPair();
    TlsStream.client(here, config, { host: 'www.example.org' }).destroy();
  }
  expect(root.reads).toBe(2);
  expect(hash.mock.calls.length).toBeGreaterThan(100);
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
