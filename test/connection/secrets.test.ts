import { describe, expect, it } from 'vitest';
import { noBytes, utf8 } from '../../src/base/bytes.ts';
import { TlsTimeoutError, TlsUsageError } from '../../src/base/errors.ts';
import type { ServerSettings } from '../../src/connection/config.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import type { CryptoProvider } from '../../src/crypto/provider.ts';
import type { ServerSessionStore } from '../../src/sessions/session-store.ts';
import { contentTypes } from '../../src/wire/names.ts';
import {
  type Endpoint,
  establishedPair,
  hex,
  newPair,
  pump,
  startOfTime,
  summary,
  trustAll,
} from '../support/engine.ts';
import { isPublicConstant } from '../support/public-constants.ts';
import { newSessionTicket, plaintextRecord, RawPeer } from '../support/raw-peer.ts';

const roles = ['client', 'server'] as const;

describe('exporter', () => {
  it('is equal on both sides, for the same label, context and length only', async () => {
    const { client, server } = await establishedPair();
    const uses: readonly (readonly [string, Uint8Array, number])[] = [
      ['EXPORTER-Channel-Binding', noBytes, 32],
      ['EXPORTER-Channel-Binding', noBytes, 16],
      ['EXPORTER-Channel-Binding', utf8('context'), 32],
      ['EXPERIMENTAL-other', noBytes, 32],
      ['EXPERIMENTAL-other', utf8('context'), 1000],
    ];
    const exported = uses.map((use) => hex(client.engine.exportKeyingMaterial(...use)));
    expect(uses.map((use) => hex(server.engine.exportKeyingMaterial(...use)))).toEqual(exported);
    expect(new Set(exported.map((text) => text.slice(0, 32))).size).toBe(uses.length);
    expect(exported.map(({ length }) => length / 2)).toEqual([32, 16, 32, 32, 1000]);
  });

  it('is another one in every connection, and the same after a KeyUpdate', async () => {
    const first = await establishedPair();
    const before = exportedBy(first.client);
    first.client.turn((engine) => engine.updateKeys());
    pump(first);
    expect(exportedBy(first.client)).toBe(before);
    expect(exportedBy(first.server)).toBe(before);
    expect(exportedBy((await establishedPair()).client)).not.toBe(before);
  });

  it('is there after both directions have ended well, and after a truncated end', async () => {
    const pair = await establishedPair();
    const before = exportedBy(pair.client);
    pair.client.closeWrite();
    pair.server.closeWrite();
    pump(pair);
    expect(exportedBy(pair.client)).toBe(before);
    expect(exportedBy(pair.server)).toBe(before);
    const truncated = await establishedPair();
    truncated.client.receiveEnd();
    expect(exportedBy(truncated.client)).toBe(exportedBy(truncated.server));
  });

  it('is not there before the handshake is done, on either side', async () => {
    const { client, server } = await newPair();
    expect(() => exportedBy(client)).toThrow(TlsUsageError);
    const flight = server.receive(client.turn().output).output;
    expect(() => exportedBy(server)).toThrow(TlsUsageError);
    server.receive(client.receive(flight).output);
    expect(exportedBy(client)).toBe(exportedBy(server));
  });

  it.each([
    ['failed', (endpoint: Endpoint) => endpoint.receive(plaintextRecord(99, noBytes))],
    ['was given up', (endpoint: Endpoint) => endpoint.turn((engine) => engine.abandon())],
  ])(
    'is not there once the connection %s: a wiped secret would give keys that everybody knows',
    async (_, end) => {
      for (const role of roles) {
        const { [role]: endpoint } = await establishedPair();
        end(endpoint);
        expect(() => exportedBy(endpoint)).toThrow(TlsUsageError);
      }
    },
  );
});

describe('key log', () => {
  const labels = [
    'CLIENT_HANDSHAKE_TRAFFIC_SECRET',
    'SERVER_HANDSHAKE_TRAFFIC_SECRET',
    'CLIENT_TRAFFIC_SECRET_0',
    'SERVER_TRAFFIC_SECRET_0',
    'EXPORTER_SECRET',
  ];

  it('has the same five lines on both sides, with the random of the ClientHello', async () => {
    const { client, server } = await establishedPair();
    expect(client.keyLogLines).toEqual(server.keyLogLines);
    const clientRandom = hex((client.writes[0] ?? noBytes).subarray(11, 43));
    expect(client.keyLogLines.map((line) => line.split(' ')[0])).toEqual(labels);
    for (const line of client.keyLogLines) {
      expect(line).toMatch(/^[A-Z_0-9]+ [0-9a-f]{64} [0-9a-f]{64}$/);
      expect(line.split(' ')[1]).toBe(clientRandom);
    }
  });

  it('has the random of the first ClientHello also behind a HelloRetryRequest', async () => {
    const { client, server } = await establishedPair({ server: { groups: ['secp384r1'] } });
    const clientRandom = hex((client.writes[0] ?? noBytes).subarray(11, 43));
    expect(new Set(server.keyLogLines.map((line) => line.split(' ')[1]))).toEqual(new Set([clientRandom]));
  });

  it('has secrets as long as the hash of the suite', async () => {
    const { client } = await establishedPair({ server: { cipherSuites: ['TLS_AES_256_GCM_SHA384'] } });
    for (const secret of client.secrets.values()) expect(secret).toHaveLength(48);
  });

  it('is silent by default', async () => {
    const { client, server } = await establishedPair({
      client: { keyLog: false },
      server: { keyLog: false },
    });
    expect([...client.keyLogLines, ...server.keyLogLines]).toEqual([]);
  });
});

describe.each(roles)('failure wipes, at a %s', (role) => {
  it.each([
    ['a fatal alert of ours', (raw: RawPeer) => raw.deliver(raw.record(contentTypes.handshake, noBytes))],
    ['a fatal alert of the peer', (raw: RawPeer) => raw.deliver(raw.alert('internal_error'))],
    ['abandon()', (raw: RawPeer) => raw.target.turn((engine) => engine.abandon())],
    [
      'a reason of our own',
      (raw: RawPeer) => raw.target.turn((engine) => engine.cancel(new TlsTimeoutError('idle', 'too long'))),
    ],
  ])('every secret of the connection, at %s', async (_, fail) => {
    const { provider, secrets } = rememberingProvider();
    const pair = await establishedPair({ [role]: { provider }, server: serverOf(role, provider) });
    const { [role]: target } = pair;
    const raw = new RawPeer(target);
    if (role === 'client') raw.deliver(raw.handshake(newSessionTicket()));
    raw.deliver(raw.keyUpdate('update_requested'), raw.data('x'));
    target.send('x');
    target.turn((engine) => engine.updateKeys());
    target.engine.exportKeyingMaterial('label', noBytes, 32);
    expect(secrets.some(({ live }) => !isZero(live))).toBe(true);
    fail(raw);
    expect(secrets.filter(({ live, copy }) => !isZero(live) && !isZero(copy))).toEqual([]);
  });

  it('the secrets of a handshake, wherever it fails', async () => {
    const { provider, secrets } = rememberingProvider();
    const trust = { ...trustAll, verify: (): Promise<never> => new Promise(() => undefined) };
    const pair = await newPair({
      client: { trust, ...(role === 'client' ? { provider } : {}) },
      server: serverOf(role, provider),
    });
    const { client, server } = pair;
    const flight = server.receive(client.turn().output).output;
    client.receive(flight);
    expect(secrets.some(({ live }) => !isZero(live))).toBe(true);
    pair[role].receiveEnd();
    pair[role].turn((engine) => engine.abandon());
    expect(secrets.filter(({ live, copy }) => !isZero(live) && !isZero(copy))).toEqual([]);
  });

  it('and our close_notify wipes what we wrote with', async () => {
    const { provider, secrets } = rememberingProvider();
    const pair = await establishedPair({ [role]: { provider }, server: serverOf(role, provider) });
    const { [role]: target } = pair;
    target.send('x');
    target.closeWrite();
    const readSecret = target.secrets.get(
      role === 'client' ? 'SERVER_TRAFFIC_SECRET_0' : 'CLIENT_TRAFFIC_SECRET_0',
    );
    const alive = secrets.filter(({ live, copy }) => !isZero(live) && !isZero(copy));
    expect(new Set(alive.map(({ live }) => hex(live)))).toEqual(new Set([hex(readSecret ?? noBytes)]));
  });

  it('and forgets what was received', async () => {
    const { [role]: target } = await establishedPair();
    target.receive(plaintextRecord(99, noBytes));
    target.receive(new Uint8Array(100));
    expect(target.engine.takeTrailing()).toHaveLength(0);
    expect(target.engine.wantsInput).toBe(false);
    expect(summary(target.turn().events)).toEqual([]);
  });
});

it('a server that is given up in the middle of its flight wipes its secrets too', async () => {
  const { provider, secrets } = rememberingProvider();
  let giveUp = (): void => {};
  const padding = (): number => {
    giveUp();
    return 0;
  };
  const { client, server } = await newPair({ server: { ...serverOf('server', provider), padding } });
  giveUp = () => server.engine.abandon();
  server.receive(client.turn().output);
  expect(secrets.some(({ copy }) => !isZero(copy))).toBe(true);
  expect(secrets.filter(({ live, copy }) => !isZero(live) && !isZero(copy))).toEqual([]);
});

it.each(roles)('a %s that its last step gives up wipes its secrets too, and says nothing', async (role) => {
  const { provider, secrets } = rememberingProvider(/^exp|^res/);
  let giveUp = (): void => {};
  // The last that a client asks for, and a server.
  const padding = (): number => {
    giveUp();
    return 0;
  };
  const now = (): number => {
    giveUp();
    return startOfTime;
  };
  const pair = await newPair({
    client: role === 'client' ? { provider, padding } : {},
    server: { ...serverOf(role, provider), ...(role === 'server' && { now }) },
  });
  const { client, server, [role]: target } = pair;
  const flight = server.receive(client.turn().output).output;
  giveUp = () => target.engine.abandon();
  const answer = client.receive(flight).output;
  if (role === 'server') server.receive(answer);
  expect(summary(target.events)).toEqual([]);
  expect(target.engine.handshakeInfo).toBeUndefined();
  expect(secrets.some(({ copy }) => !isZero(copy))).toBe(true);
  expect(secrets.filter(({ live, copy }) => !isZero(live) && !isZero(copy))).toEqual([]);
});

it.each(roles)('a %s whose clock fails in the last step wipes its secrets too', async (role) => {
  const { provider, secrets } = rememberingProvider(/^exp|^res/);
  let readingsLeft = Number.POSITIVE_INFINITY;
  const now = (): number => {
    readingsLeft -= 1;
    if (readingsLeft < 0) throw new Error('no clock');
    return startOfTime;
  };
  const pair = await newPair({
    client: role === 'client' ? { provider, now } : {},
    server: { ...serverOf(role, provider), ...(role === 'server' && { now }) },
  });
  const { client, server, [role]: target } = pair;
  const flight = server.receive(client.turn().output).output;
  // A client's first one is to judge the server by.
  readingsLeft = role === 'client' ? 1 : 0;
  const answer = client.receive(flight).output;
  if (role === 'server') server.receive(answer);
  expect(summary(target.events)).toEqual(['failed TLS_USAGE']);
  expect(secrets.some(({ copy }) => !isZero(copy))).toBe(true);
  expect(secrets.filter(({ live, copy }) => !isZero(live) && !isZero(copy))).toEqual([]);
});

function exportedBy({ engine }: Endpoint): string {
  return hex(engine.exportKeyingMaterial('EXPORTER-test', noBytes, 32));
}

/** A server that remembers its secrets only as this role, and whose tickets need no keys that outlive connections. */
function serverOf(role: 'client' | 'server', provider: CryptoProvider): Partial<ServerSettings> {
  const keeper: ServerSessionStore = { kind: 'store', put: () => undefined, get: () => undefined };
  return { tickets: { keeper }, ...(role === 'server' ? { provider } : {}) };
}

/**
 * node:crypto, which remembers every HMAC key: all secrets of a key schedule are one, when they are used.
 * @param unused by their labels: secrets that count even if they never are
 */
function rememberingProvider(unused?: RegExp): {
  readonly provider: CryptoProvider;
  readonly secrets: { readonly live: Uint8Array; readonly copy: Uint8Array }[];
} {
  const secrets: { readonly live: Uint8Array; readonly copy: Uint8Array }[] = [];
  const provider: CryptoProvider = {
    ...nodeCrypto,
    hmac(algorithm, key, data) {
      if (!isPublicConstant(key)) secrets.push({ live: key, copy: key.slice() });
      const output = nodeCrypto.hmac(algorithm, key, data);
      const [, label] =
        /^..tls13 (.*)/s.exec(String.fromCharCode(...data.subarray(0, 2), ...data.subarray(3))) ?? [];
      if (label !== undefined && unused?.test(label)) secrets.push({ live: output, copy: output.slice() });
      return output;
    },
  };
  return { provider, secrets };
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}
