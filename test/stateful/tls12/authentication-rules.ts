import { verify, X509Certificate } from 'node:crypto';
import { equalBytes } from '../../../src/base/bytes.ts';
import { nodeCrypto } from '../../../src/crypto/node/provider.ts';
import type { NamedGroup, SignatureScheme } from '../../../src/crypto/provider.ts';
import { namedGroupCodes, nameOf, signatureSchemeCodes } from '../../../src/wire/names.ts';
import { publicKeyIn } from '../support/authentication-rules.ts';
import type { Faults } from '../support/model.ts';

/** Whom a victim trusts. */
export interface Trust {
  readonly trusted: Uint8Array;
  /** Somebody whose certificate can be read. */
  readonly other: Uint8Array | undefined;
  /** Code points of the signature schemes that were offered. */
  readonly schemes: readonly number[];
}

/** A certificate that may not be trusted. */
export function requireTrusted(faults: Faults, leaf: Uint8Array, { trusted, other }: Trust): void {
  if (other && equalBytes(leaf, other)) faults.require(false, 'unknown_ca');
  else if (!equalBytes(leaf, trusted))
    faults.require(false, 'unknown_ca', 'bad_certificate', 'unsupported_certificate');
}

/**
 * A signature of the key of the trusted certificate, made with a scheme that was offered (RFC 5246 §7.4.1.4.1).
 * @param curves those that were offered
 */
export function requireSignature(
  faults: Faults,
  { trusted, schemes }: Trust,
  { algorithm, signature }: { readonly algorithm: number; readonly signature: Uint8Array },
  content: Uint8Array,
  curves?: readonly number[],
): void {
  const scheme = nameOf(signatureSchemeCodes, algorithm) as SignatureScheme | undefined;
  const { publicKey } = new X509Certificate(trusted);
  const curve = publicKey.asymmetricKeyDetails?.namedCurve;
  if (curve !== undefined) {
    // A scheme of ECDSA names a hash alone (RFC 9846 §4.3.3), and the curves that are offered have a list (RFC 8422 §5.1).
    const hash = /^ecdsa_.*_(sha\d+)$/.exec(scheme ?? '')?.[1];
    const fits =
      hash !== undefined && schemes.includes(algorithm) && (curves?.includes(groupNames[curve]!) ?? true);
    faults.require(fits, 'illegal_parameter');
    if (fits) faults.require(verify(hash, content, publicKey, signature), 'decrypt_error');
    return;
  }
  const key = nodeCrypto.importPublicKey(publicKeyIn(trusted));
  const fits = scheme !== undefined && schemes.includes(algorithm) && key?.schemes.includes(scheme) === true;
  faults.require(fits, 'illegal_parameter');
  if (fits) faults.require(key.verify(scheme, content, signature), 'decrypt_error');
}

/** The groups of the curves, by what OpenSSL calls them. */
const groupNames: Readonly<Record<string, number>> = { prime256v1: 0x17, secp384r1: 0x18, secp521r1: 0x19 };

export function groupWith(code: number): NamedGroup | undefined {
  return nameOf(namedGroupCodes, code);
}

/** Whether it is a public value of its group at all. */
export function isPublicValue(group: NamedGroup, value: Uint8Array): boolean {
  return nodeCrypto.respondToKeyExchange(group, value) !== undefined;
}
