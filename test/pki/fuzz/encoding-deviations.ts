import { constants } from 'node:crypto';
import { signatures, testKey } from '../../support/certificates.ts';
import { children, der, objectIdentifier, sequence } from '../../support/der.ts';
import { mutations } from '../../support/mutated-der.ts';
import { type CertificateDeviation, every, signatureFor } from './scenario.ts';

const integer = (...bytes: readonly number[]): Uint8Array => der(0x02, Uint8Array.from(bytes));

/** Forms that a certificate should not have. */
export const encodings: readonly CertificateDeviation[] = [
  {
    id: 'version',
    roles: every,
    apply: (draft, dice) => {
      const version = dice.pick([undefined, 0, 1, 3]);
      const field = version === undefined ? new Uint8Array(0) : der(0xa0, integer(version));
      draft.parts = { ...draft.parts, version: field };
      return String(version);
    },
  },
  {
    id: 'version 1',
    roles: every,
    apply: (draft) => {
      draft.extensions.clear();
      draft.hasKeyIdentifiers = false;
      draft.parts = { ...draft.parts, version: new Uint8Array(0) };
      return '';
    },
  },
  {
    id: 'serial number',
    roles: every,
    apply: (draft, dice) => {
      const serialNumber = Uint8Array.from(
        dice.pick([
          [],
          [0],
          [0x80],
          [0, 1],
          [0xff, 0xff],
          Array(20).fill(0x7f),
          Array(21).fill(1),
          Array(100).fill(2),
        ]),
      );
      draft.parts = { ...draft.parts, serialNumber };
      return Buffer.from(serialNumber).toString('hex');
    },
  },
  {
    id: 'bytes behind',
    roles: every,
    apply: (draft) => {
      draft.damage = (bytes) => Uint8Array.of(...bytes, 0x05, 0x00);
      return '';
    },
  },
  {
    id: 'no DER',
    roles: every,
    apply: (draft, dice) => {
      // Chosen when the bytes are there; the number here so that it does not depend on when that is.
      const number = dice.below(2 ** 30);
      draft.parts = {
        ...draft.parts,
        edit: (whole) => {
          const forms = mutations(whole);
          return forms[number % forms.length]!.bytes;
        },
      };
      return String(number);
    },
  },
  {
    id: 'a bit flipped, then signed',
    roles: every,
    apply: (draft, dice) => {
      const number = dice.below(2 ** 30);
      draft.parts = {
        ...draft.parts,
        edit: (whole) => {
          const changed = whole.slice();
          changed[(number >> 3) % whole.length]! ^= 1 << (number & 7);
          return changed;
        },
      };
      return String(number);
    },
  },
  {
    id: 'empty subject',
    roles: ['leaf', 'intermediate'],
    apply: (draft) => {
      draft.subject = sequence();
      return '';
    },
  },
];

const [pssHash, pssMask] = children(children(signatures.rsaPssSha256.algorithm)[1]!);

/** Keys and signatures that a certificate should not have. */
export const cryptography: readonly CertificateDeviation[] = [
  {
    id: 'damaged signature',
    roles: every,
    apply: (draft) => {
      draft.damage = (bytes) => bytes.with(bytes.length - 5, bytes[bytes.length - 5]! ^ 1);
      return '';
    },
  },
  {
    id: 'signed by a stranger',
    roles: ['leaf', 'intermediate'],
    apply: (draft, dice) => {
      const key = testKey(dice.pick(['ed25519', 'p256']), 'stranger');
      draft.parts = { ...draft.parts, signer: key, ...signatureFor(key) };
      return '';
    },
  },
  {
    id: 'another algorithm outside',
    roles: every,
    apply: (draft, dice) => {
      const outerAlgorithm = dice.pick([
        signatures.sha1WithRsa.algorithm,
        sequence(objectIdentifier('1.2.840.10045.4.3.3')),
        sequence(objectIdentifier('1.3.101.112'), der(0x05)),
      ]);
      draft.parts = { ...draft.parts, outerAlgorithm };
      return '';
    },
  },
  {
    id: 'weak or odd signature algorithm',
    roles: every,
    apply: (draft, dice) => {
      // The signer gets another key: below it everything is signed with that one.
      const issuer = draft.issuer ?? draft;
      const curve = ([oid, hash]: readonly [string, string], ...parameters: readonly Uint8Array[]) => ({
        key: testKey('p256', 'odd signer'),
        algorithm: sequence(objectIdentifier(oid), ...parameters),
        hash,
      });
      const pss = (...parameters: readonly Uint8Array[]) =>
        sequence(objectIdentifier('1.2.840.113549.1.1.10'), sequence(...parameters));
      const salted = (saltLength: number) => ({
        key: testKey('rsa2048'),
        padding: constants.RSA_PKCS1_PSS_PADDING,
        saltLength,
      });
      const salt = (length: number): Uint8Array => der(0xa2, integer(length));
      const choices = {
        'SHA-1 with RSA': { key: testKey('rsa2048'), ...signatures.sha1WithRsa },
        'MD5 with RSA': { key: testKey('rsa2048'), ...signatures.md5WithRsa },
        'SHA-1 with ECDSA': curve(['1.2.840.10045.4.1', 'sha1']),
        'SHA-224 with ECDSA': curve(['1.2.840.10045.4.3.1', 'sha224']),
        'SHA-512 with ECDSA': curve(['1.2.840.10045.4.3.4', 'sha512']),
        'ECDSA with NULL': curve(['1.2.840.10045.4.3.2', 'sha256'], der(0x05)),
        'RSA without NULL': {
          key: testKey('rsa2048'),
          algorithm: sequence(objectIdentifier('1.2.840.113549.1.1.11')),
          hash: 'sha256',
        },
        PSS: { key: testKey('rsa2048'), signer: salted(32), ...signatures.rsaPssSha256 },
        'PSS with another salt': {
          key: testKey('rsa2048'),
          signer: salted(20),
          algorithm: pss(pssHash!, pssMask!, salt(20)),
          hash: 'sha256',
        },
      };
      const name = dice.pick(Object.keys(choices) as (keyof typeof choices)[]);
      const { key, ...parts } = choices[name];
      issuer.key = key;
      draft.parts = { ...draft.parts, signer: key, ...parts };
      return name;
    },
  },
  {
    id: 'unusual key',
    roles: every,
    apply: (draft, dice) => {
      const type = dice.pick([
        'rsa1024',
        'secp256k1',
        'ed448',
        'p521',
        'rsaPss2048',
        'rsa2048Other',
      ] as const);
      draft.key = testKey(type, `fuzz ${draft.role}`);
      return type;
    },
  },
];
