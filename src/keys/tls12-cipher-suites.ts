import type { AeadAlgorithm, HashAlgorithm, NamedGroup, SignatureScheme } from '../crypto/provider.ts';
import { type Tls12CipherSuiteName, tls12CipherSuiteCodes } from '../wire/names.ts';

/** What a TLS 1.2 cipher suite with ECDHE and AEAD stands for (RFC 5289, RFC 7905). Lengths are in bytes. */
export interface Tls12CipherSuite {
  readonly name: Tls12CipherSuiteName;
  /** The IANA code point. */
  readonly code: number;
  /** What the server signs with: EdDSA goes with ECDSA (RFC 8422 §5.1.3). */
  readonly authentication: 'ecdsa' | 'rsa';
  /** The hash of the transcript and of the PRF. */
  readonly hash: HashAlgorithm;
  readonly aead: AeadAlgorithm;
  /** The length of the AEAD key. */
  readonly keyLength: number;
  /** What the nonce gets from the key block: the rest of GCM's stands in each record (RFC 5288 §3). */
  readonly fixedIvLength: 4 | 12;
}

/** The cipher suites of TLS 1.2 that Tacit speaks. */
export const tls12CipherSuites: Readonly<Record<Tls12CipherSuiteName, Tls12CipherSuite>> = {
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: cipherSuite('TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256'),
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: cipherSuite('TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256'),
  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: cipherSuite('TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384'),
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: cipherSuite('TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384'),
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: cipherSuite('TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256'),
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: cipherSuite('TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256'),
};

const suitesByCode: ReadonlyMap<number, Tls12CipherSuite> = new Map(
  Object.values(tls12CipherSuites).map((suite) => [suite.code, suite]),
);

/** The cipher suite with this IANA code; undefined where Tacit does not know it, or it is one of TLS 1.3. */
export function tls12CipherSuiteByCode(code: number): Tls12CipherSuite | undefined {
  return suitesByCode.get(code);
}

/** The kind of cipher suite that a server's signature of this scheme goes with (RFC 8422 §5.1.3). */
export function authenticationOf(scheme: SignatureScheme): Tls12CipherSuite['authentication'] {
  return scheme.startsWith('rsa_') ? 'rsa' : 'ecdsa';
}

/** The curve of the key behind an ECDSA scheme; undefined for the others. */
export function curveOf(scheme: SignatureScheme): NamedGroup | undefined {
  return /^ecdsa_(\w+)_sha/.exec(scheme)?.[1] as NamedGroup | undefined;
}

function cipherSuite(name: Tls12CipherSuiteName): Tls12CipherSuite {
  const aead = /_WITH_(\w+)_SHA/.exec(name)?.[1] as AeadAlgorithm;
  return {
    name,
    code: tls12CipherSuiteCodes[name],
    authentication: name.startsWith('TLS_ECDHE_RSA') ? 'rsa' : 'ecdsa',
    hash: name.endsWith('_SHA384') ? 'sha384' : 'sha256',
    aead,
    keyLength: aead === 'AES_128_GCM' ? 16 : 32,
    fixedIvLength: aead === 'CHACHA20_POLY1305' ? 12 : 4,
  };
}
