import { TlsUsageError } from '../base/errors.ts';
import { maxIdentitiesTried } from '../base/limits.ts';
import type { SignatureAlgorithm } from '../crypto/provider.ts';
import { type Certificate, isSelfIssued, parseCertificate } from '../pki/certificate.ts';
import type { GeneralName } from '../pki/general-names.ts';
import { signatureAlgorithm } from '../pki/signature-algorithms.ts';
import { latin1, orNone } from '../pki/values.ts';
import { signatureSchemeCodes } from '../wire/names.ts';
import type { CertificateRequestInfo, ClientHelloInfo, IdentityTable } from './config.ts';
import type { Identity } from './identity.ts';

/** What a peer says that it takes; an empty list is no restriction. */
type Wishes = Pick<
  CertificateRequestInfo,
  'signatureSchemes' | 'certificateSignatureSchemes' | 'certificateAuthorities'
>;

/** Reads the names of identities, which are kept in the order of preference in which they are given. */
export function identityTable<Some extends Identity>(identities: readonly Some[]): IdentityTable<Some> {
  const exact = new Map<string, Some[]>();
  const wildcards = new Map<string, Some[]>();
  for (const identity of identities) {
    for (const name of new Set(factsOf(identity).names)) {
      const [names, key] = name.startsWith('*.') ? [wildcards, name.slice(2)] : [exact, name];
      const same = names.get(key);
      if (same === undefined) names.set(key, [identity]);
      else same.push(identity);
    }
  }
  return { all: identities, exact, wildcards };
}

/**
 * The identity for a client (RFC 9846 §4.5.1.2): of those with the exact name of its server_name, else of those with a
 * wildcard for it, else of the first ones of all, the one that fits best what the client takes.
 */
export function chooseServerIdentity<Some extends Identity>(
  { all, exact, wildcards }: IdentityTable<Some>,
  hello: ClientHelloInfo,
): Some {
  const [first, second] = all;
  if (first === undefined) throw new TlsUsageError('a server has no identity to choose from');
  if (second === undefined) return first;
  const { serverName = '' } = hello;
  const domain = serverName.slice(serverName.indexOf('.') + 1);
  const named = [exact.get(serverName) ?? [], wildcards.get(domain) ?? []];
  const candidates = named.some(({ length }) => length > 0) ? named : [all.slice(0, maxIdentitiesTried)];
  const fits = fitting(hello);
  for (const identities of candidates) {
    const best = bestOf(identities, fits);
    if (best !== undefined) return best;
  }
  // None can sign for this client: that has an alert of its own.
  return candidates.flat()[0] ?? first;
}

/**
 * The identity for a server that asks (RFC 9846 §4.5.1.3): the first one that fits best what the server takes; none where
 * none was issued by an authority that the server names. Where there is but one, it is for everybody: the chain to such
 * an authority may be longer than what its owner has.
 */
export function chooseClientIdentity(
  identities: readonly Identity[],
  request: CertificateRequestInfo,
): Identity | undefined {
  const fits = fitting(request);
  return bestOf(identities.length === 1 ? identities : identities.filter(fits.authorities), fits);
}

/** What a peer wishes, as questions about an identity. */
interface Fitting {
  readonly signature: (identity: Identity) => boolean;
  readonly chain: (identity: Identity) => boolean;
  readonly authorities: (identity: Identity) => boolean;
}

function fitting({ signatureSchemes, certificateSignatureSchemes, certificateAuthorities }: Wishes): Fitting {
  const schemes = new Set(signatureSchemes);
  const chainSchemes = new Set(certificateSignatureSchemes);
  const authorities = new Set(certificateAuthorities.map(latin1));
  return {
    // Absent beside a session on offer, which may be all that is needed.
    signature: ({ signer }) =>
      schemes.size === 0 || signer.schemes.some((scheme) => schemes.has(signatureSchemeCodes[scheme])),
    chain: (identity) =>
      chainSchemes.size === 0 ||
      factsOf(identity).signatures.every((codes) => codes.some((code) => chainSchemes.has(code))),
    authorities: (identity) =>
      authorities.size === 0 || factsOf(identity).issuers.some((issuer) => authorities.has(issuer)),
  };
}

/** Who can sign, at least. The rest is wishes: one that cannot be met is no reason to fail (RFC 9846 §4.5.1.2). */
function bestOf<Some extends Identity>(identities: readonly Some[], fits: Fitting): Some | undefined {
  const able = identities.filter(fits.signature);
  return able.find((one) => fits.chain(one) && fits.authorities(one)) ?? able.find(fits.chain) ?? able[0];
}

/** The code points of signature_algorithms_cert under which a peer takes such a signature. */
function schemesOf(certificate: Certificate): readonly number[] {
  const algorithm = signatureAlgorithm(certificate.signatureAlgorithm);
  return algorithm === undefined ? [] : schemesFor[algorithm].map((name) => signatureSchemeCodes[name]);
}

/** ECDSA by its hash alone: who issued the last certificate of a chain, and with which curve, is not known here. */
const schemesFor: Readonly<Record<SignatureAlgorithm, readonly (keyof typeof signatureSchemeCodes)[]>> = {
  rsa_pkcs1_sha256: ['rsa_pkcs1_sha256'],
  rsa_pkcs1_sha384: ['rsa_pkcs1_sha384'],
  rsa_pkcs1_sha512: ['rsa_pkcs1_sha512'],
  rsa_pss_sha256: ['rsa_pss_rsae_sha256', 'rsa_pss_pss_sha256'],
  rsa_pss_sha384: ['rsa_pss_rsae_sha384', 'rsa_pss_pss_sha384'],
  rsa_pss_sha512: ['rsa_pss_rsae_sha512', 'rsa_pss_pss_sha512'],
  ecdsa_sha256: ['ecdsa_secp256r1_sha256'],
  ecdsa_sha384: ['ecdsa_secp384r1_sha384'],
  ecdsa_sha512: ['ecdsa_secp521r1_sha512'],
  ed25519: ['ed25519'],
};

/** What the certificates of an identity say; those that cannot be read say nothing. */
interface Facts {
  /** Lower case; a wildcard begins with `*.`. */
  readonly names: readonly string[];
  /** Code points for each signature that is verified: those of self-signed certificates are not (RFC 9846 §4.5.1.2). */
  readonly signatures: readonly (readonly number[])[];
  /** DER names, a character for each byte. */
  readonly issuers: readonly string[];
}

const facts = new WeakMap<Identity, Facts>();

function factsOf(identity: Identity): Facts {
  let known = facts.get(identity);
  if (known === undefined) {
    const chain = identity.chain.map((der) => orNone(() => parseCertificate(der)));
    const readable = chain.flatMap((certificate) => certificate ?? []);
    known = {
      names: dnsNames(chain[0]?.subjectAltName ?? []),
      signatures: readable.filter((certificate) => !isSelfIssued(certificate)).map(schemesOf),
      issuers: readable.map(({ issuer }) => latin1(issuer)),
    };
    facts.set(identity, known);
  }
  return known;
}

/** As they match: a wildcard of a top-level domain is for nobody (RFC 9525 §6.3). */
function dnsNames(names: readonly GeneralName[]): readonly string[] {
  return names.flatMap((name) => {
    if (name.form !== 'dNSName' || name.labels === undefined || name.leadingDot) return [];
    const { labels } = name;
    return labels[0] === '*' && labels.length < 3 ? [] : [labels.join('.')];
  });
}
