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

export type PssHash = keyof typeof hashIdentifiers;

const hashIdentifiers = {
  sha1: '1.3.14.3.2.26',
  sha224: '2.16.840.1.101.3.4.2.4',
  sha256: '2.16.840.1.101.3.4.2.1',
  sha384: '2.16.840.1.101.3.4.2.2',
  sha512: '2.16.840.1.101.3.4.2.3',
};

/** The AlgorithmIdentifier of an RSA-PSS key or signature with parameters; defaults are left out (RFC 4055 §3.1). */
export function pssAlgorithm(hash: PssHash, mgf1Hash: PssHash, saltLength: number): Uint8Array {
  const algorithm = (name: PssHash): Uint8Array =>
    sequence(objectIdentifier(hashIdentifiers[name]), der(0x05));
  const mgf1 = sequence(objectIdentifier('1.2.840.113549.1.1.8'), algorithm(mgf1Hash));
  const parameters = sequence(
    ...(hash === 'sha1' ? [] : [der(0xa0, algorithm(hash))]),
    ...(mgf1Hash === 'sha1' ? [] : [der(0xa1, mgf1)]),
    ...(saltLength === 20 ? [] : [der(0xa2, der(0x02, Uint8Array.of(saltLength)))]),
  );
  return sequence(objectIdentifier('1.2.840.113549.1.1.10'), parameters);
}

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
