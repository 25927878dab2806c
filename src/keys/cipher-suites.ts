import type { AeadAlgorithm, HashAlgorithm } from '../crypto/provider.ts';
import { type Tls13CipherSuiteName, tls13CipherSuiteCodes } from '../wire/names.ts';
import { hashLengths } from './hkdf.ts';

/** What a TLS 1.3 cipher suite stands for (RFC 9846 Appendix B.4). Lengths are in bytes. */
export interface CipherSuite {
  readonly name: Tls13CipherSuiteName;
  /** The IANA code point. */
  readonly code: number;
  /** The hash of the transcript and of HKDF. */
  readonly hash: HashAlgorithm;
  readonly hashLength: number;
  readonly aead: AeadAlgorithm;
  /** The length of the AEAD key. */
  readonly keyLength: number;
}

/** The cipher suites of TLS 1.3 that Tacit speaks. */
export const cipherSuites: Readonly<Record<Tls13CipherSuiteName, CipherSuite>> = {
  TLS_AES_128_GCM_SHA256: cipherSuite('TLS_AES_128_GCM_SHA256', 'sha256', 'AES_128_GCM', 16),
  TLS_AES_256_GCM_SHA384: cipherSuite('TLS_AES_256_GCM_SHA384', 'sha384', 'AES_256_GCM', 32),
  TLS_CHACHA20_POLY1305_SHA256: cipherSuite(
    'TLS_CHACHA20_POLY1305_SHA256',
    'sha256',
    'CHACHA20_POLY1305',
    32,
  ),
};

const suitesByCode: ReadonlyMap<number, CipherSuite> = new Map(
  Object.values(cipherSuites).map((suite) => [suite.code, suite]),
);

/** The cipher suite with this IANA code; undefined where Tacit does not know it. */
export function cipherSuiteByCode(code: number): CipherSuite | undefined {
  return suitesByCode.get(code);
}

function cipherSuite(
  name: Tls13CipherSuiteName,
  hash: HashAlgorithm,
  aead: AeadAlgorithm,
  keyLength: number,
): CipherSuite {
  return { name, code: tls13CipherSuiteCodes[name], hash, hashLength: hashLengths[hash], aead, keyLength };
}
