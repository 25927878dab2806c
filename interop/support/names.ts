import type { CipherSuiteName, HandshakeInfo, NamedGroup, SignatureScheme } from '../../src/index.ts';
import type { KeyType } from './certificates.ts';

export type Version = HandshakeInfo['protocolVersion'];

export const everyVersion: readonly Version[] = ['TLSv1.2', 'TLSv1.3'];

export const everyCipherSuite: Readonly<Record<Version, readonly CipherSuiteName[]>> = {
  'TLSv1.2': [
    'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
    'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384',
    'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256',
    'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256',
    'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384',
    'TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256',
  ],
  'TLSv1.3': ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'],
};

/** The kind of key that a server has for `suite`. */
export function keyTypeFor(suite: CipherSuiteName): KeyType {
  return suite.includes('_RSA_') ? 'rsa2048' : 'p256';
}

/** What OpenSSL calls a cipher suite; in TLS 1.3 it has no names of its own. */
export function cipherSuiteOf(opensslName: string): string {
  const [, key, cipher, rest] = opensslName.match(/^ECDHE-(ECDSA|RSA)-(AES128|AES256|CHACHA20)-(.*)$/) ?? [];
  if (key === undefined || cipher === undefined || rest === undefined) return opensslName;
  const aead = `${cipher.replace('AES', 'AES_')}_${rest.replace('-', '_')}`;
  return `TLS_ECDHE_${key}_WITH_${cipher === 'CHACHA20' ? `${aead}_SHA256` : aead}`;
}

export const everyGroup: readonly NamedGroup[] = ['x25519', 'secp256r1', 'secp384r1', 'secp521r1'];

/** TLS 1.3 has them in certificates alone. */
const pkcs1: readonly SignatureScheme[] = ['rsa_pkcs1_sha256', 'rsa_pkcs1_sha384', 'rsa_pkcs1_sha512'];

const schemesByKey: Readonly<Record<KeyType, readonly SignatureScheme[]>> = {
  p256: ['ecdsa_secp256r1_sha256'],
  p384: ['ecdsa_secp384r1_sha384'],
  p521: ['ecdsa_secp521r1_sha512'],
  ed25519: ['ed25519'],
  rsa2048: ['rsa_pss_rsae_sha256', 'rsa_pss_rsae_sha384', 'rsa_pss_rsae_sha512', ...pkcs1],
  rsaPss2048: ['rsa_pss_pss_sha256', 'rsa_pss_pss_sha384', 'rsa_pss_pss_sha512'],
};

export const everySignatureScheme: readonly SignatureScheme[] = Object.values(schemesByKey).flat();

/** Those that sign handshakes of `version`. */
export function signatureSchemesOf(version: Version): readonly SignatureScheme[] {
  return everySignatureScheme.filter((scheme) => version === 'TLSv1.2' || !pkcs1.includes(scheme));
}

/** The kind of key that signs with `scheme`. */
export function keyTypeOf(scheme: SignatureScheme): KeyType {
  const types = Object.keys(schemesByKey) as KeyType[];
  return types.find((type) => schemesByKey[type].includes(scheme))!;
}

/** `scheme`, and what the test CAs sign with: some peers want both in signature_algorithms. */
export function withChainSignature(scheme: SignatureScheme): readonly SignatureScheme[] {
  return [...new Set<SignatureScheme>([scheme, 'ecdsa_secp256r1_sha256'])];
}

/** How the peers put the alerts that the tests provoke. */
const alertTexts = {
  no_application_protocol: /no.?application.?protocol|alert number 120|alert \[120\]/i,
  unknown_ca: /unknown.?ca\b|unknown certificate authority|CA is unknown|alert number 48/i,
  bad_certificate: /bad.?certificate|alert number 42/i,
  certificate_required: /certificate.?(is )?required|alert number 116/i,
  illegal_parameter: /illegal.?parameter|alert number 47/i,
  inappropriate_fallback: /inappropriate.?fallback|alert number 86/i,
  protocol_version: /protocol.?version|version.*not (allowed|supported)|alert number 70/i,
  handshake_failure: /handshake.?failure|handshake failed|alert number 40/i,
} as const;

export type ExpectedAlert = keyof typeof alertTexts;

/** A pattern for what a peer prints when it receives `alert`. */
export function alertText(alert: ExpectedAlert): RegExp {
  return alertTexts[alert];
}
