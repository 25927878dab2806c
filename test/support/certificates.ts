import 'reflect-metadata';
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  webcrypto,
} from 'node:crypto';
import { isIP } from 'node:net';
import * as x509 from '@peculiar/x509';
import { children, der, objectIdentifier, sequence } from './der.ts';
import { rsaTestKeys } from './rsa-test-keys.ts';

x509.cryptoProvider.set(webcrypto);

/** A certificate with its key, in every form that a test may want. */
export interface TestCertificate {
  readonly der: Uint8Array;
  readonly pem: string;
  readonly key: KeyObject;
  /** PKCS #8. */
  readonly keyPem: string;
  /** The distinguished name as it was given. */
  readonly subject: string;
}

export type TestKeyType =
  | 'p256'
  | 'p384'
  | 'p521'
  | 'secp256k1'
  | 'ed25519'
  | 'ed448'
  | 'rsa2048'
  | 'rsa2048Other'
  | 'rsa1024'
  | 'rsaPss2048';

export type TestKeyUsage = keyof typeof x509.KeyUsageFlags;

/** What a test certificate says. What is left out takes the value that a well-made certificate of its kind has. */
export interface CertificateOptions {
  readonly subject?: string;
  /** Who signs; absent: itself. */
  readonly issuer?: TestCertificate | undefined;
  /** A type makes a key pair of its own; a KeyObject is used as it is. Default: p256. */
  readonly key?: TestKeyType | KeyObject;
  /** DNS names and IP addresses for subjectAltName. Empty: no extension. */
  readonly names?: readonly string[];
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  /** basicConstraints; 'absent' leaves the extension out. */
  readonly ca?: boolean | 'absent';
  readonly pathLength?: number;
  /** Empty: no extension. */
  readonly keyUsage?: readonly TestKeyUsage[];
  /** Object identifiers, or `serverAuth`, `clientAuth`, `any`. Empty: no extension. */
  readonly extendedKeyUsage?: readonly string[];
  /** Extensions as they are (see `extension`), behind the others. */
  readonly extensions?: readonly x509.Extension[];
  /** Leaves subjectKeyIdentifier and authorityKeyIdentifier out. */
  readonly withoutKeyIdentifiers?: boolean;
  /** Signs with this key, whatever the issuer's is. */
  readonly signingKey?: KeyObject;
  /** Signs like this, whatever fits the key. */
  readonly signature?: SignatureOverride;
}

/** A signature that a certificate generator would refuse to make. */
export interface SignatureOverride {
  /** The DER AlgorithmIdentifier that the certificate names. */
  readonly algorithm: Uint8Array;
  /** The hash that node:crypto signs with; undefined for Ed25519 and Ed448. */
  readonly hash: string | undefined;
}

/** Valid at any time at which these tests run. */
export const notBefore: Date = new Date('2024-01-01T00:00:00Z');
export const notAfter: Date = new Date('2049-01-01T00:00:00Z');

/** A root: self-signed, CA:TRUE, keyCertSign. */
export function rootCertificate(options: CertificateOptions = {}): Promise<TestCertificate> {
  return makeCertificate({
    subject: 'CN=Test Root',
    ca: true,
    keyUsage: ['keyCertSign', 'cRLSign'],
    ...options,
  });
}

/** A CA below `issuer`. */
export function intermediateCertificate(
  issuer: TestCertificate,
  options: CertificateOptions = {},
): Promise<TestCertificate> {
  return makeCertificate({
    subject: 'CN=Test Intermediate',
    issuer,
    ca: true,
    keyUsage: ['keyCertSign', 'cRLSign'],
    ...options,
  });
}

/** A server's leaf below `issuer`, by default for `localhost` and both loopback addresses. */
export function serverCertificate(
  issuer: TestCertificate | undefined,
  options: CertificateOptions = {},
): Promise<TestCertificate> {
  return makeCertificate({
    subject: 'CN=Test Server',
    issuer,
    names: ['localhost', '127.0.0.1', '::1'],
    ca: false,
    keyUsage: ['digitalSignature'],
    extendedKeyUsage: ['serverAuth'],
    ...options,
  });
}

/** A client's leaf below `issuer`. */
export function clientCertificate(
  issuer: TestCertificate | undefined,
  options: CertificateOptions = {},
): Promise<TestCertificate> {
  return serverCertificate(issuer, {
    subject: 'CN=Test Client',
    names: ['client.example'],
    extendedKeyUsage: ['clientAuth'],
    ...options,
  });
}

/** What everybody's first self-signed certificate looks like: CA:TRUE, no keyUsage, no EKU. */
export function selfSignedCertificate(options: CertificateOptions = {}): Promise<TestCertificate> {
  return makeCertificate({
    subject: 'CN=localhost',
    names: ['localhost', '127.0.0.1', '::1'],
    ca: true,
    ...options,
  });
}

/** The PEM of several certificates, leaf first. */
export function pemChain(...certificates: readonly TestCertificate[]): string {
  return certificates.map((certificate) => certificate.pem).join('');
}

/** Any certificate, with nothing in it but what `options` say. */
export async function makeCertificate(options: CertificateOptions): Promise<TestCertificate> {
  const { subject = 'CN=Test', issuer } = options;
  const key = typeof options.key === 'object' ? options.key : testKey(options.key ?? 'p256', subject);
  const issuerKey = options.signingKey ?? issuer?.key ?? key;
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
  const issuerSpki = createPublicKey(issuer?.key ?? key).export({ format: 'der', type: 'spki' });
  const { cryptoKey, algorithm } = await signingKeyFor(issuerKey);
  const certificate = await x509.X509CertificateGenerator.create({
    subject,
    issuer: issuer?.subject ?? subject,
    notBefore: options.notBefore ?? notBefore,
    notAfter: options.notAfter ?? notAfter,
    publicKey: spki,
    extensions: await extensionsFor(options, spki, issuer === undefined ? undefined : issuerSpki),
    signingKey: cryptoKey,
    signingAlgorithm: algorithm,
  });
  let bytes: Uint8Array = new Uint8Array(certificate.rawData);
  const override = options.signature ?? overrideFor(issuerKey);
  if (override !== undefined) bytes = resign(bytes, issuerKey, override);
  return testCertificate(bytes, key, subject);
}

/** An extension with any content: DER, without its OCTET STRING. */
export function extension(oid: string, critical: boolean, value: Uint8Array): x509.Extension {
  return new x509.Extension(oid, critical, value as Uint8Array<ArrayBuffer>);
}

/** A certificate of these bytes. */
export function testCertificate(bytes: Uint8Array, key: KeyObject, subject: string): TestCertificate {
  return {
    der: bytes,
    pem: toPem('CERTIFICATE', bytes),
    key,
    keyPem: key.export({ format: 'pem', type: 'pkcs8' }).toString(),
    subject,
  };
}

export function toPem(label: string, bytes: Uint8Array): string {
  const lines =
    Buffer.from(bytes)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

/**
 * The certificate with its contents changed and signed anew.
 * @param edit gets the values in the TBSCertificate (version, serial, signature, issuer, validity, subject, key,
 * extensions) and gives what shall stand there
 */
export function resign(
  certificate: Uint8Array,
  signingKey: KeyObject,
  signature: SignatureOverride,
  edit: (fields: Uint8Array[]) => Uint8Array[] = (fields) => fields,
): Uint8Array {
  const fields = children(children(certificate)[0]!);
  fields[2] = signature.algorithm;
  const tbs = sequence(...edit(fields));
  const value = sign(signature.hash, tbs, signingKey);
  return sequence(tbs, signature.algorithm, der(0x03, Uint8Array.of(0), value));
}

/** The same of version 1: no version is written down, and there are no extensions. @param issuer with a key on P-256 */
export function version1Of(
  { der: bytes, key, subject }: TestCertificate,
  issuer: { readonly key: KeyObject },
): TestCertificate {
  const edited = resign(bytes, issuer.key, signatures.ecdsaWithSha256, (fields) => fields.slice(1, 7));
  return testCertificate(edited, key, subject);
}

export const signatures = {
  ecdsaWithSha256: { algorithm: sequence(objectIdentifier('1.2.840.10045.4.3.2')), hash: 'sha256' },
  ecdsaWithSha1: { algorithm: sequence(objectIdentifier('1.2.840.10045.4.1')), hash: 'sha1' },
  sha256WithRsa: {
    algorithm: sequence(objectIdentifier('1.2.840.113549.1.1.11'), der(0x05)),
    hash: 'sha256',
  },
  sha1WithRsa: { algorithm: sequence(objectIdentifier('1.2.840.113549.1.1.5'), der(0x05)), hash: 'sha1' },
  md5WithRsa: { algorithm: sequence(objectIdentifier('1.2.840.113549.1.1.4'), der(0x05)), hash: 'md5' },
  ed448: { algorithm: sequence(objectIdentifier('1.3.101.113')), hash: undefined },
  rsaPssSha256: {
    algorithm: sequence(
      objectIdentifier('1.2.840.113549.1.1.10'),
      sequence(
        der(0xa0, sequence(objectIdentifier('2.16.840.1.101.3.4.2.1'))),
        der(
          0xa1,
          sequence(
            objectIdentifier('1.2.840.113549.1.1.8'),
            sequence(objectIdentifier('2.16.840.1.101.3.4.2.1')),
          ),
        ),
        der(0xa2, der(0x02, Uint8Array.of(32))),
      ),
    ),
    hash: 'sha256',
  },
} satisfies Record<string, SignatureOverride>;

const keys = new Map<string, KeyObject>();

/** A private key: RSA ones are fixed, others fresh in each process; one per type and name. */
export function testKey(type: TestKeyType, name = ''): KeyObject {
  if (type.startsWith('rsa')) name = '';
  const id = `${type} ${name}`;
  let key = keys.get(id);
  if (key === undefined) {
    key = newKey(type);
    keys.set(id, key);
  }
  return key;
}

function newKey(type: TestKeyType): KeyObject {
  switch (type) {
    case 'p256':
      return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    case 'p384':
      return generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey;
    case 'p521':
      return generateKeyPairSync('ec', { namedCurve: 'P-521' }).privateKey;
    case 'secp256k1':
      return generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey;
    case 'ed25519':
      return generateKeyPairSync('ed25519').privateKey;
    case 'ed448':
      return generateKeyPairSync('ed448').privateKey;
    default:
      return createPrivateKey({
        key: Buffer.from(rsaTestKeys[type], 'base64'),
        format: 'der',
        type: 'pkcs8',
      });
  }
}

async function extensionsFor(
  options: CertificateOptions,
  spki: Buffer,
  issuerSpki: Buffer | undefined,
): Promise<x509.Extension[]> {
  const { names = [], ca = 'absent', keyUsage = [], extendedKeyUsage = [] } = options;
  const extensions: x509.Extension[] = [];
  if (ca !== 'absent') extensions.push(new x509.BasicConstraintsExtension(ca, options.pathLength, true));
  if (keyUsage.length > 0) {
    const bits = keyUsage.reduce((sum, usage) => sum | x509.KeyUsageFlags[usage], 0);
    extensions.push(new x509.KeyUsagesExtension(bits, true));
  }
  if (extendedKeyUsage.length > 0) {
    extensions.push(
      new x509.ExtendedKeyUsageExtension(extendedKeyUsage.map((usage) => purposes.get(usage) ?? usage)),
    );
  }
  if (names.length > 0) {
    const general = names.map((value) => ({
      type: isIP(value) === 0 ? ('dns' as const) : ('ip' as const),
      value,
    }));
    extensions.push(new x509.SubjectAlternativeNameExtension(general));
  }
  if (!options.withoutKeyIdentifiers) {
    extensions.push(new x509.SubjectKeyIdentifierExtension(keyIdentifier(spki)));
    if (issuerSpki !== undefined)
      extensions.push(new x509.AuthorityKeyIdentifierExtension(keyIdentifier(issuerSpki)));
  }
  extensions.push(...(options.extensions ?? []));
  return extensions;
}

const purposes: ReadonlyMap<string, string> = new Map([
  ['serverAuth', x509.ExtendedKeyUsage.serverAuth],
  ['clientAuth', x509.ExtendedKeyUsage.clientAuth],
  ['any', '2.5.29.37.0'],
]);

function keyIdentifier(spki: Buffer): string {
  return createHash('sha1').update(spki).digest('hex');
}

/** WebCrypto cannot sign with these keys: the generator signs with a stand-in, and the signature is replaced. */
function overrideFor(issuerKey: KeyObject): SignatureOverride | undefined {
  if (issuerKey.asymmetricKeyType === 'rsa-pss') return signatures.rsaPssSha256;
  if (issuerKey.asymmetricKeyType === 'ed448') return signatures.ed448;
  if (issuerKey.asymmetricKeyDetails?.namedCurve === 'secp256k1') return signatures.ecdsaWithSha256;
  return undefined;
}

async function signingKeyFor(
  issuerKey: KeyObject,
): Promise<{ cryptoKey: webcrypto.CryptoKey; algorithm: WebCryptoAlgorithm }> {
  const key = overrideFor(issuerKey) === undefined ? issuerKey : testKey('p256', 'stand-in');
  const algorithm = webCryptoAlgorithm(key);
  const pkcs8 = key.export({ format: 'der', type: 'pkcs8' });
  return {
    cryptoKey: await webcrypto.subtle.importKey('pkcs8', pkcs8, algorithm, false, ['sign']),
    algorithm,
  };
}

interface WebCryptoAlgorithm {
  readonly name: string;
  readonly hash: string;
  readonly namedCurve: string;
}

function webCryptoAlgorithm(key: KeyObject): WebCryptoAlgorithm {
  switch (key.asymmetricKeyDetails?.namedCurve) {
    case 'prime256v1':
      return { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
    case 'secp384r1':
      return { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' };
    case 'secp521r1':
      return { name: 'ECDSA', namedCurve: 'P-521', hash: 'SHA-512' };
  }
  if (key.asymmetricKeyType === 'ed25519') return { name: 'Ed25519', hash: 'SHA-512', namedCurve: '' };
  return { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', namedCurve: '' };
}
