import { describe, expect, test } from 'vitest';
import { parseOcspResponse } from '../../src/pki/ocsp.ts';
import { ascii, der, objectIdentifier, sequence } from '../support/der.ts';
import { mutations, survivors } from '../support/mutated-der.ts';
import { responseOf } from '../support/ocsp.ts';
import { commonName, rawExtension } from '../support/raw-certificates.ts';

const time = (text: string): Uint8Array => der(0x18, ascii(text));
const bits = (...bytes: readonly number[]): Uint8Array => der(0x03, Uint8Array.from(bytes));
const algorithm = sequence(objectIdentifier('1.2.840.113549.1.1.11'), der(0x05));
const hash = der(0x04, new Uint8Array(20).fill(0xa5));
// Raw bytes, as those of many responders: nobody looks into it.
const nonce = rawExtension('1.3.6.1.5.5.7.48.1.2', false, Uint8Array.of(1));
const extensions = der(0xa1, sequence(nonce));
const responders = { byName: der(0xa1, commonName('Responder')), byKey: der(0xa2, hash) };
const id = sequence(
  sequence(objectIdentifier('1.3.14.3.2.26'), der(0x05)),
  hash,
  hash,
  der(0x02, Uint8Array.of(0, 0xd1)),
);
const statuses = {
  good: der(0x80),
  revoked: der(0xa1, time('20260401000000Z'), der(0xa0, der(0x0a, Uint8Array.of(1)))),
  unknown: der(0x82),
};

interface Parts {
  readonly version?: Uint8Array;
  readonly responder?: Uint8Array;
  readonly status?: Uint8Array;
  readonly thisUpdate?: Uint8Array;
  readonly rest?: readonly Uint8Array[];
  readonly algorithm?: Uint8Array;
}

/** A response that has every field that is read, each with all its parts. */
function response(parts: Parts = {}): Uint8Array {
  const { status = statuses.revoked, thisUpdate = time('20260501000000Z') } = parts;
  const one = sequence(id, status, thisUpdate, der(0xa0, time('20260701000000Z')), extensions);
  const two = sequence(id, statuses.good, thisUpdate);
  const signed = sequence(
    ...(parts.version === undefined ? [] : [parts.version]),
    parts.responder ?? responders.byName,
    time('20260501000000Z'),
    sequence(one, two),
    extensions,
    ...(parts.rest ?? []),
  );
  const certificate = sequence();
  return responseOf(
    sequence(signed, parts.algorithm ?? algorithm, bits(0, 0x5a), der(0xa0, sequence(certificate))),
  );
}

describe('what DER forbids in an OCSP response', () => {
  test('there is none in one that is well made', () => {
    expect(parseOcspResponse(response())).toMatchObject({
      responder: { form: 'byName' },
      certificates: [sequence()],
      statuses: [
        { status: { reason: 'keyCompromise' }, nextUpdate: Date.parse('2026-07-01T00:00:00Z') },
        { status: 'good', nextUpdate: undefined },
      ],
    });
    const byKey = parseOcspResponse(response({ responder: responders.byKey, status: statuses.unknown }));
    expect(byKey?.responder).toEqual({ form: 'byKey', hash: new Uint8Array(20).fill(0xa5) });
    expect(byKey?.statuses[0]?.status).toBe('unknown');
  });

  test.each(Object.keys(responders) as (keyof typeof responders)[])(
    'is refused in every field, and the error names the place (%s)',
    (form) => {
      for (const status of Object.values(statuses)) {
        const mutated = mutations(response({ responder: responders[form], status }));
        expect(mutated.length).toBeGreaterThan(100);
        expect(survivors(mutated, parseOcspResponse)).toEqual([]);
      }
    },
  );

  test.each<[string, Parts]>([
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
    ['an extension twice', { rest: [extensions] }],
    ['an algorithm of nothing', { algorithm: sequence() }],
  ])('nor has one %s', (_, parts) => {
    expect(() => parseOcspResponse(response(parts))).toThrow('an OCSP response is not valid DER');
  });

  test('a version that is written out, though it is the default, is read as what it says', () => {
    const version = der(0xa0, der(0x02, Uint8Array.of(0)));
    expect(parseOcspResponse(response({ version }))?.statuses).toHaveLength(2);
  });

  test('nor is it of another type, or an empty one', () => {
    const other = sequence(objectIdentifier('1.2.3'), der(0x04, sequence()));
    const outer = (bytes: Uint8Array) => sequence(der(0x0a, Uint8Array.of(0)), der(0xa0, bytes));
    expect(() => parseOcspResponse(outer(other))).toThrow(/another type \(1\.2\.3\)/);
    expect(() => parseOcspResponse(sequence())).toThrow('an OCSP response is not valid DER');
  });
});
