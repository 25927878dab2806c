import { beforeAll, describe, expect, test } from 'vitest';
import { clientCertificate, extension } from '../support/certificates.ts';
import { ascii, der, sequence } from '../support/der.ts';
import { expectRefused, intermediate, judge, leaf, leafWith, makeChain } from '../support/trust.ts';

beforeAll(makeChain);

describe('the name', () => {
  async function matches(names: readonly string[], host: string): Promise<boolean> {
    const verdict = judge(await leafWith({ names }), { host });
    if (!verdict.trusted) expectRefused(verdict, 'name_mismatch', 'bad_certificate', { position: 0 });
    return verdict.trusted;
  }

  test.each([
    ['www.example.org', 'www.example.org', true],
    ['www.example.org', 'WWW.Example.ORG', true],
    ['WWW.EXAMPLE.ORG', 'www.example.org', true],
    ['www.example.org', 'www.example.org.', true],
    ['www.example.org.', 'www.example.org', false],
    ['example.org', 'www.example.org', false],
    ['www.example.org', 'www.example.org.evil.example', false],
    ['www.example.org', '', false],
    ['www.example.org', '.', false],
    ['*.example.org', 'www.example.org', true],
    ['*.example.org', 'WWW.EXAMPLE.ORG', true],
    ['*.example.org', 'xn--bcher-kva.example.org', true],
    ['*.example.org', 'example.org', false],
    ['*.example.org', '.example.org', false],
    ['*.example.org', '*.example.org', false],
    ['*w.example.org', 'www.example.org', false],
    ['*.*.org', 'www.example.org', false],
    ['*', 'localhost', false],
    ['*.org', 'example.org', false],
    ['*.com', 'example.com', false],
    ['.example.org', 'www.example.org', false],
    ['.example.org', 'example.org', false],
    ['.example.org', '.example.org', false],
    ['my_host.internal', 'my_host.internal', true],
    ['localhost', 'localhost', true],
    // The Kelvin sign folds to k, and is not k.
    ['k.example.org', '\u212a.example.org', false],
    ['127.1', '127.1', false],
    ['0x7f000001', '0x7f000001', false],
  ])('%s for %s: %s', async (name, host, expected) => {
    expect(await matches([name], host)).toBe(expected);
  });

  test.each([
    ['192.0.2.7', '192.0.2.7', true],
    ['192.0.2.7', '192.0.2.8', false],
    ['192.0.2.7', '192.0.2.07', false],
    ['2001:db8::7', '2001:DB8:0:0::7', true],
    ['2001:db8::7', '2001:db8::7%eth0', true],
    ['2001:db8::7', '2001:db8::8', false],
    ['::ffff:c000:207', '192.0.2.7', false],
    ['192.0.2.7', '::ffff:192.0.2.7', false],
    ['::ffff:c000:207', '::ffff:192.0.2.7', true],
  ])('address %s for %s: %s', async (name, host, expected) => {
    expect(await matches([name], host)).toBe(expected);
  });

  test('an address matches no wildcard', async () => {
    const names = extension('2.5.29.17', false, sequence(der(0x82, ascii('*.0.2.7'))));
    const chain = await leafWith({ names: [], extensions: [names] });
    expectRefused(judge(chain, { host: '192.0.2.7' }), 'name_mismatch', 'bad_certificate');
  });

  test('is never text that only looks like one', async () => {
    for (const text of ['other.example, DNS:www.example.org', ' www.example.org']) {
      const names = extension('2.5.29.17', false, sequence(der(0x82, ascii(text))));
      expectRefused(
        judge(await leafWith({ names: [], extensions: [names] })),
        'name_mismatch',
        'bad_certificate',
      );
    }
    const uri = extension('2.5.29.17', false, sequence(der(0x86, ascii('www.example.org'))));
    expectRefused(
      judge(await leafWith({ names: [], extensions: [uri] })),
      'name_mismatch',
      'bad_certificate',
    );
  });

  test('is told in the error, as far as it can be printed', () => {
    const error = expectRefused(
      judge([leaf, intermediate], { host: 'other.example' }),
      'name_mismatch',
      'bad_certificate',
    );
    expect(error.message).toContain('"other.example"');
    expect(error.message).toContain('www.example.org, 192.0.2.7, 2001:db8:0:0:0:0:0:7');
  });

  test('of a server must be asked for; of a client it counts where it is', async () => {
    expectRefused(judge([leaf, intermediate], { host: undefined }), 'name_mismatch', 'bad_certificate');
    const client = await clientCertificate(intermediate, { names: ['client.example'] });
    for (const [host, trusted] of [
      ['client.example', true],
      ['other.example', false],
    ] as const) {
      expect(judge([client, intermediate], { purpose: 'client', host }).trusted).toBe(trusted);
    }
  });
});
