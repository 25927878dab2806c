import { type KeyObject, X509Certificate } from 'node:crypto';
import { rootCertificates } from 'node:tls';
import { beforeAll, describe, expect, test } from 'vitest';
import type { AlertName } from '../../src/base/alerts.ts';
import {
  alertFor,
  type CertificateCheck,
  TlsCertificateError,
  TlsUsageError,
} from '../../src/base/errors.ts';
import type { TrustPolicy, TrustVerdict } from '../../src/handshake/identity.ts';
import { defaultTrustAnchors } from '../../src/net/anchors.ts';
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
  type TestCertificate,
  testKey,
} from '../support/certificates.ts';
import { ascii, children, der, objectIdentifier, sequence } from '../support/der.ts';

const now = Date.parse('2026-06-01T00:00:00Z');
const hour = 3_600_000;

let root: TestCertificate;
let intermediate: TestCertificate;
let leaf: TestCertificate;

beforeAll(async () => {
  root = await rootCertificate();
  intermediate = await intermediateCertificate(root);
  leaf = await serverCertificate(intermediate, { names: ['www.example.org', '192.0.2.7', '2001:db8::7'] });
});

interface Judging {
  readonly ca?: readonly TestCertificate[];
  readonly host?: string | undefined;
  readonly purpose?: 'server' | 'client';
  readonly now?: number;
}

function judge(chain: readonly (TestCertificate | Uint8Array)[], judging: Judging = {}): TrustVerdict {
  const { ca = [root], purpose = 'server' } = judging;
  const host = 'host' in judging ? judging.host : purpose === 'server' ? 'www.example.org' : undefined;
  const policy = policyFor(ca, purpose);
  const verdict = policy.verify(
    {
      chain: chain.map((one) => (one instanceof Uint8Array ? one : one.der)),
      purpose,
      host,
      now: judging.now ?? now,
    },
    { signal: new AbortController().signal },
  );
  return verdict as TrustVerdict;
}

const policies = new Map<string, TrustPolicy>();

/** Anchors cost more to read than chains to judge. */
function policyFor(ca: readonly TestCertificate[], purpose: 'server' | 'client'): TrustPolicy {
  const key = purpose + ca.map(({ pem }) => pem).join('');
  let policy = policies.get(key);
  if (policy === undefined) {
    policy = x509Trust({ ca: ca.map(({ pem }) => pem), purpose });
    policies.set(key, policy);
  }
  return policy;
}

function expectTrusted(verdict: TrustVerdict): number {
  if (!verdict.trusted) throw verdict.error;
  return verdict.validUntil;
}

function expectRefused(
  verdict: TrustVerdict,
  check: CertificateCheck,
  alert: AlertName,
  place?: { subject?: string; position: number },
): TlsCertificateError {
  if (verdict.trusted) throw new Error(`trusted, instead of refused as ${check}`);
  const { error } = verdict;
  expect(error).toBeInstanceOf(TlsCertificateError);
  expect(`${error.check}: ${error.message}`).toContain(`${check}: `);
  expect(alertFor(error)).toBe(alert);
  if (place !== undefined) expect(error.certificate).toMatchObject(place);
  return error;
}

/** A chain through an intermediate that is not as it should be. */
async function chainThrough(
  options: Parameters<typeof intermediateCertificate>[1],
): Promise<TestCertificate[]> {
  const middle = await intermediateCertificate(root, options);
  return [await serverCertificate(middle, { names: ['www.example.org'] }), middle];
}

/** A leaf below the intermediate that is not as it should be. */
async function leafWith(options: Parameters<typeof serverCertificate>[1]): Promise<TestCertificate[]> {
  return [await serverCertificate(intermediate, { names: ['www.example.org'], ...options }), intermediate];
}

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

  test.each(['p256', 'p384', 'p521', 'ed25519', 'ed448', 'rsa2048', 'rsaPss2048'] as const)(
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

  test('of an intermediate', async () => {
    const late = await chainThrough({ notAfter: new Date(now - hour) });
    expectRefused(judge(late), 'expired', 'certificate_expired', {
      subject: 'CN=Test Intermediate',
      position: 1,
    });
    const early = await chainThrough({ notBefore: new Date(now + hour) });
    expectRefused(judge(early), 'not_yet_valid', 'certificate_expired', { position: 1 });
  });

  test('of the anchor', async () => {
    const old = await rootCertificate({ notAfter: new Date(now - hour) });
    const below = await serverCertificate(old, { names: ['www.example.org'] });
    expectRefused(judge([below], { ca: [old] }), 'expired', 'certificate_expired', {
      subject: 'CN=Test Root',
      position: 1,
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

  test('is unknown where the peer left its intermediate out', () => {
    expectRefused(judge([leaf]), 'unknown_issuer', 'unknown_ca', { position: 0 });
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

  test('is not who signed, but has another key identifier', async () => {
    const keyIdentifier = extension('2.5.29.35', false, sequence(der(0x80, ascii('another key'))));
    const [odd] = await leafWith({ withoutKeyIdentifiers: true, extensions: [keyIdentifier] });
    expectRefused(judge([odd!, intermediate]), 'unknown_issuer', 'unknown_ca');
  });
});

describe('signatures', () => {
  test('that do not verify are refused', () => {
    const changed = Uint8Array.from(leaf.der);
    changed[changed.length - 3]! ^= 1;
    expectRefused(judge([changed, intermediate]), 'bad_signature', 'bad_certificate', {
      subject: 'CN=Test Server',
      position: 0,
    });
    const authority = Uint8Array.from(intermediate.der);
    authority[authority.length - 3]! ^= 1;
    expectRefused(judge([leaf, authority]), 'bad_signature', 'bad_certificate', { position: 1 });
  });

  test('are those of the certificate itself, not of one whose PEM text it carries', async () => {
    const [genuine] = await leafWith({ names: ['attacker.example'] });
    for (const text of [
      genuine!.pem,
      `\n${genuine!.pem}`,
      `\n${genuine!.pem.replaceAll('CERTIFICATE', 'TRUSTED CERTIFICATE')}`,
    ]) {
      const carried = extension('1.3.6.1.4.1.99999.1', false, der(0x04, ascii(text)));
      const [forged] = await leafWith({ signingKey: testKey('p256', 'attacker'), extensions: [carried] });
      expectRefused(judge([forged!, intermediate]), 'bad_signature', 'bad_certificate', { position: 0 });
      const [sound] = await leafWith({ extensions: [carried] });
      expectTrusted(judge([sound!, intermediate]));
    }
  });

  test('of a key of another kind are refused', async () => {
    const [odd] = await leafWith({ signingKey: testKey('rsa2048') });
    expectRefused(judge([odd!, intermediate]), 'bad_signature', 'bad_certificate', { position: 0 });
  });

  test.each(['sha1WithRsa', 'md5WithRsa', 'ecdsaWithSha1'] as const)(
    'by %s are refused below the anchor',
    async (name) => {
      const key = name === 'ecdsaWithSha1' ? 'p256' : 'rsa2048';
      const signature = signatures[name];
      const authority = await rootCertificate({ key, signature });
      const good = await serverCertificate(authority, { names: ['www.example.org'] });
      expectTrusted(judge([good], { ca: [authority] }));
      const weak = await serverCertificate(authority, { names: ['www.example.org'], signature });
      const error = expectRefused(judge([weak], { ca: [authority] }), 'weak_signature', 'bad_certificate', {
        position: 0,
      });
      expect(error.message).toMatch(/SHA-1|MD5/);
      const middle = await intermediateCertificate(authority, { signature });
      const below = await serverCertificate(middle, { names: ['www.example.org'] });
      expectRefused(judge([below, middle], { ca: [authority] }), 'weak_signature', 'bad_certificate', {
        position: 1,
      });
    },
  );

  test('by RSA-PSS need one SHA-2 hash and a salt of its length', async () => {
    const authority = await rootCertificate({ key: 'rsaPss2048' });
    const [hash, mask] = children(children(signatures.rsaPssSha256.algorithm)[1]!);
    const salt = (length: number): Uint8Array => der(0xa2, der(0x02, Uint8Array.of(length)));
    const sha384 = sequence(objectIdentifier('2.16.840.1.101.3.4.2.2'));
    const odd: readonly (readonly Uint8Array[])[] = [
      [],
      [hash!, mask!],
      [hash!, mask!, salt(20)],
      [der(0xa0, sha384), mask!, salt(48)],
      [hash!, salt(32)],
      [mask!, salt(32)],
    ];
    const good = await serverCertificate(authority, { names: ['www.example.org'] });
    expectTrusted(judge([good], { ca: [authority] }));
    for (const parameters of odd) {
      const algorithm = sequence(objectIdentifier('1.2.840.113549.1.1.10'), sequence(...parameters));
      const bytes = resign(good.der, testKey('rsaPss2048'), { algorithm, hash: 'sha256' });
      expectRefused(judge([bytes], { ca: [authority] }), 'weak_signature', 'bad_certificate', {
        position: 0,
      });
    }
  });
});

describe('keys', () => {
  test.each(['rsa1024', 'secp256k1'] as const)('of kind %s are refused everywhere', async (key) => {
    expectRefused(judge(await leafWith({ key })), 'weak_key', 'bad_certificate', { position: 0 });
    expectRefused(judge(await chainThrough({ key })), 'weak_key', 'bad_certificate', { position: 1 });
    const weak = await rootCertificate({ key });
    const below = await serverCertificate(weak, { names: ['www.example.org'] });
    expectRefused(judge([below], { ca: [weak] }), 'weak_key', 'bad_certificate', { position: 1 });
    const own = await selfSignedCertificate({ key, names: ['www.example.org'] });
    expectRefused(judge([own], { ca: [own] }), 'weak_key', 'bad_certificate', { position: 0 });
  });

  describe('that nobody should have', () => {
    const rsaKey = (modulus: Uint8Array, exponent: readonly number[]): Uint8Array =>
      sequence(
        sequence(objectIdentifier('1.2.840.113549.1.1.1'), der(0x05)),
        der(0x03, Uint8Array.of(0), sequence(der(0x02, modulus), der(0x02, Uint8Array.from(exponent)))),
      );
    /** An odd number with so many bits. */
    const number = (bits: number): Uint8Array => Uint8Array.of(0, ...new Array<number>(bits / 8).fill(0xff));
    const good = [1, 0, 1];
    const point = der(0x03, Uint8Array.of(0), new Uint8Array(32).fill(9));

    function withKey(certificate: TestCertificate, spki: Uint8Array, issuer: TestCertificate): Uint8Array {
      return resign(certificate.der, issuer.key, signatures.ecdsaWithSha256, (fields) =>
        fields.with(6, spki),
      );
    }

    test.each([
      ['an exponent of 1', rsaKey(number(2048), [1])],
      ['an even exponent', rsaKey(number(2048), [4])],
      ['an exponent of 33 bits', rsaKey(number(2048), [1, 0, 0, 0, 1])],
      ['8 200 bits', rsaKey(number(8200), good)],
      ['2 040 bits', rsaKey(number(2040), good)],
      [
        'a curve that is spelled out',
        sequence(
          sequence(objectIdentifier('1.2.840.10045.2.1'), sequence(der(0x02, Uint8Array.of(1)))),
          point,
        ),
      ],
      ['a key that cannot sign (X25519)', sequence(sequence(objectIdentifier('1.3.101.110')), point)],
    ] as const)('are refused: %s', (_, spki) => {
      const bytes = withKey(leaf, spki, intermediate);
      expectRefused(judge([bytes, intermediate]), 'weak_key', 'bad_certificate', { position: 0 });
    });

    test('are accepted at the border', () => {
      for (const spki of [
        rsaKey(number(8192), good),
        rsaKey(number(2048), [3]),
        rsaKey(number(2048), [0, 255, 255, 255, 255]),
      ]) {
        expectTrusted(judge([withKey(leaf, spki, intermediate), intermediate]));
      }
    });

    test('are not even computed with: an authority’s is looked at before it verifies anything', () => {
      const huge = withKey(intermediate, rsaKey(number(8200), good), root);
      expectRefused(judge([leaf, huge]), 'weak_key', 'bad_certificate', { position: 1 });
    });
  });
});

describe('authorities', () => {
  test('must say CA:TRUE', async () => {
    for (const ca of [false, 'absent'] as const) {
      expectRefused(judge(await chainThrough({ ca })), 'not_a_ca', 'bad_certificate', { position: 1 });
    }
  });

  test('are no ordinary certificates, not even trusted ones', async () => {
    const below = await serverCertificate(leaf, { names: ['www.example.org'] });
    expectRefused(judge([below, leaf, intermediate]), 'not_a_ca', 'bad_certificate', { position: 1 });
    expectRefused(judge([below], { ca: [leaf] }), 'not_a_ca', 'bad_certificate', { position: 1 });
  });

  test('must have keyCertSign where they have a keyUsage', async () => {
    expectRefused(
      judge(await chainThrough({ keyUsage: ['cRLSign'] })),
      'key_usage',
      'unsupported_certificate',
      {
        position: 1,
      },
    );
    expectTrusted(judge(await chainThrough({ keyUsage: [] })));
  });

  test('must be for the purpose where they have an extKeyUsage', async () => {
    const forClients = await chainThrough({ extendedKeyUsage: ['clientAuth'] });
    expectRefused(judge(forClients), 'extended_key_usage', 'unsupported_certificate', { position: 1 });
    expectTrusted(judge(await chainThrough({ extendedKeyUsage: ['clientAuth', 'serverAuth'] })));
    expectTrusted(judge(await chainThrough({ extendedKeyUsage: ['any'] })));
  });

  test('have no more below them than pathLenConstraint says, the self-issued aside', async () => {
    const top = await rootCertificate({ pathLength: 1 });
    const first = await intermediateCertificate(top, { subject: 'CN=First' });
    const rolledOver = await intermediateCertificate(first, {
      subject: 'CN=First',
      key: testKey('p256', 'new'),
    });
    const second = await intermediateCertificate(rolledOver, { subject: 'CN=Second' });
    const names = ['www.example.org'];
    const fine = await serverCertificate(rolledOver, { names });
    expectTrusted(judge([fine, rolledOver, first], { ca: [top] }));
    const tooMany = await serverCertificate(second, { names });
    const verdict = judge([tooMany, second, rolledOver, first], { ca: [top] });
    expectRefused(verdict, 'path_too_long', 'bad_certificate', { subject: 'CN=Test Root', position: 4 });
    const none = await intermediateCertificate(root, { subject: 'CN=None', pathLength: 0 });
    expectTrusted(judge([await serverCertificate(none, { names }), none]));
  });

  test('are at most nine, and sixty-four certificates are read', async () => {
    const chain: TestCertificate[] = [];
    let issuer = root;
    for (let i = 1; i <= 9; i++) {
      issuer = await intermediateCertificate(issuer, { subject: `CN=Level ${i}` });
      chain.unshift(issuer);
    }
    const names = ['www.example.org'];
    const deep = await serverCertificate(issuer, { names });
    expectRefused(judge([deep, ...chain]), 'path_too_long', 'bad_certificate');
    const shallower = await serverCertificate(chain[1]!, { names });
    expectTrusted(judge([shallower, ...chain]));
    const many = [leaf, intermediate, ...new Array<TestCertificate>(63).fill(root)];
    expectRefused(judge(many), 'path_too_long', 'bad_certificate');
    expectTrusted(judge(many.slice(0, 64)));
  });
});

describe('the leaf', () => {
  test('must have digitalSignature where it has a keyUsage', async () => {
    const chain = await leafWith({ keyUsage: ['keyEncipherment', 'keyAgreement'] });
    expectRefused(judge(chain), 'key_usage', 'unsupported_certificate', { position: 0 });
    expectTrusted(judge(await leafWith({ keyUsage: [] })));
  });

  test('must be for the purpose where it has an extKeyUsage', async () => {
    for (const usage of ['clientAuth', 'any', '1.3.6.1.5.5.7.3.3']) {
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
    expectRefused(judge([again], { ca: [own] }), 'not_acceptable', 'certificate_unknown');
  });
});

describe('critical extensions', () => {
  const unknown = extension('1.3.6.1.4.1.99999.1', true, sequence());

  test('that nobody knows are refused in every certificate', async () => {
    const refused = ['critical_extension', 'unsupported_certificate'] as const;
    const error = expectRefused(judge(await leafWith({ extensions: [unknown] })), ...refused, {
      position: 0,
    });
    expect(error.message).toContain('1.3.6.1.4.1.99999.1');
    expectRefused(judge(await chainThrough({ extensions: [unknown] })), ...refused, { position: 1 });
    const odd = await rootCertificate({ extensions: [unknown] });
    const below = await serverCertificate(odd, { names: ['www.example.org'] });
    expectRefused(judge([below], { ca: [odd] }), ...refused, { position: 1 });
    const own = await selfSignedCertificate({ names: ['www.example.org'], extensions: [unknown] });
    expectRefused(judge([own], { ca: [own] }), ...refused, { position: 0 });
  });

  test('that are not critical are nobody’s business', async () => {
    const harmless = extension('1.3.6.1.4.1.99999.1', false, sequence());
    expectTrusted(judge(await leafWith({ extensions: [harmless] })));
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
    ['www.example.org', 'example.org', false],
    ['example.org', 'www.example.org', false],
    ['www.example.org', 'www.example.org.evil.example', false],
    ['www.example.org', '', false],
    ['www.example.org', '.', false],
    ['*.example.org', 'www.example.org', true],
    ['*.example.org', 'WWW.EXAMPLE.ORG', true],
    ['*.example.org', 'xn--bcher-kva.example.org', true],
    ['*.example.org', 'example.org', false],
    ['*.example.org', '.example.org', false],
    ['*.example.org', 'a.b.example.org', false],
    ['*.example.org', '*.example.org', false],
    ['w*.example.org', 'www.example.org', false],
    ['*w.example.org', 'www.example.org', false],
    ['www.*.org', 'www.example.org', false],
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

  test('an address matches no dNSName, and a DNS name no iPAddress', async () => {
    const dns = (text: string) => extension('2.5.29.17', false, sequence(der(0x82, ascii(text))));
    const verdict = judge(await leafWith({ names: [], extensions: [dns('192.0.2.7')] }), {
      host: '192.0.2.7',
    });
    expectRefused(verdict, 'name_mismatch', 'bad_certificate');
    const wildcard = judge(await leafWith({ names: [], extensions: [dns('*.0.2.7')] }), {
      host: '192.0.2.7',
    });
    expectRefused(wildcard, 'name_mismatch', 'bad_certificate');
    const address = extension('2.5.29.17', false, sequence(der(0x87, ascii('abcd'))));
    expectRefused(
      judge(await leafWith({ names: [], extensions: [address] }), { host: 'abcd' }),
      'name_mismatch',
      'bad_certificate',
    );
  });

  test('is never the subject’s CN, and never text that only looks like one', async () => {
    const common = await leafWith({ subject: 'CN=www.example.org', names: [] });
    expectRefused(judge(common), 'name_mismatch', 'bad_certificate');
    for (const text of [
      'other.example, DNS:www.example.org',
      'www.example.org\0.evil.example',
      ' www.example.org',
    ]) {
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
    [['example.org'], [], ['www.example.org'], true],
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
    [[], ['example.com'], ['www.example.org'], true],
    [[], ['example.org'], ['www.example.org'], false],
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
    [[[192, 0, 2, 0, 255, 255, 255, 0]], [], '192.0.2.7', true],
    [[[192, 0, 3, 0, 255, 255, 255, 0]], [], '192.0.2.7', false],
    [[[192, 0, 2, 0, 255, 0, 255, 0]], [], '192.0.2.7', false],
    [[[192, 0, 2, 7]], [], '192.0.2.7', false],
    [[], [[192, 0, 2, 0, 255, 255, 255, 0]], '192.0.2.7', false],
    [[], [[192, 0, 3, 0, 255, 255, 255, 0]], '192.0.2.7', true],
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

  test('is refused for its extensions: twice, empty, in version 1, or with other contents than theirs', () => {
    expectTrusted(judge([withExtensions(name), intermediate]));
    expectMalformed(withExtensions(name, name));
    expectMalformed(withExtensions());
    expectMalformed(edited((fields) => fields.slice(1)));
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

  test('is refused where the signed algorithm is not the one it is signed with', () => {
    const [tbs, , signature] = children(leaf.der);
    expectMalformed(sequence(tbs!, sequence(objectIdentifier('1.2.840.10045.4.3.3')), signature!));
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
      Buffer.from(x509Trust(options).fingerprint).toString('hex');
    const one = print({ purpose: 'server', ca: [root.pem, intermediate.der] });
    expect(one).toHaveLength(64);
    expect(print({ purpose: 'server', ca: `${intermediate.pem}\n${root.pem}${root.pem}` })).toBe(one);
    expect(print({ purpose: 'server', ca: root.pem })).not.toBe(one);
    expect(print({ purpose: 'client', ca: [root.pem, intermediate.der] })).not.toBe(one);
    expect(print({ purpose: 'server' })).not.toBe(one);
    expect(print({ purpose: 'server' })).toBe(print({ purpose: 'server' }));
  });

  test('does not judge for another purpose than its own', () => {
    const policy = x509Trust({ purpose: 'server', ca: root.pem });
    const verdict = policy.verify({ ...chain(), purpose: 'client' }, context) as TrustVerdict;
    expectRefused(verdict, 'not_acceptable', 'certificate_unknown');
  });

  test('keeps its anchors, whatever happens to the bytes they came in', () => {
    const bytes = Uint8Array.from(root.der);
    const policy = x509Trust({ purpose: 'server', ca: bytes });
    bytes.fill(0);
    expectTrusted(policy.verify({ ...chain(), purpose: 'server' }, context) as TrustVerdict);
  });

  test('refuses what cannot be an anchor at the call', () => {
    const usage = (ca: unknown, pattern: RegExp): void => {
      expect(() => x509Trust({ purpose: 'server', ca: ca as string })).toThrow(TlsUsageError);
      expect(() => x509Trust({ purpose: 'server', ca: ca as string })).toThrow(pattern);
    };
    usage([], /at least one/);
    usage('', /empty/);
    usage('ca.pem', /path/);
    usage(42, /PEM/);
    usage([root.pem, 42], /ca\[1\]/);
    usage([root.pem, root.keyPem], /ca\[1\].*PRIVATE KEY/);
    usage(root.der.subarray(0, 200), /ca, certificate 1/);
    expect(() => x509Trust({ purpose: 'client' })).toThrow(/authorities of your clients/);
    expect(() => x509Trust({ purpose: 'anybody' as 'client', ca: root.pem })).toThrow(TlsUsageError);
  });

  test('by default trusts the roots of Node, all of which it can read, and nobody else', () => {
    const policy = x509Trust({ purpose: 'server' });
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
    expect(defaultTrustAnchors().count).toBe(judged);
  });
});

function zeros(count: number): readonly number[] {
  return new Array<number>(count).fill(0);
}
