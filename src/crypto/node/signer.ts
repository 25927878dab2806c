import { KeyObject, sign } from 'node:crypto';
import { TlsUsageError } from '../../base/errors.ts';
import type { SignatureScheme } from '../provider.ts';
import { modulusBits, schemeParameters, schemesOf } from './schemes.ts';

/** What a private key can sign, and how. */
export interface NodeSigner {
  /** The schemes that the key fits, in the order in which they are preferred. */
  readonly schemes: readonly SignatureScheme[];
  /**
   * Signs the whole `content`, which is hashed here.
   *
   * @throws TlsUsageError where `scheme` is not among `schemes`
   */
  sign(scheme: SignatureScheme, content: Uint8Array): Uint8Array;
}

const minimumModulusBits = 2048;
const supportedKeys =
  'supported are EC keys on P-256, P-384 or P-521, Ed25519 keys, and RSA or RSA-PSS keys of at least 2048 bits';

/**
 * A signer that stands on a private key in this process (RFC 9846 §4.3.3).
 *
 * @throws TlsUsageError where the key is not private, or not of a supported kind or size
 */
export function nodeSigner(key: KeyObject): NodeSigner {
  if (!(key instanceof KeyObject) || key.type !== 'private') {
    throw new TlsUsageError(`a signer needs a private key as a KeyObject; ${supportedKeys}`);
  }
  const schemes = schemesOf(key);
  const bits = modulusBits(key);
  if (schemes.length === 0 || (bits !== undefined && bits < minimumModulusBits)) {
    throw new TlsUsageError(`${describe(key)} cannot sign a TLS handshake; ${supportedKeys}`);
  }
  return {
    schemes,
    sign(scheme, content): Uint8Array {
      if (!schemes.includes(scheme)) {
        throw new TlsUsageError(
          `${describe(key)} cannot sign with ${scheme}, only with ${schemes.join(', ')}`,
        );
      }
      const { digest, options } = schemeParameters[scheme];
      return new Uint8Array(sign(digest, content, { key, ...options }));
    },
  };
}

function describe(key: KeyObject): string {
  const { modulusLength, namedCurve, hashAlgorithm } = key.asymmetricKeyDetails ?? {};
  let text = `a private key of type ${key.asymmetricKeyType ?? 'unknown'}`;
  if (modulusLength !== undefined) text += ` with ${modulusLength} bits`;
  if (namedCurve !== undefined) text += ` on ${namedCurve}`;
  if (hashAlgorithm !== undefined) text += ` restricted to ${hashAlgorithm}`;
  return text;
}
