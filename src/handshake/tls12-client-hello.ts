import { peerError } from '../base/errors.ts';
import type { NamedGroup, SignatureScheme } from '../crypto/provider.ts';
import {
  authenticationOf,
  curveOf,
  type Tls12CipherSuite,
  tls12CipherSuites,
} from '../keys/tls12-cipher-suites.ts';
import { uncompressedPoints } from '../wire/extension-codecs.ts';
import type { ClientHello } from '../wire/hello.ts';
import { namedGroupCodes, nameOf, signalingCipherSuites, signatureSchemeCodes } from '../wire/names.ts';
import { chooseSignatureScheme } from './authentication.ts';
import type { ServerConfig } from './config.ts';
import type { Identity } from './identity.ts';
import type { IdentityWishes } from './identity-choice.ts';
import { clientHelloInfo, mutualCipherSuites } from './server-hello.ts';
import { isTls12Suite } from './versions.ts';

/** What holds for every ClientHello that a TLS 1.2 server accepts. */
export function checkTls12ClientHello(config: ServerConfig, hello: ClientHello): void {
  const { extensions } = hello;
  if (!hello.legacyCompressionMethods.includes(0))
    throw peerError('illegal_parameter', 'ClientHello does not offer to do without compression');
  if (extensions.renegotiation_info && extensions.renegotiation_info.length > 0)
    throw peerError('handshake_failure', 'ClientHello has a renegotiation_info that is not empty');
  if (extensions.ec_point_formats && !extensions.ec_point_formats.includes(uncompressedPoints))
    throw peerError('illegal_parameter', 'ClientHello has no uncompressed points among its ec_point_formats');
  if (config.requireExtendedMasterSecret && !extensions.extended_master_secret)
    throw peerError('handshake_failure', 'the client has no extended master secret (RFC 7627)');
}

/** Whether the client knows of secure renegotiation, and wants to be told that we do (RFC 5746 §3.6). */
export function wantsRenegotiationInfo({ cipherSuites, extensions }: ClientHello): boolean {
  const { TLS_EMPTY_RENEGOTIATION_INFO_SCSV: signal } = signalingCipherSuites;
  return extensions.renegotiation_info !== undefined || cipherSuites.includes(signal);
}

/** Our cipher suites of TLS 1.2 that the client offers too, preferred ones first. */
export function mutualTls12Suites(config: ServerConfig, hello: ClientHello): readonly Tls12CipherSuite[] {
  return mutualCipherSuites(config, hello)
    .filter(isTls12Suite)
    .map((name) => tls12CipherSuites[name]);
}

/** Our first group that the client has; without supported_groups it takes any (RFC 8422 §4), and has P-256 surely. */
export function chooseTls12Group({ groups }: ServerConfig, { extensions }: ClientHello): NamedGroup {
  const { supported_groups: offered } = extensions;
  const group = offered
    ? groups.find((name) => offered.includes(namedGroupCodes[name]))
    : (groups.find((name) => name === 'secp256r1') ?? groups[0]);
  if (!group) throw peerError('handshake_failure', 'the client offers no key exchange group of ours');
  return group;
}

/** What an identity is chosen by: signatures that a cipher suite of both goes with, and keys on curves of the client's. */
export function tls12Wishes(hello: ClientHello, suites: readonly Tls12CipherSuite[]): IdentityWishes {
  const info = clientHelloInfo(hello, 'TLSv1.2');
  const { supported_groups: groups } = hello.extensions;
  const isUsable = (code: number): boolean => {
    const scheme = nameOf(signatureSchemeCodes, code);
    if (!scheme || !suites.some(({ authentication }) => authentication === authenticationOf(scheme)))
      return false;
    const curve = curveOf(scheme);
    return curve === undefined || groups === undefined || groups.includes(namedGroupCodes[curve]);
  };
  return { hello: info, usableSchemes: info.signatureSchemes.filter(isUsable) };
}

/** What the server signs with, and the cipher suite that goes with it. */
export function chooseTls12Suite(
  identity: Identity,
  suites: readonly Tls12CipherSuite[],
  usableSchemes: readonly number[],
): { readonly suite: Tls12CipherSuite; readonly scheme: SignatureScheme } {
  if (suites.length === 0)
    throw peerError('handshake_failure', 'the client offers no cipher suite of ours for TLS 1.2');
  const scheme = chooseSignatureScheme(identity, usableSchemes);
  const suite = scheme && suites.find(({ authentication }) => authentication === authenticationOf(scheme));
  if (!suite)
    throw peerError(
      'handshake_failure',
      "the client accepts no signature scheme of the server's key, or no cipher suite that goes with it",
    );
  return { suite, scheme };
}
