import { beforeAll, describe, expect, test } from 'vitest';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import { anchorsOf } from '../../src/pki/anchors.ts';
import { verifyChain } from '../../src/pki/verify.ts';
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

  /** Without the bounds of what a peer may present. */
  const verify = (chain: readonly TestCertificate[]): unknown =>
    verifyChain({
      provider: nodeCrypto,
      chain: chain.map(({ der }) => der),
      anchors: anchorsOf([root.der], nodeCrypto),
      purpose: 'server',
      host: 'www.example.org',
      now,
    });

  test('are given up after so many signatures', async () => {
    const maze = await rootCertificate({ subject: 'CN=Maze' });
    const below = await serverCertificate(maze, { names: ['www.example.org'] });
    const impostors = await Promise.all(
      Array.from({ length: 101 }, (_, index) =>
        rootCertificate({ subject: 'CN=Maze', key: testKey('ed25519', `namesake ${index}`) }),
      ),
    );
    expect(() => verify([below, ...impostors.slice(1)])).toThrow(/signature .* does not verify/);
    expect(() => verify([below, ...impostors])).toThrow(/given up after 100 signatures/);
  });

  test('are given up after so many candidates', async () => {
    const keys = ['a', 'b', 'c'].map((name) => testKey('ed25519', `maze ${name}`));
    const signers = await Promise.all(keys.map((key) => rootCertificate({ subject: 'CN=Maze', key })));
    // They have all signed one another, and with them come many that are never worth a signature.
    const crossed = await Promise.all(
      signers.flatMap((signer) =>
        keys
          .filter((key) => !key.equals(signer.key))
          .map((key) => intermediateCertificate(signer, { subject: 'CN=Maze', key })),
      ),
    );
    const weak = await Promise.all(
      Array.from({ length: 250 }, (_, index) =>
        intermediateCertificate(signers[0]!, {
          subject: 'CN=Maze',
          key: testKey('rsa1024'),
          notAfter: new Date(now + (index + 1) * hour),
        }),
      ),
    );
    const below = await serverCertificate(signers[0]!, { names: ['www.example.org'] });
    expect(() => verify([below, ...crossed, ...weak.slice(0, 20)])).toThrow(/does not verify/);
    expect(() => verify([below, ...crossed, ...weak])).toThrow(/given up after 2000 candidates/);
  });
});
