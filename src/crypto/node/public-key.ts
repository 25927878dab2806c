import { createPublicKey, type JsonWebKey, type KeyObject, verify } from 'node:crypto';
import type { PublicKey, SignatureAlgorithm, SignatureScheme } from '../provider.ts';
import { issuerParameters, modulusBits, schemeParameters, schemesOf } from './schemes.ts';
import { parseSubjectPublicKeyInfo, type SubjectPublicKey } from './spki.ts';

/** See `CryptoProvider.importPublicKey`. */
export function importPublicKey(subjectPublicKeyInfo: Uint8Array): PublicKey | undefined {
  const parsed = parseSubjectPublicKeyInfo(subjectPublicKeyInfo);
  if (!parsed) return undefined;
  try {
    const jwk = jsonWebKey(parsed);
    const key = jwk
      ? createPublicKey({ key: jwk, format: 'jwk' })
      : createPublicKey({ key: Buffer.from(subjectPublicKeyInfo), format: 'der', type: 'spki' });
    return new NodePublicKey(key);
  } catch {
    // A point off its curve, or the parameters of an RSA-PSS key.
    return undefined;
  }
}

class NodePublicKey implements PublicKey {
  readonly schemes: readonly SignatureScheme[];
  readonly modulusBits: number | undefined;
  readonly #key: KeyObject;

  constructor(key: KeyObject) {
    this.#key = key;
    this.schemes = schemesOf(key);
    this.modulusBits = modulusBits(key);
  }

  verify(scheme: SignatureScheme, content: Uint8Array, signature: Uint8Array): boolean {
    if (!this.schemes.includes(scheme)) return false;
    const { digest, options } = schemeParameters[scheme];
    return this.#verify(digest, options, content, signature);
  }

  verifySigned(algorithm: SignatureAlgorithm, content: Uint8Array, signature: Uint8Array): boolean {
    const parameters = issuerParameters(algorithm, this.#key);
    return (
      parameters !== undefined && this.#verify(parameters.digest, parameters.options, content, signature)
    );
  }

  #verify(
    digest: string | null,
    options: { readonly padding?: number; readonly saltLength?: number },
    content: Uint8Array,
    signature: Uint8Array,
  ): boolean {
    try {
      return verify(digest, content, { key: this.#key, ...options }, signature);
    } catch {
      return false;
    }
  }
}

/**
 * The key as a JWK where OpenSSL imports that faster than DER: 5 µs instead of 150 for RSA, 80 instead of 150 for
 * P-256. On the larger curves it is slower, as every point is checked twice, and RSA-PSS has no JWK.
 */
function jsonWebKey(key: SubjectPublicKey): JsonWebKey | undefined {
  switch (key.type) {
    case 'rsa':
      return { kty: 'RSA', n: base64url(key.modulus), e: base64url(key.exponent) };
    case 'ed25519':
      return { kty: 'OKP', crv: 'Ed25519', x: base64url(key.key) };
    case 'ec': {
      if (key.curve !== 'P-256') return undefined;
      const { point } = key;
      return {
        kty: 'EC',
        crv: key.curve,
        x: base64url(point.subarray(1, 33)),
        y: base64url(point.subarray(33)),
      };
    }
    case 'rsa-pss':
      return undefined;
  }
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url');
}
