import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { ascii, der, objectIdentifier, sequence } from '../test/support/der.ts';
import { publicKeyOf, rawExtension } from '../test/support/raw-certificates.ts';

export type KeyKind = 'ECDSA P-256' | 'RSA-2048';

export interface Signer {
  readonly kind: KeyKind;
  readonly key: KeyObject;
  readonly name: Uint8Array;
  /** DER. */
  readonly certificate: Uint8Array;
}

/** A self-signed authority. */
export function newAnchor(kind: KeyKind): Signer {
  return newAuthority({
    kind,
    key: newKey(kind),
    name: distinguishedName('Example Root'),
    certificate: ascii(''),
  });
}

/** An authority under `issuer`. */
export function newIntermediate(issuer: Signer): Signer {
  return newAuthority(issuer, distinguishedName('Example Intermediate'), newKey(issuer.kind));
}

function newAuthority(issuer: Signer, name = issuer.name, key = issuer.key): Signer {
  const extensions = [
    rawExtension('2.5.29.15', true, der(0x03, Uint8Array.of(1, 0x06))),
    rawExtension('2.5.29.19', true, sequence(der(0x01, Uint8Array.of(0xff)))),
    rawExtension('2.5.29.14', false, der(0x04, keyIdentifier(key))),
    rawExtension('2.5.29.35', false, sequence(der(0x80, keyIdentifier(issuer.key)))),
  ];
  const certificate = newCertificate(issuer, name, key, extensions);
  return { kind: issuer.kind, key, name, certificate };
}

/** With the ten extensions that a server's certificate from a public authority has. */
export function newLeaf(issuer: Signer, host: string): Uint8Array {
  const dns = [host, `www.${host}`].map((name) => der(0x82, ascii(name)));
  const uri = (text: string): Uint8Array => der(0x86, ascii(text));
  const place = sequence(der(0xa0, der(0xa0, uri('http://crl.example.org/intermediate/12.crl'))));
  const access = (last: number, text: string): Uint8Array =>
    sequence(objectIdentifier(`1.3.6.1.5.5.7.48.${last}`), uri(text));
  const purposes = [1, 2].map((last) => objectIdentifier(`1.3.6.1.5.5.7.3.${last}`));
  return newCertificate(issuer, sequence(attribute('2.5.4.3', host)), leafKey(issuer.kind), [
    rawExtension('2.5.29.15', true, der(0x03, Uint8Array.of(7, 0x80))),
    rawExtension('2.5.29.37', false, sequence(...purposes)),
    rawExtension('2.5.29.19', true, sequence()),
    rawExtension('2.5.29.14', false, der(0x04, keyIdentifier(leafKey(issuer.kind)))),
    rawExtension('2.5.29.35', false, sequence(der(0x80, keyIdentifier(issuer.key)))),
    rawExtension(
      '1.3.6.1.5.5.7.1.1',
      false,
      sequence(access(1, 'http://ocsp.example.org'), access(2, 'http://ca.example.org/intermediate.der')),
    ),
    rawExtension('2.5.29.17', false, sequence(...dns)),
    rawExtension('2.5.29.32', false, sequence(sequence(objectIdentifier('2.23.140.1.2.1')))),
    rawExtension('2.5.29.31', false, sequence(place)),
    // Two signed certificate timestamps (RFC 6962).
    rawExtension('1.3.6.1.4.1.11129.2.4.2', false, der(0x04, randomBytes(242))),
  ]);
}

function newCertificate(
  issuer: Signer,
  subject: Uint8Array,
  key: KeyObject,
  extensions: readonly Uint8Array[],
): Uint8Array {
  const algorithm =
    issuer.kind === 'RSA-2048'
      ? sequence(objectIdentifier('1.2.840.113549.1.1.11'), der(0x05))
      : sequence(objectIdentifier('1.2.840.10045.4.3.2'));
  const signed = sequence(
    der(0xa0, der(0x02, Uint8Array.of(2))),
    der(0x02, Uint8Array.of(3, ...randomBytes(17))),
    algorithm,
    issuer.name,
    sequence(der(0x17, ascii('240101000000Z')), der(0x17, ascii('490101000000Z'))),
    subject,
    publicKeyOf(key),
    der(0xa3, sequence(...extensions)),
  );
  return sequence(signed, algorithm, der(0x03, Uint8Array.of(0), sign('sha256', signed, issuer.key)));
}

const leafKeys = new Map<KeyKind, KeyObject>();

/** Of every leaf: making RSA keys takes longer than all that is measured. */
export function leafKey(kind: KeyKind): KeyObject {
  const key = leafKeys.get(kind) ?? newKey(kind);
  leafKeys.set(kind, key);
  return key;
}

/** Authorities are looked for by it. */
function keyIdentifier(key: KeyObject): Uint8Array {
  return createHash('sha1').update(publicKeyOf(key)).digest();
}

function newKey(kind: KeyKind): KeyObject {
  return kind === 'RSA-2048'
    ? generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
    : generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
}

function distinguishedName(commonName: string): Uint8Array {
  return sequence(
    attribute('2.5.4.6', 'CH', 0x13),
    attribute('2.5.4.10', 'Example Trust Services'),
    attribute('2.5.4.3', commonName),
  );
}

function attribute(oid: string, text: string, tag = 0x0c): Uint8Array {
  return der(0x31, sequence(objectIdentifier(oid), der(tag, ascii(text))));
}
