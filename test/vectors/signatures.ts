import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import type { SignatureAlgorithm, SignatureScheme } from '../../src/crypto/provider.ts';
import { der, objectIdentifier, sequence } from '../support/der.ts';
import { type PssHash, pssAlgorithm, rsaPss, spki, spkiParts } from '../support/public-keys.ts';
import { bytesOf, type WycheproofCase, type WycheproofGroup } from '../support/wycheproof.ts';
import { issuedBy } from './issuer.ts';
import type { Suite } from './tally.ts';

/** A key, and under which names it is asked about a signature. */
interface Question {
  /** DER SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array;
  /** The DER AlgorithmIdentifier in certificates. */
  readonly identifier: Uint8Array;
  /** Undefined where Tacit has none: then nothing is to be accepted, under no name. */
  readonly algorithm: SignatureAlgorithm | undefined;
  /** Undefined where handshakes are not signed like this. */
  readonly scheme: SignatureScheme | undefined;
}

interface PssParameters {
  readonly digest: PssHash;
  readonly maskDigest: PssHash;
  readonly saltLength: number;
}

type Digest = (typeof digests)[number];

const digests = ['sha256', 'sha384', 'sha512'] as const;
const saltLengths = { sha256: 32, sha384: 48, sha512: 64 } as const;

const algorithms: readonly SignatureAlgorithm[] = [
  ...digests.flatMap((digest) => [`rsa_pkcs1_${digest}`, `rsa_pss_${digest}`, `ecdsa_${digest}`] as const),
  'ed25519',
];
const schemes: readonly SignatureScheme[] = [
  ...digests.flatMap((digest) => [`rsa_pss_rsae_${digest}`, `rsa_pss_pss_${digest}`] as const),
  'ecdsa_secp256r1_sha256',
  'ecdsa_secp384r1_sha384',
  'ecdsa_secp521r1_sha512',
  'ed25519',
];

const ecdsaFlags = [
  'ArithmeticError',
  'BerEncodedSignature',
  'EdgeCasePublicKey',
  'EdgeCaseShamirMultiplication',
  'IntegerOverflow',
  'InvalidEncoding',
  'InvalidSignature',
  'InvalidTypesInSignature',
  'MissingZero',
  'ModifiedInteger',
  'ModifiedSignature',
  'ModularInverse',
  'PointDuplication',
  'RangeCheck',
  'SmallRandS',
  'SpecialCaseHash',
  'ValidSignature',
];

const pkcs1Flags = [
  'BerEncodedPadding',
  'EdgeCaseSignature',
  'InvalidAsnInPadding',
  'InvalidPadding',
  'InvalidSignature',
  'ModifiedPadding',
  'NoHash',
  'ShortPadding',
  'SignatureMalleability',
  // The exponent 3: Tacit takes odd ones from 3 on, as a padding that is checked to the last byte makes them no risk.
  'SmallPublicKey',
  'SmallSignature',
  'WrongHash',
  'WrongPrimitive',
];

const pssFlags = [
  'DistinctHash',
  'Mgf1Sha1',
  'ModifiedSignature',
  'Normal',
  'ParameterTest',
  'SpecialCaseHash',
  'WeakHash',
  'WrongPrimitive',
];

/** ECDSA, EdDSA, RSASSA-PSS and PKCS #1, as what signs handshakes and as what signs certificates. */
export const signatureSuites: readonly Suite[] = [
  ecdsaSuite('secp256r1', 'sha256', 'ecdsa_secp256r1_sha256'),
  // TLS 1.3 has no such scheme, certificates have such signatures.
  ecdsaSuite('secp384r1', 'sha256', undefined),
  ecdsaSuite('secp384r1', 'sha384', 'ecdsa_secp384r1_sha384'),
  ecdsaSuite('secp521r1', 'sha512', 'ecdsa_secp521r1_sha512'),
  {
    name: 'ed25519',
    algorithm: 'EDDSA',
    groupType: 'EddsaVerify',
    flags: [
      'CompressedSignature',
      'InvalidEncoding',
      'InvalidKtv',
      'InvalidSignature',
      'Ktv',
      'SignatureMalleability',
      'SignatureWithGarbage',
      'TinkOverflow',
      'TruncatedSignature',
      'Valid',
    ],
    open: (group) =>
      answerTo({
        publicKey: bytesOf(group, 'publicKeyDer'),
        identifier: sequence(objectIdentifier('1.3.101.112')),
        algorithm: 'ed25519',
        scheme: 'ed25519',
      }),
  },
  ...['2048_sha256_mgf1_32', '2048_sha384_mgf1_48', '3072_sha256_mgf1_32', '4096_sha256_mgf1_32'].map(
    pssSuite,
  ),
  ...['4096_sha384_mgf1_48', '4096_sha512_mgf1_64', 'misc'].map(pssSuite),
  pkcs1Suite(2048, 'sha256'),
  pkcs1Suite(2048, 'sha384'),
  pkcs1Suite(3072, 'sha256'),
  pkcs1Suite(4096, 'sha512'),
];

function ecdsaSuite(curve: string, digest: Digest, scheme: SignatureScheme | undefined): Suite {
  return {
    name: `ecdsa_${curve}_${digest}`,
    algorithm: 'ECDSA',
    groupType: 'EcdsaVerify',
    flags: ecdsaFlags,
    open: (group) =>
      answerTo({
        publicKey: bytesOf(group, 'publicKeyDer'),
        identifier: sequence(objectIdentifier(`1.2.840.10045.4.3.${2 + digests.indexOf(digest)}`)),
        algorithm: `ecdsa_${digest}`,
        scheme,
      }),
  };
}

function pkcs1Suite(bits: number, digest: Digest): Suite {
  return {
    name: `rsa_signature_${bits}_${digest}`,
    algorithm: 'RSASSA-PKCS1-v1_5',
    groupType: 'RsassaPkcs1Verify',
    flags: pkcs1Flags,
    // One encoding is right, and it has the NULL (RFC 8017 §9.2).
    acceptable: { MissingNull: 'refuse' },
    open: (group) =>
      answerTo({
        publicKey: bytesOf(group, 'publicKeyDer'),
        identifier: sequence(
          objectIdentifier(`1.2.840.113549.1.1.${11 + digests.indexOf(digest)}`),
          der(0x05),
        ),
        algorithm: `rsa_pkcs1_${digest}`,
        // No handshake of TLS 1.3 is signed like this (RFC 9846 §4.3.3).
        scheme: undefined,
      }),
  };
}

function pssSuite(parameters: string): Suite {
  return {
    name: `rsa_pss_${parameters}`,
    algorithm: 'RSASSA-PSS',
    groupType: 'RsassaPssVerify',
    flags: pssFlags,
    whyRefused: (group) => whyRefused(pssParameters(group)),
    open(group): (vector: WycheproofCase) => boolean {
      const parameters = pssParameters(group);
      const { digest, maskDigest, saltLength } = parameters;
      const identifier = pssAlgorithm(digest, maskDigest, saltLength);
      const fitting = whyRefused(parameters) === undefined ? (digest as Digest) : undefined;
      const algorithm = fitting && (`rsa_pss_${fitting}` as const);
      const ofRsa = { identifier, algorithm, scheme: fitting && (`rsa_pss_rsae_${fitting}` as const) };
      const ofPss = { identifier, algorithm, scheme: fitting && (`rsa_pss_pss_${fitting}` as const) };
      const publicKey = bytesOf(group, 'publicKeyDer');
      const { key } = spkiParts(publicKey);
      const answers = [
        answerTo({ publicKey, ...ofRsa }),
        // The same key for PSS alone: with any parameters, and with these.
        answerTo({ publicKey: spki(rsaPss, key), ...ofPss }),
        answerTo({ publicKey: spki(identifier, key), ...ofPss }),
      ];
      return (vector) => {
        const [first, ...others] = answers.map((answer) => answer(vector));
        if (others.some((other) => other !== first)) throw new Error('keys for PSS alone differ');
        return first!;
      };
    },
  };
}

function pssParameters({ sha, mgf, mgfSha, sLen }: WycheproofGroup): PssParameters {
  if (mgf !== 'MGF1') throw new Error(`the mask is of ${mgf}`);
  const name = (hash: unknown): PssHash => String(hash).toLowerCase().replace('-', '') as PssHash;
  return { digest: name(sha), maskDigest: name(mgfSha), saltLength: Number(sLen) };
}

/** TLS has one hash for the message and the mask, and a salt of its length (RFC 9846 §4.3.3). */
function whyRefused({ digest, maskDigest, saltLength }: PssParameters): string | undefined {
  const expected = new Map<string, number>(Object.entries(saltLengths)).get(digest);
  if (expected === undefined) return 'SHA-1 or SHA-224 (RFC 9846 §4.3.3)';
  if (maskDigest !== digest) return 'another hash for the mask (RFC 9846 §4.3.3)';
  return saltLength === expected ? undefined : 'a salt that is not as long as the digest (RFC 9846 §4.3.3)';
}

/** Whether a certificate with the signature is believed; handshakes, and every other name, must answer accordingly. */
function answerTo({
  publicKey,
  identifier,
  algorithm,
  scheme,
}: Question): (vector: WycheproofCase) => boolean {
  const key = nodeCrypto.importPublicKey(publicKey);
  const isIssued = issuedBy(publicKey, identifier);
  return (vector) => {
    const [content, signature] = [bytesOf(vector, 'msg'), bytesOf(vector, 'sig')];
    const accepted = isIssued(content, signature);
    const check = (name: string, isAsked: boolean, verifies: () => boolean | undefined): void => {
      // What is invalid here may be valid under another name: some vectors are just that.
      if (!isAsked && vector.result !== 'valid') return;
      const verified = verifies() ?? false;
      if (verified === (accepted && isAsked)) return;
      throw new Error(
        `${accepted ? 'good' : 'bad'} in a certificate, ${verified ? 'good' : 'bad'} as ${name}`,
      );
    };
    for (const name of algorithms)
      check(name, name === algorithm, () => key?.verifySigned(name, content, signature));
    for (const name of schemes) check(name, name === scheme, () => key?.verify(name, content, signature));
    return accepted;
  };
}
