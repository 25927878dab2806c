import { beforeAll, describe, expect, it } from 'vitest';
import { toHex } from '../../src/base/bytes.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import type { ServerConfig } from '../../src/handshake/config.ts';
import type { Tls13ClientSession } from '../../src/sessions/client-session.ts';
import type { ServerSessionStore } from '../../src/sessions/session-store.ts';
import { TicketKeys } from '../../src/sessions/ticket-keys.ts';
import { decodeServerHello, encodeClientHello } from '../../src/wire/hello.ts';
import { clientConfig, clientEndpoint, serverConfig, startOfTime } from '../support/engine.ts';
import {
  bothDone,
  connect,
  fateOf,
  outcomeOf,
  plaintextMessage,
  plaintextRefusal,
  serverOf,
  settle,
} from '../support/handshake.ts';
import { helloWithPsks, newHello, type OfferedPsk } from '../support/hello.ts';
import { splitRecords } from '../support/raw-peer.ts';

/** Counts how often tickets are opened. */
class CountingKeys extends TicketKeys {
  opened = 0;

  override open(ticket: Uint8Array, now: number): Uint8Array | undefined {
    this.opened += 1;
    return super.open(ticket, now);
  }
}

const clock = { now: startOfTime };
let keys: CountingKeys;
let config: ServerConfig;
let session: Tls13ClientSession;
let another: Tls13ClientSession;

beforeAll(async () => {
  keys = new CountingKeys(nodeCrypto, 86_400);
  config = await serverConfig({ tickets: { keeper: keys }, now: () => clock.now });
  const { sessions } = connect(clientEndpoint(clientConfig()), serverOf(config));
  [session, another] = sessions as [Tls13ClientSession, Tls13ClientSession];
});

const unknown = (mark: number): OfferedPsk => ({
  session,
  ticket: new Uint8Array(100).fill(mark),
  binder: new Uint8Array(32).fill(mark),
});

interface Answer {
  /** The index of the PSK that is resumed, `full`, or the alert. */
  readonly chosen: number | string;
  readonly opened: number;
}

function answerTo(hello: Uint8Array, server: ServerConfig = config): Answer {
  const before = keys.opened;
  const endpoint = serverOf(server);
  const turn = endpoint.receive(plaintextMessage(hello));
  const opened = keys.opened - before;
  if (endpoint.engine.failure) return { chosen: plaintextRefusal(endpoint, turn), opened };
  const [first = new Uint8Array(0)] = splitRecords(turn.output);
  const answer = decodeServerHello(first.subarray(9));
  if (answer.kind !== 'ServerHello') throw new Error('the server asked again');
  return { chosen: answer.extensions.pre_shared_key ?? 'full', opened };
}

function answerToPsks(...psks: readonly OfferedPsk[]): Answer {
  return answerTo(helloWithPsks(newHello().hello, psks));
}

describe('a server that is offered PSKs', () => {
  it('resumes the first one that it knows', () => {
    expect(answerToPsks({ session }, { session: another })).toEqual({ chosen: 0, opened: 1 });
    expect(answerToPsks(unknown(1), { session: another }, { session })).toEqual({ chosen: 1, opened: 2 });
  });

  it('goes on with a full handshake where it knows none', () => {
    expect(answerToPsks(unknown(1))).toEqual({ chosen: 'full', opened: 1 });
  });

  it('verifies only the binder of the one that it selects', () => {
    const wrong = new Uint8Array(32);
    expect(answerToPsks({ session }, { session: another, binder: wrong }).chosen).toBe(0);
    expect(answerToPsks(unknown(1), { session }).chosen).toBe(1);
  });

  it('opens at most 4, and knows the fifth not any more', () => {
    const four = [unknown(1), unknown(2), unknown(3), unknown(4)];
    expect(answerToPsks(...four, unknown(5), unknown(6))).toEqual({ chosen: 'full', opened: 4 });
    expect(answerToPsks(...four, { session })).toEqual({ chosen: 'full', opened: 4 });
    expect(answerToPsks(...four.slice(1), { session })).toEqual({ chosen: 3, opened: 4 });
  });

  it.each([
    ['of zeros', new Uint8Array(32)],
    ['that is longer', new Uint8Array(48)],
    ['of another PSK', undefined],
  ])('refuses a binder %s with decrypt_error, and does not fall back', (_, binder) => {
    const psk = binder ? { session, binder } : { session: { ...another, ticket: session.ticket } };
    expect(answerToPsks(psk, { session: another }).chosen).toBe('decrypt_error');
  });

  it('refuses a binder over another ClientHello', () => {
    const [first, second] = [newHello().hello, newHello().hello];
    const bytes = helloWithPsks(first, [{ session }]);
    const moved = bytes.slice();
    moved.set(second.random, 6);
    expect(answerTo(moved).chosen).toBe('decrypt_error');
    expect(answerTo(bytes).chosen).toBe(0);
  });

  it('refuses pre_shared_key that is not last: illegal_parameter, before anything is opened', () => {
    const { hello } = newHello();
    const psk = {
      identities: [{ identity: session.ticket, obfuscatedTicketAge: 0 }],
      binders: [new Uint8Array(32)],
    };
    const order = [41, 43, 10, 13, 50, 16, 28, 45, 51];
    const bytes = encodeClientHello({
      ...hello,
      extensions: { ...hello.extensions, pre_shared_key: psk, order },
    });
    expect(answerTo(bytes)).toEqual({ chosen: 'illegal_parameter', opened: 0 });
  });

  it.each([
    [2, 1],
    [1, 2],
  ])('refuses %i identities with %i binders: illegal_parameter', (identities, binders) => {
    const { hello } = newHello();
    const psk = {
      identities: Array.from({ length: identities }, () => ({
        identity: session.ticket,
        obfuscatedTicketAge: 0,
      })),
      binders: Array.from({ length: binders }, () => new Uint8Array(32)),
    };
    const bytes = encodeClientHello({ ...hello, extensions: { ...hello.extensions, pre_shared_key: psk } });
    expect(answerTo(bytes)).toEqual({ chosen: 'illegal_parameter', opened: 0 });
  });

  it('refuses PSKs without psk_key_exchange_modes: missing_extension', () => {
    const { hello } = newHello();
    const without = { ...hello, extensions: { ...hello.extensions, psk_key_exchange_modes: undefined } };
    expect(answerTo(helloWithPsks(without, [{ session }]))).toEqual({
      chosen: 'missing_extension',
      opened: 0,
    });
  });

  it('takes none, and opens none, where the client does not offer psk_dhe_ke', () => {
    const { hello } = newHello();
    const alone = { ...hello, extensions: { ...hello.extensions, psk_key_exchange_modes: [0, 0x2a] } };
    expect(answerTo(helloWithPsks(alone, [{ session }]))).toEqual({ chosen: 'full', opened: 0 });
  });

  it('passes over a PSK of another hash than that of the suite', async () => {
    const sha384 = { ...config, cipherSuites: ['TLS_AES_256_GCM_SHA384'] } as const;
    expect(answerTo(helloWithPsks(newHello().hello, [{ session }]), sha384).chosen).toBe('full');
    const { sessions } = connect(clientEndpoint(clientConfig()), serverOf(sha384));
    const other = sessions[0] as Tls13ClientSession;
    expect(other.cipherSuite).toBe('TLS_AES_256_GCM_SHA384');
    expect(answerToPsks({ session: other }, { session }).chosen).toBe(1);
    expect(answerTo(helloWithPsks(newHello().hello, [{ session: other }]), sha384).chosen).toBe(0);
  });

  it('resumes under another suite of the same hash', () => {
    const chacha = { ...config, cipherSuites: ['TLS_CHACHA20_POLY1305_SHA256'] } as const;
    expect(answerTo(helloWithPsks(newHello().hello, [{ session }]), chacha).chosen).toBe(0);
  });

  it.each([
    ['an hour back', -3_600_000],
    ['a year back', -31_536_000_000],
    ['nearly a day ahead', 86_399_000],
  ])('is not moved by a clock that stepped %s, nor by the age that the client claims', (_, step) => {
    clock.now += step;
    for (const age of [0, 1, 2 ** 31, 2 ** 32 - 1])
      expect(answerToPsks({ session, age }).chosen, `age ${age}`).toBe(0);
    clock.now -= step;
  });
});

describe('a store of sessions', () => {
  /** Gives what it holds, the same array each time, as a Map does. */
  class MapStore implements ServerSessionStore {
    readonly kind = 'store';
    readonly held = new Map<string, Uint8Array>();
    readonly asked: number[] = [];

    put(id: Uint8Array, state: Uint8Array): void {
      this.held.set(toHex(id), state);
    }

    get(id: Uint8Array): Uint8Array | undefined {
      this.asked.push(id.length);
      return this.held.get(toHex(id));
    }
  }

  async function resumedWith(store: ServerSessionStore, times = 1): Promise<readonly (boolean | string)[]> {
    const server = await serverConfig({ tickets: { keeper: store } });
    const client = clientConfig();
    connect(clientEndpoint(client), serverOf(server));
    const results: (boolean | string)[] = [];
    for (let i = 0; i < times; i++) {
      const pair = { client: clientEndpoint(client), server: serverOf(server) };
      await settle(pair);
      results.push(fateOf(pair.client) === 'done' ? pair.client.info.resumed : fateOf(pair.client));
    }
    return results;
  }

  it('is asked for the name in the ticket, and the session is resumed', async () => {
    const store = new MapStore();
    expect(await resumedWith(store)).toEqual([true]);
    expect(store.asked).toEqual([32]);
    expect(store.held.size).toBe(2);
  });

  it('may give the same array again: it is not wiped', async () => {
    const store = new MapStore();
    await resumedWith(store, 2);
    for (const state of store.held.values()) expect(state.some((byte) => byte !== 0)).toBe(true);
  });

  it('may give a Buffer', async () => {
    const store = new MapStore();
    const get = store.get.bind(store);
    store.get = (id) => Buffer.concat([Buffer.from('x'), get(id) ?? Buffer.alloc(0)]).subarray(1);
    expect(await resumedWith(store)).toEqual([true]);
  });

  it('may take its time', async () => {
    const store = new MapStore();
    const get = store.get.bind(store);
    const later: ServerSessionStore = {
      kind: 'store',
      put: (id, state) => store.put(id, state),
      get: async (id) => get(id),
    };
    expect(await resumedWith(later)).toEqual([true]);
  });

  it('that does not know the session leads to a full handshake', async () => {
    expect(await resumedWith({ kind: 'store', put: () => undefined, get: () => undefined })).toEqual([false]);
    expect(await resumedWith({ kind: 'store', put: () => undefined, get: () => new Uint8Array(80) })).toEqual(
      [false],
    );
  });

  it('that fails costs a resumption, not the connection', async () => {
    const gone = new Error('the store is gone');
    const get = (): never => {
      throw gone;
    };
    for (const failing of [get, () => Promise.reject(gone)]) {
      expect(await resumedWith({ kind: 'store', put: () => undefined, get: failing })).toEqual([false]);
    }
  });

  it('is not asked for what cannot be one of its names', async () => {
    const store = new MapStore();
    const server = await serverConfig({ tickets: { keeper: store } });
    const bytes = helloWithPsks(newHello().hello, [{ session }, unknown(1)]);
    expect(serverOf(server).receive(plaintextMessage(bytes)).output.length).toBeGreaterThan(0);
    expect(store.asked).toEqual([]);
  });
});

describe('a resumed handshake', () => {
  it('is shorter than a full one, and both sides know', () => {
    const settings = clientConfig();
    const full = connect(clientEndpoint(settings), serverOf(config));
    const client = clientEndpoint(settings);
    const server = serverOf(config);
    expect(outcomeOf(client, server)).toEqual(bothDone);
    expect([client.info.resumed, server.info.resumed]).toEqual([true, true]);
    expect(client.info.peerCertificates).toEqual(full.client.info.peerCertificates);
    expect(client.info.peerSignatureScheme).toBeUndefined();
    expect(server.writes[0]?.length).toBeLessThan(400);
  });
});
