import { beforeAll, describe, expect, test } from 'vitest';
import { TlsUsageError } from '../../src/base/errors.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import type { TrustVerdict } from '../../src/handshake/identity.ts';
import { loadIdentity } from '../../src/net/identity.ts';
import { x509Trust } from '../../src/net/trust.ts';
import { verifyCertificates } from '../../src/net/verify-certificates.ts';
import {
  extension,
  intermediateCertificate,
  pemChain,
  serverCertificate,
  type TestCertificate,
  testKey,
} from '../support/certificates.ts';
import { makeCrl } from '../support/crl.ts';
import { der, sequence } from '../support/der.ts';
import { errorResponse, makeOcspResponse, revoked, singleStatus, unknown } from '../support/ocsp.ts';
import { countingProvider, host, judge, refuses, response } from '../support/stapled.ts';
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

let stapledLeaf: TestCertificate;

/** TLSFeature (RFC 7633) with status_request. */
const mustStaple = extension('1.3.6.1.5.5.7.1.24', false, sequence(der(0x02, Uint8Array.of(5))));

beforeAll(async () => {
  await makeChain();
  stapledLeaf = await serverCertificate(intermediate, { names: [host], extensions: [mustStaple] });
});

describe('what a server promises (RFC 7633)', () => {
  test('it keeps, or is refused', () => {
    const chain = [stapledLeaf, intermediate];
    const verdict = judge([], { chain });
    const error = expectRefused(verdict, 'missing_ocsp_response', 'bad_certificate_status_response', {
      position: 0,
    });
    expect(error.message).toMatch(/"CN=Test Server" promises one \("must-staple"\)/);
    expectTrusted(judge([makeOcspResponse(stapledLeaf, intermediate)], { chain }));
  });

  test('an authority promises for all below it', async () => {
    const promising = await intermediateCertificate(root, { extensions: [mustStaple] });
    const below = await serverCertificate(promising, { names: [host] });
    const chain = [below, promising];
    expectRefused(judge([], { chain }), 'missing_ocsp_response', 'bad_certificate_status_response');
    expectTrusted(judge([makeOcspResponse(below, promising)], { chain }));
  });

  test('nothing, with a list of other features, or as a client', async () => {
    const other = extension('1.3.6.1.5.5.7.1.24', false, sequence(der(0x02, Uint8Array.of(17))));
    const chain = [
      await serverCertificate(intermediate, { names: [host], extensions: [other] }),
      intermediate,
    ];
    expectTrusted(judge([], { chain }));
    const client = await serverCertificate(intermediate, {
      extendedKeyUsage: ['clientAuth'],
      extensions: [mustStaple],
    });
    expectTrusted(judge([], { chain: [client, intermediate], purpose: 'client' }));
  });
});

describe('revocation.stapledResponses', () => {
  test('require wants one from everybody', () => {
    const revocation = { stapledResponses: 'require' } as const;
    const verdict = judge([undefined, makeOcspResponse(intermediate, root)], { revocation });
    expectRefused(verdict, 'missing_ocsp_response', 'bad_certificate_status_response', { position: 0 });
    expectTrusted(judge([response()], { revocation }));
  });

  test('ignore takes no notice of any', () => {
    const revocation = { stapledResponses: 'ignore' } as const;
    expectTrusted(judge([response({ status: revoked(new Date(now - hour)) })], { revocation }));
    expectTrusted(judge([], { revocation, chain: [stapledLeaf, intermediate] }));
  });

  test('an intermediate may have one too', () => {
    const status = revoked(new Date(now - hour));
    const verdict = judge([undefined, makeOcspResponse(intermediate, root, { status })]);
    expectRefused(verdict, 'revoked', 'certificate_revoked', { position: 1 });
    expectTrusted(judge([response(), makeOcspResponse(intermediate, root)]));
  });

  test('a response is as good as a list where nothing must be unknown', () => {
    const revocation = { crls: makeCrl(root) };
    expectRefused(judge([], { revocation }), 'revocation_unknown', 'certificate_unknown', { position: 0 });
    expectTrusted(judge([response()], { revocation }));
    const strict = { unknownStatus: 'refuse' } as const;
    expectRefused(judge([response()], { revocation: strict }), 'revocation_unknown', 'certificate_unknown', {
      position: 1,
    });
    const old = response({ nextUpdate: new Date(now) });
    expectRefused(judge([old], { revocation }), 'revocation_unknown', 'certificate_unknown', { position: 0 });
    // Where both know something, both count.
    const lists = { crls: [makeCrl(root), makeCrl(intermediate, { revoked: [leaf] })] };
    expectRefused(judge([response()], { revocation: lists }), 'revoked', 'certificate_revoked');
  });
});

test('where an intermediate is revoked, another path is taken', async () => {
  const other = await intermediateCertificate(root, { key: intermediate.key });
  for (const chain of [
    [leaf, intermediate, other],
    [leaf, other, intermediate],
  ]) {
    const crls = [makeCrl(intermediate), makeCrl(root, { revoked: [intermediate] })];
    expectTrusted(judge([], { chain, revocation: { crls } }));
    const both = [makeCrl(intermediate), makeCrl(root, { revoked: [intermediate, other] })];
    expectRefused(judge([], { chain, revocation: { crls: both } }), 'revoked', 'certificate_revoked', {
      position: 1,
    });
  }
});

test('many paths and a response that settles nothing cost no more than a few paths', async () => {
  let issuer = root;
  const layers: TestCertificate[] = [];
  for (let layer = 0; layer < 6; layer++) {
    const options = { subject: `CN=Layer ${layer}`, key: testKey('p256', `layer ${layer}`) };
    const same = await Promise.all([1, 2, 3, 4].map(() => intermediateCertificate(issuer, options)));
    layers.unshift(...same);
    issuer = same[0]!;
  }
  const own = await serverCertificate(issuer, { names: [host] });
  const one = singleStatus(own, issuer, { status: unknown, nextUpdate: 'absent' });
  const hopeless = makeOcspResponse(own, issuer, {
    others: Array(90).fill(one),
    responder: root,
    certificates: [],
  });
  let verified = 0;
  let hashed = 0;
  const counting = countingProvider({ onVerify: () => (verified += 1), onHash: () => (hashed += 1) });
  const policy = x509Trust({ ca: root.pem, purpose: 'server' }, counting);
  const chain = [own, ...layers].map((certificate) => certificate.der);
  const peer = { chain, ocspResponses: [hopeless], purpose: 'server', host, now } as const;
  const verdict = policy.verify(peer, { signal: new AbortController().signal }) as TrustVerdict;
  expectRefused(verdict, 'bad_ocsp_response', 'bad_certificate_status_response', { position: 0 });
  expect(verified).toBeLessThanOrEqual(100);
  expect(hashed).toBeLessThanOrEqual(16 * 4);
  const pem = pemChain(own, ...layers);
  const verification = verifyCertificates(
    pem,
    { ca: root.pem, host, now, ocspResponse: hopeless },
    nodeCrypto,
  );
  if (verification.trusted) throw new Error('trusted');
  const whole = verification.attempts.filter(({ error }) => error.check === 'bad_ocsp_response');
  expect(whole).toHaveLength(16);
  const many = makeOcspResponse(own, issuer, { others: Array(100).fill(one) });
  refuses(many, /about more than 100 certificates/);
});

test('verifyCertificates takes a response, and without one no promise counts', () => {
  const options = { ca: root.pem, host, now };
  const chain = pemChain(stapledLeaf, intermediate);
  expect(verifyCertificates(chain, options, nodeCrypto).trusted).toBe(true);
  const status = revoked(new Date(now - hour));
  const ocspResponse = makeOcspResponse(stapledLeaf, intermediate, { status });
  const verdict = verifyCertificates(chain, { ...options, ocspResponse }, nodeCrypto);
  expect(verdict).toMatchObject({ trusted: false, error: { check: 'revoked' } });
  const revocation = { stapledResponses: 'check' } as const;
  expect(verifyCertificates(chain, { ...options, revocation }, nodeCrypto)).toMatchObject({
    trusted: false,
    error: { check: 'missing_ocsp_response' },
  });
  const undecided = { stapledResponses: undefined };
  expect(verifyCertificates(chain, { ...options, revocation: undecided }, nodeCrypto).trusted).toBe(true);
  for (const wrong of ['text', 5, {}, null])
    expect(() => verifyCertificates(chain, { ...options, ocspResponse: wrong as never }, nodeCrypto)).toThrow(
      /^ocspResponse: expected the bytes/,
    );
});

test('an identity takes a response about its leaf, or a function, and nothing else', () => {
  const load = (ocspResponse: unknown) => () =>
    loadIdentity({ cert: leaf.pem, key: leaf.keyPem, ocspResponse: ocspResponse as Uint8Array });
  expect(load(response())().ocspResponse).toBeInstanceOf(Uint8Array);
  expect(load(() => undefined)().ocspResponse).toBeTypeOf('function');
  for (const wrong of ['text', 5, errorResponse(3), leaf.der, makeOcspResponse(stapledLeaf, intermediate)]) {
    expect(load(wrong)).toThrow(TlsUsageError);
    expect(load(wrong)).toThrow(/^identity\.ocspResponse/);
  }
  const large = response({ certificates: Array(50).fill(leaf.der) });
  expect(load(large)).toThrow(/^identity\.ocspResponse: it has \d+ bytes, more than 16384/);
  const ready = { ...loadIdentity({ cert: leaf.pem, key: leaf.keyPem }), ocspResponse: 'text' as never };
  expect(() => loadIdentity(ready)).toThrow(/^identity\.ocspResponse: expected the bytes/);
});
