import { DerReader } from '../pki/der.ts';
import { atEnd, constructed, objectIdentifier, smallInteger, tags } from './x509-values.ts';

/** Signatures under which a certificate is believed, below the trust anchor. */
const acceptable: ReadonlySet<string> = new Set([
  '1.2.840.113549.1.1.11', // sha256WithRSAEncryption
  '1.2.840.113549.1.1.12', // sha384WithRSAEncryption
  '1.2.840.113549.1.1.13', // sha512WithRSAEncryption
  '1.2.840.10045.4.3.2', // ecdsa-with-SHA256
  '1.2.840.10045.4.3.3', // ecdsa-with-SHA384
  '1.2.840.10045.4.3.4', // ecdsa-with-SHA512
  '1.3.101.112', // id-Ed25519
  '1.3.101.113', // id-Ed448
]);

const rsassaPss = '1.2.840.113549.1.1.10';

/** Hash functions of RSASSA-PSS and the salt length that goes with each (RFC 9846 §4.3.3). */
const pssHashes: ReadonlyMap<string, number> = new Map([
  ['2.16.840.1.101.3.4.2.1', 32], // SHA-256
  ['2.16.840.1.101.3.4.2.2', 48], // SHA-384
  ['2.16.840.1.101.3.4.2.3', 64], // SHA-512
]);

/** For error texts: what is refused and has a name that people know. */
const names: ReadonlyMap<string, string> = new Map([
  ['1.2.840.113549.1.1.2', 'MD2 with RSA'],
  ['1.2.840.113549.1.1.4', 'MD5 with RSA'],
  ['1.2.840.113549.1.1.5', 'SHA-1 with RSA'],
  ['1.2.840.113549.1.1.14', 'SHA-224 with RSA'],
  ['1.2.840.10040.4.3', 'SHA-1 with DSA'],
  ['1.2.840.10045.4.1', 'SHA-1 with ECDSA'],
  ['1.2.840.10045.4.3.1', 'SHA-224 with ECDSA'],
  [rsassaPss, 'RSA-PSS with unusual parameters'],
]);

/**
 * Why a signature algorithm is not believed; undefined where it is.
 * @param algorithm a DER AlgorithmIdentifier
 */
export function weakSignature(algorithm: Uint8Array): string | undefined {
  const fields = new DerReader(new DerReader(algorithm).next(tags.sequence).content);
  const oid = objectIdentifier(fields.next(tags.objectIdentifier).content);
  if (acceptable.has(oid) || (oid === rsassaPss && hasSoundPssParameters(fields))) return undefined;
  return names.get(oid) ?? `algorithm ${oid}`;
}

/** RFC 4055 §3.1: one hash for the message and the mask, a salt of its length. The defaults are SHA-1. */
function hasSoundPssParameters(algorithm: DerReader): boolean {
  if (algorithm.atEnd) return false;
  const fields = new DerReader(algorithm.next(tags.sequence).content);
  if (!fields.nextIs(constructed(0))) return false;
  const hash = algorithmIdentifier(fields.next().content).oid;
  if (!fields.nextIs(constructed(1))) return false;
  const mask = algorithmIdentifier(fields.next().content);
  if (mask.oid !== '1.2.840.113549.1.1.8' || algorithmIdentifier(mask.parameters).oid !== hash) return false;
  if (!fields.nextIs(constructed(2))) return false;
  const saltLength = smallInteger(new DerReader(fields.next().content).next(tags.integer).content);
  return saltLength === pssHashes.get(hash);
}

function algorithmIdentifier(bytes: Uint8Array): { oid: string; parameters: Uint8Array } {
  const outer = new DerReader(bytes);
  const fields = new DerReader(outer.next(tags.sequence).content);
  atEnd(outer, 'an algorithm');
  const oid = objectIdentifier(fields.next(tags.objectIdentifier).content);
  return { oid, parameters: fields.atEnd ? new Uint8Array(0) : fields.next().bytes };
}
