import { createPublicKey, createSecretKey, verify } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { TlsUsageError } from '../../src/base/errors.ts';
import type { SignatureScheme } from '../../src/crypto/provider.ts';
import type { Identity } from '../../src/handshake/identity.ts';
import { type IdentityOptions, loadIdentity } from '../../src/net/identity.ts';
import {
  pemChain,
  rootCertificate,
  serverCertificate,
  type TestCertificate,
  testKey,
  toPem,
} from '../support/certificates.ts';

let root: TestCertificate;
let leaf: TestCertificate;
const context = { signal: new AbortController().signal };
const content = Uint8Array.of(1, 2, 3);

beforeAll(async () => {
  root = await rootCertificate();
  leaf = await serverCertificate(root);
});

function usage(options: unknown, pattern: RegExp): TlsUsageError {
  let caught: unknown;
  try {
    loadIdentity(options as IdentityOptions);
  } catch (error) {
    caught = error;
  }
  expect(caught).toBeInstanceOf(TlsUsageError);
  expect((caught as TlsUsageError).message).toMatch(pattern);
  return caught as TlsUsageError;
}

describe('a certificate', () => {
  test('is a PEM chain as text or bytes, or the DER of the leaf', () => {
    const cert = pemChain(leaf, root);
    const expected = [leaf.der, root.der];
    expect(loadIdentity({ cert, key: leaf.keyPem }).chain).toEqual(expected);
    expect(loadIdentity({ cert: Buffer.from(cert), key: leaf.keyPem }).chain).toEqual(expected);
    expect(loadIdentity({ cert: leaf.der, key: leaf.keyPem }).chain).toEqual([leaf.der]);
  });

  test('must be one', () => {
    usage({ cert: leaf.keyPem, key: leaf.keyPem }, /identity\.cert: .*"PRIVATE KEY"/);
    usage(
      { cert: toPem('CERTIFICATE', Uint8Array.of(0x30, 0)), key: leaf.keyPem },
      /certificate 1 cannot be read/,
    );
    usage({ cert: leaf.pem + toPem('CERTIFICATE', leaf.der.subarray(1)), key: leaf.keyPem }, /certificate 2/);
    usage({ key: leaf.keyPem }, /identity\.cert: .*undefined/);
  });
});

describe('a key', () => {
  const kinds: readonly (readonly [
    'p256' | 'p384' | 'p521' | 'ed25519' | 'rsa2048' | 'rsaPss2048',
    SignatureScheme,
  ])[] = [
    ['p256', 'ecdsa_secp256r1_sha256'],
    ['p384', 'ecdsa_secp384r1_sha384'],
    ['p521', 'ecdsa_secp521r1_sha512'],
    ['ed25519', 'ed25519'],
    ['rsa2048', 'rsa_pss_rsae_sha256'],
    ['rsaPss2048', 'rsa_pss_pss_sha256'],
  ];

  test.each(kinds)('of kind %s signs with %s', async (kind, scheme) => {
    const server = await serverCertificate(root, { key: kind });
    for (const key of [server.keyPem, server.key]) {
      const { signer } = loadIdentity({ cert: server.pem, key });
      expect(signer.schemes).toContain(scheme);
      expect(await signer.sign(scheme, content, context)).toBeInstanceOf(Uint8Array);
    }
  });

  test('signs what the leaf verifies', async () => {
    const { signer } = loadIdentity({ cert: leaf.pem, key: leaf.key });
    const signature = await signer.sign('ecdsa_secp256r1_sha256', content, context);
    expect(verify('sha256', content, createPublicKey(leaf.key), signature)).toBe(true);
  });

  test('may be encrypted, and needs its passphrase then', () => {
    const cert = leaf.pem;
    const key = leaf.key
      .export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'open' })
      .toString();
    const old = leaf.key
      .export({ format: 'pem', type: 'sec1', cipher: 'aes-256-cbc', passphrase: 'open' })
      .toString();
    for (const encrypted of [key, old]) {
      expect(loadIdentity({ cert, key: encrypted, passphrase: 'open' }).chain).toEqual([leaf.der]);
      usage({ cert, key: encrypted }, /encrypted: give its passphrase/);
      const error = usage({ cert, key: encrypted, passphrase: 'guess' }, /passphrase is wrong/);
      expect(error.message).not.toContain('guess');
    }
  });

  test('may be indented, or stand behind its curve and some text', () => {
    const parameters = toPem('EC PARAMETERS', Uint8Array.from([6, 8, 42, 134, 72, 206, 61, 3, 1, 7]));
    const old = leaf.key
      .export({ format: 'pem', type: 'sec1', cipher: 'aes-256-cbc', passphrase: 'open' })
      .toString();
    for (const text of [leaf.keyPem, `some text\n${parameters}${leaf.keyPem}`]) {
      const indented = `  ${text.replaceAll('\n', '\r\n  ')}`;
      for (const key of [text, indented]) expect(loadIdentity({ cert: leaf.pem, key }).chain).toHaveLength(1);
    }
    const indented = old.replaceAll('\n', '\n\t');
    expect(loadIdentity({ cert: leaf.pem, key: indented, passphrase: 'open' }).chain).toHaveLength(1);
  });

  test('must be the leaf’s', () => {
    const other = testKey('p256', 'other').export({ format: 'pem', type: 'pkcs8' }).toString();
    usage({ cert: leaf.pem, key: other }, /do not belong together/);
    usage({ cert: pemChain(root, leaf), key: leaf.keyPem }, /key of certificate 2 .*put that one first/);
    usage({ cert: leaf.pem, key: testKey('rsa2048') }, /do not belong together/);
  });

  test('must be one that TLS can sign with', async () => {
    for (const kind of ['rsa1024', 'secp256k1', 'ed448'] as const) {
      const server = await serverCertificate(root, { key: kind });
      usage({ cert: server.pem, key: server.keyPem }, /cannot sign a TLS handshake/);
    }
  });

  test('must be private, and text or a KeyObject', () => {
    const cert = leaf.pem;
    usage({ cert, key: createPublicKey(leaf.key) }, /expected a private key, got a public one/);
    usage({ cert, key: createSecretKey(content) }, /got a secret one/);
    usage({ cert, key: leaf.pem }, /identity\.key: expected a private key .*"CERTIFICATE"/);
    usage({ cert, key: Buffer.from(leaf.keyPem) }, /readFileSync\(path, 'utf8'\)/);
    usage({ cert }, /got undefined/);
    const broken = leaf.keyPem.split('\n').toSpliced(1, 1).join('\n');
    const error = usage({ cert, key: broken }, /damaged or of an unknown kind/);
    expect(error.message).not.toContain(broken.split('\n')[1]);
  });
});

describe('options', () => {
  test('that would have no effect are refused', () => {
    const { pem: cert, keyPem: key } = leaf;
    usage({ cert, key, passphrase: 'x' }, /not encrypted/);
    usage({ cert, key: leaf.key, passphrase: 'x' }, /KeyObject needs none/);
    usage({ cert, key, passphrase: 5 }, /expected a string/);
    usage({ cert, key, ca: root.pem }, /unknown option "ca"/);
    usage(null, /expected \{ cert, key \}/);
    usage('server.pem', /expected \{ cert, key \}/);
  });

  test('may be a ready identity, which stays what it is', () => {
    const ready: Identity = {
      chain: [leaf.der],
      signer: { schemes: ['ed25519'], sign: () => new Uint8Array(64) },
    };
    expect(loadIdentity(ready)).toBe(ready);
    usage({ ...ready, chain: [] }, /identity\.chain/);
    usage({ ...ready, chain: [leaf.pem] }, /identity\.chain/);
    usage({ chain: ready.chain }, /identity\.signer/);
    usage({ signer: ready.signer }, /identity\.chain/);
    usage({ ...ready, signer: { schemes: [], sign: () => content } }, /identity\.signer/);
    usage({ ...ready, signer: { schemes: ['ed25519'] } }, /identity\.signer/);
  });

  test('are read once: the identity cannot be changed', () => {
    const identity = loadIdentity({ cert: leaf.pem, key: leaf.key });
    expect(Object.isFrozen(identity)).toBe(true);
    expect(Object.isFrozen(identity.chain)).toBe(true);
  });
});
