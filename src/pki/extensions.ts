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

/** Those of a certificate that has none. */
export const noExtensions: CertificateExtensions = {
  basicConstraints: undefined,
  keyUsage: undefined,
  extendedKeyUsage: undefined,
  subjectAltName: undefined,
  nameConstraints: undefined,
  crlDistributionPoints: undefined,
  tlsFeatures: undefined,
  unknownCritical: [],
};

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
 * @param list in the contents of `Extensions` (RFC 5280 §4.1), which are read to their end
 * @throws TlsCertificateError (`malformed`)
 */
export function parseExtensions(list: DerReader): CertificateExtensions {
  let basicConstraints: BasicConstraints | undefined;
  let keyUsage: number | undefined;
  let extendedKeyUsage: readonly string[] | undefined;
  let subjectAltName: readonly GeneralName[] | undefined;
  let nameConstraints: NameConstraints | undefined;
  let crlDistributionPoints: readonly Uint8Array[] | undefined;
  let tlsFeatures: readonly number[] | undefined;
  const unknownCritical: string[] = [];
  readExtensions(list, (oid, isCritical, value) => {
    if (oid === oids.keyUsage) keyUsage = namedBits(value);
    else if (oid === oids.basicConstraints) basicConstraints = parseBasicConstraints(value);
    else if (oid === oids.extendedKeyUsage) extendedKeyUsage = parseExtendedKeyUsage(value);
    else if (oid === oids.subjectAltName) subjectAltName = parseSubjectAltName(value);
    else if (oid === oids.crlDistributionPoints) crlDistributionPoints = parseDistributionPoints(value);
    else if (oid === oids.certificatePolicies) checkPolicies(value);
    else if (oid === oids.nameConstraints) nameConstraints = parseNameConstraints(value);
    else if (oid === oids.tlsFeatures) tlsFeatures = parseTlsFeatures(value);
    else {
      value.skip();
      if (isCritical) unknownCritical.push(oid);
    }
  });
  return {
    basicConstraints,
    keyUsage,
    extendedKeyUsage,
    subjectAltName,
    nameConstraints,
    crlDistributionPoints,
    tlsFeatures,
    unknownCritical,
  };
}

/**
 * The extensions of a certificate, a list or a response, each once (RFC 5280 §4.2).
 * @param visit is given the cursor in the contents of the value, and reads or skips them
 */
function readExtensions(
  list: DerReader,
  visit: (oid: string, isCritical: boolean, value: DerReader) => void,
): void {
  const seen: string[] = [];
  if (list.atEnd) throw list.error('an empty list of extensions');
  while (!list.atEnd) {
    const { position } = list;
    const outer = list.open(tags.sequence);
    const oid = objectIdentifier(list);
    if (seen.includes(oid)) throw list.errorAt(`extension ${oid} a second time`, position);
    if (seen.length === maxCertificateExtensions)
      throw list.errorAt(`more than ${maxCertificateExtensions} extensions`, position);
    seen.push(oid);
    const isCritical = optionalBoolean(list);
    const fields = list.open(tags.octetString);
    visit(oid, isCritical, list);
    // The text is made for whom it is told.
    if (!list.atEnd) list.end(`extension ${oid}`);
    list.close(fields, 'an extension');
    if (!list.atEnd) list.end(`extension ${oid}`);
    list.close(outer, 'an extension');
  }
}

/**
 * The extensions of a list or a response, as cursors over their values.
 * @param known object identifiers that may be critical
 */
export function extensionValues(
  list: DerReader,
  known: ReadonlySet<string>,
): { readonly values: ReadonlyMap<string, DerReader>; readonly unknownCritical: readonly string[] } {
  const values = new Map<string, DerReader>();
  const unknownCritical: string[] = [];
  readExtensions(list, (oid, isCritical, value) => {
    values.set(oid, value.rest());
    if (isCritical && !known.has(oid)) unknownCritical.push(oid);
  });
  return { values, unknownCritical };
}

/** RFC 5280 §4.2.1.4. Nobody asks for a policy here, but what is critical must be well-formed. */
function checkPolicies(value: DerReader): void {
  const outer = value.open(tags.sequence);
  if (value.atEnd) throw value.error('empty certificatePolicies');
  while (!value.atEnd) {
    const policy = value.open(tags.sequence);
    objectIdentifier(value);
    if (value.nextIs(tags.sequence)) checkUnread(value.enter(tags.sequence));
    value.close(policy, 'a policy');
  }
  value.close(outer, 'certificatePolicies');
}

/** RFC 5280 §4.2.1.9. */
function parseBasicConstraints(value: DerReader): BasicConstraints {
  const outer = value.open(tags.sequence);
  const ca = optionalBoolean(value);
  const pathLength = value.nextIs(tags.integer) ? smallInteger(value) : undefined;
  value.close(outer, 'basicConstraints');
  return { ca, pathLength };
}

/** RFC 5280 §4.2.1.12. */
function parseExtendedKeyUsage(value: DerReader): readonly string[] {
  const outer = value.open(tags.sequence);
  const purposes: string[] = [];
  if (value.atEnd) throw value.error('an empty extKeyUsage');
  while (!value.atEnd) purposes.push(objectIdentifier(value));
  value.close(outer, 'extKeyUsage');
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
  const outer = value.open(tags.sequence);
  const names: GeneralName[] = [];
  if (value.atEnd) throw value.error('an empty subjectAltName');
  while (!value.atEnd) names.push(generalName(value));
  value.close(outer, 'subjectAltName');
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
  const outer = value.open(tags.sequence);
  const names: Uint8Array[] = [];
  if (value.atEnd) throw value.error('empty cRLDistributionPoints');
  while (!value.atEnd) {
    const point = value.open(tags.sequence);
    const found = value.nextIs(constructed(0)) ? fullNames(value) : [];
    // With reasons or a cRLIssuer of its own, what lies there is not a whole list of the issuer's.
    const isWhole = value.atEnd;
    if (value.nextIs(implicit(1))) checkBitString(value, value.read());
    if (value.nextIs(constructed(2))) generalNames(value.enter(constructed(2)));
    value.close(point, 'a distribution point');
    if (isWhole) for (const name of found) names.push(name);
  }
  value.close(outer, 'cRLDistributionPoints');
  return names;
}

/** The GeneralNames of a DistributionPointName under [0], which may also be a name relative to the issuer's. */
export function fullNames(fields: DerReader): readonly Uint8Array[] {
  const name = fields.open(constructed(0));
  const isFull = fields.nextIs(constructed(0));
  const form = fields.open(constructed(isFull ? 0 : 1));
  let names: readonly Uint8Array[] = [];
  if (isFull) names = generalNames(fields);
  else checkAttributes(fields);
  fields.close(form, 'a distribution point name');
  fields.close(name, 'a distribution point name');
  return names;
}

/** DER GeneralNames, to the end. */
export function generalNames(list: DerReader): readonly Uint8Array[] {
  if (list.atEnd) throw list.error('an empty list of names');
  const names: Uint8Array[] = [];
  while (!list.atEnd) {
    const { position } = list;
    // Nearly all are URIs, in which there is nothing to check.
    if (list.nextIs(implicit(6))) list.read();
    else generalNameOf(list, list.next());
    names.push(list.bytesFrom(position));
  }
  return names;
}
