import { constants, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { concatBytes, toHex, utf8 } from '../../src/base/bytes.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import type { PublicKey, SignatureScheme } from '../../src/crypto/provider.ts';
import { children, der, objectIdentifier, sequence } from '../support/der.ts';
import { fromHex } from '../support/hex.ts';
import {
  ecKey,
  ed25519Key,
  pssAlgorithm,
  rsaEncryption,
  rsaKey,
  rsaPss,
  rsaPublicKey,
  spki,
  spkiOf,
  spkiParts,
  unrestrictedPssKey,
} from '../support/public-keys.ts';

const content = utf8('what was signed');
const digests = ['sha256', 'sha384', 'sha512'] as const;
const digestLengths = { sha256: 32, sha384: 48, sha512: 64 } as const;
const pssPadding = constants.RSA_PKCS1_PSS_PADDING;
const rsaeSchemes = digests.map((digest) => `rsa_pss_rsae_${digest}` as const);
const pssSchemes = digests.map((digest) => `rsa_pss_pss_${digest}` as const);
const pkcs1Schemes = digests.map((digest) => `rsa_pkcs1_${digest}` as const);

describe('the schemes of a key', () => {
  const cases: [string, () => KeyObject, SignatureScheme[], number | undefined][] = [
    ['P-256', (): KeyObject => ecKey('prime256v1'), ['ecdsa_secp256r1_sha256'], undefined],
    ['P-384', (): KeyObject => ecKey('secp384r1'), ['ecdsa_secp384r1_sha384'], undefined],
    ['P-521', (): KeyObject => ecKey('secp521r1'), ['ecdsa_secp521r1_sha512'], undefined],
    ['Ed25519', ed25519Key, ['ed25519'], undefined],
    ['RSA', (): KeyObject => rsaKey('rsa2048'), [...rsaeSchemes, ...pkcs1Schemes], 2048],
    [
      'RSA of 1024 bits',
      (): KeyObject => rsaKey('rsa1024'),
      // 1024 bits have no room for two SHA-512 lengths (RFC 8017 §9.1.1).
      [...rsaeSchemes.slice(0, 2), ...pkcs1Schemes],
      1024,
    ],
    ['RSA-PSS', (): KeyObject => unrestrictedPssKey('rsa2048'), pssSchemes, 2048],
    ['RSA-PSS for SHA-256', (): KeyObject => rsaKey('rsaPss2048'), ['rsa_pss_pss_sha256'], 2048],
    ['RSA-PSS of 1024 bits', (): KeyObject => unrestrictedPssKey('rsa1024'), pssSchemes.slice(0, 2), 1024],
  ];

  it.each(cases)('%s', (_name, makeKey, schemes, modulusBits) => {
    const key = imported(spkiOf(makeKey()));
    expect(key.schemes).toEqual(schemes);
    expect(key.modulusBits).toBe(modulusBits);
  });

  it.each(cases)('%s verifies with them, and with no other', (_name, makeKey, schemes) => {
    const privateKey = makeKey();
    const key = imported(spkiOf(privateKey));
    const all = [...rsaeSchemes, ...pssSchemes, ...pkcs1Schemes, 'ed25519', ...ecdsaSchemes] as const;
    for (const scheme of all) {
      const signature = signWith(privateKey, scheme);
      expect(key.verify(scheme, content, signature), scheme).toBe(schemes.includes(scheme));
      if (!schemes.includes(scheme)) continue;
      expect(key.verify(scheme, utf8('something else'), signature)).toBe(false);
      signature[signature.length - 1]! ^= 1;
      expect(key.verify(scheme, content, signature)).toBe(false);
    }
  });

  it('are those of the parameters of an RSA-PSS key, if they all fit', () => {
    const { key } = spkiParts(spkiOf(rsaKey('rsa2048')));
    const schemesOf = (...parameters: Parameters<typeof pssAlgorithm>): readonly SignatureScheme[] =>
      imported(spki(pssAlgorithm(...parameters), key)).schemes;
    expect(schemesOf('sha256', 'sha256', 32)).toEqual(['rsa_pss_pss_sha256']);
    expect(schemesOf('sha384', 'sha384', 48)).toEqual(['rsa_pss_pss_sha384']);
    expect(schemesOf('sha512', 'sha512', 64)).toEqual(['rsa_pss_pss_sha512']);
    expect(schemesOf('sha256', 'sha384', 32)).toEqual([]);
    expect(schemesOf('sha256', 'sha256', 48)).toEqual([]);
    expect(schemesOf('sha256', 'sha256', 20)).toEqual([]);
    // Empty parameters are not absent ones: they stand for SHA-1.
    const sha1 = sequence(objectIdentifier('1.2.840.113549.1.1.10'), sequence());
    expect(imported(spki(sha1, key)).schemes).toEqual([]);
  });
});

describe('verify', () => {
  it.each(digests)('takes an RSA-PSS salt as long as the digest only (%s)', (digest) => {
    const privateKey = rsaKey('rsa2048');
    const key = imported(spkiOf(privateKey));
    const verifies = (saltLength: number): boolean => {
      const signature = sign(digest, content, { key: privateKey, padding: pssPadding, saltLength });
      return key.verify(`rsa_pss_rsae_${digest}`, content, signature);
    };
    expect(verifies(digestLengths[digest])).toBe(true);
    for (const saltLength of [0, 20, digestLengths[digest] - 1, digestLengths[digest] + 1]) {
      expect(verifies(saltLength), `salt of ${saltLength} bytes`).toBe(false);
    }
    expect(verifies(constants.RSA_PSS_SALTLEN_MAX_SIGN)).toBe(false);
  });

  it('takes no PKCS #1 v1.5 signature for one of RSA-PSS', () => {
    const privateKey = rsaKey('rsa2048');
    const signature = sign('sha256', content, privateKey);
    expect(imported(spkiOf(privateKey)).verify('rsa_pss_rsae_sha256', content, signature)).toBe(false);
  });

  it('takes no signature of another key, and answers garbage with false', () => {
    for (const makeKey of [
      (): KeyObject => ecKey('prime256v1'),
      ed25519Key,
      (): KeyObject => rsaKey('rsa2048'),
    ]) {
      const key = imported(spkiOf(makeKey()));
      const scheme = key.schemes[0]!;
      const lengths = [0, 1, 63, 64, 65, 255, 256, 257, 10_000];
      for (const length of lengths) {
        expect(key.verify(scheme, content, nodeCrypto.randomBytes(length))).toBe(false);
        expect(key.verify(scheme, content, new Uint8Array(length))).toBe(false);
      }
    }
    const other = imported(spkiOf(rsaKey('rsa2048Other')));
    const signature = signWith(rsaKey('rsa2048'), 'rsa_pss_rsae_sha256');
    expect(other.verify('rsa_pss_rsae_sha256', content, signature)).toBe(false);
  });
});

describe('importPublicKey', () => {
  const rsa = spkiParts(spkiOf(rsaKey('rsa2048')));
  const [modulus = new Uint8Array(0), exponent = new Uint8Array(0)] = children(rsa.key).map((integer) =>
    integer.slice(integer.length > 10 ? 4 : 2),
  );

  it('does not know other algorithms and curves', () => {
    const keys = [
      ecKey('secp256k1'),
      ecKey('secp224r1'),
      ecKey('brainpoolP256r1'),
      generateKeyPairSync('ed448').publicKey,
      generateKeyPairSync('x25519').publicKey,
    ];
    for (const key of keys) expect(nodeCrypto.importPublicKey(spkiOf(key))).toBeUndefined();
  });

  it('refuses a curve that is spelled out, though OpenSSL takes it for the named one', () => {
    const explicit = spkiOf(ecKey('prime256v1', 'explicit'));
    const key = createPublicKey({ key: Buffer.from(explicit), format: 'der', type: 'spki' });
    expect(key.asymmetricKeyDetails?.namedCurve).toBe('prime256v1');
    expect(nodeCrypto.importPublicKey(explicit)).toBeUndefined();
  });

  it.each(['prime256v1', 'secp384r1', 'secp521r1'])(
    'refuses points on %s that are off it or not uncompressed',
    (curve) => {
      const { algorithm, key: point } = spkiParts(spkiOf(ecKey(curve)));
      expect(nodeCrypto.importPublicKey(spki(algorithm, point))).toBeDefined();
      const off = Uint8Array.from(point);
      off[off.length - 1]! ^= 1;
      const compressed = concatBytes(
        Uint8Array.of(2 + (point.at(-1)! % 2)),
        point.subarray(1, (point.length + 1) / 2),
      );
      const hybrid = concatBytes(Uint8Array.of(6 + (point.at(-1)! % 2)), point.subarray(1));
      const infinity = Uint8Array.of(0);
      const longer = concatBytes(point, Uint8Array.of(0));
      for (const bad of [off, compressed, hybrid, infinity, longer, point.subarray(0, -1)]) {
        expect(nodeCrypto.importPublicKey(spki(algorithm, bad)), toHex(bad)).toBeUndefined();
      }
    },
  );

  it('refuses RSA exponents that make forging free or verifying dear', () => {
    const withExponent = (hex: string): PublicKey | undefined =>
      nodeCrypto.importPublicKey(spki(rsaEncryption, rsaPublicKey(modulus, fromHex(hex))));
    for (const hex of ['03', '11', '010001', '00ffffffff', '01ffffffff'])
      expect(withExponent(hex), hex).toBeDefined();
    for (const hex of ['', '00', '01', '02', '04', '010000', '81', '0200000001', '01ffffffffff']) {
      expect(withExponent(hex), hex).toBeUndefined();
    }
    const huge = concatBytes(
      Uint8Array.of(0),
      modulus.subarray(1).map((byte, index) => (index === 0 ? 0x80 : byte | 1)),
    );
    expect(nodeCrypto.importPublicKey(spki(rsaPss, rsaPublicKey(modulus, huge)))).toBeUndefined();
  });

  it('refuses encodings that are not DER', () => {
    const good = spkiOf(rsaKey('rsa2048'));
    const { algorithm, key } = rsa;
    expect(toHex(spki(algorithm, key))).toBe(toHex(good));
    expect(toHex(rsaPublicKey(modulus, exponent))).toBe(toHex(key));
    const zero = Uint8Array.of(0);
    const bad: Record<string, Uint8Array> = {
      'trailing byte': concatBytes(good, zero),
      'trailing byte in the outer sequence': sequence(algorithm, der(0x03, zero, key), zero),
      'trailing byte in the bit string': spki(algorithm, concatBytes(key, zero)),
      'trailing element in RSAPublicKey': spki(
        algorithm,
        sequence(der(0x02, modulus), der(0x02, exponent), der(0x05)),
      ),
      'unused bits': sequence(algorithm, der(0x03, Uint8Array.of(1), key)),
      'empty bit string': sequence(algorithm, der(0x03)),
      'length not in its shortest form': concatBytes(fromHex('308300'), good.subarray(2)),
      'indefinite length': concatBytes(fromHex('3080'), good.subarray(4), fromHex('0000')),
      'modulus with a needless zero': spki(algorithm, rsaPublicKey(concatBytes(zero, modulus), exponent)),
      'negative modulus': spki(algorithm, rsaPublicKey(modulus.subarray(1), exponent)),
      'RSA without NULL': spki(sequence(objectIdentifier('1.2.840.113549.1.1.1')), key),
      'Ed25519 with parameters': spki(
        sequence(objectIdentifier('1.3.101.112'), der(0x05)),
        new Uint8Array(32),
      ),
      'Ed25519 that is too short': spki(sequence(objectIdentifier('1.3.101.112')), new Uint8Array(31)),
      'RSA-PSS with broken parameters': spki(
        sequence(objectIdentifier('1.2.840.113549.1.1.10'), der(0x05)),
        key,
      ),
      'private key': new Uint8Array(rsaKey('rsa2048').export({ format: 'der', type: 'pkcs8' })),
      PEM: utf8(String(createPublicKey(rsaKey('rsa2048')).export({ format: 'pem', type: 'spki' }))),
    };
    for (const [what, bytes] of Object.entries(bad)) {
      expect(nodeCrypto.importPublicKey(bytes), what).toBeUndefined();
    }
  });

  it('never throws: truncated or altered anywhere', () => {
    for (const key of [ecKey('secp384r1'), ed25519Key(), rsaKey('rsaPss2048'), rsaKey('rsa1024')]) {
      const good = spkiOf(key);
      for (let index = 0; index < good.length; index++) {
        expect(nodeCrypto.importPublicKey(good.subarray(0, index))).toBeUndefined();
        const altered = Uint8Array.from(good);
        altered[index]! ^= 0x40;
        expect(() => nodeCrypto.importPublicKey(altered)).not.toThrow();
      }
    }
  });

  it('refuses a coordinate that is not below the prime of its field', () => {
    const { algorithm, key: point } = spkiParts(spkiOf(ecKey('secp521r1')));
    const x = BigInt(`0x${toHex(point.subarray(1, 67))}`) + 2n ** 521n - 1n;
    const larger = concatBytes(
      Uint8Array.of(4),
      fromHex(x.toString(16).padStart(132, '0')),
      point.subarray(67),
    );
    expect(nodeCrypto.importPublicKey(spki(algorithm, larger))).toBeUndefined();
  });

  it('has read a key before its bytes are used for something else', () => {
    const privateKey = ecKey('prime256v1');
    const bytes = spkiOf(privateKey);
    const key = imported(bytes);
    bytes.fill(0);
    const scheme = 'ecdsa_secp256r1_sha256';
    expect(key.verify(scheme, content, signWith(privateKey, scheme))).toBe(true);
  });

  it('reports moduli of any size, which others judge', () => {
    const large = (bytes: number): PublicKey =>
      imported(
        spki(
          rsaEncryption,
          rsaPublicKey(concatBytes(Uint8Array.of(0), new Uint8Array(bytes).fill(0xff)), exponent),
        ),
      );
    expect(large(64)).toMatchObject({ modulusBits: 512, schemes: ['rsa_pkcs1_sha256'] });
    expect(large(1025)).toMatchObject({ modulusBits: 8200, schemes: [...rsaeSchemes, ...pkcs1Schemes] });
    expect(large(2500).modulusBits).toBe(20_000);
    expect(large(2500).verify('rsa_pss_rsae_sha256', content, new Uint8Array(2500))).toBe(false);
  });
});

const ecdsaSchemes = ['ecdsa_secp256r1_sha256', 'ecdsa_secp384r1_sha384', 'ecdsa_secp521r1_sha512'] as const;

/** A signature of the scheme's hash and padding, by a key that need not fit; empty where OpenSSL itself refuses. */
function signWith(key: KeyObject, scheme: SignatureScheme): Uint8Array {
  const digest = digests.find((name) => scheme.endsWith(name));
  const pss = digest &&
    scheme.startsWith('rsa_pss') && { padding: pssPadding, saltLength: digestLengths[digest] };
  const ed25519 = key.asymmetricKeyType === 'ed25519';
  try {
    return new Uint8Array(sign(ed25519 ? null : digest, content, { key, ...(pss || {}) }));
  } catch {
    return new Uint8Array(0);
  }
}

function imported(bytes: Uint8Array): PublicKey {
  const key = nodeCrypto.importPublicKey(bytes);
  if (!key) throw new Error('the key was not imported');
  return key;
}
