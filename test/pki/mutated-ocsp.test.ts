import { describe, expect, test } from 'vitest';
import { parseOcspResponse } from '../../src/pki/ocsp.ts';
import { ascii, der, objectIdentifier, sequence } from '../support/der.ts';
import { mutations, survivors } from '../support/mutated-der.ts';
import {
  hash,
  type ResponseParts,
  responders,
  responseExtensions,
  statuses,
  time,
  wholeResponse,
} from '../support/whole-der.ts';

describe('what DER forbids in an OCSP response', () => {
  test('there is none in one that is well made', () => {
    expect(parseOcspResponse(wholeResponse())).toMatchObject({
      responder: { form: 'byName' },
      certificates: [sequence()],
      statuses: [
        { status: { reason: 'keyCompromise' }, nextUpdate: Date.parse('2026-07-01T00:00:00Z') },
        { status: 'good', nextUpdate: undefined },
      ],
    });
    const byKey = parseOcspResponse(wholeResponse({ responder: responders.byKey, status: statuses.unknown }));
    expect(byKey?.responder).toEqual({ form: 'byKey', hash: new Uint8Array(20).fill(0xa5) });
    expect(byKey?.statuses[0]?.status).toBe('unknown');
  });

  test.each(Object.keys(responders) as (keyof typeof responders)[])(
    'is refused in every field, and the error names the place (%s)',
    (form) => {
      for (const status of Object.values(statuses)) {
        const mutated = mutations(wholeResponse({ responder: responders[form], status }));
        expect(mutated.length).toBeGreaterThan(100);
        expect(survivors(mutated, parseOcspResponse)).toEqual([]);
      }
    },
  );

  test.each<[string, ResponseParts]>([
    ['a version of nothing', { version: der(0xa0) }],
    ['version 2', { version: der(0xa0, der(0x02, Uint8Array.of(1))) }],
    ['no responder', { responder: der(0xa3, hash) }],
    ['two responders', { responder: der(0xa2, hash, hash) }],
    ['a status with contents', { status: der(0x80, Uint8Array.of(0)) }],
    ['a fourth status', { status: der(0x83) }],
    [
      'a reason that does not exist',
      { status: der(0xa1, time('20260401000000Z'), der(0xa0, der(0x0a, Uint8Array.of(7)))) },
    ],
    [
      'two reasons',
      { status: der(0xa1, time('20260401000000Z'), der(0xa0, der(0x0a, Uint8Array.of(1)), der(0x05))) },
    ],
    ['a revocation without a date', { status: der(0xa1) }],
    ['a date without a century', { thisUpdate: der(0x17, ascii('260501000000Z')) }],
    ['something behind', { rest: [der(0x05)] }],
    ['an extension twice', { rest: [responseExtensions] }],
    ['an algorithm of nothing', { algorithm: sequence() }],
  ])('nor has one %s', (_, parts) => {
    expect(() => parseOcspResponse(wholeResponse(parts))).toThrow('an OCSP response is not valid DER');
  });

  test('a version that is written out, though it is the default, is read as what it says', () => {
    const version = der(0xa0, der(0x02, Uint8Array.of(0)));
    expect(parseOcspResponse(wholeResponse({ version }))?.statuses).toHaveLength(2);
  });

  test('nor is it of another type, or an empty one', () => {
    const other = sequence(objectIdentifier('1.2.3'), der(0x04, sequence()));
    const outer = (bytes: Uint8Array) => sequence(der(0x0a, Uint8Array.of(0)), der(0xa0, bytes));
    expect(() => parseOcspResponse(outer(other))).toThrow(/another type \(1\.2\.3\)/);
    expect(() => parseOcspResponse(sequence())).toThrow('an OCSP response is not valid DER');
  });
});
