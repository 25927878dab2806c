import {
  constants,
  createPublicKey,
  createSecretKey,
  generateKeyPairSync,
  type KeyObject,
  verify,
} from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../src/base/bytes.ts';
import { TlsUsageError } from '../../src/base/errors.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import { nodeSigner } from '../../src/crypto/node/signer.ts';
import { ownArray } from '../support/own-array.ts';
import { ecKey, ed25519Key, rsaKey, spkiOf, unrestrictedPssKey } from '../support/public-keys.ts';

const content = utf8('what is to be signed');

describe('nodeSigner', () => {
  it.each([
    ['P-256', (): KeyObject => ecKey('prime256v1'), 1],
    ['P-384', (): KeyObject => ecKey('secp384r1'), 1],
    ['P-521', (): KeyObject => ecKey('secp521r1'), 1],
    ['Ed25519', ed25519Key, 1],
    ['RSA', (): KeyObject => rsaKey('rsa2048'), 6],
    ['RSA-PSS', (): KeyObject => unrestrictedPssKey('rsa2048'), 3],
    ['RSA-PSS for SHA-256', (): KeyObject => rsaKey('rsaPss2048'), 1],
  ] as const)('signs what the public key verifies: %s', (_name, makeKey, schemeCount) => {
    const key = makeKey();
    const signer = nodeSigner(key);
    const publicKey = nodeCrypto.importPublicKey(spkiOf(key));
    expect(signer.schemes).toHaveLength(schemeCount);
    expect(publicKey?.schemes).toEqual(signer.schemes);
    for (const scheme of signer.schemes) {
      const signature = signer.sign(scheme, content);
      expect(publicKey?.verify(scheme, content, signature)).toBe(true);
      expect(ownArray(signature)).toBe(true);
    }
  });

  it('signs RSA-PSS with a salt as long as the digest, not the longest', () => {
    const key = rsaKey('rsa2048');
    const signature = nodeSigner(key).sign('rsa_pss_rsae_sha384', content);
    const verifies = (saltLength: number): boolean => {
      const options = { key: createPublicKey(key), padding: constants.RSA_PKCS1_PSS_PADDING, saltLength };
      return verify('sha384', content, options, signature);
    };
    expect(verifies(48)).toBe(true);
    // What there is room for in 256 bytes.
    expect(verifies(256 - 48 - 2)).toBe(false);
  });

  it('refuses a scheme that does not fit the key, and names those that do', () => {
    const signer = nodeSigner(ecKey('secp384r1'));
    expect(() => signer.sign('ecdsa_secp256r1_sha256', content)).toThrow(TlsUsageError);
    expect(() => signer.sign('ecdsa_secp256r1_sha256', content)).toThrow(/only with ecdsa_secp384r1_sha384$/);
    expect(() => nodeSigner(rsaKey('rsa2048')).sign('rsa_pss_pss_sha256', content)).toThrow(TlsUsageError);
    expect(() => nodeSigner(rsaKey('rsaPss2048')).sign('rsa_pss_pss_sha384', content)).toThrow(TlsUsageError);
  });

  it.each([
    ['a secp256k1 key', (): KeyObject => ecKey('secp256k1'), /type ec on secp256k1/],
    ['an Ed448 key', (): KeyObject => generateKeyPairSync('ed448').privateKey, /type ed448/],
    ['an X25519 key', (): KeyObject => generateKeyPairSync('x25519').privateKey, /type x25519/],
    ['an RSA key of 1024 bits', (): KeyObject => rsaKey('rsa1024'), /type rsa with 1024 bits/],
    [
      'an RSA-PSS key of 1024 bits',
      (): KeyObject => unrestrictedPssKey('rsa1024'),
      /type rsa-pss with 1024 bits/,
    ],
    ['a public key', (): KeyObject => createPublicKey(ecKey('prime256v1')), /needs a private key/],
    ['a secret key', (): KeyObject => createSecretKey(new Uint8Array(32)), /needs a private key/],
    ['PEM', (): KeyObject => '-----BEGIN PRIVATE KEY-----' as unknown as KeyObject, /as a KeyObject/],
  ])('refuses %s and says what is supported', (_name, makeKey, message) => {
    const key = makeKey();
    expect(() => nodeSigner(key)).toThrow(TlsUsageError);
    expect(() => nodeSigner(key)).toThrow(message);
    expect(() => nodeSigner(key)).toThrow(
      /P-256, P-384 or P-521, Ed25519 keys, and RSA or RSA-PSS keys of at least 2048 bits/,
    );
  });
});
