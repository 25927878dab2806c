import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { ascii, der, objectIdentifier, sequence } from '../test/support/der.ts';
import {
  authority,
  commonName,
  dnsNames,
  publicKeyOf,
  rawExtension,
} from '../test/support/raw-certificates.ts';

export interface HostileChain {
  readonly what: string;
  /** DER, leaf first: within the bounds of what is read of a peer. */
  readonly chain: readonly Uint8Array[];
}

export const hostileHost = 'www.example.org';

interface Key {
  readonly privateKey: KeyObject;
  readonly digest: string | null;
  readonly algorithm: Uint8Array;
}

/** Chains that stay inside every bound and cost as much as they can. */
export function hostileChains(rootKey: KeyObject, rootName: Uint8Array): readonly HostileChain[] {
  const root = edKey(rootKey);
  const chains: HostileChain[] = [];
  const add = (what: string, chain: readonly Uint8Array[]): void => {
    chains.push({ what, chain: withinBounds(chain) });
  };
  const curves = ['P-256', 'P-384', 'P-521'] as const;
  const keys: (readonly [string, () => Key])[] = [
    ...curves.map((curve) => [curve, () => ecKey(curve)] as const),
    ['Ed25519', () => edKey()],
    ...[2048, 4096, 8192].map((bits) => [`RSA-${bits}`, () => largestExponent(bits)] as const),
  ];
  for (const [what, make] of keys) {
    add(`${what}: thirty-one authorities of one name, none of which signed`, strangers(make));
    add(`${what}: and none of which signed any of the others`, crowd(make));
  }
  add('Ed25519: authorities that all signed one another', maze(6, 5, edKey));
  const long = 'x'.repeat(850);
  add('Ed25519: and have long names', maze(6, 5, edKey, undefined, undefined, long));
  const all = [sequence(der(0x82, ascii('example.org'))), sequence(der(0xa4, sequence()))];
  const open = rawExtension('2.5.29.30', true, sequence(der(0xa0, ...all)));
  add(
    'Ed25519: and permit everything in it',
    maze(6, 5, edKey, () => [open], undefined, long),
  );
  add(
    'P-521: a long leaf that none of them signed',
    strangers(() => ecKey('P-521'), 50_000),
  );
  add(
    'RSA-8192: a long leaf that none of them signed',
    strangers(() => largestExponent(8192), 20_000),
  );
  for (const [what, base, names] of constrained()) {
    const constraints = rawExtension('2.5.29.30', true, sequence(der(0xa0, ...base)));
    const extensions = (layer: number): readonly Uint8Array[] => (layer === 5 ? [constraints] : []);
    add(`name constraints: ${what}, on every path`, maze(5, 3, edKey, extensions, names));
    add(`name constraints: ${what}, of one issuer`, [
      certificate({
        subject: commonName('Leaf'),
        issuer: commonName('A'),
        signer: root,
        extensions: [names],
      }),
      certificate({
        subject: commonName('A'),
        issuer: rootName,
        key: root,
        signer: root,
        extensions: [authority, constraints],
      }),
    ]);
  }
  add('one certificate of many extensions', [withExtensions(100)]);
  add('many distribution points', [withPoints(4_000)]);
  add('many alternative names', [withNames(6_000)]);
  add('many policies', [withPolicies(8_000)]);
  add('values inside values', [withDepth(4_000)]);
  return chains;
}

function withinBounds(chain: readonly Uint8Array[]): readonly Uint8Array[] {
  const kept: Uint8Array[] = [];
  let bytes = 0;
  for (const one of chain) {
    if (kept.length === 32 || bytes + one.length > 65_536) break;
    bytes += one.length;
    kept.push(one);
  }
  return kept;
}

/** Every one must be tried, and fails. */
function strangers(make: () => Key, padding = 0): Uint8Array[] {
  const signer = make();
  const long = rawExtension('1.2.3.4', false, new Uint8Array(padding));
  const leaf = certificate({
    subject: commonName('Leaf'),
    issuer: commonName('A'),
    signer,
    extensions: [dnsNames(hostileHost), long],
  });
  const other = (): Uint8Array =>
    certificate({
      subject: commonName('A'),
      issuer: commonName('A'),
      key: make(),
      signer,
      extensions: [authority],
    });
  return [leaf, ...Array.from({ length: 31 }, other)];
}

/** One signed the leaf, and has as many that may have signed it, and so on. */
function crowd(make: () => Key): Uint8Array[] {
  const first = make();
  const stranger = make();
  const leaf = certificate({
    subject: commonName('Leaf'),
    issuer: commonName('A'),
    signer: first,
    extensions: [dnsNames(hostileHost)],
  });
  const a = Array.from({ length: 15 }, () =>
    certificate({
      subject: commonName('A'),
      issuer: commonName('B'),
      key: first,
      signer: stranger,
      extensions: [authority],
    }),
  );
  const b = Array.from({ length: 16 }, () =>
    certificate({
      subject: commonName('B'),
      issuer: commonName('A'),
      key: make(),
      signer: stranger,
      extensions: [authority],
    }),
  );
  return [leaf, ...a, ...b];
}

/** Layers in which every one signed every one of the next: each link verifies, and no path ends anywhere. */
function maze(
  depth: number,
  width: number,
  make: () => Key,
  extensionsOf: (layer: number) => readonly Uint8Array[] = () => [],
  names: Uint8Array = dnsNames(hostileHost),
  name = 'Layer ',
): Uint8Array[] {
  const keys = Array.from({ length: depth + 1 }, make);
  const layer = (number: number): Uint8Array => commonName(`${name}${number}`);
  const chain = [
    certificate({ subject: commonName('Leaf'), issuer: layer(1), signer: keys[0]!, extensions: [names] }),
  ];
  for (let number = 1; number <= depth; number++) {
    for (let i = 0; i < width; i++) {
      const extensions = [authority, ...extensionsOf(number)];
      const parts = { subject: layer(number), issuer: layer(number + 1), key: keys[number - 1]!, extensions };
      chain.push(certificate({ ...parts, signer: keys[number]! }));
    }
  }
  return chain;
}

/** Subtrees, and a subjectAltName of names that all lie in the last one. */
function* constrained(): Generator<
  readonly [what: string, subtrees: readonly Uint8Array[], names: Uint8Array]
> {
  const deep = `${'a.'.repeat(110)}example.org`;
  const host = der(0x82, ascii(hostileHost));
  const san = (names: readonly Uint8Array[]): Uint8Array =>
    rawExtension('2.5.29.17', false, sequence(host, ...names));
  const times = <T>(count: number, make: (index: number) => T): T[] =>
    Array.from({ length: count }, (_, i) => make(i));
  const domain = sequence(der(0x82, ascii('example.org')));
  const dns = (text: string): Uint8Array => der(0x82, ascii(text));
  yield [
    'deep names',
    [...times(20, (i) => sequence(dns(`${i}.${deep}`.slice(0, 250)))), domain],
    san(times(20, (i) => dns(`${i}.${deep}`))),
  ];
  yield [
    'short names',
    [...times(220, (i) => sequence(dns(`${i}`))), domain],
    san(times(220, () => dns('a.example.org'))),
  ];
  const name = (last: number, size: number): Uint8Array =>
    sequence(...times(90, (i) => part(i === 89 ? `${last}`.padStart(size, '0') : 'x'.repeat(size))));
  for (const size of [1, 30]) {
    const directory = times(size === 1 ? 6 : 2, (i) => name(i, size));
    const wanted = directory.map((one) => sequence(der(0xa4, one)));
    yield [
      `directory names of ${size * 90} letters`,
      [...wanted, domain, sequence(der(0xa4, sequence()))],
      san(directory.map((one) => der(0xa4, one))),
    ];
  }
}

function part(text: string): Uint8Array {
  return der(0x31, sequence(objectIdentifier('2.5.4.3'), der(0x0c, ascii(text))));
}

function leafWith(...extensions: readonly Uint8Array[]): Uint8Array {
  return certificate({
    subject: commonName('Leaf'),
    issuer: commonName('Nobody'),
    signer: edKey(),
    extensions,
  });
}

function withExtensions(count: number): Uint8Array {
  const value = new Uint8Array(600);
  return leafWith(
    ...Array.from({ length: count }, (_, i) => rawExtension(`1.3.6.1.4.1.99999.1.${i}`, false, value)),
  );
}

function withPoints(count: number): Uint8Array {
  const point = sequence(der(0xa0, der(0xa0, der(0x86, ascii('a')))));
  return leafWith(rawExtension('2.5.29.31', false, sequence(...Array<Uint8Array>(count).fill(point))));
}

function withNames(count: number): Uint8Array {
  return leafWith(dnsNames(...Array.from({ length: count }, (_, i) => `${i}.example`.slice(0, 8))));
}

function withPolicies(count: number): Uint8Array {
  return leafWith(
    rawExtension(
      '2.5.29.32',
      false,
      sequence(...Array<Uint8Array>(count).fill(sequence(objectIdentifier('1.2.3')))),
    ),
  );
}

/** In what nobody reads. */
function withDepth(count: number): Uint8Array {
  let value = der(0x05);
  for (let i = 0; i < 12; i++) value = sequence(value);
  const other = der(0xa0, objectIdentifier('1.2'), der(0xa0, value));
  return leafWith(
    rawExtension('2.5.29.17', false, sequence(...Array<Uint8Array>(Math.min(count, 1_600)).fill(other))),
  );
}

interface Parts {
  readonly subject: Uint8Array;
  readonly issuer: Uint8Array;
  readonly key?: Key;
  readonly signer: Key;
  readonly extensions: readonly Uint8Array[];
}

function certificate({ subject, issuer, key = leafKey, signer, extensions }: Parts): Uint8Array {
  const signed = sequence(
    der(0xa0, der(0x02, Uint8Array.of(2))),
    der(0x02, Uint8Array.of(1, ...randomBytes(6))),
    signer.algorithm,
    issuer,
    sequence(der(0x17, ascii('240101000000Z')), der(0x17, ascii('490101000000Z'))),
    subject,
    publicKeyOf(key.privateKey),
    der(0xa3, sequence(...extensions)),
  );
  const signature = sign(signer.digest, signed, signer.privateKey);
  return sequence(signed, signer.algorithm, der(0x03, Uint8Array.of(0), signature));
}

function edKey(privateKey = generateKeyPairSync('ed25519').privateKey): Key {
  return { privateKey, digest: null, algorithm: sequence(objectIdentifier('1.3.101.112')) };
}

const leafKey: Key = edKey();

function ecKey(namedCurve: string): Key {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve });
  return { privateKey, digest: 'sha512', algorithm: sequence(objectIdentifier('1.2.840.10045.4.3.4')) };
}

const rsaKeys = new Map<number, Key>();

/** One key serves for all: what it costs to verify with it is the same. */
function largestExponent(modulusLength: number): Key {
  let key = rsaKeys.get(modulusLength);
  if (key === undefined) {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength, publicExponent: 0x1_0001 });
    key = {
      privateKey,
      digest: 'sha512',
      algorithm: sequence(objectIdentifier('1.2.840.113549.1.1.13'), der(0x05)),
    };
    rsaKeys.set(modulusLength, key);
  }
  return key;
}
