import { noBytes, toHex, utf8 } from '../base/bytes.ts';
import { resumedTicketCount, ticketCount, ticketLifetime } from '../base/defaults.ts';
import { TlsUsageError } from '../base/errors.ts';
import {
  maxInnerPlaintext,
  maxRecordsPerKey,
  maxTicketLifetime,
  maxTicketsAtOnce,
  minRecordSizeLimit,
} from '../base/limits.ts';
import type {
  CertificateCompression,
  CryptoProvider,
  NamedGroup,
  SignatureScheme,
} from '../crypto/provider.ts';
import { sha256 } from '../crypto/sha256.ts';
import { isTls13Scheme } from '../handshake/authentication.ts';
import { acceptedTypes } from '../handshake/certificate-types.ts';
import type {
  ClientConfig,
  ClientIdentitySelector,
  EndpointConfig,
  IdentityTable,
  ServerConfig,
  ServerIdentitySelector,
  TicketPolicy,
} from '../handshake/config.ts';
import type { ClientAuthentication, Identity, ServerIdentity, TrustPolicy } from '../handshake/identity.ts';
import { identityTable, requireEffect } from '../handshake/identity-choice.ts';
import { isTls12Suite, isTls13Suite } from '../handshake/versions.ts';
import { MemorySessionCache } from '../sessions/client-session.ts';
import { TicketKeys } from '../sessions/ticket-keys.ts';
import {
  type CipherSuiteName,
  certificateCompressionCodes,
  certificateTypeCodes,
  cipherSuiteCodes,
  namedGroupCodes,
  type ProtocolVersion,
  signatureSchemeCodes,
} from '../wire/names.ts';

type Optional<Config, Required extends keyof Config> = Pick<Config, Required> & {
  readonly [Name in Exclude<keyof Config, Required>]?: Config[Name] | undefined;
};

/** The settings of a client: all but the provider and the trust policy have defaults. */
export type ClientSettings = Omit<
  Optional<ClientConfig, 'provider' | 'trust'>,
  'role' | 'sessionScope' | 'sessions' | 'identity'
> & {
  /** Who we are, where a server asks: one identity, several of which the one that fits is taken, or a function. */
  readonly identity?: Identity | readonly Identity[] | ClientIdentitySelector | undefined;
  /** `false` keeps none and offers none; by default sessions are kept in memory. */
  readonly sessions?: ClientConfig['sessions'] | false;
};

/** The settings of a server: all but the provider and the identity have defaults. */
export type ServerSettings = Omit<
  Optional<ServerConfig, 'provider' | 'identity'>,
  'role' | 'tickets' | 'identity'
> & {
  /** One identity, several of which the one that fits a client is taken, or a function. */
  readonly identity: ServerIdentity | readonly ServerIdentity[] | ServerIdentitySelector;
  readonly tickets?: { readonly [Name in keyof TicketPolicy]?: TicketPolicy[Name] | undefined } | undefined;
};

/** AES first: it is what processors have instructions for. Those of TLS 1.2 follow, ECDSA before RSA. */
const defaultCipherSuites: readonly CipherSuiteName[] = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
  'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256',
  'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384',
  'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384',
  'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256',
  'TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256',
];

/** Fastest first, all of at least 128 bits. */
const defaultGroups: readonly NamedGroup[] = ['x25519', 'secp256r1', 'secp384r1', 'secp521r1'];

const defaultSignatureSchemes: readonly SignatureScheme[] = [
  'ecdsa_secp256r1_sha256',
  'ed25519',
  'rsa_pss_rsae_sha256',
  'rsa_pss_pss_sha256',
  'ecdsa_secp384r1_sha384',
  'rsa_pss_rsae_sha384',
  'rsa_pss_pss_sha384',
  'ecdsa_secp521r1_sha512',
  'rsa_pss_rsae_sha512',
  'rsa_pss_pss_sha512',
];

/** What old servers of TLS 1.2 sign with, where nothing better is there. */
const tls12SignatureSchemes: readonly SignatureScheme[] = [
  'rsa_pkcs1_sha256',
  'rsa_pkcs1_sha384',
  'rsa_pkcs1_sha512',
];

/** What makes a certificate smallest first: brotli saves some 3 % more than zlib, and takes no longer. */
const defaultCertificateCompression: readonly CertificateCompression[] = ['brotli', 'zlib'];

/** A validated, immutable configuration for clients, to be shared by connections. @throws TlsUsageError naming the field */
export function createClientConfig(settings: ClientSettings): ClientConfig {
  const common = endpointConfig(settings);
  const { trust, ticketRequest } = settings;
  checkTrust('trust', trust);
  if (common.maxVersion === 'TLSv1.2' && !acceptedTypes(trust).includes('X509'))
    throw new TlsUsageError('trust.certificateTypes has no X509, and TLS 1.2 has nothing else here');
  const identity =
    typeof settings.identity === 'function' ? settings.identity : listOf<Identity>(settings.identity ?? []);
  const keyShares = settings.keyShares ?? common.groups.slice(0, 1);
  if (keyShares.some((group) => !common.groups.includes(group))) {
    throw new TlsUsageError('keyShares must be a subset of groups');
  }
  if (ticketRequest) {
    requireInteger('ticketRequest.newSession', ticketRequest.newSession, 0, 255);
    requireInteger('ticketRequest.resumption', ticketRequest.resumption, 0, 255);
  }
  let scope: string | undefined;
  return Object.freeze<ClientConfig>({
    ...common,
    role: 'client',
    // Key shares are in the order of the groups (RFC 9846 §4.3.8).
    keyShares: common.groups.filter((group) => keyShares.includes(group)),
    trust,
    identity,
    sessions: settings.sessions === false ? undefined : (settings.sessions ?? new MemorySessionCache()),
    ticketRequest: ticketRequest && Object.freeze({ ...ticketRequest }),
    compatibilityMode: settings.compatibilityMode ?? true,
    // Only a handshake needs it: a policy that has many anchors reads them for its fingerprint.
    get sessionScope(): string {
      scope ??= scopeOf(common.provider, trust, identity);
      return scope;
    },
  });
}

/** A validated, immutable configuration for servers, to be shared by connections. @throws TlsUsageError naming the field */
export function createServerConfig(settings: ServerSettings): ServerConfig {
  const common = endpointConfig(settings);
  const { identity } = settings;
  if (Array.isArray(identity) && identity.length === 0) throw new TlsUsageError('identity is empty');
  const clientAuthentication = settings.clientAuthentication ?? 'none';
  if (settings.clientTrust !== undefined) checkTrust('clientTrust', settings.clientTrust);
  if (clientAuthentication !== 'none' && !settings.clientTrust) {
    throw new TlsUsageError(
      `clientAuthentication '${clientAuthentication}' needs clientTrust: who may be a client?`,
    );
  }
  const {
    count = ticketCount,
    resumedCount = resumedTicketCount,
    lifetime = ticketLifetime,
  } = settings.tickets ?? {};
  requireInteger('tickets.count', count, 0, maxTicketsAtOnce);
  requireInteger('tickets.resumedCount', resumedCount, 0, maxTicketsAtOnce);
  requireInteger('tickets.lifetime', lifetime, 1, maxTicketLifetime);
  return Object.freeze<ServerConfig>({
    ...common,
    role: 'server',
    identity: typeof identity === 'function' ? identity : tableOf(listOf<ServerIdentity>(identity), settings),
    followsClientOrder: settings.followsClientOrder ?? false,
    selectProtocol: settings.selectProtocol,
    clientAuthentication,
    clientTrust: settings.clientTrust,
    tickets: Object.freeze<TicketPolicy>({
      count,
      resumedCount,
      lifetime,
      onClose: settings.tickets?.onClose ?? true,
      keeper: settings.tickets?.keeper ?? new TicketKeys(common.provider, lifetime),
    }),
  });
}

function endpointConfig(settings: ClientSettings | ServerSettings): Omit<EndpointConfig, 'role'> {
  const { provider, alpnProtocols = [], recordSizeLimit = maxInnerPlaintext } = settings;
  const keyUpdateAfterRecords = settings.keyUpdateAfterRecords ?? maxRecordsPerKey;
  for (const protocol of alpnProtocols) {
    const isName = protocol.length >= 1 && protocol.length <= 255 && !/[^\0-\xff]/.test(protocol);
    if (!isName)
      throw new TlsUsageError(`alpnProtocols has a name that is not 1 to 255 bytes: '${protocol}'`);
  }
  requireInteger('recordSizeLimit', recordSizeLimit, minRecordSizeLimit, maxInnerPlaintext);
  requireInteger('keyUpdateAfterRecords', keyUpdateAfterRecords, 2, maxRecordsPerKey);
  const cipherSuites = names('cipherSuites', settings.cipherSuites ?? defaultCipherSuites, cipherSuiteCodes);
  const versions = versionsOf(settings, cipherSuites);
  return {
    provider,
    now: settings.now ?? Date.now,
    ...versions,
    cipherSuites,
    requireExtendedMasterSecret: settings.requireExtendedMasterSecret ?? false,
    tls12HalfClose: settings.tls12HalfClose ?? false,
    groups: names('groups', settings.groups ?? defaultGroups, namedGroupCodes),
    signatureSchemes: schemesOf(settings.signatureSchemes, versions.minVersion),
    alpnProtocols: Object.freeze([...alpnProtocols]),
    certificateCompression: compressionOf(provider, settings.certificateCompression),
    recordSizeLimit,
    padding: settings.padding ?? (() => 0),
    keyUpdateAfterRecords,
    keyLog: settings.keyLog ?? false,
  };
}

/** The versions from `minVersion` to `maxVersion`, both by default, that there are cipher suites for. */
function versionsOf(
  { minVersion = 'TLSv1.2', maxVersion = 'TLSv1.3' }: ClientSettings | ServerSettings,
  cipherSuites: readonly CipherSuiteName[],
): Pick<EndpointConfig, 'minVersion' | 'maxVersion'> {
  knownNames('minVersion', [minVersion], versionOrder);
  knownNames('maxVersion', [maxVersion], versionOrder);
  if (versionOrder[minVersion] > versionOrder[maxVersion])
    throw new TlsUsageError(`minVersion ${minVersion} is above maxVersion ${maxVersion}`);
  const wanted = [...new Set([minVersion, maxVersion])];
  const [lowest, highest = lowest] = wanted.filter((version) =>
    cipherSuites.some(version === 'TLSv1.3' ? isTls13Suite : isTls12Suite),
  );
  if (!lowest || !highest) throw new TlsUsageError(`cipherSuites has none for ${wanted.join(' or ')}`);
  return { minVersion: lowest, maxVersion: highest };
}

const versionOrder: Readonly<Record<ProtocolVersion, number>> = { 'TLSv1.2': 2, 'TLSv1.3': 3 };

function schemesOf(
  chosen: readonly SignatureScheme[] | undefined,
  minVersion: ProtocolVersion,
): readonly SignatureScheme[] {
  const defaults =
    minVersion === 'TLSv1.2'
      ? [...defaultSignatureSchemes, ...tls12SignatureSchemes]
      : defaultSignatureSchemes;
  const schemes = names('signatureSchemes', chosen ?? defaults, signatureSchemeCodes);
  const old = schemes.find((scheme) => !isTls13Scheme(scheme));
  if (old && minVersion === 'TLSv1.3')
    throw new TlsUsageError(`signatureSchemes has '${old}', which signs handshakes in TLS 1.2 only`);
  return schemes;
}

/** By default what the provider has; a name that it does not have is a mistake. */
function compressionOf(
  { compressors }: CryptoProvider,
  chosen: readonly CertificateCompression[] | undefined,
): readonly CertificateCompression[] {
  if (!chosen) return Object.freeze(defaultCertificateCompression.filter((name) => compressors[name]));
  const known = knownNames('certificateCompression', chosen, certificateCompressionCodes);
  const missing = known.find((name) => !compressors[name]);
  if (missing) throw new TlsUsageError(`certificateCompression has '${missing}': the provider cannot do it`);
  return known;
}

function names<Name extends string>(
  field: string,
  list: readonly Name[],
  registry: Readonly<Record<Name, number>>,
): readonly Name[] {
  const known = knownNames(field, list, registry);
  if (known.length === 0) throw new TlsUsageError(`${field} is empty`);
  return known;
}

function knownNames<Name extends string>(
  field: string,
  list: readonly Name[],
  registry: Readonly<Record<Name, number>>,
): readonly Name[] {
  if (!Array.isArray(list))
    throw new TlsUsageError(`${field}: expected an array of names, got ${typeof list}`);
  if (new Set(list).size !== list.length) throw new TlsUsageError(`${field} has a name twice`);
  for (const name of list) {
    if (!Object.hasOwn(registry, name)) {
      throw new TlsUsageError(`${field} has '${name}'; known are ${Object.keys(registry).join(', ')}`);
    }
  }
  return Object.freeze([...list]);
}

function requireInteger(field: string, value: number, min: number, max: number): void {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new TlsUsageError(`${field} must be a whole number from ${min} to ${max}, not ${value}`);
  }
}

/** The identities of a server. @throws TlsUsageError where one is not consistent */
function tableOf(
  identities: readonly ServerIdentity[],
  { clientAuthentication = 'none', clientTrust }: ServerSettings,
): IdentityTable<ServerIdentity> {
  const modeOf = (identity: ServerIdentity): ClientAuthentication =>
    identity.clientAuthentication ?? clientAuthentication;
  for (const identity of identities) {
    requireEffect(identity, modeOf(identity));
    if (identity.clientTrust !== undefined) checkTrust('identity.clientTrust', identity.clientTrust);
  }
  const trustOf = (identity: ServerIdentity): TrustPolicy | undefined =>
    modeOf(identity) === 'none' ? undefined : (identity.clientTrust ?? clientTrust);
  return identityTable(
    identities,
    (one, other) => modeOf(one) === modeOf(other) && trustOf(one) === trustOf(other),
  );
}

function checkTrust(field: string, { certificateTypes }: TrustPolicy): void {
  if (certificateTypes !== undefined)
    names(`${field}.certificateTypes`, certificateTypes, certificateTypeCodes);
}

/** Which identity a function will choose is not known ahead: its sessions stay within this one configuration. */
function scopeOf(provider: CryptoProvider, trust: TrustPolicy, identity: ClientConfig['identity']): string {
  const own = typeof identity === 'function' ? [provider.randomBytes(32)] : identity.map(leafOf);
  const types = utf8(`${acceptedTypes(trust).join(' ')} ${trust.requestsOcspResponses ?? false}`);
  const parts = [trust.fingerprint, types, ...own].map((part) => sha256(provider, part));
  return toHex(sha256(provider, ...parts));
}

function leafOf({ chain }: Identity): Uint8Array {
  return chain[0] ?? noBytes;
}

function listOf<One>(oneOrMore: One | readonly One[]): readonly One[] {
  return Object.freeze(Array.isArray(oneOrMore) ? [...oneOrMore] : [oneOrMore as One]);
}
