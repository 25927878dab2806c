import { noBytes, utf8 } from '../../../src/base/bytes.ts';
import {
  type ClientSettings,
  createClientConfig,
  createServerConfig,
  type ServerSettings,
} from '../../../src/connection/config.ts';
import type { ClientConfig, ServerConfig } from '../../../src/handshake/config.ts';
import type { Identity } from '../../../src/handshake/identity.ts';
import type { Tls12ClientSession } from '../../../src/sessions/client-session.ts';
import { TicketKeys } from '../../../src/sessions/ticket-keys.ts';
import type { ClientHello } from '../../../src/wire/hello.ts';
import { signatureSchemeCodes } from '../../../src/wire/names.ts';
import type { Tls12ServerHelloExtensions } from '../../../src/wire/tls12-messages.ts';
import { Late } from '../../hostile/support/endpoint.ts';
import { type Answer, exactly, fixedIdentity, now } from '../../hostile/support/identities.ts';
import { signatures, testKey } from '../../support/certificates.ts';
import { SeededProvider, seededEd25519Key } from '../../support/seeded-provider.ts';
import type { Side, Step } from '../support/steps.ts';
import { perform } from './peer.ts';
import { clientScript, serverScript } from './scripts.ts';
import type { KnownSession, PeerSetup } from './state.ts';

export const clientSceneNames = [
  'full',
  'alone',
  'rsa',
  'stapled',
  'requested',
  'requestedFromNobody',
  'plainSecret',
  'eitherKey',
  'resumed',
  'renewed',
  'resumedById',
  'declined',
] as const;

export const serverSceneNames = [
  'full',
  'alone',
  'rsa',
  'required',
  'optional',
  'optionalFromNobody',
  'plainSecret',
  'strict',
  'resumed',
  'foreignSession',
] as const;

export type ClientSceneName = (typeof clientSceneNames)[number];
export type ServerSceneName = (typeof serverSceneNames)[number];

/** One kind of connection: the endpoint under test, whose enemy the peer is, and what an honest peer does. */
export interface Scene {
  readonly name: string;
  /** Which side is under test. */
  readonly victim: Side;
  readonly config: ClientConfig | ServerConfig;
  readonly peer: PeerSetup;
  readonly script: readonly Step[];
  readonly facts: Facts;
  /** Makes all randomness begin anew. */
  readonly restart: () => void;
}

/** What the victim's owner knows, and the model with him. */
export interface Facts {
  /** The one certificate that the victim trusts. */
  readonly trusted: Uint8Array;
  readonly hasIdentity: boolean;
  /** The sessions that the victim may resume. */
  readonly sessions: readonly FactOfSession[];
  /** What a server shows, the kind of its key, and the codes of what it signs with. */
  readonly own: {
    readonly leaf: Uint8Array;
    readonly key: 'RSA' | 'ECDSA';
    readonly algorithms: readonly number[];
  };
}

export interface FactOfSession extends KnownSession {
  readonly chain: readonly Uint8Array[];
  /** Made under the same rules as this connection has. */
  readonly fits: boolean;
}

/** All scenes, by the victim's side. */
export interface Scenes {
  readonly client: Readonly<Record<ClientSceneName, Scene>>;
  readonly server: Readonly<Record<ServerSceneName, Scene>>;
}

interface Cast {
  readonly server: Identity;
  readonly client: Identity;
  readonly other: Identity;
  readonly rsa: Identity;
  /** The victims' own: they sign when it pleases them. */
  readonly ownServer: Identity;
  readonly ownClient: Identity;
  readonly ownRsa: Identity;
  readonly answer: Answer;
}

const atOnce: Answer = (value) => value;
const late: Answer = (value) => new Late(value);
const { ed25519, rsa_pkcs1_sha256: pkcs1 } = signatureSchemeCodes;

/** @param answers when the functions of a victim's configuration answer */
export async function makeScenes(answers: 'at once' | 'late' = 'at once'): Promise<Scenes> {
  const answer = answers === 'late' ? late : atOnce;
  const rsa = (when: Answer): Promise<Identity> =>
    fixedIdentity('server', when, testKey('rsa2048'), signatures.sha256WithRsa);
  const cast: Cast = {
    answer,
    ownServer: await fixedIdentity('server', answer),
    ownClient: await fixedIdentity('client', answer),
    ownRsa: await rsa(answer),
    server: await fixedIdentity('server', atOnce),
    client: await fixedIdentity('client', atOnce),
    other: await fixedIdentity('server', atOnce, seededEd25519Key('stateful other')),
    rsa: await rsa(atOnce),
  };
  return { client: clientScenes(cast), server: serverScenes(cast) };
}

const session: KnownSession = {
  suite: 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
  masterSecret: new Uint8Array(48).fill(0x51),
  ticket: utf8('a ticket of this server'),
  sessionId: noBytes,
};

function clientScenes(cast: Cast): Scenes['client'] {
  interface Wishes {
    readonly settings?: Partial<ClientSettings>;
    readonly peer?: Partial<PeerSetup>;
    readonly identity?: Identity;
    readonly known?: KnownSession;
    /** Extensions of the peer's ServerHello. */
    readonly answers?: Tls12ServerHelloExtensions;
  }
  const make = (
    name: ClientSceneName,
    {
      settings = {},
      peer = {},
      identity = cast.server,
      known,
      answers = { session_ticket: true },
    }: Wishes = {},
  ): Scene => {
    const provider = new SeededProvider(`stateful tls12 victim ${name}`);
    const peerProvider = new SeededProvider(`stateful tls12 peer ${name}`);
    const setup: PeerSetup = {
      side: 'server',
      provider: peerProvider,
      identity,
      other: cast.other,
      suite: session.suite,
      group: 'x25519',
      algorithm: ed25519,
      session: known,
      answer: (hello) => ({ ...hello, extensions: { ...hello.extensions, ...answers } }),
      ...peer,
    };
    const config = createClientConfig({
      provider,
      now: () => now,
      trust: exactly(identity, cast.answer),
      alpnProtocols: ['h2', 'http/1.1'],
      groups: ['x25519', 'secp256r1'],
      certificateCompression: [],
      sessions: known ? sessionsOf(known, identity.chain) : { put: () => {}, take: () => undefined },
      keyLog: true,
      ...settings,
    });
    // Where it takes random bytes it does so once.
    void config.sessionScope;
    return {
      name,
      victim: 'client',
      config,
      peer: setup,
      script: serverScript(name),
      facts: {
        trusted: identity.chain[0] ?? noBytes,
        hasIdentity: settings.identity !== undefined,
        sessions: known ? [{ ...known, chain: identity.chain, fits: true }] : [],
        own: { leaf: noBytes, key: 'ECDSA', algorithms: [] },
      },
      restart: () => {
        provider.restart();
        peerProvider.restart();
      },
    };
  };
  const none = {};
  return {
    full: make('full'),
    alone: make('alone', {
      settings: {
        maxVersion: 'TLSv1.2',
        requireExtendedMasterSecret: true,
        cipherSuites: ['TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384'],
      },
      peer: { suite: 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384', group: 'secp256r1' },
      answers: none,
    }),
    rsa: make('rsa', {
      identity: cast.rsa,
      settings: { signatureSchemes: ['rsa_pss_rsae_sha256', 'rsa_pkcs1_sha256'] },
      peer: { suite: 'TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256', algorithm: pkcs1 },
    }),
    stapled: make('stapled', {
      settings: { trust: { ...exactly(cast.server, cast.answer), requestsOcspResponses: true } },
      answers: { status_request: true },
    }),
    requested: make('requested', { settings: { identity: () => cast.answer(cast.ownClient) } }),
    requestedFromNobody: make('requestedFromNobody'),
    eitherKey: make('eitherKey', {
      settings: {
        trust: { ...exactly(cast.server, cast.answer), certificateTypes: ['X509', 'RawPublicKey'] },
      },
    }),
    plainSecret: make('plainSecret', { answers: { extended_master_secret: undefined } }),
    resumed: make('resumed', { known: session, peer: { resumes: true }, answers: none }),
    renewed: make('renewed', { known: session, peer: { resumes: true } }),
    resumedById: make('resumedById', {
      known: { ...session, ticket: noBytes, sessionId: new Uint8Array(32).fill(0x1d) },
      peer: { resumes: true },
      answers: none,
    }),
    declined: make('declined', { known: session }),
  };
}

function sessionsOf(known: KnownSession, chain: readonly Uint8Array[]): ClientConfig['sessions'] {
  const { suite: cipherSuite, ...rest } = known;
  return {
    put: () => {},
    take: (scope): Tls12ClientSession => ({
      protocolVersion: 'TLSv1.2',
      scope,
      cipherSuite,
      ...rest,
      masterSecret: known.masterSecret.slice(),
      expiresAt: now + 1e6,
      authenticatedAt: now,
      validUntil: now + 1e6,
      peerCertificates: chain,
    }),
  };
}

function serverScenes(cast: Cast): Scenes['server'] {
  const keeper = new TicketKeys(new SeededProvider('stateful tls12 tickets'), 86_400);
  interface Wishes {
    readonly settings?: Partial<ServerSettings>;
    readonly identity?: Identity;
    readonly own?: Facts['own'];
    readonly peer?: Partial<PeerSetup>;
    readonly sessions?: readonly FactOfSession[];
  }
  const ownEd25519 = { leaf: cast.ownServer.chain[0]!, key: 'ECDSA', algorithms: [ed25519] } as const;
  const make = (
    name: ServerSceneName,
    { settings = {}, identity = cast.client, own = ownEd25519, peer = {}, sessions = [] }: Wishes = {},
  ): Scene => {
    const provider = new SeededProvider(`stateful tls12 server victim ${name}`);
    const peerProvider = new SeededProvider(`stateful tls12 client peer ${name}`);
    const config = createServerConfig({
      provider,
      now: () => now,
      identity: () => cast.answer(cast.ownServer),
      alpnProtocols: ['http/1.1'],
      groups: ['x25519', 'secp256r1'],
      certificateCompression: [],
      clientTrust: exactly(identity, cast.answer),
      tickets: { keeper },
      keyLog: true,
      ...settings,
    });
    return {
      name,
      victim: 'server',
      config,
      peer: {
        side: 'client',
        provider: peerProvider,
        identity,
        other: cast.other,
        suite: session.suite,
        group: 'x25519',
        algorithm: ed25519,
        session: sessions[0],
        ...peer,
      },
      script: clientScript(name),
      facts: { trusted: identity.chain[0] ?? noBytes, hasIdentity: true, sessions, own },
      restart: () => {
        provider.restart();
        peerProvider.restart();
      },
    };
  };
  const required = { clientAuthentication: 'require' } as const;
  const optional = { clientAuthentication: 'request' } as const;
  const plain = {
    hello: (hello: ClientHello): ClientHello => ({
      ...hello,
      extensions: { ...hello.extensions, extended_master_secret: undefined },
    }),
  };
  const full = make('full');
  const anonymous = sessionFrom(full);
  return {
    full,
    plainSecret: make('plainSecret', { peer: plain }),
    alone: make('alone', {
      settings: { maxVersion: 'TLSv1.2', cipherSuites: ['TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256'] },
    }),
    rsa: make('rsa', {
      settings: {
        ...required,
        identity: () => cast.answer(cast.ownRsa),
        groups: ['secp256r1'],
        signatureSchemes: ['rsa_pss_rsae_sha256', 'rsa_pkcs1_sha256'],
      },
      identity: cast.rsa,
      own: {
        leaf: cast.ownRsa.chain[0]!,
        key: 'RSA',
        algorithms: Object.entries(signatureSchemeCodes).flatMap(([name, code]) =>
          /^rsa_(pss_rsae|pkcs1)/.test(name) ? [code] : [],
        ),
      },
      peer: { algorithm: pkcs1 },
    }),
    required: make('required', { settings: required }),
    optional: make('optional', { settings: optional }),
    optionalFromNobody: make('optionalFromNobody', { settings: optional }),
    strict: make('strict', { settings: { requireExtendedMasterSecret: true } }),
    resumed: make('resumed', { sessions: [anonymous] }),
    // Of a server that asks no client who it is: nobody has proven anything there.
    foreignSession: make('foreignSession', { settings: required, sessions: [{ ...anonymous, fits: false }] }),
  };
}

/** The session behind the ticket that an honest client gets. */
function sessionFrom(scene: Scene): FactOfSession {
  const { state } = perform(scene, scene.script);
  const [ticket] = state.tickets;
  if (!ticket) throw new Error(`no ticket came in the scene ${scene.name}`);
  return {
    suite: state.suite.name,
    masterSecret: state.master,
    ticket,
    sessionId: noBytes,
    chain: [],
    fits: true,
  };
}
