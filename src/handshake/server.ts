import { peerError } from '../base/errors.ts';
import { Transcript } from '../keys/transcript.ts';
import { type ClientHello, decodeClientHello } from '../wire/hello.ts';
import { type ProtocolVersion, protocolVersions, signalingCipherSuites } from '../wire/names.ts';
import type { ServerConfig } from './config.ts';
import type { HandshakeOutcome } from './outcome.ts';
import type { ServerContext } from './server-policy.ts';
import { type Flight, type Handshake, receive } from './steps.ts';
import { tls12ServerHandshake } from './tls12-server.ts';
import { tls13ServerHandshake } from './tls13-server.ts';
import { speaks } from './versions.ts';

/** The server's side of a handshake: the highest version that the client offers too. */
export function* serverHandshake(config: ServerConfig, flight: Flight): Handshake<HandshakeOutcome> {
  const context: ServerContext = { config, flight, transcript: new Transcript(config.provider) };
  const message = yield* receive('client_hello');
  flight.endReceivedFlight();
  const hello = decodeClientHello(message.body);
  return chooseVersion(config, hello) === 'TLSv1.3'
    ? yield* tls13ServerHandshake(context, hello, message)
    : yield* tls12ServerHandshake(context, hello, message);
}

/** RFC 9846 §4.3.1: where the extension is there, it alone counts. */
function chooseVersion(config: ServerConfig, hello: ClientHello): ProtocolVersion {
  const { supported_versions: offered } = hello.extensions;
  const isOffered = (version: ProtocolVersion): boolean => {
    if (version === 'TLSv1.3') return offered?.includes(protocolVersions.tls13) ?? false;
    return offered?.includes(protocolVersions.tls12) ?? hello.legacyVersion >= protocolVersions.tls12;
  };
  const version = (['TLSv1.3', 'TLSv1.2'] as const).find((one) => speaks(config, one) && isOffered(one));
  // RFC 7507 §3: it would not have had to come down to this.
  if (version !== config.maxVersion && hello.cipherSuites.includes(signalingCipherSuites.TLS_FALLBACK_SCSV)) {
    const ours = config.maxVersion.replace('v', ' ');
    throw peerError(
      'inappropriate_fallback',
      `the client fell back to an older version, but we speak ${ours}`,
    );
  }
  if (!version)
    throw peerError('protocol_version', `the client does not offer ${config.maxVersion.replace('v', ' ')}`);
  return version;
}
