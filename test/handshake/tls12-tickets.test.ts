import { beforeEach, describe, expect, it } from 'vitest';
import { noBytes, utf8 } from '../../src/base/bytes.ts';
import type { ClientSettings, ServerSettings } from '../../src/connection/config.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import type { ClientConfig } from '../../src/handshake/config.ts';
import type { TrustPolicy } from '../../src/handshake/identity.ts';
import { MemorySessionCache, type Tls12ClientSession } from '../../src/sessions/client-session.ts';
import { TicketKeys } from '../../src/sessions/ticket-keys.ts';
import { handshakeTypeName } from '../../src/wire/names.ts';
import { decodeTls12NewSessionTicket, type Tls12ServerHello } from '../../src/wire/tls12-messages.ts';
import {
  clientConfig,
  clientIdentity,
  type Endpoint,
  endOfTime,
  type Pair,
  pump,
  serverConfig,
  serverIdentity,
  startOfTime,
  summary,
} from '../support/engine.ts';
import {
  alteringClient,
  alteringServer,
  bothDone,
  clientOf,
  fateOf,
  outcome,
  outcomeOf,
  refusedByClient,
  refusedByServer,
  serverOf,
} from '../support/handshake.ts';
import {
  carelessCache,
  editedClientHello,
  editedServerHello,
  identityWithKey,
  plaintextMessagesOf,
  sessionsOf,
  tls12Only,
} from '../support/tls12.ts';

const day = 86_400_000;
const clock = { now: startOfTime };
const now = (): number => clock.now;
let keys: TicketKeys;
/** What a careless client was given. */
let held: Tls12ClientSession[];

beforeEach(() => {
  clock.now = startOfTime;
  keys = new TicketKeys(nodeCrypto, 604_800);
  held = [];
});

/** A client that offers the newest session that it holds, whatever its age, and the server's name and policy. */
function carelessClient(settings: Partial<ClientSettings> = {}): ClientConfig {
  return clientConfig({ ...tls12Only, now, ...settings, sessions: carelessCache(held) });
}

async function serverWith(settings: Partial<ServerSettings> = {}): Promise<Endpoint> {
  const { tickets, ...others } = settings;
  return serverOf(
    await serverConfig({
      now,
      ...tls12Only,
      ...others,
      tickets: { keeper: keys, lifetime: 604_800, ...tickets },
    }),
  );
}

async function connect(
  client: ClientConfig,
  settings: Partial<ServerSettings> = {},
  host = 'localhost',
): Promise<Pair> {
  const pair = { client: clientOf(client, { host }), server: await serverWith(settings) };
  pump(pair);
  return pair;
}

/** Whether the session at hand was resumed, in which both sides agree. */
async function resumedBy(
  settings: Partial<ServerSettings> = {},
  client = carelessClient(),
  host?: string,
): Promise<boolean> {
  const pair = await connect(client, settings, host);
  expect(outcome(pair)).toEqual(bothDone);
  expect(pair.client.info.resumed).toBe(pair.server.info.resumed);
  return pair.server.info.resumed;
}

function trusting(fingerprint: string, validUntil: number = endOfTime): TrustPolicy {
  return { fingerprint: utf8(fingerprint), verify: () => ({ trusted: true, validUntil }) };
}

function namesOf(endpoint: Endpoint): string[] {
  return plaintextMessagesOf(endpoint).map(([type = 0]) => handshakeTypeName(type));
}

/** The NewSessionTicket that a server sent; undefined where it sent none. */
function ticketOf(server: Endpoint): ReturnType<typeof decodeTls12NewSessionTicket> | undefined {
  const message = plaintextMessagesOf(server).find(([type]) => type === 4);
  return message && decodeTls12NewSessionTicket(message.subarray(4));
}

describe('a session', () => {
  it('is resumed by its ticket in one round trip less, with a new ticket and new keys (RFC 5077 figure 2)', async () => {
    const client = carelessClient();
    const first = await connect(client);
    const next = await connect(client);
    expect(outcome(next)).toEqual(bothDone);
    for (const { info } of [next.client, next.server])
      expect(info).toMatchObject({
        protocolVersion: 'TLSv1.2',
        resumed: true,
        group: undefined,
        peerSignatureScheme: undefined,
        extendedMasterSecret: true,
        cipherSuite: first.client.info.cipherSuite,
      });
    expect(next.client.info.peerCertificates).toEqual((await serverIdentity()).chain);
    expect(namesOf(next.server)).toEqual(['server_hello', 'new_session_ticket']);
    expect(namesOf(next.client)).toEqual(['client_hello']);
    expect([next.client.writes.length, next.server.writes.length]).toEqual([2, 1]);
    expect(ticketOf(next.server)?.ticket).not.toEqual(ticketOf(first.server)?.ticket);
    next.client.send('ping');
    next.server.send('pong');
    pump(next);
    expect(summary(next.server.events)).toEqual(['handshakeDone', 'data "ping"']);
    expect(summary(next.client.events)).toEqual(['handshakeDone', 'session', 'data "pong"']);
    // The same master secret, with other random values.
    expect(next.client.secrets.get('CLIENT_RANDOM')).toEqual(first.client.secrets.get('CLIENT_RANDOM'));
    expect(next.client.keyLogLines).not.toEqual(first.client.keyLogLines);
  });

  it('is told to the client once, at the end of the handshake, and what it is kept for', async () => {
    const { client } = await connect(carelessClient());
    expect(summary(client.events)).toEqual(['handshakeDone', 'session']);
    expect(sessionsOf(client)).toMatchObject([
      {
        protocolVersion: 'TLSv1.2',
        cipherSuite: 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
        sessionId: noBytes,
        authenticatedAt: startOfTime,
        expiresAt: startOfTime + 604_800_000,
        validUntil: endOfTime,
        peerCertificates: (await serverIdentity()).chain,
      },
    ]);
  });

  it.each([
    'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384',
    'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256',
  ] as const)(
    'with %s is resumed with it, though the server would choose another one now',
    async (cipherSuite) => {
      expect(await resumedBy({ cipherSuites: [cipherSuite] })).toBe(false);
      const next = await connect(carelessClient());
      expect(next.server.info).toMatchObject({ resumed: true, cipherSuite });
    },
  );

  it('of a client that offers TLS 1.3 too is resumed by a server of 1.2', async () => {
    const client = carelessClient({ maxVersion: 'TLSv1.3' });
    expect(await resumedBy({}, client)).toBe(false);
    expect(await resumedBy({}, client)).toBe(true);
  });

  it('keeps the client’s identity, and is resumed without asking for it', async () => {
    const settings = { clientAuthentication: 'require' } as const;
    const identity = await clientIdentity();
    const client = carelessClient({ identity });
    expect(await resumedBy(settings, client)).toBe(false);
    for (let round = 0; round < 3; round++) {
      clock.now += day;
      const next = await connect(client, settings);
      expect(next.server.info).toMatchObject({
        resumed: true,
        peerCertificates: identity.chain,
        authenticatedAt: startOfTime,
      });
    }
  });

  it('is resumed under another ALPN protocol, which is negotiated anew', async () => {
    const client = carelessClient({ alpnProtocols: ['h2', 'http/1.1'] });
    expect(await resumedBy({ alpnProtocols: ['h2'] }, client)).toBe(false);
    const next = await connect(client, { alpnProtocols: ['http/1.1'] });
    expect(next.server.info).toMatchObject({ resumed: true, alpnProtocol: 'http/1.1' });
    expect(next.client.info.alpnProtocol).toBe('http/1.1');
  });

  it('is resumed again without a new ticket, with the one that it has', async () => {
    const sessions = new MemorySessionCache();
    const client = clientConfig({ ...tls12Only, now, sessions });
    const tickets = { resumedCount: 0 };
    expect(await resumedBy({ tickets }, client)).toBe(false);
    for (let round = 0; round < 3; round++) {
      const { client: endpoint, server } = await connect(client, { tickets });
      expect(endpoint.info.resumed).toBe(true);
      expect(ticketOf(server)).toBeUndefined();
      expect(sessionsOf(endpoint)).toHaveLength(1);
    }
  });
});

describe('a ticket', () => {
  it('lives from the original handshake on, through every renewal', async () => {
    const client = carelessClient();
    const tickets = { lifetime: 86_400 };
    const first = await connect(client, { tickets });
    expect(ticketOf(first.server)?.lifetimeHint).toBe(86_400);
    clock.now += day / 4;
    const second = await connect(client, { tickets });
    expect(second.server.info).toMatchObject({ resumed: true, authenticatedAt: startOfTime });
    expect(second.client.info.authenticatedAt).toBe(startOfTime);
    expect(ticketOf(second.server)?.lifetimeHint).toBe(64_800);
    clock.now = startOfTime + day - 1;
    // It has less than a second: a ticket of no lifetime is an empty one.
    const last = await connect(client, { tickets });
    expect(last.server.info.resumed).toBe(true);
    expect(ticketOf(last.server)).toEqual({ lifetimeHint: 0, ticket: noBytes });
    clock.now += 1;
    expect(await resumedBy({ tickets }, client)).toBe(false);
  });

  it('lives no longer than the client’s certificate path', async () => {
    const clientTrust = trusting('briefly', startOfTime + 60_000);
    const settings = { clientAuthentication: 'require', clientTrust } as const;
    const client = carelessClient({ identity: await clientIdentity() });
    const first = await connect(client, settings);
    expect(ticketOf(first.server)?.lifetimeHint).toBe(60);
    clock.now += 59_999;
    expect(await resumedBy(settings, client)).toBe(true);
    clock.now += 1;
    expect(await resumedBy(settings, client)).toBe(false);
  });

  it.each<[string, Partial<ClientSettings>, ServerSettings['tickets'], boolean]>([
    ['one for a client that takes any', {}, {}, true],
    ['one, however many TLS 1.3 would get', {}, { count: 8 }, true],
    ['none where the server gives none', {}, { count: 0 }, false],
    ['none for a client that keeps no sessions', { sessions: false }, {}, false],
  ])('%s', async (_name, settings, tickets, comes) => {
    const { client, server } = await connect(clientConfig({ ...tls12Only, now, ...settings }), { tickets });
    expect(namesOf(server).filter((name) => name === 'new_session_ticket')).toHaveLength(comes ? 1 : 0);
    expect(sessionsOf(client)).toHaveLength(comes ? 1 : 0);
    expect(fateOf(client)).toBe('done');
  });

  it('that is altered, cut, or of keys that the server has no more is none: a full handshake', async () => {
    expect(await resumedBy()).toBe(false);
    const { ticket } = held[0]!;
    const other = ticket.slice();
    other[other.length - 1]! ^= 1;
    for (const offered of [other, ticket.subarray(0, -1), Uint8Array.of(1), new Uint8Array(10_000)]) {
      held = [{ ...held[0]!, ticket: offered }];
      expect(await resumedBy(), `${offered.length} bytes`).toBe(false);
    }
    held = [{ ...held[0]!, ticket }];
    keys = new TicketKeys(nodeCrypto, 604_800);
    expect(await resumedBy()).toBe(false);
  });

  it('whose secret the client does not have helps nobody: Finished does not open', async () => {
    await connect(carelessClient());
    held = [{ ...held[0]!, masterSecret: new Uint8Array(48).fill(1) }];
    const pair = await connect(carelessClient());
    expect(outcome(pair).client).toBe('bad_record_mac');
    expect(pair.server.engine.handshakeInfo).toBeUndefined();
  });
});

describe('a server goes through a full handshake where the session was made', () => {
  it('under another server_name (RFC 6066 §3)', async () => {
    expect(await resumedBy({}, carelessClient(), 'a.example')).toBe(false);
    expect(await resumedBy({}, carelessClient(), 'b.example')).toBe(false);
    expect(await resumedBy({}, carelessClient(), 'B.example')).toBe(true);
    expect(await resumedBy({}, carelessClient(), '127.0.0.1')).toBe(false);
  });

  it('under another identity', async () => {
    expect(await resumedBy()).toBe(false);
    expect(await resumedBy({ identity: await identityWithKey('ed25519') })).toBe(false);
  });

  it('under another way to authenticate clients', async () => {
    const client = carelessClient();
    expect(await resumedBy({}, client)).toBe(false);
    expect(await resumedBy({ clientAuthentication: 'request' }, client)).toBe(false);
    expect(await resumedBy({ clientAuthentication: 'request' }, client)).toBe(true);
    const other = { clientAuthentication: 'request', clientTrust: trusting('others') } as const;
    expect(await resumedBy(other, client)).toBe(false);
  });

  it('with a cipher suite that the client, or the server, has no more', async () => {
    const [first, second] = [
      'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
      'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384',
    ] as const;
    expect(await resumedBy({ cipherSuites: [first] })).toBe(false);
    expect(await resumedBy({ cipherSuites: [second] })).toBe(false);
    held.pop();
    const hello = (bytes: Uint8Array): Uint8Array =>
      editedClientHello(bytes, (sent) => ({ ...sent, cipherSuites: [0xc02c] }));
    const client = alteringClient(carelessClient(), 'client_hello', hello);
    const pair = { client, server: await serverWith() };
    pump(pair);
    expect(pair.server.info).toMatchObject({ resumed: false, cipherSuite: second });
  });

  it('in TLS 1.3, whose tickets are of another kind, and the other way round', async () => {
    const tls13 = { ...clientConfig({ minVersion: 'TLSv1.3', now }) };
    const server = await serverConfig({ now, tickets: { keeper: keys } });
    const first = { client: clientOf(tls13), server: serverOf(server) };
    pump(first);
    first.server.send('x');
    pump(first);
    const ticket = first.client.events.flatMap((event) =>
      event.type === 'session' ? [event.session.ticket] : [],
    )[0]!;
    expect(await resumedBy()).toBe(false);
    held = [{ ...held[0]!, ticket }];
    expect(await resumedBy()).toBe(false);
  });
});

describe('extended master secret (RFC 7627 §5.3)', () => {
  const without = (bytes: Uint8Array): Uint8Array =>
    editedClientHello(bytes, (sent) => ({
      ...sent,
      extensions: { ...sent.extensions, extended_master_secret: undefined },
    }));

  it('without it there is no ticket and no session, on either side', async () => {
    for (let round = 0; round < 2; round++) {
      const client = alteringClient(carelessClient(), 'client_hello', without);
      const server = await serverWith();
      expect(outcomeOf(client, server)).toEqual(bothDone);
      expect(server.info).toMatchObject({ resumed: false, extendedMasterSecret: false });
      expect(client.events.map(({ type }) => type)).toEqual(['handshakeDone']);
      expect(held).toEqual([]);
    }
  });

  it('a session with it is refused to a client that does not have it any more: handshake_failure', async () => {
    expect(await resumedBy()).toBe(false);
    const client = alteringClient(carelessClient(), 'client_hello', without);
    expect(outcomeOf(client, await serverWith())).toEqual(refusedByServer('handshake_failure'));
  });

  const withoutExtendedMasterSecret = (hello: Tls12ServerHello): Tls12ServerHello => ({
    ...hello,
    extensions: { ...hello.extensions, extended_master_secret: undefined },
  });

  it('a client refuses a server that resumes without it: handshake_failure', async () => {
    const settings = { tickets: { keeper: keys } };
    await connect(carelessClient(), settings);
    const config = await serverConfig({ now, ...tls12Only, tickets: { keeper: keys, lifetime: 604_800 } });
    const server = alteringServer(config, 'server_hello', (bytes) =>
      editedServerHello(bytes, withoutExtendedMasterSecret),
    );
    expect(outcomeOf(clientOf(carelessClient()), server)).toEqual(refusedByClient('handshake_failure'));
  });
});
