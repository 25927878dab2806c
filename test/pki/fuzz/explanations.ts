import {
  both,
  type Condition,
  has,
  hasMalformedIdentifier,
  hasOddConstraints,
  hasUnreadableAnchor,
  isForPurpose,
  isOddlyIdentified,
  isOddName,
  isSelfIssuedBelowAnother,
  onPath,
  readable,
  refuses,
  says,
  somewhereOnPath,
} from './conditions.ts';
import type { Disagreement } from './differential.ts';
import { now } from './scenario.ts';

/** Why Tacit and OpenSSL may differ, each for a reason that is known. */
export interface Explanation {
  readonly id: string;
  /** Who refuses what the other takes. */
  readonly stricter: 'Tacit' | 'OpenSSL';
  readonly section: string;
  readonly why: string;
  readonly applies: Condition;
}

const tacitRefuses: readonly Omit<Explanation, 'stricter'>[] = [
  {
    id: 'what DER forbids',
    section: 'X.690 §8, §10, §11',
    why: 'OpenSSL takes lengths that are not minimal, strings in pieces, bytes behind the certificate and more of BER.',
    applies: both(
      refuses('malformed'),
      has('no DER', 'bytes behind', 'bytes behind the list', 'a bit flipped, then signed'),
    ),
  },
  {
    id: 'times and numbers out of form',
    section: 'RFC 5280 §4.1.2.2, §4.1.2.5, §4.2.1.9',
    why: 'OpenSSL reads them when it needs them, and never those of certificates that it does not use.',
    applies: both(refuses('malformed'), has('odd time', 'serial number', 'odd pathLenConstraint')),
  },
  {
    id: 'a version other than 3',
    section: 'RFC 5280 §4.1.2.1',
    why: 'Without extensions nothing says who is an authority; OpenSSL takes trusted roots of version 1, and leaves.',
    applies: both(refuses('malformed', /of version/), has('version', 'version 1')),
  },
  {
    id: 'an extension twice',
    section: 'RFC 5280 §4.2',
    why: 'OpenSSL looks for repetitions only of extensions that it reads, in certificates that it uses.',
    applies: both(refuses('malformed', /a second time/), has('extension twice', 'unknown extension twice')),
  },
  {
    id: 'an empty extension',
    section: 'RFC 5280 §4.2.1.6, §4.2.1.10, §4.2.1.12',
    why: 'Each of these lists has at least one member; OpenSSL takes empty ones as if they were not there.',
    applies: both(
      refuses('malformed', /empty/),
      has('empty subjectAltName', 'name constraints', 'extKeyUsage'),
    ),
  },
  {
    id: 'an issuer without a name',
    section: 'RFC 5280 §4.1.2.4',
    why: 'Nameless authorities would all be one another’s issuers; OpenSSL minds only under -x509_strict.',
    applies: both(refuses('malformed', /an issuer without a name/), has('empty subject', 'subject')),
  },
  {
    id: 'two algorithms in a certificate whose signature nobody needs',
    section: 'RFC 5280 §4.1.1.2',
    why: 'OpenSSL compares them when it verifies, and roots and strangers it does not verify.',
    applies: both(
      refuses('malformed', /another signature algorithm outside/),
      has('another algorithm outside'),
    ),
  },
  {
    id: 'an anchor that cannot be read is none',
    section: 'RFC 5280 §6.1.1 (d)',
    why: 'Where a peer does not send it too, its defect is seen only in that nobody is found.',
    applies: both(hasUnreadableAnchor, ({ tacit: { check } }) => check !== 'malformed'),
  },
  {
    id: 'critical policyConstraints',
    section: 'RFC 5280 §4.2.1.11',
    why: 'Tacit processes no policies, and what is critical and not processed is refused.',
    applies: both(
      refuses('critical_extension', /does not know: 2\.5\.29\.36\.$/),
      has('critical policyConstraints'),
    ),
  },
  {
    id: 'an authority without basicConstraints',
    section: 'RFC 5280 §6.1.4 (k)',
    why: 'OpenSSL takes keyCertSign for it, and version 1.',
    applies: both(refuses('not_a_ca'), has('no basicConstraints', 'no extensions')),
  },
  {
    id: 'an authority as a server',
    section: 'RFC 5280 §4.2.1.9',
    why: 'Its key is that of an authority; OpenSSL minds only under -x509_strict, and only half of it.',
    applies: both(
      refuses('not_acceptable', /CA:TRUE/),
      has('CA:TRUE', 'self-signed', 'odd pathLenConstraint'),
    ),
  },
  {
    id: 'a server that may sign certificates',
    section: 'RFC 5280 §4.2.1.3',
    why: 'keyCertSign without CA:TRUE is a contradiction; OpenSSL minds only under -x509_strict.',
    applies: both(refuses('key_usage', /may sign others/), has('keyUsage', 'CA:TRUE')),
  },
  {
    id: 'a server without digitalSignature',
    section: 'RFC 9846 §4.5.1.2',
    why: 'TLS 1.3 only signs; OpenSSL is content with what RSA key exchange or static Diffie-Hellman needed.',
    applies: both(refuses('key_usage', /lacks digitalSignature/), has('keyUsage')),
  },
  {
    id: 'name constraints on forms that are not compared',
    section: 'RFC 5280 §4.2.1.10',
    why: 'OpenSSL compares e-mail addresses, URIs and excluded directory names; Tacit refuses what it cannot judge.',
    applies: both(refuses('critical_extension', /form that is not compared/), has('name constraints')),
  },
  {
    id: 'name constraints with a distance',
    section: 'RFC 5280 §4.2.1.10',
    why: 'A minimum of 0 is the default written out, which DER forbids, and OpenSSL takes.',
    applies: both(
      refuses('critical_extension', /a minimum or a maximum/),
      has('name constraints with a distance'),
    ),
  },
  {
    id: 'name constraints in doubt',
    section: 'RFC 5280 §4.2.1.10, RFC 4632 §3.1',
    why: 'Excluded names also cover wildcards that reach into them, the domain behind a leading dot, and all where they are no names; masks with gaps permit nothing and exclude all.',
    applies: both(refuses('not_acceptable', /name constraints/), hasOddConstraints),
  },
  {
    id: 'the common name is no name of a server',
    section: 'RFC 9525 §2',
    why: 'OpenSSL falls back on it where there is no dNSName.',
    applies: both(
      refuses('name_mismatch'),
      has('no subjectAltName, but a CN', 'other names only', 'empty subjectAltName'),
    ),
  },
  {
    id: 'names that only OpenSSL matches',
    section: 'RFC 9525 §6.3',
    why: 'It lets * stand for a part of a label, takes a host with a leading dot for all below it, and matches texts that are no DNS names.',
    applies: both(
      refuses('name_mismatch'),
      ({ case: { host, leaf } }) =>
        /^[.*]|\.$|^127\.1$/.test(host) ||
        readable([leaf]).some(({ subjectAltName = [] }) => subjectAltName.some(isOddName)),
    ),
  },
  {
    id: 'signature algorithms that are out of use',
    section: 'RFC 9846 §4.3.3, RFC 4055 §3.1, RFC 5758 §3.2',
    why: 'SHA-224, PSS with an unusual salt, and parameters where none belong or missing where they do.',
    applies: both(refuses('weak_signature'), has('weak or odd signature algorithm', 'unusual key')),
  },
  {
    id: 'keys of other kinds',
    section: 'RFC 9846 §4.3.3',
    why: 'No certificate of the public Web has Ed448 or secp256k1 keys.',
    applies: both(
      // Of several ways that fail, Tacit tells one.
      (disagreement) =>
        refuses('weak_key')(disagreement) || has('a twin', 'a crossed signature')(disagreement),
      has('unusual key'),
    ),
  },
  {
    id: 'self-issued authorities count',
    section: 'RFC 5280 §6.1.4 (l)',
    why: 'Nothing is lost by it, and rustls-webpki does the same.',
    applies: both(refuses('path_too_long', /pathLenConstraint/), has('a rolled over authority')),
  },
  {
    id: 'lists that say too little',
    section: 'RFC 5280 §5.1.2.5, §5.2.3, §5.2.4, §5.2.5',
    why: 'Without nextUpdate or cRLNumber, indirect, a delta, or for some reasons only: refused when they are given, whomever they are about.',
    applies: both(
      refuses('malformed', /CRL|critical extensions/),
      has(
        'without an end',
        'without a number',
        'indirect',
        'a delta',
        'for some reasons',
        'of attributes only',
        'list with a critical extension',
        'entry with a critical extension',
        'entry of another issuer',
      ),
    ),
  },
  {
    id: 'revoked in any list',
    section: 'RFC 5280 §6.3.3 (i)',
    why: 'OpenSSL asks one list, the best; Tacit believes each that says somebody is revoked.',
    applies: both(
      refuses('revoked'),
      has('revoked in an old list, not in a new one', 'revoked in one of two'),
    ),
  },
  {
    id: 'taken off a whole list',
    section: 'RFC 5280 §5.3.1',
    why: 'removeFromCRL belongs in deltas; in a whole list it says nothing good.',
    applies: both(refuses('revoked', /removeFromCRL/), has('taken off again')),
  },
  {
    id: 'a list signed with SHA-1',
    section: 'RFC 9846 §4.3.3',
    why: 'OpenSSL applies its security level to certificates only.',
    applies: both(refuses('revocation_unknown'), has('signed with SHA-1')),
  },
];

const opensslRefuses: readonly Omit<Explanation, 'stricter'>[] = [
  {
    id: 'OpenSSL goes one way',
    section: 'RFC 4158 §2.4',
    why: 'It takes the first issuer by name and dates and never turns back, and goes on behind a trusted leaf; given nothing but the path that Tacit found, it agrees.',
    applies: both(
      ({ straight }) => straight?.trusted === true,
      has(
        'a crossed signature',
        'a twin',
        'a namesake',
        'a rolled over authority',
        'authorities that signed each other',
        'an intermediate is trusted',
        'the leaf is trusted',
      ),
    ),
  },
  {
    id: 'the last second is not over',
    section: 'RFC 5280 §4.1.2.5',
    why: 'A certificate is valid through its notAfter, inclusive; OpenSSL ends before it.',
    applies: both(
      says(10),
      onPath(({ notAfter }) => notAfter >= now),
    ),
  },
  {
    id: 'key identifiers are hints',
    section: 'RFC 5280 §4.2.1.1',
    why: 'They help to find issuers; the signature tells who it was. OpenSSL takes nobody whose identifiers differ.',
    applies: both(says(20), somewhereOnPath(isOddlyIdentified)),
  },
  {
    id: 'key identifiers that are no DER',
    section: 'RFC 5280 §4.2.1.1, §4.2.1.2',
    why: 'Tacit does not read them; OpenSSL takes no certificate of which it cannot read all extensions that it knows.',
    applies: both(says(20), somewhereOnPath(hasMalformedIdentifier)),
  },
  {
    id: 'anyExtendedKeyUsage of an authority',
    section: 'RFC 5280 §4.2.1.12',
    why: 'It is any, as the name says; OpenSSL wants serverAuth itself.',
    applies: both(says(26), onPath(isForPurpose)),
  },
  {
    id: 'a host with a dot at its end, or an underscore under a wildcard',
    section: 'RFC 9525 §6.3',
    why: 'The dot is the root’s and no part of the name; internal names have underscores, and * stands for any label. OpenSSL compares the dot, and lets * stand for letters, digits and hyphens.',
    applies: both(says(62), ({ case: { host } }) => /\.$|^[^.]*_/.test(host)),
  },
  {
    id: 'nobody could revoke an anchor',
    section: 'RFC 5280 §6.3',
    why: 'OpenSSL wants a list about it as well, and it signs one only if it is its own issuer.',
    applies: both(
      says(3, 8, 11, 12, 23, 35, 44),
      ({ tacit, straight }) =>
        Number(/ at (\d+) depth/.exec(straight?.text ?? '')?.[1]) + 1 === tacit.path?.length,
    ),
  },
  {
    id: 'one good list is enough',
    section: 'RFC 5280 §6.3.3 (g)',
    why: 'Of several lists under one name OpenSSL chooses before it verifies; Tacit leaves those that the issuer has not signed.',
    applies: both(
      says(8),
      has(
        'a namesake',
        'a twin',
        'a crossed signature',
        'a rolled over authority',
        'authorities that signed each other',
      ),
      has('lists'),
    ),
  },
  {
    id: 'namesakes in one path',
    section: 'RFC 5280 §6.1',
    why: 'The certificate of an old key for a new one has the same name twice: OpenSSL takes whichever comes first.',
    applies: both(says(7), somewhereOnPath(isSelfIssuedBelowAnother)),
  },
];

/** Every known reason. One that never applies in a long run is none. */
export const explanations: readonly Explanation[] = [
  ...tacitRefuses.map((one) => ({ ...one, stricter: 'Tacit' as const })),
  ...opensslRefuses.map((one) => ({ ...one, stricter: 'OpenSSL' as const })),
];

/** The reasons for a disagreement; none where it is not understood. */
export function explain(disagreement: Disagreement): readonly Explanation[] {
  const side = disagreement.tacit.path === undefined ? 'Tacit' : 'OpenSSL';
  return explanations.filter(({ stricter, applies }) => stricter === side && applies(disagreement));
}
