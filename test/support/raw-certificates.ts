import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { ascii, der, objectIdentifier, sequence } from './der.ts';

/** A certificate whose every part a test may write, in DER. */
export interface RawCertificate {
  readonly subject: Uint8Array;
  readonly issuer: Uint8Array;
  readonly key: KeyObject | Uint8Array;
  /** An Ed25519 key. */
  readonly signer: KeyObject;
  readonly extensions: readonly Uint8Array[];
  /** AlgorithmIdentifier, inside and outside. */
  readonly algorithm?: Uint8Array;
}

const ed25519 = sequence(objectIdentifier('1.3.101.112'));
let serialNumber = 0;

export function newKey(): KeyObject {
  return generateKeyPairSync('ed25519').privateKey;
}

export function publicKeyOf(key: KeyObject): Uint8Array {
  return new Uint8Array(createPublicKey(key).export({ format: 'der', type: 'spki' }));
}

/** A name of one commonName. */
export function commonName(text: string): Uint8Array {
  return sequence(der(0x31, sequence(objectIdentifier('2.5.4.3'), der(0x0c, ascii(text)))));
}

export function rawExtension(oid: string, isCritical: boolean, value: Uint8Array): Uint8Array {
  const critical = isCritical ? [der(0x01, Uint8Array.of(0xff))] : [];
  return sequence(objectIdentifier(oid), ...critical, der(0x04, value));
}

export const authority: Uint8Array = rawExtension(
  '2.5.29.19',
  true,
  sequence(der(0x01, Uint8Array.of(0xff))),
);

export function dnsNames(...names: readonly string[]): Uint8Array {
  return rawExtension('2.5.29.17', false, sequence(...names.map((name) => der(0x82, ascii(name)))));
}

export function rawCertificate(parts: RawCertificate): Uint8Array {
  const { subject, issuer, key, signer, extensions, algorithm = ed25519 } = parts;
  serialNumber += 1;
  const signed = sequence(
    der(0xa0, der(0x02, Uint8Array.of(2))),
    der(0x02, Uint8Array.of(1, serialNumber >> 8, serialNumber & 0xff)),
    algorithm,
    issuer,
    sequence(der(0x17, ascii('240101000000Z')), der(0x17, ascii('490101000000Z'))),
    subject,
    key instanceof Uint8Array ? key : publicKeyOf(key),
    der(0xa3, sequence(...extensions)),
  );
  return sequence(signed, algorithm, der(0x03, Uint8Array.of(0), sign(null, signed, signer)));
}
