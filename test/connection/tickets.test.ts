import { describe, expect, it } from 'vitest';
import { noBytes } from '../../src/base/bytes.ts';
import { TlsUsageError } from '../../src/base/errors.ts';
import { maxTicketsAtOnce } from '../../src/base/limits.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import { MemorySessionCache } from '../../src/sessions/client-session.ts';
import { TicketKeys } from '../../src/sessions/ticket-keys.ts';
import {
  decodeEncryptedExtensions,
  decodeNewSessionTicket,
  type NewSessionTicket,
} from '../../src/wire/messages.ts';
import {
  clientIdentity,
  establishedPair,
  hex,
  type Pair,
  pump,
  startOfTime,
  trustAll,
} from '../support/engine.ts';
import { RawPeer, rawPeerOf, splitRecords } from '../support/raw-peer.ts';

const day = 86_400;
const two = ['new_session_ticket', 'new_session_ticket'];

describe('law 3, lazy: a ticket', () => {
  it('is minted when it is flushed, not when the handshake ends: current key, fresh lifetime', async () => {
    let now = startOfTime;
    const keeper = new TicketKeys(nodeCrypto, day);
    const sealedAt = spyOnSeal(keeper);
    const { target, raw } = await rawPeerOf('server', { server: { now: () => now, tickets: { keeper } } });
    raw.deliver(raw.data('x'), raw.keyUpdate('update_requested'));
    expect(sealedAt).toEqual([]);
    now += 1000_000;
    keeper.rotate(now);
    const tickets = ticketsIn(raw, target.send('x').output);
    expect(sealedAt).toEqual([now, now]);
    expect(tickets.map(({ lifetime }) => lifetime)).toEqual([day - 1000, day - 1000]);
    expect(keeper.open(tickets[0]?.ticket ?? noBytes, now)).toBeDefined();
  });

  it('is not minted at all by a server that never writes', async () => {
    const keeper = new TicketKeys(nodeCrypto, day);
    const sealedAt = spyOnSeal(keeper);
    const { target, raw } = await rawPeerOf('server', { server: { tickets: { keeper } } });
    raw.deliver(raw.data('upload'), raw.keyUpdate('update_requested'), raw.data('upload'));
    target.closeWrite();
    expect(sealedAt).toEqual([]);
  });
});

describe('law 8, explicit tickets', () => {
  it('sendTickets is a write of its own, and releases what is owed', async () => {
    const { target, raw } = await rawPeerOf('server');
    raw.deliver(raw.keyUpdate('update_requested'));
    expect(raw.hear(target.turn((engine) => expect(engine.sendTickets(1)).toBe(1)))).toEqual([
      'key_update update_not_requested',
      ...two,
      'new_session_ticket',
    ]);
    expect(raw.hear(target.send('x'))).toEqual(['data "x"']);
  });

  it('sendTickets and updateKeys go together', async () => {
    const { target, raw } = await rawPeerOf('server', { server: { tickets: { count: 0 } } });
    const turn = target.turn((engine) => {
      engine.sendTickets(1);
      engine.updateKeys();
    });
    expect(raw.hear(turn)).toEqual(['new_session_ticket', 'key_update update_requested']);
  });

  it.each([
    ['a NaN', Number.NaN],
    ['-1', -1],
    ['1.5', 1.5],
    ['9: at most 8', maxTicketsAtOnce + 1],
  ])('sendTickets refuses %s', async (_, count) => {
    const { target } = await rawPeerOf('server');
    expect(() => target.engine.sendTickets(count)).toThrow(TlsUsageError);
    expect(target.turn().output).toHaveLength(0);
  });

  it('sendTickets of 8 is 8, of 0 nothing', async () => {
    const { target, raw } = await rawPeerOf('server', { server: { tickets: { count: 0 } } });
    expect(target.turn((engine) => expect(engine.sendTickets(0)).toBe(0)).output).toHaveLength(0);
    const turn = target.turn((engine) => expect(engine.sendTickets(8)).toBe(8));
    expect(raw.hear(turn)).toEqual([...two, ...two, ...two, ...two]);
  });

  it('a client has none to send', async () => {
    const { target } = await rawPeerOf('client');
    expect(() => target.engine.sendTickets(1)).toThrow('only a server sends tickets');
  });

  it("ride with our close_notify when the peer's close_notify has been read", async () => {
    const { target, raw } = await rawPeerOf('server');
    raw.deliver(raw.data('upload'), raw.alert('close_notify', 1));
    expect(raw.hear(target.closeWrite())).toEqual([...two, 'warning close_notify']);
  });

  it('an earlier closeWrite sends close_notify alone, also where data came', async () => {
    const { target, raw } = await rawPeerOf('server');
    raw.deliver(raw.data('upload'));
    expect(raw.hear(target.closeWrite())).toEqual(['warning close_notify']);
    raw.deliver(raw.alert('close_notify', 1));
    expect(target.closeWrite().output).toHaveLength(0);
  });

  it('a truncated end is no close_notify: close_notify alone', async () => {
    const { target, raw } = await rawPeerOf('server');
    target.receiveEnd();
    expect(raw.hear(target.closeWrite())).toEqual(['warning close_notify']);
  });

  it('stay where the policy says onClose: false', async () => {
    const { target, raw } = await rawPeerOf('server', { server: { tickets: { onClose: false } } });
    raw.deliver(raw.alert('close_notify', 1));
    expect(raw.hear(target.closeWrite())).toEqual(['warning close_notify']);
  });

  it('ride with close_notify once, not again behind data', async () => {
    const { target, raw } = await rawPeerOf('server');
    raw.deliver(raw.alert('close_notify', 1));
    expect(raw.hear(target.send('answer'))).toEqual([...two, 'data "answer"']);
    expect(raw.hear(target.closeWrite())).toEqual(['warning close_notify']);
  });
});

describe('a client without psk_dhe_ke, or ticket_request 0', () => {
  it.each([
    ['without a session cache', { sessions: false as const }],
    ['ticket_request 0', { ticketRequest: { newSession: 0, resumption: 0 } }],
  ])('nothing minted; sendTickets gives 0: %s', async (_, client) => {
    const keeper = new TicketKeys(nodeCrypto, day);
    const sealedAt = spyOnSeal(keeper);
    const { target, raw } = await rawPeerOf('server', { client, server: { tickets: { keeper } } });
    raw.deliver(raw.keyUpdate('update_requested'));
    expect(target.turn((engine) => expect(engine.sendTickets(3)).toBe(0)).output).toHaveLength(0);
    expect(raw.hear(target.send('x'))).toEqual(['key_update update_not_requested', 'data "x"']);
    raw.deliver(raw.alert('close_notify', 1));
    expect(raw.hear(target.closeWrite())).toEqual(['warning close_notify']);
    expect(sealedAt).toEqual([]);
  });

  it.each([
    [1, 2, 1],
    [2, 2, 2],
    [200, 3, 3],
    [0, 2, 0],
  ])(
    'a client that asks for %d of a policy of %d gets %d, and is told so',
    async (newSession, count, given) => {
      const client = { ticketRequest: { newSession, resumption: 0 } };
      const { target, raw } = await rawPeerOf('server', { client, server: { tickets: { count } } });
      const tickets = raw.hear(target.send('x')).filter((text) => text === 'new_session_ticket');
      expect(tickets).toHaveLength(given);
      const flight = new RawPeer(target, { write: 'application', read: 'handshake' });
      expect(decodeEncryptedExtensions(encryptedExtensions(flight, target.writes[0])).ticket_request).toBe(
        given,
      );
    },
  );
});

describe('tickets', () => {
  it('have nonces from a counter that is wider than one byte', async () => {
    const { target, raw } = await rawPeerOf('server', { server: { tickets: { count: 0 } } });
    const nonces = new Set<string>();
    for (let i = 0; i < 40; i++) {
      const { output } = target.turn((engine) => engine.sendTickets(8));
      for (const { nonce } of ticketsIn(raw, output)) nonces.add(hex(nonce));
    }
    expect(nonces.size).toBe(320);
  });

  it('have fresh ticket_age_add values', async () => {
    const { target, raw } = await rawPeerOf('server');
    const { output } = target.turn((engine) => engine.sendTickets(8));
    const added = new Set(ticketsIn(raw, output).map(({ ageAdd }) => ageAdd));
    expect(added.size).toBe(10);
  });

  it('resume, each with a key of its own, also the three hundredth', async () => {
    const sessions = new MemorySessionCache(400);
    const settings = {
      client: { sessions },
      server: { tickets: { keeper: new TicketKeys(nodeCrypto, day) } },
    };
    const first = await establishedPair(settings);
    for (let i = 0; i < 40; i++) first.server.turn((engine) => engine.sendTickets(8));
    pump(first);
    const resumed = await establishedPair(settings);
    expect(resumed.client.info.resumed).toBe(true);
    expect(resumed.server.info.resumed).toBe(true);
    expect(hex(resumed.client.engine.exportKeyingMaterial('label', noBytes, 16))).toBe(
      hex(resumed.server.engine.exportKeyingMaterial('label', noBytes, 16)),
    );
  });

  it('whose identity would pass 2^16-1 bytes are not sent, nor sent without the identity', async () => {
    const identity = await clientIdentity();
    const chain = [...identity.chain, new Uint8Array(2 ** 16)];
    const { target, raw } = await rawPeerOf('server', {
      client: { identity: { ...identity, chain } },
      server: { clientAuthentication: 'require' },
    });
    expect(target.info.peerCertificates.map(({ length }) => length).at(-1)).toBe(2 ** 16);
    expect(target.turn((engine) => expect(engine.sendTickets(1)).toBe(0)).output).toHaveLength(0);
    expect(raw.hear(target.send('x'))).toEqual(['data "x"']);
  });

  it('carry the identity of a client that fits', async () => {
    const identity = await clientIdentity();
    const settings = {
      client: { identity, sessions: new MemorySessionCache() },
      server: {
        clientAuthentication: 'require' as const,
        tickets: { keeper: new TicketKeys(nodeCrypto, day) },
      },
    };
    const first = await establishedPair(settings);
    first.server.send('x');
    pump(first);
    const { server } = await establishedPair(settings);
    expect(server.info.resumed).toBe(true);
    expect(server.info.peerCertificates.map(hex)).toEqual(identity.chain.map(hex));
  });
});

describe("a ticket's lifetime", () => {
  it('is counted from the original CertificateVerify, through every renewal', async () => {
    let now = startOfTime;
    const clock = { now: () => now };
    const keeper = new TicketKeys(nodeCrypto, day);
    const sessions = new MemorySessionCache();
    const settings = { client: { ...clock, sessions }, server: { ...clock, tickets: { keeper } } };
    const lifetimes: number[] = [];
    for (const elapsed of [0, 6, 12, 23]) {
      now = startOfTime + elapsed * 3_600_000;
      const pair = await establishedPair(settings);
      expect(pair.server.info.resumed).toBe(elapsed > 0);
      expect(pair.server.info.authenticatedAt).toBe(startOfTime);
      lifetimes.push(...ticketsSentIn(pair).map(({ lifetime }) => lifetime / 3600));
      pump(pair);
    }
    expect(lifetimes).toEqual([24, 24, 18, 12, 1]);
    now = startOfTime + 24 * 3_600_000;
    expect((await establishedPair(settings)).server.info.resumed).toBe(false);
  });

  it('ends with the path of a client certificate', async () => {
    const validUntil = startOfTime + 3_600_000;
    const clientTrust = { ...trustAll, verify: () => ({ trusted: true as const, validUntil }) };
    const pair = await establishedPair({
      client: { identity: await clientIdentity() },
      server: { clientAuthentication: 'require', clientTrust },
    });
    expect(ticketsSentIn(pair).map(({ lifetime }) => lifetime)).toEqual([3600, 3600]);
  });

  it('that is over before the first write: no ticket', async () => {
    let now = startOfTime;
    const { target, raw } = await rawPeerOf('server', { server: { now: () => now } });
    now += day * 1000;
    expect(target.turn((engine) => expect(engine.sendTickets(1)).toBe(0)).output).toHaveLength(0);
    expect(raw.hear(target.send('x'))).toEqual(['data "x"']);
  });
});

function spyOnSeal(keeper: TicketKeys): number[] {
  const sealedAt: number[] = [];
  const { seal } = keeper;
  keeper.seal = (state, now) => {
    sealedAt.push(now);
    return seal.call(keeper, state, now);
  };
  return sealedAt;
}

function ticketsIn(raw: RawPeer, output: Uint8Array): NewSessionTicket[] {
  const messages = raw.open(output).flatMap((record) => record.messages);
  return messages
    .filter(([type]) => type === 4)
    .map((message) => decodeNewSessionTicket(message.subarray(4)));
}

/** What a server owes its client, seen on the wire; still undelivered. */
function ticketsSentIn({ server }: Pair): NewSessionTicket[] {
  return ticketsIn(new RawPeer(server), server.send('x').output);
}

function encryptedExtensions(raw: RawPeer, flight: Uint8Array = noBytes): Uint8Array {
  const encrypted = splitRecords(flight).filter(([type]) => type === 23);
  const [first = noBytes] = encrypted
    .flatMap((record) => raw.open(record))
    .flatMap(({ messages }) => messages);
  return first.subarray(4);
}
