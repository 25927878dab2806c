import { beforeEach, describe, expect, it } from 'vitest';
import { noBytes, utf8 } from '../../src/base/bytes.ts';
import type { ClientSettings } from '../../src/connection/config.ts';
import type { ClientConfig } from '../../src/handshake/config.ts';
import type { TrustPolicy } from '../../src/handshake/identity.ts';
import type { Tls12Outcome } from '../../src/handshake/outcome.ts';
import { type Handshake, receive } from '../../src/handshake/steps.ts';
import { receiveTls12Finished, sendTls12Finished } from '../../src/handshake/tls12-authentication.ts';
import { tls12CipherSuites } from '../../src/keys/tls12-cipher-suites.ts';
import { tls12Keys } from '../../src/keys/tls12-key-schedule.ts';
import { Transcript } from '../../src/keys/transcript.ts';
import { MemorySessionCache, type Tls12ClientSession } from '../../src/sessions/client-session.ts';
import { decodeClientHello } from '../../src/wire/hello.ts';
import type { Tls12CipherSuiteName } from '../../src/wire/names.ts';
import {
  encodeTls12NewSessionTicket,
  encodeTls12ServerHello,
  type Tls12ServerHello,
} from '../../src/wire/tls12-messages.ts';
import { clientConfig, type Endpoint, pump, serverConfig, startOfTime, summary } from '../support/engine.ts';
import {
  alteringServer,
  bothDone,
  clientOf,
  fateOf,
  outcomeOf,
  refusedByClient,
  scripted,
  serverOf,
} from '../support/handshake.ts';
import { helloOf } from '../support/hello.ts';
import { carelessCache, copyOfSession, editedServerHello, sessionsOf, tls12Only } from '../support/tls12.ts';

const now = (): number => startOfTime;
/** What a careless client was given. */
let held: Tls12ClientSession[];

beforeEach(() => {
  held = [];
});

function carelessClient(settings: Partial<ClientSettings> = {}): ClientConfig {
  return clientConfig({ ...tls12Only, now, ...settings, sessions: carelessCache(held) });
}

async function serverWith(): Promise<Endpoint> {
  return serverOf(await serverConfig({ ...tls12Only, now }));
}

function trusting(validUntil: number): TrustPolicy {
  return { fingerprint: utf8('briefly'), verify: () => ({ trusted: true, validUntil }) };
}

/** What a server that keeps sessions by their IDs does when one comes back. */
interface Resumption {
  readonly masterSecret: Uint8Array;
  readonly cipherSuite?: Tls12CipherSuiteName;
  /** What the ServerHello says otherwise. */
  readonly edit?: (hello: Tls12ServerHello) => Tls12ServerHello;
}

const sessionId = Uint8Array.from({ length: 20 }, (_, index) => index + 1);

/** A server of TLS 1.2 that gives its sessions this ID, and sends no ticket. */
async function namingServer(id: Uint8Array = sessionId): Promise<Endpoint> {
  const config = await serverConfig({ ...tls12Only, now, tickets: { count: 0 } });
  return alteringServer(config, 'server_hello', (message) =>
    editedServerHello(message, (hello) => ({ ...hello, sessionId: id })),
  );
}

/** A server that resumes whatever session the client names by its ID (RFC 5246 figure 2). */
async function resumingServer({
  masterSecret,
  cipherSuite = 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
  edit = (hello) => hello,
}: Resumption): Promise<Endpoint> {
  const config = await serverConfig({ ...tls12Only, now });
  const suite = tls12CipherSuites[cipherSuite];
  return scripted(config, function* (flight): Handshake<Tls12Outcome> {
    const message = yield* receive('client_hello');
    const { legacySessionId, random } = decodeClientHello(message.body);
    const randoms = { client: random.slice(), server: new Uint8Array(32).fill(1) };
    const transcript = new Transcript(config.provider);
    transcript.add(message.bytes);
    flight.beginTls12();
    const hello = encodeTls12ServerHello(
      edit({
        kind: 'Tls12ServerHello',
        version: 0x0303,
        random: randoms.server,
        sessionId: legacySessionId,
        cipherSuite: suite.code,
        compressionMethod: 0,
        extensions: { renegotiation_info: noBytes, extended_master_secret: true },
      }),
    );
    transcript.add(hello);
    flight.send(hello);
    transcript.start(suite.hash);
    const state = { config, flight, transcript, suite, randoms, extendedMasterSecret: true };
    const keys = tls12Keys(config.provider, suite, masterSecret, randoms);
    sendTls12Finished(state, 'server', masterSecret, keys.server);
    yield* receiveTls12Finished(state, 'client', masterSecret, keys.client);
    return {
      protocolVersion: 'TLSv1.2',
      suite,
      group: undefined,
      peerSignatureScheme: undefined,
      peerAcceptedSchemes: [],
      alpnProtocol: undefined,
      serverName: undefined,
      resumed: true,
      peerCertificates: [],
      peerRawPublicKey: undefined,
      authenticatedAt: startOfTime,
      validUntil: Number.POSITIVE_INFINITY,
      extendedMasterSecret: true,
      masterSecret,
      randoms,
      session: undefined,
    };
  });
}

describe('a client resumes by session ID', () => {
  beforeEach(async () => {
    expect(outcomeOf(clientOf(carelessClient()), await namingServer())).toEqual(bothDone);
  });

  const secret = (): Uint8Array => held[0]!.masterSecret.slice();

  it('what it was given one for, and names it in its hello', () => {
    expect(held).toMatchObject([{ sessionId, ticket: noBytes, expiresAt: startOfTime + 86_400_000 }]);
    for (const settings of [{}, { maxVersion: 'TLSv1.3', compatibilityMode: false }] as const) {
      const hello = helloOf(clientOf(carelessClient(settings)));
      expect(hello.legacySessionId).toEqual(sessionId);
      expect(hello.extensions.session_ticket).toEqual(noBytes);
    }
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'of a server that knows it, offering up to %s',
    async (maxVersion) => {
      const client = clientOf(carelessClient({ maxVersion }));
      const server = await resumingServer({ masterSecret: secret() });
      expect(outcomeOf(client, server)).toEqual(bothDone);
      expect(client.info).toMatchObject({ resumed: true, group: undefined, authenticatedAt: startOfTime });
      expect(client.info.peerCertificates).toEqual(held[0]?.peerCertificates);
      server.send('hello again');
      pump({ client, server });
      expect(summary(client.events)).toEqual(['handshakeDone', 'session', 'data "hello again"']);
    },
  );

  it('again and again: it goes back into the cache under its ID, with its own time', async () => {
    const sessions = new MemorySessionCache();
    let time = startOfTime;
    const config = clientConfig({ ...tls12Only, now: () => time, sessions });
    const first = clientOf(config);
    outcomeOf(first, await namingServer());
    const masterSecret = sessionsOf(first)[0]!.masterSecret.slice();
    for (let round = 0; round < 3; round++) {
      time += 1000;
      const client = clientOf(config);
      expect(outcomeOf(client, await resumingServer({ masterSecret: masterSecret.slice() }))).toEqual(
        bothDone,
      );
      expect(sessionsOf(client)).toMatchObject([
        { sessionId, ticket: noBytes, expiresAt: startOfTime + 86_400_000, authenticatedAt: startOfTime },
      ]);
    }
  });

  it('unless the server has forgotten it: a full handshake, and a new session', async () => {
    const client = clientOf(carelessClient());
    expect(outcomeOf(client, await namingServer(Uint8Array.of(7)))).toEqual(bothDone);
    expect(client.info.resumed).toBe(false);
    expect(held.at(-1)?.sessionId).toEqual(Uint8Array.of(7));
  });

  it('takes no session of a server that gives it no ID', async () => {
    const client = clientOf(carelessClient());
    expect(outcomeOf(client, await namingServer(noBytes))).toEqual(bothDone);
    expect(sessionsOf(client)).toEqual([]);
  });

  it.each<[string, Omit<Resumption, 'masterSecret'>, string]>([
    [
      'another cipher suite',
      { cipherSuite: 'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256' },
      'illegal_parameter',
    ],
    [
      'no extended master secret',
      { edit: (hello) => ({ ...hello, extensions: { renegotiation_info: noBytes } }) },
      'handshake_failure',
    ],
    [
      'no renegotiation_info',
      { edit: (hello) => ({ ...hello, extensions: { extended_master_secret: true } }) },
      'handshake_failure',
    ],
    [
      // So that this is a full handshake, in which a Certificate comes.
      'another ID',
      { edit: (hello) => ({ ...hello, sessionId: Uint8Array.of(1, 2, 3) }) },
      'unexpected_message',
    ],
    ['no ID', { edit: (hello) => ({ ...hello, sessionId: noBytes }) }, 'unexpected_message'],
  ])('refuses a server that resumes it with %s', async (_name, resumption, alert) => {
    const client = clientOf(carelessClient());
    outcomeOf(client, await resumingServer({ masterSecret: secret(), ...resumption }));
    expect(fateOf(client)).toBe(alert);
  });

  it('refuses a server that does not have its secret: bad_record_mac', async () => {
    const client = clientOf(carelessClient());
    const server = await resumingServer({ masterSecret: new Uint8Array(48).fill(1) });
    outcomeOf(client, server);
    expect(fateOf(client)).toBe('bad_record_mac');
  });
});

describe('a client offers a session', () => {
  /** The ticket in the next hello. */
  function offered(
    settings: Partial<ClientSettings>,
    fields: Partial<Tls12ClientSession> = {},
  ): Uint8Array | undefined {
    const session = { ...held[0]!, ...fields };
    const taken = clientConfig({
      ...tls12Only,
      now,
      ...settings,
      sessions: { put: () => {}, take: once(session) },
    });
    return helloOf(clientOf(taken)).extensions.session_ticket;
  }

  function once(session: Tls12ClientSession): (scope: string) => Tls12ClientSession | undefined {
    let isTaken = false;
    return (scope) => {
      if (isTaken) return undefined;
      isTaken = true;
      return { ...copyOfSession(session), scope: session.scope === 'another' ? 'another' : scope };
    };
  }

  beforeEach(async () => {
    outcomeOf(clientOf(carelessClient()), await serverWith());
  });

  it('with a random session ID, by whose echo it sees that it was accepted (RFC 5077 §3.4)', async () => {
    const hellos = [helloOf(clientOf(carelessClient())), helloOf(clientOf(carelessClient()))];
    expect(hellos.map(({ legacySessionId }) => legacySessionId.length)).toEqual([32, 32]);
    expect(hellos[0]?.legacySessionId).not.toEqual(hellos[1]?.legacySessionId);
    expect(hellos[0]?.extensions.session_ticket).toEqual(held[0]?.ticket);
  });

  it.each<[string, Partial<ClientSettings>, Partial<Tls12ClientSession>]>([
    ['of another scope', {}, { scope: 'another' }],
    ['that has expired', {}, { expiresAt: startOfTime }],
    ['whose server’s path has expired', {}, { validUntil: startOfTime }],
    ['of a version that it does not speak any more', { minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3' }, {}],
    [
      'of a cipher suite that it has no more',
      { cipherSuites: ['TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256'] },
      {},
    ],
    ['whose secret was wiped', {}, { masterSecret: new Uint8Array(48) }],
    ['whose secret is none', {}, { masterSecret: new Uint8Array(32).fill(1) }],
    ['that the server cannot know', {}, { ticket: noBytes }],
    ['with a session ID that is too long', {}, { ticket: noBytes, sessionId: new Uint8Array(33).fill(1) }],
    ['with a ticket that has no room', {}, { ticket: new Uint8Array(16_385).fill(1) }],
  ])('but never one %s', (_name, settings, fields) => {
    expect(offered({})).toEqual(held[0]?.ticket);
    expect(offered(settings, fields)?.length ?? 0).toBe(0);
  });
});

it('a client of TLS 1.3 alone names no session of TLS 1.2, though its cache gives it one', () => {
  held = [
    {
      protocolVersion: 'TLSv1.2',
      scope: '',
      cipherSuite: 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
      masterSecret: new Uint8Array(48).fill(1),
      ticket: noBytes,
      sessionId,
      expiresAt: startOfTime + 1,
      authenticatedAt: startOfTime,
      validUntil: startOfTime + 1,
      peerCertificates: [],
    },
  ];
  const named = (settings: Partial<ClientSettings>): Uint8Array =>
    helloOf(clientOf(carelessClient({ maxVersion: 'TLSv1.3', compatibilityMode: false, ...settings })))
      .legacySessionId;
  expect(named({})).toEqual(sessionId);
  expect(named({ minVersion: 'TLSv1.3' })).toEqual(noBytes);
});

describe('a client keeps what NewSessionTicket gives', () => {
  /** The session after a handshake with this NewSessionTicket. */
  async function keptOf(lifetimeHint: number, ticket: Uint8Array): Promise<Tls12ClientSession | undefined> {
    const config = await serverConfig({ now, ...tls12Only });
    const server = alteringServer(config, 'new_session_ticket', () =>
      encodeTls12NewSessionTicket({ lifetimeHint, ticket }),
    );
    const client = clientOf(clientConfig({ ...tls12Only, now }));
    expect(outcomeOf(client, server)).toEqual(bothDone);
    return sessionsOf(client)[0];
  }

  it.each([
    ['as long as its hint says', 100, 100],
    ['for a day where it says nothing, which is our own default', 0, 86_400],
    ['for a week at most', 0xffffffff, 604_800],
  ])('%s', async (_name, hint, seconds) => {
    const session = await keptOf(hint, utf8('a ticket'));
    expect(session?.ticket).toEqual(utf8('a ticket'));
    expect((session?.expiresAt ?? 0) - startOfTime).toBe(seconds * 1000);
  });

  it('but an empty ticket is none, and one too large neither', async () => {
    expect(await keptOf(100, noBytes)).toBeUndefined();
    expect(await keptOf(100, new Uint8Array(16_385))).toBeUndefined();
    expect(await keptOf(100, new Uint8Array(16_384).fill(1))).toBeDefined();
  });

  it('refuses one that was not announced, and waits for one that was: unexpected_message', async () => {
    const config = await serverConfig({ now, ...tls12Only });
    const client = (): Endpoint => clientOf(clientConfig({ ...tls12Only, now }));
    const silent = alteringServer(config, 'new_session_ticket', () => []);
    expect(outcomeOf(client(), silent)).toEqual(refusedByClient('unexpected_message'));
    const sudden = alteringServer(config, 'server_hello', (bytes) =>
      editedServerHello(bytes, (hello) => ({
        ...hello,
        extensions: { ...hello.extensions, session_ticket: undefined },
      })),
    );
    expect(outcomeOf(client(), sudden)).toEqual(refusedByClient('unexpected_message'));
  });

  it('no longer than the server’s certificate path', async () => {
    const client = clientOf(clientConfig({ ...tls12Only, now, trust: trusting(startOfTime + 5000) }));
    expect(outcomeOf(client, await serverWith())).toEqual(bothDone);
    expect(sessionsOf(client)[0]?.expiresAt).toBe(startOfTime + 5000);
  });

  it('not where the time is over', async () => {
    const client = clientOf(clientConfig({ ...tls12Only, now, trust: trusting(startOfTime) }));
    expect(outcomeOf(client, await serverWith())).toEqual(bothDone);
    expect(sessionsOf(client)).toEqual([]);
  });
});
