import { equalBytes } from '../base/bytes.ts';
import { peerError } from '../base/errors.ts';
import { type Tls12CipherSuite, tls12CipherSuiteByCode } from '../keys/tls12-cipher-suites.ts';
import type { Tls12ClientSession } from '../sessions/client-session.ts';
import { uncompressedPoints } from '../wire/extension-codecs.ts';
import { certificateTypeCodes, protocolVersions } from '../wire/names.ts';
import type { Tls12ServerHello } from '../wire/tls12-messages.ts';
import type { ClientFlight } from './client-hello.ts';
import type { ClientConfig } from './config.ts';
import { refuseUnsolicited } from './tls13-server-answer.ts';
import { speaks, tls11DowngradeSentinel, tls12DowngradeSentinel } from './versions.ts';

const { X509 } = certificateTypeCodes;

/** What holds for every ServerHello of TLS 1.2 (RFC 5246 §7.4.1.3, RFC 9846 §4.2.3). */
export function checkTls12ServerHello(
  config: ClientConfig,
  { hello }: ClientFlight,
  answer: Tls12ServerHello,
): Tls12CipherSuite {
  const { version, random, extensions } = answer;
  if (version !== protocolVersions.tls12 || !speaks(config, 'TLSv1.2'))
    throw peerError('protocol_version', `the server chose version ${hex(version)}, which was not offered`);
  if (speaks(config, 'TLSv1.3')) {
    const mark = random.subarray(-tls12DowngradeSentinel.length);
    if (equalBytes(mark, tls12DowngradeSentinel) || equalBytes(mark, tls11DowngradeSentinel))
      throw peerError(
        'illegal_parameter',
        'the server speaks TLS 1.3, but the handshake was brought down to 1.2',
      );
  }
  if (answer.compressionMethod !== 0)
    throw peerError('illegal_parameter', 'ServerHello selects a compression method');
  const suite = tls12CipherSuiteByCode(answer.cipherSuite);
  if (!suite || !config.cipherSuites.includes(suite.name))
    throw peerError('illegal_parameter', 'ServerHello selects a cipher suite that was not offered');
  refuseUnsolicited('ServerHello', extensions, hello, []);
  checkExtensions(config, answer);
  return suite;
}

function checkExtensions(config: ClientConfig, { extensions }: Tls12ServerHello): void {
  const { renegotiation_info: renegotiation, ec_point_formats: formats } = extensions;
  // Without it the server may have been brought to renegotiate with us (RFC 5746 §3.4).
  if (!renegotiation)
    throw peerError('handshake_failure', 'ServerHello has no renegotiation_info (RFC 5746)');
  if (renegotiation.length > 0)
    throw peerError('handshake_failure', 'ServerHello has a renegotiation_info that is not empty');
  if (formats && !formats.includes(uncompressedPoints))
    throw peerError('illegal_parameter', 'ServerHello has no uncompressed points among its ec_point_formats');
  if (config.requireExtendedMasterSecret && !extensions.extended_master_secret)
    throw peerError('handshake_failure', 'the server has no extended master secret (RFC 7627)');
  const { server_certificate_type: ofServer = X509, client_certificate_type: ofClient = X509 } = extensions;
  if (ofServer !== X509 || ofClient !== X509)
    throw peerError('unsupported_certificate', 'in TLS 1.2 we take and show no raw public keys');
  const chosen = extensions.application_layer_protocol_negotiation;
  if (chosen !== undefined && !config.alpnProtocols.includes(chosen))
    throw peerError('illegal_parameter', 'the server chose an ALPN protocol that was not offered');
}

/** The session that the server resumes: it echoes the session ID of the hello (RFC 5246 §7.4.1.3, RFC 5077 §3.4). */
export function resumedTls12Session(
  { hello, tls12Session }: ClientFlight,
  { sessionId, extensions }: Tls12ServerHello,
  suite: Tls12CipherSuite,
): Tls12ClientSession | undefined {
  if (sessionId.length === 0 || !equalBytes(sessionId, hello.legacySessionId)) return undefined;
  if (!tls12Session)
    throw peerError('illegal_parameter', 'ServerHello resumes a session that was not offered');
  if (tls12Session.cipherSuite !== suite.name)
    throw peerError('illegal_parameter', 'ServerHello resumes a session with another cipher suite');
  // RFC 7627 §5.3: all our sessions have it.
  if (!extensions.extended_master_secret)
    throw peerError('handshake_failure', 'ServerHello resumes a session without its extended master secret');
  return tls12Session;
}

function hex(version: number): string {
  return `0x${version.toString(16).padStart(4, '0')}`;
}
