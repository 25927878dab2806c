import { equalBytes, lookupKey, toHex, utf8 } from '../base/bytes.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { sha256 } from '../crypto/sha256.ts';
import { type Certificate, parseAnchor } from './certificate.ts';
import { constructed, DerReader, tags } from './der.ts';
import { latin1, orNone } from './values.ts';

/** The certificates that a path may end in. */
export interface TrustAnchors {
  /** The anchors with this DER name. */
  withSubject(subject: Uint8Array): readonly Certificate[];
  /** Whether this very certificate is an anchor, byte for byte. */
  has(certificate: Certificate): boolean;
  readonly count: number;
  /** The SHA-256 of each, in hexadecimal. */
  readonly digests: ReadonlySet<string>;
  /** SHA-256 over the anchors, in whatever order they were given. */
  readonly hash: Uint8Array;
  /** The DER names of those who may issue: what certificate_authorities says (RFC 9846 §4.3.4). */
  readonly authorities: readonly Uint8Array[];
}

/**
 * Anchors of DER certificates. Nothing but their names is looked at before one is needed; one that turns out to be
 * malformed then is none.
 */
export function anchorsOf(certificates: readonly Uint8Array[], provider: CryptoProvider): TrustAnchors {
  const bySubject = new Map<number, Anchor[]>();
  const digests = new Set<string>();
  for (const der of certificates) {
    const digest = toHex(sha256(provider, der));
    const subject = subjectOf(der);
    if (digests.has(digest) || subject === undefined) continue;
    digests.add(digest);
    const key = lookupKey(subject);
    const same = bySubject.get(key);
    if (same === undefined) bySubject.set(key, [new Anchor(der, subject)]);
    else same.push(new Anchor(der, subject));
  }
  let authorities: readonly Uint8Array[] | undefined;
  const named = (subject: Uint8Array): readonly Anchor[] =>
    bySubject.get(lookupKey(subject))?.filter((anchor) => equalBytes(anchor.subject, subject)) ?? [];
  return {
    withSubject: (subject) =>
      named(subject)
        .map(({ certificate }) => certificate)
        .filter((certificate) => certificate !== undefined),
    has: ({ subject, der }) =>
      // What can be no anchor is none, though it can be read as a leaf (of version 1).
      named(subject).some((anchor) => equalBytes(anchor.der, der) && anchor.certificate !== undefined),
    count: digests.size,
    digests,
    hash: hashOf(digests, provider),
    get authorities(): readonly Uint8Array[] {
      authorities ??= authoritiesAmong([...bySubject.values()].flat());
      return authorities;
    },
  };
}

/** An anchor that is somebody's own certificate stands for its issuer, by whom its owner finds it. */
function authoritiesAmong(anchors: readonly Anchor[]): readonly Uint8Array[] {
  const names = anchors.flatMap(({ certificate }) => {
    if (certificate === undefined) return [];
    return [certificate.basicConstraints?.ca === true ? certificate.subject : certificate.issuer];
  });
  return withoutRepeats(names);
}

function withoutRepeats(names: readonly Uint8Array[]): readonly Uint8Array[] {
  return [...new Map(names.map((name) => [latin1(name), name])).values()];
}

/** The anchors of all sets, none twice, and equal to the one set of all certificates. None is parsed for it. */
export function joinAnchors(sets: readonly TrustAnchors[], provider: CryptoProvider): TrustAnchors {
  const [only] = sets;
  if (sets.length === 1 && only !== undefined) return only;
  const digests = new Set(sets.flatMap((set) => [...set.digests]));
  let authorities: readonly Uint8Array[] | undefined;
  return {
    withSubject: (subject) =>
      sets.flatMap((set, index) => {
        const earlier = sets.slice(0, index);
        return set.withSubject(subject).filter((found) => !earlier.some((other) => other.has(found)));
      }),
    has: (certificate) => sets.some((set) => set.has(certificate)),
    count: digests.size,
    digests,
    hash: hashOf(digests, provider),
    get authorities(): readonly Uint8Array[] {
      authorities ??= withoutRepeats(sets.flatMap((set) => set.authorities));
      return authorities;
    },
  };
}

function hashOf(digests: ReadonlySet<string>, provider: CryptoProvider): Uint8Array {
  return sha256(provider, utf8([...digests].sort().join('\n')));
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
    this.#certificate ??= { parsed: orNone(() => parseAnchor(this.der)) };
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
