import { beforeAll, describe, test } from 'vitest';
import type { AlertName } from '../../src/base/alerts.ts';
import type { CertificateCheck } from '../../src/base/errors.ts';
import { type CertificateOptions, rootCertificate, testKey } from '../support/certificates.ts';
import { objectIdentifier, sequence } from '../support/der.ts';
import {
  type Asked,
  address,
  belowAnchor,
  belowAuthority,
  chainWith,
  crossSigned,
  dns,
  editedLeaf,
  host,
  lastExtensionTimes,
  namesakes,
  namesOf,
  type Place,
  pathLength,
  selfSigned,
  signedWith,
  subtree,
  unknownExtension,
  uri,
} from '../support/rules.ts';
import {
  expectRefused,
  expectTrusted,
  hour,
  intermediate,
  judge,
  leaf,
  makeChain,
  now,
  root,
} from '../support/trust.ts';

/**
 * One rule: a chain that keeps it, one that breaks it and nothing else, how that is refused, and which certificate is to
 * blame (0 is the leaf).
 */
type Rule = readonly [
  rule: string,
  section: string,
  good: () => Promise<Asked>,
  bad: () => Promise<Asked>,
  check: CertificateCheck,
  position: number,
];

const every: readonly Place[] = ['leaf', 'authority', 'anchor'];
const signers: readonly Place[] = ['authority', 'anchor'];
const [earlier, later] = [new Date(now - hour), new Date(now + hour)];
const [known, odd] = [unknownExtension(false), unknownExtension(true)];
const noSigner: CertificateOptions = { keyUsage: ['cRLSign'] };
const encrypts: CertificateOptions = { keyUsage: ['keyEncipherment', 'keyAgreement'] };
const forBoth: CertificateOptions = { extendedKeyUsage: ['serverAuth', 'clientAuth'] };
const forClients: CertificateOptions = { extendedKeyUsage: ['clientAuth'] };

/** What a certificate in some places must, and must not, say (sections of RFC 5280). */
const statements: readonly (readonly [
  rule: string,
  section: string,
  places: readonly Place[],
  good: CertificateOptions,
  bad: CertificateOptions,
  check: CertificateCheck,
])[] = [
  ['has not expired', '§6.1.3 (a)', every, { notAfter: later }, { notAfter: earlier }, 'expired'],
  ['is valid already', '§6.1.3 (a)', every, { notBefore: earlier }, { notBefore: later }, 'not_yet_valid'],
  ['has no unknown critical extension', '§4.2', every, known, odd, 'critical_extension'],
  ['says CA:TRUE', '§6.1.4 (k)', signers, { ca: true }, { ca: false }, 'not_a_ca'],
  ['has basicConstraints', '§6.1.4 (k)', signers, { ca: true }, { ca: 'absent' }, 'not_a_ca'],
  ['has keyCertSign in a keyUsage', '§6.1.4 (n)', signers, { keyUsage: [] }, noSigner, 'key_usage'],
  ['has serverAuth in an extKeyUsage', '§4.2.1.12', every, forBoth, forClients, 'extended_key_usage'],
  ['has digitalSignature in a keyUsage', '§4.2.1.3', ['leaf'], { keyUsage: [] }, encrypts, 'key_usage'],
  ['is no authority’s', '§4.2.1.9', ['leaf'], { ca: false }, { ca: true }, 'not_acceptable'],
  ['has 2048 bits, not 1024', '§4.1.2.7', every, { key: 'rsa2048' }, { key: 'rsa1024' }, 'weak_key'],
  ['is on a curve of TLS 1.3', '§4.1.2.7', every, { key: 'p384' }, { key: 'secp256k1' }, 'weak_key'],
];

const network = (...bytes: readonly number[]): Uint8Array => address(...bytes, 255, 255, 255, 0);

/** Bases that let `name` pass, and that do not. */
const constraints: readonly (readonly [
  side: 'permitted' | 'excluded',
  good: Uint8Array,
  bad: Uint8Array,
  name: string,
])[] = [
  ['permitted', dns('example.org'), dns('example.com'), host],
  ['excluded', dns('example.com'), dns('example.org'), host],
  ['permitted', network(192, 0, 2, 0), network(192, 0, 3, 0), '192.0.2.7'],
  ['excluded', network(192, 0, 3, 0), network(192, 0, 2, 0), '192.0.2.7'],
];

const validation: readonly Rule[] = [
  ...statements.flatMap(([text, section, places, good, bad, check]) =>
    places.map(
      (place): Rule => [
        `the ${place} ${text}`,
        `RFC 5280 ${section}`,
        () => chainWith[place](good),
        () => chainWith[place](bad),
        check,
        place === 'leaf' ? 0 : 1,
      ],
    ),
  ),
  ...constraints.flatMap(([side, good, bad, name]) =>
    [belowAuthority, belowAnchor].map((below): Rule => {
      const asked = async (base: Uint8Array): Promise<Asked> => ({
        ...(await below(subtree(side, base), { names: [name] })),
        host: name,
      });
      const whose = below === belowAnchor ? 'an anchor' : 'an authority';
      const text = `${name} keeps the name constraints of ${whose} (${side})`;
      return [text, 'RFC 5280 §4.2.1.10', () => asked(good), () => asked(bad), 'not_acceptable', 0];
    }),
  ),
  [
    'no name is of a form that is constrained and not compared',
    'RFC 5280 §4.2.1.10',
    () => belowAuthority(subtree('permitted', uri('example.org')), namesOf(dns(host))),
    () =>
      belowAuthority(subtree('permitted', uri('example.org')), namesOf(dns(host), uri('a://example.org'))),
    'critical_extension',
    1,
  ],
  ['pathLenConstraint', 'RFC 5280 §6.1.4 (m)', () => pathLength(1), () => pathLength(0), 'path_too_long', 2],
  [
    'an extension comes once',
    'RFC 5280 §4.2',
    () => lastExtensionTimes(1),
    () => lastExtensionTimes(2),
    'malformed',
    0,
  ],
  [
    'one signature algorithm inside and outside',
    'RFC 5280 §4.1.1.2',
    () => editedLeaf((fields) => fields),
    () => editedLeaf((fields) => fields.with(2, sequence(objectIdentifier('1.2.840.10045.4.3.3')))),
    'malformed',
    0,
  ],
  [
    'version 3',
    'RFC 5280 §4.1.2.1',
    () => editedLeaf((fields) => fields),
    () => editedLeaf((fields) => fields.slice(1)),
    'malformed',
    0,
  ],
  [
    'the issuer has signed it',
    'RFC 5280 §6.1.3 (a)',
    () => chainWith.leaf({ signingKey: intermediate.key }),
    () => chainWith.leaf({ signingKey: testKey('p256', 'a stranger') }),
    'bad_signature',
    0,
  ],
  ...(['sha1WithRsa', 'md5WithRsa'] as const).map(
    (name): Rule => [
      `SHA-2, not ${name}`,
      'RFC 9846 §4.3.3',
      () => signedWith('sha256WithRsa'),
      () => signedWith(name),
      'weak_signature',
      0,
    ],
  ),
];

/** Names that are good and bad for a host (sections of RFC 9525). */
const presented: readonly (readonly [
  rule: string,
  section: string,
  good: Uint8Array,
  bad: Uint8Array,
  host: string,
])[] = [
  ['a name is the whole name', '§6.3', dns(host), dns('example.org'), host],
  ['a wildcard is a whole label', '§6.3', dns('*.example.org'), dns('w*.example.org'), host],
  ['a wildcard is the leftmost label', '§6.3', dns('*.example.org'), dns('www.*.org'), host],
  ['a wildcard is one label', '§6.3', dns('*.b.example.org'), dns('*.example.org'), 'a.b.example.org'],
  ['an address is in iPAddress', '§6.5', address(192, 0, 2, 7), dns('192.0.2.7'), '192.0.2.7'],
  ['a DNS name is in dNSName', '§6.3', dns('abcd'), address(97, 98, 99, 100), 'abcd'],
  ['a name is in A-labels', '§6.3', dns('xn--bcher-kva.org'), dns('b\xfccher.org'), 'xn--bcher-kva.org'],
  ['a name has no NUL', '§6.3', dns(host), dns(`${host}\0.evil.example`), host],
];

const names: readonly Rule[] = [
  ...presented.map(([text, section, good, bad, name]): Rule => {
    const asked = async (one: Uint8Array): Promise<Asked> => ({
      ...(await chainWith.leaf(namesOf(one))),
      host: name,
    });
    return [text, `RFC 9525 ${section}`, () => asked(good), () => asked(bad), 'name_mismatch', 0];
  }),
  [
    'a name is in subjectAltName, not in the subject',
    'RFC 9525 §2',
    () => chainWith.leaf({ subject: 'CN=Server', names: [host] }),
    () => chainWith.leaf({ subject: `CN=${host}`, names: [] }),
    'name_mismatch',
    0,
  ],
];

const paths: readonly Rule[] = [
  [
    'the peer sends what lies between',
    'RFC 9846 §4.5.1.2',
    async () => ({ chain: [leaf, intermediate] }),
    async () => ({ chain: [leaf] }),
    'unknown_issuer',
    0,
  ],
  [
    'somebody trusted is at the end',
    'RFC 5280 §6.1.1 (d)',
    async () => ({ chain: [leaf, intermediate, root] }),
    async () => ({ chain: [leaf, intermediate, root], ca: [await rootCertificate({ subject: 'CN=Other' })] }),
    'unknown_issuer',
    2,
  ],
  [
    'of several anchors of one name, the one that signed',
    'RFC 5280 §6.1.1 (d)',
    async () => ({ chain: [leaf, intermediate], ca: [...(await namesakes()), root] }),
    async () => ({ chain: [leaf, intermediate], ca: await namesakes() }),
    'bad_signature',
    1,
  ],
  [
    'a crossed signature leads to another anchor, if that one is trusted',
    'RFC 4158 §1.4.2',
    () => crossSigned(true),
    () => crossSigned(false),
    'unknown_issuer',
    2,
  ],
  ...[true, false].map(
    (ca): Rule => [
      `a self-signed certificate (CA:${ca ? 'TRUE' : 'FALSE'}) is the anchor itself`,
      'RFC 5280 §6.1',
      () => selfSigned(ca, true),
      () => selfSigned(ca, false),
      'unknown_issuer',
      0,
    ],
  ),
];

/** What the peer hears. */
const alerts: Partial<Record<CertificateCheck, AlertName>> = {
  malformed: 'bad_certificate',
  expired: 'certificate_expired',
  not_yet_valid: 'certificate_expired',
  unknown_issuer: 'unknown_ca',
  bad_signature: 'bad_certificate',
  weak_key: 'bad_certificate',
  weak_signature: 'bad_certificate',
  not_a_ca: 'bad_certificate',
  path_too_long: 'bad_certificate',
  key_usage: 'unsupported_certificate',
  extended_key_usage: 'unsupported_certificate',
  critical_extension: 'unsupported_certificate',
  name_mismatch: 'bad_certificate',
  not_acceptable: 'certificate_unknown',
};

beforeAll(makeChain);

/** One case a rule and verdict. What the rules mean at their edges is in `test/net/trust*`. */
describe('the rules of RFC 5280 and RFC 9525, kept and broken', () => {
  test.each([...validation, ...names, ...paths])('%s (%s)', async (_, __, good, bad, check, position) => {
    const [kept, broken] = await Promise.all([good(), bad()]);
    expectTrusted(judge(kept.chain, kept));
    expectRefused(judge(broken.chain, broken), check, alerts[check] ?? 'internal_error', {
      position,
    });
  });
});
