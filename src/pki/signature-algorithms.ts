import { equalBytes, fromHex, lookupKey } from '../base/bytes.ts';
import type { SignatureAlgorithm } from '../crypto/provider.ts';
import { DerReader, tags } from './der.ts';
import { objectIdentifier } from './values.ts';

/**
 * The signatures under which a certificate, a CRL or an OCSP response is believed, by their whole AlgorithmIdentifier:
 * parameters are NULL for PKCS #1 (RFC 4055 §5), absent for ECDSA and EdDSA (RFC 5758 §3.2, RFC 8410 §3), and for PSS
 * one hash for the message and the mask, and a salt of its length (RFC 4055 §3.1).
 */
const algorithms: ReadonlyMap<string, SignatureAlgorithm> = new Map([
  ['300d06092a864886f70d01010b0500', 'rsa_pkcs1_sha256'],
  ['300d06092a864886f70d01010c0500', 'rsa_pkcs1_sha384'],
  ['300d06092a864886f70d01010d0500', 'rsa_pkcs1_sha512'],
  ['300a06082a8648ce3d040302', 'ecdsa_sha256'],
  ['300a06082a8648ce3d040303', 'ecdsa_sha384'],
  ['300a06082a8648ce3d040304', 'ecdsa_sha512'],
  ['300506032b6570', 'ed25519'],
  ...pss('1', '20').map((algorithm) => [algorithm, 'rsa_pss_sha256'] as const),
  ...pss('2', '30').map((algorithm) => [algorithm, 'rsa_pss_sha384'] as const),
  ...pss('3', '40').map((algorithm) => [algorithm, 'rsa_pss_sha512'] as const),
]);

const byLookupKey: ReadonlyMap<
  number,
  { readonly bytes: Uint8Array; readonly algorithm: SignatureAlgorithm }
> = new Map(
  [...algorithms].map(([hex, algorithm]) => {
    const bytes = fromHex(hex);
    return [lookupKey(bytes), { bytes, algorithm }];
  }),
);

/** For error texts: what is refused and has a name that people know. */
const names: ReadonlyMap<string, string> = new Map([
  ['1.2.840.113549.1.1.2', 'MD2 with RSA'],
  ['1.2.840.113549.1.1.4', 'MD5 with RSA'],
  ['1.2.840.113549.1.1.5', 'SHA-1 with RSA'],
  ['1.2.840.113549.1.1.14', 'SHA-224 with RSA'],
  ['1.2.840.10040.4.3', 'SHA-1 with DSA'],
  ['1.2.840.10045.4.1', 'SHA-1 with ECDSA'],
  ['1.2.840.10045.4.3.1', 'SHA-224 with ECDSA'],
  ['1.2.840.113549.1.1.10', 'RSA-PSS with unusual parameters'],
  ['1.3.101.113', 'Ed448'],
]);

/** @param algorithm a DER AlgorithmIdentifier; undefined where no signature under it is believed */
export function signatureAlgorithm(algorithm: Uint8Array): SignatureAlgorithm | undefined {
  // The longest that is known has 67 bytes.
  const found = algorithm.length > 80 ? undefined : byLookupKey.get(lookupKey(algorithm));
  return found !== undefined && equalBytes(found.bytes, algorithm) ? found.algorithm : undefined;
}

/** What people call an algorithm. @param algorithm a DER AlgorithmIdentifier of a certificate that was parsed */
export function algorithmName(algorithm: Uint8Array): string {
  const oid = objectIdentifier(new DerReader(algorithm).enter(tags.sequence));
  return names.get(oid) ?? `algorithm ${oid}${algorithmIsKnown(oid) ? ' with unusual parameters' : ''}`;
}

/**
 * RSASSA-PSS of one hash, which is named twice, with NULL or without (RFC 4055 §2.1).
 * @param hash last digit of SHA-2's object identifier @param salt length of its digest, both in hexadecimal
 */
function pss(hash: string, salt: string): readonly string[] {
  const forms = ['0500', ''].map((none) => sequence(`060960864801650304020${hash}${none}`));
  return forms.flatMap((digest) =>
    forms.map((ofMask) => {
      const mask = sequence(`06092a864886f70d010108${ofMask}`);
      const parameters = element('a0', digest) + element('a1', mask) + element('a2', `0201${salt}`);
      return sequence(`06092a864886f70d01010a${sequence(parameters)}`);
    }),
  );
}

function sequence(content: string): string {
  return element('30', content);
}

/** In hexadecimal, of less than 128 bytes. */
function element(tag: string, content: string): string {
  return tag + (content.length / 2).toString(16).padStart(2, '0') + content;
}

function algorithmIsKnown(oid: string): boolean {
  return (
    oid.startsWith('1.2.840.113549.1.1.1') || oid.startsWith('1.2.840.10045.4.3') || oid === '1.3.101.112'
  );
}
