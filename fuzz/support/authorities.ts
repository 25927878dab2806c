import { createPublicKey, type KeyObject } from 'node:crypto';
import { equalBytes } from '../../src/base/bytes.ts';
import {
  type SignatureOverride,
  type TestCertificate,
  testCertificate,
} from '../../test/support/certificates.ts';
import { der, objectIdentifier, sequence } from '../../test/support/der.ts';
import {
  authority,
  commonName,
  dnsNames,
  rawCertificate,
  rawExtension,
} from '../../test/support/raw-certificates.ts';
import { seededEd25519Key } from '../../test/support/seeded-provider.ts';

/** The time at which chains are judged. */
export const now: number = Date.parse('2026-06-01T00:00:00Z');

export const ed25519: SignatureOverride = {
  algorithm: sequence(objectIdentifier('1.3.101.112')),
  hash: undefined,
};

const names = ['root', 'intermediate', 'leaf', 'responder'] as const;
type Name = (typeof names)[number];

/** Keys that are the same each time, so that what was signed with them is. */
const keys = Object.fromEntries(names.map((name) => [name, seededEd25519Key(`fuzz ${name}`)])) as Readonly<
  Record<Name, KeyObject>
>;

const signing = rawExtension('2.5.29.15', true, der(0x03, Uint8Array.of(7, 0x80)));
const purpose = (last: string): Uint8Array =>
  rawExtension('2.5.29.37', false, sequence(objectIdentifier(`1.3.6.1.5.5.7.3.${last}`)));

function make(name: Name, issuer: Name, serial: number, extensions: readonly Uint8Array[]): TestCertificate {
  const bytes = rawCertificate({
    subject: commonName(name),
    issuer: commonName(issuer),
    key: keys[name],
    signer: keys[issuer],
    extensions,
    serialNumber: Uint8Array.of(serial),
  });
  return testCertificate(bytes, keys[name], `CN=${name}`);
}

export const root: TestCertificate = make('root', 'root', 1, [authority]);
export const intermediate: TestCertificate = make('intermediate', 'root', 2, [
  authority,
  // keyCertSign and cRLSign.
  rawExtension('2.5.29.15', true, der(0x03, Uint8Array.of(1, 0x06))),
]);
export const host = 'www.example.org';
export const leaf: TestCertificate = make('leaf', 'intermediate', 3, [
  dnsNames(host, '*.example.net'),
  signing,
  purpose('1'),
]);
export const responder: TestCertificate = make('responder', 'intermediate', 4, [signing, purpose('9')]);

const known = Object.values(keys).map((key) => ({
  key,
  publicKey: new Uint8Array(createPublicKey(key).export({ format: 'der', type: 'spki' })),
}));

/** The private key of a DER SubjectPublicKeyInfo, if it is one of ours. */
export function privateKeyOf(publicKey: Uint8Array): KeyObject | undefined {
  return known.find((one) => equalBytes(one.publicKey, publicKey))?.key;
}
