import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { children, der, objectIdentifier, sequence } from './der.ts';
import { rsaTestKeys } from './rsa-test-keys.ts';

/** The SubjectPublicKeyInfo of a key, public or private. */
export function spkiOf(key: KeyObject): Uint8Array {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  return new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }));
}

/** A SubjectPublicKeyInfo of these parts: an AlgorithmIdentifier and what the BIT STRING holds. */
export function spki(algorithm: Uint8Array, key: Uint8Array): Uint8Array {
  return sequence(algorithm, der(0x03, Uint8Array.of(0), key));
}

/** The two parts of a SubjectPublicKeyInfo. */
export function spkiParts(bytes: Uint8Array): { algorithm: Uint8Array; key: Uint8Array } {
  const [algorithm, bitString] = children(bytes);
  const headerLength = bitString![1]! < 0x80 ? 2 : 2 + (bitString![1]! & 0x7f);
  return { algorithm: algorithm!, key: bitString!.slice(headerLength + 1) };
}

/** RSAPublicKey, with the INTEGERs as they are given. */
export function rsaPublicKey(modulus: Uint8Array, exponent: Uint8Array): Uint8Array {
  return sequence(der(0x02, modulus), der(0x02, exponent));
}

export const rsaEncryption: Uint8Array = sequence(objectIdentifier('1.2.840.113549.1.1.1'), der(0x05));
export const rsaPss: Uint8Array = sequence(objectIdentifier('1.2.840.113549.1.1.10'));

/** A ready private key: RSA keys take too long to make. */
export function rsaKey(name: keyof typeof rsaTestKeys): KeyObject {
  return createPrivateKey({ key: Buffer.from(rsaTestKeys[name], 'base64'), format: 'der', type: 'pkcs8' });
}

/** `rsaKey` with id-RSASSA-PSS as its algorithm, and no parameters. */
export function unrestrictedPssKey(name: 'rsa2048' | 'rsa1024'): KeyObject {
  const [version, , key] = children(Buffer.from(rsaTestKeys[name], 'base64'));
  const pkcs8 = Buffer.from(sequence(version!, rsaPss, key!));
  return createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
}

export function ecKey(curve: string, paramEncoding: 'named' | 'explicit' = 'named'): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: curve, paramEncoding }).privateKey;
}

export function ed25519Key(): KeyObject {
  return generateKeyPairSync('ed25519').privateKey;
}
