import { alertCodes } from '../../src/base/alerts.ts';
import { concatBytes, equalBytes } from '../../src/base/bytes.ts';
import { type TlsError, TlsPeerError } from '../../src/base/errors.ts';
import { type HandshakeStarter, TlsConnection } from '../../src/connection/tls-connection.ts';
import type { CryptoProvider, HashAlgorithm, RunningHash } from '../../src/crypto/provider.ts';
import { clientHandshake } from '../../src/handshake/client.ts';
import type { PeerName } from '../../src/handshake/client-hello.ts';
import type { ClientConfig, ServerConfig } from '../../src/handshake/config.ts';
import { serverHandshake } from '../../src/handshake/server.ts';
import type { Flight } from '../../src/handshake/steps.ts';
import type { ClientSession, Tls13ClientSession } from '../../src/sessions/client-session.ts';
import { contentTypes, type HandshakeType, handshakeTypes } from '../../src/wire/names.ts';
import { Endpoint, type Pair, pump, type Turn } from './engine.ts';
import { plaintextRecord } from './raw-peer.ts';

/** What becomes of a message: another one, or several. */
export type Edit = (message: Uint8Array) => Uint8Array | readonly Uint8Array[];

/** Alters messages of one type as they leave. The sender's transcript keeps what it meant to send. */
export function altering(type: HandshakeType, edit: Edit): (flight: Flight) => Flight {
  return (flight) => ({
    ...flight,
    send(message): void {
      for (const part of edited(type, edit, message)) flight.send(part);
    },
  });
}

/**
 * For a misbehaving endpoint whose transcript agrees with the wire: hashes see its messages of one type altered too.
 * To be used with `altering` and the same deterministic `edit`, for a type that only this endpoint sends.
 */
export function hashingAltered(provider: CryptoProvider, type: HandshakeType, edit: Edit): CryptoProvider {
  return {
    ...provider,
    hash: (algorithm) =>
      onUpdate(provider.hash(algorithm), (data) => concatBytes(...edited(type, edit, data))),
  };
}

/** A server that alters a message of its own in transcript and on the wire alike. */
export function alteringServer(config: ServerConfig, type: HandshakeType, edit: Edit): Endpoint {
  const altered = { ...config, provider: hashingAltered(config.provider, type, edit) };
  return serverOf(altered, altering(type, edit));
}

/** A client that alters a message of its own in transcript and on the wire alike; not for ClientHello, whose binders differ. */
export function alteringClient(config: ClientConfig, type: HandshakeType, edit: Edit): Endpoint {
  const altered = { ...config, provider: hashingAltered(config.provider, type, edit) };
  return clientOf(altered, { host: 'localhost' }, altering(type, edit));
}

export function clientOf(
  config: ClientConfig,
  peer: PeerName = { host: 'localhost' },
  through: (flight: Flight) => Flight = (flight) => flight,
): Endpoint {
  return scripted(config, (flight) => clientHandshake(config, peer, through(flight)));
}

export function serverOf(
  config: ServerConfig,
  through: (flight: Flight) => Flight = (flight) => flight,
): Endpoint {
  return scripted(config, (flight) => serverHandshake(config, through(flight)));
}

/** An endpoint that follows any script. */
export function scripted(config: ClientConfig | ServerConfig, script: HandshakeStarter): Endpoint {
  return new Endpoint(config.role, new TlsConnection(config, script));
}

/** A handshake message in unprotected records of at most `size` bytes. */
export function plaintextMessage(message: Uint8Array, size = 16_384): Uint8Array {
  const records: Uint8Array[] = [];
  for (let offset = 0; offset < message.length; offset += size)
    records.push(plaintextRecord(contentTypes.handshake, message.subarray(offset, offset + size)));
  return concatBytes(...records);
}

/** What a handshake came to on both sides: `done`, or the reason of the failure. */
export function outcome({ client, server }: Pair): { readonly client: string; readonly server: string } {
  return { client: fateOf(client), server: fateOf(server) };
}

/** Runs a handshake and tells what it came to. */
export function outcomeOf(client: Endpoint, server: Endpoint): ReturnType<typeof outcome> {
  const pair = { client, server };
  pump(pair);
  return outcome(pair);
}

/** The outcome where the server refuses the client with an alert, and the client reads it. */
export function refusedByServer(alert: string): ReturnType<typeof outcome> {
  return { server: alert, client: `received ${alert}` };
}

/** The outcome where the client refuses the server with an alert, and the server reads it. */
export function refusedByClient(alert: string): ReturnType<typeof outcome> {
  return { client: alert, server: `received ${alert}` };
}

export const bothDone: ReturnType<typeof outcome> = { client: 'done', server: 'done' };

/** `done`, `waiting`, the alert that was sent, or `received` and the alert that was received, or the error's code. */
export function fateOf({ engine }: Endpoint): string {
  const { failure } = engine;
  if (failure) return reasonOf(failure);
  return engine.handshakeInfo ? 'done' : 'waiting';
}

/** The alert with which a server answers these bytes, seen in its unprotected output as well as in its error. */
export function plaintextRefusal(server: Endpoint, { output }: Turn): string {
  const { failure } = server.engine;
  if (!(failure instanceof TlsPeerError)) return fateOf(server);
  const code = alertCodes[failure.alert as keyof typeof alertCodes];
  const expected = plaintextRecord(contentTypes.alert, Uint8Array.of(2, code));
  const tail = output.subarray(-expected.length);
  if (!equalBytes(tail, expected))
    throw new Error(`the alert ${failure.alert} was not sent last, in the clear`);
  return failure.alert;
}

/** Carries output over, and answers of functions that gave promises, until nothing more happens. */
export async function settle(pair: Pair): Promise<void> {
  const seen = new Set<unknown>();
  for (;;) {
    pump(pair);
    const endpoint = [pair.client, pair.server].find(({ events }) =>
      events.some((event) => event.type === 'question' && !seen.has(event.question)),
    );
    if (!endpoint) return;
    for (const event of endpoint.events) {
      if (event.type !== 'question' || seen.has(event.question)) continue;
      const { question } = event;
      seen.add(question);
      await question.pending.then(
        (value) => endpoint.turn((engine) => engine.answer(question, value)),
        (reason) => endpoint.turn((engine) => engine.refuse(question, reason)),
      );
    }
  }
}

/** A session that has to be one of TLS 1.3. */
export function tls13Session(session: ClientSession): Tls13ClientSession {
  if (session.protocolVersion !== 'TLSv1.3') throw new Error('the session is one of TLS 1.2');
  return session;
}

/** Connects, lets the server write so that its tickets leave, and gives both sides and the sessions that the client got. */
export function connect(
  client: Endpoint,
  server: Endpoint,
): Pair & { readonly sessions: readonly Tls13ClientSession[] } {
  const pair = { client, server };
  pump(pair);
  if (server.engine.handshakeInfo && !server.engine.failure) {
    server.send('hello');
    pump(pair);
  }
  const sessions = client.events.flatMap((event) =>
    event.type === 'session' ? [tls13Session(event.session)] : [],
  );
  return { client, server, sessions };
}

/** The type, and with it the length in the header, of a handshake message replaced. */
export function withHeader(type: HandshakeType, body: Uint8Array): Uint8Array {
  const { length } = body;
  return concatBytes(Uint8Array.of(handshakeTypes[type], length >> 16, length >> 8, length), body);
}

/** A running hash that sees altered data. */
export function onUpdate(hash: RunningHash, alter: (data: Uint8Array) => Uint8Array): RunningHash {
  return {
    update: (data) => hash.update(alter(data)),
    copy: () => onUpdate(hash.copy(), alter),
    digest: () => hash.digest(),
  };
}

/** The hash of some data. */
export function hashOf(provider: CryptoProvider, algorithm: HashAlgorithm, data: Uint8Array): Uint8Array {
  const hash = provider.hash(algorithm);
  hash.update(data);
  return hash.digest();
}

function edited(type: HandshakeType, edit: Edit, message: Uint8Array): readonly Uint8Array[] {
  if (!isWhole(type, message)) return [message];
  const result = edit(message);
  return result instanceof Uint8Array ? [result] : result;
}

function isWhole(type: HandshakeType, data: Uint8Array): boolean {
  const [code, high = 0, middle = 0, low = 0] = data;
  return code === handshakeTypes[type] && data.length === 4 + high * 65_536 + middle * 256 + low;
}

function reasonOf(error: TlsError): string {
  if (!(error instanceof TlsPeerError)) return error.code;
  return error.direction === 'sent' ? error.alert : `received ${error.alert}`;
}
