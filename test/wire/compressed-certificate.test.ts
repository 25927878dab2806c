import { describe, expect, it } from 'vitest';
import {
  decodeCompressedCertificate,
  encodeCompressedCertificate,
} from '../../src/wire/compressed-certificate.ts';
import { decodeClientHello } from '../../src/wire/hello.ts';
import { decodeCertificateRequest } from '../../src/wire/messages.ts';
import { fromHex } from '../support/hex.ts';
import { extensionBlock, messageBodies } from '../support/messages.ts';

const decodeError = expect.objectContaining({ alert: 'decode_error' });

describe('CompressedCertificate', () => {
  it('is laid out as RFC 8879 §4 says', () => {
    const message = { algorithm: 2, uncompressedLength: 0x012345, compressed: fromHex('abcdef') };
    const encoded = fromHex('19 00000b 0002 012345 000003 abcdef');
    expect(encodeCompressedCertificate(message)).toEqual(encoded);
    expect(decodeCompressedCertificate(encoded.subarray(4))).toEqual(message);
  });

  it.each([
    ['nothing', ''],
    ['no algorithm', '00'],
    ['half a length', '0001 0000'],
    ['no message', '0001 000004'],
    ['an empty message', '0001 000004 000000'],
    ['a message that ends early', '0001 000004 000002 ab'],
    ['a byte behind it', '0001 000004 000001 ab 00'],
  ])('with %s is a decode_error', (_, hex) => {
    expect(() => decodeCompressedCertificate(fromHex(hex))).toThrow(decodeError);
  });
});

describe('compress_certificate', () => {
  it.each([
    ['an empty list', '00'],
    ['no list', ''],
    ['half an algorithm', '03 0001 00'],
    ['255 bytes', `ff ${'0001'.repeat(127)} 00`],
    ['a byte behind the list', '02 0001 00'],
  ])('with %s is a decode_error', (_, hex) => {
    const block = extensionBlock([[27, fromHex(hex)]]);
    expect(() => decodeClientHello(messageBodies.CH(block))).toThrow(decodeError);
    expect(() => decodeCertificateRequest(messageBodies.CR(block))).toThrow(decodeError);
  });

  it('keeps all algorithms in order, 127 of them too', () => {
    const block = extensionBlock([[27, fromHex(`fe ${'4321'.repeat(126)} 0002`)]]);
    const { compress_certificate: algorithms } = decodeClientHello(messageBodies.CH(block)).extensions;
    expect(algorithms).toHaveLength(127);
    expect(algorithms?.slice(-2)).toEqual([0x4321, 2]);
  });
});
