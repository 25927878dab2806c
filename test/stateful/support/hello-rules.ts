import { equalBytes } from '../../../src/base/bytes.ts';
import type { ServerConfig } from '../../../src/handshake/config.ts';
import { isTls13Suite } from '../../../src/handshake/versions.ts';
import { cipherSuites } from '../../../src/keys/cipher-suites.ts';
import { extensionTypes } from '../../../src/wire/extension-types.ts';
import type { ClientHello } from '../../../src/wire/hello.ts';
import { certificateTypeCodes, namedGroupCodes, signatureSchemeCodes } from '../../../src/wire/names.ts';
import { structureOf } from '../../hostile/support/structure.ts';
import { isValidShare } from './authentication-rules.ts';
import type { Faults } from './model.ts';

/** A ClientHello, and its bytes. */
export interface WholeHello {
  readonly hello: ClientHello;
  readonly bytes: Uint8Array;
}

/** The groups of a server as code points, preferred ones first. */
export function groupCodes({ groups }: ServerConfig): readonly number[] {
  return groups.map((name) => namedGroupCodes[name]);
}

/**
 * What every ClientHello must say to a server (RFC 9846 §4.2.2, §4.3, §9.2), and what the two must have in common for
 * any answer, a HelloRetryRequest too.
 */
export function requireClientHello(
  faults: Faults,
  { extensions, ...hello }: ClientHello,
  config: ServerConfig,
): void {
  const { supported_groups: groups, key_share: shares, signature_algorithms: schemes } = extensions;
  faults.require(extensions.supported_versions?.includes(0x0304) ?? false, 'protocol_version');
  faults.require(hello.legacyVersion === 0x0303, 'protocol_version');
  const [compression, ...others] = hello.legacyCompressionMethods;
  faults.require(compression === 0 && others.length === 0, 'illegal_parameter');
  if (!extensions.pre_shared_key)
    faults.require(schemes !== undefined && groups !== undefined, 'missing_extension');
  else
    faults.require(extensions.psk_key_exchange_modes !== undefined, 'missing_extension', 'illegal_parameter');
  faults.require((groups === undefined) === (shares === undefined), 'missing_extension');
  // It may be left out beside a PSK that is used alone, which is not what this server does.
  faults.require(groups !== undefined, 'missing_extension', 'handshake_failure');
  const shared = (shares ?? []).map(({ group }) => group);
  faults.require(new Set(shared).size === shared.length, 'illegal_parameter');
  faults.require(
    shared.every((group) => groups?.includes(group)),
    'illegal_parameter',
  );
  const suite = config.cipherSuites
    .filter(isTls13Suite)
    .find((name) => hello.cipherSuites.includes(cipherSuites[name].code));
  faults.require(suite !== undefined, 'handshake_failure', 'insufficient_security');
  const mutual = groupCodes(config).filter((code) => groups?.includes(code));
  faults.require(mutual.length > 0, 'handshake_failure', 'insufficient_security');
}

/**
 * What the two must have in common for a ServerHello.
 * @param resumes whether a session on offer will do in the place of a certificate
 * @param isShareKnown whether the peer made this share, so that it is a valid one
 */
export function requireCommonGround(
  faults: Faults,
  { extensions }: ClientHello,
  config: ServerConfig,
  resumes: boolean,
  isShareKnown: (share: Uint8Array) => boolean,
): void {
  const { supported_groups: groups, key_share: shares = [], signature_algorithms: schemes } = extensions;
  const offered = shares.map((one) => one.group);
  const mutual = groupCodes(config).filter((code) => groups?.includes(code));
  const group = mutual.find((code) => offered.includes(code));
  const share = shares.find((one) => one.group === group);
  faults.require(!share || isShareKnown(share.keyExchange) || isValidShare(share), 'illegal_parameter');
  const protocols = extensions.application_layer_protocol_negotiation;
  const hasProtocol = config.alpnProtocols.some((protocol) => protocols?.includes(protocol));
  faults.require(!protocols || hasProtocol, 'no_application_protocol');
  const types = extensions.server_certificate_type;
  faults.require(!types || types.includes(0), 'unsupported_certificate');
  if (resumes) return;
  const mustShow = config.clientAuthentication === 'require';
  faults.require(!mustShow || hasTypeOfOwn(extensions, config), 'unsupported_certificate');
  // Where a PSK was offered and is not accepted, certificates are due after all.
  faults.require(schemes !== undefined, 'missing_extension');
  const signs = schemes?.includes(signatureSchemeCodes.ed25519) ?? true;
  faults.require(signs, 'handshake_failure', 'insufficient_security');
}

/** Whether the client can show itself in a way that the server takes (RFC 7250 §4.2). */
export function hasTypeOfOwn(
  { client_certificate_type: offered = [0] }: ClientHello['extensions'],
  { clientTrust }: ServerConfig,
): boolean {
  const accepted = (clientTrust?.certificateTypes ?? ['X509']).map((name) => certificateTypeCodes[name]);
  return accepted.some((code) => offered.includes(code));
}

/** What may be different after a HelloRetryRequest (RFC 9846 §4.2.2). */
const changeable = [
  extensionTypes.key_share.code,
  extensionTypes.early_data.code,
  extensionTypes.cookie.code,
  extensionTypes.pre_shared_key.code,
  extensionTypes.padding.code,
] as readonly number[];

/** The second ClientHello is the first one again, but for the changes that were asked for. */
export function requireSameHello(
  faults: Faults,
  first: WholeHello,
  second: WholeHello,
  group: number | undefined,
): void {
  const { extensions } = second.hello;
  const [share, ...more] = extensions.key_share ?? [];
  faults.require(share?.group === group && more.length === 0, 'illegal_parameter');
  faults.require(extensions.early_data === undefined, 'illegal_parameter');
  // None was given.
  faults.require(extensions.cookie === undefined, 'illegal_parameter');
  faults.require(equalBytes(fixedPart(first), fixedPart(second)), 'illegal_parameter');
  const offered = (first.hello.extensions.pre_shared_key?.identities ?? []).map(({ identity }) => identity);
  for (const { identity } of extensions.pre_shared_key?.identities ?? []) {
    const place = offered.findIndex((one) => equalBytes(one, identity));
    faults.require(place >= 0, 'illegal_parameter');
    offered.splice(0, place + 1);
  }
}

/** All of a ClientHello that must not change. */
function fixedPart({ hello, bytes }: WholeHello): Uint8Array {
  const { extensions } = structureOf(bytes);
  const start = extensions[0]?.start ?? bytes.length;
  // Behind the header, and ahead of the length of the extensions.
  const parts = [bytes.subarray(4, start - 2)];
  for (const place of extensions)
    if (!changeable.includes(place.code)) parts.push(bytes.subarray(place.start, place.end));
  return Buffer.concat([...parts, Uint8Array.of(hello.cipherSuites.length)]);
}
