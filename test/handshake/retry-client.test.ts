import { beforeAll, describe, expect, it } from 'vitest';
import { concatBytes } from '../../src/base/bytes.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import type { ClientConfig, ServerConfig } from '../../src/handshake/config.ts';
import { earlySecret } from '../../src/keys/key-schedule.ts';
import {
  bindersLength,
  type ClientHello,
  encodeServerHello,
  type HelloRetryRequest,
  type ServerHello,
} from '../../src/wire/hello.ts';
import { clientConfig, clientEndpoint, serverConfig, startOfTime } from '../support/engine.ts';
import {
  bothDone,
  clientOf,
  connect,
  hashOf,
  outcomeOf,
  plaintextMessage,
  refusedByClient,
  serverOf,
} from '../support/handshake.ts';
import { answeringServer, retriedTranscript, retryFor, retryingServer } from '../support/hello.ts';
import { fromHex } from '../support/hex.ts';
import { splitRecords } from '../support/raw-peer.ts';

let config: ServerConfig;

beforeAll(async () => {
  config = await serverConfig();
});

const cookie = fromHex('c00c1e');
const none = new Uint8Array(0);

/** What a server hears of a client that it asks again. */
function hellosHeard(
  client: ClientConfig,
  changes: Partial<HelloRetryRequest>,
  server: ServerConfig = config,
): {
  readonly hellos: ClientHello[];
  readonly bytes: Uint8Array[];
  readonly fate: ReturnType<typeof outcomeOf>;
} {
  const hellos: ClientHello[] = [];
  const bytes: Uint8Array[] = [];
  const retrying = retryingServer(server, changes, (hello, message) => {
    hellos.push(hello);
    bytes.push(message);
  });
  return { hellos, bytes, fate: outcomeOf(clientEndpoint(client), retrying) };
}

describe('a client that is asked again', () => {
  it('for a cookie alone keeps its key share, and gives the cookie back', () => {
    const { hellos, fate } = hellosHeard(clientConfig(), { extensions: { cookie } });
    expect(fate).toEqual(bothDone);
    const [first, second] = hellos;
    expect(second?.extensions.cookie).toEqual(cookie);
    expect(second?.extensions.key_share).toEqual(first?.extensions.key_share);
  });

  it('for a group sends one share of it, and nothing else', () => {
    const { hellos, fate } = hellosHeard(clientConfig({ keyShares: ['x25519', 'secp384r1'] }), {
      extensions: { key_share: 0x0017 },
    });
    expect(fate).toEqual(bothDone);
    expect(hellos[0]?.extensions.key_share?.map(({ group }) => group)).toEqual([0x001d, 0x0018]);
    expect(hellos[1]?.extensions.key_share?.map(({ group }) => group)).toEqual([0x0017]);
    expect(hellos[1]?.extensions.cookie).toBeUndefined();
  });

  it('for both sends both', () => {
    const { hellos, fate } = hellosHeard(clientConfig(), { extensions: { key_share: 0x0018, cookie } });
    expect(fate).toEqual(bothDone);
    expect(hellos[1]?.extensions.key_share?.map(({ group }) => group)).toEqual([0x0018]);
    expect(hellos[1]?.extensions.cookie).toEqual(cookie);
  });

  it('sends the same ClientHello otherwise', () => {
    const settings = { alpnProtocols: ['h2'], ticketRequest: { newSession: 1, resumption: 1 } };
    const { hellos } = hellosHeard(clientConfig(settings), { extensions: { key_share: 0x0018, cookie } });
    const [first, second] = hellos.map(({ extensions, ...fields }) => {
      const { key_share, cookie: given, order = [], ...rest } = extensions;
      return { ...fields, ...rest, order: order.filter((code) => code !== 44) };
    });
    expect(second).toEqual(first);
  });

  it('sends one change_cipher_spec, ahead of the second ClientHello', () => {
    const client = clientEndpoint(clientConfig());
    outcomeOf(client, retryingServer(config, { extensions: { cookie } }));
    const types = client.writes.flatMap(splitRecords).map((record) => record[0]);
    expect(types).toEqual([22, 20, 22, 23]);
  });

  it('does not use the cookie in another connection', () => {
    const settings = clientConfig();
    hellosHeard(settings, { extensions: { cookie } });
    expect(
      hellosHeard(settings, { extensions: { key_share: 0x0018 } }).hellos[0]?.extensions.cookie,
    ).toBeUndefined();
  });
});

describe('a client that offers a session and is asked again', () => {
  it('resumes, with a binder over ClientHello1, HelloRetryRequest and ClientHello2', () => {
    const settings = clientConfig();
    const { sessions } = connect(clientEndpoint(settings), serverOf(config));
    const psk = sessions.at(-1)?.psk.slice() ?? none;
    const { hellos, bytes, fate } = hellosHeard(settings, { extensions: { cookie } });
    expect(fate).toEqual(bothDone);
    const [first, second] = bytes;
    const offered = hellos[1]?.extensions.pre_shared_key;
    if (!first || !second || !offered) throw new Error('no PSK was offered again');
    const retry = encodeServerHello(retryFor(hellos[0] as ClientHello, { extensions: { cookie } }));
    const covered = concatBytes(
      retriedTranscript('sha256', first, retry),
      second.subarray(0, -bindersLength(offered)),
    );
    const expected = earlySecret(nodeCrypto, 'sha256', psk).binder(hashOf(nodeCrypto, 'sha256', covered));
    expect(offered.binders).toEqual([expected]);
    expect(hellos[0]?.extensions.pre_shared_key?.binders).not.toEqual([expected]);
  });

  it('is resumed after it', () => {
    const settings = clientConfig();
    connect(clientEndpoint(settings), serverOf(config));
    const client = clientOf(settings);
    const server = retryingServer(config, { extensions: { cookie } });
    expect(outcomeOf(client, server)).toEqual(bothDone);
    expect([client.info.resumed, server.info.resumed, client.info.helloRetryRequest]).toEqual([
      true,
      true,
      true,
    ]);
  });

  it('counts the age of its ticket anew', () => {
    const clock = { now: startOfTime };
    const settings = clientConfig({ now: () => clock.now });
    const { sessions } = connect(clientEndpoint(settings), serverOf(config));
    const added = sessions.at(-1)?.ticketAgeAdd ?? 0;
    clock.now += 5000;
    const ages: (number | undefined)[] = [];
    const client = clientEndpoint(settings);
    const server = retryingServer(config, { extensions: { cookie } }, ({ extensions }) => {
      ages.push(extensions.pre_shared_key?.identities[0]?.obfuscatedTicketAge);
      clock.now += 1234;
    });
    outcomeOf(client, server);
    expect(ages).toEqual([5000, 6234].map((age) => (age + added) % 2 ** 32));
  });

  it('drops a PSK of another hash, and takes none in the answer', async () => {
    const settings = clientConfig();
    connect(clientEndpoint(settings), serverOf(config));
    const sha384 = await serverConfig({ cipherSuites: ['TLS_AES_256_GCM_SHA384'] });
    const changes = { cipherSuite: 0x1302, extensions: { cookie } };
    const { hellos, fate } = hellosHeard(settings, changes, sha384);
    expect(fate).toEqual(bothDone);
    expect(hellos.map(({ extensions }) => extensions.pre_shared_key !== undefined)).toEqual([true, false]);

    connect(clientEndpoint(settings), serverOf(config));
    const server = answeringServer(
      config,
      (hello) => encodeServerHello(retryFor(hello, changes)),
      (hello) => serverHello(hello, { cipherSuite: 0x1302, extensions: { pre_shared_key: 0 } }),
    );
    expect(outcomeOf(clientEndpoint(settings), server)).toEqual(refusedByClient('unsupported_extension'));
  });
});

/** A ServerHello after a HelloRetryRequest for a cookie. */
function serverHello(hello: ClientHello, changes: Partial<ServerHello>): Uint8Array {
  const key_share = { group: 0x001d, keyExchange: nodeCrypto.initiateKeyExchange('x25519').publicValue };
  return encodeServerHello({
    ...retryFor(hello, {}),
    kind: 'ServerHello',
    random: new Uint8Array(32).fill(1),
    ...changes,
    extensions: { supported_versions: 0x0304, key_share, ...changes.extensions },
  });
}

describe('a client refuses, after a HelloRetryRequest', () => {
  it.each<[string, string, (hello: ClientHello) => Uint8Array]>([
    ['another cipher suite', 'illegal_parameter', (hello) => serverHello(hello, { cipherSuite: 0x1302 })],
    [
      'another cipher suite of the same hash',
      'illegal_parameter',
      (hello) => serverHello(hello, { cipherSuite: 0x1303 }),
    ],
    [
      'another version',
      'illegal_parameter',
      (hello) => serverHello(hello, { extensions: { supported_versions: 0x0303 } }),
    ],
    [
      'an older version, which is not that of the HelloRetryRequest',
      'illegal_parameter',
      (hello) => serverHello(hello, { extensions: { supported_versions: undefined } }),
    ],
    [
      'no key_share',
      'missing_extension',
      (hello) => serverHello(hello, { extensions: { key_share: undefined } }),
    ],
    ['another session id', 'illegal_parameter', (hello) => serverHello(hello, { legacySessionIdEcho: none })],
    [
      'a second HelloRetryRequest',
      'unexpected_message',
      (hello) => encodeServerHello(retryFor(hello, { extensions: { key_share: 0x0018 } })),
    ],
    [
      'the same HelloRetryRequest',
      'unexpected_message',
      (hello) => encodeServerHello(retryFor(hello, { extensions: { cookie } })),
    ],
  ])('%s: %s', (_, alert, second) => {
    expect(afterRetry({ cookie }, second)).toEqual(refusedByClient(alert));
  });

  it('another group: illegal_parameter', () => {
    expect(afterRetry({ key_share: 0x0017 }, (hello) => serverHello(hello, {}))).toEqual(
      refusedByClient('illegal_parameter'),
    );
  });

  it('nothing in a ServerHello that is well', () => {
    expect(afterRetry({ cookie }, (hello) => serverHello(hello, {})).client).toBe('waiting');
  });

  function afterRetry(
    extensions: HelloRetryRequest['extensions'],
    second: (hello: ClientHello) => Uint8Array,
  ): ReturnType<typeof outcomeOf> {
    const retry = (hello: ClientHello): Uint8Array => encodeServerHello(retryFor(hello, { extensions }));
    return outcomeOf(clientEndpoint(clientConfig()), answeringServer(config, retry, second));
  }
});

describe('a client refuses a HelloRetryRequest', () => {
  it.each<[string, string, Partial<HelloRetryRequest>]>([
    ['that changes nothing', 'illegal_parameter', {}],
    ['for a group that it has a share of', 'illegal_parameter', { extensions: { key_share: 0x001d } }],
    ['for such a group, with a cookie', 'illegal_parameter', { extensions: { key_share: 0x001d, cookie } }],
    ['for a group that it did not offer', 'illegal_parameter', { extensions: { key_share: 0x0019 } }],
    ['for an unknown group', 'illegal_parameter', { extensions: { key_share: 0x3a3a } }],
    [
      'with a suite that it did not offer',
      'illegal_parameter',
      { cipherSuite: 0x1303, extensions: { cookie } },
    ],
    ['with another legacy_version', 'protocol_version', { legacyVersion: 0x0302, extensions: { cookie } }],
    ['with another version', 'illegal_parameter', { extensions: { cookie, supported_versions: 0x0305 } }],
    [
      'without supported_versions',
      'missing_extension',
      { extensions: { cookie, supported_versions: undefined } },
    ],
    ['with compression', 'illegal_parameter', { legacyCompressionMethod: 1, extensions: { cookie } }],
    ['with another session id', 'illegal_parameter', { legacySessionIdEcho: none, extensions: { cookie } }],
    [
      'with an extension that it does not know',
      'unsupported_extension',
      { extensions: { cookie, others: [{ code: 0x3a3a, data: none }] } },
    ],
    [
      'with one that belongs elsewhere',
      'illegal_parameter',
      { extensions: { cookie, others: [{ code: 16, data: fromHex('0003 02 6832') }] } },
    ],
    [
      'with a cookie that no ClientHello has room for',
      'illegal_parameter',
      { extensions: { cookie: new Uint8Array(65_000) } },
    ],
  ])('%s: %s', (_, alert, changes) => {
    const settings = { groups: ['x25519', 'secp256r1'], cipherSuites: ['TLS_AES_128_GCM_SHA256'] } as const;
    const server = answeringServer(config, (hello) => encodeServerHello(retryFor(hello, changes)));
    expect(outcomeOf(clientEndpoint(clientConfig(settings)), server)).toEqual(refusedByClient(alert));
  });

  it('with a message behind it in its record: unexpected_message', () => {
    const client = clientEndpoint(clientConfig());
    const server = answeringServer(config, (hello) => {
      const retry = encodeServerHello(retryFor(hello, { extensions: { cookie } }));
      return concatBytes(retry, serverHello(hello, {}));
    });
    expect(outcomeOf(client, server)).toEqual(refusedByClient('unexpected_message'));
  });
});

describe('a HelloRetryRequest', () => {
  it('answers a cookie of 32 KiB, in several records', () => {
    const large = new Uint8Array(32_768).fill(7);
    const { hellos, fate } = hellosHeard(clientConfig(), { extensions: { cookie: large } });
    expect(fate).toEqual(bothDone);
    expect(hellos[1]?.extensions.cookie).toEqual(large);
  });

  it('is taken in records of one byte', () => {
    const client = clientEndpoint(clientConfig());
    const { output } = serverOf({ ...config, groups: ['secp256r1'] }).receive(client.turn().output);
    const [retry = none] = splitRecords(output);
    client.receive(plaintextMessage(retry.subarray(5), 1));
    expect(client.engine.failure).toBeUndefined();
    expect(client.writes.length).toBe(2);
  });
});
