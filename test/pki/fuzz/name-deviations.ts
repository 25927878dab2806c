import { ascii, der, objectIdentifier, sequence } from '../../support/der.ts';
import { commonName, rawExtension } from '../../support/raw-certificates.ts';
import type { Dice } from './dice.ts';
import { type CertificateDeviation, generalName, oids, put } from './scenario.ts';

const uri = (text: string): Uint8Array => der(0x86, ascii(text));
const email = (text: string): Uint8Array => der(0x81, ascii(text));
const address = (...bytes: readonly number[]): Uint8Array => der(0x87, Uint8Array.from(bytes));
const part = (oid: string, text: string): Uint8Array =>
  der(0x31, sequence(objectIdentifier(oid), der(0x0c, ascii(text))));
const directory = (...parts: readonly Uint8Array[]): Uint8Array => der(0xa4, sequence(...parts));
const organization = part('2.5.4.10', 'Example');

const dnsNames: readonly string[] = [
  'www.example.org',
  'WWW.EXAMPLE.ORG',
  'example.org',
  '*.example.org',
  '*.org',
  '*',
  'w*.example.org',
  '*w.example.org',
  'www.*.org',
  '*.*.org',
  '*.www.example.org',
  '.example.org',
  'www.example.org.',
  'xn--bcher-kva.example.org',
  'my_host.example.org',
  '-www.example.org',
  'www..example.org',
  'www.example.org\0.evil.example',
  'www.example.org ',
  'b\xfccher.example.org',
  '192.0.2.7',
  '127.1',
  'other.example',
  '',
];

/** What is asked for, and is in most leaves in this form or another. */
export const likelyHosts: readonly string[] = [
  'www.example.org',
  'WWW.Example.org',
  'www.example.org.',
  '192.0.2.7',
  '2001:DB8:0::7',
];

export const unlikelyHosts: readonly string[] = [
  '.example.org',
  'example.org',
  'org',
  'a.b.example.org',
  'b.www.example.org',
  'xn--bcher-kva.example.org',
  'my_host.example.org',
  '*.example.org',
  'www.example.orgx',
  'localhost',
  '127.1',
  '192.0.2.8',
  '::ffff:192.0.2.7',
];

const otherNames: readonly Uint8Array[] = [
  uri('https://www.example.org/'),
  email('someone@example.org'),
  directory(organization),
  address(192, 0, 2, 7),
  address(192, 0, 2, 7, 255, 255, 255, 255),
  address(1, 2, 3),
  address(...Array(10).fill(0), 255, 255, 192, 0, 2, 7),
  der(0x88, Uint8Array.of(0x2a, 3)),
  der(0xa0, objectIdentifier('1.2.3.4'), der(0xa0, der(0x0c, ascii('other')))),
];

const dnsBases: readonly string[] = [
  'example.org',
  'EXAMPLE.org',
  '.example.org',
  'www.example.org',
  'ww.example.org',
  'ample.org',
  'org',
  'example.com',
  'other.example',
  '',
  '*.example.org',
  'example.org.',
  'b\xfccher.example.org',
];

const addressBases: readonly (readonly number[])[] = [
  [192, 0, 2, 0, 255, 255, 255, 0],
  [192, 0, 2, 7, 255, 255, 255, 255],
  [192, 0, 3, 0, 255, 255, 255, 0],
  [192, 0, 0, 7, 255, 255, 0, 255],
  [192, 0, 9, 7, 255, 255, 0, 255],
  Array(8).fill(0),
  Array(32).fill(0),
  [0x20, 1, 0xd, 0xb8, ...Array(12).fill(0), 255, 255, 255, 255, ...Array(12).fill(0)],
  [192, 0, 2, 7],
];

const otherBases: readonly Uint8Array[] = [
  directory(organization),
  directory(part('2.5.4.3', 'Leaf')),
  directory(),
  uri('.example.org'),
  email('example.org'),
  email('someone@example.org'),
  der(0x88, Uint8Array.of(0x2a, 3)),
];

/** The base of a subtree. @param likely a domain that leaves the chain as it is, most of the time */
function base(dice: Dice, likely: readonly string[]): Uint8Array {
  const kind = dice.below(14);
  if (kind < 6) return der(0x82, ascii(dice.pick(likely)));
  if (kind < 9) return der(0x82, ascii(dice.pick(dnsBases)));
  return kind < 11 ? address(...dice.pick(addressBases)) : dice.pick(otherBases);
}

function subtrees(tag: number, bases: readonly Uint8Array[]): readonly Uint8Array[] {
  return bases.length === 0 ? [] : [der(tag, ...bases.map((one) => sequence(one)))];
}

const rare: readonly CertificateDeviation[] = [
  {
    id: 'name constraints with a distance',
    roles: ['intermediate', 'anchor'],
    apply: (draft, dice) => {
      const distance = dice.pick([
        der(0x80, Uint8Array.of(0)),
        der(0x80, Uint8Array.of(1)),
        der(0x81, Uint8Array.of(9)),
      ]);
      const tree = sequence(der(0x82, ascii('example.org')), distance);
      put(draft, oids.nameConstraints, true, sequence(der(0xa0, tree)));
      return Buffer.from(distance).toString('hex');
    },
  },
  {
    id: 'name constraints of a leaf',
    roles: ['leaf'],
    apply: (draft) => {
      const tree = sequence(der(0x82, ascii('example.com')));
      draft.extensions.set(
        oids.nameConstraints,
        rawExtension(oids.nameConstraints, true, sequence(der(0xa0, tree))),
      );
      return '';
    },
  },
  {
    id: 'other names only',
    roles: ['leaf', 'intermediate'],
    apply: (draft, dice) => {
      const others = [dice.pick(otherNames), dice.pick(otherNames)];
      put(draft, oids.subjectAltName, false, sequence(...others));
      return others.map((one) => Buffer.from(one).toString('hex')).join(' ');
    },
  },
  {
    id: 'no subjectAltName, but a CN',
    roles: ['leaf'],
    apply: (draft, dice) => {
      draft.extensions.delete(oids.subjectAltName);
      draft.subject = commonName(dice.pick(['www.example.org', '192.0.2.7', '*.example.org', 'Leaf']));
      return '';
    },
  },
  {
    id: 'empty subjectAltName',
    roles: ['leaf', 'intermediate'],
    apply: (draft) => {
      put(draft, oids.subjectAltName, false, sequence());
      return '';
    },
  },
  {
    id: 'names of an authority',
    roles: ['intermediate', 'anchor'],
    apply: (draft, dice) => {
      const names = [dice.pick(dnsNames), dice.pick(dnsNames)];
      put(draft, oids.subjectAltName, false, sequence(...names.map(generalName)));
      return JSON.stringify(names);
    },
  },
  {
    id: 'subject',
    roles: ['leaf'],
    apply: (draft, dice) => {
      const emailAddress = der(
        0x31,
        sequence(objectIdentifier('1.2.840.113549.1.9.1'), der(0x16, ascii('someone@example.org'))),
      );
      draft.subject = sequence(...dice.some([organization, part('2.5.4.3', 'Leaf'), emailAddress]));
      return '';
    },
  },
];

const common: readonly CertificateDeviation[] = [
  {
    id: 'names',
    roles: ['leaf'],
    apply: (draft, dice) => {
      const some = [...Array(1 + dice.below(2))].map(() => dice.pick(dnsNames));
      // Most names do not fit, and then nothing else is told apart.
      const names = dice.oneIn(3) ? some : ['www.example.org', ...some];
      const others = dice.oneIn(3) ? [dice.pick(otherNames)] : [];
      put(
        draft,
        oids.subjectAltName,
        dice.oneIn(3),
        sequence(
          ...names.map((name) => (name === '192.0.2.7' ? der(0x82, ascii(name)) : generalName(name))),
          ...others,
        ),
      );
      return JSON.stringify(names);
    },
  },
  {
    id: 'name constraints',
    roles: ['intermediate', 'anchor'],
    apply: (draft, dice) => {
      const permitted = [...Array(dice.below(3))].map(() => base(dice, ['example.org', 'org', '']));
      const excluded = [...Array(dice.below(permitted.length === 0 ? 3 : 2))].map(() =>
        base(dice, ['example.com', 'ample.org', 'a.www.example.org']),
      );
      const value = sequence(...subtrees(0xa0, permitted), ...subtrees(0xa1, excluded));
      put(draft, oids.nameConstraints, !dice.oneIn(4), value);
      const text = (bases: readonly Uint8Array[]): string =>
        bases.map((one) => JSON.stringify(Buffer.from(one).toString('latin1'))).join(' ');
      return `permitted ${text(permitted)} excluded ${text(excluded)}`;
    },
  },
];

export const nameDeviations: readonly CertificateDeviation[] = [...rare, ...common, ...common, ...common];
