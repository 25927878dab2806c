import { createPublicKey, KeyObject } from 'node:crypto';
import { noBytes, toHex, utf8 } from '../base/bytes.ts';
import { TlsCertificateError, TlsUsageError } from '../base/errors.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { sha256 } from '../crypto/sha256.ts';
import type { TrustPolicy } from '../handshake/identity.ts';
import { askedToo, fingerprintOf, otherPurpose, type PeerCheck } from './trust.ts';

/** A public key: PEM text, DER SubjectPublicKeyInfo, or a KeyObject. */
export type RawPublicKeySource = string | Uint8Array | KeyObject;

/** The policy that knows peers by their keys alone (RFC 7250). @throws TlsUsageError naming the key that cannot be used */
export function rawPublicKeyTrust(
  options: {
    readonly rawPublicKeys: readonly RawPublicKeySource[];
    readonly verifyPeer: PeerCheck | undefined;
    readonly purpose: 'server' | 'client';
  },
  provider: CryptoProvider,
): TrustPolicy {
  const { rawPublicKeys, verifyPeer, purpose } = options;
  if (!Array.isArray(rawPublicKeys) || rawPublicKeys.length === 0)
    throw new TlsUsageError('rawPublicKeys: expected an array of at least one public key');
  const keys = new Set(
    rawPublicKeys.map((source, index) => toHex(publicKeyOf(source, `rawPublicKeys[${index}]`, provider))),
  );
  const own = fingerprintOf(verifyPeer, provider);
  const names = utf8(`tacit raw public keys ${purpose} ${[...keys].sort().join(' ')} `);
  return Object.freeze<TrustPolicy>({
    fingerprint: sha256(provider, names, own),
    certificateTypes: Object.freeze(['RawPublicKey'] as const),
    verify({ chain, host, purpose: asked }, context) {
      if (asked !== purpose) return { trusted: false, error: otherPurpose(purpose, asked) };
      const [publicKey = noBytes] = chain;
      if (keys.has(toHex(publicKey))) {
        const peer = { path: [], publicKey: publicKey.slice(), purpose, host };
        return askedToo(verifyPeer, peer, Number.POSITIVE_INFINITY, context);
      }
      const found = Buffer.from(sha256(provider, publicKey)).toString('base64');
      const message = `The peer's public key (SHA-256 ${found}) is none of \`rawPublicKeys\`. If you trust it, give it there.`;
      return { trusted: false, error: new TlsCertificateError('unknown_issuer', message) };
    },
  });
}

/** Takes a raw public key, or else a certificate. */
export function eitherTrust(raw: TrustPolicy, x509: TrustPolicy, provider: CryptoProvider): TrustPolicy {
  return Object.freeze<TrustPolicy>({
    get fingerprint(): Uint8Array {
      return sha256(provider, raw.fingerprint, x509.fingerprint);
    },
    certificateTypes: Object.freeze(['RawPublicKey', 'X509'] as const),
    get certificateAuthorities(): TrustPolicy['certificateAuthorities'] {
      return x509.certificateAuthorities;
    },
    requestsOcspResponses: x509.requestsOcspResponses,
    verify: (peer, context) => (peer.certificateType === 'RawPublicKey' ? raw : x509).verify(peer, context),
  });
}

function publicKeyOf(source: unknown, what: string, provider: CryptoProvider): Uint8Array {
  const der = encoded(source, what);
  const key = provider.importPublicKey(der);
  if (key === undefined)
    throw new TlsUsageError(`${what}: no public key that Tacit takes: RSA, P-256, P-384, P-521, Ed25519`);
  if (key.modulusBits !== undefined && key.modulusBits < 2048)
    throw new TlsUsageError(`${what}: an RSA key of ${key.modulusBits} bits; it needs at least 2048`);
  return der;
}

function encoded(source: unknown, what: string): Uint8Array {
  if (source instanceof Uint8Array) return new Uint8Array(source);
  const isKey = source instanceof KeyObject;
  if (isKey && source.type !== 'public')
    throw new TlsUsageError(`${what}: expected a public key, got a ${source.type} one`);
  // Node would take a private key's PEM as well, and give its public half.
  const isPem = typeof source === 'string' && /^\s*-----BEGIN PUBLIC KEY-----/.test(source);
  if (isPem && source.split('-----BEGIN ').length > 2)
    throw new TlsUsageError(`${what}: expected one public key, got PEM text of several; give each by itself`);
  if (!isKey && !isPem) {
    throw new TlsUsageError(
      `${what}: expected PEM text (PUBLIC KEY), a DER SubjectPublicKeyInfo or a KeyObject, got ${typeof source}`,
    );
  }
  try {
    const key = isKey ? source : createPublicKey(source as string);
    return new Uint8Array(key.export({ format: 'der', type: 'spki' }));
  } catch (cause) {
    throw new TlsUsageError(`${what} cannot be read`, { cause });
  }
}
