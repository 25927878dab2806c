import { expect, it } from 'vitest';
import { cipherSuiteByCode, cipherSuites } from '../../src/keys/cipher-suites.ts';

it('knows the cipher suites by name and by code (RFC 9846 Appendix B.4)', () => {
  const table = Object.values(cipherSuites).map((suite) => Object.values(suite));
  expect(table).toEqual([
    ['TLS_AES_128_GCM_SHA256', 0x1301, 'sha256', 32, 'AES_128_GCM', 16],
    ['TLS_AES_256_GCM_SHA384', 0x1302, 'sha384', 48, 'AES_256_GCM', 32],
    ['TLS_CHACHA20_POLY1305_SHA256', 0x1303, 'sha256', 32, 'CHACHA20_POLY1305', 32],
  ]);
  for (const suite of Object.values(cipherSuites)) expect(cipherSuiteByCode(suite.code)).toBe(suite);
});

it('does not know other codes: CCM, TLS 1.2 suites, GREASE', () => {
  for (const code of [0x1304, 0xc02f, 0x1a1a, 0, -1]) expect(cipherSuiteByCode(code)).toBeUndefined();
});
