import { beforeAll, describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import type { ServerConfig } from '../../src/handshake/config.ts';
import type { Tls13ClientSession } from '../../src/sessions/client-session.ts';
import {
  type ClientHello,
  type ClientHelloExtensions,
  decodeServerHello,
  encodeClientHello,
} from '../../src/wire/hello.ts';
import { clientConfig, clientEndpoint, type Endpoint, serverConfig } from '../support/engine.ts';
import {
  bothDone,
  clientOf,
  connect,
  outcomeOf,
  plaintextMessage,
  plaintextRefusal,
  serverOf,
} from '../support/handshake.ts';
import { helloWithPsks, newHello, retriedTranscript } from '../support/hello.ts';
import { fromHex } from '../support/hex.ts';
import { splitRecords } from '../support/raw-peer.ts';

/** Accepts P-256 alone, so that a client with an X25519 share is asked again. */
let config: ServerConfig;

beforeAll(async () => {
  config = await serverConfig({ groups: ['secp256r1'] });
});

const share = { group: 0x0017, keyExchange: nodeCrypto.initiateKeyExchange('secp256r1').publicValue };

function withExtensions(hello: ClientHello, extensions: Partial<ClientHelloExtensions>): ClientHello {
  return { ...hello, extensions: { ...hello.extensions, ...extensions } };
}

/** A first ClientHello with something in every extension that may not change. */
function firstHello(): ClientHello {
  const settings = { alpnProtocols: ['h2', 'http/1.1'], ticketRequest: { newSession: 2, resumption: 1 } };
  return withExtensions(newHello(clientConfig(settings)).hello, {
    others: [{ code: 0x3a3a, data: fromHex('00') }],
  });
}

function secondHello(first: ClientHello): ClientHello {
  return withExtensions(first, { key_share: [share] });
}

/** What the server makes of a first and a second ClientHello: the alert, or `accepted`. */
function verdict(first: Uint8Array, second: (retry: Uint8Array) => Uint8Array): string {
  const server = serverOf(config);
  const retry = retryIn(server.receive(plaintextMessage(first)).output);
  const turn = server.receive(plaintextMessage(second(retry)));
  if (server.engine.failure) return plaintextRefusal(server, turn);
  return kindOf(turn.output) === 'ServerHello' ? 'accepted' : 'nothing';
}

function changed(edit: (second: ClientHello) => ClientHello): string {
  const first = firstHello();
  return verdict(encodeClientHello(first), () => encodeClientHello(edit(secondHello(first))));
}

/** The ServerHello or HelloRetryRequest message that an output begins with. */
function retryIn(output: Uint8Array): Uint8Array {
  return splitRecords(output)[0]?.subarray(5) ?? new Uint8Array(0);
}

function kindOf(output: Uint8Array): string {
  return decodeServerHello(retryIn(output).subarray(4)).kind;
}

describe('a HelloRetryRequest', () => {
  it('asks a client without a share of ours for one, and takes it', async () => {
    const client = clientEndpoint(clientConfig());
    const server = serverOf(config);
    expect(outcomeOf(client, server)).toEqual(bothDone);
    expect([client.info.helloRetryRequest, server.info.helloRetryRequest]).toEqual([true, true]);
    expect(server.info.group).toBe('secp256r1');
  });

  it('names suite, version and group, echoes the session id, and has a change_cipher_spec behind it', () => {
    const first = firstHello();
    const { output } = serverOf(config).receive(plaintextMessage(encodeClientHello(first)));
    expect(decodeServerHello(retryIn(output).subarray(4))).toMatchObject({
      kind: 'HelloRetryRequest',
      legacyVersion: 0x0303,
      legacySessionIdEcho: first.legacySessionId,
      cipherSuite: 0x1301,
      extensions: { supported_versions: 0x0304, key_share: 0x0017, order: [43, 51] },
    });
    expect(splitRecords(output).map((record) => record[0])).toEqual([22, 20]);
  });

  it('has no change_cipher_spec behind it for a client without a session id, and none follows later', async () => {
    const client = clientEndpoint(clientConfig({ compatibilityMode: false }));
    const server = serverOf(config);
    expect(outcomeOf(client, server)).toEqual(bothDone);
    const types = [...client.writes, ...server.writes].flatMap(splitRecords).map((record) => record[0]);
    expect(types).not.toContain(20);
  });

  it('is not sent twice: a second ClientHello without the share is an illegal_parameter', () => {
    const first = encodeClientHello(firstHello());
    expect(verdict(first, () => first)).toBe('illegal_parameter');
  });
});

describe('the second ClientHello', () => {
  it('equals the first but for the key share', () => {
    expect(changed((second) => second)).toBe('accepted');
  });

  it.each<[string, (second: ClientHello) => ClientHello]>([
    ['another server_name', (second) => withExtensions(second, { server_name: 'other.example' })],
    ['no server_name', (second) => withExtensions(second, { server_name: undefined })],
    [
      'another ALPN list',
      (second) => withExtensions(second, { application_layer_protocol_negotiation: ['h2'] }),
    ],
    ['no ALPN', (second) => withExtensions(second, { application_layer_protocol_negotiation: undefined })],
    ['fewer cipher suites', (second) => ({ ...second, cipherSuites: [0x1301] })],
    [
      'cipher suites in another order',
      (second) => ({ ...second, cipherSuites: second.cipherSuites.toReversed() }),
    ],
    ['other groups', (second) => withExtensions(second, { supported_groups: [0x0017, 0x001d] })],
    ['other signature algorithms', (second) => withExtensions(second, { signature_algorithms: [0x0807] })],
    ['other versions', (second) => withExtensions(second, { supported_versions: [0x0304] })],
    ['another random value', (second) => ({ ...second, random: new Uint8Array(32) })],
    ['another session id', (second) => ({ ...second, legacySessionId: new Uint8Array(32) })],
    ['another record_size_limit', (second) => withExtensions(second, { record_size_limit: 1000 })],
    ['other PSK modes', (second) => withExtensions(second, { psk_key_exchange_modes: [0, 1] })],
    [
      'another ticket_request',
      (second) => withExtensions(second, { ticket_request: { newSessionCount: 9, resumptionCount: 1 } }),
    ],
    ['no ticket_request', (second) => withExtensions(second, { ticket_request: undefined })],
    [
      'another unknown extension',
      (second) => withExtensions(second, { others: [{ code: 0x4a4a, data: fromHex('00') }] }),
    ],
    [
      'other content of an unknown one',
      (second) => withExtensions(second, { others: [{ code: 0x3a3a, data: fromHex('01') }] }),
    ],
    ['no unknown extension', (second) => withExtensions(second, { others: [] })],
    ['an added extension', (second) => withExtensions(second, { post_handshake_auth: true })],
    [
      'its extensions in another order',
      (second) => withExtensions(second, { order: [51, 0x3a3a, 43, 10, 13, 50, 16, 28, 45, 58, 0] }),
    ],
  ])('with %s is an illegal_parameter', (_, edit) => {
    expect(changed(edit)).toBe('illegal_parameter');
  });

  it('with another legacy_version is a protocol_version', () => {
    expect(changed((second) => ({ ...second, legacyVersion: 0x0302 }))).toBe('protocol_version');
  });

  it.each<[string, Partial<ClientHelloExtensions>]>([
    ['two key shares', { key_share: [share, { group: 0x001d, keyExchange: new Uint8Array(32).fill(9) }] }],
    ['no key share', { key_share: [] }],
    // A point of P-256, so that nothing but the code of its group is wrong.
    ['a share of another group', { key_share: [{ ...share, group: 0x0018 }] }],
    ['a cookie that was not given', { cookie: fromHex('aa') }],
    ['early_data', { early_data: true }],
  ])('with %s is an illegal_parameter', (_, extensions) => {
    expect(changed((second) => withExtensions(second, extensions))).toBe('illegal_parameter');
  });

  it('may have padding, more or less of it, or none any more', () => {
    const padded = withExtensions(firstHello(), { padding: new Uint8Array(9) });
    const bytes = encodeClientHello(padded);
    for (const padding of [new Uint8Array(0), new Uint8Array(200), undefined]) {
      const second = encodeClientHello(withExtensions(secondHello(padded), { padding }));
      expect(verdict(bytes, () => second)).toBe('accepted');
    }
    expect(changed((second) => withExtensions(second, { padding: new Uint8Array(5) }))).toBe('accepted');
  });

  it('drops the early_data of the first', () => {
    const first = withExtensions(firstHello(), { early_data: true });
    const second = withExtensions(secondHello(first), { early_data: undefined });
    expect(verdict(encodeClientHello(first), () => encodeClientHello(second))).toBe('accepted');
  });

  it('with a message behind it in its record is an unexpected_message', () => {
    const first = firstHello();
    const second = encodeClientHello(secondHello(first));
    expect(verdict(encodeClientHello(first), () => Uint8Array.of(...second, 20))).toBe('unexpected_message');
  });
});

describe('PSKs across a HelloRetryRequest', () => {
  let sessions: readonly Tls13ClientSession[];

  beforeAll(async () => {
    ({ sessions } = connect(clientEndpoint(clientConfig({ groups: ['secp256r1'] })), serverOf(config)));
    expect(sessions.length).toBe(2);
  });

  function withPsks(
    offered: readonly number[],
    again: readonly number[],
    transcript: 'whole' | 'second alone',
  ): string {
    const first = firstHello();
    const psks = (indices: readonly number[]): { session: Tls13ClientSession }[] =>
      indices.map((index) => ({ session: sessions[index] as Tls13ClientSession }));
    const bytes = offered.length > 0 ? helloWithPsks(first, psks(offered)) : encodeClientHello(first);
    return verdict(bytes, (retry) =>
      helloWithPsks(secondHello(first), psks(again), (hash) =>
        transcript === 'whole' ? retriedTranscript(hash, bytes, retry) : new Uint8Array(0),
      ),
    );
  }

  it('are found again in the second ClientHello, which is resumed', async () => {
    const settings = clientConfig();
    connect(clientOf(settings), serverOf(config));
    const client: Endpoint = clientOf(settings);
    const server = serverOf(config);
    expect(outcomeOf(client, server)).toEqual(bothDone);
    expect(client.info).toMatchObject({ resumed: true, helloRetryRequest: true });
    expect(server.info).toMatchObject({ resumed: true, helloRetryRequest: true });
  });

  it('have a binder over ClientHello1, HelloRetryRequest and ClientHello2', () => {
    expect(withPsks([0], [0], 'whole')).toBe('accepted');
    expect(withPsks([0], [0], 'second alone')).toBe('decrypt_error');
  });

  it('may become fewer', () => {
    expect(withPsks([0, 1], [1], 'whole')).toBe('accepted');
    expect(withPsks([0, 1], [0], 'whole')).toBe('accepted');
  });

  it('may not become others, more, or stand in another order', () => {
    expect(withPsks([0], [1], 'whole')).toBe('illegal_parameter');
    expect(withPsks([0], [0, 1], 'whole')).toBe('illegal_parameter');
    expect(withPsks([0, 1], [1, 0], 'whole')).toBe('illegal_parameter');
    expect(withPsks([0], [0, 0], 'whole')).toBe('illegal_parameter');
  });

  it('may not be added', () => {
    expect(withPsks([], [0], 'whole')).toBe('illegal_parameter');
  });

  it('may be gone: the handshake is a full one then', () => {
    const first = firstHello();
    const bytes = helloWithPsks(first, [{ session: sessions[0] as Tls13ClientSession }]);
    expect(verdict(bytes, () => encodeClientHello(secondHello(first)))).toBe('accepted');
  });
});
