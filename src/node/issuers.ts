import { issuersAmong, trustAnchors } from '../net/anchors.ts';
import { currentDefault, defaultAuthorities } from './authorities.ts';
import type { IssuerSource } from './certificates.ts';
import { type ContextMaterial, provider } from './secure-context.ts';

type Purpose = 'server' | 'client';

/** The authorities of a context, and what its `pfx` has beside them, asked for the issuer of a certificate. */
export function issuersOf(
  { authorities, further: { roots, between } }: ContextMaterial,
  purpose: Purpose,
): IssuerSource {
  return (certificate) => [
    ...authorities.issuersOf(certificate),
    ...(authorities.given === undefined ? defaultIssuers(purpose)(certificate) : []),
    ...roots,
    ...between,
  ];
}

const defaults: Partial<Record<Purpose, { readonly basis: unknown; readonly find: IssuerSource }>> = {};

/** Those of contexts without a `ca`, made anew when there is another default. */
function defaultIssuers(purpose: Purpose): IssuerSource {
  const basis = currentDefault();
  const known = defaults[purpose];
  if (known !== undefined && known.basis === basis) return known.find;
  const ca = defaultAuthorities(purpose);
  const anchors = ca.length === 0 ? undefined : trustAnchors(ca, purpose, provider);
  const find: IssuerSource = (certificate) => (anchors ? issuersAmong(anchors(), certificate) : []);
  defaults[purpose] = { basis, find };
  return find;
}
