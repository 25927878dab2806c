import {
  type ClientSettings,
  createClientConfig,
  createServerConfig,
  type ServerSettings,
} from '../../../src/connection/config.ts';
import type { MaybePromise } from '../../../src/handshake/identity.ts';
import type { ClientSessionCache, Tls13ClientSession } from '../../../src/sessions/client-session.ts';
import { SeededProvider } from '../../support/seeded-provider.ts';
import { Late } from './endpoint.ts';
import { exactly, fixedIdentity, now } from './identities.ts';
import { Rehearsal, type Scenario, type Script, type Side } from './rehearsal.ts';

export const scenarioNames = ['full', 'retry', 'resumed', 'clientAuthentication', 'compressed'] as const;

export type ScenarioName = (typeof scenarioNames)[number];

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
};

/**
 * The five kinds of connection that bad input is tried on. Each run of one is the same, byte for byte: keys, nonces and
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
  const resumption = new OneSession();
  const resumed = make('resumed', { sessions: resumption }, {});
  new Rehearsal(resumed);
  if (!resumption.session) throw new Error('no ticket came to resume with');
  resumption.isOffered = true;
  const clientIdentity = answers === 'late' ? () => answer(client) : client;
  const clientAuthentication = { clientAuthentication: 'require', clientTrust: trustInClient } as const;
  return {
    full: new Rehearsal(make('full', {}, {})),
    retry: new Rehearsal(make('retry', {}, { groups: ['secp256r1'] })),
    resumed: new Rehearsal(resumed),
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
  };
}

/** Offers the same session to each connection: what a client has offered it wipes, so it gets a copy. */
export class OneSession implements ClientSessionCache {
  session: Tls13ClientSession | undefined;
  isOffered = false;

  put(session: Tls13ClientSession): void {
    this.session ??= session;
  }

  take(): Tls13ClientSession | undefined {
    return this.isOffered && this.session ? { ...this.session, psk: this.session.psk.slice() } : undefined;
  }
}
