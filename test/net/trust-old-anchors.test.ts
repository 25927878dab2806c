import { describe, expect, test } from 'vitest';
import { TlsUsageError } from '../../src/base/errors.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import type { TrustVerdict } from '../../src/handshake/identity.ts';
import { x509Trust } from '../../src/net/trust.ts';
import { der } from '../support/der.ts';
import {
  authority,
  commonName,
  dnsNames,
  newKey,
  type RawCertificate,
  rawCertificate,
} from '../support/raw-certificates.ts';
import { expectRefused, expectTrusted, now } from '../support/trust.ts';

const [oldKey, middleKey, leafKey] = [newKey(), newKey(), newKey()];
const [oldName, middleName, leafName] = [commonName('Old Root'), commonName('Middle'), commonName('Leaf')];
const hosts = dnsNames('www.example.org');
const version1 = new Uint8Array(0);

function made(parts: Partial<RawCertificate>): Uint8Array {
  return rawCertificate({
    subject: leafName,
    issuer: oldName,
    key: leafKey,
    signer: oldKey,
    extensions: [],
    ...parts,
  });
}

const oldRoot = made({ subject: oldName, key: oldKey, version: version1 });
const leaf = made({ extensions: [hosts] });
const middle = made({ subject: middleName, key: middleKey, extensions: [authority] });
const below = made({ issuer: middleName, signer: middleKey, extensions: [hosts] });

function judge(
  chain: readonly Uint8Array[],
  ca: readonly Uint8Array[],
  host = 'www.example.org',
): TrustVerdict {
  const policy = x509Trust({ ca, purpose: 'server' }, nodeCrypto);
  const peer = { chain, purpose: 'server', host, now } as const;
  return policy.verify(peer, { signal: new AbortController().signal }) as TrustVerdict;
}

describe('a certificate of version 1 that names itself as its issuer', () => {
  test('is an anchor, since an anchor is a name and a key', () => {
    expectTrusted(judge([leaf], [oldRoot]));
    expectTrusted(judge([below, middle], [oldRoot]));
  });

  test('may be sent along by the peer', () => {
    expectTrusted(judge([below, middle, oldRoot], [oldRoot]));
    expectTrusted(judge([leaf, oldRoot], [oldRoot]));
  });

  test('is named to clients as an authority', () => {
    const { certificateAuthorities } = x509Trust({ ca: [oldRoot], purpose: 'client' }, nodeCrypto);
    expect(certificateAuthorities).toEqual([oldName]);
  });

  test('is nobody where it is not in `ca`', () => {
    const other = made({ subject: middleName, issuer: middleName, key: middleKey, version: version1 });
    expectRefused(judge([leaf, oldRoot], [other]), 'malformed', 'bad_certificate', { position: 1 });
  });

  test('vouches for nothing that it has not signed', () => {
    const forged = made({ extensions: [hosts], signer: middleKey });
    expectRefused(judge([forged], [oldRoot]), 'bad_signature', 'bad_certificate', { position: 0 });
  });

  test('expires', () => {
    const expired = made({
      subject: oldName,
      key: oldKey,
      version: version1,
      validity: [der(0x17, Buffer.from('240101000000Z')), der(0x17, Buffer.from('250101000000Z'))],
    });
    expectRefused(judge([leaf], [expired]), 'expired', 'certificate_expired', { position: 1 });
  });

  test('is no peer’s own, not even where it is in `ca`', () => {
    expectRefused(judge([oldRoot], [oldRoot], 'Old Root'), 'malformed', 'bad_certificate', { position: 0 });
  });
});

describe('a certificate of version 1 is refused', () => {
  const oldMiddle = made({ subject: middleName, key: middleKey, version: version1 });

  test('as an intermediate, whoever has signed it', () => {
    expectRefused(judge([below, oldMiddle], [oldRoot]), 'malformed', 'bad_certificate', { position: 1 });
  });

  test('as a peer’s own', () => {
    const oldLeaf = made({ version: version1 });
    expectRefused(judge([oldLeaf], [oldRoot]), 'malformed', 'bad_certificate', { position: 0 });
  });

  test.each([
    ['that another one has issued', { subject: middleName }],
    ['with extensions', { subject: oldName, extensions: [authority] }],
    ['that says so, which DER does not', { subject: oldName, version: der(0xa0, der(2, Uint8Array.of(0))) }],
    ['that says 2', { subject: oldName, version: der(0xa0, der(2, Uint8Array.of(1))) }],
  ])('as an anchor %s', (_what, parts) => {
    const anchor = made({ key: oldKey, version: version1, ...parts });
    expect(() => judge([leaf], [anchor])).toThrow(TlsUsageError);
  });
});

describe('a certificate of version 3 without extensions', () => {
  test('can be read, and is no authority', () => {
    const bare = made({ subject: middleName, key: middleKey });
    expectRefused(judge([below, bare], [oldRoot]), 'not_a_ca', 'bad_certificate', { position: 1 });
    expectRefused(judge([leaf], [made({ subject: oldName, key: oldKey })]), 'not_a_ca', 'bad_certificate');
  });

  test('has no name that a server could be known by', () => {
    expectRefused(judge([made({})], [oldRoot]), 'name_mismatch', 'bad_certificate', { position: 0 });
  });
});
