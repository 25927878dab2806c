import { expect, it } from 'vitest';
import {
  authenticationOf,
  curveOf,
  tls12CipherSuiteByCode,
  tls12CipherSuites,
} from '../../src/keys/tls12-cipher-suites.ts';

it('knows the cipher suites of TLS 1.2 by name and by code (RFC 5289 §3.2, RFC 7905 §2)', () => {
  const table = Object.entries(tls12CipherSuites).map(([key, suite]) => {
    expect(key).toBe(suite.name);
    return Object.values(suite).slice(1);
  });
  expect(table).toEqual([
    [0xc02b, 'ecdsa', 'sha256', 'AES_128_GCM', 16, 4],
    [0xc02f, 'rsa', 'sha256', 'AES_128_GCM', 16, 4],
    [0xc02c, 'ecdsa', 'sha384', 'AES_256_GCM', 32, 4],
    [0xc030, 'rsa', 'sha384', 'AES_256_GCM', 32, 4],
    [0xcca9, 'ecdsa', 'sha256', 'CHACHA20_POLY1305', 32, 12],
    [0xcca8, 'rsa', 'sha256', 'CHACHA20_POLY1305', 32, 12],
  ]);
  for (const suite of Object.values(tls12CipherSuites))
    expect(tls12CipherSuiteByCode(suite.code)).toBe(suite);
});

it('does not know other codes: RSA key exchange, CBC, DHE, TLS 1.3, signals, GREASE', () => {
  for (const code of [0x009c, 0xc027, 0x009e, 0xccaa, 0x1301, 0x00ff, 0x5600, 0x1a1a, 0, -1])
    expect(tls12CipherSuiteByCode(code)).toBeUndefined();
});

it('EdDSA goes with the suites of ECDSA, and all of RSA with those of RSA', () => {
  expect(authenticationOf('ed25519')).toBe('ecdsa');
  expect(authenticationOf('ecdsa_secp384r1_sha384')).toBe('ecdsa');
  for (const scheme of ['rsa_pkcs1_sha256', 'rsa_pss_rsae_sha256', 'rsa_pss_pss_sha512'] as const)
    expect(authenticationOf(scheme)).toBe('rsa');
});

it('names the curve behind a scheme of ECDSA', () => {
  expect(curveOf('ecdsa_secp256r1_sha256')).toBe('secp256r1');
  expect(curveOf('ecdsa_secp521r1_sha512')).toBe('secp521r1');
  expect(curveOf('ed25519')).toBeUndefined();
  expect(curveOf('rsa_pss_rsae_sha256')).toBeUndefined();
});
