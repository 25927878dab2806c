import { createPublicKey, type JsonWebKey, type KeyObject, verify } from 'node:crypto';
import { copyBytes } from '../../base/bytes.ts';
import type { PublicKey, SignatureAlgorithm, SignatureScheme } from '../provider.ts';
import { isOnCurve } from './curves.ts';
import {
  ecdsaScheme,
  issuerParameters,
  modulusBits,
  rsaSchemes,
  type SchemeParameters,
  schemeParameters,
  schemesOf,
} from './schemes.ts';
import { parseSubjectPublicKeyInfo, type SubjectPublicKey } from './spki.ts';

/**
 * See `CryptoProvider.importPublicKey`. OpenSSL's own import takes as long as a signature, and many a key is never
 * used: all that is to be known about most of them can be seen without it.
 */
export function importPublicKey(subjectPublicKeyInfo: Uint8Array): PublicKey | undefined {
  // It may be read much later, and keeps nothing else alive.
  const copy = copyBytes(subjectPublicKeyInfo);
  const parsed = parseSubjectPublicKeyInfo(copy);
  if (!parsed) return undefined;
  const { type } = parsed;
  const imported = (): KeyObject => importKey(parsed, copy);
  switch (type) {
    case 'ec': {
      const { curve, point } = parsed;
      return isOnCurve(curve, point) ? new NodePublicKey(type, [ecdsaScheme(curve)], imported) : undefined;
    }
    case 'ed25519':
      return new NodePublicKey(type, [type], imported);
    case 'rsa': {
      const bits = bitLength(parsed.modulus);
      return new NodePublicKey(type, rsaSchemes(bits), imported, bits);
    }
    case 'rsa-pss':
      return importPssKey(imported);
  }
}

/** Its parameters are OpenSSL's to read. */
function importPssKey(imported: () => KeyObject): PublicKey | undefined {
  try {
    const key = imported();
    return new NodePublicKey('rsa-pss', schemesOf(key), () => key, modulusBits(key));
  } catch {
    return undefined;
  }
}

class NodePublicKey implements PublicKey {
  readonly schemes: readonly SignatureScheme[];
  readonly modulusBits: number | undefined;
  readonly #type: SubjectPublicKey['type'];
  readonly #import: () => KeyObject;
  #key: KeyObject | undefined;

  constructor(
    type: SubjectPublicKey['type'],
    schemes: readonly SignatureScheme[],
    imported: () => KeyObject,
    bits?: number,
  ) {
    this.#type = type;
    this.schemes = schemes;
    this.#import = imported;
    this.modulusBits = bits;
  }

  verify(scheme: SignatureScheme, content: Uint8Array, signature: Uint8Array): boolean {
    return this.schemes.includes(scheme) && this.#verify(schemeParameters[scheme], content, signature);
  }

  verifySigned(algorithm: SignatureAlgorithm, content: Uint8Array, signature: Uint8Array): boolean {
    const parameters = issuerParameters(algorithm, this.#type, this.schemes);
    return parameters !== undefined && this.#verify(parameters, content, signature);
  }

  #verify({ digest, options }: SchemeParameters, content: Uint8Array, signature: Uint8Array): boolean {
    try {
      this.#key ??= this.#import();
      return verify(digest, content, { key: this.#key, ...options }, signature);
    } catch {
      return false;
    }
  }
}

function importKey(parsed: SubjectPublicKey, subjectPublicKeyInfo: Uint8Array): KeyObject {
  const jwk = jsonWebKey(parsed);
  return jwk
    ? createPublicKey({ key: jwk, format: 'jwk' })
    : createPublicKey({ key: Buffer.from(subjectPublicKeyInfo), format: 'der', type: 'spki' });
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

/** Of a positive integer without leading zeros. */
function bitLength(bytes: Uint8Array): number {
  return 8 * bytes.length - (Math.clz32(bytes[0] ?? 0) - 24);
}
