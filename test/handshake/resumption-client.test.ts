import { beforeEach, describe, expect, it } from 'vitest';
import { utf8 } from '../../src/base/bytes.ts';
import type { ClientSettings } from '../../src/connection/config.ts';
import type { ClientConfig, ServerConfig } from '../../src/handshake/config.ts';
import type { TrustPolicy } from '../../src/handshake/identity.ts';
import {
  type ClientSessionCache,
  MemorySessionCache,
  type Tls13ClientSession,
} from '../../src/sessions/client-session.ts';
import {
  clientConfig,
  clientIdentity,
  type Endpoint,
  endOfTime,
  pump,
  serverConfig,
  serverIdentity,
  startOfTime,
} from '../support/engine.ts';
import { clientOf, connect, serverOf, tls13Session } from '../support/handshake.ts';
import { helloOf } from '../support/hello.ts';
import { newSessionTicket, RawPeer } from '../support/raw-peer.ts';

const second = 1000;
const day = 86_400 * second;
const clock = { now: startOfTime };
let sessions: ClientSessionCache;
let server: ServerConfig;

beforeEach(async () => {
  clock.now = startOfTime;
  sessions = new MemorySessionCache();
  server = await serverConfig({ now: () => clock.now });
});

/** A client configuration of its own; all share one cache. */
function settings(overrides: Partial<ClientSettings> = {}): ClientConfig {
  return clientConfig({ sessions, now: () => clock.now, ...overrides });
}

function trusting(fingerprint: string, validUntil: number = endOfTime): TrustPolicy {
  return { fingerprint: utf8(fingerprint), verify: () => ({ trusted: true, validUntil }) };
}

function offersPsk(client: Endpoint): boolean {
  return helloOf(client).extensions.pre_shared_key !== undefined;
}

const peer = { host: 'host.example', port: 443 };

describe('a client offers a session', () => {
  it('to the same host and port, with the same name, policy and identity, from any configuration', () => {
    connect(clientOf(settings(), peer), serverOf(server));
    const client = clientOf(settings(), { ...peer });
    connect(client, serverOf(server));
    expect(client.info.resumed).toBe(true);
  });

  it.each<[string, Partial<ClientSettings>, object]>([
    ['another host', {}, { host: 'other.example' }],
    ['another host under the same server_name', {}, { host: 'other.example', serverName: 'host.example' }],
    ['another port', {}, { port: 8443 }],
    ['no port', {}, { port: undefined }],
    ['another server_name', {}, { serverName: 'other.example' }],
    ['no server_name', {}, { serverName: '' }],
    ['another verification policy', { trust: trusting('stricter') }, {}],
  ])('but not to %s', (_, other, changes) => {
    connect(clientOf(settings(), peer), serverOf(server));
    expect(offersPsk(clientOf(settings(other), { ...peer, ...changes }))).toBe(false);
    expect(offersPsk(clientOf(settings(), peer))).toBe(true);
  });

  it('but not under another identity of its own, or none', async () => {
    const identity = await clientIdentity();
    const other = { ...identity, chain: (await serverIdentity()).chain };
    connect(clientOf(settings({ identity }), peer), serverOf(server));
    expect(offersPsk(clientOf(settings(), peer))).toBe(false);
    expect(offersPsk(clientOf(settings({ identity: other }), peer))).toBe(false);
    expect(offersPsk(clientOf(settings({ identity: { ...identity } }), peer))).toBe(true);
  });

  it('only within one configuration where a function chooses its identity', async () => {
    const identity = async (): Promise<undefined> => undefined;
    const config = settings({ identity });
    connect(clientOf(config, peer), serverOf(server));
    expect(offersPsk(clientOf(settings({ identity }), peer))).toBe(false);
    expect(offersPsk(clientOf(config, peer))).toBe(true);
  });

  it('once, the newest first, and wipes it', () => {
    const { sessions: got } = connect(clientOf(settings(), peer), serverOf(server));
    expect(got.length).toBe(2);
    const config = settings();
    const offered = [clientOf(config, peer), clientOf(config, peer), clientOf(config, peer)].map(
      (client) => helloOf(client).extensions.pre_shared_key?.identities[0]?.identity,
    );
    expect(offered).toEqual([got[1]?.ticket, got[0]?.ticket, undefined]);
  });

  it('and wipes its PSK when the handshake is over, also where the server did not resume', async () => {
    const { sessions: got } = connect(clientOf(settings(), peer), serverOf(server));
    connect(clientOf(settings(), peer), serverOf(await serverConfig()));
    expect(got.map(({ psk }) => psk.some((byte) => byte !== 0))).toEqual([true, false]);
  });

  it('with the chain and the time of its original handshake, and does not judge the chain again', () => {
    let judged = 0;
    const trust: TrustPolicy = {
      fingerprint: utf8('counting'),
      verify: () => {
        judged += 1;
        return { trusted: true, validUntil: endOfTime };
      },
    };
    const full = connect(clientOf(settings({ trust }), peer), serverOf(server));
    clock.now += 60 * second;
    const resumed = connect(clientOf(settings({ trust }), peer), serverOf(server));
    expect(judged).toBe(1);
    expect(resumed.client.info).toMatchObject({
      resumed: true,
      authenticatedAt: startOfTime,
      peerCertificates: full.client.info.peerCertificates,
    });
  });
});

describe('a session is not offered', () => {
  it('past the lifetime of its ticket', async () => {
    server = await serverConfig({ now: () => clock.now, tickets: { lifetime: 100 } });
    connect(clientOf(settings(), peer), serverOf(server));
    clock.now += 99 * second;
    expect(offersPsk(clientOf(settings(), peer))).toBe(true);
    clock.now += second;
    expect(offersPsk(clientOf(settings(), peer))).toBe(false);
  });

  it('once the server’s chain has expired', () => {
    const trust = trusting('until', startOfTime + 50 * second);
    connect(clientOf(settings({ trust }), peer), serverOf(server));
    clock.now += 49 * second;
    expect(offersPsk(clientOf(settings({ trust }), peer))).toBe(true);
    clock.now += second;
    expect(offersPsk(clientOf(settings({ trust }), peer))).toBe(false);
  });

  it('after 7 days, whatever lifetime the ticket says', () => {
    for (const [age, offered] of [
      [7 * day - 1, true],
      [7 * day, false],
    ] as const) {
      clock.now = startOfTime;
      clientWithTicket(settings(), { lifetime: 2 ** 32 - 1 });
      clock.now = startOfTime + age;
      expect(offersPsk(clientOf(settings(), peer)), `${age} ms`).toBe(offered);
    }
  });

  it('after 7 days from the original handshake, through renewals', async () => {
    server = await serverConfig({ now: () => clock.now, tickets: { lifetime: 604_800 } });
    connect(clientOf(settings(), peer), serverOf(server));
    clock.now += 6 * day;
    const client = clientOf(settings(), peer);
    pump({ client, server: serverOf(server) });
    expect(client.info.resumed).toBe(true);
    // The renewal of a server that does not count from the original handshake.
    const session = lastSession(giveTicket(client, { lifetime: 604_800 }));
    expect(session?.expiresAt).toBe(startOfTime + 7 * day);
  });

  it('that has a lifetime of 0, or a ticket of more than 16 KiB: neither is kept', () => {
    expect(lastSession(clientWithTicket(settings(), { lifetime: 0 }))).toBeUndefined();
    expect(lastSession(clientWithTicket(settings(), { ticket: new Uint8Array(16_385) }))).toBeUndefined();
    expect(lastSession(clientWithTicket(settings(), { ticket: new Uint8Array(16_384) }))).toBeDefined();
    expect(offersPsk(clientOf(settings(), peer))).toBe(true);
  });

  it('beyond 8 per server', () => {
    for (let i = 0; i < 10; i++) clientWithTicket(settings(), { ticket: Uint8Array.of(i) });
    const tickets = Array.from(
      { length: 9 },
      () => helloOf(clientOf(settings(), peer)).extensions.pre_shared_key,
    ).map((psk) => psk?.identities[0]?.identity[0]);
    expect(tickets).toEqual([9, 8, 7, 6, 5, 4, 3, 2, undefined]);
  });

  it('under cipher suites without its own', () => {
    connect(clientOf(settings(), peer), serverOf(server));
    expect(offersPsk(clientOf(settings({ cipherSuites: ['TLS_AES_256_GCM_SHA384'] }), peer))).toBe(false);
  });

  it('where sessions are off: then tickets are not asked for, and ignored', () => {
    const off = settings({ sessions: false });
    const client = clientWithTicket(off, {});
    expect(helloOf(client).extensions.psk_key_exchange_modes).toBeUndefined();
    expect(lastSession(client)).toBeUndefined();
    expect(client.engine.failure).toBeUndefined();
  });
});

describe('from a cache of the caller’s', () => {
  /** A session as a cache gave it. */
  function offeredFrom(edit: (session: Tls13ClientSession) => Tls13ClientSession): boolean {
    const {
      sessions: [session],
    } = connect(clientOf(settings(), peer), serverOf(server));
    if (!session) throw new Error('no session came');
    const cache: ClientSessionCache = { put: () => undefined, take: () => edit(session) };
    return offersPsk(clientOf(settings({ sessions: cache }), peer));
  }

  it('a session is offered as it was', () => {
    expect(offeredFrom((session) => session)).toBe(true);
  });

  it.each<[string, (session: Tls13ClientSession) => Tls13ClientSession]>([
    ['of another scope', (session) => ({ ...session, scope: `${session.scope} ` })],
    ['that has expired', (session) => ({ ...session, expiresAt: startOfTime })],
    ['whose chain has expired', (session) => ({ ...session, validUntil: startOfTime })],
    ['of a suite that is not offered', (session) => ({ ...session, cipherSuite: 'TLS_NULL' as never })],
    ['of a suite with another hash', (session) => ({ ...session, cipherSuite: 'TLS_AES_256_GCM_SHA384' })],
    ['that was used, so that its PSK is zeros', (session) => ({ ...session, psk: new Uint8Array(32) })],
    ['with a PSK of another length', (session) => ({ ...session, psk: session.psk.subarray(1) })],
    ['with a ticket that has no room', (session) => ({ ...session, ticket: new Uint8Array(65_000) })],
  ])('one %s is not', (_, edit) => {
    expect(offeredFrom(edit)).toBe(false);
  });

  it('that gives the same session for ever, it is offered once', () => {
    const {
      sessions: [session],
    } = connect(clientOf(settings(), peer), serverOf(server));
    let taken = 0;
    const cache: ClientSessionCache = {
      put: () => undefined,
      take: () => {
        taken += 1;
        return session;
      },
    };
    const config = settings({ sessions: cache });
    const first = connect(clientOf(config, peer), serverOf(server));
    expect(first.client.info.resumed).toBe(true);
    expect(offersPsk(clientOf(config, peer))).toBe(false);
    expect(taken).toBeLessThanOrEqual(1 + 8);
  });
});

/** A client of `config` that has taken no session, to which a server of another make gives a ticket. */
function clientWithTicket(config: ClientConfig, fields: Parameters<typeof newSessionTicket>[0]): Endpoint {
  const cache: ClientSessionCache = {
    put: (session) => config.sessions?.put(session),
    take: () => undefined,
  };
  const client = clientOf({ ...config, sessions: config.sessions && cache }, peer);
  pump({ client, server: serverOf(server) });
  return giveTicket(client, fields);
}

/** Lets a client that has just finished its handshake receive a ticket. */
function giveTicket(client: Endpoint, fields: Parameters<typeof newSessionTicket>[0]): Endpoint {
  const raw = new RawPeer(client);
  const message = newSessionTicket(fields);
  for (let offset = 0; offset < message.length; offset += 16_000)
    raw.deliver(raw.handshake(message.subarray(offset, offset + 16_000)));
  return client;
}

/** The session that a client got last. */
function lastSession({ events }: Endpoint): Tls13ClientSession | undefined {
  return events.flatMap((event) => (event.type === 'session' ? [tls13Session(event.session)] : [])).at(-1);
}
