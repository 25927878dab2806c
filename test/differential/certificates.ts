import { X509Certificate } from 'node:crypto';
import { type Identity, loadIdentity, type SignatureScheme } from '../../src/index.ts';
import {
  clientCertificate,
  intermediateCertificate,
  pemChain,
  rootCertificate,
  serverCertificate,
  type TestCertificate,
} from '../support/certificates.ts';
import type { Authority, CertificateChoice } from './scenario.ts';

/** A certificate with its key, for both libraries. */
export interface Material {
  readonly cert: string;
  readonly key: string;
  readonly leaf: TestCertificate;
}

const roots: Readonly<Record<Authority, TestCertificate>> = {
  root: await rootCertificate({ key: 'p256' }),
  stranger: await rootCertificate({ subject: 'CN=Other Root', key: 'ed25519' }),
};

const intermediates: Readonly<Record<Authority, TestCertificate>> = {
  root: await intermediateCertificate(roots.root, { key: 'rsa2048Other' }),
  stranger: await intermediateCertificate(roots.stranger, { subject: 'CN=Other Intermediate' }),
};

export function authorityPem(authorities: readonly Authority[]): string[] {
  return authorities.map((name) => roots[name].pem);
}

const made = new Map<string, Promise<Material>>();
const names = new Map<string, string>();

/** The same for the same choice. */
export function materialFor(choice: CertificateChoice): Promise<Material> {
  const id = certificateName(choice);
  let material = made.get(id);
  if (material === undefined) {
    material = make(choice);
    made.set(id, material);
  }
  return material;
}

/** What tells a certificate from all others, for people. */
export function certificateName({
  purpose,
  key,
  names,
  issuer,
  chain,
  validity,
  usage,
}: CertificateChoice): string {
  return [purpose, key, names.join('+'), issuer, chain, validity, usage].join(' ');
}

/** Whose certificate it is. */
export function nameOfLeaf(der: Uint8Array): string {
  return names.get(new X509Certificate(der).fingerprint256) ?? 'a certificate that nobody has made';
}

const identities = new WeakMap<Material, Identity>();

/** For Tacit; with `schemes`, one that signs with nothing else, and undefined where its key can do none of them. */
export function identityFor(
  material: Material,
  schemes: readonly SignatureScheme[] | undefined,
): Identity | undefined {
  const { cert, key } = material;
  const identity = identities.get(material) ?? (loadIdentity({ cert, key }) as Identity);
  identities.set(material, identity);
  if (schemes === undefined) return identity;
  const { chain, signer } = identity;
  const left = schemes.filter((scheme) => signer.schemes.includes(scheme));
  if (left.length === 0) return undefined;
  return {
    chain,
    signer: { schemes: left, sign: (scheme, content, context) => signer.sign(scheme, content, context) },
  };
}

async function make(choice: CertificateChoice): Promise<Material> {
  const { purpose, key, issuer, chain, validity, usage } = choice;
  const isDirect = chain === 'direct';
  const signer = isDirect ? roots[issuer] : intermediates[issuer];
  const isServer = (purpose === 'server') === (usage === 'right');
  const make = purpose === 'server' ? serverCertificate : clientCertificate;
  const leaf = await make(signer, {
    key,
    subject: `CN=${purpose}`,
    names: choice.names,
    extendedKeyUsage: [isServer ? 'serverAuth' : 'clientAuth'],
    ...(validity === 'expired' && { notAfter: new Date('2025-01-01T00:00:00Z') }),
    ...(validity === 'future' && { notBefore: new Date('2048-01-01T00:00:00Z') }),
  });
  names.set(new X509Certificate(leaf.der).fingerprint256, certificateName(choice));
  const cert = chain === 'intermediate' ? pemChain(leaf, signer) : leaf.pem;
  return { cert, key: leaf.keyPem, leaf };
}
