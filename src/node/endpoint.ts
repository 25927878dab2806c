import { peerError } from '../base/errors.ts';
import { type ClientSettings, createClientConfig, createServerConfig } from '../connection/config.ts';
import { fittingIdentity } from '../net/identity.ts';
import type { ByteStream } from '../streams/byte-stream.ts';
import type { Slots } from '../streams/slots.ts';
import { TlsStream } from '../streams/tls-stream.ts';
import { type JudgedSocket, judgingPolicy } from './judge.ts';
import type { AlpnCallback } from './protocols.ts';
import { type ContextMaterial, provider } from './secure-context.ts';
import { decodeSession, encodeSession } from './sessions.ts';

type ClientSessionCache = Exclude<NonNullable<ClientSettings['sessions']>, false>;
type ServerConfig = ReturnType<typeof createServerConfig>;
type ServerIdentitySelector = Extract<ServerConfig['identity'], (...given: never[]) => unknown>;
type ClientHello = Parameters<ServerIdentitySelector>[0];

/** What a socket brings with it, on both sides. */
export interface EndpointHooks extends JudgedSocket {
  /** A line of the key log, or undefined where nobody wants any. */
  readonly onKeyLog: ((line: string) => void) | undefined;
}

export interface ClientHooks extends EndpointHooks {
  readonly serverName: string;
  readonly alpnProtocols: readonly string[];
  /** As `getSession()` gave it; taken when the handshake begins. */
  readonly offeredSession: () => Uint8Array | undefined;
  onSession(session: Buffer, ticket: Uint8Array): void;
}

/** The client's side of a connection, as a socket has been told to make it. */
export function clientStream(
  transport: ByteStream,
  material: ContextMaterial,
  hooks: ClientHooks,
): TlsStream {
  const trust = judgingPolicy(material, 'server', hooks);
  const config = createClientConfig({
    ...material.algorithms,
    provider,
    tls12HalfClose: true,
    trust,
    identity: material.identities,
    alpnProtocols: hooks.alpnProtocols,
    sessions: sessionCache(
      judgingPolicy(material, 'server', { ...hooks, requestsOcspResponse: false }),
      hooks,
    ),
    keyLog: hooks.onKeyLog,
  });
  // The names are the socket's affair: `host` is nothing but a part of the session's scope here.
  const peer = {
    host: hooks.serverName === '' ? 'localhost' : hooks.serverName,
    serverName: hooks.serverName,
  };
  return TlsStream.client(transport, config, peer, { handshakeTimeout: Number.POSITIVE_INFINITY });
}

/** Gives the one session that the socket was told to offer, and passes on those that come. */
function sessionCache(trust: ClientSettings['trust'], hooks: ClientHooks): ClientSessionCache {
  return {
    put: (session) => hooks.onSession(encodeSession(session), session.ticket),
    take(scope) {
      const encoded = hooks.offeredSession();
      const session = encoded === undefined ? undefined : decodeSession(encoded);
      if (session === undefined) return undefined;
      // Its server is judged before a byte is written to it: what was good enough for another socket may not be here.
      const verdict = trust.verify(
        { chain: session.peerCertificates, purpose: 'server', host: undefined, now: Date.now() },
        { signal: new AbortController().signal },
      );
      return 'trusted' in verdict && verdict.trusted ? { ...session, scope } : undefined;
    },
  };
}

/** What a server says once for all of its connections. */
export interface ServerSettings {
  readonly material: ContextMaterial;
  readonly alpnProtocols: readonly string[];
  readonly alpnCallback: AlpnCallback | undefined;
  readonly requestsCertificate: boolean;
  readonly rejectsUnauthorized: boolean;
  /** Milliseconds. */
  readonly handshakeTimeout: number;
  /** How many tickets are owed after a handshake. */
  readonly numTickets: number | undefined;
  /** What keeps sessions, where it is another's that this one takes over from. */
  readonly keeper?: ServerConfig['tickets']['keeper'] | undefined;
  /** Shared by connections of which only so many may drain at once. */
  readonly drainSlots?: Slots | undefined;
  /** Another context for a client that asks for this name; undefined: the server's own. */
  readonly contextFor: ((serverName: string) => Promise<ContextMaterial | undefined> | undefined) | undefined;
}

/** A configuration that the connections of a server share, but for what each one is told. */
export function serverConfigOf(settings: ServerSettings): ServerConfig {
  const { material, requestsCertificate, rejectsUnauthorized, numTickets } = settings;
  const own = material.identities;
  const { hasTickets, ticketKeys } = material;
  // What was sealed before, or by others, is not taken without tickets.
  const known = hasTickets ? (settings.keeper ?? keepers.get(material)) : undefined;
  const config = createServerConfig({
    ...material.algorithms,
    provider,
    tls12HalfClose: true,
    // With others, each connection chooses by itself.
    followsClientOrder: material.followsClientOrder,
    identity: own.length > 0 ? own : (hello) => requireIdentity(undefined, hello),
    alpnProtocols: settings.alpnProtocols,
    clientAuthentication: requestsCertificate ? (rejectsUnauthorized ? 'require' : 'request') : 'none',
    // Which connection it is for is not known yet: each gets a policy of its own in place of this one.
    ...(requestsCertificate && { clientTrust: judgingPolicy(material, 'client', unjudged) }),
    tickets: {
      lifetime: material.sessionTimeout,
      count: numTickets,
      ...(!hasTickets && { count: 0, resumedCount: 0 }),
      keeper: known,
    },
  });
  const { keeper } = config.tickets;
  if (hasTickets && !known) {
    if (ticketKeys !== undefined && keeper.kind === 'keys') keeper.use(ticketKeys);
    keepers.set(material, keeper);
  }
  return config;
}

/** By context: sockets that share one share the keys of its tickets, as in Node. */
const keepers = new WeakMap<ContextMaterial, ServerConfig['tickets']['keeper']>();

const unjudged: JudgedSocket = {
  rejectsUnauthorized: true,
  requestsOcspResponse: false,
  identityCheck: undefined,
  onJudged: () => {},
  onOcspResponse: () => {},
};

/** What a server's socket brings with it. */
export interface ServerHooks extends EndpointHooks {
  /** The client asks for this one; told where contexts or protocols depend on it, before they are asked for. */
  onServerName(name: string): void;
  /** The client has asked for a name that has a context of its own. */
  onContext(material: ContextMaterial): void;
  /** What `setKeyCert` has given this socket, asked for when the client is known. */
  keyCert(): ContextMaterial | undefined;
  /** Of this socket; undefined: by the settings. */
  readonly selectProtocol: ServerConfig['selectProtocol'];
}

/** The server's side of a connection. */
export function serverStream(
  transport: ByteStream,
  shared: ServerConfig,
  { material, handshakeTimeout, contextFor, drainSlots: slots }: ServerSettings,
  hooks: ServerHooks,
): TlsStream {
  const asksClients = shared.clientTrust !== undefined;
  const choose: ServerIdentitySelector = async (hello) => {
    const { serverName } = hello;
    if (serverName !== undefined) hooks.onServerName(serverName);
    const named = serverName === undefined ? undefined : await contextFor?.(serverName);
    const keyCert = hooks.keyCert();
    // Where a context has no certificate, the server's own is shown; where one lacks its key, none.
    const { identities } = [keyCert, named].find((one) => one?.hasCertificate) ?? material;
    const identity = requireIdentity(fittingIdentity(identities, hello), hello);
    if (named === undefined && keyCert === undefined) return identity;
    const other = { ...(named ?? material), identities };
    hooks.onContext(other);
    // Its authorities go with it, as in Node.
    return asksClients ? { ...identity, clientTrust: judgingPolicy(other, 'client', hooks) } : identity;
  };
  const config: ServerConfig = {
    ...shared,
    keyLog: hooks.onKeyLog ?? false,
    ...(asksClients && { clientTrust: judgingPolicy(material, 'client', hooks) }),
    selectProtocol: hooks.selectProtocol,
    ...((contextFor || hooks.selectProtocol || hooks.keyCert()) && { identity: choose }),
  };
  return TlsStream.server(transport, config, { handshakeTimeout, drain: { slots } });
}

/** Who has none refuses everybody, with the alert of OpenSSL. */
function requireIdentity<Some>(identity: Some | undefined, { protocolVersion }: ClientHello): Some {
  if (identity !== undefined) return identity;
  const what = protocolVersion === 'TLSv1.3' ? 'accepts no signature scheme' : 'offers no cipher suite';
  throw peerError('handshake_failure', `the client ${what} of a server that has no certificate and key`);
}

/** Judges the chain of a session that was resumed, as if it had been presented; `hooks` are told. */
export function judgeAgain(
  material: ContextMaterial,
  purpose: 'server' | 'client',
  chain: readonly Uint8Array[],
  hooks: EndpointHooks,
): void {
  const peer = { chain, purpose, host: undefined, now: Date.now() };
  void judgingPolicy(material, purpose, hooks).verify(peer, { signal: new AbortController().signal });
}
