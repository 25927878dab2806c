import { TlsCertificateError, TlsUsageError } from '../base/errors.ts';
import {
  type ClientSettings,
  createClientConfig,
  createServerConfig,
  type ServerSettings,
} from '../connection/config.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import type {
  ClientConfig,
  ClientIdentitySelector,
  ServerConfig,
  ServerIdentitySelector,
} from '../handshake/config.ts';
import type {
  ClientAuthentication,
  Identity,
  MaybePromise,
  PeerChain,
  QuestionContext,
  ServerIdentity,
  TrustPolicy,
  TrustVerdict,
} from '../handshake/identity.ts';
import type { CertificateAuthorities } from './anchors.ts';
import { type IdentityOptions, loadIdentity } from './identity.ts';
import { eitherTrust, type RawPublicKeySource, rawPublicKeyTrust } from './raw-public-keys.ts';
import type { RevocationOptions } from './revocation.ts';
import { isPromiseLike, type PeerCheck, x509Trust } from './trust.ts';

/** What clients and servers are configured with. Everything has a default. */
export interface CommonOptions {
  /** The lowest version of TLS that is spoken: `'TLSv1.2'` by default. */
  readonly minVersion?: ClientSettings['minVersion'];
  /** The highest version: `'TLSv1.3'` by default. */
  readonly maxVersion?: ClientSettings['maxVersion'];
  /**
   * Of both versions, preferred ones first; by default the three of TLS 1.3 and those of TLS 1.2 that have ECDHE and an
   * AEAD, which are all that there are. A version that has none among them is not spoken.
   */
  readonly cipherSuites?: ClientSettings['cipherSuites'];
  /** Key exchange groups, preferred ones first; x25519 and the NIST curves by default. */
  readonly groups?: ClientSettings['groups'];
  /** Refuses TLS 1.2 with a peer that has no extended master secret (RFC 7627); off by default. */
  readonly requireExtendedMasterSecret?: boolean | undefined;
  /** What the peer may sign its handshake with. */
  readonly signatureSchemes?: ClientSettings['signatureSchemes'];
  /** Application protocols (ALPN), preferred ones first. */
  readonly alpnProtocols?: readonly string[] | undefined;
  /**
   * How certificates may be compressed in TLS 1.3, in both directions: `brotli` and `zlib` by default, `[]` for not at all
   * (RFC 8879). Their lengths on the wire then depend on what is in them: padding that hides lengths has to cover that.
   */
  readonly certificateCompression?: ClientSettings['certificateCompression'];
  /** The largest record that we accept, in bytes with content type and padding: 64 to 16 385 (RFC 8449). */
  readonly recordSizeLimit?: number | undefined;
  /** Pads records to a multiple of so many bytes, or by as many as the function says for a content length. TLS 1.2 has no padding. */
  readonly padding?: number | ((contentLength: number) => number) | undefined;
  /** Milliseconds since 1970; `Date.now` by default. */
  readonly now?: (() => number) | undefined;
  /**
   * The certificates that a peer's chain must lead to: PEM text, DER, `'bundled'` (Mozilla's set, which Node carries),
   * `'system'` (the operating system's store), or several of these. A client's default is `'bundled'`; a server that
   * authenticates clients has to name its own, and cannot name that. Sets are read when they are first needed.
   */
  readonly ca?: CertificateAuthorities | undefined;
  /** How revoked certificates of peers are found; by default by the OCSP responses that peers send along. */
  readonly revocation?: RevocationOptions | undefined;
  /**
   * SHA-256 hashes of public keys (DER SubjectPublicKeyInfo), as 32 bytes or in base64. One key of the chain has to be
   * among them, beside every other check. They say nothing of `rawPublicKeys`.
   */
  readonly pins?: readonly (string | Uint8Array)[] | undefined;
  /**
   * Public keys of peers, to be trusted without any certificate (RFC 7250): PEM text, DER SubjectPublicKeyInfo or a
   * KeyObject. Without `ca` beside them nothing else is trusted; with it, a peer may show either. In TLS 1.3 only.
   */
  readonly rawPublicKeys?: readonly RawPublicKeySource[] | undefined;
  /** A check of your own behind all others, with an answer now or later. */
  readonly verifyPeer?: PeerCheck | undefined;
  /** Replaces the verification of the peer's certificate altogether: what it says is all that is checked. */
  readonly dangerouslyVerifyPeer?: PeerVerifier | undefined;
  /** Is given the secrets of each connection as lines of an SSLKEYLOGFILE: whoever has them reads everything. */
  readonly dangerouslyLogKeys?: ((line: string) => void) | undefined;
}

type OneOrMore<One> = One | readonly One[];

/** A verdict on the chain that a peer presented, at once or later. */
export type PeerVerifier = (peer: PeerChain, context: QuestionContext) => MaybePromise<TrustVerdict>;

export interface ClientOptions extends CommonOptions {
  /**
   * Who we are, where a server asks for a certificate: of several the first one that fits what it asks, by its signature
   * algorithms and by the authorities that it names; none where none was issued by one of those.
   */
  readonly identity?: OneOrMore<IdentityOptions | Identity> | ClientIdentitySelector | undefined;
  /** Groups that the first flight has key shares for; the first group by default. */
  readonly keyShares?: ClientSettings['keyShares'];
  /** Where sessions are kept for resumption: in memory by default; `false` keeps none. */
  readonly sessions?: ClientSettings['sessions'];
  /** How many tickets to ask a server for (RFC 9149). */
  readonly ticketRequest?: ClientSettings['ticketRequest'];
  /** Looks like TLS 1.2 to old middleboxes (RFC 9846 Appendix E.4); on by default. */
  readonly compatibilityMode?: boolean | undefined;
}

export interface ServerOptions extends CommonOptions {
  /**
   * Who we are: a certificate with its key, several of them, or a function of what a client asks for. Of several, the
   * server_name of the client chooses, an exact name before a wildcard; then what it can verify, then their order. The
   * first ones are for clients that name nobody, or somebody else.
   */
  readonly identity: OneOrMore<IdentityOptions | ServerIdentity> | ServerIdentitySelector;
  /** Whether clients are asked for a certificate: `request` lets those in that have none. `none` by default. */
  readonly clientAuthentication?: ServerSettings['clientAuthentication'];
  /** Session tickets: how many are owed after a handshake, how long they live, when they may leave. */
  readonly tickets?: ServerSettings['tickets'];
}

const commonNames = [
  'minVersion',
  'maxVersion',
  'cipherSuites',
  'requireExtendedMasterSecret',
  'groups',
  'signatureSchemes',
  'alpnProtocols',
  'certificateCompression',
  'recordSizeLimit',
  'padding',
  'now',
  'ca',
  'revocation',
  'pins',
  'rawPublicKeys',
  'verifyPeer',
  'dangerouslyVerifyPeer',
  'dangerouslyLogKeys',
  'identity',
] as const;

/** The names of all options of a client. */
export const clientOptionNames: ReadonlySet<string> = new Set<keyof ClientOptions>([
  ...commonNames,
  'keyShares',
  'sessions',
  'ticketRequest',
  'compatibilityMode',
]);

/** The names of all options of a server. */
export const serverOptionNames: ReadonlySet<string> = new Set<keyof ServerOptions>([
  ...commonNames,
  'clientAuthentication',
  'tickets',
]);

/** A client's configuration, checked and read once, for any number of connections. @throws TlsUsageError naming the option */
export function clientConfig(options: ClientOptions, provider: CryptoProvider): ClientConfig {
  requireKnown(options, clientOptionNames);
  const { identity, keyShares, sessions, ticketRequest, compatibilityMode } = options;
  if (options.rawPublicKeys !== undefined && options.ca === undefined && options.maxVersion === 'TLSv1.2')
    throw new TlsUsageError(
      'rawPublicKeys: TLS 1.2 takes certificates alone; allow TLSv1.3, or give `ca` too',
    );
  return createClientConfig({
    ...commonSettings(options, provider),
    trust: trustOf(options, 'server', provider),
    identity: identity === undefined || typeof identity === 'function' ? identity : loadIdentities(identity),
    keyShares,
    sessions,
    ticketRequest,
    compatibilityMode,
  });
}

/** A server's configuration, checked and read once, for any number of connections. @throws TlsUsageError naming the option */
export function serverConfig(options: ServerOptions, provider: CryptoProvider): ServerConfig {
  requireKnown(options, serverOptionNames);
  const { clientAuthentication = 'none', ca, rawPublicKeys, dangerouslyVerifyPeer, tickets } = options;
  if (options.identity === undefined) throw new TlsUsageError('identity: a server needs { cert, key }');
  const identity =
    typeof options.identity === 'function'
      ? options.identity
      : loadIdentities<ServerIdentity>(options.identity);
  const judges = [ca, rawPublicKeys, dangerouslyVerifyPeer].some((judge) => judge !== undefined);
  checkClientAuthentication(clientAuthentication, identity, judges);
  for (const name of ['revocation', 'pins', 'verifyPeer'] as const) {
    if (options[name] !== undefined && !judges)
      throw new TlsUsageError(
        `${name}: it is about clients, and without their \`ca\` or \`rawPublicKeys\` none is asked who it is`,
      );
  }
  return createServerConfig({
    ...commonSettings(options, provider),
    identity,
    clientAuthentication,
    clientTrust: judges ? trustOf(options, 'client', provider) : undefined,
    tickets,
  });
}

function loadIdentities<Ready extends Identity>(
  given: OneOrMore<IdentityOptions | Ready>,
): readonly (Identity | Ready)[] {
  if (!Array.isArray(given)) return [loadIdentity(given as IdentityOptions | Ready)];
  if (given.length === 0)
    throw new TlsUsageError('identity: expected at least one identity, got an empty array');
  return given.map((one: IdentityOptions | Ready, index) => loadIdentity(one, `identity[${index}]`));
}

/** Whoever asks clients for certificates must be able to judge them, and whoever can judge them means to ask. */
function checkClientAuthentication(
  clientAuthentication: ClientAuthentication,
  identity: readonly ServerIdentity[] | ServerIdentitySelector,
  judges: boolean,
): void {
  // What a function will choose is not known yet: its identities are checked when they are chosen.
  const identities: readonly Partial<ServerIdentity>[] = typeof identity === 'function' ? [{}] : identity;
  const modes = identities.map((own) => own.clientAuthentication ?? clientAuthentication);
  const unjudged = modes.find(
    (mode, index) => mode !== 'none' && !judges && identities[index]?.clientTrust === undefined,
  );
  if (unjudged !== undefined) {
    throw new TlsUsageError(`ca: clientAuthentication '${unjudged}' needs the authorities of your clients`);
  }
  if (judges && typeof identity !== 'function' && modes.every((mode) => mode === 'none')) {
    throw new TlsUsageError(
      "clientAuthentication: a server's `ca` and `dangerouslyVerifyPeer` judge clients, and with 'none' no client is asked; say 'request' or 'require', or leave them out",
    );
  }
}

function commonSettings(options: CommonOptions, provider: CryptoProvider): Omit<ClientSettings, 'trust'> {
  const { cipherSuites, groups, signatureSchemes, alpnProtocols, recordSizeLimit, now, dangerouslyLogKeys } =
    options;
  const { certificateCompression, minVersion, maxVersion, requireExtendedMasterSecret } = options;
  if (now !== undefined) requireFunction('now', now);
  if (dangerouslyLogKeys !== undefined) requireFunction('dangerouslyLogKeys', dangerouslyLogKeys);
  return {
    provider,
    now,
    minVersion,
    maxVersion,
    cipherSuites,
    requireExtendedMasterSecret,
    groups,
    signatureSchemes,
    alpnProtocols,
    certificateCompression,
    recordSizeLimit,
    padding: paddingOf(options.padding),
    keyLog: dangerouslyLogKeys,
  };
}

function trustOf(
  options: CommonOptions,
  purpose: 'server' | 'client',
  provider: CryptoProvider,
): TrustPolicy {
  const { ca, dangerouslyVerifyPeer, revocation, pins, rawPublicKeys, verifyPeer } = options;
  const checks = { ca, revocation, pins, verifyPeer };
  if (dangerouslyVerifyPeer === undefined) {
    if (rawPublicKeys === undefined) return x509Trust({ ...checks, purpose }, provider);
    const raw = rawPublicKeyTrust({ rawPublicKeys, verifyPeer, purpose }, provider);
    if (ca !== undefined) return eitherTrust(raw, x509Trust({ ...checks, purpose }, provider), provider);
    for (const name of ['revocation', 'pins'] as const) {
      if (options[name] !== undefined)
        throw new TlsUsageError(`${name}: it is about certificates, and \`rawPublicKeys\` alone takes none`);
    }
    return raw;
  }
  requireFunction('dangerouslyVerifyPeer', dangerouslyVerifyPeer);
  for (const [name, value] of Object.entries({ ...checks, rawPublicKeys })) {
    if (value !== undefined)
      throw new TlsUsageError(`dangerouslyVerifyPeer: it replaces \`${name}\`; give one of them`);
  }
  return Object.freeze<TrustPolicy>({
    // Functions cannot be compared: what this one accepted is resumed only where the very same one judges.
    fingerprint: provider.randomBytes(32),
    verify(peer, context) {
      const verdict = dangerouslyVerifyPeer(peer, context);
      // An answer that is there at once is passed on at once.
      return isPromiseLike(verdict) ? verdict.then(checkVerdict) : checkVerdict(verdict);
    },
  });
}

/** A careless answer, `true` or nothing at all, must not let anybody in, nor make a session that never expires. */
function checkVerdict(verdict: TrustVerdict): TrustVerdict {
  if (verdict?.trusted === true && Number.isFinite(verdict.validUntil)) return verdict;
  if (verdict?.trusted === false && verdict.error instanceof TlsCertificateError) return verdict;
  const message =
    'dangerouslyVerifyPeer gave no verdict: expected { trusted: true, validUntil } with a time in milliseconds, or { trusted: false, error } with a TlsCertificateError';
  return { trusted: false, error: new TlsCertificateError('not_acceptable', message) };
}

function paddingOf(padding: CommonOptions['padding']): ((contentLength: number) => number) | undefined {
  if (padding === undefined || typeof padding === 'function') return padding;
  if (!Number.isInteger(padding) || padding < 1) {
    throw new TlsUsageError(`padding: expected a function or a whole number from 1 on, got ${padding}`);
  }
  // The content type is a byte of the inner plaintext too (RFC 9846 §5.2).
  return (contentLength) => (padding - ((contentLength + 1) % padding)) % padding;
}

function requireFunction(name: string, value: unknown): void {
  if (typeof value !== 'function')
    throw new TlsUsageError(`${name}: expected a function, got ${typeof value}`);
}

function requireKnown(options: object, known: ReadonlySet<string>): void {
  if (options === null || typeof options !== 'object') {
    throw new TlsUsageError(
      `expected an object of options, got ${options === null ? 'null' : typeof options}`,
    );
  }
  for (const name of Object.keys(options)) {
    if (!known.has(name))
      throw new TlsUsageError(`${name}: there is no such option; known are ${[...known].join(', ')}`);
  }
}
