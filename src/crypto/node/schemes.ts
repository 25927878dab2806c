import { type AsymmetricKeyDetails, constants, type KeyObject } from 'node:crypto';
import type { SignatureAlgorithm, SignatureScheme } from '../provider.ts';
import type { Curve, SubjectPublicKey } from './spki.ts';

/** What node:crypto has to be told about a signature scheme. */
export interface SchemeParameters {
  /** Null where the scheme brings its own hash. */
  readonly digest: 'sha256' | 'sha384' | 'sha512' | null;
  /** Empty where the scheme is not RSA. */
  readonly options: { readonly padding?: number; readonly saltLength?: number };
}

// OpenSSL's own default verifies any salt length and signs with the longest one (RFC 9846 §4.3.3: the digest's length).
const pss = {
  padding: constants.RSA_PKCS1_PSS_PADDING,
  saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
} as const;

const pkcs1 = { padding: constants.RSA_PKCS1_PADDING } as const;

/** How node:crypto signs and verifies each scheme (RFC 9846 §4.3.3). */
export const schemeParameters: Readonly<Record<SignatureScheme, SchemeParameters>> = {
  ecdsa_secp256r1_sha256: { digest: 'sha256', options: {} },
  ecdsa_secp384r1_sha384: { digest: 'sha384', options: {} },
  ecdsa_secp521r1_sha512: { digest: 'sha512', options: {} },
  ed25519: { digest: null, options: {} },
  rsa_pss_rsae_sha256: { digest: 'sha256', options: pss },
  rsa_pss_rsae_sha384: { digest: 'sha384', options: pss },
  rsa_pss_rsae_sha512: { digest: 'sha512', options: pss },
  rsa_pss_pss_sha256: { digest: 'sha256', options: pss },
  rsa_pss_pss_sha384: { digest: 'sha384', options: pss },
  rsa_pss_pss_sha512: { digest: 'sha512', options: pss },
  rsa_pkcs1_sha256: { digest: 'sha256', options: pkcs1 },
  rsa_pkcs1_sha384: { digest: 'sha384', options: pkcs1 },
  rsa_pkcs1_sha512: { digest: 'sha512', options: pkcs1 },
};

/** How node:crypto verifies what an issuer signed with a key; undefined where that is of another kind. */
export function issuerParameters(
  algorithm: SignatureAlgorithm,
  type: SubjectPublicKey['type'],
  schemes: readonly SignatureScheme[],
): SchemeParameters | undefined {
  if (algorithm === 'ed25519') return type === 'ed25519' ? { digest: null, options: {} } : undefined;
  const digest = algorithm.slice(-6) as 'sha256' | 'sha384' | 'sha512';
  if (algorithm.startsWith('ecdsa_')) return type === 'ec' ? { digest, options: {} } : undefined;
  if (algorithm.startsWith('rsa_pkcs1_')) return type === 'rsa' ? { digest, options: pkcs1 } : undefined;
  // A key that is for PSS alone may be for one hash alone.
  const isFit = type === 'rsa' || (type === 'rsa-pss' && schemes.includes(`rsa_pss_pss_${digest}`));
  return isFit ? { digest, options: pss } : undefined;
}

const ecdsaSchemes: Readonly<Record<Curve, SignatureScheme>> = {
  'P-256': 'ecdsa_secp256r1_sha256',
  'P-384': 'ecdsa_secp384r1_sha384',
  'P-521': 'ecdsa_secp521r1_sha512',
};

/** By the names that OpenSSL has for them. */
const curves: ReadonlyMap<string | undefined, Curve> = new Map([
  ['prime256v1', 'P-256'],
  ['secp384r1', 'P-384'],
  ['secp521r1', 'P-521'],
]);

/** The one scheme of a key on this curve. */
export function ecdsaScheme(curve: Curve): SignatureScheme {
  return ecdsaSchemes[curve];
}

const rsaHashes = [
  { digest: 'sha256', digestLength: 32 },
  { digest: 'sha384', digestLength: 48 },
  { digest: 'sha512', digestLength: 64 },
] as const;

/**
 * The schemes that fit `key`, public or private, in type, curve and OID (RFC 9846 §4.3.3). OpenSSL itself would use
 * any hash with any curve, and both OIDs of RSA alike.
 */
export function schemesOf(key: KeyObject): readonly SignatureScheme[] {
  switch (key.asymmetricKeyType) {
    case 'ec': {
      const curve = curves.get(key.asymmetricKeyDetails?.namedCurve);
      return curve ? [ecdsaScheme(curve)] : [];
    }
    case 'ed25519':
      return ['ed25519'];
    case 'rsa':
      return rsaSchemes(key.asymmetricKeyDetails?.modulusLength ?? 0);
    case 'rsa-pss':
      return pssSchemes('rsa_pss_pss', key.asymmetricKeyDetails);
    default:
      return [];
  }
}

/** The size of an RSA modulus in bits; undefined for other keys. */
export function modulusBits(key: KeyObject): number | undefined {
  return key.asymmetricKeyDetails?.modulusLength;
}

/** Those of an RSA key without parameters that has room for them: PKCS#1 is for TLS 1.2 alone, and comes last. */
export function rsaSchemes(modulusLength: number): SignatureScheme[] {
  const schemes = pssSchemes('rsa_pss_rsae', { modulusLength });
  for (const { digest, digestLength } of rsaHashes) {
    // EMSA-PKCS1-v1_5 holds the hash, 19 bytes that name it, and 11 more (RFC 8017 §9.2).
    if (Math.ceil(modulusLength / 8) >= digestLength + 19 + 11) schemes.push(`rsa_pkcs1_${digest}`);
  }
  return schemes;
}

/** Those of an RSA key that has room for them, and whose parameters, if any, allow them. */
function pssSchemes(
  family: 'rsa_pss_rsae' | 'rsa_pss_pss',
  details: AsymmetricKeyDetails = {},
): SignatureScheme[] {
  const { modulusLength = 0, hashAlgorithm, mgf1HashAlgorithm, saltLength } = details;
  const encodedLength = Math.ceil((modulusLength - 1) / 8);
  const schemes: SignatureScheme[] = [];
  for (const { digest, digestLength } of rsaHashes) {
    // EMSA-PSS holds hash, salt and two bytes more (RFC 8017 §9.1.1).
    if (encodedLength < 2 * digestLength + 2) continue;
    const restricted = hashAlgorithm !== undefined;
    const allowed = hashAlgorithm === digest && mgf1HashAlgorithm === digest && saltLength === digestLength;
    if (!restricted || allowed) schemes.push(`${family}_${digest}`);
  }
  return schemes;
}
