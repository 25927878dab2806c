import { describe, expect, it } from 'vitest';
import { concatBytes, noBytes, utf8 } from '../../src/base/bytes.ts';
import { maxClientTicket, maxUint16 } from '../../src/base/limits.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import { MemorySessionCache, type Tls13ClientSession } from '../../src/sessions/client-session.ts';
import { TicketKeys } from '../../src/sessions/ticket-keys.ts';
import { handshakeTypes } from '../../src/wire/names.ts';
import { establishedPair, hex, pump, startOfTime, summary, type Turn, trustAll } from '../support/engine.ts';
import { tls13Session } from '../support/handshake.ts';
import { message, newSessionTicket, RawPeer, rawPeerOf } from '../support/raw-peer.ts';

const hour = 3_600_000;
const sevenDays = 604_800_000;

describe('a client that receives a ticket', () => {
  it('keeps a session and says so, and answers nothing', async () => {
    const sessions = new MemorySessionCache();
    const { target, raw } = await rawPeerOf('client', { client: { sessions } });
    const turn = raw.deliver(raw.handshake(newSessionTicket({ ticket: utf8('this one') })));
    expect(turn.output).toHaveLength(0);
    const session = sessionIn(turn);
    expect(hex(session.ticket)).toBe(hex(utf8('this one')));
    expect(session).toMatchObject({ receivedAt: startOfTime, expiresAt: startOfTime + hour });
    expect(session.peerCertificates).toEqual(target.info.peerCertificates);
    expect(sessions.take(session.scope)).toBe(session);
  });

  it.each([604_801, 2 ** 32 - 1])('keeps it for seven days at most: %d seconds', async (lifetime) => {
    const { raw } = await rawPeerOf('client');
    const turn = raw.deliver(raw.handshake(newSessionTicket({ lifetime })));
    expect(sessionIn(turn).expiresAt).toBe(startOfTime + sevenDays);
  });

  it("keeps it no longer than the server's path is valid", async () => {
    const validUntil = startOfTime + 5000;
    const trust = { ...trustAll, verify: () => ({ trusted: true as const, validUntil }) };
    const { raw } = await rawPeerOf('client', { client: { trust } });
    expect(sessionIn(raw.deliver(raw.handshake(newSessionTicket()))).expiresAt).toBe(validUntil);
  });

  it("keeps it for seven days from the server's CertificateVerify, through every renewal", async () => {
    let now = startOfTime;
    const clock = { now: () => now };
    const sessions = new MemorySessionCache();
    const tickets = { lifetime: 604_800, keeper: new TicketKeys(nodeCrypto, 604_800) };
    const settings = { client: { ...clock, sessions }, server: { ...clock, tickets } };
    const first = await establishedPair(settings);
    first.server.send('x');
    pump(first);
    now += sevenDays - hour;
    const renewed = await establishedPair(settings);
    expect(renewed.client.info).toMatchObject({ resumed: true, authenticatedAt: startOfTime });
    const raw = new RawPeer(renewed.client);
    const turn = raw.deliver(raw.handshake(newSessionTicket({ lifetime: 604_800 })));
    expect(sessionIn(turn).expiresAt).toBe(startOfTime + sevenDays);
  });

  it('drops one with a lifetime of zero', async () => {
    const { raw } = await rawPeerOf('client');
    const turn = raw.deliver(raw.handshake(newSessionTicket({ lifetime: 0 })), raw.data('on we go'));
    expect(summary(turn.events)).toEqual(['data "on we go"']);
  });

  it('ignores it silently where it keeps no sessions', async () => {
    const { raw } = await rawPeerOf('client', { client: { sessions: false } });
    const turn = raw.deliver(raw.handshake(newSessionTicket()), raw.data('on we go'));
    expect(summary(turn.events)).toEqual(['data "on we go"']);
    expect(turn.output).toHaveLength(0);
  });

  it('ignores extensions that it does not know, and reads several tickets in a record', async () => {
    const { raw } = await rawPeerOf('client');
    const body = newSessionTicket().subarray(4, -2);
    const withUnknown = message(
      handshakeTypes.new_session_ticket,
      concatBytes(body, Uint8Array.of(0, 6, 0x7a, 0x7a, 0, 2, 1, 2)),
    );
    const turn = raw.deliver(raw.handshake(withUnknown, newSessionTicket(), newSessionTicket()));
    expect(summary(turn.events)).toEqual(['session', 'session', 'session']);
  });

  it.each([
    ['an empty ticket', newSessionTicketBody(noBytes)],
    ['trailing bytes', concatBytes(newSessionTicket().subarray(4), Uint8Array.of(0))],
    ['nothing in it', noBytes],
  ])('refuses one with %s', async (_, body) => {
    const { raw } = await rawPeerOf('client');
    const turn = raw.deliver(raw.handshake(message(handshakeTypes.new_session_ticket, body)));
    expect(raw.hear(turn)).toEqual(['fatal decode_error']);
  });

  it.each([
    ['keeps', maxClientTicket, ['session', 'data "on we go"']],
    ['passes over', maxClientTicket + 1, ['data "on we go"']],
    ['passes over', maxUint16, ['data "on we go"']],
  ])('%s one of %d bytes, in several records', async (_, length, events) => {
    const { raw } = await rawPeerOf('client');
    const bytes = newSessionTicket({ ticket: new Uint8Array(length).fill(7) });
    const records: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; at += 10_000)
      records.push(raw.handshake(bytes.subarray(at, at + 10_000)));
    expect(summary(raw.deliver(...records, raw.data('on we go')).events)).toEqual(events);
  });
});

function newSessionTicketBody(ticket: Uint8Array): Uint8Array {
  return concatBytes(
    new Uint8Array(8).fill(1),
    Uint8Array.of(0, 0, ticket.length),
    ticket,
    Uint8Array.of(0, 0),
  );
}

function sessionIn(turn: Turn): Tls13ClientSession {
  const [event] = turn.events;
  if (event?.type !== 'session') throw new Error('no session came');
  return tls13Session(event.session);
}
