import { describe, expect, it, vi } from 'vitest';
import { TlsUsageError } from '../../src/base/errors.ts';
import { summary } from '../support/engine.ts';
import { tls12RawPeerOf } from '../support/tls12.ts';

// The true bound is some 380 GB away.
vi.mock('../../src/base/limits.ts', async (original) => ({
  ...(await original<typeof import('../../src/base/limits.ts')>()),
  maxGcmBlocks: 100,
}));

describe.each(['client', 'server'] as const)(
  'where the keys of a %s have sealed as much as is safe',
  (role) => {
    it('send throws, and nothing leaves but the end; what comes is still read', async () => {
      const { target, raw } = await tls12RawPeerOf(role);
      // Of 99 blocks and one, beside what the handshake took.
      expect(raw.hear(target.send('x'.repeat(99 * 16)))).toHaveLength(1);
      expect(() => target.send('more')).toThrow(TlsUsageError);
      expect(() => target.send('more')).toThrow(/open a new one/);
      expect(target.turn().output).toHaveLength(0);
      expect(summary(raw.deliver(raw.data('from the peer')).events)).toEqual(['data "from the peer"']);
      expect(raw.hear(target.closeWrite())).toEqual(['warning close_notify']);
    });

    it('but ChaCha20 has no such bound', async () => {
      const cipherSuites = ['TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256'] as const;
      const { target, raw } = await tls12RawPeerOf(role, { client: { cipherSuites } });
      for (let round = 0; round < 3; round++) expect(raw.hear(target.send('x'.repeat(2000)))).toHaveLength(1);
    });
  },
);
