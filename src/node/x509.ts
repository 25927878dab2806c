import { X509Certificate } from 'node:crypto';

/**
 * Node's object for a certificate. Node looks for PEM text in whatever it is given before it reads it as DER: a peer could
 * hide the text of another certificate in its own, say in its key, and be taken for that one. So it is given PEM.
 */
export function x509Of(der: Uint8Array): X509Certificate {
  const base64 = Buffer.from(der.buffer, der.byteOffset, der.byteLength).toString('base64');
  return new X509Certificate(`-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`);
}
