import {
  createCipheriv,
  createHash,
  createHmac,
  getCipherInfo,
  type KeyObject,
  pbkdf2Sync,
  randomBytes,
} from 'node:crypto';
import { createRequire } from 'node:module';
import type { TestCertificate } from './certificates.ts';
import { der, objectIdentifier, sequence } from './der.ts';

/** What a PKCS #12 file is made of. What is left out is as OpenSSL 3 has it. */
export interface Pkcs12Options {
  /** Null: none, which is not the empty one. */
  readonly passphrase?: string | null;
  /**
   * Of PBES2 by OpenSSL's names; or PKCS #12's own `3des` and `rc2`: of 40 bits for certificates, and 3DES for keys, as
   * OpenSSL had it before version 3.
   */
  readonly cipher?: keyof typeof cipherIds | '3des' | 'rc2' | 'none';
  readonly prf?: keyof typeof prfIds;
  readonly mac?: 'sha1' | 'sha256' | 'sha384' | 'sha512' | 'none';
  readonly iterations?: number;
  readonly macIterations?: number;
  /** What the file says of iterations, whatever they were. */
  readonly claimed?: { readonly mac?: number; readonly keys?: number };
}

export const defaultPassphrase = 'a passphrase';

/** A key bag and certificate bags, as SafeBags in DER. */
export interface Bags {
  readonly keys?: readonly { readonly key: KeyObject; readonly id?: string }[];
  readonly certificates?: readonly { readonly der: Uint8Array; readonly id?: string }[];
  /** Beside the certificates. */
  readonly others?: readonly Uint8Array[];
}

/** A file with the key of the first certificate, and all of the certificates. */
export function pkcs12Of(certificates: readonly TestCertificate[], options: Pkcs12Options = {}): Buffer {
  const [leaf, ...others] = certificates;
  return pkcs12(
    {
      keys: [{ key: leaf!.key, id: '1' }],
      certificates: [{ der: leaf!.der, id: '1' }, ...others.map(({ der }) => ({ der }))],
    },
    options,
  );
}

/** RFC 7292: certificates encrypted as a whole, keys one by one. */
export function pkcs12({ keys = [], certificates = [], others = [] }: Bags, options: Pkcs12Options): Buffer {
  const certificateBags = sequence(
    ...certificates.map(({ der: content, id }) => bag(ids.certBag, certBag(content), id)),
    ...others,
  );
  const keyBags = sequence(...keys.map(({ key, id }) => keyBag(key, id, options)));
  const safe = sequence(encryptedInfo(certificateBags, options), dataInfo(keyBags));
  return withMac(safe, options);
}

/** AuthenticatedSafe, whatever it is, in a file. */
export function withMac(safe: Uint8Array, options: Pkcs12Options): Buffer {
  const {
    mac = 'sha256',
    passphrase = defaultPassphrase,
    iterations = 2,
    macIterations = iterations,
  } = options;
  const parts = [integer(3), dataInfo(safe)];
  if (mac !== 'none') {
    const salt = randomBytes(8);
    const key = derive(mac, 3, passphrase, salt, macIterations, createHash(mac).digest().length);
    const digest = createHmac(mac, key).update(safe).digest();
    const algorithm = sequence(objectIdentifier(digestIds[mac]), nothing);
    parts.push(
      sequence(
        sequence(algorithm, octets(digest)),
        octets(salt),
        integer(options.claimed?.mac ?? macIterations),
      ),
    );
  }
  return Buffer.from(sequence(...parts));
}

/** A SafeBag. */
export function bag(id: string, value: Uint8Array, localKeyId?: string): Uint8Array {
  const attributes = localKeyId
    ? [der(0x31, sequence(objectIdentifier(ids.localKeyId), der(0x31, octets(Buffer.from(localKeyId)))))]
    : [];
  return sequence(objectIdentifier(id), der(0xa0, value), ...attributes);
}

export function certBag(content: Uint8Array): Uint8Array {
  return sequence(objectIdentifier(ids.x509Certificate), der(0xa0, octets(content)));
}

/** ContentInfo, data. */
export function dataInfo(content: Uint8Array): Uint8Array {
  return sequence(objectIdentifier(ids.data), der(0xa0, octets(content)));
}

export const ids = {
  data: '1.2.840.113549.1.7.1',
  encryptedData: '1.2.840.113549.1.7.6',
  keyBag: '1.2.840.113549.1.12.10.1.1',
  shroudedKeyBag: '1.2.840.113549.1.12.10.1.2',
  certBag: '1.2.840.113549.1.12.10.1.3',
  crlBag: '1.2.840.113549.1.12.10.1.4',
  safeContentsBag: '1.2.840.113549.1.12.10.1.6',
  x509Certificate: '1.2.840.113549.1.9.22.1',
  sdsiCertificate: '1.2.840.113549.1.9.22.2',
  localKeyId: '1.2.840.113549.1.9.21',
} as const;

const digestIds = {
  sha1: '1.3.14.3.2.26',
  sha256: '2.16.840.1.101.3.4.2.1',
  sha384: '2.16.840.1.101.3.4.2.2',
  sha512: '2.16.840.1.101.3.4.2.3',
} as const;

const prfIds = {
  sha1: '1.2.840.113549.2.7',
  sha224: '1.2.840.113549.2.8',
  sha256: '1.2.840.113549.2.9',
  sha384: '1.2.840.113549.2.10',
  sha512: '1.2.840.113549.2.11',
} as const;

const cipherIds = {
  'aes-128-cbc': '2.16.840.1.101.3.4.1.2',
  'aes-192-cbc': '2.16.840.1.101.3.4.1.22',
  'aes-256-cbc': '2.16.840.1.101.3.4.1.42',
  'des-ede3-cbc': '1.2.840.113549.3.7',
} as const;

const nothing = der(0x05);

export function octets(content: Uint8Array): Uint8Array {
  return der(0x04, content);
}

export function integer(value: number): Uint8Array {
  const hex = value.toString(16);
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
  return der(0x02, bytes[0]! >= 0x80 ? Buffer.concat([Buffer.of(0), bytes]) : bytes);
}

function keyBag(key: KeyObject, id: string | undefined, options: Pkcs12Options): Uint8Array {
  const pkcs8 = key.export({ format: 'der', type: 'pkcs8' });
  if (options.cipher === 'none') return bag(ids.keyBag, pkcs8, id);
  const own = options.cipher === 'rc2' ? ({ ...options, cipher: '3des' } as const) : options;
  const { algorithm, encrypted } = encrypt(pkcs8, own, options.claimed?.keys);
  return bag(ids.shroudedKeyBag, sequence(algorithm, octets(encrypted)), id);
}

function encryptedInfo(content: Uint8Array, options: Pkcs12Options): Uint8Array {
  if (options.cipher === 'none') return dataInfo(content);
  const { algorithm, encrypted } = encrypt(content, options);
  const info = sequence(objectIdentifier(ids.data), algorithm, der(0x80, encrypted));
  return sequence(objectIdentifier(ids.encryptedData), der(0xa0, sequence(integer(0), info)));
}

interface Encrypted {
  /** DER AlgorithmIdentifier. */
  readonly algorithm: Uint8Array;
  readonly encrypted: Uint8Array;
}

function encrypt(content: Uint8Array, options: Pkcs12Options, claimed?: number): Encrypted {
  const { cipher = 'aes-256-cbc', passphrase = defaultPassphrase, iterations = 2 } = options;
  const count = integer(claimed ?? iterations);
  const salt = randomBytes(8);
  if (cipher in cipherIds) return encryptByPbes2(content, passphrase ?? '', salt, count, options);
  const old = (id: string, encrypted: Uint8Array): Encrypted => ({
    algorithm: sequence(objectIdentifier(id), sequence(octets(salt), count)),
    encrypted,
  });
  const key = derive('sha1', 1, passphrase, salt, iterations, cipher === 'rc2' ? 5 : 24);
  const iv = derive('sha1', 2, passphrase, salt, iterations, 8);
  if (cipher === 'rc2') return old('1.2.840.113549.1.12.1.6', encryptByRc2(content, key, iv));
  const encrypter = createCipheriv('des-ede3-cbc', key, iv);
  return old('1.2.840.113549.1.12.1.3', Buffer.concat([encrypter.update(content), encrypter.final()]));
}

function encryptByPbes2(
  content: Uint8Array,
  passphrase: string,
  salt: Uint8Array,
  count: Uint8Array,
  { prf = 'sha256', iterations = 2, cipher }: Pkcs12Options,
): Encrypted {
  const name = (cipher ?? 'aes-256-cbc') as keyof typeof cipherIds;
  const { keyLength, ivLength = 0 } = getCipherInfo(name)!;
  const iv = randomBytes(ivLength);
  const encrypter = createCipheriv(name, pbkdf2Sync(passphrase, salt, iterations, keyLength, prf), iv);
  // DER writes no default: without one it is SHA-1.
  const prfs = prf === 'sha1' ? [] : [sequence(objectIdentifier(prfIds[prf]), nothing)];
  const derivation = sequence(
    objectIdentifier('1.2.840.113549.1.5.12'),
    sequence(octets(salt), count, ...prfs),
  );
  const scheme = sequence(objectIdentifier(cipherIds[name]), octets(iv));
  return {
    algorithm: sequence(objectIdentifier('1.2.840.113549.1.5.13'), sequence(derivation, scheme)),
    encrypted: Buffer.concat([encrypter.update(content), encrypter.final()]),
  };
}

interface Rc2 {
  readonly rc2: {
    createEncryptionCipher(
      key: string,
      bits: number,
    ): {
      start(iv: string): void;
      update(bytes: unknown): void;
      finish(): void;
      output: { getBytes(): string };
    };
  };
  readonly util: { createBuffer(bytes: string): unknown };
}

/** OpenSSL has it in a module that Node goes without. */
function encryptByRc2(content: Uint8Array, key: Buffer, iv: Buffer): Uint8Array {
  const forge = createRequire(import.meta.url)('node-forge') as Rc2;
  const cipher = forge.rc2.createEncryptionCipher(key.toString('latin1'), 40);
  cipher.start(iv.toString('latin1'));
  cipher.update(forge.util.createBuffer(Buffer.from(content).toString('latin1')));
  cipher.finish();
  return Buffer.from(cipher.output.getBytes(), 'latin1');
}

/** RFC 7292 §B.2. */
function derive(
  hash: string,
  id: number,
  passphrase: string | null,
  salt: Uint8Array,
  iterations: number,
  length: number,
): Buffer {
  const size = hash === 'sha1' || hash === 'sha256' ? 64 : 128;
  const text = passphrase === null ? Buffer.alloc(0) : Buffer.from(`${passphrase}\0`, 'utf16le').swap16();
  let blocks = [stretched(salt, size), stretched(text, size)].flatMap((bytes) => split(bytes, size));
  let result = Buffer.alloc(0);
  while (result.length < length) {
    let digest: Uint8Array = Buffer.concat([Buffer.alloc(size, id), ...blocks]);
    for (let round = 0; round < iterations; round++) digest = createHash(hash).update(digest).digest();
    result = Buffer.concat([result, digest]);
    const added = number(stretched(digest, size, size)) + 1n;
    blocks = blocks.map((block) => bytesOf((number(block) + added) % 2n ** BigInt(8 * size), size));
  }
  return result.subarray(0, length);
}

function stretched(
  bytes: Uint8Array,
  size: number,
  length: number = size * Math.ceil(bytes.length / size),
): Buffer {
  return length === 0 ? Buffer.alloc(0) : Buffer.alloc(length, bytes);
}

function split(bytes: Buffer, size: number): Buffer[] {
  return Array.from({ length: bytes.length / size }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
}

function number(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
}

function bytesOf(value: bigint, size: number): Buffer {
  return Buffer.from(value.toString(16).padStart(2 * size, '0'), 'hex');
}
