import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { TlsCertificateError } from '../../src/base/errors.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import type { CryptoProvider } from '../../src/crypto/provider.ts';
import { anchorsOf } from '../../src/pki/anchors.ts';
import { nameText } from '../../src/pki/distinguished-name.ts';
import { verifyChain } from '../../src/pki/verify.ts';
import { ascii, der, objectIdentifier, sequence } from '../support/der.ts';
import {
  authority,
  commonName,
  dnsNames,
  newKey,
  publicKeyOf,
  type RawCertificate,
  rawCertificate,
  rawExtension,
} from '../support/raw-certificates.ts';

const host = 'www.example.org';
const [rootKey, intermediateKey, leafKey] = [newKey(), newKey(), newKey()];
const root = rawCertificate({
  subject: commonName('Root'),
  issuer: commonName('Root'),
  key: rootKey,
  signer: rootKey,
  extensions: [authority],
});

function intermediate(extensions: readonly Uint8Array[], others: Partial<RawCertificate> = {}): Uint8Array {
  const names = { subject: commonName('Intermediate'), issuer: commonName('Root') };
  return rawCertificate({ ...names, key: intermediateKey, signer: rootKey, extensions, ...others });
}

function leaf(extensions: readonly Uint8Array[], others: Partial<RawCertificate> = {}): Uint8Array {
  const names = { subject: commonName('Leaf'), issuer: commonName('Intermediate') };
  return rawCertificate({ ...names, key: leafKey, signer: intermediateKey, extensions, ...others });
}

/** Why the chain is refused; `trusted` where it is not. */
function judge(
  chain: readonly Uint8Array[],
  { name = host, provider = nodeCrypto }: { readonly name?: string; readonly provider?: CryptoProvider } = {},
): string {
  const anchors = anchorsOf([root], provider);
  const now = Date.parse('2026-06-01T00:00:00Z');
  try {
    verifyChain({ provider, chain, anchors, purpose: 'server', host: name, now });
    return 'trusted';
  } catch (error) {
    if (!(error instanceof TlsCertificateError)) throw error;
    return `${error.check}: ${error.message}`;
  }
}

/**
 * Layers of authorities in which every one has signed every one of the next: each link verifies, and there are
 * width to the power of depth paths, none of which ends anywhere.
 */
function maze(
  depth: number,
  width: number,
  extensionsOf: (layer: number) => readonly Uint8Array[] = () => [],
  leafParts: Partial<RawCertificate> = {},
): Uint8Array[] {
  const keys = Array.from({ length: depth + 1 }, newKey);
  const layer = (number: number): Uint8Array => commonName(`Layer ${number}`);
  const chain = [leaf([dnsNames(host)], { issuer: layer(1), signer: keys[0]!, ...leafParts })];
  for (let number = 1; number <= depth; number++) {
    for (let i = 0; i < width; i++) {
      const names = { subject: layer(number), issuer: layer(number + 1) };
      const extensions = [authority, ...extensionsOf(number)];
      chain.push(rawCertificate({ ...names, key: keys[number - 1]!, signer: keys[number]!, extensions }));
    }
  }
  return chain;
}

/** Milliseconds of the processor. */
function cost(chain: readonly Uint8Array[]): number {
  const before = process.cpuUsage();
  expect(judge(chain)).not.toBe('trusted');
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

function nameConstraints(tag: number, base: Uint8Array): Uint8Array {
  return rawExtension('2.5.29.30', true, sequence(der(tag, sequence(base))));
}

describe('what a step of the search costs does not depend on how much a certificate says', () => {
  const onlyOther = nameConstraints(0xa0, der(0x82, ascii('other.test')));
  const onlyThis = nameConstraints(0xa0, der(0x82, ascii('example.org')));
  const attribute = sequence(der(0x06, Uint8Array.of(0x2a)), der(0x0c));
  const text = (length: number): Uint8Array =>
    sequence(der(0x31, sequence(objectIdentifier('2.5.4.3'), der(0x0c, new Uint8Array(length).fill(97)))));
  const names = Array.from({ length: 3_000 }, (_, i) => `n${i}.example.org`);
  // The same maze, in which everything is short.
  const short = Math.max(20, cost(maze(6, 4, (layer) => (layer === 6 ? [onlyOther] : []))));

  test.each([
    [
      'attributes of a name',
      maze(6, 4, (layer) => (layer === 6 ? [onlyOther] : []), {
        subject: sequence(der(0x31, ...Array(7_500).fill(attribute))),
      }),
    ],
    ['letters of a name', maze(6, 4, (layer) => (layer === 6 ? [onlyOther] : []), { subject: text(50_000) })],
    [
      'parts of a name',
      maze(5, 4, (layer) => (layer === 5 ? [onlyThis] : []), {
        subject: sequence(...Array(25_000).fill(der(0x31))),
      }),
    ],
    [
      'what is no name',
      maze(6, 4, (layer) => (layer === 6 ? [onlyOther] : []), {
        subject: sequence(der(0x31, ...Array(7_500).fill(attribute)), der(0x05)),
      }),
    ],
    [
      'other names',
      maze(5, 4, (layer) => (layer === 5 ? [onlyThis] : []), { extensions: [dnsNames(host, ...names)] }),
    ],
    [
      'authorities that nobody takes',
      maze(6, 4, (layer) => (layer === 6 ? [rawExtension('1.2.3.4', true, sequence())] : [])),
    ],
  ])('%s', (_, chain) => {
    // Without care it is a hundred times as much and more.
    expect(cost(chain)).toBeLessThan(15 * short);
  });

  test('the names of issuers', () => {
    const keys = Array.from({ length: 6 }, newKey);
    const chain = maze(5, 4);
    chain.push(
      rawCertificate({
        subject: commonName('Layer 6'),
        issuer: text(50_000),
        key: keys[5]!,
        signer: newKey(),
        extensions: [authority],
      }),
    );
    expect(cost(chain)).toBeLessThan(15 * short);
  });

  test('a key that is refused is read once', () => {
    let imports = 0;
    const counting: CryptoProvider = {
      ...nodeCrypto,
      importPublicKey: (key) => {
        imports += 1;
        return nodeCrypto.importPublicKey(key);
      },
    };
    const refused = publicKeyOf(newKey()).slice();
    refused[8] = 0x71;
    const others = Array.from({ length: 16 }, () =>
      rawCertificate({
        subject: commonName('Layer 6'),
        issuer: commonName('Nobody'),
        key: refused,
        signer: newKey(),
        extensions: [authority],
      }),
    );
    judge([...maze(5, 3), ...others], { provider: counting });
    expect(imports).toBeLessThanOrEqual(33);
  });
});

test('large keys count several times among the signatures that are checked', () => {
  let checks = 0;
  const counting: CryptoProvider = {
    ...nodeCrypto,
    importPublicKey: (info) => {
      const key = nodeCrypto.importPublicKey(info);
      return (
        key && {
          schemes: key.schemes,
          modulusBits: key.modulusBits,
          verify: () => false,
          verifySigned: () => {
            checks += 1;
            return false;
          },
        }
      );
    },
  };
  const checksWith = (namedCurve: string): number => {
    const others = Array.from({ length: 120 }, () =>
      intermediate([authority], { key: generateKeyPairSync('ec', { namedCurve }).privateKey }),
    );
    checks = 0;
    expect(judge([leaf([dnsNames(host)]), ...others], { provider: counting })).toMatch(
      /given up after 100 signatures/,
    );
    return checks;
  };
  expect(['P-256', 'P-384', 'P-521'].map(checksWith)).toEqual([100, 13, 7]);
});

describe('what is not what it should be refuses, and never lets in', () => {
  test.each([4, 5, 6, 7, 9, 12, 16, 17, 31, 33])('an excluded address of %i bytes', (length) => {
    const ipv4 = length < 16;
    const bytes = ipv4 ? [192, 0, 2, 7] : [0x20, 1, 0xd, 0xb8, ...Array<number>(11).fill(0), 7];
    const names = rawExtension('2.5.29.17', false, sequence(der(0x87, Uint8Array.from(bytes))));
    const excluded = nameConstraints(0xa1, der(0x87, new Uint8Array(length)));
    const chain = [leaf([names]), intermediate([authority, excluded])];
    expect(judge(chain, { name: ipv4 ? '192.0.2.7' : '2001:db8::7' })).toMatch(/^not_acceptable/);
  });

  test('a leaf that may sign certificates', () => {
    const signs = rawExtension('2.5.29.15', true, der(0x03, Uint8Array.of(2, 0x84)));
    expect(judge([leaf([dnsNames(host), signs]), intermediate([authority])])).toMatch(
      /^key_usage: .*keyCertSign/,
    );
  });

  test('policies that are none', () => {
    for (const value of [ascii('garbage'), sequence(), sequence(sequence()), sequence(der(0x05))]) {
      const chain = [
        leaf([dnsNames(host), rawExtension('2.5.29.32', true, value)]),
        intermediate([authority]),
      ];
      expect(judge(chain)).toMatch(/^malformed/);
    }
    const some = rawExtension('2.5.29.32', true, sequence(sequence(objectIdentifier('2.23.140.1.2.1'))));
    expect(judge([leaf([dnsNames(host), some]), intermediate([authority])])).toBe('trusted');
  });
});

test('a stranger with a senseless signature algorithm is no obstacle, wherever it stands', () => {
  const algorithm = sequence(objectIdentifier('1.2.3'), sequence());
  const stray = intermediate([authority], { algorithm, signer: newKey() });
  const good = intermediate([authority]);
  for (const chain of [
    [leaf([dnsNames(host)]), good, stray],
    [leaf([dnsNames(host)]), stray, good],
  ])
    expect(judge(chain)).toBe('trusted');
  expect(judge([leaf([dnsNames(host)], { algorithm }), good])).toMatch(
    /^weak_signature: .*algorithm 1\.2\.3/,
  );
});

test('texts for people are well-formed, and name what there is', () => {
  const long = sequence(
    der(
      0x31,
      sequence(objectIdentifier('2.5.4.3'), der(0x0c, new TextEncoder().encode(`${'a'.repeat(196)}😀😀`))),
    ),
  );
  expect(nameText(long)).not.toMatch(/\p{Cs}/u);
  expect(judge([leaf([dnsNames('')]), intermediate([authority])])).toMatch(
    /it names no name that can be compared/,
  );
});
