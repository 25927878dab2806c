import { peerError } from '../base/errors.ts';
import { type CertificateType, certificateTypeCodes, nameOf } from '../wire/names.ts';
import type { Identity, TrustPolicy } from './identity.ts';

const x509Alone: readonly CertificateType[] = ['X509'];

/** What an identity is shown as. */
export function typeOf({ certificateType }: Identity): CertificateType {
  return certificateType ?? 'X509';
}

/** What a peer may be known by, preferred ones first. */
export function acceptedTypes(trust: TrustPolicy): readonly CertificateType[] {
  return trust.certificateTypes ?? x509Alone;
}

/** What identities can be shown as, in their order. */
export function presentableTypes(identities: readonly Identity[]): readonly CertificateType[] {
  return identities.length === 0 ? x509Alone : [...new Set(identities.map(typeOf))];
}

/** For client_certificate_type or server_certificate_type: X.509 alone goes without saying (RFC 7250 §4.1). */
export function offerOf(types: readonly CertificateType[]): readonly number[] | undefined {
  const isDefault = types.length === 1 && types[0] === 'X509';
  return isDefault ? undefined : types.map((type) => certificateTypeCodes[type]);
}

/** What a ClientHello offers, preferred ones first, as far as it is known here. */
export function typesIn(offer: readonly number[] | undefined): readonly CertificateType[] {
  if (offer === undefined) return x509Alone;
  return [...new Set(offer)].flatMap((code) => nameOf(certificateTypeCodes, code) ?? []);
}

/** The answer in EncryptedExtensions; none is X.509 (RFC 7250 §4.2). */
export function answeredType(
  side: 'client' | 'server',
  answer: number | undefined,
  offered: readonly CertificateType[],
): CertificateType {
  if (answer === undefined) return 'X509';
  const type = nameOf(certificateTypeCodes, answer);
  if (type !== undefined && offered.includes(type)) return type;
  throw peerError(
    'illegal_parameter',
    `EncryptedExtensions has ${side}_certificate_type ${answer}, which was not offered`,
  );
}
