import { describe, expect, it } from 'vitest';
import type { ServerSettings } from '../../src/connection/config.ts';
import { MemorySessionCache } from '../../src/sessions/client-session.ts';
import { decodeSessionState } from '../../src/sessions/session-state.ts';
import type { ServerSessionStore } from '../../src/sessions/session-store.ts';
import { decodeTls12NewSessionTicket } from '../../src/wire/tls12-messages.ts';
import {
  clientConfig,
  hex,
  type Pair,
  pump,
  questionIn,
  serverConfig,
  startOfTime,
  summary,
} from '../support/engine.ts';
import { bothDone, clientOf, outcome, serverOf, settle } from '../support/handshake.ts';
import { plaintextMessagesOf, sessionsOf, tls12Only } from '../support/tls12.ts';

/** A store in memory that answers like this. */
class Store implements ServerSessionStore {
  readonly kind = 'store';
  readonly sessions = new Map<string, Uint8Array>();
  readonly lifetimes: number[] = [];
  readonly #answers: 'at once' | 'late' | 'throwing' | 'rejecting';

  constructor(answers: 'at once' | 'late' | 'throwing' | 'rejecting' = 'at once') {
    this.#answers = answers;
  }

  put(id: Uint8Array, session: Uint8Array, lifetime: number): void | Promise<void> {
    this.#fail();
    this.sessions.set(hex(id), session);
    this.lifetimes.push(lifetime);
    if (this.#answers === 'rejecting') return Promise.reject(new Error('store is down'));
    return this.#answers === 'late' ? Promise.resolve() : undefined;
  }

  get(id: Uint8Array): Uint8Array | undefined | Promise<Uint8Array | undefined> {
    this.#fail();
    const session = this.sessions.get(hex(id));
    if (this.#answers === 'rejecting') return Promise.reject(new Error('store is down'));
    return this.#answers === 'late' ? Promise.resolve(session) : session;
  }

  #fail(): void {
    if (this.#answers === 'throwing') throw new Error('store is down');
  }
}

/** One connection after the other to servers with this store. */
function connector(store: ServerSessionStore, settings: Partial<ServerSettings> = {}): () => Promise<Pair> {
  const client = clientConfig({ ...tls12Only, sessions: new MemorySessionCache() });
  return async () => {
    const config = await serverConfig({
      ...tls12Only,
      ...settings,
      tickets: { keeper: store, ...settings.tickets },
    });
    return { client: clientOf(client), server: serverOf(config) };
  };
}

function ticketOf({ server }: Pair): Uint8Array {
  const message = plaintextMessagesOf(server).find(([type]) => type === 4);
  if (!message) throw new Error('the server sent no ticket');
  return decodeTls12NewSessionTicket(message.subarray(4)).ticket;
}

describe('a store of sessions of TLS 1.2', () => {
  it.each(['at once', 'late'] as const)(
    'that answers %s: the ticket is a name in it, and it resumes',
    async (answers) => {
      const store = new Store(answers);
      const next = connector(store);
      const first = await next();
      await settle(first);
      expect(outcome(first)).toEqual(bothDone);
      expect([...store.sessions.keys()]).toEqual([hex(ticketOf(first))]);
      expect(ticketOf(first)).toHaveLength(32);
      expect(store.lifetimes).toEqual([86_400]);
      expect(decodeSessionState([...store.sessions.values()][0]!)).toMatchObject({
        cipherSuite: 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
        psk: sessionsOf(first.client)[0]?.masterSecret,
        authenticatedAt: startOfTime,
      });
      const second = await next();
      await settle(second);
      expect(outcome(second)).toEqual(bothDone);
      expect([second.client.info.resumed, second.server.info.resumed]).toEqual([true, true]);
      expect(store.sessions.size).toBe(2);
    },
  );

  it('is not waited for where it takes a session in: the ticket is part of the handshake', async () => {
    const pair = await connector(new Store('late'))();
    pump(pair);
    expect(outcome(pair)).toEqual(bothDone);
    expect(summary(pair.server.events)).toEqual(['handshakeDone']);
  });

  it('is waited for where it gives one back', async () => {
    const next = connector(new Store('late'));
    await settle(await next());
    const pair = await next();
    const { events, output } = pair.server.receive(pair.client.turn().output);
    expect(output).toHaveLength(0);
    expect(summary(events)).toEqual(['question session']);
    const question = questionIn({ events, output, parts: [] });
    const value = await question.pending;
    pair.server.turn((engine) => engine.answer(question, value));
    pair.client.undelivered.length = 0;
    pump(pair);
    expect(outcome(pair)).toEqual(bothDone);
    expect(pair.server.info.resumed).toBe(true);
  });

  it.each(['throwing', 'rejecting'] as const)('that is %s costs the resumption alone', async (answers) => {
    const next = connector(new Store(answers));
    for (let round = 0; round < 2; round++) {
      const pair = await next();
      await settle(pair);
      expect(outcome(pair)).toEqual(bothDone);
      expect(pair.server.info.resumed).toBe(false);
      // The handshake waits for nothing: its ticket is one that the store does not know.
      expect(ticketOf(pair)).toHaveLength(32);
    }
  });

  it('that has forgotten, or gives back what is none, costs the resumption alone', async () => {
    const store = new Store();
    const next = connector(store);
    pump(await next());
    for (const [name] of store.sessions) store.sessions.set(name, Uint8Array.of(1, 2, 3));
    const spoilt = await next();
    pump(spoilt);
    expect(spoilt.server.info.resumed).toBe(false);
    store.sessions.clear();
    const forgotten = await next();
    pump(forgotten);
    expect(outcome(forgotten)).toEqual(bothDone);
    expect(forgotten.server.info.resumed).toBe(false);
  });

  it('keeps what it gave: its array is not wiped', async () => {
    const store = new Store();
    const next = connector(store, { tickets: { resumedCount: 0 } });
    for (const resumed of [false, true, true]) {
      const pair = await next();
      pump(pair);
      expect(pair.server.info.resumed).toBe(resumed);
    }
    expect(store.sessions.size).toBe(1);
  });
});

it('a clock that fails while a ticket is made costs the ticket alone', async () => {
  let calls = 0;
  const now = (): number => {
    calls += 1;
    if (calls > 1) throw new Error('no clock');
    return startOfTime;
  };
  const pair = {
    client: clientOf(clientConfig(tls12Only)),
    server: serverOf(await serverConfig({ ...tls12Only, now })),
  };
  pump(pair);
  expect(outcome(pair)).toEqual(bothDone);
  expect(sessionsOf(pair.client)).toEqual([]);
  expect(ticketOf(pair)).toHaveLength(0);
});
