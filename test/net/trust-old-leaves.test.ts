import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import type { TrustVerdict } from '../../src/handshake/identity.ts';
import { type X509TrustOptions, x509Trust } from '../../src/net/trust.ts';
import { anchorsOf } from '../../src/pki/anchors.ts';
import { type Leniency, verifyChain } from '../../src/pki/verify.ts';
import { signatures, testKey } from '../support/certificates.ts';
import { makeCrl } from '../support/crl.ts';
import { ascii, children, der, objectIdentifier, sequence } from '../support/der.ts';
import {
  authority,
  commonName,
  dnsNames,
  newKey,
  publicKeyOf,
  type RawCertificate,
  rawCertificate,
  rawExtension,
} from '../support/raw-certificates.ts';
import { expectRefused, expectTrusted, now } from '../support/trust.ts';

const [rootKey, middleKey, leafKey] = [newKey(), newKey(), newKey()];
const [rootName, middleName] = [commonName('Root'), commonName('Middle')];
const leafName = commonName('www.example.org');
const version1 = new Uint8Array(0);

/** Of version 1, below the root, unless `parts` say otherwise. */
function made(parts: Partial<RawCertificate> = {}): Uint8Array {
  return rawCertificate({
    subject: leafName,
    issuer: rootName,
    key: leafKey,
    signer: rootKey,
    extensions: [],
    version: version1,
    ...parts,
  });
}

const version3 = { version: der(0xa0, der(2, Uint8Array.of(2))) };
const root = made({ subject: rootName, key: rootKey, extensions: [authority], ...version3 });
const oldRoot = made({ subject: rootName, key: rootKey });
const middle = made({ subject: middleName, key: middleKey, extensions: [authority], ...version3 });
const belowMiddle = { issuer: middleName, signer: middleKey };
const leaf = made();
const selfSigned = made({ issuer: leafName, signer: leafKey });

const lenient: Leniency = { namesCheckedBy: 'caller', version1: 'leaf' };

function judge(
  chain: readonly Uint8Array[],
  options: Partial<X509TrustOptions> = {},
  leniency: Leniency = lenient,
): TrustVerdict {
  const { purpose = 'server' } = options;
  const policy = x509Trust({ ca: [root], purpose, ...options }, nodeCrypto, leniency);
  const peer = { chain, purpose, host: undefined, now } as const;
  return policy.verify(peer, { signal: new AbortController().signal }) as TrustVerdict;
}

describe('where leaves may be of version 1, one is trusted', () => {
  test.each([
    ['below a root', [leaf], root],
    ['below a root of version 1', [leaf], oldRoot],
    ['below a root of version 1 that comes with it', [leaf, oldRoot], oldRoot],
    ['below an intermediate', [made(belowMiddle), middle], root],
    ['that is itself in `ca`', [selfSigned], selfSigned],
    ['that is itself in `ca`, twice', [selfSigned, selfSigned], selfSigned],
  ])('%s', (_, chain, ca) => {
    for (const purpose of ['server', 'client'] as const) expectTrusted(judge(chain, { ca, purpose }));
  });

  test('that no list has revoked, and whose key is pinned', () => {
    const pin = createHash('sha256').update(publicKeyOf(leafKey)).digest();
    expectTrusted(judge([leaf], { pins: [pin], revocation: { crls: list() } }));
  });
});

describe('where leaves may be of version 1, one is refused', () => {
  test('whose issuer is not known, or is itself', () => {
    const place = { position: 0 };
    expectRefused(judge([made(belowMiddle)]), 'unknown_issuer', 'unknown_ca', place);
    expectRefused(judge([selfSigned]), 'unknown_issuer', 'unknown_ca', place);
  });

  test('that another has issued, though a set has it: it can be no anchor', () => {
    const anchors = anchorsOf([leaf], nodeCrypto);
    const question = { anchors, chain: [leaf], purpose: 'server', host: undefined, now } as const;
    const asked = { ...question, provider: nodeCrypto };
    expect(() => verifyChain(asked, lenient)).toThrow(expect.objectContaining({ check: 'unknown_issuer' }));
  });

  test('that nobody has signed, or not well enough', () => {
    const forged = made({ signer: middleKey });
    const signer = testKey('p256', 'signer');
    const weak = made({ ...signatures.ecdsaWithSha1, signer: { key: signer, dsaEncoding: 'der' } });
    expectRefused(judge([forged]), 'bad_signature', 'bad_certificate', { position: 0 });
    expectRefused(judge([weak]), 'weak_signature', 'bad_certificate', { position: 0 });
  });

  test('with a weak key', () => {
    const weak = made({ key: publicKeyOf(testKey('rsa1024')) });
    expectRefused(judge([weak]), 'weak_key', 'bad_certificate', { position: 0 });
  });

  test('that has expired, also where it is itself in `ca`', () => {
    const validity = ['240101000000Z', '250101000000Z'].map((text) => der(0x17, ascii(text)));
    const parts = { validity: validity as [Uint8Array, Uint8Array] };
    expectRefused(judge([made(parts)]), 'expired', 'certificate_expired');
    const own = made({ issuer: leafName, signer: leafKey, ...parts });
    expectRefused(judge([own], { ca: own }), 'expired', 'certificate_expired');
  });

  test('that is revoked, or that no list is about', () => {
    const stolen = Uint8Array.of(7);
    const crls = list(stolen);
    const chain = [made({ serialNumber: stolen })];
    expectRefused(judge(chain, { revocation: { crls } }), 'revoked', 'certificate_revoked');
    expectRefused(
      judge([made(belowMiddle), middle], { revocation: { crls } }),
      'revocation_unknown',
      'certificate_unknown',
    );
  });

  test('with another key than the pinned ones', () => {
    const pins = [new Uint8Array(32)];
    expectRefused(judge([leaf], { pins }), 'pin_mismatch', 'certificate_unknown');
  });

  test('for every name, unless the caller compares names', () => {
    expectRefused(
      judge([leaf], {}, { ...lenient, namesCheckedBy: 'us' }),
      'name_mismatch',
      'bad_certificate',
    );
  });

  test('below an authority that may certify only some names', () => {
    const names = sequence(der(0xa0, sequence(der(0x82, ascii('example.org')))));
    const extensions = [authority, rawExtension('2.5.29.30', true, names)];
    const constrained = made({ subject: middleName, key: middleKey, extensions, ...version3 });
    const refused = judge([made(belowMiddle), constrained]);
    expectRefused(refused, 'not_acceptable', 'certificate_unknown', { position: 0 });
  });
});

describe('where leaves may be of version 1, it is still refused', () => {
  const unreadable = ['malformed', 'bad_certificate'] as const;
  const oldMiddle = made({ subject: middleName, key: middleKey });
  const below = made({ ...belowMiddle, ...version3, extensions: [dnsNames('www.example.org')] });

  test('as an intermediate, whoever has signed it, and whatever lies below', () => {
    for (const ca of [root, oldRoot]) {
      expectRefused(judge([below, oldMiddle], { ca }), ...unreadable, { position: 1 });
      expectRefused(judge([made(belowMiddle), oldMiddle], { ca }), ...unreadable, { position: 1 });
    }
  });

  test('as an intermediate that is trusted as a leaf, before and after', () => {
    expectTrusted(judge([oldMiddle]));
    expectRefused(judge([below, oldMiddle]), ...unreadable, { position: 1 });
    expectTrusted(judge([oldMiddle]));
    expectRefused(judge([oldMiddle, oldMiddle]), ...unreadable, { position: 1 });
  });

  test('as an intermediate with the name of the root that has signed it', () => {
    const heir = made({ subject: rootName, key: middleKey });
    const belowHeir = made({ signer: middleKey, ...version3, extensions: [dnsNames('www.example.org')] });
    expectTrusted(judge([heir]));
    expectRefused(judge([belowHeir, heir]), ...unreadable, { position: 1 });
    expectRefused(judge([belowHeir]), 'bad_signature', 'bad_certificate', { position: 0 });
  });

  test('as an authority with the name of a root, and another key', () => {
    const other = made({ subject: rootName, key: middleKey, signer: middleKey });
    expectRefused(judge([leaf, other]), ...unreadable, { position: 1 });
    expectRefused(judge([other]), 'bad_signature', 'bad_certificate', { position: 0 });
  });

  const number = (value: number): Uint8Array => der(0xa0, der(2, Uint8Array.of(value)));
  const identifier = (tag: number) => (fields: Uint8Array) =>
    sequence(...children(fields), der(tag, Uint8Array.of(0, 1)));
  test.each<[string, Partial<RawCertificate>]>([
    ['that says so, which DER does not', { version: number(0) }],
    ['with extensions', { extensions: [dnsNames('www.example.org')] }],
    ['with an identifier of its issuer', { edit: identifier(0x81) }],
    ['with an identifier of its subject', { edit: identifier(0x82) }],
    ['of version 2', { version: number(1) }],
    ['of version 2, with an identifier', { version: number(1), edit: identifier(0x82) }],
    ['of version 4', { version: number(3) }],
    ['with something behind it', { edit: (fields) => sequence(...children(fields), der(0x05)) }],
  ])('as a leaf %s', (_, parts) => {
    expectRefused(judge([made(parts)]), ...unreadable, { position: 0 });
    const own = made({ issuer: leafName, signer: leafKey, ...parts });
    expectRefused(judge([own]), ...unreadable, { position: 0 });
  });
});

describe('policies that take leaves of version 1, and others', () => {
  const strict: Leniency = { ...lenient, version1: 'nowhere' };

  test('do not learn from each other, in either order', () => {
    for (const chain of [[leaf], [made(belowMiddle), middle], [made()]]) {
      expectTrusted(judge(chain));
      expectRefused(judge(chain, {}, strict), 'malformed', 'bad_certificate', { position: 0 });
      expectTrusted(judge(chain));
    }
    const unmet = [made()];
    expectRefused(judge(unmet, {}, strict), 'malformed', 'bad_certificate', { position: 0 });
    expectTrusted(judge(unmet));
    expectRefused(judge(unmet, {}, strict), 'malformed', 'bad_certificate', { position: 0 });
  });

  test('do not resume each other’s sessions', () => {
    const options = { ca: [root], purpose: 'client' } as const;
    const fingerprints = [strict, strict, lenient].map((how) =>
      Buffer.from(x509Trust(options, nodeCrypto, how).fingerprint).toString('hex'),
    );
    expect(fingerprints[0]).toBe(fingerprints[1]);
    expect(fingerprints[2]).not.toBe(fingerprints[0]);
  });
});

/** The root's list, with these serial numbers. */
function list(...revoked: readonly Uint8Array[]): Uint8Array {
  return makeCrl(
    { name: rootName, key: rootKey },
    {
      revoked: revoked.map((serialNumber) => ({ serialNumber, extensions: [] })),
      signature: { algorithm: sequence(objectIdentifier('1.3.101.112')), hash: undefined },
    },
  );
}
