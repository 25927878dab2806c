import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes } from '../../src/base/bytes.ts';
import { decodeServerHello } from '../../src/wire/hello.ts';
import {
  decodeCertificateStatus,
  decodeClientKeyExchange,
  decodeServerHelloDone,
  decodeServerKeyExchange,
  decodeTls12Certificate,
  decodeTls12CertificateRequest,
  decodeTls12NewSessionTicket,
  encodeCertificateStatus,
  encodeClientKeyExchange,
  encodeServerHelloDone,
  encodeServerKeyExchange,
  encodeServerParams,
  encodeTls12Certificate,
  encodeTls12CertificateRequest,
  encodeTls12NewSessionTicket,
  encodeTls12ServerHello,
} from '../../src/wire/tls12-messages.ts';
import { fromHex } from '../support/hex.ts';

const runs = { seed: 20261127, numRuns: 100 };
const decodeError = expect.objectContaining({ alert: 'decode_error' });
const illegalParameter = expect.objectContaining({ alert: 'illegal_parameter' });

const uint8 = fc.nat(0xff);
const uint16 = fc.nat(0xffff);

function bytes(minLength: number, maxLength: number): fc.Arbitrary<Uint8Array> {
  return fc.uint8Array({ minLength, maxLength });
}

const codes = fc.array(uint16, { minLength: 1, maxLength: 20 });

/** A message's body, its type and its bytes that follow from a value. */
type Row = readonly [
  name: string,
  type: number,
  values: fc.Arbitrary<unknown>,
  encode: (value: never) => Uint8Array,
  decode: (body: Uint8Array) => unknown,
];

const serverKeyExchange = fc
  .record({ group: uint16, publicValue: bytes(1, 255), algorithm: uint16, signature: bytes(0, 300) })
  .map((value) => ({ ...value, params: encodeServerParams(value.group, value.publicValue) }));

const certificateRequest = fc.record({
  certificateTypes: fc.array(uint8, { minLength: 1, maxLength: 5 }),
  signatureSchemes: codes,
  certificateAuthorities: fc.array(bytes(1, 50), { maxLength: 4 }),
});

const newSessionTicket = fc.record({ lifetimeHint: fc.nat(0xffffffff), ticket: bytes(0, 300) });

const rows: readonly Row[] = [
  [
    'Certificate',
    11,
    fc.array(bytes(1, 100), { maxLength: 5 }),
    encodeTls12Certificate,
    decodeTls12Certificate,
  ],
  ['CertificateStatus', 22, bytes(1, 300), encodeCertificateStatus, decodeCertificateStatus],
  ['ServerKeyExchange', 12, serverKeyExchange, encodeServerKeyExchange, decodeServerKeyExchange],
  [
    'CertificateRequest',
    13,
    certificateRequest,
    encodeTls12CertificateRequest,
    decodeTls12CertificateRequest,
  ],
  ['ServerHelloDone', 14, fc.constant(undefined), encodeServerHelloDone, decodeServerHelloDone],
  ['ClientKeyExchange', 16, bytes(1, 255), encodeClientKeyExchange, decodeClientKeyExchange],
  ['NewSessionTicket', 4, newSessionTicket, encodeTls12NewSessionTicket, decodeTls12NewSessionTicket],
];

describe.each(rows)('%s', (_name, type, values, encode, decode) => {
  it('comes back as it was encoded', () => {
    fc.assert(
      fc.property(values, (value) => {
        const message = encode(value as never);
        expect(message[0]).toBe(type);
        expect(decode(message.subarray(4))).toEqual(value);
      }),
      runs,
    );
  });

  it('that is longer or cut anywhere is a decode_error', () => {
    const [value] = fc.sample(values, { seed: 1, numRuns: 1 });
    const body = encode(value as never).subarray(4);
    expect(() => decode(concatBytes(body, Uint8Array.of(0)))).toThrow(decodeError);
    for (let length = 0; length < body.length; length++)
      expect(() => decode(body.subarray(0, length)), `${length} bytes`).toThrow(decodeError);
  });
});

describe('the bytes', () => {
  it.each([
    [
      'Certificate',
      encodeTls12Certificate([fromHex('aabb'), fromHex('cc')]),
      '0b00000c 000009 000002aabb 000001cc',
    ],
    ['an empty Certificate', encodeTls12Certificate([]), '0b000003 000000'],
    ['CertificateStatus', encodeCertificateStatus(fromHex('3000')), '16000006 01 000002 3000'],
    ['params', encodeServerParams(0x1d, fromHex('0102')), '03 001d 02 0102'],
    [
      'ServerKeyExchange',
      encodeServerKeyExchange({
        params: fromHex('03 001d 01 aa'),
        algorithm: 0x0403,
        signature: fromHex('bb'),
      }),
      '0c00000a 03001d01aa 0403 0001bb',
    ],
    [
      'CertificateRequest',
      encodeTls12CertificateRequest({
        certificateTypes: [1, 64],
        signatureSchemes: [0x0403],
        certificateAuthorities: [fromHex('3000')],
      }),
      '0d00000d 020140 00020403 000400023000',
    ],
    ['ServerHelloDone', encodeServerHelloDone(), '0e000000'],
    ['ClientKeyExchange', encodeClientKeyExchange(fromHex('aabb')), '10000003 02aabb'],
    [
      'NewSessionTicket',
      encodeTls12NewSessionTicket({ lifetimeHint: 7200, ticket: fromHex('aabb') }),
      '04000008 00001c20 0002aabb',
    ],
  ])('of %s are those of the RFCs', (_name, encoded, expected) => {
    expect(encoded).toEqual(fromHex(expected));
  });
});

describe('what the syntax forbids', () => {
  it.each<[string, (body: Uint8Array) => unknown, string]>([
    ['an empty certificate in a chain', decodeTls12Certificate, '000003 000000'],
    ['a chain that runs over the message', decodeTls12Certificate, '000005 000001aa'],
    ['an empty OCSP response', decodeCertificateStatus, '01 000000'],
    ['an empty public value of the server', decodeServerKeyExchange, '03 001d 00 0403 0001aa'],
    ['an empty public value of the client', decodeClientKeyExchange, '00'],
    ['a request for no type of certificate', decodeTls12CertificateRequest, '00 00020403 0000'],
    ['a request with no signature scheme', decodeTls12CertificateRequest, '0140 0000 0000'],
    ['a request with half a signature scheme', decodeTls12CertificateRequest, '0140 0003040304 0000'],
    ['a request with an empty name', decodeTls12CertificateRequest, '0140 00020403 00020000'],
  ])('%s: decode_error', (_name, decode, hex) => {
    expect(() => decode(fromHex(hex))).toThrow(decodeError);
  });

  it('a status of another type than OCSP: illegal_parameter', () => {
    expect(() => decodeCertificateStatus(fromHex('02 000001 aa'))).toThrow(illegalParameter);
  });

  it.each([1, 2, 0, 4, 248])('a curve of type %i, which is no named one: illegal_parameter', (curveType) => {
    const body = concatBytes(Uint8Array.of(curveType), fromHex('001d 01aa 0403 0001bb'));
    expect(() => decodeServerKeyExchange(body)).toThrow(illegalParameter);
  });

  it('more certificates than anybody reads: bad_certificate', () => {
    const chain = (count: number): Uint8Array =>
      encodeTls12Certificate(Array.from({ length: count }, () => fromHex('30'))).subarray(4);
    expect(decodeTls12Certificate(chain(100))).toHaveLength(100);
    expect(() => decodeTls12Certificate(chain(101))).toThrow(
      expect.objectContaining({ alert: 'bad_certificate' }),
    );
  });

  it('more authorities than anybody has: illegal_parameter', () => {
    const request = (count: number): Uint8Array =>
      encodeTls12CertificateRequest({
        certificateTypes: [64],
        signatureSchemes: [0x0403],
        certificateAuthorities: Array.from({ length: count }, () => fromHex('3000')),
      }).subarray(4);
    expect(decodeTls12CertificateRequest(request(2_048)).certificateAuthorities).toHaveLength(2_048);
    expect(() => decodeTls12CertificateRequest(request(2_049))).toThrow(illegalParameter);
  });
});

it('the params of a ServerKeyExchange are its very bytes, which are signed', () => {
  const body = fromHex('03 0017 03 040506 0804 0002 aabb');
  expect(decodeServerKeyExchange(body)).toEqual({
    group: 0x17,
    publicValue: fromHex('040506'),
    params: fromHex('03 0017 03 040506'),
    algorithm: 0x0804,
    signature: fromHex('aabb'),
  });
});

describe('ServerHello of TLS 1.2', () => {
  const flag = fc.constant(true as const);
  const known = fc.record(
    {
      server_name: flag,
      max_fragment_length: uint8,
      status_request: flag,
      ec_point_formats: fc.array(uint8, { minLength: 1, maxLength: 4 }),
      application_layer_protocol_negotiation: fc.constantFrom('h2', 'http/1.1', '\xff'),
      client_certificate_type: uint8,
      server_certificate_type: uint8,
      extended_master_secret: flag,
      record_size_limit: fc.integer({ min: 64, max: 0xffff }),
      session_ticket: flag,
      renegotiation_info: bytes(0, 255),
    },
    { requiredKeys: [] },
  );
  const hello = fc.record({
    kind: fc.constant('Tls12ServerHello' as const),
    version: uint16,
    // The first byte keeps it from being that of a HelloRetryRequest.
    random: bytes(31, 31).map((rest) => concatBytes(Uint8Array.of(0), rest)),
    sessionId: bytes(0, 32),
    cipherSuite: uint16,
    compressionMethod: uint8,
    extensions: known,
  });

  it('comes back as it was encoded, in the order of its extensions', () => {
    fc.assert(
      fc.property(hello, (value) => {
        const message = encodeTls12ServerHello(value);
        const decoded = decodeServerHello(message.subarray(4));
        if (decoded.kind !== 'Tls12ServerHello') throw new Error(`it came back as a ${decoded.kind}`);
        const { order, others, ...extensions } = decoded.extensions;
        expect({ ...decoded, extensions }).toEqual(value);
        expect(order).toHaveLength(Object.keys(value.extensions).length);
        expect(others).toEqual([]);
        expect(encodeTls12ServerHello(decoded)).toEqual(message);
      }),
      runs,
    );
  });

  it('with a random value like that of a HelloRetryRequest is none', () => {
    const retry = fromHex('cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c');
    const message = encodeTls12ServerHello({
      kind: 'Tls12ServerHello',
      version: 0x0303,
      random: retry,
      sessionId: new Uint8Array(0),
      cipherSuite: 0xc02b,
      compressionMethod: 0,
      extensions: {},
    });
    expect(() => decodeServerHello(message.subarray(4))).toThrow(
      expect.objectContaining({ alert: 'missing_extension' }),
    );
  });
});
