import { equalBytes, noBytes, utf8 } from '../../src/base/bytes.ts';
import { TlsCertificateError } from '../../src/base/errors.ts';
import { createClientConfig, createServerConfig } from '../../src/connection/config.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import type { NamedGroup } from '../../src/crypto/provider.ts';
import { sha256 } from '../../src/crypto/sha256.ts';
import { presentableTypes } from '../../src/handshake/certificate-types.ts';
import type {
  CertificateRequestInfo,
  ClientConfig,
  ClientHelloInfo,
  ServerConfig,
} from '../../src/handshake/config.ts';
import type { Identity, PeerChain, TrustPolicy, TrustVerdict } from '../../src/handshake/identity.ts';
import { parseCertificate } from '../../src/pki/certificate.ts';
import { keyUsages } from '../../src/pki/extensions.ts';
import { orNone } from '../../src/pki/values.ts';
import { type ClientSession, MemorySessionCache } from '../../src/sessions/client-session.ts';
import type { ServerSessionStore } from '../../src/sessions/session-store.ts';
import { TicketKeys } from '../../src/sessions/ticket-keys.ts';
import {
  type CertificateType,
  certificateTypeCodes,
  namedGroupCodes,
  nameOf,
  type ProtocolVersion,
  protocolVersions,
} from '../../src/wire/names.ts';
import { type Answer, atOnce, identitiesOf, late } from './credentials.ts';
import { type Settings, signatureScheme, Unimplemented } from './flags.ts';
import { Mismatch, sameList } from './mismatch.ts';

/** What the connections of one run share. */
export class Shared {
  /** Milliseconds since 1970. It stands still while a connection lasts: the runner knows the age of a ticket exactly. */
  clock: number = Date.now();
  readonly ticketKeys = new TicketKeys(nodeCrypto, ticketLifetime);
  readonly store = new MapStore();
  readonly sessions = new MemorySessionCache();

  readonly now = (): number => this.clock;
}

/** What the functions of a configuration have seen during one connection. */
export class Observed {
  newSessions = 0;
  peerVerified = 0;
  /** Times that the server's store was asked for a session. */
  lookUps = 0;
  /** Whether the function that chooses an identity was asked. */
  wasAsked = false;
  selectedCredential: number | undefined;
  readonly keyLog: string[] = [];
  /** A check that failed inside of a function: the connection fails for it, and the shim has to say why. */
  mismatch: Mismatch | undefined;

  /** Keeps the first failed check. */
  check(run: () => void): void {
    try {
      run();
    } catch (error) {
      if (error instanceof Mismatch) this.mismatch ??= error;
      throw error;
    }
  }
}

const ticketLifetime = 86_400;
/** The certificates of the runner and its clock do not concern us: the shim's verdict is what the flags say. */
const validFor = 365 * 86_400_000;

export function clientOf(settings: Settings, shared: Shared, observed: Observed): ClientConfig {
  // Without a hash to compare it with, a raw public key is refused anyway.
  const takesRawKeys = settings.text('accepted-peer-cert-types') !== undefined;
  if (settings.has('verify-fail') && !settings.has('verify-peer') && !takesRawKeys)
    throw new Unimplemented('-verify-fail without -verify-peer: a verdict that nobody acts on');
  const answer = answerOf(settings);
  const groups = groupsOf(settings.numbers('curves'));
  const identities = identitiesOf(settings, answer, (index) => {
    observed.selectedCredential = index;
  });
  requireOneIdentity(settings, identities);
  requireOfferOf(settings, identities);
  requireIssuersForAll(settings);
  const choose = (request: CertificateRequestInfo): Identity | undefined => {
    observed.wasAsked = true;
    observed.check(() => checkRequest(settings, request));
    if (settings.has('fail-cert-callback')) throw new Error('the certificate callback fails');
    return identities[0];
  };
  const shares = settings.numbers('key-shares');
  return createClientConfig({
    provider: nodeCrypto,
    now: shared.now,
    groups,
    keyShares: settings.has('no-key-shares') ? [] : shares.length > 0 ? groupsOf(shares) : undefined,
    ...common(settings),
    alpnProtocols: protocolsIn(settings.text('advertise-alpn') ?? ''),
    trust: trustOf(settings, observed),
    // Sessions are kept for one configuration where a function chooses: only where the flags ask for one.
    identity: needsFunction(settings) ? (request) => answer(choose(request)) : identities,
    sessions: !settings.has('no-ticket') && {
      put(session): void {
        observed.newSessions += 1;
        shared.sessions.put(session);
      },
      take: (scope): ClientSession | undefined => shared.sessions.take(scope),
    },
    keyLog: (line) => observed.keyLog.push(line),
  });
}

export function serverOf(
  settings: Settings,
  shared: Shared,
  observed: Observed,
  isResumption: boolean,
): ServerConfig {
  if (settings.credentials.some(({ mustMatchIssuer }) => mustMatchIssuer))
    throw new Unimplemented('-must-match-issuer: to a server of ours the authorities are wishes');
  const answer = answerOf(settings);
  const identities = identitiesOf(settings, answer, (index) => {
    observed.selectedCredential = index;
  });
  requireOneIdentity(settings, identities);
  const [identity] = identities;
  const choose = (hello: ClientHelloInfo): Identity | undefined => {
    observed.wasAsked = true;
    observed.check(() => checkHello(settings, hello));
    if (settings.has('fail-cert-callback')) throw new Error('the certificate callback fails');
    return identity;
  };
  const isAsked = settings.has('verify-peer') || settings.has('require-any-client-certificate');
  const noTickets = settings.has('no-ticket');
  if (settings.has('verify-fail') && !isAsked)
    throw new Unimplemented('-verify-fail without a client that is asked who it is');
  if (noTickets && isResumption)
    throw new Unimplemented('-no-ticket: a server that has tickets from before, and takes none');
  return createServerConfig({
    provider: nodeCrypto,
    now: shared.now,
    groups: groupsOf(settings.numbers('curves')),
    ...common(settings),
    alpnProtocols: serverProtocols(settings),
    identity: identities.length > 1 ? identities : (hello) => answer(choose(hello)),
    clientAuthentication: settings.has('require-any-client-certificate')
      ? 'require'
      : isAsked
        ? 'request'
        : 'none',
    clientTrust: isAsked ? trustOf(settings, observed) : undefined,
    tickets: {
      ...(noTickets || settings.has('skip-ticket') ? { count: 0, resumedCount: 0 } : {}),
      lifetime: ticketLifetime,
      keeper:
        settings.has('use-ticket-callback') || settings.has('async')
          ? shared.store.answering(answer, observed)
          : shared.ticketKeys,
    },
    keyLog: (line) => observed.keyLog.push(line),
  });
}

/** Which of several identities fits is Tacit's choice: no function of ours is asked then, and none can check. */
function requireOneIdentity(settings: Settings, identities: readonly Identity[]): void {
  if (identities.length > 1 && needsFunction(settings))
    throw new Unimplemented('a function of the caller and several credentials');
}

/** What a client offers to be known by follows from its identities: the flags cannot say something else. */
function requireOfferOf(settings: Settings, identities: readonly Identity[]): void {
  const types = settings.numbers('available-client-cert-types');
  const codes = presentableTypes(identities).map((type) => certificateTypeCodes[type]);
  if (types.length > 0 && types.join() !== codes.join())
    throw new Unimplemented('-available-client-cert-types other than those of the credentials');
}

/** Of several identities a client of ours shows none whose issuers the server does not name: all, or the flag is not honoured. */
function requireIssuersForAll({ credentials, defaultCredential }: Settings): void {
  const all = defaultCredential.keyFile === undefined ? credentials : [...credentials, defaultCredential];
  const bound = all.filter(({ mustMatchIssuer }) => mustMatchIssuer);
  if (bound.length > 0 && (bound.length < all.length || all.length < 2))
    throw new Unimplemented('-must-match-issuer for some credentials');
}

/** Whether the flags ask for what only a function that chooses an identity can do. */
export function needsFunction(settings: Settings): boolean {
  return (
    settings.has('fail-cert-callback') ||
    settings.has('expect-no-server-name') ||
    settings.text('expect-advertised-alpn') !== undefined ||
    settings.text('expect-client-ca-list') !== undefined ||
    settings.text('expect-peer-verify-pref') !== undefined
  );
}

/** Sessions by the name in their ticket; it answers as late as the flags want it. */
class MapStore {
  readonly #sessions = new Map<string, Uint8Array>();

  answering(answer: Answer, observed: Observed): ServerSessionStore {
    const nameOfId = (id: Uint8Array): string => Buffer.from(id).toString('hex');
    return {
      kind: 'store',
      put: (id, state): void => {
        this.#sessions.set(nameOfId(id), state.slice());
      },
      get: (id) => {
        observed.lookUps += 1;
        return answer(this.#sessions.get(nameOfId(id))?.slice());
      },
    };
  }
}

function answerOf(settings: Settings): Answer {
  return settings.has('async') ? late : atOnce;
}

function common(settings: Settings): Pick<
  ClientConfig,
  'certificateCompression' | 'minVersion' | 'maxVersion'
> & {
  readonly signatureSchemes?: ClientConfig['signatureSchemes'] | undefined;
} {
  const prefs = settings.numbers('verify-prefs');
  return {
    ...versionsOf(settings),
    // The runner's algorithms are its own inventions.
    certificateCompression: [],
    signatureSchemes: prefs.length > 0 ? prefs.map(signatureScheme) : undefined,
  };
}

/** @throws Unimplemented where only other versions are left */
function versionsOf(settings: Settings): Pick<ClientConfig, 'minVersion' | 'maxVersion'> {
  const min = settings.number('min-version') ?? protocolVersions.tls12;
  const max = settings.number('max-version') ?? protocolVersions.tls13;
  const isWanted = (version: number, switchedOff: boolean): boolean =>
    version >= min && version <= max && !switchedOff;
  const versions: ProtocolVersion[] = [];
  if (isWanted(protocolVersions.tls12, settings.has('no-tls12'))) versions.push('TLSv1.2');
  if (isWanted(protocolVersions.tls13, settings.has('no-tls13'))) versions.push('TLSv1.3');
  const [minVersion, maxVersion = minVersion] = versions;
  if (!minVersion || !maxVersion) throw new Unimplemented('versions before TLS 1.2');
  return { minVersion, maxVersion };
}

function groupsOf(codes: readonly number[]): readonly NamedGroup[] | undefined {
  if (codes.length === 0) return undefined;
  return codes.map((code) => {
    const group = nameOf(namedGroupCodes, code);
    if (group === undefined) throw new Unimplemented(`group ${code}`);
    return group;
  });
}

/** `accepted-peer-cert-types` is a list of codes; without it peers have to have certificates. */
function typesIn(codes: readonly number[]): readonly CertificateType[] {
  return codes.map((code) => {
    const type = nameOf(certificateTypeCodes, code);
    if (type === undefined) throw new Unimplemented(`certificate type ${code}`);
    return type;
  });
}

/** Names in the encoding of RFC 7301 §3.1, each with its length in front. */
function protocolsIn(list: string): readonly string[] {
  const protocols: string[] = [];
  for (let offset = 0; offset < list.length; offset += 1 + list.charCodeAt(offset))
    protocols.push(list.slice(offset + 1, offset + 1 + list.charCodeAt(offset)));
  return protocols;
}

function serverProtocols(settings: Settings): readonly string[] {
  if (settings.has('decline-alpn')) return [];
  if (settings.has('reject-alpn')) return ['offered by nobody'];
  const selected = settings.text('select-alpn');
  return selected === undefined ? [] : [selected];
}

/** Trusts everybody with a certificate, or nobody with `-verify-fail`, and of raw public keys the one of the flags. */
function trustOf(settings: Settings, observed: Observed): TrustPolicy {
  const fails = settings.has('verify-fail');
  const rawKeyHash = settings.base64('expect-peer-rpk-sha256');
  const types = settings.numbers('accepted-peer-cert-types');
  const authorities = settings.text('use-client-ca-list');
  const answer = answerOf(settings);
  return {
    fingerprint: utf8('one policy'),
    certificateTypes: types.length > 0 ? typesIn(types) : undefined,
    certificateAuthorities: authorities === undefined ? undefined : namesIn(authorities),
    // BoringSSL asks servers only.
    requestsOcspResponses: settings.has('enable-ocsp-stapling') && !settings.has('server'),
    verify(peer: PeerChain) {
      observed.peerVerified += 1;
      const isWrongUse = peer.certificateType !== 'RawPublicKey' && !maySign(peer.chain[0]);
      const isUnknownKey =
        peer.certificateType === 'RawPublicKey' &&
        !equalBytes(sha256(nodeCrypto, peer.chain[0] ?? noBytes), rawKeyHash ?? noBytes);
      return answer<TrustVerdict>(
        fails || isUnknownKey || isWrongUse
          ? { trusted: false, error: refusal(isWrongUse) }
          : { trusted: true, validUntil: peer.now + validFor },
      );
    },
  };
}

function refusal(isWrongUse: boolean): TlsCertificateError {
  return isWrongUse
    ? new TlsCertificateError('key_usage', 'keyUsage lacks digitalSignature')
    : new TlsCertificateError('not_acceptable', 'the flags say so');
}

/** The one thing in a chain that the runner looks at: keyUsage, where it is there, has digitalSignature (RFC 9846 §4.5.1.2). */
function maySign(leaf: Uint8Array | undefined): boolean {
  const certificate = leaf && orNone(() => parseCertificate(leaf));
  return certificate?.keyUsage === undefined || (certificate.keyUsage & keyUsages.digitalSignature) !== 0;
}

/** DER names in hexadecimal, between commas. */
function namesIn(list: string): readonly Uint8Array[] {
  if (list === '<NULL>' || list === '<EMPTY>') return [];
  return list.split(',').map((name) => Uint8Array.from(Buffer.from(name, 'hex')));
}

function checkHello(settings: Settings, hello: ClientHelloInfo): void {
  const name = settings.text('expect-server-name');
  if (name !== undefined && hello.serverName !== name)
    throw new Mismatch('server_name', hello.serverName, name);
  if (settings.has('expect-no-server-name') && hello.serverName !== undefined)
    throw new Mismatch('server_name', hello.serverName, undefined);
  const protocols = settings.text('expect-advertised-alpn');
  if (protocols !== undefined) sameList('ALPN protocols', hello.alpnProtocols, protocolsIn(protocols));
  const prefs = settings.numbers('expect-peer-verify-pref');
  if (prefs.length > 0) sameList('signature_algorithms', hello.signatureSchemes, prefs);
}

function checkRequest(settings: Settings, request: CertificateRequestInfo): void {
  const list = settings.text('expect-client-ca-list');
  if (list !== undefined) {
    const hex = (names: readonly Uint8Array[]): readonly string[] =>
      names.map((name) => Buffer.from(name).toString('hex'));
    sameList('certificate_authorities', hex(request.certificateAuthorities), hex(namesIn(list)));
  }
  const prefs = settings.numbers('expect-peer-verify-pref');
  if (prefs.length > 0) sameList('signature_algorithms', request.signatureSchemes, prefs);
}
