import { maxCertificateExtensions } from '../base/limits.ts';
import { constructed, type DerReader, implicit, tags } from './der.ts';
import { checkAttributes, type GeneralName, generalName, generalNameOf } from './general-names.ts';
import { checkUnread } from './unread.ts';
import {
  checkBitString,
  checkInteger,
  namedBits,
  objectIdentifier,
  optionalBoolean,
  smallInteger,
} from './values.ts';

/** The extensions that decide whether a certificate may be used (RFC 5280 §4.2). Absent ones are undefined. */
export interface CertificateExtensions {
  readonly basicConstraints: BasicConstraints | undefined;
  /** Bits as `keyUsages` names them. */
  readonly keyUsage: number | undefined;
  /** Object identifiers. */
  readonly extendedKeyUsage: readonly string[] | undefined;
  readonly subjectAltName: readonly GeneralName[] | undefined;
  readonly nameConstraints: NameConstraints | undefined;
  /** DER GeneralNames of places whose lists are complete and of the certificate's issuer. */
  readonly crlDistributionPoints: readonly Uint8Array[] | undefined;
  /** TLS extensions that a server with this certificate always answers: 5, status_request, is "must-staple" (RFC 7633). */
  readonly tlsFeatures: readonly number[] | undefined;
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

export const keyUsages: Readonly<Record<'digitalSignature' | 'keyCertSign' | 'cRLSign', number>> = {
  digitalSignature: 1 << 0,
  keyCertSign: 1 << 5,
  cRLSign: 1 << 6,
};

export const keyPurposes = {
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
  ocspSigning: '1.3.6.1.5.5.7.3.9',
  any: '2.5.29.37.0',
} as const;

/** What is understood here, critical or not. */
const oids = {
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
  crlDistributionPoints: '2.5.29.31',
  // Policies restrict only those who ask for one. Nobody does here, so that even a critical list of them says nothing.
  certificatePolicies: '2.5.29.32',
  extendedKeyUsage: '2.5.29.37',
  tlsFeatures: '1.3.6.1.5.5.7.1.24',
} as const;

/**
 * @param list the contents of `Extensions` (RFC 5280 §4.1)
 * @throws TlsCertificateError (`malformed`)
 */
export function parseExtensions(list: DerReader): CertificateExtensions {
  const { values, unknownCritical } = extensionValues(list, understood);
  const parsed = <T>(oid: string, parse: (value: DerReader) => T): T | undefined => {
    const value = values.get(oid);
    if (value === undefined) return undefined;
    const result = parse(value);
    if (!value.atEnd) value.end(`extension ${oid}`);
    return result;
  };
  parsed(oids.certificatePolicies, parsePolicies);
  return {
    basicConstraints: parsed(oids.basicConstraints, parseBasicConstraints),
    keyUsage: parsed(oids.keyUsage, namedBits),
    extendedKeyUsage: parsed(oids.extendedKeyUsage, parseExtendedKeyUsage),
    subjectAltName: parsed(oids.subjectAltName, parseSubjectAltName),
    nameConstraints: parsed(oids.nameConstraints, parseNameConstraints),
    crlDistributionPoints: parsed(oids.crlDistributionPoints, parseDistributionPoints),
    tlsFeatures: parsed(oids.tlsFeatures, parseTlsFeatures),
    unknownCritical,
  };
}

/** RFC 5280 §4.2.1.4. Nobody asks for a policy here, but what is critical must be well-formed. */
function parsePolicies(value: DerReader): void {
  const list = value.enter(tags.sequence);
  if (list.atEnd) throw list.error('empty certificatePolicies');
  while (!list.atEnd) {
    const policy = list.enter(tags.sequence);
    objectIdentifier(policy);
    if (policy.nextIs(tags.sequence)) checkUnread(policy.enter(tags.sequence));
    policy.end('a policy');
  }
}

/**
 * The extensions of a certificate, a list or a response, each once (RFC 5280 §4.2), as cursors over their values.
 * @param known object identifiers that may be critical
 */
export function extensionValues(
  list: DerReader,
  known: ReadonlySet<string>,
): { readonly values: ReadonlyMap<string, DerReader>; readonly unknownCritical: readonly string[] } {
  const values = new Map<string, DerReader>();
  const unknownCritical: string[] = [];
  if (list.atEnd) throw list.error('an empty list of extensions');
  while (!list.atEnd) {
    const { position } = list;
    const fields = list.enter(tags.sequence);
    const oid = objectIdentifier(fields);
    const isCritical = optionalBoolean(fields);
    const value = fields.enter(tags.octetString);
    // The text is made for whom it is told.
    if (!fields.atEnd) fields.end(`extension ${oid}`);
    if (values.has(oid)) throw list.errorAt(`extension ${oid} a second time`, position);
    if (values.size === maxCertificateExtensions)
      throw list.errorAt(`more than ${maxCertificateExtensions} extensions`, position);
    values.set(oid, value);
    if (isCritical && !known.has(oid)) unknownCritical.push(oid);
  }
  return { values, unknownCritical };
}

const understood: ReadonlySet<string> = new Set(Object.values(oids));

/** RFC 5280 §4.2.1.9. */
function parseBasicConstraints(value: DerReader): BasicConstraints {
  const fields = value.enter(tags.sequence);
  const ca = optionalBoolean(fields);
  const pathLength = fields.nextIs(tags.integer) ? smallInteger(fields) : undefined;
  fields.end('basicConstraints');
  return { ca, pathLength };
}

/** RFC 5280 §4.2.1.12. */
function parseExtendedKeyUsage(value: DerReader): readonly string[] {
  const list = value.enter(tags.sequence);
  const purposes: string[] = [];
  if (list.atEnd) throw list.error('an empty extKeyUsage');
  while (!list.atEnd) purposes.push(objectIdentifier(list));
  return purposes;
}

/** RFC 7633 §4.1. */
function parseTlsFeatures(value: DerReader): readonly number[] {
  const list = value.enter(tags.sequence);
  const features: number[] = [];
  while (!list.atEnd) features.push(smallInteger(list));
  return features;
}

/** RFC 5280 §4.2.1.6. */
function parseSubjectAltName(value: DerReader): readonly GeneralName[] {
  const list = value.enter(tags.sequence);
  const names: GeneralName[] = [];
  if (list.atEnd) throw list.error('an empty subjectAltName');
  while (!list.atEnd) names.push(generalName(list));
  return names;
}

/** RFC 5280 §4.2.1.10. */
function parseNameConstraints(value: DerReader): NameConstraints {
  const fields = value.enter(tags.sequence);
  if (fields.atEnd) throw fields.error('empty nameConstraints');
  let unsupported = false;
  const subtrees = (tag: number): readonly GeneralName[] => {
    const bases: GeneralName[] = [];
    if (!fields.nextIs(tag)) return bases;
    const list = fields.enter(tag);
    if (list.atEnd) throw list.error('nameConstraints with an empty list of subtrees');
    while (!list.atEnd) {
      const subtree = list.enter(tags.sequence);
      bases.push(generalName(subtree));
      unsupported ||= !subtree.atEnd;
      for (const distance of [implicit(0), implicit(1)]) {
        const element = subtree.optional(distance);
        if (element !== undefined) checkInteger(subtree, element);
      }
      subtree.end('a subtree');
    }
    return bases;
  };
  const permitted = subtrees(constructed(0));
  const excluded = subtrees(constructed(1));
  fields.end('nameConstraints');
  return { permitted, excluded, unsupported };
}

/** RFC 5280 §4.2.1.13. */
export function parseDistributionPoints(value: DerReader): readonly Uint8Array[] {
  const list = value.enter(tags.sequence);
  const names: Uint8Array[] = [];
  if (list.atEnd) throw list.error('empty cRLDistributionPoints');
  while (!list.atEnd) {
    const point = list.enter(tags.sequence);
    const found = point.nextIs(constructed(0)) ? fullNames(point.enter(constructed(0))) : [];
    // With reasons or a cRLIssuer of its own, what lies there is not a whole list of the issuer's.
    const isWhole = point.atEnd;
    const reasons = point.optional(implicit(1));
    if (reasons !== undefined) checkBitString(point, reasons);
    if (point.nextIs(constructed(2))) generalNames(point.enter(constructed(2)));
    point.end('a distribution point');
    if (isWhole) names.push(...found);
  }
  return names;
}

/** The GeneralNames of a DistributionPointName, which may also be a name relative to the issuer's. */
export function fullNames(name: DerReader): readonly Uint8Array[] {
  const isFull = name.nextIs(constructed(0));
  const value = name.enter(constructed(isFull ? 0 : 1));
  name.end('a distribution point name');
  if (isFull) return generalNames(value);
  checkAttributes(value);
  return [];
}

/** DER GeneralNames, to the end. */
export function generalNames(list: DerReader): readonly Uint8Array[] {
  if (list.atEnd) throw list.error('an empty list of names');
  const names: Uint8Array[] = [];
  while (!list.atEnd) {
    const name = list.next();
    generalNameOf(list, name);
    names.push(name.bytes);
  }
  return names;
}
