import type { CipherSuiteName, NamedGroup, SignatureScheme } from '../../src/index.ts';
import type { KeyType } from './certificates.ts';

export const everyCipherSuite: readonly CipherSuiteName[] = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
];

export const everyGroup: readonly NamedGroup[] = ['x25519', 'secp256r1', 'secp384r1', 'secp521r1'];

const schemesByKey: Readonly<Record<KeyType, readonly SignatureScheme[]>> = {
  p256: ['ecdsa_secp256r1_sha256'],
  p384: ['ecdsa_secp384r1_sha384'],
  p521: ['ecdsa_secp521r1_sha512'],
  ed25519: ['ed25519'],
  rsa2048: ['rsa_pss_rsae_sha256', 'rsa_pss_rsae_sha384', 'rsa_pss_rsae_sha512'],
  rsaPss2048: ['rsa_pss_pss_sha256', 'rsa_pss_pss_sha384', 'rsa_pss_pss_sha512'],
};

export const everySignatureScheme: readonly SignatureScheme[] = Object.values(schemesByKey).flat();

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
  handshake_failure: /handshake.?failure|handshake failed|alert number 40/i,
} as const;

export type ExpectedAlert = keyof typeof alertTexts;

/** A pattern for what a peer prints when it receives `alert`. */
export function alertText(alert: ExpectedAlert): RegExp {
  return alertTexts[alert];
}
