import {
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  type SignKeyObjectInput,
  sign,
} from 'node:crypto';
import { ascii, der, objectIdentifier, sequence } from './der.ts';

/** A certificate whose every part a test may write, in DER. */
export interface RawCertificate {
  readonly subject: Uint8Array;
  readonly issuer: Uint8Array;
  readonly key: KeyObject | Uint8Array;
  /** An Ed25519 key, unless `algorithm` and `hash` fit another one. */
  readonly signer: KeyObject | SignKeyObjectInput;
  /** None at all: no field for them. */
  readonly extensions: readonly Uint8Array[];
  /** AlgorithmIdentifier, inside and outside. */
  readonly algorithm?: Uint8Array;
  /** AlgorithmIdentifier outside, where it is another. */
  readonly outerAlgorithm?: Uint8Array;
  readonly hash?: string | undefined;
  /** The whole field, which may be empty. Default: version 3. */
  readonly version?: Uint8Array;
  /** Contents of the INTEGER. Default: one of its own. */
  readonly serialNumber?: Uint8Array;
  /** Both Times, whole. */
  readonly validity?: readonly [Uint8Array, Uint8Array];
  /** Changes what is signed, before it is. */
  readonly edit?: ((signed: Uint8Array) => Uint8Array) | undefined;
}

const ed25519 = sequence(objectIdentifier('1.3.101.112'));
let serialNumber = 0;

export function newKey(): KeyObject {
  return generateKeyPairSync('ed25519').privateKey;
}

const publicKeys = new WeakMap<KeyObject, Uint8Array>();

/** DER SubjectPublicKeyInfo; the next caller gets the same array. */
export function publicKeyOf(key: KeyObject): Uint8Array {
  let bytes = publicKeys.get(key);
  if (bytes === undefined) {
    bytes = new Uint8Array(createPublicKey(key).export({ format: 'der', type: 'spki' }));
    publicKeys.set(key, bytes);
  }
  return bytes;
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
  const { subject, issuer, key, signer, extensions, algorithm = ed25519, hash } = parts;
  serialNumber += 1;
  const {
    version = der(0xa0, der(0x02, Uint8Array.of(2))),
    serialNumber: serial = Uint8Array.of(1, serialNumber >> 8, serialNumber & 0xff),
    validity = [der(0x17, ascii('240101000000Z')), der(0x17, ascii('490101000000Z'))],
    outerAlgorithm = algorithm,
    edit = (whole: Uint8Array): Uint8Array => whole,
  } = parts;
  const fields = sequence(
    version,
    der(0x02, serial),
    algorithm,
    issuer,
    sequence(...validity),
    subject,
    key instanceof Uint8Array ? key : publicKeyOf(key),
    ...(extensions.length > 0 ? [der(0xa3, sequence(...extensions))] : []),
  );
  const signed = edit(fields);
  return sequence(signed, outerAlgorithm, der(0x03, Uint8Array.of(0), sign(hash, signed, signer)));
}
