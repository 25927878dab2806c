import { createPrivateKey, createPublicKey, KeyObject } from 'node:crypto';
import { copyBytes, equalBytes } from '../base/bytes.ts';
import { TlsCertificateError, TlsUsageError } from '../base/errors.ts';
import { maxOcspResponse } from '../base/limits.ts';
import { importPublicKey } from '../crypto/node/public-key.ts';
import { nodeSigner } from '../crypto/node/signer.ts';
import type { CertificateRequestInfo } from '../handshake/config.ts';
import type { Identity } from '../handshake/identity.ts';
import { chooseClientIdentity } from '../handshake/identity-choice.ts';
import { type Certificate, parseCertificate } from '../pki/certificate.ts';
import { readStapled } from '../pki/stapled.ts';
import type { CertificateType } from '../wire/names.ts';
import { certificatesFrom, keyFromPem } from './pem.ts';

/** A private key, in the forms in which files and secret stores hold it. */
interface KeyOptions {
  /** PEM text, or a KeyObject. */
  readonly key: string | KeyObject;
  /** Decrypts `key` where it is encrypted PEM. */
  readonly passphrase?: string | undefined;
}

/** A key that is known to peers without any certificate (RFC 7250). */
export interface RawPublicKeyIdentityOptions extends KeyOptions {
  readonly certificateType: 'RawPublicKey';
}

/** A certificate and its leaf's private key, in the forms in which files and secret stores hold them. */
export interface CertificateIdentityOptions extends KeyOptions {
  readonly certificateType?: 'X509' | undefined;
  /** The certificate chain as PEM, leaf first, as text or bytes; or the DER of the leaf alone. */
  readonly cert: string | Uint8Array;
  /**
   * The DER OCSP response of the leaf's issuer, for peers who ask for one, or a function that gives the latest: then it
   * can be renewed while connections go on. See `Identity.ocspResponse`.
   */
  readonly ocspResponse?: Identity['ocspResponse'];
}

/** Who we are. */
export type IdentityOptions = CertificateIdentityOptions | RawPublicKeyIdentityOptions;

const optionNames: Readonly<Record<CertificateType, readonly string[]>> = {
  X509: ['certificateType', 'cert', 'key', 'passphrase', 'ocspResponse'],
  RawPublicKey: ['certificateType', 'key', 'passphrase'],
};

/**
 * The identity that these options describe; a ready one (with `chain` and `signer`) passes through as it is.
 *
 * @param what names it in errors
 * @throws TlsUsageError where a part cannot be read or is not supported, or the key is not the leaf's
 */
export function loadIdentity<Ready extends Identity>(
  options: IdentityOptions | Ready,
  what = 'identity',
): Identity | Ready {
  if (options === null || typeof options !== 'object') {
    throw new TlsUsageError(`${what}: expected { cert, key } or a ready identity { chain, signer }`);
  }
  if (isReady(options)) return checkReady(options, what);
  const { certificateType = 'X509' } = options;
  if (!Object.hasOwn(optionNames, certificateType)) {
    throw new TlsUsageError(
      `${what}.certificateType: expected 'X509' or 'RawPublicKey', got ${certificateType}`,
    );
  }
  const known = optionNames[certificateType];
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) {
      throw new TlsUsageError(`${what}: unknown option "${name}"; known are ${known.join(', ')}`);
    }
  }
  const key = loadKey(options, what);
  if (options.certificateType === 'RawPublicKey') {
    const chain = Object.freeze([new Uint8Array(encoded(createPublicKey(key)))]);
    return Object.freeze({ certificateType, chain, signer: nodeSigner(key) });
  }
  const chain = loadChain(options, what);
  checkFit(chain, key, what);
  const { ocspResponse } = options;
  if (ocspResponse !== undefined) checkOcspResponse(ocspResponse, chain[0]!, `${what}.ocspResponse`);
  return Object.freeze({
    chain: Object.freeze(chain.map(({ der }) => der)),
    signer: nodeSigner(key),
    ocspResponse: ocspResponse instanceof Uint8Array ? copyBytes(ocspResponse) : ocspResponse,
  });
}

/** Of several identities that would all do, the one that fits best what a client can verify. */
export function fittingIdentity(
  identities: readonly Identity[],
  hello: CertificateRequestInfo,
): Identity | undefined {
  return chooseClientIdentity(identities, 'X509', { ...hello, certificateAuthorities: [] }) ?? identities[0];
}

/** What a function gives is looked at when it gives it. */
function checkOcspResponse(response: unknown, leaf: Certificate | undefined, what: string): void {
  if (typeof response === 'function') return;
  if (!(response instanceof Uint8Array)) {
    throw new TlsUsageError(
      `${what}: expected the bytes of a DER OCSP response or a function, got ${typeof response}`,
    );
  }
  if (response.length > maxOcspResponse)
    throw new TlsUsageError(`${what}: it has ${response.length} bytes, more than ${maxOcspResponse}`);
  const parsed = readStapled(response);
  if (parsed === 'no answer') throw new TlsUsageError(`${what}: it is a responder's error, and no answer`);
  if (parsed instanceof TlsCertificateError)
    throw new TlsUsageError(`${what} cannot be used: ${parsed.message}`, { cause: parsed });
  const isAbout = parsed.statuses.some(
    ({ id }) => leaf === undefined || equalBytes(id.serialNumber, leaf.serialNumber),
  );
  if (!isAbout) throw new TlsUsageError(`${what}: it is about another certificate than the leaf`);
}

function isReady<Ready extends Identity>(options: IdentityOptions | Ready): options is Ready {
  return 'chain' in options || 'signer' in options;
}

function checkReady<Ready extends Identity>(identity: Ready, what: string): Ready {
  const { chain, signer } = identity;
  if (!Array.isArray(chain) || chain.length === 0 || !chain.every((der) => der instanceof Uint8Array)) {
    throw new TlsUsageError(`${what}.chain: expected an array of DER certificates, leaf first`);
  }
  if (typeof signer?.sign !== 'function' || !Array.isArray(signer.schemes) || signer.schemes.length === 0) {
    throw new TlsUsageError(`${what}.signer: expected { schemes, sign } with at least one signature scheme`);
  }
  const { certificateType = 'X509' } = identity;
  if (!Object.hasOwn(optionNames, certificateType))
    throw new TlsUsageError(
      `${what}.certificateType: expected 'X509' or 'RawPublicKey', got ${certificateType}`,
    );
  if (certificateType === 'RawPublicKey' && !isPublicKey(chain)) {
    throw new TlsUsageError(`${what}.chain: expected one DER SubjectPublicKeyInfo for a raw public key`);
  }
  if (identity.ocspResponse !== undefined)
    checkOcspResponse(identity.ocspResponse, undefined, `${what}.ocspResponse`);
  return identity;
}

function isPublicKey([spki, ...others]: readonly Uint8Array[]): boolean {
  return spki !== undefined && others.length === 0 && importPublicKey(spki) !== undefined;
}

function loadKey({ key, passphrase }: KeyOptions, what: string): KeyObject {
  if (passphrase !== undefined && typeof passphrase !== 'string') {
    throw new TlsUsageError(`${what}.passphrase: expected a string, got ${typeof passphrase}`);
  }
  if (key instanceof KeyObject) {
    if (key.type !== 'private') {
      throw new TlsUsageError(`${what}.key: expected a private key, got a ${key.type} one`);
    }
    if (passphrase !== undefined) {
      throw new TlsUsageError(`${what}.passphrase: a KeyObject needs none; leave it out`);
    }
    return key;
  }
  if (typeof key !== 'string') {
    const hint = ArrayBuffer.isView(key) ? "; read the file as text: readFileSync(path, 'utf8')" : '';
    throw new TlsUsageError(`${what}.key: expected PEM text or a KeyObject, got ${typeof key}${hint}`);
  }
  const { pem, encrypted } = keyFromPem(key, `${what}.key`);
  if (encrypted && passphrase === undefined) {
    throw new TlsUsageError(`${what}.key is encrypted: give its passphrase as ${what}.passphrase`);
  }
  if (!encrypted && passphrase !== undefined) {
    throw new TlsUsageError(`${what}.passphrase: ${what}.key is not encrypted; leave the passphrase out`);
  }
  try {
    return createPrivateKey(passphrase === undefined ? pem : { key: pem, passphrase });
  } catch (cause) {
    const why = encrypted
      ? 'the passphrase is wrong, or the key is damaged'
      : 'the key is damaged or of an unknown kind';
    throw new TlsUsageError(`${what}.key cannot be read: ${why}`, { cause });
  }
}

function loadChain({ cert }: CertificateIdentityOptions, what: string): readonly Certificate[] {
  return certificatesFrom(cert, `${what}.cert`).map((der, index) => {
    try {
      const certificate = parseCertificate(der);
      void publicKeyOf(certificate);
      return certificate;
    } catch (cause) {
      const detail = cause instanceof TlsCertificateError ? `: ${cause.message}` : '';
      throw new TlsUsageError(`${what}.cert: certificate ${index + 1} cannot be read${detail}`, { cause });
    }
  });
}

function checkFit(chain: readonly Certificate[], key: KeyObject, what: string): void {
  const ours = encoded(createPublicKey(key));
  const fits = chain.findIndex((certificate) => encoded(publicKeyOf(certificate)).equals(ours));
  if (fits === 0) return;
  throw new TlsUsageError(
    fits === -1
      ? `${what}.key is not the key of ${what}.cert: the two do not belong together`
      : `${what}.key is the key of certificate ${fits + 1} in ${what}.cert: put that one first, and its issuers behind it`,
  );
}

/** Compared as bytes: `KeyObject.equals` leaves an error of OpenSSL's behind that some later call reports as its own. */
function encoded(key: KeyObject): Buffer {
  return key.export({ format: 'der', type: 'spki' });
}

function publicKeyOf({ subjectPublicKeyInfo }: Certificate): KeyObject {
  return createPublicKey({ key: Buffer.from(subjectPublicKeyInfo), format: 'der', type: 'spki' });
}
