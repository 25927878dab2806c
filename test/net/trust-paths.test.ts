import type { KeyObject } from 'node:crypto';
import { beforeAll, describe, test } from 'vitest';
import {
  intermediateCertificate,
  rootCertificate,
  serverCertificate,
  type TestCertificate,
  testKey,
} from '../support/certificates.ts';
import { expectRefused, expectTrusted, hour, judge, makeChain, now, root } from '../support/trust.ts';

beforeAll(makeChain);

describe('paths', () => {
  test('of cross-signed authorities are all tried, whichever comes first', async () => {
    const names = ['www.example.org'];
    const oldRoot = await rootCertificate({ subject: 'CN=Old Root' });
    const newRoot = await rootCertificate({ subject: 'CN=New Root' });
    const crossed = await intermediateCertificate(oldRoot, { subject: 'CN=New Root', key: newRoot.key });
    const middle = await intermediateCertificate(newRoot);
    const below = await serverCertificate(middle, { names });
    for (const ca of [[oldRoot], [newRoot], [oldRoot, newRoot]]) {
      expectTrusted(judge([below, middle, crossed], { ca }));
      expectTrusted(judge([below, crossed, newRoot, middle], { ca }));
    }
  });

  test('that fail are left for those that do not', async () => {
    const names = ['www.example.org'];
    const key = testKey('p256', 'shared');
    const expired = await intermediateCertificate(root, { key, notAfter: new Date(now - hour) });
    const notAuthority = await intermediateCertificate(root, { key, ca: false });
    const sameNameOtherKey = await intermediateCertificate(root, { withoutKeyIdentifiers: true });
    const good = await intermediateCertificate(root, { key });
    const below = await serverCertificate(good, { names });
    for (const chain of [
      [expired, notAuthority, sameNameOtherKey, good],
      [good, sameNameOtherKey, notAuthority, expired],
    ]) {
      expectTrusted(judge([below, ...chain]));
    }
    expectRefused(judge([below, sameNameOtherKey, expired]), 'expired', 'certificate_expired', {
      position: 1,
    });
  });

  test('that all end nowhere are told by the longest', async () => {
    const key = testKey('p256', 'ends');
    const [gone, farther] = [
      await rootCertificate({ subject: 'CN=Gone' }),
      await rootCertificate({ subject: 'CN=Far' }),
    ];
    const between = await intermediateCertificate(farther, { subject: 'CN=Between' });
    const short = await intermediateCertificate(gone, { key });
    const long = await intermediateCertificate(between, { key });
    const below = await serverCertificate(long, { names: ['www.example.org'] });
    for (const chain of [
      [short, long, between],
      [between, long, short],
    ]) {
      const place = { subject: 'CN=Between', position: 2 };
      expectRefused(judge([below, ...chain]), 'unknown_issuer', 'unknown_ca', place);
    }
  });

  test('through authorities that signed each other end', async () => {
    const [keyA, keyB] = [testKey('p256', 'A'), testKey('p256', 'B')];
    const a = await rootCertificate({ subject: 'CN=A', key: keyA });
    const b = await intermediateCertificate(a, { subject: 'CN=B', key: keyB });
    const aByB = await intermediateCertificate(b, { subject: 'CN=A', key: keyA });
    const below = await serverCertificate(b, { names: ['www.example.org'] });
    expectRefused(judge([below, b, aByB]), 'unknown_issuer', 'unknown_ca');
  });

  test('are given up after so many signatures, and so many candidates', async () => {
    const withoutKeyIdentifiers = true;
    const signer = await rootCertificate({ subject: 'CN=Maze', withoutKeyIdentifiers });
    const below = await serverCertificate(signer, { names: ['www.example.org'], withoutKeyIdentifiers });
    const namesakes = (count: number, key: (index: number) => KeyObject): Promise<TestCertificate[]> =>
      Promise.all(
        Array.from({ length: count }, (_, index) =>
          intermediateCertificate(signer, {
            subject: 'CN=Maze',
            key: key(index),
            notAfter: new Date(now + (index + 1) * hour),
            withoutKeyIdentifiers,
          }),
        ),
      );
    const impostors = await namesakes(20, (index) => testKey('p256', `namesake ${index}`));
    expectRefused(judge([below, ...impostors.slice(0, 10)]), 'bad_signature', 'bad_certificate');
    expectRefused(judge([below, ...impostors]), 'path_too_long', 'bad_certificate', { position: 0 });
    const weak = await namesakes(58, () => testKey('rsa1024'));
    const crossed = await namesakes(3, () => signer.key);
    expectRefused(judge([below, ...crossed]), 'unknown_issuer', 'unknown_ca');
    expectRefused(judge([below, ...weak]), 'weak_key', 'bad_certificate');
    expectRefused(judge([below, ...crossed, ...weak]), 'path_too_long', 'bad_certificate', { position: 0 });
  });
});
