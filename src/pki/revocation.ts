import { type CertificateCheck, TlsCertificateError } from '../base/errors.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { type Certificate, nameOf, placeOf } from './certificate.ts';
import type { RevocationList } from './crl.ts';
import { keyUsages } from './extensions.ts';
import { keyOf } from './path.ts';

/** How revocation is looked at. */
export interface RevocationSettings {
  readonly lists: readonly RevocationList[];
  /** What becomes of a certificate that no list is about. */
  readonly unknownStatus: 'allow' | 'refuse';
}

/**
 * Looks every certificate of a path up in the lists, the anchor aside, which nobody could revoke (RFC 5280 §6.3).
 *
 * @param path leaf first, anchor last
 * @returns until when what was found holds: the first `nextUpdate`, in milliseconds since 1970
 * @throws TlsCertificateError (`revoked`, `revocation_unknown`)
 */
export function checkRevocation(
  path: readonly Certificate[],
  { lists, unknownStatus }: RevocationSettings,
  { provider, now }: { readonly provider: CryptoProvider; readonly now: number },
): number {
  let validUntil = Number.POSITIVE_INFINITY;
  path.slice(0, -1).forEach((certificate, position) => {
    const issuer = path[position + 1]!;
    const fail = (check: CertificateCheck, message: string): never => {
      throw new TlsCertificateError(check, message, placeOf(certificate, position));
    };
    const name = (): string => `The certificate "${nameOf(certificate, 'subject')}"`;
    const about = lists.filter(
      (list) => list.covers(certificate) && mayBelieve(list, issuer, position + 1, provider),
    );
    for (const list of about) {
      const revocation = list.revocationOf(certificate.serialNumber);
      // A list that is out of date still says whom it has revoked; and only a delta takes anybody off again.
      if (revocation !== undefined) {
        const date = new Date(revocation.date).toISOString();
        fail(
          'revoked',
          `${name()} was revoked by its issuer on ${date} (${revocation.reason}). The peer needs another one.`,
        );
      }
    }
    const fresh = about.filter(({ thisUpdate, nextUpdate }) => thisUpdate <= now && now < nextUpdate);
    if (fresh.length > 0) {
      validUntil = Math.min(validUntil, Math.max(...fresh.map(({ nextUpdate }) => nextUpdate)));
    } else if (about.length > 0) {
      // Who has lists means to know: an old one is no answer.
      const newest = new Date(Math.max(...about.map(({ nextUpdate }) => nextUpdate))).toISOString();
      fail(
        'revocation_unknown',
        `The revocation list for ${name()} is not of this time: it was to be renewed by ${newest}. Fetch a new one.`,
      );
    } else if (unknownStatus === 'refuse') {
      fail(
        'revocation_unknown',
        `None of the revocation lists is about ${name()}. Give its issuer's, or allow what is unknown.`,
      );
    }
  });
  return validUntil;
}

/** Signed by the issuer, who must be allowed to (RFC 5280 §6.3.3 (f) and (g)). */
function mayBelieve(
  list: RevocationList,
  issuer: Certificate,
  position: number,
  provider: CryptoProvider,
): boolean {
  const { keyUsage } = issuer;
  if (keyUsage !== undefined && (keyUsage & keyUsages.cRLSign) === 0) return false;
  return list.isSignedBy(issuer, keyOf(issuer, position, provider));
}
