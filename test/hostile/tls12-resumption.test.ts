import { beforeAll, describe, expect, it } from 'vitest';
import { concatBytes, noBytes, utf8 } from '../../src/base/bytes.ts';
import type { ClientSettings } from '../../src/connection/config.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import type { ServerConfig } from '../../src/handshake/config.ts';
import type { ClientSession, Tls12ClientSession } from '../../src/sessions/client-session.ts';
import { TicketKeys } from '../../src/sessions/ticket-keys.ts';
import { decodeServerHello } from '../../src/wire/hello.ts';
import { encodeTls12ServerHello, type Tls12ServerHello } from '../../src/wire/tls12-messages.ts';
import { clientConfig, type Endpoint, pump, serverConfig, startOfTime } from '../support/engine.ts';
import {
  alteringServer,
  bothDone,
  clientOf,
  type Edit,
  outcomeOf,
  refusedByClient,
  serverOf,
} from '../support/handshake.ts';

const tls12 = { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' } as const;
const peer = { host: 'localhost' };

let server: ServerConfig;
let session: Tls12ClientSession;

beforeAll(async () => {
  server = await serverConfig(tls12);
  session = await sessionWith(server);
});

/** A client that offers this session, whatever cache it came from. */
function offering(offered: ClientSession, settings: Partial<ClientSettings> = {}): Endpoint {
  const sessions = { put: () => {}, take: () => copyOf(offered) };
  return clientOf(clientConfig({ ...tls12, ...settings, sessions }), peer);
}

/** What a client gets of a full handshake. */
async function sessionWith(config: ServerConfig): Promise<Tls12ClientSession> {
  const pair = { client: clientOf(clientConfig(tls12), peer), server: serverOf(config) };
  pump(pair);
  for (const event of pair.client.events)
    if (event.type === 'session' && event.session.protocolVersion === 'TLSv1.2') return copyOf(event.session);
  throw new Error('no session came');
}

function copyOf<Session extends ClientSession>(of: Session): Session {
  return of.protocolVersion === 'TLSv1.2' ? { ...of, masterSecret: of.masterSecret.slice() } : { ...of };
}

/** The record of the ClientHello. */
function firstFlight(client: Endpoint): Uint8Array {
  return client.turn().output;
}

/** Edits what the server says in its ServerHello, in its transcript too. */
function serverHello(edit: (hello: Tls12ServerHello) => Partial<Tls12ServerHello>): Edit {
  return (message) => {
    const hello = decodeServerHello(message.subarray(4));
    if (hello.kind !== 'Tls12ServerHello') throw new Error('TLS 1.2 is what this is about');
    return encodeTls12ServerHello({ ...hello, ...edit(hello) });
  };
}

/** Adds or removes one extension. */
function extension(name: keyof Tls12ServerHello['extensions'], value: unknown): Edit {
  return serverHello(({ extensions }) => ({
    extensions: { ...extensions, order: undefined, [name]: value } as Tls12ServerHello['extensions'],
  }));
}

it('a session is resumed as it is', () => {
  const client = offering(session);
  expect(outcomeOf(client, serverOf(server))).toEqual(bothDone);
  expect(client.info.resumed).toBe(true);
});

describe('a server that resumes a session', () => {
  it.each<[string, string, Edit]>([
    ['with another cipher suite', 'illegal_parameter', serverHello(() => ({ cipherSuite: 0xc02c }))],
    ['with one of RSA', 'illegal_parameter', serverHello(() => ({ cipherSuite: 0xc02f }))],
    ['with one that was not offered', 'illegal_parameter', serverHello(() => ({ cipherSuite: 0xc009 }))],
    ['with one of TLS 1.3', 'illegal_parameter', serverHello(() => ({ cipherSuite: 0x1301 }))],
    ['with compression', 'illegal_parameter', serverHello(() => ({ compressionMethod: 1 }))],
    ['in another version', 'protocol_version', serverHello(() => ({ version: 0x0302 }))],
    ['without extended master secret', 'handshake_failure', extension('extended_master_secret', undefined)],
    ['without renegotiation_info', 'handshake_failure', extension('renegotiation_info', undefined)],
    [
      'with a renegotiation_info of a renegotiation',
      'handshake_failure',
      extension('renegotiation_info', Uint8Array.of(1)),
    ],
    // It then begins a full handshake, but sends no certificate.
    [
      'under another session ID',
      'unexpected_message',
      serverHello(() => ({ sessionId: new Uint8Array(32) })),
    ],
    ['under none', 'unexpected_message', serverHello(() => ({ sessionId: noBytes }))],
  ])('%s: %s', (_, alert, edit) => {
    const client = offering(session);
    const other = alteringServer(server, 'server_hello', edit);
    expect(outcomeOf(client, other)).toEqual(refusedByClient(alert));
    expect(client.engine.handshakeInfo).toBeUndefined();
  });

  it('without its master secret: bad_record_mac', () => {
    const client = offering({ ...session, masterSecret: new Uint8Array(48).fill(7) });
    expect(outcomeOf(client, serverOf(server))).toEqual(refusedByClient('bad_record_mac'));
  });

  it('that was not offered: illegal_parameter', () => {
    // Of both versions: its session ID is for middleboxes, and names nothing.
    const client = clientOf(clientConfig({ sessions: false }), peer);
    let id = noBytes;
    const plain = { ...server, tickets: { ...server.tickets, count: 0 } };
    const echoing = serverOf(plain, (flight) => ({
      ...flight,
      send: (message) =>
        flight.send(
          message[0] === 2 ? (serverHello(() => ({ sessionId: id }))(message) as Uint8Array) : message,
        ),
    }));
    id = firstFlight(client).slice(44, 76);
    expect(outcomeOf(client, echoing)).toEqual(refusedByClient('illegal_parameter'));
  });

  it('announces a ticket that it does not send, or sends one unannounced: unexpected_message', () => {
    const silent = alteringServer(server, 'new_session_ticket', () => []);
    expect(outcomeOf(offering(session), silent)).toEqual(refusedByClient('unexpected_message'));
    const sudden = alteringServer(server, 'server_hello', extension('session_ticket', undefined));
    expect(outcomeOf(offering(session), sudden)).toEqual(refusedByClient('unexpected_message'));
  });
});

describe('a ticket', () => {
  const full = (ticket: Uint8Array, settings: Partial<ClientSettings> = {}, config = server): void => {
    const client = offering({ ...session, ticket }, settings);
    const other = serverOf(config);
    expect(outcomeOf(client, other)).toEqual(bothDone);
    expect([client.info.resumed, other.info.resumed]).toEqual([false, false]);
  };

  it('altered at any byte is none: a full handshake', () => {
    for (let place = 0; place < session.ticket.length; place += place < 64 ? 1 : 5) {
      const altered = session.ticket.slice();
      altered[place]! ^= 1 << (place % 8);
      full(altered);
    }
  });

  it('cut or lengthened is none', () => {
    for (const length of [1, 15, 16, 32, 48, 64, session.ticket.length - 1])
      full(session.ticket.subarray(0, length));
    full(concatBytes(session.ticket, Uint8Array.of(0)));
    full(new Uint8Array(2 ** 14).fill(0xaa));
  });

  it('of another server is none', async () => {
    full((await sessionWith(await serverConfig(tls12))).ticket);
  });

  it('under keys that are gone is none', async () => {
    const keeper = new TicketKeys(nodeCrypto, 3600);
    let now = startOfTime;
    const config = await serverConfig({
      ...tls12,
      now: () => now,
      tickets: { keeper, lifetime: 3600 },
    });
    const { ticket } = await sessionWith(config);
    now += 3_599_000;
    const client = offering({ ...session, ticket });
    // It is still good, but for the client that has another secret.
    expect(outcomeOf(client, serverOf(config))).toEqual(refusedByClient('bad_record_mac'));
    now += 3_600_000 * 2;
    full(ticket, {}, config);
  });

  it('for another name is none', async () => {
    const other = clientOf(
      clientConfig({
        ...tls12,
        sessions: { put: () => {}, take: (scope) => ({ ...copyOf(session), scope }) },
      }),
      { host: 'localhost', serverName: 'other.example' },
    );
    expect(outcomeOf(other, serverOf(server))).toEqual(bothDone);
    expect(other.info.resumed).toBe(false);
  });

  it('of a cipher suite that its server does not speak any more is none', async () => {
    const tickets = { keeper: new TicketKeys(nodeCrypto, 3600), lifetime: 3600 };
    const before = await serverConfig({ ...tls12, tickets });
    const offered = await sessionWith(before);
    const resuming = offering(offered);
    expect(outcomeOf(resuming, serverOf(before))).toEqual(bothDone);
    expect(resuming.info.resumed).toBe(true);
    const cipherSuites = ['TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256'] as const;
    const client = offering(offered);
    expect(outcomeOf(client, serverOf(await serverConfig({ ...tls12, tickets, cipherSuites })))).toEqual(
      bothDone,
    );
    expect(client.info).toMatchObject({ resumed: false, cipherSuite: cipherSuites[0] });
  });

  it('of a session with extended master secret, and a hello without: handshake_failure (RFC 7627 §5.3)', () => {
    const client = offering(session);
    const hello = firstFlight(client);
    const place = Buffer.from(hello).indexOf(Buffer.from('00170000', 'hex'));
    // Nobody knows what comes in its place.
    const without = hello.slice();
    without[place] = 0xfa;
    const target = serverOf(server);
    target.receive(without);
    expect(target.engine.failure).toMatchObject({ alert: 'handshake_failure', direction: 'sent' });
  });

  it('with another master secret than its client has: bad_record_mac', () => {
    const stolen = { ...session, masterSecret: utf8('x'.repeat(48)) };
    const client = offering(stolen);
    expect(outcomeOf(client, serverOf(server))).toEqual(refusedByClient('bad_record_mac'));
  });

  it('is offered to a server that knows no tickets: a full handshake', async () => {
    const without = await serverConfig({ ...tls12, tickets: { count: 0, resumedCount: 0 } });
    full(session.ticket, {}, without);
  });
});

it('a client that has the ticket alone cannot finish: bad_record_mac at the server', () => {
  const target = serverOf(server);
  const client = offering(session);
  const hello = firstFlight(client);
  target.receive(hello);
  const forged = concatBytes(
    Uint8Array.of(20, 3, 3, 0, 1, 1),
    Uint8Array.of(22, 3, 3, 0, 40),
    new Uint8Array(40),
  );
  target.receive(forged);
  expect(target.engine.failure).toMatchObject({ alert: 'bad_record_mac', direction: 'sent' });
  expect(target.engine.handshakeInfo).toBeUndefined();
});

it('a server that resumes waits for the client’s Finished before it takes data: unexpected_message', () => {
  const target = serverOf(server);
  const client = offering(session);
  const hello = firstFlight(client);
  target.receive(hello, Uint8Array.of(23, 3, 3, 0, 1, 1));
  expect(target.engine.failure).toMatchObject({ alert: 'unexpected_message', direction: 'sent' });
});
