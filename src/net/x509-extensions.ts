import { maxCertificateExtensions } from '../base/limits.ts';
import { DerReader } from '../pki/der.ts';
import { type GeneralName, generalName } from './general-names.ts';
import {
  atEnd,
  constructed,
  malformed,
  namedBits,
  objectIdentifier,
  only,
  optionalBoolean,
  smallInteger,
  tags,
} from './x509-values.ts';

/** The extensions that decide whether a certificate may be used (RFC 5280 §4.2). Absent ones are undefined. */
export interface CertificateExtensions {
  readonly basicConstraints: BasicConstraints | undefined;
  /** Bits as `keyUsages` names them. */
  readonly keyUsage: number | undefined;
  /** Object identifiers. */
  readonly extendedKeyUsage: readonly string[] | undefined;
  readonly subjectAltName: readonly GeneralName[] | undefined;
  readonly nameConstraints: NameConstraints | undefined;
  /** Object identifiers of critical extensions that are not understood here. */
  readonly unknownCritical: readonly string[];
}

export interface BasicConstraints {
  readonly ca: boolean;
  readonly pathLength: number | undefined;
}

export interface NameConstraints {
  readonly permitted: readonly GeneralName[];
  readonly excluded: readonly GeneralName[];
  /** A subtree with a minimum or maximum: RFC 5280 §4.2.1.10 allows none, and nobody knows what it means. */
  readonly unsupported: boolean;
}

export const keyUsages: { readonly digitalSignature: number; readonly keyCertSign: number } = {
  digitalSignature: 1 << 0,
  keyCertSign: 1 << 5,
};

export const keyPurposes = {
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
  any: '2.5.29.37.0',
} as const;

/** What is understood here, critical or not. */
const oids = {
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
  // Policies restrict only those who ask for one. Nobody does here, so that even a critical list of them says nothing.
  certificatePolicies: '2.5.29.32',
  extendedKeyUsage: '2.5.29.37',
} as const;

/**
 * @param extensions the DER of `Extensions` (RFC 5280 §4.1)
 * @throws TlsCertificateError (`malformed`)
 */
export function parseExtensions(extensions: Uint8Array): CertificateExtensions {
  const list = only(extensions, tags.sequence, 'the list of extensions');
  const values = new Map<string, Uint8Array>();
  const unknownCritical: string[] = [];
  if (list.atEnd) throw malformed('an empty list of extensions');
  while (!list.atEnd) {
    const fields = new DerReader(list.next(tags.sequence).content);
    const oid = objectIdentifier(fields.next(tags.objectIdentifier).content);
    const critical = optionalBoolean(fields);
    const value = fields.next(tags.octetString).content;
    atEnd(fields, `extension ${oid}`);
    if (values.has(oid)) throw malformed(`extension ${oid} occurs twice`);
    if (values.size === maxCertificateExtensions)
      throw malformed(`more than ${maxCertificateExtensions} extensions`);
    values.set(oid, value);
    if (critical && !understood.has(oid)) unknownCritical.push(oid);
  }
  const parsed = <T>(oid: string, parse: (value: Uint8Array) => T): T | undefined => {
    const value = values.get(oid);
    return value === undefined ? undefined : parse(value);
  };
  return {
    basicConstraints: parsed(oids.basicConstraints, parseBasicConstraints),
    keyUsage: parsed(oids.keyUsage, parseKeyUsage),
    extendedKeyUsage: parsed(oids.extendedKeyUsage, parseExtendedKeyUsage),
    subjectAltName: parsed(oids.subjectAltName, parseSubjectAltName),
    nameConstraints: parsed(oids.nameConstraints, parseNameConstraints),
    unknownCritical,
  };
}

/** A certificate without extensions. */
export const noExtensions: CertificateExtensions = {
  basicConstraints: undefined,
  keyUsage: undefined,
  extendedKeyUsage: undefined,
  subjectAltName: undefined,
  nameConstraints: undefined,
  unknownCritical: [],
};

const understood: ReadonlySet<string> = new Set(Object.values(oids));

/** RFC 5280 §4.2.1.9. */
function parseBasicConstraints(value: Uint8Array): BasicConstraints {
  const fields = only(value, tags.sequence, 'basicConstraints');
  const ca = optionalBoolean(fields);
  const pathLength = fields.nextIs(tags.integer) ? smallInteger(fields.next().content) : undefined;
  atEnd(fields, 'basicConstraints');
  return { ca, pathLength };
}

/** RFC 5280 §4.2.1.3. */
function parseKeyUsage(value: Uint8Array): number {
  const reader = new DerReader(value);
  const bits = namedBits(reader.next(tags.bitString).content);
  atEnd(reader, 'keyUsage');
  return bits;
}

/** RFC 5280 §4.2.1.12. */
function parseExtendedKeyUsage(value: Uint8Array): readonly string[] {
  const list = only(value, tags.sequence, 'extKeyUsage');
  const purposes: string[] = [];
  if (list.atEnd) throw malformed('an empty extKeyUsage');
  while (!list.atEnd) purposes.push(objectIdentifier(list.next(tags.objectIdentifier).content));
  return purposes;
}

/** RFC 5280 §4.2.1.6. */
function parseSubjectAltName(value: Uint8Array): readonly GeneralName[] {
  const list = only(value, tags.sequence, 'subjectAltName');
  const names: GeneralName[] = [];
  if (list.atEnd) throw malformed('an empty subjectAltName');
  while (!list.atEnd) names.push(generalName(list));
  return names;
}

/** RFC 5280 §4.2.1.10. */
function parseNameConstraints(value: Uint8Array): NameConstraints {
  const fields = only(value, tags.sequence, 'nameConstraints');
  if (fields.atEnd) throw malformed('empty nameConstraints');
  let unsupported = false;
  const subtrees = (tag: number): readonly GeneralName[] => {
    const bases: GeneralName[] = [];
    if (!fields.nextIs(tag)) return bases;
    const list = new DerReader(fields.next().content);
    if (list.atEnd) throw malformed('nameConstraints with an empty list of subtrees');
    while (!list.atEnd) {
      const subtree = new DerReader(list.next(tags.sequence).content);
      bases.push(generalName(subtree));
      unsupported ||= !subtree.atEnd;
    }
    return bases;
  };
  const permitted = subtrees(constructed(0));
  const excluded = subtrees(constructed(1));
  atEnd(fields, 'nameConstraints');
  return { permitted, excluded, unsupported };
}
