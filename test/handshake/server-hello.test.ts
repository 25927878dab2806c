import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import {
  type ClientHello,
  encodeServerHello,
  type ServerHello,
  type ServerHelloExtensions,
} from '../../src/wire/hello.ts';
import { clientConfig, clientEndpoint, serverConfig } from '../support/engine.ts';
import { altering, bothDone, outcomeOf, refusedByClient, serverOf } from '../support/handshake.ts';
import { answeringServer } from '../support/hello.ts';
import { fromHex } from '../support/hex.ts';

/** A ServerHello that answers well, but for `fields` and `extensions`. */
function answer(
  fields: Partial<ServerHello>,
  extensions: ServerHelloExtensions = {},
): (hello: ClientHello) => Uint8Array {
  return (hello) =>
    encodeServerHello({
      kind: 'ServerHello',
      legacyVersion: 0x0303,
      random: nodeCrypto.randomBytes(32),
      legacySessionIdEcho: hello.legacySessionId,
      cipherSuite: 0x1301,
      legacyCompressionMethod: 0,
      ...fields,
      extensions: {
        supported_versions: 0x0304,
        key_share: { group: 0x001d, keyExchange: nodeCrypto.initiateKeyExchange('x25519').publicValue },
        ...extensions,
      },
    });
}

async function refusal(
  fields: Partial<ServerHello>,
  extensions: ServerHelloExtensions = {},
  settings: Parameters<typeof clientConfig>[0] = {},
): Promise<ReturnType<typeof outcomeOf>> {
  const server = answeringServer(await serverConfig(), answer(fields, extensions));
  return outcomeOf(clientEndpoint(clientConfig(settings)), server);
}

describe('a client refuses a ServerHello', () => {
  it.each([0x0301, 0x0302, 0x0304])('with legacy_version %i: protocol_version', async (legacyVersion) => {
    expect(await refusal({ legacyVersion })).toEqual(refusedByClient('protocol_version'));
  });

  it.each([
    ['another one', new Uint8Array(32)],
    ['an empty one', new Uint8Array(0)],
    ['a shorter one', new Uint8Array(31)],
  ])('that echoes %s than the session id: illegal_parameter', async (_, legacySessionIdEcho) => {
    expect(await refusal({ legacySessionIdEcho })).toEqual(refusedByClient('illegal_parameter'));
  });

  it('that has a session id where none was sent: illegal_parameter', async () => {
    const refused = await refusal(
      { legacySessionIdEcho: new Uint8Array(32) },
      {},
      { compatibilityMode: false },
    );
    expect(refused).toEqual(refusedByClient('illegal_parameter'));
  });

  it.each([
    ['unknown', 0x1304],
    ['of TLS 1.2', 0xc02f],
    ['GREASE', 0x3a3a],
    ['known, but not offered', 0x1302],
  ])('with a cipher suite that is %s: illegal_parameter', async (_, cipherSuite) => {
    const refused = await refusal({ cipherSuite }, {}, { cipherSuites: ['TLS_AES_128_GCM_SHA256'] });
    expect(refused).toEqual(refusedByClient('illegal_parameter'));
  });

  it('with compression: illegal_parameter', async () => {
    expect(await refusal({ legacyCompressionMethod: 1 })).toEqual(refusedByClient('illegal_parameter'));
  });

  it.each([0x0303, 0x0302, 0x0305, 0x7f1c])('that selects version %i: illegal_parameter', async (version) => {
    expect(await refusal({}, { supported_versions: version })).toEqual(refusedByClient('illegal_parameter'));
  });

  it('of TLS 1.2, where 1.3 alone is spoken: protocol_version, whatever its fields say', async () => {
    const older = { supported_versions: undefined, key_share: undefined };
    const tls13Only = { minVersion: 'TLSv1.3' } as const;
    expect(await refusal({}, older, tls13Only)).toEqual(refusedByClient('protocol_version'));
    expect(await refusal({ cipherSuite: 0xc02f, legacyCompressionMethod: 1 }, older, tls13Only)).toEqual(
      refusedByClient('protocol_version'),
    );
  });

  it('of TLS 1.2 with what belongs to 1.3 in it: illegal_parameter', async () => {
    const older = { supported_versions: undefined };
    expect(await refusal({ cipherSuite: 0xc02b }, older)).toEqual(refusedByClient('illegal_parameter'));
    expect(await refusal({ cipherSuite: 0x1301 }, { ...older, key_share: undefined })).toEqual(
      refusedByClient('illegal_parameter'),
    );
  });

  it('without key_share: missing_extension', async () => {
    expect(await refusal({}, { key_share: undefined })).toEqual(refusedByClient('missing_extension'));
  });

  it.each([
    ['a group that was not offered', 0x001e, 56],
    ['a group without a share of ours', 0x0017, 65],
    ['GREASE', 0x3a3a, 1],
  ])('with a key share of %s: illegal_parameter', async (_, group, length) => {
    const key_share = { group, keyExchange: new Uint8Array(length).fill(4) };
    expect(await refusal({}, { key_share })).toEqual(refusedByClient('illegal_parameter'));
  });

  it.each([
    ['too short', new Uint8Array(31).fill(9)],
    ['of low order', new Uint8Array(32)],
  ])('with a key share that is %s: illegal_parameter', async (_, keyExchange) => {
    const key_share = { group: 0x001d, keyExchange };
    expect(await refusal({}, { key_share })).toEqual(refusedByClient('illegal_parameter'));
  });

  it('never where it is well', async () => {
    expect((await refusal({})).client).toBe('waiting');
  });

  it('with pre_shared_key where none was offered: unsupported_extension', async () => {
    expect(await refusal({}, { pre_shared_key: 0 })).toEqual(refusedByClient('unsupported_extension'));
  });

  it('with an extension that it does not know: unsupported_extension', async () => {
    const others = [{ code: 0x3a3a, data: fromHex('00') }];
    expect(await refusal({}, { others })).toEqual(refusedByClient('unsupported_extension'));
  });

  it('with an extension that belongs into EncryptedExtensions: illegal_parameter', async () => {
    const alpn = { code: 16, data: fromHex('0003 02 6832') };
    expect(await refusal({}, { others: [alpn] })).toEqual(refusedByClient('illegal_parameter'));
  });

  it('with a message behind it in its record: unexpected_message', async () => {
    const through = altering('server_hello', (message) => Uint8Array.of(...message, 8, 0, 0, 2, 0, 0));
    const client = clientEndpoint(clientConfig());
    expect(outcomeOf(client, serverOf(await serverConfig(), through)).client).toBe('unexpected_message');
  });
});

describe('what a server answers', () => {
  it.each(['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'] as const)(
    'is %s where it prefers that, whatever the client prefers',
    async (suite) => {
      const client = clientEndpoint(clientConfig());
      const server = serverOf(await serverConfig({ cipherSuites: [suite] }));
      expect(outcomeOf(client, server)).toEqual(bothDone);
      expect([client.info.cipherSuite, server.info.cipherSuite]).toEqual([suite, suite]);
    },
  );

  it.each(['x25519', 'secp256r1', 'secp384r1', 'secp521r1'] as const)(
    'is a key share of %s',
    async (group) => {
      const client = clientEndpoint(clientConfig({ groups: [group] }));
      const server = serverOf(await serverConfig());
      expect(outcomeOf(client, server)).toEqual(bothDone);
      expect([client.info.group, server.info.group]).toEqual([group, group]);
      expect(client.info.helloRetryRequest).toBe(false);
    },
  );

  it('takes a group that it has a share of before one that it prefers', async () => {
    const client = clientEndpoint(clientConfig({ keyShares: ['secp256r1'] }));
    const server = serverOf(await serverConfig({ groups: ['x25519', 'secp256r1'] }));
    expect(outcomeOf(client, server)).toEqual(bothDone);
    expect([client.info.group, client.info.helloRetryRequest]).toEqual(['secp256r1', false]);
  });
});
