import { beforeAll, describe, expect, test } from 'vitest';
import {
  extension,
  intermediateCertificate,
  resign,
  rootCertificate,
  selfSignedCertificate,
  serverCertificate,
  signatures,
  type TestCertificate,
  testKey,
} from '../support/certificates.ts';
import { ascii, children, der, objectIdentifier, sequence } from '../support/der.ts';
import {
  expectRefused,
  expectTrusted,
  intermediate,
  judge,
  leaf,
  leafWith,
  makeChain,
  root,
} from '../support/trust.ts';

beforeAll(makeChain);

describe('signatures', () => {
  test('that do not verify are refused', () => {
    const changed = Uint8Array.from(leaf.der);
    changed[changed.length - 3]! ^= 1;
    expectRefused(judge([changed, intermediate]), 'bad_signature', 'bad_certificate', {
      subject: 'CN=Test Server',
      position: 0,
    });
    const authority = Uint8Array.from(intermediate.der);
    authority[authority.length - 3]! ^= 1;
    expectRefused(judge([leaf, authority]), 'bad_signature', 'bad_certificate', { position: 1 });
  });

  test('are those of the certificate itself, not of one whose PEM text it carries', async () => {
    const [genuine] = await leafWith({ names: ['attacker.example'] });
    for (const text of [
      genuine!.pem,
      `\n${genuine!.pem}`,
      `\n${genuine!.pem.replaceAll('CERTIFICATE', 'TRUSTED CERTIFICATE')}`,
    ]) {
      const carried = extension('1.3.6.1.4.1.99999.1', false, der(0x04, ascii(text)));
      const [forged] = await leafWith({ signingKey: testKey('p256', 'attacker'), extensions: [carried] });
      expectRefused(judge([forged!, intermediate]), 'bad_signature', 'bad_certificate', { position: 0 });
      const [sound] = await leafWith({ extensions: [carried] });
      expectTrusted(judge([sound!, intermediate]));
    }
  });

  test('of a key of another kind are refused', async () => {
    const [odd] = await leafWith({ signingKey: testKey('rsa2048') });
    expectRefused(judge([odd!, intermediate]), 'bad_signature', 'bad_certificate', { position: 0 });
  });

  test.each(['sha1WithRsa', 'md5WithRsa', 'ecdsaWithSha1'] as const)(
    'by %s are refused below the anchor',
    async (name) => {
      const key = name === 'ecdsaWithSha1' ? 'p256' : 'rsa2048';
      const signature = signatures[name];
      const authority = await rootCertificate({ key, signature });
      const good = await serverCertificate(authority, { names: ['www.example.org'] });
      expectTrusted(judge([good], { ca: [authority] }));
      const weak = await serverCertificate(authority, { names: ['www.example.org'], signature });
      const error = expectRefused(judge([weak], { ca: [authority] }), 'weak_signature', 'bad_certificate', {
        position: 0,
      });
      expect(error.message).toMatch(/SHA-1|MD5/);
      const middle = await intermediateCertificate(authority, { signature });
      const below = await serverCertificate(middle, { names: ['www.example.org'] });
      expectRefused(judge([below, middle], { ca: [authority] }), 'weak_signature', 'bad_certificate', {
        position: 1,
      });
    },
  );

  test('by RSA-PSS need one SHA-2 hash and a salt of its length', async () => {
    const authority = await rootCertificate({ key: 'rsaPss2048' });
    const [hash, mask] = children(children(signatures.rsaPssSha256.algorithm)[1]!);
    const salt = (length: number): Uint8Array => der(0xa2, der(0x02, Uint8Array.of(length)));
    const sha384 = sequence(objectIdentifier('2.16.840.1.101.3.4.2.2'));
    const odd: readonly (readonly Uint8Array[])[] = [
      [],
      [hash!, mask!],
      [hash!, mask!, salt(20)],
      [der(0xa0, sha384), mask!, salt(48)],
      [hash!, salt(32)],
      [mask!, salt(32)],
    ];
    const good = await serverCertificate(authority, { names: ['www.example.org'] });
    expectTrusted(judge([good], { ca: [authority] }));
    for (const parameters of odd) {
      const algorithm = sequence(objectIdentifier('1.2.840.113549.1.1.10'), sequence(...parameters));
      const bytes = resign(good.der, testKey('rsaPss2048'), { algorithm, hash: 'sha256' });
      expectRefused(judge([bytes], { ca: [authority] }), 'weak_signature', 'bad_certificate', {
        position: 0,
      });
    }
  });
});

describe('keys', () => {
  test.each(['rsa1024', 'secp256k1'] as const)(
    'of kind %s are refused in a leaf that is trusted itself',
    async (key) => {
      const own = await selfSignedCertificate({ key, names: ['www.example.org'] });
      expectRefused(judge([own], { ca: [own] }), 'weak_key', 'bad_certificate', { position: 0 });
    },
  );

  describe('that nobody should have', () => {
    const rsaKey = (modulus: Uint8Array, exponent: readonly number[]): Uint8Array =>
      sequence(
        sequence(objectIdentifier('1.2.840.113549.1.1.1'), der(0x05)),
        der(0x03, Uint8Array.of(0), sequence(der(0x02, modulus), der(0x02, Uint8Array.from(exponent)))),
      );
    /** An odd number with so many bits. */
    const number = (bits: number): Uint8Array => Uint8Array.of(0, ...new Array<number>(bits / 8).fill(0xff));
    const good = [1, 0, 1];
    const point = der(0x03, Uint8Array.of(0), new Uint8Array(32).fill(9));

    function withKey(certificate: TestCertificate, spki: Uint8Array, issuer: TestCertificate): Uint8Array {
      return resign(certificate.der, issuer.key, signatures.ecdsaWithSha256, (fields) =>
        fields.with(6, spki),
      );
    }

    test.each([
      ['an exponent of 1', rsaKey(number(2048), [1])],
      ['an even exponent', rsaKey(number(2048), [4])],
      ['an exponent of 34 bits', rsaKey(number(2048), [3, 0, 0, 0, 1])],
      ['8 200 bits', rsaKey(number(8200), good)],
      ['2 040 bits', rsaKey(number(2040), good)],
      [
        'a curve that is spelled out',
        sequence(
          sequence(objectIdentifier('1.2.840.10045.2.1'), sequence(der(0x02, Uint8Array.of(1)))),
          point,
        ),
      ],
      ['a key that cannot sign (X25519)', sequence(sequence(objectIdentifier('1.3.101.110')), point)],
    ] as const)('are refused: %s', (_, spki) => {
      const bytes = withKey(leaf, spki, intermediate);
      expectRefused(judge([bytes, intermediate]), 'weak_key', 'bad_certificate', { position: 0 });
    });

    test('are accepted at the border', () => {
      for (const spki of [
        rsaKey(number(8192), good),
        rsaKey(number(2048), [3]),
        rsaKey(number(2048), [0, 255, 255, 255, 255]),
      ]) {
        expectTrusted(judge([withKey(leaf, spki, intermediate), intermediate]));
      }
    });

    test('are not even computed with: an authority’s is looked at before it verifies anything', () => {
      const huge = withKey(intermediate, rsaKey(number(8200), good), root);
      expectRefused(judge([leaf, huge]), 'weak_key', 'bad_certificate', { position: 1 });
    });
  });
});
