import {
  type ClientSettings,
  createClientConfig,
  createServerConfig,
  type ServerSettings,
} from '../../../src/connection/config.ts';
import type { MaybePromise } from '../../../src/handshake/identity.ts';
import {
  type ClientSession,
  type ClientSessionCache,
  secretOf,
} from '../../../src/sessions/client-session.ts';
import type { ProtocolVersion } from '../../../src/wire/names.ts';
import { SeededProvider } from '../../support/seeded-provider.ts';
import { Late } from './endpoint.ts';
import { exactly, fixedIdentity, now, stapled } from './identities.ts';
import { Rehearsal, type Scenario, type Script, type Side } from './rehearsal.ts';

export const tls13ScenarioNames = ['full', 'retry', 'resumed', 'clientAuthentication', 'compressed'] as const;

/** The first is a client of both versions with a server of 1.2, the second is the other way round. */
export const tls12ScenarioNames = ['tls12', 'tls12Resumed', 'tls12ClientAuthentication'] as const;

export const scenarioNames = [...tls13ScenarioNames, ...tls12ScenarioNames] as const;

export type Tls13ScenarioName = (typeof tls13ScenarioNames)[number];
export type Tls12ScenarioName = (typeof tls12ScenarioNames)[number];
export type ScenarioName = (typeof scenarioNames)[number];

export function versionOf(name: ScenarioName): ProtocolVersion {
  return tls12ScenarioNames.some((one) => one === name) ? 'TLSv1.2' : 'TLSv1.3';
}

/**
 * The messages that a scenario is there for, by their number among those of their side: the others look like those of
 * the full handshake, which has them all.
 */
export function messagesOfInterest(
  name: ScenarioName,
  script: Script,
  side: Side,
): readonly NumberedMessage[] {
  const numbers = ofInterest[name]?.[side];
  return script.messages
    .map((message, index) => ({ message, index }))
    .filter(({ index }) => !numbers || numbers.includes(index));
}

export interface NumberedMessage {
  readonly message: Uint8Array;
  readonly index: number;
}

const ofInterest: Partial<Record<ScenarioName, Readonly<Record<Side, readonly number[]>>>> = {
  // The second ClientHello; HelloRetryRequest and ServerHello.
  retry: { client: [1], server: [0, 1] },
  // ClientHello; ServerHello, EncryptedExtensions, Finished.
  resumed: { client: [0], server: [0, 1, 2] },
  // Certificate, CertificateVerify, Finished; CertificateRequest.
  clientAuthentication: { client: [1, 2, 3], server: [2] },
  // ClientHello, CompressedCertificate; CertificateRequest, CompressedCertificate.
  compressed: { client: [0, 1], server: [2, 3] },
  // ClientHello, Finished; ServerHello, NewSessionTicket, Finished.
  tls12Resumed: { client: [0, 1], server: [0, 1, 2] },
  // Certificate, ClientKeyExchange, CertificateVerify, Finished; CertificateStatus, CertificateRequest, ServerHelloDone.
  tls12ClientAuthentication: { client: [1, 2, 3, 4], server: [2, 4, 5] },
};

/**
 * The kinds of connection that bad input is tried on. Each run of one is the same, byte for byte: keys, nonces and
 * certificates follow from fixed seeds, so that what a seed of a test finds can be found again.
 *
 * @param answers when the functions of the configurations answer
 */
export async function rehearsals(
  answers: 'at once' | 'late' = 'at once',
): Promise<Readonly<Record<ScenarioName, Rehearsal>>> {
  const answer = <Value>(value: Value): MaybePromise<Value> => (answers === 'late' ? new Late(value) : value);
  const server = await fixedIdentity('server', answer);
  const client = await fixedIdentity('client', answer);
  const trustInServer = exactly(server, answer);
  const trustInClient = exactly(client, answer);
  const make = (
    name: string,
    clientSide: Partial<ClientSettings>,
    serverSide: Partial<ServerSettings>,
  ): Scenario => {
    const clientProvider = new SeededProvider(`${name} client`);
    const serverProvider = new SeededProvider(`${name} server`);
    const clientConfig = createClientConfig({
      provider: clientProvider,
      now: () => now,
      minVersion: 'TLSv1.3',
      trust: trustInServer,
      alpnProtocols: ['h2', 'http/1.1'],
      ticketRequest: { newSession: 1, resumption: 1 },
      sessions: new OneSession(),
      groups: ['x25519', 'secp256r1'],
      certificateCompression: [],
      ...clientSide,
    });
    // With a function as its identity it takes random bytes, once: ahead of the first run, and so of none.
    void clientConfig.sessionScope;
    return {
      name,
      client: clientConfig,
      server: createServerConfig({
        provider: serverProvider,
        now: () => now,
        minVersion: 'TLSv1.3',
        identity: answers === 'late' ? () => answer(server) : server,
        alpnProtocols: ['http/1.1'],
        certificateCompression: [],
        ...serverSide,
      }),
      restart: () => {
        clientProvider.restart();
        serverProvider.restart();
      },
    };
  };
  const resuming = (
    name: string,
    clientSide: Partial<ClientSettings> = {},
    serverSide: Partial<ServerSettings> = {},
  ): Rehearsal => {
    const sessions = new OneSession();
    const scenario = make(name, { ...clientSide, sessions }, serverSide);
    new Rehearsal(scenario);
    if (!sessions.session) throw new Error('no ticket came to resume with');
    sessions.isOffered = true;
    return new Rehearsal(scenario);
  };
  const tls12 = { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' } as const;
  const both = { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3' } as const;
  const withStaple = stapled(server, answer);
  const clientIdentity = answers === 'late' ? () => answer(client) : client;
  const clientAuthentication = { clientAuthentication: 'require', clientTrust: trustInClient } as const;
  return {
    full: new Rehearsal(make('full', {}, {})),
    retry: new Rehearsal(make('retry', {}, { groups: ['secp256r1'] })),
    resumed: resuming('resumed'),
    clientAuthentication: new Rehearsal(
      make('clientAuthentication', { identity: clientIdentity }, clientAuthentication),
    ),
    compressed: new Rehearsal(
      make(
        'compressed',
        { identity: clientIdentity, certificateCompression: ['zlib'] },
        { ...clientAuthentication, certificateCompression: ['zlib', 'brotli'] },
      ),
    ),
    tls12: new Rehearsal(make('tls12', both, tls12)),
    tls12Resumed: resuming(
      'tls12Resumed',
      { ...tls12, cipherSuites: ['TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256'] },
      both,
    ),
    tls12ClientAuthentication: new Rehearsal(
      make(
        'tls12ClientAuthentication',
        { ...tls12, identity: clientIdentity, trust: { ...trustInServer, requestsOcspResponses: true } },
        {
          ...tls12,
          ...clientAuthentication,
          identity: answers === 'late' ? () => answer(withStaple) : withStaple,
        },
      ),
    ),
  };
}

/** Offers the same session to each connection: what a client has offered it wipes, so it gets a copy. */
export class OneSession implements ClientSessionCache {
  session: ClientSession | undefined;
  isOffered = false;

  put(session: ClientSession): void {
    this.session ??= copyOf(session);
  }

  take(): ClientSession | undefined {
    return this.isOffered && this.session ? copyOf(this.session) : undefined;
  }
}

function copyOf(session: ClientSession): ClientSession {
  const secret = secretOf(session).slice();
  return session.protocolVersion === 'TLSv1.3'
    ? { ...session, psk: secret }
    : { ...session, masterSecret: secret };
}
