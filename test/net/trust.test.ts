import { X509Certificate } from 'node:crypto';
import { rootCertificates } from 'node:tls';
import { beforeAll, describe, expect, test } from 'vitest';
import { TlsUsageError } from '../../src/base/errors.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import type { TrustVerdict } from '../../src/handshake/identity.ts';
import { trustAnchors } from '../../src/net/anchors.ts';
import { x509Trust } from '../../src/net/trust.ts';
import {
  clientCertificate,
  extension,
  intermediateCertificate,
  makeCertificate,
  notAfter,
  notBefore,
  resign,
  rootCertificate,
  selfSignedCertificate,
  serverCertificate,
  signatures,
  testKey,
} from '../support/certificates.ts';
import { ascii, der, objectIdentifier, sequence } from '../support/der.ts';
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

describe('a sound chain', () => {
  test('is trusted until its first certificate expires, the anchor included', async () => {
    expect(expectTrusted(judge([leaf, intermediate]))).toBe(notAfter.getTime());
    const soon = new Date(now + hour);
    const shortRoot = await rootCertificate({ notAfter: soon });
    const below = await serverCertificate(shortRoot, { names: ['www.example.org'] });
    expect(expectTrusted(judge([below], { ca: [shortRoot] }))).toBe(soon.getTime());
    expect(expectTrusted(judge(await leafWith({ notAfter: soon })))).toBe(soon.getTime());
    expect(expectTrusted(judge(await chainThrough({ notAfter: soon })))).toBe(soon.getTime());
  });

  test.each(['p256', 'p384', 'p521', 'ed25519', 'rsa2048', 'rsaPss2048'] as const)(
    'may have %s keys',
    async (key) => {
      const authority = await rootCertificate({ key });
      const server = await serverCertificate(authority, { key, names: ['www.example.org'] });
      expectTrusted(judge([server], { ca: [authority] }));
    },
  );

  test('may come in any order, with the root and strangers in it, and repeated', async () => {
    const second = await intermediateCertificate(intermediate, { subject: 'CN=Second' });
    const third = await intermediateCertificate(second, { subject: 'CN=Third' });
    const below = await serverCertificate(third, { names: ['www.example.org'] });
    const stranger = await rootCertificate({ subject: 'CN=Stranger' });
    expectTrusted(judge([below, root, stranger, intermediate, third, intermediate, second]));
  });

  test('may end at an intermediate that is an anchor itself', () => {
    expectTrusted(judge([leaf], { ca: [intermediate] }));
  });

  test('needs none of its extensions but the name', async () => {
    const plain = await rootCertificate({ keyUsage: [], withoutKeyIdentifiers: true });
    const below = await makeCertificate({
      subject: 'CN=Plain',
      issuer: plain,
      names: ['www.example.org'],
      withoutKeyIdentifiers: true,
    });
    expectTrusted(judge([below], { ca: [plain] }));
  });

  test('of a client needs no name', async () => {
    const client = await clientCertificate(intermediate, { names: [] });
    expectTrusted(judge([client, intermediate], { purpose: 'client' }));
  });
});

describe('dates', () => {
  test('of the leaf: expired, not yet valid, and the last second still valid', async () => {
    const chain = await leafWith({ notBefore: new Date(now - hour), notAfter: new Date(now) });
    expectTrusted(judge(chain));
    expectTrusted(judge(chain, { now: now - hour }));
    expectTrusted(judge(chain, { now: now + 999 }));
    expectRefused(judge(chain, { now: now + 1000 }), 'expired', 'certificate_expired', { position: 0 });
    expectRefused(judge(chain, { now: now - hour - 1 }), 'not_yet_valid', 'certificate_expired', {
      position: 0,
    });
  });

  test('are compared with the clock of the configuration, and a clock without a time trusts nobody', () => {
    expectTrusted(judge([leaf, intermediate], { now: notBefore.getTime() }));
    expectRefused(
      judge([leaf, intermediate], { now: notBefore.getTime() - 1 }),
      'not_yet_valid',
      'certificate_expired',
    );
    for (const never of [Number.NaN, Number.POSITIVE_INFINITY, 1e300]) {
      expectRefused(judge([leaf, intermediate], { now: never }), 'not_acceptable', 'certificate_unknown');
    }
  });
});

describe('the issuer', () => {
  test('is unknown where nobody trusted signed the chain', async () => {
    const stranger = await rootCertificate({ subject: 'CN=Stranger' });
    const verdict = judge([leaf, intermediate], { ca: [stranger] });
    const error = expectRefused(verdict, 'unknown_issuer', 'unknown_ca', {
      subject: 'CN=Test Intermediate',
      position: 1,
    });
    expect(error.message).toContain('"CN=Test Root"');
    expect(error.message).toContain('`ca`');
  });

  test('is unknown for a self-signed certificate that is not in `ca`, whatever it says of itself', async () => {
    for (const ca of [true, false]) {
      const own = await selfSignedCertificate({ subject: 'CN=Own', ca, names: ['www.example.org'] });
      const error = expectRefused(judge([own]), 'unknown_issuer', 'unknown_ca', { position: 0 });
      expect(error.message).toContain('self-signed');
    }
  });

  test('is unknown for a root that the peer brought along', async () => {
    const brought = await rootCertificate({ subject: 'CN=Brought Along' });
    const below = await serverCertificate(brought, { names: ['www.example.org'] });
    expectRefused(judge([below, brought]), 'unknown_issuer', 'unknown_ca', { position: 1 });
  });

  test('is not who only has its name', async () => {
    const impostor = await rootCertificate({ key: testKey('p256', 'impostor'), withoutKeyIdentifiers: true });
    const below = await serverCertificate(impostor, {
      names: ['www.example.org'],
      withoutKeyIdentifiers: true,
    });
    expectRefused(judge([below, impostor]), 'bad_signature', 'bad_certificate', { position: 0 });
  });

  test('is told by its name and its signature: key identifiers are hints', async () => {
    const keyIdentifier = extension('2.5.29.35', false, sequence(der(0x80, ascii('another key'))));
    const [odd] = await leafWith({ withoutKeyIdentifiers: true, extensions: [keyIdentifier] });
    expectTrusted(judge([odd!, intermediate]));
  });
});

describe('what is no certificate', () => {
  const edited = (edit: (fields: Uint8Array[]) => Uint8Array[]): Uint8Array =>
    resign(leaf.der, intermediate.key, signatures.ecdsaWithSha256, edit);

  function withExtensions(...list: readonly Uint8Array[]): Uint8Array {
    return edited((fields) => [...fields.slice(0, 7), der(0xa3, sequence(...list))]);
  }

  const raw = (oid: string, value: Uint8Array, ...critical: readonly Uint8Array[]): Uint8Array =>
    sequence(objectIdentifier(oid), ...critical, der(0x04, value));
  const name = raw('2.5.29.17', sequence(der(0x82, ascii('www.example.org'))));

  function expectMalformed(bytes: Uint8Array): void {
    expectRefused(judge([bytes, intermediate]), 'malformed', 'bad_certificate', { position: 0 });
  }

  test('is refused: nothing, text, bytes behind, every truncation', () => {
    expectMalformed(new Uint8Array(0));
    expectMalformed(ascii(leaf.pem));
    expectMalformed(Uint8Array.from([...leaf.der, 0]));
    for (let length = 1; length < leaf.der.length; length++) expectMalformed(leaf.der.subarray(0, length));
    expectRefused(judge([]), 'missing', 'certificate_required');
  });

  test('is told by its place', () => {
    const verdict = judge([leaf, intermediate.der.subarray(1)]);
    expectRefused(verdict, 'malformed', 'bad_certificate', { position: 1 });
  });

  test('never makes us throw, whichever byte is changed', () => {
    for (let at = 0; at < leaf.der.length; at++) {
      const changed = Uint8Array.from(leaf.der);
      changed[at]! ^= 1 << (at % 8);
      expect(judge([changed, intermediate]).trusted).toBe(false);
    }
  });

  test('is refused for its extensions: empty, or with other contents than theirs', () => {
    expectTrusted(judge([withExtensions(name), intermediate]));
    expectMalformed(withExtensions());
    const wrong: readonly [string, Uint8Array][] = [
      ['2.5.29.17', sequence()],
      ['2.5.29.17', sequence(der(0x99, ascii('x')))],
      ['2.5.29.19', sequence(der(0x01, Uint8Array.of(1)))],
      ['2.5.29.19', sequence(der(0x02, Uint8Array.of(0xff)))],
      ['2.5.29.15', der(0x03, Uint8Array.of(9, 0x80))],
      ['2.5.29.15', der(0x03, Uint8Array.of(7, 0x81))],
      ['2.5.29.37', sequence()],
      ['2.5.29.37', sequence(der(0x06, Uint8Array.of(0x80, 1)))],
      ['2.5.29.30', sequence()],
      ['2.5.29.30', sequence(der(0xa0))],
    ];
    for (const [oid, value] of wrong) {
      const rest = oid === '2.5.29.17' ? [] : [name];
      expectMalformed(withExtensions(raw(oid, value), ...rest));
      expectMalformed(withExtensions(raw(oid, Uint8Array.from([...value, 5, 0])), ...rest));
    }
  });

  test('is refused for its dates: without seconds, in a zone, on days that do not exist', () => {
    const dated = (tag: number, text: string): Uint8Array =>
      edited((fields) => fields.with(4, sequence(der(0x17, ascii('240101000000Z')), der(tag, ascii(text)))));
    expectTrusted(judge([dated(0x17, '491231235959Z'), intermediate]));
    expectTrusted(judge([dated(0x18, '99991231235959Z'), intermediate]));
    expectRefused(judge([dated(0x17, '501231235959Z'), intermediate]), 'expired', 'certificate_expired');
    for (const text of [
      '4912312359Z',
      '491231235959+0100',
      '490230000000Z',
      '491231236059Z',
      '491231240000Z',
    ]) {
      expectMalformed(dated(0x17, text));
    }
    expectMalformed(dated(0x18, '20491231235959.5Z'));
    expectMalformed(dated(0x0c, '491231235959Z'));
  });

  test('an explicit FALSE is accepted, since real certificates have it', () => {
    const no = der(0x01, Uint8Array.of(0));
    expectTrusted(judge([withExtensions(name, raw('2.5.29.19', sequence(no), no)), intermediate]));
  });

  test('is refused where its issuer has no name', () => {
    expectMalformed(edited((fields) => fields.with(3, sequence())));
  });
});

describe('the policy', () => {
  const chain = (): { chain: Uint8Array[]; host: string; now: number } => ({
    chain: [leaf.der, intermediate.der],
    host: 'www.example.org',
    now,
  });
  const context = { signal: new AbortController().signal };

  test('has one fingerprint for the same anchors in any form and order, and another for others', () => {
    const print = (options: Parameters<typeof x509Trust>[0]): string =>
      Buffer.from(x509Trust(options, nodeCrypto).fingerprint).toString('hex');
    const one = print({ purpose: 'server', ca: [root.pem, intermediate.der] });
    expect(one).toHaveLength(64);
    expect(print({ purpose: 'server', ca: `${intermediate.pem}\n${root.pem}${root.pem}` })).toBe(one);
    expect(print({ purpose: 'server', ca: root.pem })).not.toBe(one);
    expect(print({ purpose: 'client', ca: [root.pem, intermediate.der] })).not.toBe(one);
    expect(print({ purpose: 'server' })).not.toBe(one);
    expect(print({ purpose: 'server' })).toBe(print({ purpose: 'server' }));
  });

  test('does not judge for another purpose than its own', () => {
    const policy = x509Trust({ purpose: 'server', ca: root.pem }, nodeCrypto);
    const verdict = policy.verify({ ...chain(), purpose: 'client' }, context) as TrustVerdict;
    expectRefused(verdict, 'not_acceptable', 'certificate_unknown');
  });

  test('keeps its anchors, whatever happens to the bytes they came in', () => {
    const bytes = Uint8Array.from(root.der);
    const policy = x509Trust({ purpose: 'server', ca: bytes }, nodeCrypto);
    bytes.fill(0);
    expectTrusted(policy.verify({ ...chain(), purpose: 'server' }, context) as TrustVerdict);
  });

  test('refuses what cannot be an anchor at the call', () => {
    const usage = (ca: unknown, pattern: RegExp): void => {
      expect(() => x509Trust({ purpose: 'server', ca: ca as string }, nodeCrypto)).toThrow(TlsUsageError);
      expect(() => x509Trust({ purpose: 'server', ca: ca as string }, nodeCrypto)).toThrow(pattern);
    };
    usage([], /at least one/);
    usage('', /empty/);
    usage('ca.pem', /path/);
    usage(42, /PEM/);
    usage([root.pem, 42], /ca\[1\]/);
    usage([root.pem, root.keyPem], /ca\[1\].*PRIVATE KEY/);
    usage(root.der.subarray(0, 200), /ca, certificate 1/);
    expect(() => x509Trust({ purpose: 'client' }, nodeCrypto)).toThrow(/authorities of your clients/);
    expect(() => x509Trust({ purpose: 'anybody' as 'client', ca: root.pem }, nodeCrypto)).toThrow(
      TlsUsageError,
    );
  });

  test('by default trusts the roots of Node, all of which it can read, and nobody else', () => {
    const policy = x509Trust({ purpose: 'server' }, nodeCrypto);
    const unknown = policy.verify({ ...chain(), purpose: 'server' }, context) as TrustVerdict;
    expectRefused(unknown, 'unknown_issuer', 'unknown_ca');
    let judged = 0;
    for (const pem of rootCertificates) {
      const { raw, validTo, validFrom } = new X509Certificate(pem);
      // A root among the anchors is trusted as it is; only what a server's own must have is missing.
      const peer = {
        chain: [raw],
        purpose: 'server',
        host: 'www.example.org',
        now: Date.parse(validFrom),
      } as const;
      const verdict = policy.verify(peer, context) as TrustVerdict;
      expect(verdict.trusted ? undefined : verdict.error.check).toMatch(/^(?:name_mismatch|key_usage)$/);
      const late = { ...peer, now: Date.parse(validTo) + 1000 };
      expectRefused(policy.verify(late, context) as TrustVerdict, 'expired', 'certificate_expired');
      judged += 1;
    }
    expect(judged).toBeGreaterThan(100);
    expect(trustAnchors(undefined, 'server', nodeCrypto)().count).toBe(judged);
  });
});
