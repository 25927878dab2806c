import { concatBytes, toHex, utf8 } from '../../src/base/bytes.ts';
import type { TlsError } from '../../src/base/errors.ts';
import {
  type ClientSettings,
  createClientConfig,
  createServerConfig,
  type ServerSettings,
} from '../../src/connection/config.ts';
import type { ConnectionEvent, HandshakeInfo, Question } from '../../src/connection/events.ts';
import { type HandshakeStarter, TlsConnection } from '../../src/connection/tls-connection.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import { nodeSigner } from '../../src/crypto/node/signer.ts';
import { clientHandshake } from '../../src/handshake/client.ts';
import type { ClientConfig, ServerConfig } from '../../src/handshake/config.ts';
import type { Identity, TrustPolicy } from '../../src/handshake/identity.ts';
import { serverHandshake } from '../../src/handshake/server.ts';
import type { Flight } from '../../src/handshake/steps.ts';
import {
  clientCertificate,
  rootCertificate,
  serverCertificate,
  type TestCertificate,
} from './certificates.ts';
import { fromHex } from './hex.ts';

/** The clock of these tests stands here: milliseconds since 1970. */
export const startOfTime: number = Date.UTC(2026, 10, 23);
/** When all test paths expire. */
export const endOfTime: number = Date.UTC(2049, 0, 1);

/** What one call and the `next` calls behind it made an engine say. */
export interface Turn {
  /** Without keyLog events: `Endpoint.secrets` has those. */
  readonly events: readonly ConnectionEvent[];
  /** What `takeOutput` gave, joined. */
  readonly output: Uint8Array;
  /** What `takeOutput` gave: the same arrays. */
  readonly parts: readonly Uint8Array[];
}

/** An engine, and all that it has said. */
export class Endpoint {
  readonly engine: TlsConnection;
  readonly role: 'client' | 'server';
  readonly events: ConnectionEvent[] = [];
  /** All outputs that were not empty, in order: one transport write each. */
  readonly writes: Uint8Array[] = [];
  readonly keyLogLines: string[] = [];
  /** By their labels in the key log. */
  readonly secrets: Map<string, Uint8Array> = new Map();
  /** Output that nobody has delivered yet. */
  readonly undelivered: Uint8Array[] = [];

  constructor(role: 'client' | 'server', engine: TlsConnection) {
    this.role = role;
    this.engine = engine;
  }

  /** Does something to the engine, then what every driver has to do: takes all events, and then the output. */
  turn(action: (engine: TlsConnection) => void = () => undefined): Turn {
    action(this.engine);
    const events: ConnectionEvent[] = [];
    for (let event = this.engine.next(); event; event = this.engine.next()) {
      if (event.type === 'keyLog') this.#keep(event.line);
      else events.push(event);
    }
    this.events.push(...events);
    const parts = this.engine.takeOutput();
    const output = concatBytes(...parts);
    if (output.length > 0) {
      this.writes.push(output);
      this.undelivered.push(output);
    }
    return { events, output, parts };
  }

  receive(...bytes: readonly Uint8Array[]): Turn {
    return this.turn((engine) => {
      for (const chunk of bytes) engine.receive(chunk);
    });
  }

  receiveEnd(): Turn {
    return this.turn((engine) => engine.receiveEnd());
  }

  send(text: string): Turn {
    return this.turn((engine) => engine.send(utf8(text)));
  }

  closeWrite(): Turn {
    return this.turn((engine) => engine.closeWrite());
  }

  /** What the handshake agreed on; throws where it is not done. */
  get info(): HandshakeInfo {
    const { handshakeInfo, failure } = this.engine;
    if (!handshakeInfo) throw failure ?? new Error('the handshake is not done');
    return handshakeInfo;
  }

  #keep(line: string): void {
    this.keyLogLines.push(line);
    const [label = '', , secret = ''] = line.split(' ');
    this.secrets.set(label, fromHex(secret));
  }
}

export interface Pair {
  readonly client: Endpoint;
  readonly server: Endpoint;
}

export interface PairSettings {
  readonly client?: Partial<ClientSettings>;
  readonly server?: Partial<ServerSettings>;
}

/** Trusts everybody, until the end of time. */
export const trustAll: TrustPolicy = {
  fingerprint: utf8('everybody'),
  verify: () => ({ trusted: true, validUntil: endOfTime }),
};

/** A server's identity, the same one in every test. */
export async function serverIdentity(): Promise<Identity> {
  serverLeaf ??= rootCertificate().then((root) => serverCertificate(root, { key: 'ed25519' }));
  return identityOf(await serverLeaf);
}

/** A client's identity, the same one in every test. */
export async function clientIdentity(): Promise<Identity> {
  clientLeaf ??= rootCertificate().then((root) => clientCertificate(root, { key: 'ed25519' }));
  return identityOf(await clientLeaf);
}

/** An identity with its chain twice: surely smaller when compressed, which one small certificate may happen not to be. */
export function twice(identity: Identity): Identity {
  return { ...identity, chain: [...identity.chain, ...identity.chain] };
}

export function clientConfig(settings: Partial<ClientSettings> = {}): ClientConfig {
  return createClientConfig({
    provider: nodeCrypto,
    trust: trustAll,
    now: () => startOfTime,
    keyLog: true,
    // Many tests alter a Certificate, which has to come as it is.
    certificateCompression: [],
    ...settings,
  });
}

export async function serverConfig(settings: Partial<ServerSettings> = {}): Promise<ServerConfig> {
  return createServerConfig({
    provider: nodeCrypto,
    identity: settings.identity ?? (await serverIdentity()),
    clientTrust: trustAll,
    now: () => startOfTime,
    keyLog: true,
    certificateCompression: [],
    ...settings,
  });
}

/** @param through alters what the handshake does to its connection */
export function clientEndpoint(
  config: ClientConfig,
  through: (flight: Flight) => Flight = (flight) => flight,
  host = 'localhost',
): Endpoint {
  const start: HandshakeStarter = (flight) => clientHandshake(config, { host }, through(flight));
  return new Endpoint('client', new TlsConnection(config, start));
}

/** @param through alters what the handshake does to its connection */
export function serverEndpoint(
  config: ServerConfig,
  through: (flight: Flight) => Flight = (flight) => flight,
): Endpoint {
  return new Endpoint(
    'server',
    new TlsConnection(config, (flight) => serverHandshake(config, through(flight))),
  );
}

/** Two endpoints that have not exchanged anything. */
export async function newPair(settings: PairSettings = {}): Promise<Pair> {
  const client = clientEndpoint(clientConfig(settings.client));
  return { client, server: serverEndpoint(await serverConfig(settings.server)) };
}

/** Two endpoints after their handshake; nothing of it is undelivered. */
export async function establishedPair(settings: PairSettings = {}): Promise<Pair> {
  const pair = await newPair(settings);
  pump(pair);
  if (pair.client.info.cipherSuite !== pair.server.info.cipherSuite) throw new Error('no common suite');
  return pair;
}

/** Carries output over until neither endpoint says anything more. */
export function pump({ client, server }: Pair): void {
  client.turn();
  server.turn();
  while (client.undelivered.length + server.undelivered.length > 0) {
    for (const bytes of client.undelivered.splice(0)) server.receive(bytes);
    for (const bytes of server.undelivered.splice(0)) client.receive(bytes);
  }
}

/** Events as short texts: `data "abc"`, `end`, `failed unexpected_message`. */
export function summary(events: readonly ConnectionEvent[]): string[] {
  return events.map((event) => {
    if (event.type === 'data') return `data "${textOf(event.data)}"`;
    if (event.type === 'failed') return `failed ${reasonOf(event.error)}`;
    if (event.type === 'question') return `question ${event.question.subject.kind}`;
    return event.type;
  });
}

/** The question among these events; throws where there is none. */
export function questionIn({ events }: Turn): Question {
  for (const event of events) if (event.type === 'question') return event.question;
  throw new Error('no question came');
}

export function textOf(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

/** Repeatable bytes that do not compress or repeat: a linear congruential generator (Numerical Recipes). */
export function pseudoRandomBytes(length: number, seed: number): Uint8Array {
  let state = seed >>> 0;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 24;
  });
}

/** Whole numbers from 1 to `max`, repeatable. */
export function pseudoRandomSizes(max: number, seed: number): () => number {
  const bytes = pseudoRandomBytes(4096, seed);
  let index = 0;
  return () => {
    const value = (bytes[index % 4096] ?? 0) * 256 + (bytes[(index + 1) % 4096] ?? 0);
    index += 2;
    return 1 + (value % max);
  };
}

export function hex(bytes: Uint8Array): string {
  return toHex(bytes);
}

let serverLeaf: Promise<TestCertificate> | undefined;
let clientLeaf: Promise<TestCertificate> | undefined;

function identityOf({ der, key }: TestCertificate): Identity {
  return { chain: [der], signer: nodeSigner(key) };
}

function reasonOf(error: TlsError & { readonly alert?: string; readonly direction?: string }): string {
  if (error.alert === undefined) return error.code;
  return error.direction === 'sent' ? error.alert : `received ${error.alert}`;
}
