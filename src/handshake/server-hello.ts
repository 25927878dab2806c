import { copyBytes, equalBytes } from '../base/bytes.ts';
import { peerError, TlsUsageError } from '../base/errors.ts';
import type { NamedGroup } from '../crypto/provider.ts';
import { type CipherSuite, cipherSuites } from '../keys/cipher-suites.ts';
import type { KeyShareEntry, OfferedPsks } from '../wire/extension-codecs.ts';
import { extensionTypes } from '../wire/extension-types.ts';
import { type ClientHello, encodeClientHello } from '../wire/hello.ts';
import {
  type CipherSuiteName,
  cipherSuiteCodes,
  namedGroupCodes,
  type ProtocolVersion,
  protocolVersions,
} from '../wire/names.ts';
import { tls13Schemes } from './authentication.ts';
import { typesIn } from './certificate-types.ts';
import type { ClientHelloInfo, ServerConfig } from './config.ts';
import type { IdentityWishes } from './identity-choice.ts';
import { isTls13Suite } from './versions.ts';

/** What holds for every ClientHello that a TLS 1.3 server accepts (RFC 9846 §4.2.2, §4.3, §9.2). */
export function checkClientHello(hello: ClientHello): void {
  const { extensions } = hello;
  if (hello.legacyVersion !== protocolVersions.tls12) {
    throw peerError('protocol_version', 'ClientHello has a legacy_version other than 0x0303');
  }
  if (hello.legacyCompressionMethods.length !== 1 || hello.legacyCompressionMethods[0] !== 0) {
    throw peerError('illegal_parameter', 'ClientHello offers compression');
  }
  const groups = extensions.supported_groups;
  const shares = extensions.key_share;
  if (!extensions.pre_shared_key) {
    if (!extensions.signature_algorithms) throw missing('signature_algorithms');
    if (!groups) throw missing('supported_groups');
  } else if (!extensions.psk_key_exchange_modes) {
    throw missing('psk_key_exchange_modes');
  }
  if (groups && !shares) throw missing('key_share');
  if (shares && !groups) throw missing('supported_groups');
  checkKeyShares(groups ?? [], shares ?? []);
}

/** Our cipher suites that the client offers too, preferred ones first. */
export function mutualCipherSuites(
  { cipherSuites: ours, followsClientOrder }: ServerConfig,
  { cipherSuites: offered }: ClientHello,
): readonly CipherSuiteName[] {
  const mutual = ours.filter((name) => offered.includes(cipherSuiteCodes[name]));
  if (!followsClientOrder) return mutual;
  const places = new Map(mutual.map((name) => [name, offered.indexOf(cipherSuiteCodes[name])]));
  return mutual.toSorted((one, other) => places.get(one)! - places.get(other)!);
}

/** The first of them for TLS 1.3. */
export function chooseCipherSuite(config: ServerConfig, hello: ClientHello): CipherSuite {
  const name = mutualCipherSuites(config, hello).find(isTls13Suite);
  if (!name) throw peerError('handshake_failure', 'the client offers no cipher suite of ours');
  return cipherSuites[name];
}

/** The group, and the client's share of it; without a share a HelloRetryRequest is due (RFC 9846 §4.2.1). */
export function chooseGroup(
  config: ServerConfig,
  hello: ClientHello,
): { readonly group: NamedGroup; readonly share: KeyShareEntry | undefined } {
  const { supported_groups: offered = [], key_share: shares = [] } = hello.extensions;
  const mutual = config.groups.filter((group) => offered.includes(namedGroupCodes[group]));
  const shareOf = (group: NamedGroup): KeyShareEntry | undefined =>
    shares.find((share) => share.group === namedGroupCodes[group]);
  // A group that saves the round trip goes before one that we would like better.
  const group = mutual.find(shareOf) ?? mutual[0];
  // Allowed beside a PSK, but we do not use one alone.
  if (!hello.extensions.supported_groups) throw missing('supported_groups');
  if (!group) throw peerError('handshake_failure', 'the client offers no key exchange group of ours');
  return { group, share: shareOf(group) };
}

/** Our first protocol that the client offers; undefined where one side does without ALPN (RFC 7301 §3.2). */
export function chooseProtocol(config: ServerConfig, hello: ClientHello): string | undefined {
  const { alpnProtocols, selectProtocol } = config;
  const offered = hello.extensions.application_layer_protocol_negotiation;
  if (!offered || (alpnProtocols.length === 0 && !selectProtocol)) return undefined;
  const chosen = selectProtocol
    ? selectProtocol([...offered], serverNameIn(hello))
    : alpnProtocols.find((protocol) => offered.includes(protocol));
  if (chosen === undefined) {
    const list = selectProtocol ? '' : ` (${alpnProtocols.join(', ')})`;
    throw peerError('no_application_protocol', `the client offers none of our protocols${list}`);
  }
  if (!offered.includes(chosen))
    throw new TlsUsageError(`selectProtocol gave '${chosen}', which the client does not offer`);
  return chosen;
}

/**
 * The second ClientHello must equal the first but for what RFC 9846 §4.2.2 lists, and have the key share that was
 * asked for, alone.
 */
export function checkSecondClientHello(
  first: ClientHello,
  second: ClientHello,
  group: NamedGroup,
): KeyShareEntry {
  const { extensions } = second;
  if (extensions.early_data) throw peerError('illegal_parameter', 'early_data follows a HelloRetryRequest');
  if (extensions.cookie)
    throw peerError('illegal_parameter', 'the second ClientHello has a cookie that was not given');
  if (!arePsksLeft(first.extensions.pre_shared_key, extensions.pre_shared_key)) {
    throw peerError('illegal_parameter', 'the second ClientHello offers a PSK that the first did not');
  }
  const [share, ...more] = extensions.key_share ?? [];
  if (!share || more.length > 0 || share.group !== namedGroupCodes[group]) {
    throw peerError(
      'illegal_parameter',
      `the second ClientHello has not exactly the key share of ${group} that was asked for`,
    );
  }
  if (!equalBytes(encodeClientHello(unchangeable(first)), encodeClientHello(unchangeable(second)))) {
    throw peerError('illegal_parameter', 'the second ClientHello is not the first one again');
  }
  return share;
}

/** In lower case, and without the dot of the root, which has no place there (RFC 6066 §3). */
export function serverNameIn({ extensions }: ClientHello): string | undefined {
  return extensions.server_name?.toLowerCase().replace(/\.$/, '');
}

/** What an identity may be chosen by. Copies: it outlives the message. */
export function clientHelloInfo(hello: ClientHello, protocolVersion: ProtocolVersion): ClientHelloInfo {
  const { extensions } = hello;
  const signatureSchemes = extensions.signature_algorithms ?? [];
  return {
    protocolVersion,
    serverName: serverNameIn(hello),
    alpnProtocols: extensions.application_layer_protocol_negotiation ?? [],
    signatureSchemes,
    certificateSignatureSchemes: extensions.signature_algorithms_cert ?? signatureSchemes,
    certificateAuthorities: (extensions.certificate_authorities ?? []).map(copyBytes),
    serverCertificateTypes:
      protocolVersion === 'TLSv1.3' ? typesIn(extensions.server_certificate_type) : ['X509'],
    cipherSuites: hello.cipherSuites,
    groups: extensions.supported_groups ?? [],
  };
}

/** What an identity is chosen by in TLS 1.3. */
export function tls13Wishes(hello: ClientHello): IdentityWishes {
  const info = clientHelloInfo(hello, 'TLSv1.3');
  return { hello: info, usableSchemes: tls13Schemes(info.signatureSchemes) };
}

const changeable: ReadonlySet<number> = new Set([
  extensionTypes.key_share.code,
  extensionTypes.early_data.code,
  extensionTypes.cookie.code,
  extensionTypes.pre_shared_key.code,
  extensionTypes.padding.code,
]);

function unchangeable(hello: ClientHello): ClientHello {
  const order = (hello.extensions.order ?? []).filter((code) => !changeable.has(code));
  return { ...hello, extensions: { ...hello.extensions, order } };
}

/** Whether the second list is the first one, but for PSKs that were removed. */
function arePsksLeft(first: OfferedPsks | undefined, second: OfferedPsks | undefined): boolean {
  const rest = [...(first?.identities ?? [])].reverse();
  return (second?.identities ?? []).every(({ identity }) => {
    let candidate = rest.pop();
    while (candidate && !equalBytes(candidate.identity, identity)) candidate = rest.pop();
    return candidate !== undefined;
  });
}

/** Servers may check these rules of RFC 9846 §4.3.8; that shares are in the order of the groups nobody enforces. */
function checkKeyShares(groups: readonly number[], shares: readonly KeyShareEntry[]): void {
  const offered = new Set(groups);
  const seen = new Set<number>();
  for (const { group } of shares) {
    if (seen.has(group)) throw peerError('illegal_parameter', `key_share has group ${group} twice`);
    if (!offered.has(group)) {
      throw peerError('illegal_parameter', `key_share has group ${group}, which is not in supported_groups`);
    }
    seen.add(group);
  }
}

function missing(extension: string): Error {
  return peerError('missing_extension', `ClientHello has no ${extension}`);
}
