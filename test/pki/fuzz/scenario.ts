import { createHash, type KeyObject } from 'node:crypto';
import { type SignatureOverride, signatures, type TestKeyType, testKey } from '../../support/certificates.ts';
import { type CrlOptions, makeCrl } from '../../support/crl.ts';
import { ascii, der, objectIdentifier, sequence } from '../../support/der.ts';
import {
  commonName,
  publicKeyOf,
  type RawCertificate,
  rawCertificate,
  rawExtension,
} from '../../support/raw-certificates.ts';
import { Dice } from './dice.ts';

/** When all chains are judged. */
export const now: number = Date.parse('2026-06-01T00:00:00Z');

export type Role = 'leaf' | 'intermediate' | 'anchor';

/** A certificate before it is signed: whatever is still to be changed in it. */
export interface Draft {
  readonly role: Role;
  subject: Uint8Array;
  /** Absent: itself. */
  issuer: Draft | undefined;
  key: KeyObject;
  hasKeyIdentifiers: boolean;
  /** DER, by object identifier and whatever tells two of one apart. */
  readonly extensions: Map<string, Uint8Array>;
  /** What takes the place of what follows from the rest. */
  parts: Partial<RawCertificate>;
  /** Changes the bytes once they are signed. */
  damage?: (bytes: Uint8Array) => Uint8Array;
}

/** A revocation list before it is signed. */
export interface ListDraft {
  issuer: Draft;
  revoked: readonly { readonly draft: Draft; readonly extensions: readonly Uint8Array[] }[];
  options: CrlOptions;
  damage?: (bytes: Uint8Array) => Uint8Array;
}

/** What was changed, and where: `role` is that of the certificate, or what it is about. */
export interface Deviation {
  readonly id: string;
  readonly role: Role | 'chain' | 'host' | 'list';
  readonly detail: string;
}

export const every: readonly Role[] = ['leaf', 'intermediate', 'anchor'];

/** One way for a certificate to be other than it should be. */
export interface CertificateDeviation {
  readonly id: string;
  readonly roles: readonly Role[];
  /** Gives what was done, for people; undefined where it does not fit. */
  readonly apply: (draft: Draft, dice: Dice) => string | undefined;
}

/** A chain, who is trusted and what is asked. */
export interface Scenario {
  readonly seed: number;
  readonly dice: Dice;
  /** From the leaf to the root. */
  readonly path: Draft[];
  /** Certificates beside them: crossed signatures, namesakes, strangers. */
  readonly others: Draft[];
  readonly hidden: Set<Draft>;
  anchors: Draft[];
  host: string;
  /** Undefined: nobody asks. */
  lists: ListDraft[] | undefined;
  readonly deviations: Deviation[];
}

/** The scenario in bytes. */
export interface Case {
  readonly seed: number;
  readonly deviations: readonly Deviation[];
  readonly leaf: Uint8Array;
  /** As the peer sends them. */
  readonly intermediates: readonly Uint8Array[];
  readonly anchors: readonly Uint8Array[];
  readonly host: string;
  readonly lists: readonly Uint8Array[] | undefined;
}

const keyTypes: readonly TestKeyType[] = [
  ...new Array<TestKeyType>(12).fill('ed25519'),
  ...new Array<TestKeyType>(5).fill('p256'),
  'p384',
  'rsa2048',
  'rsaPss2048',
];

/** A sound chain of up to four intermediates, in which nothing is odd yet. */
export function soundScenario(seed: number): Scenario {
  const dice = new Dice(seed);
  let used = 0;
  const key = (): KeyObject => {
    used += 1;
    return testKey(dice.pick(keyTypes), `fuzz ${used}`);
  };
  const path: Draft[] = [authorityDraft('anchor', 'Root', undefined, key())];
  const depth = dice.below(5);
  for (let i = 1; i <= depth; i++)
    path.unshift(authorityDraft('intermediate', `Authority ${i}`, path[0], key()));
  path.unshift(leafDraft(path[0]!, key(), dice));
  return {
    seed,
    dice,
    path,
    others: [],
    hidden: new Set(),
    anchors: [path.at(-1)!],
    host: dice.oneIn(6) ? dice.pick(['192.0.2.7', '2001:db8::7']) : 'www.example.org',
    lists: undefined,
    deviations: [],
  };
}

export const oids = {
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
  authorityKeyIdentifier: '2.5.29.35',
  policyConstraints: '2.5.29.36',
  extendedKeyUsage: '2.5.29.37',
} as const;

/** Writes an extension, or takes the place of the one that there is. */
export function put(draft: Draft, oid: string, isCritical: boolean, value: Uint8Array): void {
  draft.extensions.set(oid, rawExtension(oid, isCritical, value));
}

/** basicConstraints of an authority with at most so many below it. */
export function putPathLength(draft: Draft, length: number): void {
  const value = sequence(der(0x01, Uint8Array.of(0xff)), der(0x02, Uint8Array.of(length)));
  put(draft, oids.basicConstraints, true, value);
}

export function authorityDraft(role: Role, name: string, issuer: Draft | undefined, key: KeyObject): Draft {
  const draft = emptyDraft(role, name, issuer, key);
  put(draft, oids.basicConstraints, true, sequence(der(0x01, Uint8Array.of(0xff))));
  put(draft, oids.keyUsage, true, keyUsage(5, 6));
  return draft;
}

function leafDraft(issuer: Draft, key: KeyObject, dice: Dice): Draft {
  const draft = emptyDraft('leaf', 'Leaf', issuer, key);
  if (!dice.oneIn(4)) put(draft, oids.basicConstraints, true, sequence());
  put(draft, oids.keyUsage, true, keyUsage(0));
  put(draft, oids.extendedKeyUsage, false, sequence(objectIdentifier('1.3.6.1.5.5.7.3.1')));
  const names = ['www.example.org', '192.0.2.7', '2001:db8::7'].map(generalName);
  put(draft, oids.subjectAltName, false, sequence(...names));
  return draft;
}

function emptyDraft(role: Role, name: string, issuer: Draft | undefined, key: KeyObject): Draft {
  const subject = commonName(name);
  return { role, subject, issuer, key, hasKeyIdentifiers: true, extensions: new Map(), parts: {} };
}

/** keyUsage with these bits (RFC 5280 §4.2.1.3). */
export function keyUsage(...bits: readonly number[]): Uint8Array {
  const value = bits.reduce((sum, bit) => sum | (0x8000 >> bit), 0);
  const bytes = (value & 0xff) === 0 ? [value >> 8] : [value >> 8, value & 0xff];
  const last = bytes.at(-1)!;
  const unused = last === 0 ? 0 : 31 - Math.clz32(last & -last);
  return value === 0 ? der(0x03, Uint8Array.of(0)) : der(0x03, Uint8Array.of(unused, ...bytes));
}

/** A dNSName, or an iPAddress where the text is one. */
export function generalName(text: string): Uint8Array {
  if (/^[0-9.]+$/.test(text) && text.split('.').length === 4)
    return der(0x87, Uint8Array.from(text.split('.'), Number));
  if (text === '2001:db8::7') return der(0x87, Uint8Array.of(0x20, 1, 0xd, 0xb8, ...Array(11).fill(0), 7));
  return der(0x82, ascii(text));
}

export function nameOf(draft: Draft): string {
  return `${draft.role} ${Buffer.from(draft.subject.subarray(-11))
    .toString('latin1')
    .replace(/[^ -~]/g, '')}`;
}

/** Signs everything. */
export function signed(scenario: Scenario): Case {
  const { seed, deviations, dice, path, others, hidden, anchors, host, lists } = scenario;
  const numbers = new Map([...path, ...others, ...anchors].map((draft, index) => [draft, index + 1]));
  const certificates = new Map<Draft, Uint8Array>();
  const encoded = (draft: Draft): Uint8Array => {
    const known = certificates.get(draft);
    if (known !== undefined) return known;
    const bytes = encode(draft, numberOf(draft));
    certificates.set(draft, bytes);
    return bytes;
  };
  const numberOf = (draft: Draft): Uint8Array =>
    draft.parts.serialNumber ?? Uint8Array.of(numbers.get(draft) ?? 0);
  const sent = [...path.slice(1), ...others].filter(
    (draft) => !hidden.has(draft) && (!anchors.includes(draft) || dice.oneIn(3)),
  );
  return {
    seed,
    deviations,
    leaf: encoded(path[0]!),
    intermediates: (dice.oneIn(2) ? sent : dice.shuffled(sent)).map(encoded),
    anchors: dice.shuffled(anchors).map(encoded),
    host,
    lists: lists?.map(({ issuer, revoked, options, damage = (bytes) => bytes }) => {
      const entries = revoked.map(({ draft, extensions }) => ({
        serialNumber: numberOf(draft),
        extensions,
      }));
      const signature = signatureFor(issuer.key);
      const list = makeCrl(
        { name: issuer.subject, key: issuer.key },
        { signature, revoked: entries, ...options },
      );
      return damage(list);
    }),
  };
}

function encode(draft: Draft, serialNumber: Uint8Array): Uint8Array {
  const { subject, key, issuer = draft, parts, damage = (bytes) => bytes } = draft;
  const extensions = new Map(draft.extensions);
  const identifiers: [string, Uint8Array][] = [
    [oids.subjectKeyIdentifier, der(0x04, keyIdentifier(key))],
    [oids.authorityKeyIdentifier, sequence(der(0x80, keyIdentifier(issuer.key)))],
  ];
  for (const [oid, value] of identifiers)
    if (draft.hasKeyIdentifiers && !extensions.has(oid)) extensions.set(oid, rawExtension(oid, false, value));
  const { algorithm, hash } = signatureFor(issuer.key);
  const certificate = rawCertificate({
    subject,
    issuer: issuer.subject,
    key,
    signer: issuer.key,
    extensions: [...extensions.values()],
    algorithm,
    hash,
    ...parts,
    serialNumber,
  });
  return damage(certificate);
}

export function keyIdentifier(key: KeyObject): Uint8Array {
  return new Uint8Array(createHash('sha1').update(publicKeyOf(key)).digest());
}

/** What signs with such a key. */
export function signatureFor(key: KeyObject): SignatureOverride {
  switch (key.asymmetricKeyType) {
    case 'ec':
      return signatures.ecdsaWithSha256;
    case 'rsa':
      return signatures.sha256WithRsa;
    case 'rsa-pss':
      return signatures.rsaPssSha256;
    case 'ed448':
      return signatures.ed448;
    default:
      return { algorithm: sequence(objectIdentifier('1.3.101.112')), hash: undefined };
  }
}
