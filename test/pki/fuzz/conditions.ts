import { equalBytes } from '../../../src/base/bytes.ts';
import { type Certificate, parseCertificate } from '../../../src/pki/certificate.ts';
import { keyPurposes } from '../../../src/pki/extensions.ts';
import type { GeneralName } from '../../../src/pki/general-names.ts';
import { children, objectIdentifier } from '../../support/der.ts';
import type { Disagreement } from './differential.ts';
import { oids } from './scenario.ts';

/** What may be true of a disagreement. */
export type Condition = (disagreement: Disagreement) => boolean;

/** Whether one of these deviations is in the case. */
export function has(...ids: readonly string[]): Condition {
  return ({ case: { deviations } }) => deviations.some(({ id }) => ids.includes(id));
}

/** Whether Tacit refuses by this check, with such a message. */
export function refuses(check: string, message = /^/): Condition {
  return ({ tacit }) => tacit.check === check && message.test(tacit.message);
}

/** Whether OpenSSL refuses the very path that Tacit found, first of all for this. */
export function says(...errors: readonly number[]): Condition {
  return ({ straight }) => errors.includes(Number(/error (\d+) at/.exec(straight?.text ?? '')?.[1]));
}

export function both(...conditions: readonly Condition[]): Condition {
  return (disagreement) => conditions.every((condition) => condition(disagreement));
}

/** The certificates that can be read. */
export function readable(list: readonly Uint8Array[]): readonly Certificate[] {
  return list.flatMap((der) => {
    try {
      return parseCertificate(der);
    } catch {
      return [];
    }
  });
}

type OnPath = (certificate: Certificate, index: number, path: readonly Certificate[]) => boolean;

/** Whether this is true of each certificate of the path that Tacit found. */
export function onPath(condition: OnPath): Condition {
  return ({ tacit }) => tacit.path?.every(condition) === true;
}

export function somewhereOnPath(condition: OnPath): Condition {
  return ({ tacit }) => tacit.path?.some(condition) === true;
}

/** Whether it may be used for servers, if the purpose that stands for all does so in authorities. */
export function isForPurpose({ extendedKeyUsage: usages }: Certificate, index: number): boolean {
  const any = index > 0 ? [keyPurposes.any] : [];
  return usages === undefined || [keyPurposes.serverAuth, ...any].some((one) => usages.includes(one));
}

/** Whether an old key of an authority certified a new one. */
export const isSelfIssuedBelowAnother: OnPath = ({ subject }, index, path) => {
  const issuer = path[index + 1];
  return issuer !== undefined && equalBytes(subject, issuer.subject);
};

export function hasUnreadableAnchor({ case: { anchors } }: Disagreement): boolean {
  return readable(anchors).length < anchors.length;
}

/** A dNSName that is no plain one, or a wildcard. */
export function isOddName(name: GeneralName): boolean {
  return name.form === 'dNSName' && (name.labels === undefined || name.leadingDot || name.labels[0] === '*');
}

/** Whether constraints, or the names under them, are such as the RFC says nothing of. */
export function hasOddConstraints({ case: { leaf, intermediates, anchors } }: Disagreement): boolean {
  const certificates = readable([leaf, ...intermediates, ...anchors]);
  const bases = certificates.flatMap(({ nameConstraints }) => [
    ...(nameConstraints?.permitted ?? []),
    ...(nameConstraints?.excluded ?? []),
  ]);
  const names = certificates.flatMap(({ subjectAltName = [] }) => subjectAltName);
  const isOddAddress = (name: GeneralName, ...lengths: readonly number[]): boolean =>
    name.form === 'iPAddress' && !lengths.includes(name.bytes.length);
  // The masks with gaps in the cases end in 255.
  const hasGaps = (base: GeneralName): boolean =>
    base.form === 'iPAddress' &&
    base.bytes.length === 8 &&
    base.bytes.at(-1) === 255 &&
    base.bytes.at(-2) === 0;
  return (
    [...bases, ...names].some(isOddName) ||
    bases.some((base) => isOddAddress(base, 8, 32) || hasGaps(base)) ||
    names.some((name) => isOddAddress(name, 4, 16))
  );
}

/** Whether the certificate names another key of its issuer than the issuer itself, or another certificate. */
export const isOddlyIdentified: OnPath = ({ der }, index, path) => {
  const issuer = path[index + 1];
  if (issuer === undefined) return false;
  const named = extensionValue(der, oids.authorityKeyIdentifier);
  const own = extensionValue(issuer.der, oids.subjectKeyIdentifier);
  // What is well-formed says [0] and the key, and the other one an OCTET STRING of it.
  return (
    named !== undefined &&
    (named[2] !== 0x80 || (own !== undefined && !equalBytes(named.slice(4), own.slice(2))))
  );
};

/** Whether a key identifier is not what it should be: in the cases, all have lengths of one byte. */
export function hasMalformedIdentifier({ der }: Certificate): boolean {
  const isWhole = (value: Uint8Array | undefined, tag: number): boolean =>
    value === undefined || (value[0] === tag && value[1] === value.length - 2);
  const own = extensionValue(der, oids.subjectKeyIdentifier);
  const named = extensionValue(der, oids.authorityKeyIdentifier);
  // Some have the name and number of a certificate, [1] and [2], in place of the key.
  const isNamed = named?.[2] === 0xa1 || isWhole(named?.subarray(2), 0x80);
  return !(isWhole(own, 0x04) && isWhole(named, 0x30) && isNamed);
}

function extensionValue(certificate: Uint8Array, oid: string): Uint8Array | undefined {
  const list = children(children(children(certificate)[0]!).at(-1)!)[0]!;
  const found = children(list).find((one) => equalBytes(children(one)[0]!, objectIdentifier(oid)));
  // Behind the tag and the length of the OCTET STRING, which is short.
  return found && children(found).at(-1)!.slice(2);
}
