import { describe, expect, it } from 'vitest';
import { noBytes } from '../../src/base/bytes.ts';
import { MemorySessionCache } from '../../src/sessions/client-session.ts';
import type { ServerSessionStore } from '../../src/sessions/session-store.ts';
import { establishedPair, hex, newPair, pump, questionIn, summary } from '../support/engine.ts';
import { rawPeerOf } from '../support/raw-peer.ts';

const ticket = 'new_session_ticket';

describe('async ticket store not ready', () => {
  it('data goes now, the ticket with a later write; the answer itself emits nothing', async () => {
    const { target, raw } = await rawPeerOf('server', {
      server: { tickets: { count: 1, keeper: slowStore() } },
    });
    const first = target.send('now');
    expect(raw.hear(first)).toEqual(['data "now"']);
    expect(summary(first.events)).toEqual(['question ticketStorage']);
    expect(raw.hear(target.send('still without'))).toEqual(['data "still without"']);
    const question = questionIn(first);
    const answered = target.turn((engine) => engine.answer(question, undefined));
    expect(answered).toMatchObject({ events: [], output: noBytes });
    expect(raw.hear(target.send('with'))).toEqual([ticket, 'data "with"']);
    expect(raw.hear(target.send('once'))).toEqual(['data "once"']);
  });

  it('each ticket leaves when its own session is stored', async () => {
    const { target, raw } = await rawPeerOf('server', {
      server: { tickets: { count: 2, keeper: slowStore() } },
    });
    const { events } = target.send('now');
    const [first, second] = events.filter((event) => event.type === 'question');
    target.turn((engine) => engine.answer(second!.question, undefined));
    expect(raw.hear({ ...target.send('x'), output: target.writes[1]! })).toEqual(['data "now"']);
    expect(raw.hear({ events, parts: [], output: target.writes[2]! })).toEqual([ticket, 'data "x"']);
    target.turn((engine) => engine.answer(first!.question, undefined));
    expect(raw.hear(target.send('y'))).toEqual([ticket, 'data "y"']);
  });

  it('a store that fails costs the ticket only', async () => {
    const { target, raw } = await rawPeerOf('server', {
      server: { tickets: { count: 1, keeper: slowStore() } },
    });
    const first = target.send('now');
    raw.hear(first);
    const refused = target.turn((engine) => engine.refuse(questionIn(first), new Error('store is down')));
    expect(refused).toMatchObject({ events: [], output: noBytes });
    expect(raw.hear(target.send('then'))).toEqual(['data "then"']);
  });

  it('a store that throws in place costs the ticket only', async () => {
    const keeper: ServerSessionStore = {
      kind: 'store',
      put: () => {
        throw new Error('store is down');
      },
      get: () => undefined,
    };
    const { target, raw } = await rawPeerOf('server', { server: { tickets: { keeper } } });
    expect(raw.hear(target.send('now'))).toEqual(['data "now"']);
  });

  it('close waits for no ticket, and a late answer emits nothing', async () => {
    const { target, raw } = await rawPeerOf('server', {
      server: { tickets: { count: 1, keeper: slowStore() } },
    });
    raw.deliver(raw.alert('close_notify', 1));
    const closing = target.closeWrite();
    expect(raw.hear(closing)).toEqual(['warning close_notify']);
    const late = target.turn((engine) => engine.answer(questionIn(closing), undefined));
    expect(late).toMatchObject({ events: [], output: noBytes });
  });

  it('a ticket that was stored before the end rides with close_notify', async () => {
    const { target, raw } = await rawPeerOf('server', {
      server: { tickets: { count: 1, keeper: slowStore() } },
    });
    const first = target.send('x');
    raw.hear(first);
    target.turn((engine) => engine.answer(questionIn(first), undefined));
    raw.deliver(raw.alert('close_notify', 1));
    expect(raw.hear(target.closeWrite())).toEqual([ticket, 'warning close_notify']);
  });

  it('sendTickets gives 0 while the store works, and releases what is stored with a later call', async () => {
    const settings = { server: { tickets: { count: 0, keeper: slowStore() } } };
    const { target, raw } = await rawPeerOf('server', settings);
    const first = target.turn((engine) => expect(engine.sendTickets(1)).toBe(0));
    expect(first.output).toHaveLength(0);
    target.turn((engine) => engine.answer(questionIn(first), undefined));
    const second = target.turn((engine) => expect(engine.sendTickets(1)).toBe(1));
    expect(raw.hear(second)).toEqual([ticket]);
  });
});

describe('a ticket store', () => {
  it('that is ready at once delays nothing, and asks nothing', async () => {
    const { target, raw } = await rawPeerOf('server', {
      server: { tickets: { count: 1, keeper: mapStore() } },
    });
    const turn = target.send('x');
    expect(raw.hear(turn)).toEqual([ticket, 'data "x"']);
    expect(turn.events).toEqual([]);
  });

  it('gives a session back in place, without a question', async () => {
    const settings = {
      client: { sessions: new MemorySessionCache() },
      server: { tickets: { keeper: mapStore() } },
    };
    const first = await establishedPair(settings);
    first.server.send('x');
    pump(first);
    const { server } = await establishedPair(settings);
    expect(server.info.resumed).toBe(true);
    expect(summary(server.events)).toEqual(['handshakeDone']);
  });

  it('that takes its time with a session holds the handshake until it answers', async () => {
    const store = mapStore();
    const settings = {
      client: { sessions: new MemorySessionCache() },
      server: { tickets: { keeper: store } },
    };
    const first = await establishedPair(settings);
    first.server.send('x');
    pump(first);
    const keeper: ServerSessionStore = { ...store, get: async (id) => store.get(id) };
    const { client, server } = await newPair({ ...settings, server: { tickets: { keeper } } });
    const asked = server.receive(client.turn().output);
    expect(summary(asked.events)).toEqual(['question session']);
    expect(asked.output).toHaveLength(0);
    const question = questionIn(asked);
    const state = await question.pending;
    client.receive(server.turn((engine) => engine.answer(question, state)).output);
    expect(client.info.resumed).toBe(true);
  });
});

function slowStore(): ServerSessionStore {
  return { kind: 'store', put: () => new Promise(() => undefined), get: () => undefined };
}

function mapStore(): ServerSessionStore & { get(id: Uint8Array): Uint8Array | undefined } {
  const states = new Map<string, Uint8Array>();
  return {
    kind: 'store',
    put: (id, state) => void states.set(hex(id), state),
    get: (id) => states.get(hex(id))?.slice(),
  };
}
