import { equalBytes } from '../base/bytes.ts';
import { peerError } from '../base/errors.ts';
import { maxCookie } from '../base/limits.ts';
import type { KeyExchange, NamedGroup } from '../crypto/provider.ts';
import { type CipherSuite, cipherSuiteByCode, cipherSuites } from '../keys/cipher-suites.ts';
import type { Transcript } from '../keys/transcript.ts';
import { extensionTypes } from '../wire/extension-types.ts';
import type { ExtensionBlock } from '../wire/extensions.ts';
import type { ClientHello, HelloRetryRequest, ServerHello } from '../wire/hello.ts';
import type { RawMessage } from '../wire/message.ts';
import { decodeEncryptedExtensions, type EncryptedExtensions } from '../wire/messages.ts';
import { namedGroupCodes, nameOf, protocolVersions } from '../wire/names.ts';
import { acceptedTypes, answeredType } from './certificate-types.ts';
import { type ClientFlight, type OfferedSession, ownTypes } from './client-hello.ts';
import type { ClientConfig } from './config.ts';

/** What holds for ServerHello and HelloRetryRequest alike (RFC 9846 §4.2.3, §4.2.4). */
export function checkServerHello(
  config: ClientConfig,
  sent: ClientFlight,
  answer: ServerHello | HelloRetryRequest,
): CipherSuite {
  const { kind, extensions } = answer;
  const { hello } = sent;
  if (extensions.supported_versions !== protocolVersions.tls13) {
    throw peerError('illegal_parameter', `${kind} selects a version that was not offered`);
  }
  if (answer.legacyVersion !== protocolVersions.tls12) {
    throw peerError('protocol_version', `${kind} has a legacy_version other than 0x0303`);
  }
  if (!equalBytes(answer.legacySessionIdEcho, hello.legacySessionId)) {
    throw peerError('illegal_parameter', `${kind} does not echo the legacy_session_id`);
  }
  if (answer.legacyCompressionMethod !== 0)
    throw peerError('illegal_parameter', `${kind} selects a compression method`);
  const suite = cipherSuiteByCode(answer.cipherSuite);
  if (!suite || !config.cipherSuites.includes(suite.name)) {
    throw peerError('illegal_parameter', `${kind} selects a cipher suite that was not offered`);
  }
  // A cookie needs no offer; the offered session stands beside the hello, whose binder depends on it.
  const beside: number[] = kind === 'HelloRetryRequest' ? [extensionTypes.cookie.code] : [];
  if (sent.offered) beside.push(extensionTypes.pre_shared_key.code);
  refuseUnsolicited(kind, extensions, hello, beside);
  return suite;
}

/** Checks what a HelloRetryRequest asks for; a new key exchange where it asks for another group (RFC 9846 §4.3.8). */
export function checkRetry(
  config: ClientConfig,
  sent: ClientFlight,
  retry: HelloRetryRequest,
): KeyExchange | undefined {
  const { key_share: code, cookie } = retry.extensions;
  if (cookie && cookie.length > maxCookie) {
    throw peerError(
      'illegal_parameter',
      `HelloRetryRequest has a cookie of ${cookie.length} bytes; at most ${maxCookie} are accepted`,
    );
  }
  if (code === undefined) {
    if (cookie) return undefined;
    throw peerError('illegal_parameter', 'HelloRetryRequest would not change the ClientHello');
  }
  const group = nameOf(namedGroupCodes, code);
  if (!group || !config.groups.includes(group)) {
    throw peerError('illegal_parameter', `HelloRetryRequest asks for group ${code}, which was not offered`);
  }
  if (sent.keyExchanges.some((exchange) => exchange.group === group)) {
    throw peerError('illegal_parameter', `HelloRetryRequest asks for ${group}, which it has a key share of`);
  }
  return config.provider.initiateKeyExchange(group);
}

export function finishKeyExchange(
  sent: ClientFlight,
  answer: ServerHello,
  retried: HelloRetryRequest | undefined,
): { readonly group: NamedGroup; readonly sharedSecret: Uint8Array } {
  const share = answer.extensions.key_share;
  // Required also with a PSK: psk_dhe_ke is the only mode that we offer (RFC 9846 §4.3.11).
  if (!share) {
    const alert = answer.extensions.pre_shared_key === undefined ? 'missing_extension' : 'illegal_parameter';
    throw peerError(alert, 'ServerHello has no key_share');
  }
  if (retried?.extensions.key_share !== undefined && share.group !== retried.extensions.key_share) {
    throw peerError('illegal_parameter', 'ServerHello has another group than HelloRetryRequest');
  }
  const exchange = sent.keyExchanges.find(({ group }) => namedGroupCodes[group] === share.group);
  if (!exchange)
    throw peerError(
      'illegal_parameter',
      `ServerHello has a key share of group ${share.group}, not one of ours`,
    );
  const sharedSecret = exchange.finish(share.keyExchange);
  if (!sharedSecret)
    throw peerError('illegal_parameter', `ServerHello's key share is no valid value of ${exchange.group}`);
  return { group: exchange.group, sharedSecret };
}

/** The session that the server resumes (RFC 9846 §4.3.11). */
export function acceptedSession(
  offered: OfferedSession | undefined,
  answer: ServerHello,
  suite: CipherSuite,
): OfferedSession | undefined {
  const index = answer.extensions.pre_shared_key;
  if (index === undefined) return undefined;
  if (!offered || index !== 0)
    throw peerError('illegal_parameter', `ServerHello selects PSK ${index}, which was not offered`);
  if (cipherSuites[offered.session.cipherSuite].hash !== suite.hash) {
    throw peerError('illegal_parameter', 'ServerHello resumes with a cipher suite of another hash');
  }
  return offered;
}

export function checkEncryptedExtensions(
  config: ClientConfig,
  hello: ClientHello,
  message: RawMessage,
  transcript: Transcript,
): EncryptedExtensions {
  const extensions = decodeEncryptedExtensions(message.body);
  refuseUnsolicited('EncryptedExtensions', extensions, hello, []);
  const chosen = extensions.application_layer_protocol_negotiation;
  if (chosen !== undefined && !config.alpnProtocols.includes(chosen)) {
    throw peerError('illegal_parameter', 'the server chose an ALPN protocol that was not offered');
  }
  answeredType('server', extensions.server_certificate_type, acceptedTypes(config.trust));
  answeredType('client', extensions.client_certificate_type, ownTypes(config));
  transcript.add(message.bytes);
  return extensions;
}

/** An answer to what was not asked is an unsupported_extension (RFC 9846 §4.3). */
export function refuseUnsolicited(
  message: string,
  block: ExtensionBlock,
  hello: ClientHello,
  allowed: readonly number[],
): void {
  const offered = hello.extensions as Readonly<Record<string, unknown>>;
  const offeredCodes = new Set<number>(allowed);
  for (const [name, { code }] of Object.entries(extensionTypes))
    if (offered[name] !== undefined) offeredCodes.add(code);
  for (const { code } of hello.extensions.others ?? []) offeredCodes.add(code);
  for (const code of block.order ?? []) {
    if (!offeredCodes.has(code))
      throw peerError('unsupported_extension', `${message} has extension ${code}, which was not offered`);
  }
}
