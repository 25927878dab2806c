import { TlsCertificateError } from '../../src/base/errors.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import { anchorsOf } from '../../src/pki/anchors.ts';
import { parseCertificate } from '../../src/pki/certificate.ts';
import { findPath } from '../../src/pki/path.ts';
import { children, der, sequence } from '../support/der.ts';
import { authority, commonName, dnsNames, newKey, rawCertificate } from '../support/raw-certificates.ts';

const signer = newKey();
const name = commonName('Issuer');
const now = Date.parse('2026-01-01');

/**
 * What decides whether an issuer signed a certificate: a leaf with the signature leads to an anchor with the key, or not.
 * What is said to be signed is no certificate, so that it replaces what was, behind the parser.
 *
 * @param publicKey DER SubjectPublicKeyInfo
 * @param algorithm the DER AlgorithmIdentifier that the leaf names
 */
export function issuedBy(
  publicKey: Uint8Array,
  algorithm: Uint8Array,
): (content: Uint8Array, signature: Uint8Array) => boolean {
  const parts = { issuer: name, signer };
  const anchor = rawCertificate({ ...parts, subject: name, key: publicKey, extensions: [authority] });
  const anchors = anchorsOf([anchor], nodeCrypto);
  const subject = commonName('Server');
  const extensions = [dnsNames('localhost')];
  const [toBeSigned, identifier] = children(
    rawCertificate({ ...parts, subject, key: signer, extensions, algorithm }),
  );
  return (content, signature) => {
    const bitString = der(0x03, Uint8Array.of(0), signature);
    const leaf = { ...parseCertificate(sequence(toBeSigned!, identifier!, bitString)), toBeSigned: content };
    try {
      findPath({
        provider: nodeCrypto,
        leaf,
        intermediates: [],
        anchors,
        purpose: 'server',
        now,
        checkPath: undefined,
      });
      return true;
    } catch (error) {
      if (error instanceof TlsCertificateError && refusals.includes(error.check)) return false;
      throw error;
    }
  };
}

/** Any other would say that the certificates here are not what they should be. */
const refusals: readonly string[] = ['bad_signature', 'weak_signature'];
