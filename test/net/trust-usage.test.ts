import { X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  extension,
  intermediateCertificate,
  rootCertificate,
  selfSignedCertificate,
  serverCertificate,
  type TestCertificate,
  testKey,
} from '../support/certificates.ts';
import { der, objectIdentifier, sequence } from '../support/der.ts';
import {
  chainThrough,
  expectRefused,
  expectTrusted,
  hour,
  intermediate,
  judge,
  leaf,
  leafWith,
  makeChain,
  now,
  root,
} from '../support/trust.ts';

beforeAll(makeChain);

describe('authorities', () => {
  test('are no ordinary certificates, not even trusted ones', async () => {
    const below = await serverCertificate(leaf, {
      names: ['www.example.org'],
      key: testKey('p256', 'below'),
    });
    expectRefused(judge([below, leaf, intermediate]), 'not_a_ca', 'bad_certificate', { position: 1 });
    expectRefused(judge([below], { ca: [leaf] }), 'not_a_ca', 'bad_certificate', { position: 1 });
  });

  test('may be for any purpose', async () => {
    expectTrusted(judge(await chainThrough({ extendedKeyUsage: ['any'] })));
  });

  test('have no more below them than pathLenConstraint says, self-issued ones included', async () => {
    const top = await rootCertificate({ pathLength: 1 });
    const first = await intermediateCertificate(top, { subject: 'CN=First' });
    const rolledOver = await intermediateCertificate(first, {
      subject: 'CN=First',
      key: testKey('p256', 'new'),
    });
    const second = await intermediateCertificate(rolledOver, { subject: 'CN=Second' });
    const names = ['www.example.org'];
    const fine = await serverCertificate(rolledOver, { names });
    const place = { subject: 'CN=Test Root', position: 3 };
    expectRefused(judge([fine, rolledOver, first], { ca: [top] }), 'path_too_long', 'bad_certificate', place);
    const direct = await serverCertificate(first, { names });
    expectTrusted(judge([direct, first], { ca: [top] }));
    const tooMany = await serverCertificate(second, { names });
    const verdict = judge([tooMany, second, rolledOver, first], { ca: [top] });
    expectRefused(verdict, 'path_too_long', 'bad_certificate', { subject: 'CN=Test Root', position: 4 });
    const none = await intermediateCertificate(root, { subject: 'CN=None', pathLength: 0 });
    expectTrusted(judge([await serverCertificate(none, { names }), none]));
  });

  test('are at most six, and thirty-two certificates are read', async () => {
    const chain: TestCertificate[] = [];
    let issuer = root;
    for (let i = 1; i <= 7; i++) {
      issuer = await intermediateCertificate(issuer, { subject: `CN=Level ${i}` });
      chain.unshift(issuer);
    }
    const names = ['www.example.org'];
    const deep = await serverCertificate(issuer, { names });
    expectRefused(judge([deep, ...chain]), 'path_too_long', 'bad_certificate');
    const shallower = await serverCertificate(chain[1]!, { names });
    expectTrusted(judge([shallower, ...chain]));
    const many = [leaf, intermediate, ...new Array<TestCertificate>(31).fill(root)];
    expectRefused(judge(many), 'path_too_long', 'bad_certificate');
    expectTrusted(judge(many.slice(0, 32)));
  });
});

describe('the leaf', () => {
  test('must be for the purpose where it has an extKeyUsage', async () => {
    for (const usage of ['any', '1.3.6.1.5.5.7.3.3']) {
      const chain = await leafWith({ extendedKeyUsage: [usage] });
      expectRefused(judge(chain), 'extended_key_usage', 'unsupported_certificate', { position: 0 });
    }
    expectTrusted(judge(await leafWith({ extendedKeyUsage: [] })));
    expectRefused(
      judge([leaf, intermediate], { purpose: 'client' }),
      'extended_key_usage',
      'unsupported_certificate',
    );
  });

  test('must not be an authority', async () => {
    const chain = await leafWith({ ca: true });
    const error = expectRefused(judge(chain), 'not_acceptable', 'certificate_unknown', { position: 0 });
    expect(error.message).toContain('CA:TRUE');
  });

  test('may be anything that is byte for byte in `ca`; its dates, usage and name still count', async () => {
    const own = await selfSignedCertificate({ names: ['www.example.org'], notAfter: new Date(now + hour) });
    expect(new X509Certificate(own.der).ca).toBe(true);
    expect(expectTrusted(judge([own], { ca: [root, own] }))).toBe(now + hour);
    expectRefused(judge([own], { ca: [own], now: now + 2 * hour }), 'expired', 'certificate_expired');
    expectRefused(judge([own], { ca: [own], host: 'other.example.org' }), 'name_mismatch', 'bad_certificate');
    const forClients = await selfSignedCertificate({
      names: ['www.example.org'],
      extendedKeyUsage: ['clientAuth'],
    });
    expectRefused(judge([forClients], { ca: [forClients] }), 'extended_key_usage', 'unsupported_certificate');
    const signsOnlyCertificates = await selfSignedCertificate({
      names: ['www.example.org'],
      keyUsage: ['keyCertSign'],
    });
    expectRefused(
      judge([signsOnlyCertificates], { ca: [signsOnlyCertificates] }),
      'key_usage',
      'unsupported_certificate',
    );
    // One that an authority signed needs no path either.
    expectTrusted(judge([leaf], { ca: [leaf] }));
    // The same name and key in other bytes is another certificate.
    const again = await selfSignedCertificate({
      names: ['www.example.org'],
      notAfter: new Date(now + 2 * hour),
    });
    expect(again.key.equals(own.key)).toBe(true);
    expectRefused(judge([again], { ca: [own] }), 'unknown_issuer', 'unknown_ca');
    const authority = await intermediateCertificate(root, { names: ['www.example.org'], keyUsage: [] });
    expectRefused(judge([authority]), 'not_acceptable', 'certificate_unknown');
  });
});

describe('critical extensions', () => {
  test('that nobody knows are told by their numbers, and refused in a leaf that is trusted itself', async () => {
    const refused = ['critical_extension', 'unsupported_certificate'] as const;
    const unknown = extension('1.3.6.1.4.1.99999.1', true, sequence());
    const own = await selfSignedCertificate({ names: ['www.example.org'], extensions: [unknown] });
    const error = expectRefused(judge([own], { ca: [own] }), ...refused, { position: 0 });
    expect(error.message).toContain('1.3.6.1.4.1.99999.1');
  });

  test('for policies: a list of them is harmless, constraints on them are not understood', async () => {
    const policies = extension('2.5.29.32', true, sequence(sequence(objectIdentifier('2.5.29.32.0'))));
    expectTrusted(judge(await chainThrough({ extensions: [policies] })));
    const constraints = extension('2.5.29.36', true, sequence(der(0x80, Uint8Array.of(0))));
    expectRefused(
      judge(await chainThrough({ extensions: [constraints] })),
      'critical_extension',
      'unsupported_certificate',
    );
  });
});
