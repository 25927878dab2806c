import { ascii, der, objectIdentifier, sequence } from '../../support/der.ts';
import { rawExtension } from '../../support/raw-certificates.ts';
import { cryptography, encodings } from './encoding-deviations.ts';
import {
  type CertificateDeviation,
  every,
  keyUsage,
  oids,
  put,
  putPathLength,
  type Role,
} from './scenario.ts';

const signers: readonly Role[] = ['intermediate', 'anchor'];

const utc = (text: string): Uint8Array => der(0x17, ascii(text));
const generalized = (text: string): Uint8Array => der(0x18, ascii(text));
const start = utc('240101000000Z');
const end = utc('490101000000Z');
const yes = der(0x01, Uint8Array.of(0xff));
const integer = (...bytes: readonly number[]): Uint8Array => der(0x02, Uint8Array.from(bytes));

function dated(notBefore: Uint8Array, notAfter: Uint8Array): CertificateDeviation['apply'] {
  return (draft) => {
    draft.parts = { ...draft.parts, validity: [notBefore, notAfter] };
    return '';
  };
}

const dates: readonly CertificateDeviation[] = [
  { id: 'expired', roles: every, apply: dated(start, utc('260531235959Z')) },
  { id: 'expires now', roles: every, apply: dated(start, utc('260601000000Z')) },
  { id: 'not yet valid', roles: every, apply: dated(utc('260601000001Z'), end) },
  { id: 'valid from now on', roles: every, apply: dated(utc('260601000000Z'), end) },
  { id: 'ends before it begins', roles: every, apply: dated(end, start) },
  {
    id: 'generalized times',
    roles: every,
    apply: dated(generalized('20240101000000Z'), generalized('99991231235959Z')),
  },
  {
    id: 'odd time',
    roles: every,
    apply: (draft, dice) => {
      const text = dice.pick([
        '4901010000Z',
        '490101000000+0000',
        '490230000000Z',
        '491301000000Z',
        '490101000060Z',
        '490101240000Z',
        '490101000000',
      ]);
      draft.parts = { ...draft.parts, validity: [start, utc(text)] };
      return text;
    },
  },
];

const usage: readonly CertificateDeviation[] = [
  {
    id: 'no basicConstraints',
    roles: every,
    apply: (draft) => (draft.extensions.delete(oids.basicConstraints) ? '' : undefined),
  },
  {
    id: 'CA:FALSE',
    roles: signers,
    apply: (draft, dice) => {
      put(draft, oids.basicConstraints, dice.oneIn(2), sequence());
      return '';
    },
  },
  {
    id: 'CA:TRUE',
    roles: ['leaf'],
    apply: (draft, dice) => {
      put(draft, oids.basicConstraints, true, sequence(yes));
      if (dice.oneIn(2)) put(draft, oids.keyUsage, true, keyUsage(0, 5));
      return '';
    },
  },
  {
    id: 'pathLenConstraint',
    roles: signers,
    apply: (draft, dice) => {
      const length = dice.below(4);
      putPathLength(draft, length);
      return String(length);
    },
  },
  {
    id: 'odd pathLenConstraint',
    roles: every,
    apply: (draft, dice) => {
      const value = dice.pick([
        sequence(integer(0)),
        sequence(yes, integer(0xff)),
        sequence(yes, integer(0x7f, 0xff, 0xff, 0xff, 0xff)),
      ]);
      put(draft, oids.basicConstraints, true, value);
      return Buffer.from(value).toString('hex');
    },
  },
  {
    id: 'keyUsage',
    roles: every,
    apply: (draft, dice) => {
      const bits = dice.some([0, 1, 2, 4, 5, 6, 8]);
      put(draft, oids.keyUsage, dice.oneIn(2), keyUsage(...bits));
      return bits.join(' ');
    },
  },
  {
    id: 'no keyUsage',
    roles: every,
    apply: (draft) => (draft.extensions.delete(oids.keyUsage) ? '' : undefined),
  },
  {
    id: 'extKeyUsage',
    roles: every,
    apply: (draft, dice) => {
      const purposes = dice.some([
        '1.3.6.1.5.5.7.3.1',
        '1.3.6.1.5.5.7.3.2',
        '1.3.6.1.5.5.7.3.3',
        '2.5.29.37.0',
        '1.2.3.4',
      ]);
      put(draft, oids.extendedKeyUsage, dice.oneIn(3), sequence(...purposes.map(objectIdentifier)));
      return purposes.join(' ');
    },
  },
  {
    id: 'no extKeyUsage',
    roles: ['leaf'],
    apply: (draft) => (draft.extensions.delete(oids.extendedKeyUsage) ? '' : undefined),
  },
];

const extensions: readonly CertificateDeviation[] = [
  {
    id: 'unknown critical extension',
    roles: every,
    apply: (draft) => {
      put(draft, '1.3.6.1.4.1.99999.1', true, sequence());
      return '';
    },
  },
  {
    id: 'unknown extension',
    roles: every,
    apply: (draft) => {
      put(draft, '1.3.6.1.4.1.99999.2', false, ascii('anything'));
      return '';
    },
  },
  {
    id: 'critical policyConstraints',
    roles: every,
    apply: (draft) => {
      put(draft, oids.policyConstraints, true, sequence(der(0x80, Uint8Array.of(9))));
      return '';
    },
  },
  {
    id: 'critical key identifier',
    roles: every,
    apply: (draft) => {
      put(draft, oids.subjectKeyIdentifier, true, der(0x04, ascii('some')));
      return '';
    },
  },
  {
    id: 'extension twice',
    roles: every,
    apply: (draft, dice) => {
      if (draft.extensions.size === 0) return undefined;
      const [oid, value] = dice.pick([...draft.extensions]);
      draft.extensions.set(`${oid} again`, value);
      return oid;
    },
  },
  {
    id: 'unknown extension twice',
    roles: every,
    apply: (draft) => {
      for (const time of ['once', 'twice'])
        draft.extensions.set(time, rawExtension('1.2.3.4', false, ascii('x')));
      return '';
    },
  },
  {
    id: 'no extensions',
    roles: every,
    apply: (draft) => {
      draft.extensions.clear();
      draft.hasKeyIdentifiers = false;
      return '';
    },
  },
  {
    id: 'no key identifiers',
    roles: every,
    apply: (draft) => {
      draft.hasKeyIdentifiers = false;
      return '';
    },
  },
  {
    id: 'authorityKeyIdentifier of another key',
    roles: ['leaf', 'intermediate'],
    apply: (draft) => {
      put(draft, oids.authorityKeyIdentifier, false, sequence(der(0x80, ascii('another key'))));
      return '';
    },
  },
  {
    id: 'authorityKeyIdentifier of another serial number',
    roles: ['leaf', 'intermediate'],
    apply: (draft) => {
      const name = der(0xa1, der(0xa4, draft.issuer?.issuer?.subject ?? draft.subject));
      put(draft, oids.authorityKeyIdentifier, false, sequence(name, der(0x82, Uint8Array.of(0x5a))));
      return '';
    },
  },
  {
    id: 'malformed key identifier',
    roles: every,
    apply: (draft, dice) => {
      const oid = dice.pick([oids.subjectKeyIdentifier, oids.authorityKeyIdentifier]);
      put(draft, oid, false, ascii('no DER'));
      return oid;
    },
  },
  {
    id: 'subjectKeyIdentifier of another key',
    roles: every,
    apply: (draft) => {
      put(draft, oids.subjectKeyIdentifier, false, der(0x04, ascii('another key')));
      return '';
    },
  },
];

/** Whatever is malformed is refused in one way; the others have more to tell. */
export const certificateDeviations: readonly CertificateDeviation[] = [
  ...encodings,
  ...[dates, usage, usage, usage, extensions, extensions, cryptography, cryptography].flat(),
];
