import { createDecipheriv, createHmac, getCipherInfo, pbkdf2Sync, timingSafeEqual } from 'node:crypto';
import { TlsUsageError } from '../base/errors.ts';
import { maxPkcs12Bytes, maxPkcs12Iterations } from '../base/limits.ts';
import { nodeError } from './errors.ts';
import { type Asn1, type Forge, loadForge } from './forge.ts';

/** A key or a certificate of a PKCS #12 file. */
export interface Bag {
  /** DER, of a certificate byte for byte as it stands there. */
  readonly content: Uint8Array;
  /** What a key and its certificate have in common, a character for each byte. */
  readonly localKeyId: string | undefined;
}

/** Of a PKCS #12 file (RFC 7292) what TLS needs. */
export interface Pkcs12 {
  /** The first one, a PrivateKeyInfo (RFC 5208 §5). */
  readonly key: Bag | undefined;
  readonly certificates: readonly Bag[];
}

/**
 * Reads a PKCS #12 file, once its MAC is right. How large it is and how long it takes are for the file to say: both are
 * bounded.
 * @param passphrase empty where there is none
 * @throws Error with Node's text, whose cause says more; TlsUsageError for what is too much, or without node-forge
 */
export function readPkcs12(file: Uint8Array, passphrase: string): Pkcs12 {
  if (file.length > maxPkcs12Bytes)
    throw new TlsUsageError(`pfx: the file has ${file.length} bytes, more than ${maxPkcs12Bytes}`);
  const bytes = Buffer.from(file).toString('latin1');
  const forge = loadForge();
  if (isCutOff(forge, bytes)) throw pkcs12Error('not enough data', 'the file is cut off, or is none');
  const reading: Reading = {
    forge,
    passphrase,
    iterationsLeft: maxPkcs12Iterations,
    key: undefined,
    certificates: [],
  };
  const [, contentInfo, mac] = items(parse(reading, bytes));
  const [, explicit] = items(contentInfo);
  const content = octets(items(explicit)[0]);
  checkMac(reading, mac, content);
  readSafe(reading, content);
  const { key, certificates } = reading;
  return { key, certificates };
}

/** As Node has it: OpenSSL's reason, and no code. */
function pkcs12Error(reason: string, detail: string): Error {
  return new Error(reason, { cause: new TlsUsageError(`pfx: ${detail}`) });
}

export function malformed(): Error {
  return pkcs12Error('wrong tag', 'this is no PKCS #12 file (in DER, not PEM), or a damaged one');
}

interface Reading {
  readonly forge: Forge;
  /** Null: none, which is not the empty one (RFC 7292 §B.1). */
  passphrase: string | null;
  iterationsLeft: number;
  key: Bag | undefined;
  readonly certificates: Bag[];
}

const oids = {
  data: '1.2.840.113549.1.7.1',
  encryptedData: '1.2.840.113549.1.7.6',
  keyBag: '1.2.840.113549.1.12.10.1.1',
  shroudedKeyBag: '1.2.840.113549.1.12.10.1.2',
  certBag: '1.2.840.113549.1.12.10.1.3',
  safeContentsBag: '1.2.840.113549.1.12.10.1.6',
  x509Certificate: '1.2.840.113549.1.9.22.1',
  localKeyId: '1.2.840.113549.1.9.21',
  pbes2: '1.2.840.113549.1.5.13',
  pbkdf2: '1.2.840.113549.1.5.12',
} as const;

/** All of those above have less than twelve; what is not supported is repeated in an error. */
const maxOidBytes = 64;

const macDigests: Readonly<Record<string, string>> = {
  '1.3.14.3.2.26': 'sha1',
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
};

/** HMAC with these (RFC 8018 §B.1.2). */
const keyDigests: Readonly<Record<string, string>> = {
  '1.2.840.113549.2.7': 'sha1',
  '1.2.840.113549.2.8': 'sha224',
  '1.2.840.113549.2.9': 'sha256',
  '1.2.840.113549.2.10': 'sha384',
  '1.2.840.113549.2.11': 'sha512',
};

const ciphers: Readonly<Record<string, string>> = {
  '1.2.840.113549.3.7': 'des-ede3-cbc',
  '2.16.840.1.101.3.4.1.2': 'aes-128-cbc',
  '2.16.840.1.101.3.4.1.22': 'aes-192-cbc',
  '2.16.840.1.101.3.4.1.42': 'aes-256-cbc',
};

/** With SHA-1 and the keys of RFC 7292 §B: 3DES, and RC2 of 40 bits. */
const oldCiphers: readonly string[] = ['1.2.840.113549.1.12.1.3', '1.2.840.113549.1.12.1.6'];

/** MacData (RFC 7292 §4). Who gives a passphrase means only files of those who know it; without one they are anybody's. */
function checkMac(reading: Reading, mac: Asn1 | undefined, content: string): void {
  const { forge, passphrase } = reading;
  if (mac === undefined) {
    if (passphrase !== '') throw pkcs12Error('mac absent', 'nothing in the file shows that it is not forged');
    reading.passphrase = null;
    return;
  }
  const [digestInfo, salt, count] = items(mac);
  const [algorithm, expected] = items(digestInfo);
  const name = known(macDigests, oidOf(reading, items(algorithm)[0]));
  const iterations = count === undefined ? 1 : integer(count);
  const isRight = (candidate: string | null): boolean => {
    spend(reading, iterations);
    const digest = forge.md[name]!.create();
    const from = forge.util.createBuffer(octets(salt));
    const key = forge.pkcs12.generateKey(candidate, from, 3, iterations, digest.digestLength, digest);
    const found = createHmac(name, bytesOf(key.getBytes())).update(content, 'latin1').digest();
    const wanted = bytesOf(octets(expected));
    return found.length === wanted.length && timingSafeEqual(found, wanted);
  };
  const right = (passphrase === '' ? [null, ''] : [passphrase]).find(isRight);
  if (right === undefined)
    throw pkcs12Error(
      'mac verify failure',
      `${passphrase === '' ? 'there is no passphrase' : 'the passphrase does not fit'}, or the file is damaged`,
    );
  reading.passphrase = right;
}

/** AuthenticatedSafe (RFC 7292 §4.1). What is encrypted to a recipient's key is passed over, as by OpenSSL. */
function readSafe(reading: Reading, content: string): void {
  for (const contentInfo of items(parse(reading, content))) {
    const [type, explicit] = items(contentInfo);
    const kind = oidOf(reading, type);
    if (kind === oids.data) readBags(reading, parse(reading, octets(items(explicit)[0])));
    if (kind === oids.encryptedData) {
      const [, encryptedContentInfo] = items(items(explicit)[0]);
      const [, algorithm, encrypted] = items(encryptedContentInfo);
      readBags(reading, parse(reading, decrypted(reading, algorithm, encrypted)));
    }
  }
}

/** SafeContents (RFC 7292 §4.2). As in OpenSSL the first key is the one, and what is neither that nor X.509 is passed over. */
function readBags(reading: Reading, bags: Asn1 | undefined): void {
  for (const bag of items(bags)) {
    const [id, explicit, attributes] = items(bag);
    const [value] = items(explicit);
    const kind = oidOf(reading, id);
    if (kind === oids.safeContentsBag) readBags(reading, value);
    const localKeyId = localKeyIdOf(reading, attributes);
    const certificate = certificateIn(reading, kind, value);
    if (certificate !== undefined)
      reading.certificates.push({ content: new Uint8Array(bytesOf(certificate)), localKeyId });
    const key = reading.key === undefined ? keyIn(reading, kind, value) : undefined;
    if (key !== undefined) reading.key = { content: new Uint8Array(bytesOf(key)), localKeyId };
  }
}

function certificateIn(reading: Reading, kind: string, value: Asn1 | undefined): string | undefined {
  if (kind !== oids.certBag) return undefined;
  const [type, content] = items(value);
  return oidOf(reading, type) === oids.x509Certificate ? octets(items(content)[0]) : undefined;
}

function keyIn(reading: Reading, kind: string, value: Asn1 | undefined): string | undefined {
  if (kind === oids.keyBag && value !== undefined) return reading.forge.asn1.toDer(value).getBytes();
  if (kind !== oids.shroudedKeyBag) return undefined;
  const [algorithm, encrypted] = items(value);
  return decrypted(reading, algorithm, encrypted);
}

function localKeyIdOf(reading: Reading, attributes: Asn1 | undefined): string | undefined {
  const own =
    attributes && items(attributes).find((one) => oidOf(reading, items(one)[0]) === oids.localKeyId);
  return own && octets(items(items(own)[1])[0]);
}

function decrypted(reading: Reading, algorithm: Asn1 | undefined, encrypted: Asn1 | undefined): string {
  const { forge, passphrase } = reading;
  const [id, parameters] = items(algorithm);
  const oid = oidOf(reading, id);
  if (oid === oids.pbes2) return decryptedByPbes2(reading, parameters, octets(encrypted));
  if (!oldCiphers.includes(oid)) throw unsupported(oid);
  spend(reading, integer(items(parameters)[1]));
  const cipher = tried(() => forge.pki.pbe.getCipher(oid, parameters, passphrase));
  cipher.update(forge.util.createBuffer(octets(encrypted)));
  if (!cipher.finish()) throw badDecrypt();
  return cipher.output.getBytes();
}

/**
 * RFC 8018 §6.2 with PBKDF2. node-forge derives its key in JavaScript, twenty times as slow: seconds for each part of a file
 * of NSS or GnuTLS, which have 600 000 iterations.
 */
function decryptedByPbes2(reading: Reading, parameters: Asn1 | undefined, encrypted: string): string {
  const [derivation, scheme] = items(parameters);
  const [kdf, kdfParameters] = items(derivation);
  if (oidOf(reading, kdf) !== oids.pbkdf2) throw unsupported(oidOf(reading, kdf));
  const [salt, count, ...others] = items(kdfParameters);
  // Behind the length of the key, which the cipher says; left out, it is HMAC with SHA-1.
  const prf = others.find(({ value }) => typeof value !== 'string');
  const digest = prf === undefined ? 'sha1' : known(keyDigests, oidOf(reading, items(prf)[0]));
  const [cipherId, iv] = items(scheme);
  const cipher = known(ciphers, oidOf(reading, cipherId));
  const iterations = spend(reading, integer(count));
  const { keyLength } = getCipherInfo(cipher)!;
  const key = pbkdf2Sync(reading.passphrase ?? '', bytesOf(octets(salt)), iterations, keyLength, digest);
  try {
    const decipher = createDecipheriv(cipher, key, bytesOf(octets(iv)));
    return decipher.update(encrypted, 'latin1', 'latin1') + decipher.final('latin1');
  } catch {
    throw badDecrypt();
  }
}

/** Each may take its time, and all of them together: a file has as many as it likes. */
function spend(reading: Reading, iterations: number): number {
  if (iterations < 1) throw malformed();
  reading.iterationsLeft -= iterations;
  if (reading.iterationsLeft >= 0) return iterations;
  throw new TlsUsageError(
    `pfx: its keys take more than ${maxPkcs12Iterations} iterations; write the file again with fewer (openssl pkcs12 -iter)`,
  );
}

function known(table: Readonly<Record<string, string>>, oid: string): string {
  if (!Object.hasOwn(table, oid)) throw unsupported(oid);
  return table[oid]!;
}

function unsupported(oid: string): Error {
  const cause = new TlsUsageError(
    `pfx: the algorithm ${oid} is not supported; write the file again (openssl pkcs12)`,
  );
  return nodeError('ERR_CRYPTO_UNSUPPORTED_OPERATION', 'Unsupported PKCS12 PFX data', { cause });
}

function badDecrypt(): Error {
  return pkcs12Error('bad decrypt', 'a part of the file has another passphrase than the whole');
}

/** BER, as RFC 7292 allows; what is behind it is not looked at, as in OpenSSL. */
function parse({ forge }: Reading, bytes: string): Asn1 {
  const options = { strict: true, parseAllBytes: false, decodeBitStrings: false };
  return tried(() => forge.asn1.fromDer(bytes, options));
}

function isCutOff(forge: Forge, bytes: string): boolean {
  if (bytes.length < 2) return true;
  const buffer = forge.util.createBuffer(bytes);
  // The tag.
  buffer.getByte();
  const length = tried(() => forge.asn1.getBerValueLength(buffer)) ?? 0;
  return length > buffer.length();
}

function oidOf({ forge }: Reading, value: Asn1 | undefined): string {
  const bytes = octets(value);
  if (bytes.length < 1 || bytes.length > maxOidBytes) throw malformed();
  return tried(() => forge.asn1.derToOid(bytes));
}

function items(value: Asn1 | undefined): readonly Asn1[] {
  if (value === undefined || typeof value.value === 'string') throw malformed();
  return value.value;
}

/** In BER a string may come in pieces. */
function octets(value: Asn1 | undefined): string {
  if (value === undefined) throw malformed();
  return typeof value.value === 'string' ? value.value : value.value.map(octets).join('');
}

/** What is too large for an integer is too large for everybody. */
function integer(value: Asn1 | undefined): number {
  return Number(`0x${bytesOf(octets(value)).toString('hex')}`);
}

function bytesOf(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

/** What node-forge says is about its own structures, and may hold what was decrypted. */
function tried<Made>(make: () => Made): Made {
  try {
    return make();
  } catch {
    throw malformed();
  }
}
