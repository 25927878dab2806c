import { issuersAmong, trustAnchors } from '../net/anchors.ts';
import { currentDefault, defaultAuthorities } from './authorities.ts';
import type { IssuerSource } from './certificates.ts';
import { type ContextMaterial, provider } from './secure-context.ts';

/** By context, with the default that they were made of where it has no `ca`. */
const sources = new WeakMap<
  ContextMaterial,
  { readonly basis: unknown; readonly purpose: string; readonly find: IssuerSource }
>();

/** The authorities of a context, asked for the issuer of a certificate. */
export function issuersOf(material: ContextMaterial, purpose: 'server' | 'client'): IssuerSource {
  const basis = material.ca ?? currentDefault();
  const known = sources.get(material);
  if (known !== undefined && known.basis === basis && known.purpose === purpose) return known.find;
  const ca = material.ca ?? defaultAuthorities(purpose);
  const anchors = ca.length === 0 ? undefined : trustAnchors(ca, purpose, provider);
  const find: IssuerSource = (certificate) =>
    anchors === undefined ? [] : issuersAmong(anchors(), certificate);
  sources.set(material, { basis, purpose, find });
  return find;
}
