import { TlsUsageError } from '../base/errors.ts';
import { maxIdentitiesTried } from '../base/limits.ts';
import type { SignatureAlgorithm } from '../crypto/provider.ts';
import { type Certificate, parseEndEntity } from '../pki/certificate.ts';
import type { GeneralName } from '../pki/general-names.ts';
import { signatureAlgorithm } from '../pki/signature-algorithms.ts';
import { latin1, orNone } from '../pki/values.ts';
import { type CertificateType, signatureSchemeCodes } from '../wire/names.ts';
import { typeOf } from './certificate-types.ts';
import type { CertificateRequestInfo, ClientHelloInfo, IdentityTable, NamedIdentities } from './config.ts';
import type { ClientAuthentication, Identity, ServerIdentity } from './identity.ts';

/** What a peer says that it takes; an empty list is no restriction. */
type Wishes = Pick<
  CertificateRequestInfo,
  'signatureSchemes' | 'certificateSignatureSchemes' | 'certificateAuthorities'
>;

/** What a client offers a server, in the version that was negotiated. */
export interface IdentityWishes {
  readonly hello: ClientHelloInfo;
  /** Those of its signature schemes that a server can sign with now. */
  readonly usableSchemes: readonly number[];
}

/**
 * Reads the names of identities, which are kept in the order of preference in which they are given.
 * @param isAlike whether two of them authenticate clients in the same way
 */
export function identityTable<Some extends Identity>(
  identities: readonly Some[],
  isAlike: IdentityTable<Some>['isAlike'],
): IdentityTable<Some> {
  const byType = new Map<CertificateType, NamedIdentities<Some>>();
  for (const type of new Set(identities.map(typeOf)))
    byType.set(
      type,
      byName(
        identities.filter((identity) => typeOf(identity) === type),
        isAlike,
      ),
    );
  return { all: identities, byType, isAlike };
}

function byName<Some extends Identity>(
  all: readonly Some[],
  isAlike: IdentityTable<Some>['isAlike'],
): NamedIdentities<Some> {
  const exact = new Map<string, Some[]>();
  const wildcards = new Map<string, Some[]>();
  for (const identity of all) {
    for (const name of new Set(factsOf(identity).names)) {
      const [names, key] = name.startsWith('*.') ? [wildcards, name.slice(2)] : [exact, name];
      const same = names.get(key);
      if (same === undefined) names.set(key, [identity]);
      else if (isAlike(identity, same[0]!)) same.push(identity);
      else throw new TlsUsageError(`identity: two for ${name} authenticate clients in different ways`);
    }
  }
  return { all, exact, wildcards };
}

/**
 * The identity for a client (RFC 9846 §4.5.1.2): of those of the type that it likes best, those with the exact name of its
 * server_name, else those with a wildcard for it, else the first ones of all: of these the one that fits best.
 *
 * How clients are authenticated is for the name to say, and never for what a client can verify: what the first identity
 * of the name says, all have to say that stand in for it.
 */
export function chooseServerIdentity<Some extends Identity>(
  { all, byType, isAlike }: IdentityTable<Some>,
  wishes: () => IdentityWishes,
): Some {
  const [first, second] = all;
  if (first === undefined) throw new TlsUsageError('a server has no identity to choose from');
  // The usual case, in which nothing of the hello is looked at.
  if (second === undefined) return first;
  const { hello, usableSchemes } = wishes();
  const { serverName = '', serverCertificateTypes } = hello;
  const certified = byType.get('X509');
  const leading = (certified && namedIn(certified, serverName).flat()[0]) ?? first;
  const fits = fitting({ ...hello, signatureSchemes: usableSchemes });
  for (const type of serverCertificateTypes) {
    const ofType = byType.get(type);
    if (ofType === undefined) continue;
    const named = namedIn(ofType, serverName);
    for (const identities of named.some(({ length }) => length > 0) ? named : [ofType.all]) {
      const alike = identities.slice(0, maxIdentitiesTried).filter((one) => isAlike(one, leading));
      const best = bestOf(alike, fits);
      if (best !== undefined) return best;
    }
  }
  // None can sign for this client, or is of no type of its: that has an alert of its own.
  return leading;
}

/** Those with the name, and those with a wildcard for it. */
function namedIn<Some extends Identity>(
  { exact, wildcards }: NamedIdentities<Some>,
  serverName: string,
): readonly (readonly Some[])[] {
  const domain = serverName.slice(serverName.indexOf('.') + 1);
  return [exact.get(serverName) ?? [], wildcards.get(domain) ?? []];
}

/**
 * The identity for a server that asks (RFC 9846 §4.5.1.3): the first one of the type that fits best what the server takes;
 * none where none was issued by an authority that the server names. Where there is but one, it is for everybody: the
 * chain to such an authority may be longer than what its owner has.
 */
export function chooseClientIdentity(
  identities: readonly Identity[],
  type: CertificateType,
  request: CertificateRequestInfo,
): Identity | undefined {
  const fits = fitting(request);
  const isOnly = identities.length === 1;
  const candidates = identities.filter(
    (identity) => typeOf(identity) === type && (isOnly || fits.authorities(identity)),
  );
  return bestOf(candidates, fits);
}

/** Who says whom to trust means to ask. @throws TlsUsageError where a `clientTrust` would have no effect */
export function requireEffect(identity: ServerIdentity, effective: ClientAuthentication): void {
  const { clientTrust, clientAuthentication } = identity;
  if (clientTrust !== undefined && clientAuthentication === undefined && effective === 'none') {
    throw new TlsUsageError(
      "an identity has clientTrust, but clientAuthentication is 'none', so that no client is asked: say 'request' or 'require'",
    );
  }
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
      authorities.size === 0 ||
      typeOf(identity) === 'RawPublicKey' ||
      factsOf(identity).issuers.some((issuer) => authorities.has(issuer)),
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
    // A raw public key says nothing, and cannot be read as a certificate.
    const chain = identity.chain.map((der) => orNone(() => parseEndEntity(der)));
    const readable = chain.flatMap((certificate) => certificate ?? []);
    known = {
      names: dnsNames(chain[0]?.subjectAltName ?? []),
      signatures: readable.filter((certificate) => !certificate.isSelfIssued).map(schemesOf),
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
