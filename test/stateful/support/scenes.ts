import { noBytes, utf8 } from '../../../src/base/bytes.ts';
import {
  type ClientSettings,
  createClientConfig,
  createServerConfig,
  type ServerSettings,
} from '../../../src/connection/config.ts';
import type { ClientConfig, ServerConfig } from '../../../src/handshake/config.ts';
import type { Identity, TrustPolicy } from '../../../src/handshake/identity.ts';
import type { Tls13ClientSession } from '../../../src/sessions/client-session.ts';
import { TicketKeys } from '../../../src/sessions/ticket-keys.ts';
import { certificateCompressionCodes, signatureSchemeCodes } from '../../../src/wire/names.ts';
import { Late } from '../../hostile/support/endpoint.ts';
import { type Answer, exactly, fixedIdentity, now } from '../../hostile/support/identities.ts';
import { signatures, testKey } from '../../support/certificates.ts';
import { SeededProvider, seededEd25519Key } from '../../support/seeded-provider.ts';
import { publicKeyIn } from './authentication-rules.ts';
import { perform } from './peer.ts';
import { clientScript, serverScript } from './scripts.ts';
import type { KnownSession, PeerSetup } from './state.ts';
import { record, type Side, type Step } from './steps.ts';

export const clientSceneNames = [
  'full',
  'retry',
  'cookie',
  'resumed',
  'resumedRetry',
  'declined',
  'requested',
  'requestedFromNobody',
  'compressed',
  'rsa',
  'rawPublicKey',
] as const;

export const serverSceneNames = [
  'full',
  'retry',
  'resumed',
  'resumedRetry',
  'required',
  'optional',
  'optionalFromNobody',
  'compressed',
  'rsa',
  'rawPublicKey',
  'earlyData',
  'earlyDataRetry',
  'foreignSession',
  'clientSession',
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
  /** The one certificate, or raw public key, that the victim trusts. */
  readonly trusted: Uint8Array;
  readonly isRaw: boolean;
  /** Whether a client has somebody to show. */
  readonly hasIdentity: boolean;
  /** The sessions that the victim may resume: a client's own, those behind a server's tickets. */
  readonly sessions: readonly FactOfSession[];
}

export interface FactOfSession extends KnownSession {
  /** The chain that its peer has proven to have. */
  readonly chain: readonly Uint8Array[];
  /** Made under the same rules as this connection has. */
  readonly fits: boolean;
}

/** All scenes, by the victim's side. */
export interface Scenes {
  readonly client: Readonly<Record<ClientSceneName, Scene>>;
  readonly server: Readonly<Record<ServerSceneName, Scene>>;
}

/** When the functions of a victim's configuration answer. */
export type Answers = 'at once' | 'late';

/** Who there is. */
interface Cast {
  readonly server: Identity;
  readonly client: Identity;
  readonly other: Identity;
  readonly rsa: Identity;
  /** The victims' own: they sign when it pleases them. */
  readonly ownServer: Identity;
  readonly ownClient: Identity;
  readonly answer: Answer;
}

const atOnce: Answer = (value) => value;
const late: Answer = (value) => new Late(value);
const ed25519 = [signatureSchemeCodes.ed25519, signatureSchemeCodes.ecdsa_secp256r1_sha256];

export async function makeScenes(answers: Answers = 'at once'): Promise<Scenes> {
  const answer = answers === 'late' ? late : atOnce;
  const cast: Cast = {
    answer,
    ownServer: await fixedIdentity('server', answer),
    ownClient: await fixedIdentity('client', answer),
    server: await fixedIdentity('server', atOnce),
    client: await fixedIdentity('client', atOnce),
    other: await fixedIdentity('server', atOnce, seededEd25519Key('stateful other')),
    rsa: await fixedIdentity('server', atOnce, testKey('rsa2048'), signatures.sha256WithRsa),
  };
  return { client: clientScenes(cast), server: serverScenes(cast) };
}

/** A session that a client victim has from somewhere, and that its peer knows too. */
const clientSession: KnownSession = {
  suite: 'TLS_AES_128_GCM_SHA256',
  psk: new Uint8Array(32).fill(0x51),
  ticket: utf8('a ticket of this server'),
  ageAdd: 7,
};

function clientScenes(cast: Cast): Scenes['client'] {
  const make = (
    name: ClientSceneName,
    {
      settings = {},
      peer = {},
      identity = cast.server,
      hasSession = false,
    }: {
      readonly settings?: Partial<ClientSettings>;
      readonly peer?: Partial<PeerSetup>;
      readonly identity?: Identity;
      readonly hasSession?: boolean;
    } = {},
  ): Scene => {
    const provider = new SeededProvider(`stateful victim ${name}`);
    const peerProvider = new SeededProvider(`stateful peer ${name}`);
    const setup: PeerSetup = {
      side: 'server',
      provider: peerProvider,
      identity,
      other: cast.other,
      suite: 'TLS_AES_128_GCM_SHA256',
      group: 'x25519',
      signatureSchemes: ed25519,
      ...peer,
    };
    const config = createClientConfig({
      provider,
      now: () => now,
      trust: exactly(identity, cast.answer),
      alpnProtocols: ['h2', 'http/1.1'],
      cipherSuites: ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384'],
      groups: ['x25519', 'secp256r1'],
      signatureSchemes: ['ed25519', 'ecdsa_secp256r1_sha256'],
      certificateCompression: [],
      ticketRequest: { newSession: 1, resumption: 1 },
      sessions: hasSession
        ? sessionsOf(clientSession, identity.chain)
        : { put: () => {}, take: () => undefined },
      keyLog: true,
      ...settings,
    });
    const session = { ...clientSession, chain: identity.chain, fits: true };
    return {
      name,
      victim: 'client',
      config,
      peer: setup,
      script: serverScript(name),
      facts: {
        trusted: identity.chain[0] ?? noBytes,
        isRaw: identity.certificateType === 'RawPublicKey',
        hasIdentity: settings.identity !== undefined,
        sessions: hasSession ? [session] : [],
      },
      restart: () => {
        provider.restart();
        peerProvider.restart();
      },
    };
  };
  const secp256r1 = { group: 'secp256r1', retry: { group: 'secp256r1' } } as const;
  return {
    full: make('full'),
    retry: make('retry', { peer: secp256r1 }),
    cookie: make('cookie', { peer: { retry: { cookie: utf8('a cookie') } } }),
    resumed: make('resumed', { hasSession: true, peer: { session: clientSession } }),
    resumedRetry: make('resumedRetry', { hasSession: true, peer: { session: clientSession, ...secp256r1 } }),
    declined: make('declined', { hasSession: true }),
    requested: make('requested', { settings: { identity: () => cast.answer(cast.ownClient) } }),
    requestedFromNobody: make('requestedFromNobody'),
    compressed: make('compressed', { settings: { certificateCompression: ['zlib'] } }),
    rsa: make('rsa', { identity: cast.rsa, settings: { signatureSchemes: ['rsa_pss_rsae_sha256'] } }),
    rawPublicKey: make('rawPublicKey', {
      identity: raw(cast.server),
      settings: { trust: exactlyRaw(raw(cast.server), cast.answer) },
      peer: { other: raw(cast.other), encrypted: { server_certificate_type: 2 } },
    }),
  };
}

function sessionsOf(known: KnownSession, chain: readonly Uint8Array[]): ClientConfig['sessions'] {
  return {
    put: () => {},
    take: (scope): Tls13ClientSession => ({
      protocolVersion: 'TLSv1.3',
      scope,
      cipherSuite: known.suite,
      psk: known.psk.slice(),
      ticket: known.ticket,
      ticketAgeAdd: known.ageAdd,
      receivedAt: now,
      expiresAt: now + 1e6,
      authenticatedAt: now,
      validUntil: now + 1e6,
      peerCertificates: chain,
    }),
  };
}

function serverScenes(cast: Cast): Scenes['server'] {
  const keeper = new TicketKeys(new SeededProvider('stateful tickets'), 86_400);
  const make = (
    name: ServerSceneName,
    {
      settings = {},
      peer = {},
      identity = cast.client,
      sessions = [],
    }: {
      readonly settings?: Partial<ServerSettings>;
      readonly peer?: Partial<PeerSetup>;
      readonly identity?: Identity;
      readonly sessions?: readonly FactOfSession[];
    } = {},
  ): Scene => {
    const provider = new SeededProvider(`stateful server victim ${name}`);
    const peerProvider = new SeededProvider(`stateful client peer ${name}`);
    const setup: PeerSetup = {
      side: 'client',
      provider: peerProvider,
      identity,
      other: cast.other,
      suite: 'TLS_AES_128_GCM_SHA256',
      group: 'x25519',
      signatureSchemes: ed25519,
      session: sessions[0],
      ...peer,
    };
    const config = createServerConfig({
      provider,
      now: () => now,
      identity: () => cast.answer(cast.ownServer),
      alpnProtocols: ['http/1.1'],
      cipherSuites: ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384'],
      groups: ['x25519', 'secp256r1'],
      signatureSchemes: ['ed25519', 'ecdsa_secp256r1_sha256'],
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
      peer: setup,
      script: clientScript(name),
      facts: {
        trusted: identity.chain[0] ?? noBytes,
        isRaw: identity.certificateType === 'RawPublicKey',
        hasIdentity: true,
        sessions,
      },
      restart: () => {
        provider.restart();
        peerProvider.restart();
      },
    };
  };
  const retry = { groups: ['secp256r1'] } as const;
  const required = { clientAuthentication: 'require' } as const;
  const optional = { clientAuthentication: 'request' } as const;
  const full = make('full');
  const withClient = make('required', { settings: required });
  const anonymous = sessionFrom(full, []);
  const ofClient = sessionFrom(withClient, cast.client.chain);
  const early = { hello: { early_data: true } } as const;
  const zlib = { certificateCompression: ['zlib'] } as const;
  return {
    full,
    retry: make('retry', { settings: retry }),
    resumed: make('resumed', { sessions: [anonymous] }),
    resumedRetry: make('resumedRetry', { settings: retry, sessions: [anonymous] }),
    required: withClient,
    optional: make('optional', { settings: optional }),
    optionalFromNobody: make('optionalFromNobody', { settings: optional }),
    compressed: make('compressed', {
      settings: { ...required, ...zlib },
      peer: { hello: { compress_certificate: [certificateCompressionCodes.zlib] } },
    }),
    rsa: make('rsa', {
      identity: cast.rsa,
      settings: { ...required, signatureSchemes: ['rsa_pss_rsae_sha256'] },
    }),
    rawPublicKey: make('rawPublicKey', {
      identity: raw(cast.client),
      settings: { ...required, clientTrust: exactlyRaw(raw(cast.client), cast.answer) },
      peer: { other: raw(cast.other), hello: { client_certificate_type: [2] } },
    }),
    earlyData: make('earlyData', { sessions: [anonymous], peer: early }),
    earlyDataRetry: make('earlyDataRetry', { settings: retry, sessions: [anonymous], peer: early }),
    // Of a server that asks no client who it is: nobody has proven anything there.
    foreignSession: make('foreignSession', {
      settings: required,
      sessions: [{ ...anonymous, fits: false }],
    }),
    clientSession: make('clientSession', { settings: required, sessions: [ofClient] }),
  };
}

/** An identity without its certificate. */
function raw({ chain: [leaf = noBytes], signer }: Identity): Identity {
  return { certificateType: 'RawPublicKey', chain: [publicKeyIn(leaf)], signer };
}

function exactlyRaw(identity: Identity, answer: Answer): TrustPolicy {
  return { ...exactly(identity, answer), certificateTypes: ['RawPublicKey'] };
}

/** The session behind the first ticket that an honest client gets. */
function sessionFrom(scene: Scene, chain: readonly Uint8Array[]): FactOfSession {
  const { hear, state } = perform(scene, [...scene.script.filter((step) => !isEnd(step))]);
  hear(({ connection }) => connection.send(Uint8Array.of(1)));
  const [session] = state.sessions;
  if (!session) throw new Error(`no ticket came in the scene ${scene.name}`);
  return { ...session, chain, fits: true };
}

function isEnd(step: Step): boolean {
  return step.kind === 'record' && step.type === record('alert', []).type;
}
