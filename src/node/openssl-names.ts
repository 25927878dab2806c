import { constants } from 'node:crypto';
import { getCiphers } from 'node:tls';
import { TlsUsageError } from '../base/errors.ts';
import type { HandshakeInfo } from '../connection/events.ts';
import type { ClientOptions } from '../net/config.ts';
import { nodeError } from './errors.ts';

type CipherSuiteName = HandshakeInfo['cipherSuite'];
type NamedGroup = NonNullable<HandshakeInfo['group']>;
type SignatureScheme = NonNullable<ClientOptions['signatureSchemes']>[number];
type ProtocolVersion = HandshakeInfo['protocolVersion'];

/** A cipher suite as OpenSSL's cipher strings see it (ciphers(1)). */
interface OpensslSuite {
  readonly suite: CipherSuiteName;
  readonly name: string;
  readonly keywords: readonly string[];
}

const tls13Suites: readonly CipherSuiteName[] = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'TLS_AES_128_GCM_SHA256',
];

const tls12Suites: readonly OpensslSuite[] = (['ECDSA', 'RSA'] as const).flatMap((key) => {
  const common = [
    'ALL',
    'HIGH',
    'DEFAULT',
    'ECDHE',
    'EECDH',
    'KECDHE',
    'KEECDH',
    `A${key}`,
    'TLSV1.2',
    'AEAD',
  ];
  const of = (suite: CipherSuiteName, name: string, ...keywords: readonly string[]): OpensslSuite => ({
    suite,
    name: `ECDHE-${key}-${name}`,
    keywords: [...common, ...(key === 'ECDSA' ? ['ECDSA'] : []), ...keywords],
  });
  return [
    of(`TLS_ECDHE_${key}_WITH_AES_128_GCM_SHA256`, 'AES128-GCM-SHA256', 'AES', 'AES128', 'AESGCM', 'SHA256'),
    of(`TLS_ECDHE_${key}_WITH_AES_256_GCM_SHA384`, 'AES256-GCM-SHA384', 'AES', 'AES256', 'AESGCM', 'SHA384'),
    of(`TLS_ECDHE_${key}_WITH_CHACHA20_POLY1305_SHA256`, 'CHACHA20-POLY1305', 'CHACHA20', 'SHA256'),
  ];
});

/** What `getCiphers()` gives: OpenSSL's names, in lower case as Node has them. */
export const cipherNames: readonly string[] = [...tls13Suites, ...tls12Suites.map(({ name }) => name)]
  .map((name) => name.toLowerCase())
  .sort();

/** OpenSSL's and the RFC's name of a cipher suite, and the version that it is of. */
export function describeSuite(suite: CipherSuiteName): {
  name: string;
  standardName: string;
  version: string;
} {
  const known = tls12Suites.find((other) => other.suite === suite);
  return { name: known?.name ?? suite, standardName: suite, version: known ? 'TLSv1.2' : 'TLSv1.3' };
}

/**
 * The cipher suites that an OpenSSL cipher string (ciphers(1)) leaves of those that Tacit has, in its order. Names of
 * TLS 1.3 choose among the suites of TLS 1.3; where there is none, all of them stay, as in Node.
 * @param maxVersion the highest version that they are for
 * @throws Error (`ERR_SSL_NO_CIPHER_MATCH`) where nothing is left, or nobody knows any of the names
 */
export function cipherSuitesOf(ciphers: string, maxVersion: ProtocolVersion): readonly CipherSuiteName[] {
  const words = ciphers.split(/[:, ]+|(?=@)/).filter((word) => word !== '');
  const named = words.filter((word) => word.startsWith('TLS_'));
  const tls13 =
    named.length === 0
      ? tls13Suites
      : named.flatMap((name) => tls13Suites.find((suite) => suite === name) ?? []);
  const tls12 = tls12SuitesOf(words.filter((word) => !word.startsWith('TLS_')));
  // Old suites alone leave those of TLS 1.3, as long as they are suites.
  const isKnown =
    named.length > 0 ||
    tls12.length > 0 ||
    words.some((word) => word === word.toUpperCase() && opensslNames.has(word.toLowerCase()));
  const suites = [...(maxVersion === 'TLSv1.3' ? tls13 : []), ...tls12.map(({ suite }) => suite)];
  if (isKnown && suites.length > 0) return suites;
  throw nodeError(
    'ERR_SSL_NO_CIPHER_MATCH',
    `error:0A0000B9:SSL routines::no cipher match: "${ciphers}" leaves no cipher suite that Tacit has`,
    { library: 'SSL routines', reason: 'no cipher match' },
  );
}

const opensslNames: ReadonlySet<string> = new Set(getCiphers());

function tls12SuitesOf(words: readonly string[]): readonly OpensslSuite[] {
  let chosen: OpensslSuite[] = [];
  const removed = new Set<OpensslSuite>();
  for (const word of words) {
    // Levels and sorting: what there is is above all levels, and comes in the order of the words.
    if (word.startsWith('@')) continue;
    const operator = /^[!+-]/.exec(word)?.[0];
    const matching = tls12Suites.filter((suite) =>
      matches(suite, word.slice(operator === undefined ? 0 : 1)),
    );
    if (operator === undefined) {
      chosen.push(...matching.filter((suite) => !chosen.includes(suite)));
      continue;
    }
    if (operator === '!') for (const suite of matching) removed.add(suite);
    const moved = operator === '+' ? chosen.filter((suite) => matching.includes(suite)) : [];
    chosen = [...chosen.filter((suite) => !matching.includes(suite)), ...moved];
  }
  return chosen.filter((suite) => !removed.has(suite));
}

/** @param word several keywords with `+` between them, all of which hold */
function matches({ name, keywords }: OpensslSuite, word: string): boolean {
  if (word.toUpperCase() === name) return true;
  return word.split('+').every((part) => keywords.includes(part.toUpperCase()));
}

const groupNames: Readonly<Record<string, NamedGroup>> = {
  X25519: 'x25519',
  'P-256': 'secp256r1',
  PRIME256V1: 'secp256r1',
  SECP256R1: 'secp256r1',
  'P-384': 'secp384r1',
  SECP384R1: 'secp384r1',
  'P-521': 'secp521r1',
  SECP521R1: 'secp521r1',
};

/** @param curves `auto`, or names with colons between them @throws Error with Node's code where Tacit has none of them */
export function groupsOf(curves: string): readonly NamedGroup[] | undefined {
  if (curves === 'auto') return undefined;
  const groups = curves.split(':').flatMap((name) => groupNames[name.toUpperCase()] ?? []);
  if (groups.length > 0) return [...new Set(groups)];
  throw nodeError(
    'ERR_CRYPTO_OPERATION_FAILED',
    `Failed to set ECDH curve: Tacit has none of "${curves}"; it has X25519, P-256, P-384 and P-521`,
  );
}

/** OpenSSL's names of curves, by ours, as `getEphemeralKeyInfo()` gives them. */
export const ephemeralKeys: Readonly<Record<NamedGroup, { type: string; name: string; size: number }>> = {
  x25519: { type: 'ECDH', name: 'X25519', size: 253 },
  secp256r1: { type: 'ECDH', name: 'prime256v1', size: 256 },
  secp384r1: { type: 'ECDH', name: 'secp384r1', size: 384 },
  secp521r1: { type: 'ECDH', name: 'secp521r1', size: 521 },
};

/** Those with one of ours behind them, by their names in SSL_CTX_set1_sigalgs_list(3). */
const signatureNames: Readonly<Record<string, readonly SignatureScheme[]>> = {
  'ECDSA+SHA256': ['ecdsa_secp256r1_sha256'],
  'ECDSA+SHA384': ['ecdsa_secp384r1_sha384'],
  'ECDSA+SHA512': ['ecdsa_secp521r1_sha512'],
  'RSA-PSS+SHA256': ['rsa_pss_rsae_sha256', 'rsa_pss_pss_sha256'],
  'RSA-PSS+SHA384': ['rsa_pss_rsae_sha384', 'rsa_pss_pss_sha384'],
  'RSA-PSS+SHA512': ['rsa_pss_rsae_sha512', 'rsa_pss_pss_sha512'],
  'PSS+SHA256': ['rsa_pss_rsae_sha256', 'rsa_pss_pss_sha256'],
  'PSS+SHA384': ['rsa_pss_rsae_sha384', 'rsa_pss_pss_sha384'],
  'PSS+SHA512': ['rsa_pss_rsae_sha512', 'rsa_pss_pss_sha512'],
  'RSA+SHA256': ['rsa_pkcs1_sha256'],
  'RSA+SHA384': ['rsa_pkcs1_sha384'],
  'RSA+SHA512': ['rsa_pkcs1_sha512'],
};

const schemes: readonly SignatureScheme[] = [...Object.values(signatureNames).flat(), 'ed25519'];

/** @param sigalgs names with colons between them @throws TlsUsageError where Tacit has none of them */
export function signatureSchemesOf(sigalgs: string): readonly SignatureScheme[] {
  const found = sigalgs.split(':').flatMap((name) => {
    const own = schemes.find((scheme) => scheme === name.toLowerCase());
    return own === undefined ? (signatureNames[name.toUpperCase()] ?? []) : [own];
  });
  if (found.length > 0) return [...new Set(found)];
  throw new TlsUsageError(`sigalgs: Tacit has none of "${sigalgs}"; SHA-1 and DSA are not among what it has`);
}

/** By ours: OpenSSL's names of what signs, as `getSharedSigalgs()` gives them, and the code point. */
const signatureCodes: Readonly<Record<SignatureScheme, readonly [name: string, code: number]>> = {
  ecdsa_secp256r1_sha256: ['ECDSA+SHA256', 0x0403],
  ecdsa_secp384r1_sha384: ['ECDSA+SHA384', 0x0503],
  ecdsa_secp521r1_sha512: ['ECDSA+SHA512', 0x0603],
  ed25519: ['Ed25519+UNDEF', 0x0807],
  rsa_pss_rsae_sha256: ['RSA-PSS+SHA256', 0x0804],
  rsa_pss_rsae_sha384: ['RSA-PSS+SHA384', 0x0805],
  rsa_pss_rsae_sha512: ['RSA-PSS+SHA512', 0x0806],
  rsa_pss_pss_sha256: ['RSA-PSS+SHA256', 0x0809],
  rsa_pss_pss_sha384: ['RSA-PSS+SHA384', 0x080a],
  rsa_pss_pss_sha512: ['RSA-PSS+SHA512', 0x080b],
  rsa_pkcs1_sha256: ['RSA+SHA256', 0x0401],
  rsa_pkcs1_sha384: ['RSA+SHA384', 0x0501],
  rsa_pkcs1_sha512: ['RSA+SHA512', 0x0601],
};

/**
 * What both sides sign with; a server's order is its own, as OpenSSL's with `honorCipherOrder`.
 * @param offered the peer's code points
 * @param own undefined: all that there are
 */
export function sharedSignatureNames(
  offered: readonly number[],
  own: readonly SignatureScheme[] = Object.keys(signatureCodes) as SignatureScheme[],
  isOwnOrder = false,
): string[] {
  const codes = own.map((scheme) => signatureCodes[scheme]);
  const shared = isOwnOrder
    ? codes.flatMap(([name, code]) => (offered.includes(code) ? [name] : []))
    : offered.flatMap((code) => codes.find(([, known]) => known === code)?.[0] ?? []);
  // Two of one name differ in the kind of key alone.
  return [...new Set(shared)];
}

/** A span of versions. */
interface Versions {
  readonly minVersion: ProtocolVersion;
  readonly maxVersion: ProtocolVersion;
}

const versionNumbers: Readonly<Record<string, number>> = {
  TLSv1: 0,
  'TLSv1.1': 1,
  'TLSv1.2': 2,
  'TLSv1.3': 3,
};

/** By the name of OpenSSL's method: those that allow versions up to the highest, or one of ours. */
const methods: Readonly<Record<string, Partial<Versions>>> = {
  TLS: {},
  SSLv23: {},
  TLSv1_2: { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' },
};

/**
 * What `minVersion`, `maxVersion` and `secureProtocol` leave of TLS 1.2 and 1.3. What asks for at least an older version
 * is content with these.
 * @throws Error with Node's codes where nothing is left
 */
export function versionsOf(
  minVersion: string,
  maxVersion: string,
  secureProtocol: string | undefined,
): Versions {
  if (secureProtocol !== undefined) {
    const method = methods[secureProtocol.replace(/_(client_|server_)?method$/, '')];
    if (method !== undefined) return { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3', ...method };
    const old = /^SSLv[23]/.exec(secureProtocol)?.[0];
    if (old !== undefined) throw nodeError('ERR_TLS_INVALID_PROTOCOL_METHOD', `${old} methods disabled`);
    if (!/^TLSv1(_1)?_/.test(secureProtocol))
      throw nodeError('ERR_TLS_INVALID_PROTOCOL_METHOD', `Unknown method: ${secureProtocol}`);
    throw nodeError(
      'ERR_TLS_INVALID_PROTOCOL_METHOD',
      `secureProtocol: ${secureProtocol} is for what Tacit does not speak; it speaks TLS 1.2 and 1.3 (TLS_method)`,
    );
  }
  const [lowest, highest] = [versionNumbers[minVersion], versionNumbers[maxVersion]];
  if (lowest === undefined || highest === undefined || highest < 2 || lowest > highest) {
    const name = lowest === undefined ? `minVersion ${minVersion}` : `maxVersion ${maxVersion}`;
    throw nodeError(
      'ERR_TLS_INVALID_PROTOCOL_VERSION',
      `${name} leaves no version: Tacit speaks TLSv1.2 and TLSv1.3`,
    );
  }
  return {
    minVersion: lowest === 3 ? 'TLSv1.3' : 'TLSv1.2',
    maxVersion: highest === 3 ? 'TLSv1.3' : 'TLSv1.2',
  };
}

/**
 * What `secureOptions` leave of them: SSL_OP_NO_TLSv1_2 and SSL_OP_NO_TLSv1_3 count, older versions are never spoken.
 * @throws Error with Node's code where nothing is left
 */
export function allowedVersions({ minVersion, maxVersion }: Versions, secureOptions: number): Versions {
  const allowed: Versions = {
    minVersion: (secureOptions & constants.SSL_OP_NO_TLSv1_2) === 0 ? minVersion : 'TLSv1.3',
    maxVersion: (secureOptions & constants.SSL_OP_NO_TLSv1_3) === 0 ? maxVersion : 'TLSv1.2',
  };
  if (allowed.minVersion <= allowed.maxVersion) return allowed;
  throw nodeError('ERR_TLS_INVALID_PROTOCOL_VERSION', 'secureOptions leave no version');
}
