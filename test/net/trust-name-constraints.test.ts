import { beforeAll, describe, expect, test } from 'vitest';
import type { TrustVerdict } from '../../src/handshake/identity.ts';
import {
  extension,
  intermediateCertificate,
  rootCertificate,
  serverCertificate,
  testKey,
} from '../support/certificates.ts';
import { ascii, der, objectIdentifier, sequence } from '../support/der.ts';
import { expectRefused, expectTrusted, judge, makeChain, root } from '../support/trust.ts';

beforeAll(makeChain);

describe('name constraints', () => {
  const dns = (text: string): Uint8Array => der(0x82, ascii(text));
  const ip = (...bytes: readonly number[]): Uint8Array => der(0x87, Uint8Array.from(bytes));
  const uri = (text: string): Uint8Array => der(0x86, ascii(text));
  const email = (text: string): Uint8Array => der(0x81, ascii(text));
  const directory = (...parts: readonly Uint8Array[]): Uint8Array => der(0xa4, sequence(...parts));
  const organization = (text: string): Uint8Array =>
    der(0x31, sequence(objectIdentifier('2.5.4.10'), der(0x13, ascii(text))));

  function constraints(
    permitted: readonly Uint8Array[],
    excluded: readonly Uint8Array[] = [],
    critical = true,
  ) {
    const subtrees = (tag: number, bases: readonly Uint8Array[]): Uint8Array =>
      bases.length === 0 ? new Uint8Array(0) : der(tag, ...bases.map((base) => sequence(base)));
    return extension('2.5.29.30', critical, sequence(subtrees(0xa0, permitted), subtrees(0xa1, excluded)));
  }

  async function judged(
    limits: ReturnType<typeof constraints>,
    leafOptions: Parameters<typeof serverCertificate>[1],
    host = 'www.example.org',
  ): Promise<TrustVerdict> {
    const middle = await intermediateCertificate(root, { extensions: [limits] });
    return judge([await serverCertificate(middle, leafOptions), middle], { host });
  }

  test.each([
    [['example.org'], [], ['example.org', 'www.example.org'], true],
    [['EXAMPLE.org'], [], ['www.example.ORG'], true],
    [['example.org'], [], ['*.example.org', 'www.example.org'], true],
    [['.example.org'], [], ['www.example.org'], true],
    [['.example.org'], [], ['www.example.org', 'example.org'], false],
    [['example.org'], [], ['www.example.org', 'www.example.com'], false],
    [['example.org'], [], ['www.badexample.org'], false],
    [['www.example.org'], [], ['*.example.org'], false],
    [['example.com', 'example.org'], [], ['www.example.org'], true],
    [['www.example.org.'], [], ['www.example.org'], false],
    [[], ['.example.org'], ['www.example.org'], false],
    [[], ['.example.org'], ['example.org', 'www.example.com'], false],
    [[], ['secret.example.org'], ['*.example.org', 'www.example.org'], false],
    [[], ['a.secret.example.org'], ['*.example.org', 'www.example.org'], true],
    [['example.org'], ['www.example.org'], ['www.example.org'], false],
    [[], [''], ['www.example.org'], false],
    [[], ['*.example.com'], ['www.example.org'], false],
  ])('DNS: permitted %j, excluded %j, names %j: %s', async (permitted, excluded, names, expected) => {
    const verdict = await judged(constraints(permitted.map(dns), excluded.map(dns)), { names });
    // Some of these name no www.example.org: then the name is the only thing that may be wrong.
    const passed = verdict.trusted || verdict.error.check === 'name_mismatch';
    expect(passed).toBe(expected);
    if (!passed) expectRefused(verdict, 'not_acceptable', 'certificate_unknown', { position: 0 });
  });

  test.each([
    [[[192, 0, 2, 0, 255, 0, 255, 0]], [], '192.0.2.7', false],
    [[[192, 0, 2, 7]], [], '192.0.2.7', false],
    [[], [[192, 0, 3, 0, 255, 0, 255, 0]], '192.0.2.7', false],
    [[], [[1, 2, 3]], '192.0.2.7', false],
    [[[192, 0, 2, 0, 255, 255, 255, 0]], [], '2001:db8::7', false],
    [[[0x20, 0x01, 0x0d, 0xb8, ...zeros(12), 0xff, 0xff, 0xff, 0xff, ...zeros(12)]], [], '2001:db8::7', true],
    [[], [[...zeros(32)]], '192.0.2.7', true],
    [[], [[...zeros(32)]], '2001:db8::7', false],
  ])('addresses: permitted %j, excluded %j, name %s: %s', async (permitted, excluded, name, expected) => {
    const limits = constraints(
      permitted.map((bytes) => ip(...bytes)),
      excluded.map((bytes) => ip(...bytes)),
    );
    const verdict = await judged(limits, { names: [name] }, name);
    if (expected) expectTrusted(verdict);
    else expectRefused(verdict, 'not_acceptable', 'certificate_unknown', { position: 0 });
  });

  test('hold where they are not critical, of the anchor, and for authorities in between', async () => {
    const names = ['www.example.org'];
    const relaxed = constraints([dns('example.com')], [], false);
    expectRefused(await judged(relaxed, { names }), 'not_acceptable', 'certificate_unknown');
    const limited = await rootCertificate({ extensions: [constraints([dns('example.com')])] });
    const middle = await intermediateCertificate(limited);
    const below = await serverCertificate(middle, { names });
    expectRefused(judge([below, middle], { ca: [limited] }), 'not_acceptable', 'certificate_unknown', {
      position: 0,
    });
    const named = await intermediateCertificate(limited, { names });
    const inside = await serverCertificate(named, { names: ['www.example.com'] });
    const verdict = judge([inside, named], { ca: [limited], host: 'www.example.com' });
    expectRefused(verdict, 'not_acceptable', 'certificate_unknown', { position: 1 });
  });

  test('say nothing of names of other forms', async () => {
    expectTrusted(
      await judged(constraints([ip(10, 0, 0, 0, 255, 0, 0, 0), email('a@b')]), {
        names: ['www.example.org'],
      }),
    );
  });

  test('on directory names: permitted ones are compared, excluded ones are not understood', async () => {
    const names = ['www.example.org'];
    const limits = constraints([directory(organization('Acme'))]);
    expectTrusted(await judged(limits, { names, subject: 'O=Acme, CN=Server' }));
    expectTrusted(await judged(limits, { names, subject: '' }));
    expectRefused(
      await judged(limits, { names, subject: 'O=Other, CN=Server' }),
      'not_acceptable',
      'certificate_unknown',
    );
    expectRefused(
      await judged(limits, { names, subject: 'CN=Server, O=Acme' }),
      'not_acceptable',
      'certificate_unknown',
    );
    const excluded = constraints([], [directory(organization('Acme'))]);
    expectRefused(await judged(excluded, { names }), 'critical_extension', 'unsupported_certificate', {
      position: 1,
    });
  });

  test('on forms that are not compared refuse the names of that form, the subject’s e-mail address too', async () => {
    const names = ['www.example.org'];
    const refused = ['critical_extension', 'unsupported_certificate', { position: 1 }] as const;
    const both = extension('2.5.29.17', false, sequence(dns('www.example.org'), uri('https://a.example/')));
    const withUri = { names: [], extensions: [both] };
    expectRefused(await judged(constraints([uri('a.example')]), withUri), ...refused);
    expectRefused(await judged(constraints([], [uri('b.example')]), withUri), ...refused);
    expectTrusted(await judged(constraints([uri('a.example')]), { names }));
    const subject = 'CN=Server, E=someone@example.org';
    expectRefused(await judged(constraints([email('example.org')]), { names, subject }), ...refused);
  });

  test('with a minimum or a maximum are not understood', async () => {
    const names = ['www.example.org'];
    for (const bound of [der(0x80, Uint8Array.of(1)), der(0x81, Uint8Array.of(9))]) {
      const limits = extension('2.5.29.30', true, sequence(der(0xa0, sequence(dns('example.org'), bound))));
      expectRefused(await judged(limits, { names }), 'critical_extension', 'unsupported_certificate');
    }
  });

  test('do not hold for a self-issued authority, but for a self-issued leaf', async () => {
    const limits = constraints([directory(organization('Acme'))]);
    const middle = await intermediateCertificate(root, { extensions: [limits], key: testKey('p256', 'old') });
    const rolledOver = await intermediateCertificate(middle, { key: testKey('p256', 'new') });
    const below = await serverCertificate(rolledOver, { names: ['www.example.org'], subject: 'O=Acme' });
    expectTrusted(judge([below, rolledOver, middle]));
    const own = await serverCertificate(middle, {
      names: ['www.example.org'],
      subject: 'CN=Test Intermediate',
    });
    expectRefused(judge([own, middle]), 'not_acceptable', 'certificate_unknown', { position: 0 });
  });

  test('cannot be used to make us compute for long', async () => {
    const many = (count: number, tail: string) =>
      Array.from({ length: count }, (_, i) => dns(`n${i}.${tail}`));
    const limits = constraints([], many(1000, 'example.com'));
    const names = extension('2.5.29.17', false, sequence(...many(1000, 'example.org')));
    const verdict = await judged(limits, { names: [], extensions: [names] });
    expectRefused(verdict, 'critical_extension', 'unsupported_certificate');
  });
});

function zeros(count: number): readonly number[] {
  return new Array<number>(count).fill(0);
}
