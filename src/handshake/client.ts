import { wipe } from '../base/bytes.ts';
import { Transcript } from '../keys/transcript.ts';
import { secretOf } from '../sessions/client-session.ts';
import { decodeServerHello } from '../wire/hello.ts';
import {
  type ClientContext,
  type ClientFlight,
  firstClientHello,
  type PeerName,
  pskOf,
  serverNameOf,
  sessionScope,
  takeSession,
} from './client-hello.ts';
import type { ClientConfig } from './config.ts';
import type { HandshakeOutcome } from './outcome.ts';
import { type Flight, type Handshake, receive } from './steps.ts';
import { tls12ClientHandshake } from './tls12-client.ts';
import { sendHello, tls13ClientHandshake } from './tls13-client.ts';
import { speaks } from './versions.ts';

/** The client's side of a handshake: one ClientHello for both versions, and the server chooses (RFC 9846 §4.2.2). */
export function* clientHandshake(
  config: ClientConfig,
  peer: PeerName,
  flight: Flight,
): Handshake<HandshakeOutcome> {
  const transcript = new Transcript(config.provider);
  const serverName = serverNameOf(peer);
  const shares = speaks(config, 'TLSv1.3') ? config.keyShares : [];
  const keyExchanges = shares.map((group) => config.provider.initiateKeyExchange(group));
  const session = takeSession(config, sessionScope(config, peer));
  const tls12Session = session?.protocolVersion === 'TLSv1.2' ? session : undefined;
  const offered = session?.protocolVersion === 'TLSv1.3' ? pskOf(config, session) : undefined;
  const hello = firstClientHello(config, serverName, keyExchanges, tls12Session);
  sendHello({ config, flight, transcript }, hello, offered);
  const first = { hello, keyExchanges, offered, tls12Session };
  return yield* afterClientHello(config, peer, flight, transcript, first);
}

/** From the server's first message on. The transcript holds the ClientHello. */
export function* afterClientHello(
  config: ClientConfig,
  peer: PeerName,
  flight: Flight,
  transcript: Transcript,
  first: ClientFlight,
): Handshake<HandshakeOutcome> {
  const context: ClientContext = { config, peer, flight, transcript };
  const { offered, tls12Session } = first;
  try {
    const message = yield* receive('server_hello');
    const answer = decodeServerHello(message.body);
    return answer.kind === 'Tls12ServerHello'
      ? yield* tls12ClientHandshake(context, first, answer, message)
      : yield* tls13ClientHandshake(context, first, answer, message);
  } finally {
    offered?.early.wipe();
    if (offered) wipe(secretOf(offered.session));
    if (tls12Session) wipe(secretOf(tls12Session));
  }
}
