import { describe, expect, it } from 'vitest';
import { noBytes, utf8 } from '../../src/base/bytes.ts';
import { TlsUsageError } from '../../src/base/errors.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import type { CryptoProvider } from '../../src/crypto/provider.ts';
import { MemorySessionCache } from '../../src/sessions/client-session.ts';
import {
  clientConfig,
  type Endpoint,
  hex,
  newPair,
  type Pair,
  serverConfig,
  startOfTime,
} from '../support/engine.ts';
import {
  altering,
  alteringClient,
  bothDone,
  clientOf,
  fateOf,
  outcomeOf,
  serverOf,
} from '../support/handshake.ts';
import { plaintextRecord } from '../support/raw-peer.ts';
import {
  editedClientHello,
  establishedTls12Pair,
  randomOf,
  sessionsOf,
  tls12Only,
} from '../support/tls12.ts';

const roles = ['client', 'server'] as const;

function exportedBy({ engine }: Endpoint, context: Uint8Array | undefined = noBytes): string {
  return hex(engine.exportKeyingMaterial('EXPORTER-test', context, 32));
}

/** Every key of an HMAC: premaster secret and master secret, in their very arrays. */
function watching(keys: Uint8Array[]): CryptoProvider {
  return {
    ...nodeCrypto,
    hmac: (hash, key, data) => {
      keys.push(key);
      return nodeCrypto.hmac(hash, key, data);
    },
  };
}

const isWiped = (key: Uint8Array): boolean => key.every((byte) => byte === 0);

describe('the key log of TLS 1.2', () => {
  it('has one line: CLIENT_RANDOM, the client’s random value and the master secret, the same on both sides', async () => {
    const { client, server } = await establishedTls12Pair();
    expect(client.keyLogLines).toHaveLength(1);
    expect(server.keyLogLines).toEqual(client.keyLogLines);
    const { masterSecret } = sessionsOf(client)[0]!;
    expect(client.keyLogLines).toEqual([`CLIENT_RANDOM ${hex(randomOf(client))} ${hex(masterSecret)}`]);
    expect(masterSecret).toHaveLength(48);
  });

  it('has it in a resumed handshake too', async () => {
    const settings = { client: { sessions: new MemorySessionCache() }, server: {} };
    const server = await serverConfig(tls12Only);
    const config = clientConfig({ ...tls12Only, ...settings.client });
    const lines = [0, 1].map(() => {
      const pair = {
        client: clientOf(config),
        server: serverOf(server),
      };
      expect(outcomeOf(pair.client, pair.server)).toEqual(bothDone);
      expect(pair.server.keyLogLines).toEqual(pair.client.keyLogLines);
      return pair.client.keyLogLines;
    });
    const [first, second] = lines.map((each) => each.map((line) => line.split(' ')));
    expect(second).toHaveLength(1);
    expect(second?.[0]?.[2]).toBe(first?.[0]?.[2]);
    expect(second?.[0]?.[1]).not.toBe(first?.[0]?.[1]);
  });

  it('is not there unless it was asked for', async () => {
    const { client, server } = await establishedTls12Pair({
      client: { keyLog: false },
      server: { keyLog: false },
    });
    expect([client.keyLogLines, server.keyLogLines]).toEqual([[], []]);
  });
});

describe.each(roles)('the secrets of a %s of TLS 1.2', (role) => {
  it('are wiped when the connection fails, or is given up; the premaster secret at once', async () => {
    for (const end of ['fail', 'abandon'] as const) {
      const keys: Uint8Array[] = [];
      const { [role]: target } = await establishedTls12Pair({
        // A server's ticket would be sealed under a key that stays.
        [role]: { tickets: { count: 0 }, provider: watching(keys) },
      });
      expect(new Set(keys.map(({ length }) => length))).toEqual(new Set([32, 48]));
      expect(keys.filter(({ length }) => length === 32).every(isWiped)).toBe(true);
      expect(keys.filter(({ length }) => length === 48).some(isWiped)).toBe(false);
      if (end === 'fail') target.receive(plaintextRecord(23, new Uint8Array(100)));
      else target.turn((engine) => engine.abandon());
      expect(keys.every(isWiped), end).toBe(true);
    }
  });

  it('are wiped when the handshake fails', async () => {
    const keys: Uint8Array[] = [];
    const config = { ...tls12Only, provider: watching(keys) };
    const edit = (message: Uint8Array): Uint8Array => message.slice().fill(0, 4);
    const client = clientOf(
      clientConfig(role === 'client' ? config : tls12Only),
      { host: 'localhost' },
      role === 'server' ? altering('finished', edit) : undefined,
    );
    const server = serverOf(
      await serverConfig(role === 'server' ? config : tls12Only),
      role === 'client' ? altering('finished', edit) : undefined,
    );
    outcomeOf(client, server);
    expect(fateOf({ client, server }[role])).toBe('decrypt_error');
    expect(keys.length).toBeGreaterThan(0);
    expect(keys.every(isWiped)).toBe(true);
  });
});

it('the secrets of a client of TLS 1.2 are wiped when its clock fails in the last step', async () => {
  for (const sessions of [undefined, new MemorySessionCache()]) {
    const keys: Uint8Array[] = [];
    const provider = watching(keys);
    let isBroken = false;
    const now = (): number => {
      if (isBroken) throw new Error('no clock');
      return startOfTime;
    };
    const client = clientOf(clientConfig({ ...tls12Only, provider, now, ...(sessions && { sessions }) }));
    const server = serverOf(await serverConfig(tls12Only));
    const keyExchange = client.receive(server.receive(client.turn().output).output).output;
    isBroken = true;
    client.receive(server.receive(keyExchange).output);
    expect(fateOf(client)).toBe('TLS_USAGE');
    expect(keys.length).toBeGreaterThan(0);
    expect(keys.every(isWiped)).toBe(true);
  }
});

describe('the exporter of TLS 1.2', () => {
  it.each(['TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256', 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384'] as const)(
    'is equal on both sides, for the same label, context and beginning only: %s',
    async (suite) => {
      const { client, server } = await establishedTls12Pair({ client: { cipherSuites: [suite] } });
      const uses: readonly (readonly [string, Uint8Array | undefined, number])[] = [
        ['EXPORTER-Channel-Binding', undefined, 32],
        // Unlike in TLS 1.3 that is not the same.
        ['EXPORTER-Channel-Binding', noBytes, 32],
        ['EXPORTER-Channel-Binding', utf8('context'), 32],
        ['EXPERIMENTAL-other', noBytes, 1000],
      ];
      const exported = uses.map((use) => hex(client.engine.exportKeyingMaterial(...use)));
      expect(uses.map((use) => hex(server.engine.exportKeyingMaterial(...use)))).toEqual(exported);
      expect(new Set(exported.map((text) => text.slice(0, 32))).size).toBe(uses.length);
      expect(exported.map(({ length }) => length / 2)).toEqual([32, 32, 32, 1000]);
    },
  );

  it('gives none of TLS’s own secrets away', async () => {
    const { client } = await establishedTls12Pair();
    for (const label of ['key expansion', 'master secret', 'client finished'])
      expect(() => client.engine.exportKeyingMaterial(label, undefined, 48)).toThrow();
  });

  it('is refused without extended master secret (RFC 7627 §5.4)', async () => {
    const client = alteringClient(clientConfig(tls12Only), 'client_hello', (message) =>
      editedClientHello(message, (hello) => ({
        ...hello,
        extensions: { ...hello.extensions, extended_master_secret: undefined },
      })),
    );
    const server = serverOf(await serverConfig(tls12Only));
    expect(outcomeOf(client, server)).toEqual(bothDone);
    for (const endpoint of [client, server]) {
      expect(endpoint.info.extendedMasterSecret).toBe(false);
      expect(() => exportedBy(endpoint)).toThrow(TlsUsageError);
      expect(() => exportedBy(endpoint)).toThrow(/extended master secret/);
    }
  });

  it('is not there before the handshake is done, on either side', async () => {
    const { client, server } = await newPair({ client: tls12Only });
    expect(() => exportedBy(client)).toThrow(TlsUsageError);
    const flight = server.receive(client.turn().output).output;
    const answer = client.receive(flight).output;
    expect(() => exportedBy(server)).toThrow(TlsUsageError);
    const last = server.receive(answer).output;
    expect(() => exportedBy(client)).toThrow(TlsUsageError);
    client.receive(last);
    expect(exportedBy(client)).toBe(exportedBy(server));
  });

  it('is there until both directions are over: then the master secret, which opens all of them, is gone', async () => {
    const { client, server } = await establishedTls12Pair();
    const before = exportedBy(client);
    server.receive(client.closeWrite().output);
    expect([exportedBy(client), exportedBy(server)]).toEqual([before, before]);
    client.receive(server.closeWrite().output);
    for (const side of [client, server]) expect(() => exportedBy(side)).toThrow(TlsUsageError);
  });

  it.each(roles)('is not there after a failure, nor where the connection was given up: %s', async (role) => {
    const failed: Pair = await establishedTls12Pair();
    failed[role].receive(plaintextRecord(23, new Uint8Array(100)));
    expect(() => exportedBy(failed[role])).toThrow(TlsUsageError);
    const abandoned: Pair = await establishedTls12Pair();
    abandoned[role].turn((engine) => engine.abandon());
    expect(() => exportedBy(abandoned[role])).toThrow(TlsUsageError);
  });
});
