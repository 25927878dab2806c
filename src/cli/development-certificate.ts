import { KeyObject, webcrypto } from 'node:crypto';

/** A self-signed certificate for this machine, and its key: for development, never for the Internet. */
export interface DevelopmentCertificate {
  /** PEM. */
  readonly cert: string;
  /** PEM, PKCS #8. */
  readonly key: string;
}

const day = 24 * 60 * 60 * 1000;
/** How long a development certificate is valid. */
export const validDays = 30;
const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

/** A fresh certificate for localhost, 127.0.0.1 and ::1 with a P-256 key that nobody else has. */
export async function makeDevelopmentCertificate(): Promise<DevelopmentCertificate> {
  // Loaded here: most commands, and the lab's many clients, do without. The first import is what the second needs.
  await import('reflect-metadata');
  const x509 = await import('@peculiar/x509');
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const now = Date.now();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=Tacit development certificate',
    keys,
    signingAlgorithm: algorithm,
    // A client's clock may be a little behind.
    notBefore: new Date(now - day),
    notAfter: new Date(now + validDays * day),
    extensions: [
      // Not an authority: who gets hold of the key can speak as localhost, and sign for nobody else.
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension([
        { type: 'dns', value: 'localhost' },
        { type: 'ip', value: '127.0.0.1' },
        { type: 'ip', value: '::1' },
      ]),
    ],
  });
  return {
    cert: `${certificate.toString('pem').trim()}\n`,
    key: KeyObject.from(keys.privateKey).export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}
