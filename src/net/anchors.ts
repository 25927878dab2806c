import { rootCertificates } from 'node:tls';
import { TlsCertificateError, TlsUsageError } from '../base/errors.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { anchorsOf, joinAnchors, type TrustAnchors } from '../pki/anchors.ts';
import { parseAnchor, parseEndEntity } from '../pki/certificate.ts';
import { certificatesFrom, certificatesWithin } from './pem.ts';
import { readSystemStore, requireSystemStore } from './system-store.ts';

/**
 * Whom to trust: PEM text of one or several certificates, PEM or DER bytes, `'bundled'` (Mozilla's set, which Node
 * carries) or `'system'` (the operating system's store), or an array of these. The two words are those of Node's
 * `tls.getCACertificates`.
 */
export type CertificateAuthorities = string | Uint8Array | readonly (string | Uint8Array)[];

/** What the certificates of a chain have to be good for. */
type Purpose = 'server' | 'client';

/**
 * The anchors that `ca` names. Certificates are read at once; a set that has a name only when the anchors are asked for.
 * @param ca undefined is `'bundled'`, for servers only
 * @returns a function that throws TlsUsageError where the system's store is empty
 * @throws TlsUsageError naming the certificate that cannot be used
 */
export function trustAnchors(
  ca: CertificateAuthorities | undefined,
  purpose: Purpose,
  provider: CryptoProvider,
): () => TrustAnchors {
  if (ca === undefined) return trustAnchors('bundled', purpose, provider);
  const sources: readonly (string | Uint8Array)[] =
    typeof ca === 'string' || ca instanceof Uint8Array ? [ca] : (ca as readonly (string | Uint8Array)[]);
  if (!Array.isArray(sources)) {
    throw new TlsUsageError(
      "ca: expected PEM text, the bytes of a certificate, 'bundled', 'system', or an array of these",
    );
  }
  if (sources.length === 0)
    throw new TlsUsageError('ca: expected at least one certificate, got an empty array');
  const names = new Set<SetName>();
  const certificates: Uint8Array[] = [];
  for (const [index, source] of sources.entries()) {
    const what = sources.length === 1 ? 'ca' : `ca[${index}]`;
    if (typeof source === 'string' && isWord(source)) names.add(setName(source, what, purpose));
    else certificates.push(...givenCertificates(source, what));
  }
  const given = certificates.length === 0 ? [] : [anchorsOf(certificates, provider)];
  let all: TrustAnchors | undefined;
  return () => {
    all ??= joinAnchors([...given, ...Array.from(names, (name) => namedSet(name, provider))], provider);
    return all;
  };
}

/** DER of the anchors that have the name of a certificate's issuer (DER); whether they have signed it is not looked at. */
export function issuersAmong(anchors: TrustAnchors, certificate: Uint8Array): readonly Uint8Array[] {
  try {
    return anchors.withSubject(parseEndEntity(certificate).issuer).map(({ der }) => der);
  } catch (error) {
    // What cannot be read has no issuer.
    if (error instanceof TlsCertificateError) return [];
    throw error;
  }
}

type SetName = 'bundled' | 'system';

/** By the provider that reads their keys, for as long as the process runs. */
const loaded: Readonly<Record<SetName, WeakMap<CryptoProvider, TrustAnchors>>> = {
  bundled: new WeakMap(),
  system: new WeakMap(),
};

function namedSet(name: SetName, provider: CryptoProvider): TrustAnchors {
  let anchors = loaded[name].get(provider);
  if (anchors === undefined) {
    anchors = name === 'bundled' ? bundledAnchors(provider) : systemAnchors(provider);
    loaded[name].set(provider, anchors);
  }
  return anchors;
}

function bundledAnchors(provider: CryptoProvider): TrustAnchors {
  return anchorsOf(
    rootCertificates.flatMap((pem) => certificatesWithin(pem)),
    provider,
  );
}

function systemAnchors(provider: CryptoProvider): TrustAnchors {
  const { certificates, places } = readSystemStore();
  const anchors = anchorsOf(certificates, provider);
  if (anchors.count > 0) return anchors;
  const looked = places.length > 0 ? places.join(', ') : 'SSL_CERT_FILE and SSL_CERT_DIR, which are empty';
  throw new TlsUsageError(
    `ca: there is no certificate in the system's store; looked at ${looked}. Install the system's certificates, or give your own in \`ca\``,
  );
}

/** Nothing that a certificate is in: PEM has other characters, and so have paths to it. */
function isWord(text: string): boolean {
  return /^[A-Za-z]{1,20}$/.test(text);
}

function setName(word: string, what: string, purpose: Purpose): SetName {
  if (word !== 'bundled' && word !== 'system') {
    throw new TlsUsageError(
      `${what}: '${word}' is no set of certificates; there are 'bundled' and 'system' (if it is a path, give what the file holds)`,
    );
  }
  if (word === 'bundled' && purpose === 'client')
    throw new TlsUsageError('ca: name the authorities of your clients; public ones certify everybody');
  if (word === 'system') requireSystemStore(what);
  return word;
}

/** What the caller names must be a certificate; one with a key that nobody takes is merely of no use. */
function givenCertificates(source: string | Uint8Array, what: string): readonly Uint8Array[] {
  const found = certificatesFrom(source, what);
  for (const [place, der] of found.entries()) {
    try {
      parseAnchor(der);
    } catch (cause) {
      if (!(cause instanceof TlsCertificateError)) throw cause;
      throw new TlsUsageError(
        `${what}, certificate ${place + 1} cannot be used as a trust anchor: ${cause.message}`,
        { cause },
      );
    }
  }
  return found;
}
