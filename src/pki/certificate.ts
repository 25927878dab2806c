import { TlsCertificateError } from '../base/errors.ts';
import { DerReader, derTags } from './der.ts';

/**
 * The DER SubjectPublicKeyInfo of a DER certificate (RFC 5280 §4.1): a view into `certificate`.
 * @throws TlsCertificateError (`malformed`) where the structure up to it is not that of a certificate
 */
export function subjectPublicKeyInfo(certificate: Uint8Array): Uint8Array {
  const outer = new DerReader(certificate);
  const fields = new DerReader(outer.next(derTags.sequence).content);
  if (!outer.atEnd) throw new TlsCertificateError('malformed', 'a certificate is followed by other bytes');
  const toBeSigned = new DerReader(fields.next(derTags.sequence).content);
  if (toBeSigned.nextIs(derTags.context0)) toBeSigned.next();
  // serialNumber, signature, issuer, validity, subject
  for (let i = 0; i < 5; i++) toBeSigned.next();
  return toBeSigned.next(derTags.sequence).bytes;
}
