import { describe, expect, it } from 'vitest';
import { decodeClientHello, decodeServerHello } from '../../src/wire/hello.ts';
import { fromHex } from '../support/hex.ts';
import {
  clientHelloBody,
  extensionBlock,
  messageBodies,
  retryRandom,
  serverHelloBody,
} from '../support/messages.ts';

const none = new Uint8Array(0);
const decodeError = expect.objectContaining({ alert: 'decode_error' });
const illegalParameter = expect.objectContaining({ alert: 'illegal_parameter' });
const version13 = [43, fromHex('0304')] as const;
const random = new Uint8Array(32).fill(1);

/** pre_shared_key with so many identities, and binders of these lengths. */
function psks(identities: number, ...binders: readonly number[]): Uint8Array {
  const identityList = '000161 00000000'.repeat(identities);
  const binderList = binders
    .map((length) => length.toString(16).padStart(2, '0') + 'bb'.repeat(length))
    .join('');
  const size = (hex: string): string => (hex.replace(/ /g, '').length / 2).toString(16).padStart(4, '0');
  return fromHex(size(identityList) + identityList + size(binderList) + binderList);
}

function extensionsOf(...extensions: Parameters<typeof extensionBlock>[0]): Record<string, unknown> {
  return decodeClientHello(clientHelloBody(extensionBlock(extensions))).extensions as Record<string, unknown>;
}

describe('ClientHello', () => {
  it('may end without extensions, as versions before 1.3 allow', () => {
    const hello = decodeClientHello(clientHelloBody(none, { extensions: none }));
    expect(hello.extensions).toEqual({ order: [], others: [] });
  });

  it('keeps unknown values of every list, GREASE included', () => {
    const hello = decodeClientHello(
      clientHelloBody(
        extensionBlock([
          [10, fromHex('0004 3a3a 001d')],
          [13, fromHex('0004 3a3a 0403')],
          [43, fromHex('04 3a3a 0304')],
          [45, fromHex('03 0b 01 2a')],
          [51, fromHex('0005 3a3a 0001 00')],
        ]),
        { cipherSuites: fromHex('0004 3a3a 1301') },
      ),
    );
    expect(hello.cipherSuites).toEqual([0x3a3a, 0x1301]);
    expect(hello.extensions).toMatchObject({
      supported_groups: [0x3a3a, 0x001d],
      signature_algorithms: [0x3a3a, 0x0403],
      supported_versions: [0x3a3a, 0x0304],
      psk_key_exchange_modes: [0x0b, 1, 0x2a],
      key_share: [{ group: 0x3a3a, keyExchange: fromHex('00') }],
    });
  });

  it.each([
    ['a legacy_session_id of 33 bytes', { sessionId: fromHex(`21${'00'.repeat(33)}`) }],
    ['no cipher suites', { cipherSuites: fromHex('0000') }],
    ['half a cipher suite', { cipherSuites: fromHex('0003 1301 13') }],
    ['no compression method', { compression: fromHex('00') }],
    ['half an extension length', { extensions: fromHex('00') }],
    ['bytes behind its extensions', { extensions: fromHex('0000 00') }],
    ['an extension block that ends early', { extensions: fromHex('0005 0000 0000') }],
    ['a cut random value', { random: new Uint8Array(31), extensions: none }],
  ])('with %s is a decode_error', (_, fields) => {
    expect(() => decodeClientHello(clientHelloBody(none, fields))).toThrow(decodeError);
  });

  it.each([
    ['an empty server name list', 0, '0000'],
    ['an empty host name', 0, '0003 00 0000'],
    ['a name that is no host_name', 0, '0004 01 0001 61'],
    ['a host name and one that is none', 0, '0008 00 0001 61 01 0001 62'],
    ['a host name and half another one', 0, '0007 00 0001 61 00 0001'],
    ['an empty supported_groups', 10, '0000'],
    ['an empty signature_algorithms', 13, '0000'],
    ['an empty ALPN list', 16, '0000'],
    ['an empty ALPN protocol name', 16, '0003 00 0161'],
    ['an empty supported_versions', 43, '00'],
    ['half a supported version', 43, '03 0304 03'],
    ['an empty cookie', 44, '0000'],
    ['no psk_key_exchange_mode', 45, '00'],
    ['an empty distinguished name', 47, '0002 0000'],
    ['an empty key_exchange', 51, '0004 001d 0000'],
    ['half a key share', 51, '0002 001d'],
  ])('with %s is a decode_error', (_, code, data) => {
    expect(() => extensionsOf([code, fromHex(data)])).toThrow(decodeError);
  });

  it.each([
    ['a space', '20'],
    ['a NUL', '00'],
    ['a byte over 0x7e', 'e4'],
  ])('with a host name with %s in it is an illegal_parameter', (_, byte) => {
    expect(() => extensionsOf([0, fromHex(`0006 00 0003 61${byte}62`)])).toThrow(illegalParameter);
  });

  it.each([
    ['two host names', '0008 00 0001 61 00 0001 62'],
    ['the same host name twice', '0008 00 0001 61 00 0001 61'],
    ['a host name of 256 characters', `0103 00 0100 ${'61'.repeat(256)}`],
    ['one of 64 KiB', `fff0 00 ffed ${'61'.repeat(0xffed)}`],
  ])('with %s, which can be parsed, is an illegal_parameter (RFC 9846 §6)', (_, data) => {
    expect(() => extensionsOf([0, fromHex(data)])).toThrow(illegalParameter);
  });

  it('takes a host name of 255 characters', () => {
    expect(extensionsOf([0, fromHex(`0102 00 00ff ${'61'.repeat(255)}`)])['server_name']).toBe(
      'a'.repeat(255),
    );
  });

  it('keeps ALPN names as their bytes, whatever these are', () => {
    const { application_layer_protocol_negotiation: names } = extensionsOf([16, fromHex('0004 03 00ff61')]);
    expect(names).toEqual(['\0\xffa']);
  });

  it('with a record_size_limit under 64 is an illegal_parameter', () => {
    expect(() => extensionsOf([28, fromHex('003f')])).toThrow(illegalParameter);
    expect(extensionsOf([28, fromHex('0040')])['record_size_limit']).toBe(64);
  });

  it('with pre_shared_key not last is an illegal_parameter', () => {
    expect(() => extensionsOf([41, psks(1, 32)], [43, fromHex('02 0304')])).toThrow(illegalParameter);
    expect(() => extensionsOf([41, psks(1, 32)], [0x3a3a, none])).toThrow(illegalParameter);
    expect(extensionsOf([43, fromHex('02 0304')], [41, psks(1, 32)])['pre_shared_key']).toBeDefined();
  });

  it.each([
    ['more identities', psks(2, 32)],
    ['more binders', psks(1, 32, 32)],
  ])('with %s than the other list of pre_shared_key has is an illegal_parameter', (_, data) => {
    expect(() => extensionsOf([41, data])).toThrow(illegalParameter);
  });

  it.each([
    ['no identities', psks(0, 32)],
    ['no binders', psks(1)],
    ['a binder of 31 bytes', psks(1, 31)],
    ['an empty identity', fromHex(`0006 0000 00000000 0021 20 ${'bb'.repeat(32)}`)],
  ])('with %s in pre_shared_key is a decode_error', (_, data) => {
    expect(() => extensionsOf([41, data])).toThrow(decodeError);
  });
});

describe('ServerHello', () => {
  it('is a HelloRetryRequest by its random value alone', () => {
    expect(decodeServerHello(messageBodies.SH(extensionBlock([version13]))).kind).toBe('ServerHello');
    expect(decodeServerHello(messageBodies.HRR(extensionBlock([version13]))).kind).toBe('HelloRetryRequest');
    const almost = retryRandom.slice();
    almost[31] = 0;
    expect(decodeServerHello(serverHelloBody(almost, extensionBlock([version13]))).kind).toBe('ServerHello');
  });

  it('without supported_versions is of an older version, with extensions that 1.3 forbids there', () => {
    // renegotiation_info and server_name
    const older = extensionBlock([
      [0xff01, fromHex('00')],
      [0, none],
    ]);
    expect(decodeServerHello(serverHelloBody(random, older))).toEqual({
      kind: 'Tls12ServerHello',
      version: 0x0303,
      random,
      sessionId: none,
      cipherSuite: 0x1301,
      compressionMethod: 0,
      extensions: { renegotiation_info: none, server_name: true, order: [0xff01, 0], others: [] },
    });
    // A version before 1.2 is for the handshake to refuse.
    const fields = { legacyVersion: fromHex('0301'), extensions: none };
    expect(decodeServerHello(serverHelloBody(random, none, fields))).toMatchObject({
      kind: 'Tls12ServerHello',
      version: 0x0301,
      extensions: { order: [], others: [] },
    });
  });

  it('without supported_versions is a missing_extension in a HelloRetryRequest', () => {
    const body = messageBodies.HRR(extensionBlock([[51, fromHex('001d')]]));
    expect(() => decodeServerHello(body)).toThrow(expect.objectContaining({ alert: 'missing_extension' }));
  });

  it.each([
    ['a session id of 33 bytes', { sessionId: fromHex(`21${'00'.repeat(33)}`) }],
    ['bytes behind its extensions', { extensions: fromHex('0006 002b 0002 0304 00') }],
    ['extensions that end early', { extensions: fromHex('0006 002b 0002 03') }],
  ])('with %s is a decode_error', (_, fields) => {
    expect(() => decodeServerHello(serverHelloBody(random, none, fields))).toThrow(decodeError);
  });

  it('with an empty cookie is a decode_error in a HelloRetryRequest', () => {
    const body = messageBodies.HRR(extensionBlock([version13, [44, fromHex('0000')]]));
    expect(() => decodeServerHello(body)).toThrow(decodeError);
  });
});
