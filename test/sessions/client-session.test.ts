import { describe, expect, it } from 'vitest';
import {
  type ClientSession,
  MemorySessionCache,
  secretOf,
  type Tls12ClientSession,
  type Tls13ClientSession,
} from '../../src/sessions/client-session.ts';

function session(scope: string, mark: number, fields: Partial<Tls13ClientSession> = {}): Tls13ClientSession {
  return {
    protocolVersion: 'TLSv1.3',
    scope,
    cipherSuite: 'TLS_AES_128_GCM_SHA256',
    psk: new Uint8Array(32).fill(mark),
    ticket: Uint8Array.of(mark),
    ticketAgeAdd: 0,
    receivedAt: 0,
    expiresAt: 1000,
    authenticatedAt: 0,
    validUntil: 1000,
    peerCertificates: [],
    ...fields,
  };
}

function tls12Session(
  scope: string,
  mark: number,
  fields: Partial<Tls12ClientSession> = {},
): Tls12ClientSession {
  return {
    protocolVersion: 'TLSv1.2',
    scope,
    cipherSuite: 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256',
    masterSecret: new Uint8Array(48).fill(mark),
    ticket: Uint8Array.of(mark),
    sessionId: new Uint8Array(0),
    expiresAt: 1000,
    authenticatedAt: 0,
    validUntil: 1000,
    peerCertificates: [],
    ...fields,
  };
}

function takeAll(cache: MemorySessionCache, scope: string): number[] {
  const marks: number[] = [];
  for (let taken = cache.take(scope); taken; taken = cache.take(scope)) marks.push(taken.ticket[0] ?? -1);
  return marks;
}

describe('MemorySessionCache', () => {
  it('gives each session once, the newest first', () => {
    const cache = new MemorySessionCache();
    for (const mark of [1, 2, 3]) cache.put(session('a', mark));
    expect(takeAll(cache, 'a')).toEqual([3, 2, 1]);
    expect(cache.take('a')).toBeUndefined();
  });

  it('keeps scopes apart, also those that are names of object properties', () => {
    const cache = new MemorySessionCache();
    for (const [index, scope] of ['a', 'b', '__proto__', 'constructor'].entries()) {
      expect(cache.take(scope)).toBeUndefined();
      cache.put(session(scope, index));
    }
    expect(takeAll(cache, 'b')).toEqual([1]);
    expect(takeAll(cache, '__proto__')).toEqual([2]);
    expect(takeAll(cache, 'toString')).toEqual([]);
  });

  it('keeps 8 sessions of a server, the oldest dropped and wiped first', () => {
    const cache = new MemorySessionCache();
    const sessions = Array.from({ length: 10 }, (_, index) => session('a', index + 1));
    for (const each of sessions) cache.put(each);
    expect(takeAll(cache, 'a')).toEqual([10, 9, 8, 7, 6, 5, 4, 3]);
    expect(sessions.slice(0, 3).map(({ psk }) => psk[0])).toEqual([0, 0, 3]);
  });

  it('keeps 256 servers, those that it heard of longest ago dropped and wiped first', () => {
    const cache = new MemorySessionCache();
    const sessions = Array.from({ length: 257 }, (_, index) => session(`server ${index}`, 1 + (index % 200)));
    for (const each of sessions.slice(0, 256)) cache.put(each);
    // The first server is heard of again: the second is the oldest now.
    cache.put(session('server 0', 99));
    cache.put(sessions[256] as Tls13ClientSession);
    expect(takeAll(cache, 'server 0')).toEqual([99, 1]);
    expect(takeAll(cache, 'server 1')).toEqual([]);
    expect(sessions[1]?.psk.every((byte) => byte === 0)).toBe(true);
    expect(takeAll(cache, 'server 256')).toEqual([57]);
  });

  it('keeps sessions of both versions, and wipes the secret of either', () => {
    const cache = new MemorySessionCache(2, 1);
    const sessions: readonly ClientSession[] = [
      tls12Session('a', 1),
      session('a', 2),
      tls12Session('a', 3),
      session('a', 4),
    ];
    for (const each of sessions) cache.put(each);
    const isWiped = (each: ClientSession): boolean => secretOf(each).every((byte) => byte === 0);
    expect(sessions.map(isWiped)).toEqual([true, true, false, false]);
    const [, , tls12, tls13] = sessions;
    expect([cache.take('a'), cache.take('a')]).toEqual([tls13, tls12]);
    cache.put(tls12 as ClientSession);
    // The scope itself is dropped.
    cache.put(session('b', 5));
    expect(isWiped(tls12 as ClientSession)).toBe(true);
  });

  it('takes other bounds', () => {
    const cache = new MemorySessionCache(1, 1);
    for (const [scope, mark] of [
      ['a', 1],
      ['a', 2],
      ['b', 3],
    ] as const)
      cache.put(session(scope, mark));
    expect(takeAll(cache, 'a')).toEqual([]);
    expect(takeAll(cache, 'b')).toEqual([3]);
  });

  it('does not keep a session of more than 128 KiB of certificates and ticket', () => {
    const cache = new MemorySessionCache();
    const certificates = [new Uint8Array(65_536), new Uint8Array(65_000)];
    cache.put(session('a', 1, { peerCertificates: certificates, ticket: new Uint8Array(536) }));
    cache.put(session('b', 2, { peerCertificates: certificates, ticket: new Uint8Array(537) }));
    expect(cache.take('a')).toBeDefined();
    expect(cache.take('b')).toBeUndefined();
    cache.put(tls12Session('c', 3, { peerCertificates: certificates, ticket: new Uint8Array(537) }));
    expect(cache.take('c')).toBeUndefined();
  });
});

it('the secret of a session is its very array', () => {
  const [tls13, tls12] = [session('a', 1), tls12Session('a', 1)];
  expect(secretOf(tls13)).toBe(tls13.psk);
  expect(secretOf(tls12)).toBe(tls12.masterSecret);
});
