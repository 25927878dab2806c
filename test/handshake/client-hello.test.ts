import { describe, expect, it } from 'vitest';
import type { ServerSettings } from '../../src/connection/config.ts';
import { type ClientHello, decodeClientHello, encodeClientHello } from '../../src/wire/hello.ts';
import { clientConfig, clientEndpoint, serverConfig } from '../support/engine.ts';
import { bothDone, outcomeOf, plaintextMessage, plaintextRefusal, serverOf } from '../support/handshake.ts';
import { clientWithHello, helloOf, helloWith, newHello } from '../support/hello.ts';
import { fromHex } from '../support/hex.ts';

/** The alert that a server sends, in the clear, to this ClientHello. */
async function refusal(hello: Uint8Array, settings: Partial<ServerSettings> = {}): Promise<string> {
  const server = serverOf(await serverConfig(settings));
  return plaintextRefusal(server, server.receive(plaintextMessage(hello)));
}

function encodeWith(fields: Partial<ClientHello>): Uint8Array {
  return encodeClientHello({ ...newHello().hello, ...fields });
}

const tls13Only = { minVersion: 'TLSv1.3' } as const;
const x25519Share = { group: 0x001d, keyExchange: new Uint8Array(32).fill(9) };
const binder = new Uint8Array(32);
const unknownPsk = { identities: [{ identity: fromHex('00'), obfuscatedTicketAge: 0 }], binders: [binder] };

describe('a server refuses a ClientHello', () => {
  it.each([0x0301, 0x0302, 0x0304, 0x0300])(
    'with legacy_version %i: protocol_version',
    async (legacyVersion) => {
      expect(await refusal(encodeWith({ legacyVersion }))).toBe('protocol_version');
    },
  );

  it.each([
    ['deflate beside null', '0001'],
    ['only deflate', '01'],
    ['null twice', '0000'],
  ])('that offers compression (%s): illegal_parameter', async (_, methods) => {
    expect(await refusal(encodeWith({ legacyCompressionMethods: fromHex(methods) }))).toBe(
      'illegal_parameter',
    );
  });

  it('without supported_versions, where 1.3 alone is spoken: protocol_version, also where legacy_version says 1.3', async () => {
    expect(await refusal(helloWith({ supported_versions: undefined }), tls13Only)).toBe('protocol_version');
    const { hello } = newHello();
    const extensions = { ...hello.extensions, supported_versions: undefined };
    expect(await refusal(encodeWith({ legacyVersion: 0x0304, extensions }), tls13Only)).toBe(
      'protocol_version',
    );
  });

  it('without any extensions: protocol_version where 1.3 alone is spoken, and else no signature to agree on', async () => {
    const hello = encodeWith({ extensions: {} });
    expect(await refusal(hello, tls13Only)).toBe('protocol_version');
    expect(await refusal(hello)).toBe('handshake_failure');
  });

  it.each([[[0x0303]], [[0x0303, 0x0302]], [[0x7f1c, 0x3a3a]]])(
    'whose supported_versions %j lack 1.3, where that alone is spoken: protocol_version',
    async (supported_versions) => {
      expect(await refusal(helloWith({ supported_versions }), tls13Only)).toBe('protocol_version');
    },
  );

  it.each([[[0x7f1c, 0x3a3a]], [[0x0302, 0x0301]]])(
    'whose supported_versions %j have neither version, whatever legacy_version says: protocol_version',
    async (supported_versions) => {
      expect(await refusal(helloWith({ supported_versions }))).toBe('protocol_version');
    },
  );

  it('without a cipher suite of ours: handshake_failure', async () => {
    expect(await refusal(encodeWith({ cipherSuites: [0x1304, 0xc02f, 0x3a3a] }))).toBe('handshake_failure');
  });

  it('without a group of ours: handshake_failure', async () => {
    const extensions = { supported_groups: [0x001e, 0x3a3a], key_share: [] };
    expect(await refusal(helloWith(extensions))).toBe('handshake_failure');
  });

  it('without a signature scheme of the key: handshake_failure', async () => {
    expect(await refusal(helloWith({ signature_algorithms: [0x0403, 0x0401] }))).toBe('handshake_failure');
  });

  it('with two key shares of a group: illegal_parameter', async () => {
    const { key_share: [share] = [] } = newHello().hello.extensions;
    expect(await refusal(helloWith({ key_share: share ? [share, share] : [] }))).toBe('illegal_parameter');
    const grease = { group: 0x3a3a, keyExchange: fromHex('00') };
    const supported_groups = [0x3a3a, 0x001d];
    expect(await refusal(helloWith({ supported_groups, key_share: [grease, grease] }))).toBe(
      'illegal_parameter',
    );
  });

  it('with a key share of a group that it does not list: illegal_parameter', async () => {
    expect(await refusal(helloWith({ supported_groups: [0x0017], key_share: [x25519Share] }))).toBe(
      'illegal_parameter',
    );
  });

  it.each([
    ['too short', { group: 0x001d, keyExchange: new Uint8Array(31).fill(9) }],
    ['too long', { group: 0x001d, keyExchange: new Uint8Array(33).fill(9) }],
    ['of low order', { group: 0x001d, keyExchange: new Uint8Array(32) }],
    ['off the curve', { group: 0x0017, keyExchange: new Uint8Array(65).fill(4) }],
    ['compressed', { group: 0x0017, keyExchange: Uint8Array.of(2, ...new Uint8Array(32).fill(9)) }],
  ])('with a key share that is %s: illegal_parameter', async (_, share) => {
    expect(await refusal(helloWith({ key_share: [share] }))).toBe('illegal_parameter');
  });

  it('with a message behind it in its record: unexpected_message', async () => {
    const hello = encodeClientHello(newHello().hello);
    expect(await refusal(Uint8Array.of(...hello, 20))).toBe('unexpected_message');
    expect(await refusal(Uint8Array.of(...hello, ...hello))).toBe('unexpected_message');
  });
});

describe('the matrix of missing extensions (RFC 9846 §9.2)', () => {
  const noPsk = { pre_shared_key: undefined, psk_key_exchange_modes: undefined };
  const psk = { pre_shared_key: unknownPsk, psk_key_exchange_modes: [1] };
  const noGroups = { supported_groups: undefined, key_share: undefined };

  it.each([
    ['no PSK, no signature_algorithms', { ...noPsk, signature_algorithms: undefined }],
    ['no PSK, no supported_groups, no key_share', { ...noPsk, ...noGroups }],
    ['no PSK, key_share without supported_groups', { ...noPsk, supported_groups: undefined }],
    ['no PSK, supported_groups without key_share', { ...noPsk, key_share: undefined }],
    ['a PSK, key_share without supported_groups', { ...psk, supported_groups: undefined }],
    ['a PSK, supported_groups without key_share', { ...psk, key_share: undefined }],
    ['a PSK without psk_key_exchange_modes', { ...psk, psk_key_exchange_modes: undefined }],
    ['a PSK that is not taken, no signature_algorithms', { ...psk, signature_algorithms: undefined }],
    ['a PSK alone, which we do not do', { ...psk, ...noGroups, psk_key_exchange_modes: [0] }],
  ])('%s: missing_extension', async (_, extensions) => {
    expect(await refusal(helloWith(extensions))).toBe('missing_extension');
  });

  it.each([
    ['no signature_algorithms_cert', { signature_algorithms_cert: undefined }],
    ['no psk_key_exchange_modes', { psk_key_exchange_modes: undefined }],
    ['no server_name', { server_name: undefined }],
    ['no record_size_limit', { record_size_limit: undefined }],
  ])('%s: nothing is missing', async (_, extensions) => {
    const client = clientWithHello(clientConfig(), (hello) => ({
      ...hello,
      extensions: { ...hello.extensions, ...extensions },
    }));
    expect(outcomeOf(client, serverOf(await serverConfig()))).toEqual(bothDone);
  });

  it('an empty key_share is none that is missing: the server asks for one', async () => {
    const client = clientEndpoint(clientConfig({ keyShares: [] }));
    expect(outcomeOf(client, serverOf(await serverConfig()))).toEqual(bothDone);
    expect(client.info.helloRetryRequest).toBe(true);
  });
});

describe('our own ClientHello', () => {
  it('says TLS 1.2 in legacy_version, offers 1.3 and then 1.2, no compression, and a session id of 32 bytes', () => {
    const hello = helloOf(clientEndpoint(clientConfig()));
    expect(hello.legacyVersion).toBe(0x0303);
    expect(hello.extensions.supported_versions).toEqual([0x0304, 0x0303]);
    expect(hello.legacyCompressionMethods).toEqual(fromHex('00'));
    expect(hello.legacySessionId.length).toBe(32);
  });

  it('has no session id outside of the compatibility mode', async () => {
    const client = clientEndpoint(clientConfig({ compatibilityMode: false }));
    expect(helloOf(client).legacySessionId.length).toBe(0);
    expect(outcomeOf(client, serverOf(await serverConfig()))).toEqual(bothDone);
  });

  it('has all extensions that §9.2 asks for, and none that only the second or the server may send', () => {
    const { extensions } = helloOf(clientEndpoint(clientConfig()));
    const { signature_algorithms, supported_groups, key_share, cookie, early_data, pre_shared_key } =
      extensions;
    // PKCS#1 is for TLS 1.2 alone, and comes last.
    expect(signature_algorithms?.slice(-3)).toEqual([0x0401, 0x0501, 0x0601]);
    expect(supported_groups).toEqual([0x001d, 0x0017, 0x0018, 0x0019]);
    expect(key_share?.map(({ group }) => group)).toEqual([0x001d]);
    expect([cookie, early_data, pre_shared_key]).toEqual([undefined, undefined, undefined]);
  });

  it('has nothing of TLS 1.2 where 1.3 alone is spoken', () => {
    const hello = helloOf(clientEndpoint(clientConfig(tls13Only)));
    expect(hello.cipherSuites).toEqual([0x1301, 0x1302, 0x1303]);
    expect(hello.extensions.supported_versions).toEqual([0x0304]);
    for (const scheme of [0x0401, 0x0501, 0x0601])
      expect(hello.extensions.signature_algorithms).not.toContain(scheme);
    expect(hello.extensions.order).toEqual([0, 43, 10, 13, 50, 28, 45, 51]);
  });

  it('has key shares in the order of its groups', () => {
    const client = clientEndpoint(clientConfig({ keyShares: ['secp384r1', 'x25519', 'secp256r1'] }));
    expect(helloOf(client).extensions.key_share?.map(({ group }) => group)).toEqual([0x001d, 0x0017, 0x0018]);
  });

  it('is decoded from the first record as it was sent', () => {
    const client = clientEndpoint(clientConfig());
    const { output } = client.turn();
    expect(encodeClientHello(decodeClientHello(output.subarray(9)))).toEqual(output.subarray(5));
  });
});
