import {
  type CertificateOptions,
  extension,
  intermediateCertificate,
  resign,
  rootCertificate,
  selfSignedCertificate,
  serverCertificate,
  signatures,
  type TestCertificate,
  testKey,
} from './certificates.ts';
import { ascii, children, der, sequence } from './der.ts';
import { chainThrough, intermediate, type Judging, leaf, leafWith, root } from './trust.ts';

/** What is asked of the validator. */
export interface Asked extends Judging {
  readonly chain: readonly (TestCertificate | Uint8Array)[];
}

/** Where a certificate is in a chain. */
export type Place = 'leaf' | 'authority' | 'anchor';

/** The host that is asked for, and that leaves are for. */
export const host = 'www.example.org';

/** A chain whose certificate in that place says this. */
export const chainWith: Readonly<Record<Place, (options: CertificateOptions) => Promise<Asked>>> = {
  leaf: async (options) => ({ chain: await leafWith(options) }),
  authority: async (options) => ({ chain: await chainThrough(options) }),
  anchor: (options) => belowAnchor(options, {}),
};

export async function belowAnchor(options: CertificateOptions, below: CertificateOptions): Promise<Asked> {
  const anchor = await rootCertificate(options);
  return { chain: [await serverCertificate(anchor, { names: [host], ...below })], ca: [anchor] };
}

export async function belowAuthority(options: CertificateOptions, below: CertificateOptions): Promise<Asked> {
  const authority = await intermediateCertificate(root, options);
  return { chain: [await serverCertificate(authority, { names: [host], ...below }), authority] };
}

/** The leaf with its fields changed, signed anew. */
export async function editedLeaf(edit: (fields: Uint8Array[]) => Uint8Array[]): Promise<Asked> {
  return { chain: [resign(leaf.der, intermediate.key, signatures.ecdsaWithSha256, edit), intermediate] };
}

/** The leaf with its last extension so many times. */
export function lastExtensionTimes(times: number): Promise<Asked> {
  return editedLeaf((fields) => {
    const list = children(children(fields.at(-1)!)[0]!);
    const copies = Array.from({ length: times - 1 }, () => list.at(-1)!);
    return fields.with(-1, der(0xa3, sequence(...list, ...copies)));
  });
}

/** root, an authority with a pathLenConstraint, one below it, the leaf. */
export async function pathLength(length: number): Promise<Asked> {
  const upper = await intermediateCertificate(root, { subject: 'CN=Upper', pathLength: length });
  const lower = await intermediateCertificate(upper, { subject: 'CN=Lower' });
  return { chain: [await serverCertificate(lower, { names: [host] }), lower, upper] };
}

/** A leaf that an RSA authority signed like this. */
export function signedWith(name: 'sha256WithRsa' | 'sha1WithRsa' | 'md5WithRsa'): Promise<Asked> {
  return belowAnchor({ key: 'rsa2048' }, { signature: signatures[name] });
}

/** Who has the name of the root, and nothing else. */
export function namesakes(): Promise<TestCertificate[]> {
  const keys = ['first', 'second'].map((name) => testKey('p256', name));
  return Promise.all(keys.map((key) => rootCertificate({ key })));
}

/** The leaf's authority was signed by the root, who is not trusted, and by another root, who may be. */
export async function crossSigned(isTrusted: boolean): Promise<Asked> {
  const other = await rootCertificate({ subject: 'CN=Other Root' });
  const second = await intermediateCertificate(other, {
    subject: intermediate.subject,
    key: intermediate.key,
  });
  const stranger = await rootCertificate({ subject: 'CN=Stranger' });
  return { chain: [leaf, intermediate, second, other], ca: [isTrusted ? other : stranger] };
}

/** A self-signed certificate as a leaf. */
export async function selfSigned(ca: boolean, isTrusted: boolean): Promise<Asked> {
  const own = await selfSignedCertificate({ names: [host], ca });
  return { chain: [own], ca: isTrusted ? [own] : [root] };
}

export const dns = (text: string): Uint8Array => der(0x82, ascii(text));
export const uri = (text: string): Uint8Array => der(0x86, ascii(text));
export const address = (...bytes: readonly number[]): Uint8Array => der(0x87, Uint8Array.from(bytes));

/** A subjectAltName of these GeneralNames. */
export function namesOf(...names: readonly Uint8Array[]): CertificateOptions {
  return { names: [], extensions: [extension('2.5.29.17', false, sequence(...names))] };
}

/** nameConstraints of one subtree. */
export function subtree(side: 'permitted' | 'excluded', base: Uint8Array): CertificateOptions {
  const list = der(side === 'permitted' ? 0xa0 : 0xa1, sequence(base));
  return { extensions: [extension('2.5.29.30', true, sequence(list))] };
}

/** With an extension that nobody knows. */
export function unknownExtension(isCritical: boolean): CertificateOptions {
  return { extensions: [extension('1.3.6.1.4.1.99999.1', isCritical, sequence())] };
}
