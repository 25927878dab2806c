import { createPrivateKey, type KeyObject } from 'node:crypto';
import type { SecureContextOptions } from 'node:tls';
import { canBeAnchor } from './anchors.ts';
import { isSelfSigned, pathOf } from './certificates.ts';
import { nodeError } from './errors.ts';
import { malformed, type Pkcs12, readPkcs12 } from './pkcs12.ts';
import { x509Of } from './x509.ts';

/** Who a PKCS #12 file is for. */
export interface PfxIdentity {
  readonly key: KeyObject;
  /** DER: the certificate of the key, its issuers in their order, and whatever else is in the file. */
  readonly chain: readonly Uint8Array[];
}

/** Other certificates than the keys' own, DER. */
export interface FurtherCertificates {
  /** Self-signed ones: peers are trusted for them. */
  readonly roots: readonly Uint8Array[];
  /** They may stand between a peer and a root. */
  readonly between: readonly Uint8Array[];
}

type Passphrase = string | NodeJS.ArrayBufferView | undefined;

/** Or a file itself, which has neither. */
interface FileWithPassphrase {
  readonly buf?: unknown;
  readonly passphrase?: Passphrase;
}

/**
 * What the option `pfx` brings, as in Node: each of several may have a passphrase of its own.
 * @throws Error with Node's texts and codes, TlsUsageError where node-forge is not installed
 */
export function readPfx({ pfx, passphrase }: SecureContextOptions): readonly PfxIdentity[] {
  if (pfx === undefined || pfx === null) return [];
  if (!Array.isArray(pfx)) return [identityIn(bytesOf(pfx), textOf(passphrase))];
  return (pfx as readonly FileWithPassphrase[]).map((one) =>
    identityIn(bytesOf(one.buf || one), textOf(one.passphrase || passphrase)),
  );
}

/** Of what a program trusts by its `pfx`, as in Node: only what is self-signed is an anchor, whoever issued the rest. */
export function furtherCertificates(identities: readonly PfxIdentity[]): FurtherCertificates {
  const further = identities.flatMap(({ chain }) => chain.slice(1)).filter((der) => canBeAnchor(der, 'pfx'));
  const isRoot = (der: Uint8Array): boolean => isSelfSigned(x509Of(der));
  return { roots: further.filter(isRoot), between: further.filter((der) => !isRoot(der)) };
}

function identityIn(file: Uint8Array, passphrase: string): PfxIdentity {
  const contents = readPkcs12(file, passphrase);
  if (contents.key === undefined) throw notIn('private key');
  const key = privateKeyOf(contents.key.content);
  const leaf = leafOf(contents, key);
  if (leaf === undefined) throw notIn('certificate');
  const others = contents.certificates.map(({ content }) => content).filter((der) => der !== leaf);
  return { key, chain: [leaf, ...inOrder(leaf, others)] };
}

/** Each behind what it has issued, and then those that are no issuers of the leaf. */
function inOrder(leaf: Uint8Array, others: readonly Uint8Array[]): readonly Uint8Array[] {
  const [, ...path] = pathOf([leaf, ...others], () => []);
  // OpenSSL's `raw` is an encoding of its own: what goes out is what was read.
  const read = new Map(others.map((der) => [x509Of(der).raw.toString('latin1'), der]));
  const issuers = path.flatMap(({ raw }) => read.get(raw.toString('latin1')) ?? []);
  return [...issuers, ...others.filter((der) => !issuers.includes(der))];
}

/** Of several certificates of the key, say an old one and its renewal, the one that the file names. */
function leafOf({ key, certificates }: Pkcs12, privateKey: KeyObject): Uint8Array | undefined {
  const own = certificates.filter(({ content }) => readable(content).checkPrivateKey(privateKey));
  const named = own.find(({ localKeyId }) => localKeyId !== undefined && localKeyId === key?.localKeyId);
  return (named ?? own[0])?.content;
}

function readable(der: Uint8Array): ReturnType<typeof x509Of> {
  try {
    return x509Of(der);
  } catch {
    throw malformed();
  }
}

function privateKeyOf(pkcs8: Uint8Array): KeyObject {
  try {
    return createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' });
  } catch {
    throw malformed();
  }
}

function notIn(what: string): Error {
  return nodeError('ERR_CRYPTO_OPERATION_FAILED', `Unable to load ${what} from PFX data`);
}

function bytesOf(source: unknown): Uint8Array {
  if (typeof source === 'string') return Buffer.from(source);
  if (ArrayBuffer.isView(source)) return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  throw nodeError('ERR_CRYPTO_OPERATION_FAILED', 'Unable to load PFX certificate');
}

/** Whatever is false is none, as in Node. */
function textOf(passphrase: Passphrase): string {
  if (!passphrase) return '';
  if (typeof passphrase === 'string') return passphrase;
  if (ArrayBuffer.isView(passphrase)) return Buffer.from(bytesOf(passphrase)).toString();
  throw nodeError('ERR_INVALID_ARG_TYPE', 'Pass phrase must be a buffer');
}
