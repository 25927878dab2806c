import { equalBytes, lookupKey, toHex, utf8 } from '../base/bytes.ts';
import { TlsCertificateError } from '../base/errors.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { sha256 } from '../crypto/sha256.ts';
import { type Certificate, parseCertificate } from './certificate.ts';
import { constructed, DerReader, tags } from './der.ts';

/** The certificates that a path may end in. */
export interface TrustAnchors {
  /** The anchors with this DER name. */
  withSubject(subject: Uint8Array): readonly Certificate[];
  /** Whether this very certificate is an anchor, byte for byte. */
  has(certificate: Certificate): boolean;
  readonly count: number;
  /** SHA-256 over the anchors, in whatever order they were given. */
  readonly hash: Uint8Array;
}

/**
 * Anchors of DER certificates. Nothing but their names is looked at before one is needed; one that turns out to be
 * malformed then is none.
 */
export function anchorsOf(certificates: readonly Uint8Array[], provider: CryptoProvider): TrustAnchors {
  const bySubject = new Map<number, Anchor[]>();
  const hashes = new Set<string>();
  for (const der of certificates) {
    const digest = toHex(sha256(provider, der));
    const subject = subjectOf(der);
    if (hashes.has(digest) || subject === undefined) continue;
    hashes.add(digest);
    const key = lookupKey(subject);
    const same = bySubject.get(key);
    if (same === undefined) bySubject.set(key, [new Anchor(der, subject)]);
    else same.push(new Anchor(der, subject));
  }
  const named = (subject: Uint8Array): readonly Anchor[] =>
    bySubject.get(lookupKey(subject))?.filter((anchor) => equalBytes(anchor.subject, subject)) ?? [];
  return {
    withSubject: (subject) =>
      named(subject)
        .map(({ certificate }) => certificate)
        .filter((certificate) => certificate !== undefined),
    has: (certificate) => named(certificate.subject).some(({ der }) => equalBytes(der, certificate.der)),
    count: hashes.size,
    hash: sha256(provider, utf8([...hashes].sort().join('\n'))),
  };
}

class Anchor {
  readonly der: Uint8Array;
  readonly subject: Uint8Array;
  #certificate: { readonly parsed: Certificate | undefined } | undefined;

  constructor(der: Uint8Array, subject: Uint8Array) {
    this.der = der;
    this.subject = subject;
  }

  get certificate(): Certificate | undefined {
    this.#certificate ??= { parsed: orNone(() => parseCertificate(this.der)) };
    return this.#certificate.parsed;
  }
}

/** Its fields up to the subject, and no others. */
function subjectOf(der: Uint8Array): Uint8Array | undefined {
  return orNone(() => {
    const fields = new DerReader(der).enter(tags.sequence).enter(tags.sequence);
    fields.optional(constructed(0));
    // serialNumber, signature, issuer, validity
    for (let i = 0; i < 4; i++) fields.next();
    return fields.next(tags.sequence).bytes;
  });
}

function orNone<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (error instanceof TlsCertificateError) return undefined;
    throw error;
  }
}
