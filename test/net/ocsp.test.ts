import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { TrustVerdict } from '../../src/handshake/identity.ts';
import { x509Trust } from '../../src/net/trust.ts';
import {
  type CertificateOptions,
  extension,
  intermediateCertificate,
  serverCertificate,
  signatures,
  type TestCertificate,
  testKey,
} from '../support/certificates.ts';
import { crlExtension, makeCrl } from '../support/crl.ts';
import { der, sequence } from '../support/der.ts';
import {
  errorResponse,
  makeOcspResponse,
  type OcspOptions,
  responseOf,
  revoked,
  singleStatus,
  unknown,
} from '../support/ocsp.ts';
import {
  countingProvider,
  delegate,
  host,
  judge,
  refuses,
  response,
  saysNothing,
} from '../support/stapled.ts';
import {
  expectRefused,
  expectTrusted,
  hour,
  intermediate,
  leaf,
  makeChain,
  now,
  root,
} from '../support/trust.ts';

let responder: TestCertificate;

beforeAll(async () => {
  await makeChain();
  responder = await delegate();
});

describe('a response that came with the leaf', () => {
  test('that says good is taken, from the issuer and from its delegate, and holds to its end', () => {
    const end = Date.parse('2026-06-08T00:00:00Z');
    expect(expectTrusted(judge([response()]))).toBe(end);
    expect(expectTrusted(judge([response({ responder })]))).toBe(end);
    for (const responderId of ['byName', 'byKey'] as const)
      for (const hash of ['sha1', 'sha256'] as const) {
        expectTrusted(judge([response({ responderId, hash })]));
        expectTrusted(judge([response({ responder, responderId, hash })]));
      }
  });

  test('that says revoked refuses, and tells when and why, also when it is old', () => {
    const status = revoked(new Date('2026-04-01T00:00:00Z'), 1);
    const verdict = judge([response({ status })]);
    const error = expectRefused(verdict, 'revoked', 'certificate_revoked', { position: 0 });
    expect(error.message).toMatch(/revoked by its issuer on 2026-04-01T00:00:00.000Z \(keyCompromise\)/);
    const old = { status, nextUpdate: new Date('2026-05-31T12:00:00Z') };
    expectRefused(judge([response(old)]), 'revoked', 'certificate_revoked');
    const plain = response({ status: revoked(new Date('2026-04-01T00:00:00Z')) });
    expect(expectRefused(judge([plain]), 'revoked', 'certificate_revoked').message).toMatch(
      /\(unspecified\)/,
    );
  });

  test('that does not know it refuses; a responder that cannot answer says nothing', () => {
    refuses(response({ status: unknown }), /the responder does not know it/);
    saysNothing(errorResponse(3), /is a responder's error, and one is required here/);
    refuses(sequence(der(0x0a, Uint8Array.of(3)), der(0xa0, sequence())), /is not valid DER/);
    refuses(errorResponse(4), /a response status that does not exist/);
    refuses(sequence(der(0x0a, Uint8Array.of(0))), /is not valid DER/);
  });

  test('that is about others refuses; of several statuses its own counts, and revoked before good', async () => {
    const other = await serverCertificate(intermediate, { names: [host] });
    refuses(makeOcspResponse(other, intermediate), /is about other certificates/);
    // The same number, but another authority's: by name, and by key.
    const namesake = await intermediateCertificate(root, { key: testKey('p256', 'another') });
    refuses(responseFrom(singleStatus(leaf, { ...root, key: root.key })), /is about other certificates/);
    refuses(responseFrom(singleStatus(leaf, namesake)), /is about other certificates/);
    const renamed = await intermediateCertificate(root, { key: intermediate.key, subject: 'CN=Renamed' });
    refuses(responseFrom(singleStatus(leaf, renamed)), /is about other certificates/);
    refuses(response({ hash: 'sha512' }), /is about other certificates/);
    expectTrusted(judge([response({ others: [singleStatus(other, intermediate, { status: unknown })] })]));
    const twice = [singleStatus(leaf, intermediate, { status: revoked(new Date(now - hour)) })];
    expectRefused(judge([response({ others: twice })]), 'revoked', 'certificate_revoked');
  });

  test('has to be of this time, or says nothing', () => {
    const end = new Date('2026-06-01T00:00:00Z');
    saysNothing(response({ nextUpdate: end }), /not of this time: it is for \S+ to 2026-06-01T00:00:00.000Z/);
    expectTrusted(judge([response({ nextUpdate: end })], { now: now - 1 }));
    expect(expectTrusted(judge([response({ nextUpdate: end })]))).toBeGreaterThan(Date.parse('2048-01-01'));
    const backwards = response({ thisUpdate: new Date(now), nextUpdate: new Date(now - hour) });
    refuses(backwards, /a nextUpdate before thisUpdate/);
    // A clock that is a little behind is forgiven, and no more.
    expectTrusted(judge([response({ thisUpdate: new Date(now + 300_000) })]));
    saysNothing(response({ thisUpdate: new Date(now + 301_000) }), /not of this time/);
    // Without nextUpdate: a day.
    const thisUpdate = new Date(now - 24 * hour + 1_000);
    expect(expectTrusted(judge([response({ thisUpdate, nextUpdate: 'absent' })]))).toBe(now + 1_000);
    saysNothing(
      response({ thisUpdate: new Date(now - 24 * hour), nextUpdate: 'absent' }),
      /not of this time/,
    );
  });

  test('has to be signed, and by whom it says', () => {
    refuses(response({ signingKey: root.key }), /signed by nobody who may/);
    refuses(response({ responder, signingKey: intermediate.key }), /has a signature that does not verify/);
    refuses(response({ responder, certificates: [] }), /signed by nobody who may/);
    refuses(response({ responder: root, certificates: [root.der] }), /another authority has certified/);
    refuses(response({ signature: signatures.ecdsaWithSha1 }), /is signed with SHA-1 with ECDSA/);
    const bytes = response();
    bytes[bytes.length - 1]! ^= 1;
    refuses(bytes, /signed by nobody who may/);
  });

  test('with critical extensions that nobody understands refuses, with others not', () => {
    const nonce = (isCritical: boolean) => [crlExtension('1.3.6.1.5.5.7.48.1.2', isCritical, der(0x04))];
    expectTrusted(judge([response({ extensions: nonce(false), statusExtensions: nonce(false) })]));
    refuses(response({ extensions: nonce(true) }), /critical extensions that Tacit does not know/);
    refuses(response({ statusExtensions: nonce(true) }), /critical extensions that Tacit does not know/);
  });

  test('that is cut off or spoilt refuses', () => {
    const bytes = response({ responder, status: revoked(new Date(now - hour), 1) });
    for (let length = 1; length < bytes.length; length += 7)
      refuses(bytes.slice(0, length), /cannot be read: an OCSP response is not valid DER/);
    refuses(new Uint8Array([...bytes, 0]), /values behind its last one/);
    refuses(responseOf(sequence(sequence())), /is not valid DER/);
  });
});

/** A response with this status alone, signed by the intermediate. */
function responseFrom(status: Uint8Array): Uint8Array {
  const other = { ...leaf, der: root.der };
  return makeOcspResponse(other, intermediate, { others: [status] });
}
describe('a delegate of the issuer', () => {
  test.each<[string, CertificateOptions, RegExp]>([
    ['without the usage', { extendedKeyUsage: [] }, /not for that \(extKeyUsage OCSPSigning\)/],
    ['with any usage', { extendedKeyUsage: ['any', 'serverAuth'] }, /not for that/],
    ['that may not sign', { keyUsage: ['nonRepudiation'] }, /lacks digitalSignature/],
    ['that is an authority', { ca: true }, /which is an authority/],
    [
      'that may sign certificates',
      { keyUsage: ['digitalSignature', 'keyCertSign'] },
      /which is an authority/,
    ],
    ['that has expired', { notAfter: new Date('2026-05-01T00:00:00Z') }, /expired on/],
    ['that is not valid yet', { notBefore: new Date('2026-07-01T00:00:00Z') }, /valid from/],
    ['with a weak signature', { signature: signatures.ecdsaWithSha1 }, /signed with SHA-1/],
    ['with a weak key', { key: 'rsa1024' }, /1024 bits/],
    [
      'with an unknown critical extension',
      { extensions: [extension('1.2.3.4', true, der(0x05))] },
      /critical extensions/,
    ],
    ['whom another has signed', { signingKey: testKey('p256', 'x') }, /the issuer did not sign/],
  ])('%s is believed by nobody', async (_, options, why) => {
    const rsa = options.key === 'rsa1024' ? { signature: signatures.sha256WithRsa } : {};
    refuses(response({ responder: await delegate(options), ...rsa }), why);
  });

  test('is not the one in question', async () => {
    const names = [host];
    const extendedKeyUsage = ['serverAuth', '1.3.6.1.5.5.7.3.9'];
    const own = await serverCertificate(intermediate, { names, extendedKeyUsage });
    const again = await delegate({ key: own.key });
    for (const one of [own, again]) {
      const verdict = judge([makeOcspResponse(own, intermediate, { responder: one })], {
        chain: [own, intermediate],
      });
      const error = expectRefused(verdict, 'bad_ocsp_response', 'bad_certificate_status_response');
      expect(error.message).toMatch(/who is the one in question/);
    }
  });

  test('of the root is none of the intermediate', async () => {
    refuses(response({ responder: await delegate({}, root) }), /another authority has certified/);
  });

  test('is one without keyUsage too, and is found among others', async () => {
    const plain = await delegate({
      keyUsage: [],
      extensions: [extension('1.3.6.1.5.5.7.48.1.5', false, der(0x05))],
    });
    expectTrusted(judge([response({ responder: plain })]));
    const certificates = [sequence(), root.der, intermediate.der, responder.der];
    expectTrusted(judge([response({ responder, certificates })]));
  });

  test('who is on a list of the caller is believed no more', () => {
    const crls = [makeCrl(intermediate, { revoked: [responder] }), makeCrl(root)];
    const verdict = judge([response({ responder })], { revocation: { crls } });
    const error = expectRefused(verdict, 'bad_ocsp_response', 'bad_certificate_status_response');
    expect(error.message).toMatch(/a responder whose certificate is revoked/);
    expectTrusted(
      judge([response({ responder })], { revocation: { crls: [makeCrl(intermediate), makeCrl(root)] } }),
    );
  });

  test('costs no more than two tries, however many there are', async () => {
    const forged = await Promise.all(
      [1, 2, 3, 4].map((n) => delegate({ signingKey: testKey('p256', 'x'), key: testKey('p256', `${n}`) })),
    );
    let verified = 0;
    const counting = countingProvider({ onVerify: () => (verified += 1) });
    const certificates = [...forged.map((one) => one.der), responder.der];
    const policy = x509Trust({ ca: root.pem, purpose: 'server' }, counting);
    const peer = {
      chain: [leaf.der, intermediate.der],
      ocspResponses: [response({ responder, certificates })],
      purpose: 'server',
      host,
      now,
    } as const;
    const verdict = policy.verify(peer, { signal: new AbortController().signal }) as TrustVerdict;
    expectRefused(verdict, 'bad_ocsp_response', 'bad_certificate_status_response');
    expect(verified).toBeLessThanOrEqual(2 + 2);
  });
});
const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

test.skipIf(!hasOpenssl)('openssl says the same of responses (needs openssl)', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'tacit-ocsp-'));
  const file = (name: string, content: string | Uint8Array): string => {
    const path = join(directory, name);
    writeFileSync(path, content);
    return path;
  };
  // Times are compared with the clock of this machine there.
  const at = Date.now();
  const times = { thisUpdate: new Date(at - hour), nextUpdate: new Date(at + hour) };
  const about = (options: OcspOptions = {}) => response({ ...times, ...options });
  const cases: readonly Uint8Array[] = [
    about(),
    about({ responder }),
    about({ responder, responderId: 'byKey' }),
    about({ status: revoked(new Date(at - hour), 4) }),
    about({ status: unknown }),
    about({ nextUpdate: new Date(at - hour / 2) }),
    about({ thisUpdate: new Date(at + hour), nextUpdate: new Date(at + 2 * hour) }),
    about({ signingKey: root.key }),
    about({ responder: await delegate({ extendedKeyUsage: ['serverAuth'] }) }),
    about({ responder: await delegate({ signingKey: testKey('p256', 'x') }) }),
    about({ responder: await delegate({ notAfter: new Date(at - hour) }) }),
    about({ responder: await delegate({}, root) }),
    makeOcspResponse(await serverCertificate(intermediate), intermediate, times),
    errorResponse(3),
  ];
  const arguments_ = [
    ...['-issuer', file('intermediate.pem', intermediate.pem), '-cert', file('leaf.pem', leaf.pem)],
    ...[
      '-CAfile',
      file('root.pem', root.pem),
      '-verify_other',
      join(directory, 'intermediate.pem'),
      '-no_nonce',
    ],
  ];
  try {
    const theirs = cases.map((bytes, index) => {
      const { stdout, stderr, status } = spawnSync(
        'openssl',
        ['ocsp', '-respin', file(`${index}.der`, bytes), ...arguments_],
        { encoding: 'utf8' },
      );
      const isGood = /leaf\.pem: good/.test(stdout) && !/WARNING/.test(stdout);
      return isGood && status === 0 && /Response verify OK/.test(stderr);
    });
    const revocation = { stapledResponses: 'require' } as const;
    const ours = cases.map((bytes) => judge([bytes], { now: at, revocation }).trusted);
    expect(theirs).toEqual(ours);
    expect(ours.filter((trusted) => trusted)).toHaveLength(3);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
