import { equalBytes, noBytes } from '../base/bytes.ts';
import { TlsCertificateError } from '../base/errors.ts';
import { maxNameComparisons } from '../base/limits.ts';
import { type Certificate, nameOf, placeOf } from './certificate.ts';
import { DerReader, tags } from './der.ts';
import type { NameConstraints } from './extensions.ts';
import { type DnsName, type GeneralName, relativeNames, rfc822Name } from './general-names.ts';
import { isAddress } from './names.ts';
import { askedOnce, type KnownOfPairs } from './pairs.ts';
import { latin1 } from './values.ts';

/** What came of the comparisons for a chain so far. */
export interface Comparisons {
  /** Of `maxNameComparisons`, for all certificates of the chain. */
  left: number;
  /** By issuer, about certificates below it: many paths ask the same. */
  readonly verdicts: KnownOfPairs<string>;
}

export function noComparisons(): Comparisons {
  return { left: maxNameComparisons, verdicts: new Map() };
}

/**
 * Applies an issuer's name constraints to the certificates below it (RFC 5280 §4.2.1.10). dNSName, iPAddress and
 * permitted directoryName constraints are compared; a name of any other form that is constrained at all is refused.
 * @param below from the leaf to the certificate under `issuer`
 * @returns what makes the error where they are not met: `not_acceptable` where a name is outside, `critical_extension`
 *   where it cannot be told
 */
export function brokenNameConstraints(
  issuer: Certificate,
  below: readonly Certificate[],
  comparisons: Comparisons,
): (() => TlsCertificateError) | undefined {
  const constraints = issuer.nameConstraints;
  if (constraints === undefined) return undefined;
  const position = below.length;
  if (constraints.unsupported)
    return () => notUnderstood(issuer, position, 'they have a minimum or a maximum');
  for (const [place, certificate] of below.entries()) {
    if (place > 0 && certificate.isSelfIssued) continue;
    const verdict = verdictOf(issuer, constraints, certificate, comparisons);
    if (verdict === 'within') continue;
    if (verdict !== 'outside') return () => notUnderstood(issuer, position, verdict);
    return () =>
      new TlsCertificateError(
        'not_acceptable',
        `The certificate "${nameOf(certificate, 'subject')}" has a name that its issuer "${nameOf(issuer, 'subject')}" is not allowed to certify (name constraints). Only its issuer can change that.`,
        placeOf(certificate, place),
      );
  }
  return undefined;
}

/** That of the first name that is not within. */
function verdictOf(
  issuer: Certificate,
  constraints: NameConstraints,
  certificate: Certificate,
  comparisons: Comparisons,
): string {
  return askedOnce(comparisons.verdicts, issuer, certificate, () => {
    for (const name of namesOf(certificate)) {
      const verdict = judge(name, constraints, comparisons);
      if (verdict !== 'within') return verdict;
    }
    return 'within';
  });
}

/** 'within', 'outside', or why it cannot be told. */
function judge(name: GeneralName, constraints: NameConstraints, budget: Comparisons): string {
  for (const side of ['excluded', 'permitted'] as const) {
    let found = false;
    let constrained = false;
    for (const base of constraints[side]) {
      budget.left -= 1;
      if (budget.left < 0) return `more than ${maxNameComparisons} comparisons would be needed`;
      if (base.form !== name.form) continue;
      const covers = covered(name, base, side);
      if (covers === undefined) return 'they are about names of a form that is not compared here';
      constrained = true;
      found ||= covers;
    }
    if (side === 'excluded' ? found : constrained && !found) return 'outside';
  }
  return 'within';
}

type Side = 'permitted' | 'excluded';

/** Whether `name` is covered by `base`, of the same form. In doubt no for permitted ones, yes for excluded ones. */
function covered(name: GeneralName, base: GeneralName, side: Side): boolean | undefined {
  if (name.form === 'dNSName' && base.form === 'dNSName') return dnsCovered(name, base, side);
  if (name.form === 'iPAddress' && base.form === 'iPAddress')
    return addressCovered(name.bytes, base.bytes, side);
  // Names that differ in case, spaces or string type are the same to RFC 5280 and different here: safe for `permitted`.
  if (name.form === 'directoryName' && base.form === 'directoryName' && side === 'permitted') {
    return base.relativeNames.every((part, index) => equalBytes(part, name.relativeNames[index] ?? noBytes));
  }
  return undefined;
}

/** Every name that constraints apply to: the alternative ones, the subject, and e-mail addresses in the subject. */
function namesOf(certificate: Certificate): readonly GeneralName[] {
  let names = nameLists.get(certificate);
  if (names === undefined) {
    names = namesIn(certificate);
    nameLists.set(certificate, names);
  }
  return names;
}

/** Every path through a certificate asks for its names. */
const nameLists = new WeakMap<Certificate, readonly GeneralName[]>();

function namesIn(certificate: Certificate): readonly GeneralName[] {
  const names = [...(certificate.subjectAltName ?? [])];
  const parts = relativeNames(new DerReader(certificate.subject).enter(tags.sequence));
  if (parts.length > 0) names.push({ form: 'directoryName', relativeNames: parts });
  if (latin1(certificate.subject).includes(emailAddressAttribute)) names.push({ form: rfc822Name });
  return names;
}

/** The DER of 1.2.840.113549.1.9.1. */
const emailAddressAttribute = '\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01';

/**
 * `example.com` covers itself and all below it, `.example.com` only what is below. A permitted domain covers a
 * wildcard if it covers all that the wildcard stands for, an excluded one if it covers anything of it.
 */
function dnsCovered(name: DnsName, base: DnsName, side: Side): boolean {
  const { labels } = name;
  const domain = base.labels;
  if (labels === undefined || domain === undefined || name.leadingDot || domain[0] === '*')
    return side === 'excluded';
  const extra = labels.length - domain.length;
  if (extra < (base.leadingDot && side === 'permitted' ? 1 : 0)) return false;
  // From the end, where names differ soonest.
  for (let index = domain.length - 1; index >= 0; index--) {
    const found = labels[extra + index];
    if (found !== domain[index] && !(found === '*' && side === 'excluded')) return false;
  }
  return true;
}

/** A constraint is an address and a mask, 8 or 32 bytes. */
function addressCovered(address: Uint8Array, base: Uint8Array, side: Side): boolean {
  const isConstraint = (base.length === 8 || base.length === 32) && isMask(base.subarray(base.length / 2));
  if (!isAddress(address) || !isConstraint) return side === 'excluded';
  if (base.length !== 2 * address.length) return false;
  return address.every((byte, index) => ((byte ^ base[index]!) & base[address.length + index]!) === 0);
}

/** Ones, then zeros (RFC 4632 §3.1). */
function isMask(mask: Uint8Array): boolean {
  let zeros = false;
  for (const byte of mask) {
    if (zeros && byte !== 0) return false;
    const below = ~byte & 0xff;
    if ((below & (below + 1)) !== 0) return false;
    zeros = byte !== 0xff;
  }
  return true;
}

function notUnderstood(issuer: Certificate, position: number, why: string): TlsCertificateError {
  return new TlsCertificateError(
    'critical_extension',
    `The name constraints of "${nameOf(issuer, 'subject')}" cannot be applied: ${why}. The chain might break them and is refused; use a chain by another issuer.`,
    placeOf(issuer, position),
  );
}
