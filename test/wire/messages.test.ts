import { describe, expect, it } from 'vitest';
import { encodeMessage } from '../../src/wire/message.ts';
import {
  decodeCertificate,
  decodeCertificateRequest,
  decodeCertificateVerify,
  decodeEncryptedExtensions,
  decodeFinished,
  decodeKeyUpdate,
  decodeNewSessionTicket,
  encodeCertificate,
  encodeCertificateRequest,
  encodeFinished,
  encodeKeyUpdate,
} from '../../src/wire/messages.ts';
import { parseRecordHeader } from '../../src/wire/record.ts';
import { fromHex } from '../support/hex.ts';

const decodeError = expect.objectContaining({ alert: 'decode_error' });

describe('a handshake message', () => {
  it('has its type and a length of three bytes in front', () => {
    const bytes = encodeMessage('certificate', (writer) => void writer.bytes(new Uint8Array(66_000)));
    expect(bytes.subarray(0, 4)).toEqual(fromHex('0b 0101d0'));
    expect(bytes.length).toBe(66_004);
  });
});

describe('EncryptedExtensions', () => {
  it('takes exactly one ALPN protocol', () => {
    const one = fromHex('0009 0010 0005 0003 02 6832');
    expect(decodeEncryptedExtensions(one).application_layer_protocol_negotiation).toBe('h2');
    expect(() => decodeEncryptedExtensions(fromHex('000c 0010 0008 0006 02 6832 02 6833'))).toThrow(
      decodeError,
    );
    expect(() => decodeEncryptedExtensions(fromHex('0006 0010 0002 0000'))).toThrow(decodeError);
  });

  it('refuses a record_size_limit under 64 with illegal_parameter', () => {
    expect(() => decodeEncryptedExtensions(fromHex('0006 001c 0002 003f'))).toThrow(
      expect.objectContaining({ alert: 'illegal_parameter' }),
    );
  });

  it.each(['', '00', '0000 00', '0004 0000 00'])('refuses %s with decode_error', (hex) => {
    expect(() => decodeEncryptedExtensions(fromHex(hex))).toThrow(decodeError);
  });
});

describe('CertificateRequest', () => {
  it('keeps its context and what it asks', () => {
    const request = decodeCertificateRequest(fromHex('02 abcd 0008 000d 0004 0002 0403'));
    expect(request.context).toEqual(fromHex('abcd'));
    expect(request.extensions.signature_algorithms).toEqual([0x0403]);
  });

  it('with more authorities than anybody has is refused: illegal_parameter', () => {
    const named = (count: number): Uint8Array =>
      encodeCertificateRequest({
        context: new Uint8Array(0),
        extensions: { certificate_authorities: Array.from({ length: count }, () => Uint8Array.of(0x30, 0)) },
      }).subarray(4);
    expect(decodeCertificateRequest(named(2_048)).extensions.certificate_authorities).toHaveLength(2_048);
    expect(() => decodeCertificateRequest(named(2_049))).toThrow(
      expect.objectContaining({ alert: 'illegal_parameter' }),
    );
  });

  // The last one: a status_request that is not empty.
  it.each(['', '01', '00', '00 0000 00', '00 000d 0005 0001 01 000d 0004 0002 0403'])(
    'refuses %s with decode_error',
    (hex) => {
      expect(() => decodeCertificateRequest(fromHex(hex))).toThrow(decodeError);
    },
  );
});

describe('Certificate', () => {
  it('may be empty, and may hold several certificates, each with extensions', () => {
    expect(decodeCertificate(fromHex('00 000000'))).toEqual({ context: new Uint8Array(0), entries: [] });
    const { entries } = decodeCertificate(fromHex('00 000011 000001 aa 0004 0012 0000 000002 bbcc 0000'));
    expect(entries.map(({ certificate }) => certificate)).toEqual([fromHex('aa'), fromHex('bbcc')]);
    expect(entries[0]?.extensions.others).toEqual([{ code: 18, data: new Uint8Array(0) }]);
  });

  it('has an OCSP response with a certificate (RFC 9846 §4.5.1.1)', () => {
    const { entries } = decodeCertificate(fromHex('00 00000f 000001 aa 0009 0005 0005 01 000001 cc'));
    expect(entries[0]?.extensions.status_request).toEqual(fromHex('cc'));
  });

  it.each([
    ['of no bytes', '00 00000e 000001 aa 0008 0005 0004 01 000000', decodeError],
    ['with something behind', '00 000010 000001 aa 000a 0005 0006 01 000001 cc dd', decodeError],
    [
      'of another type',
      '00 00000f 000001 aa 0009 0005 0005 02 000001 cc',
      expect.objectContaining({ alert: 'illegal_parameter' }),
    ],
  ])('refuses a status %s', (_, hex, error) => {
    expect(() => decodeCertificate(fromHex(hex))).toThrow(error);
  });

  it.each([
    ['a certificate of no bytes', '00 000005 000000 0000'],
    ['no extensions', '00 000004 000001 aa'],
    ['a list that ends early', '00 000007 000001 aa 0000'],
    ['bytes behind the list', '00 000006 000001 aa 0000 00'],
  ])('with %s is a decode_error', (_, hex) => {
    expect(() => decodeCertificate(fromHex(hex))).toThrow(decodeError);
  });

  it('with thousands of entries is refused before they are read: bad_certificate', () => {
    const entries = (count: number): readonly { certificate: Uint8Array; extensions: object }[] =>
      Array.from({ length: count }, () => ({ certificate: Uint8Array.of(1), extensions: {} }));
    const message = (count: number): Uint8Array =>
      encodeCertificate({ context: new Uint8Array(0), entries: entries(count) }).subarray(4);
    expect(decodeCertificate(message(100)).entries).toHaveLength(100);
    expect(() => decodeCertificate(message(101))).toThrow(
      expect.objectContaining({ alert: 'bad_certificate' }),
    );
  });

  it('holds certificates of more than 64 KiB', () => {
    const certificate = new Uint8Array(70_000).fill(1);
    const bytes = encodeCertificate({
      context: new Uint8Array(0),
      entries: [{ certificate, extensions: {} }],
    });
    expect(decodeCertificate(bytes.subarray(4)).entries[0]?.certificate).toEqual(certificate);
  });
});

describe('CertificateVerify', () => {
  it.each(['', '0403', '0403 0002 aa', '0403 0001 aa 00'])('refuses %s with decode_error', (hex) => {
    expect(() => decodeCertificateVerify(fromHex(hex))).toThrow(decodeError);
  });
});

describe('Finished', () => {
  it.each([31, 33, 0, 48])('of %i bytes is a decode_error where the hash has 32', (length) => {
    expect(() => decodeFinished(new Uint8Array(length), 32)).toThrow(decodeError);
  });

  it('of the length of the hash is taken', () => {
    expect(decodeFinished(encodeFinished(new Uint8Array(48)).subarray(4), 48)).toEqual(new Uint8Array(48));
  });
});

describe('NewSessionTicket', () => {
  it('keeps numbers over 2^31, an empty nonce, and early_data', () => {
    const ticket = decodeNewSessionTicket(fromHex('fffffffe fffffffd 00 0001 aa 0008 002a 0004 fffffffc'));
    expect(ticket).toMatchObject({
      lifetime: 0xfffffffe,
      ageAdd: 0xfffffffd,
      nonce: new Uint8Array(0),
      ticket: fromHex('aa'),
      extensions: { early_data: 0xfffffffc },
    });
  });

  it.each([
    ['no ticket', '00000001 00000002 00 0000 0000'],
    ['no extensions', '00000001 00000002 00 0001 aa'],
    ['bytes behind it', '00000001 00000002 00 0001 aa 0000 00'],
    ['a nonce that ends early', '00000001 00000002 09 0001 aa 0000'],
  ])('with %s is a decode_error', (_, hex) => {
    expect(() => decodeNewSessionTicket(fromHex(hex))).toThrow(decodeError);
  });
});

describe('KeyUpdate', () => {
  it('asks or does not ask; other values are an illegal_parameter', () => {
    expect(decodeKeyUpdate(encodeKeyUpdate(true).subarray(4))).toBe(true);
    expect(decodeKeyUpdate(encodeKeyUpdate(false).subarray(4))).toBe(false);
    expect(() => decodeKeyUpdate(fromHex('02'))).toThrow(
      expect.objectContaining({ alert: 'illegal_parameter' }),
    );
  });

  it.each(['', '0000'])('refuses %s with decode_error', (hex) => {
    expect(() => decodeKeyUpdate(fromHex(hex))).toThrow(decodeError);
  });
});

describe('a record header', () => {
  it.each([
    ['an unknown type', '18 0303 0001', 'unexpected_message'],
    ['a version below 3.0', '16 0203 0001', 'protocol_version'],
    ['unprotected content over 2^14', '16 0303 4001', 'record_overflow'],
    ['ciphertext over 2^14 + 256', '17 0303 4101', 'record_overflow'],
  ])('with %s is refused', (_, hex, alert) => {
    expect(() => parseRecordHeader(fromHex(hex))).toThrow(expect.objectContaining({ alert }));
  });

  it.each([
    ['16 0301 4000', { type: 22, length: 16_384 }],
    ['16 0300 0001', { type: 22, length: 1 }],
    ['17 03ff 4100', { type: 23, length: 16_640 }],
  ])('%s is taken: legacy_record_version is ignored', (hex, header) => {
    expect(parseRecordHeader(fromHex(hex))).toEqual(header);
  });

  it('says that a plain-text protocol seems to be spoken', () => {
    expect(() => parseRecordHeader(new TextEncoder().encode('GET /'))).toThrow(/plain-text protocol/);
  });
});
