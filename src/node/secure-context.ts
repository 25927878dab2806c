import { constants, createPrivateKey, type KeyObject } from 'node:crypto';
import tls, { type SecureContextOptions, type SecureVersion } from 'node:tls';
import { TlsUsageError } from '../base/errors.ts';
import { maxTicketLifetime } from '../base/limits.ts';
import type { ClientSettings } from '../connection/config.ts';
import { nodeCrypto } from '../crypto/node/provider.ts';
import { nodeSigner } from '../crypto/node/signer.ts';
import { loadIdentity } from '../net/identity.ts';
import { certificatesWithin } from '../net/pem.ts';
import { revocationSettings } from '../net/revocation.ts';
import { type IssuerSource, pathOf } from './certificates.ts';
import { ContextAuthorities } from './context-authorities.ts';
import { checkContextOptions } from './context-options.ts';
import { nodeError } from './errors.ts';
import {
  allowedVersions,
  cipherSuitesOf,
  groupsOf,
  signatureSchemesOf,
  versionsOf,
} from './openssl-names.ts';
import { type PemSource, pemText } from './pem-text.ts';
import { type FurtherCertificates, furtherCertificates, type PfxIdentity, readPfx } from './pfx.ts';
import { requireObject } from './validation.ts';
import { x509Of } from './x509.ts';

/** What programs may change; the command line (`--tls-cipher-list`, `--tls-min-v1.3`, …) has its say in them. */
export const defaults: {
  DEFAULT_CIPHERS: string;
  DEFAULT_ECDH_CURVE: string;
  DEFAULT_MIN_VERSION: SecureVersion;
  DEFAULT_MAX_VERSION: SecureVersion;
} = {
  DEFAULT_CIPHERS: tls.DEFAULT_CIPHERS,
  DEFAULT_ECDH_CURVE: tls.DEFAULT_ECDH_CURVE,
  DEFAULT_MIN_VERSION: tls.DEFAULT_MIN_VERSION,
  DEFAULT_MAX_VERSION: tls.DEFAULT_MAX_VERSION,
};

/** Node's own, whose name its types keep for an interface; `node:tls` may get other exports later. */
const { SecureContext: NodeSecureContext } = tls as unknown as { SecureContext: abstract new () => object };

type Identity = ReturnType<typeof loadIdentity>;

/** Certificates, keys and algorithms, read once: what `SecureContext#context` holds here. */
export interface ContextMaterial {
  readonly identities: readonly Identity[];
  /** Whether there is one to be shown, or would be if it had its key. */
  readonly hasCertificate: boolean;
  readonly authorities: ContextAuthorities;
  /** Of `pfx`; they count beside `ca`, and beside the default ones. */
  readonly further: FurtherCertificates;
  readonly crls: readonly (string | Uint8Array)[] | undefined;
  readonly algorithms: Pick<
    ClientSettings,
    'minVersion' | 'maxVersion' | 'cipherSuites' | 'groups' | 'signatureSchemes'
  >;
  /** Of a server. */
  readonly followsClientOrder: boolean;
  /** Of a server: whether it sends and takes session tickets. */
  readonly hasTickets: boolean;
  /** Seconds. */
  readonly sessionTimeout: number | undefined;
  /** 48 bytes: what session tickets are sealed with. */
  readonly ticketKeys: Uint8Array | undefined;
  /** As Node's native context has it, for packages that add the authorities of a system: beside `ca`, or the default. */
  addCACert(pem: PemSource): void;
}

/** As `tls.SecureContext`: opaque to programs, but for `context.addCACert`. */
export class SecureContext {
  readonly context: ContextMaterial;

  constructor(context: ContextMaterial) {
    this.context = context;
  }
}

export function isMaterial(given: unknown): given is ContextMaterial {
  return (given as Partial<ContextMaterial>).authorities instanceof ContextAuthorities;
}

const noPsk = 'external pre-shared keys are not supported';

/** What ignoring would make less safe or simply wrong, by the reason why Tacit does not have it. */
const refused: Readonly<Record<string, string>> = {
  pskCallback: noPsk,
  pskIdentityHint: noPsk,
};

/** The same of what is a socket's or a server's, and not a context's. */
export const refusedOfConnections: Readonly<Record<string, string>> = {
  enableTrace: "there is no OpenSSL whose trace could be shown; listen for 'keylog', and capture packets",
  pskCallback: noPsk,
};

/** @throws TlsUsageError naming the first option that Tacit does not have on purpose */
export function refuseOptions(options: object, names: Readonly<Record<string, string>> = refused): void {
  for (const [name, why] of Object.entries(names)) {
    const value: unknown = (options as Record<string, unknown>)[name];
    if (value !== undefined && value !== null && value !== false) throw new TlsUsageError(`${name}: ${why}`);
  }
}

/**
 * As `tls.createSecureContext`, and reads and checks everything at once.
 * @throws Error with Node's codes, or TlsUsageError naming the option
 */
export function createSecureContext(given?: SecureContextOptions | null): SecureContext {
  const options = given || {};
  requireObject('options', options);
  // As options it would say nothing, and as a context there is no way to see what is in it.
  if (options instanceof NodeSecureContext) throw foreignContext('options');
  checkContextOptions(options);
  refuseOptions(options);
  const { ca, crl, sigalgs, sessionTimeout, ticketKeys, honorCipherOrder } = options;
  const ciphers = options.ciphers || defaults.DEFAULT_CIPHERS;
  const ecdhCurve = options.ecdhCurve ?? defaults.DEFAULT_ECDH_CURVE;
  const spoken = versionsOf(
    options.minVersion ?? defaults.DEFAULT_MIN_VERSION,
    options.maxVersion ?? defaults.DEFAULT_MAX_VERSION,
    options.secureProtocol ?? undefined,
  );
  const secureOptions = options.secureOptions || 0;
  const isSet = (bit: number): boolean => (secureOptions & bit) !== 0;
  const versions = allowedVersions(spoken, secureOptions);
  const authorities = new ContextAuthorities(ca ? listOf<PemSource>(ca) : undefined);
  const lists = crl === undefined || crl === null ? [] : listOf(crl).map(copyOf);
  if (lists.length > 0) revocationSettings({ crls: lists });
  const files = readPfx(options);
  const identities = identitiesOf(options, files, authorities);
  return new SecureContext({
    identities,
    hasCertificate: identities.length > 0 || (Boolean(options.cert) && listOf(options.cert).length > 0),
    authorities,
    further: furtherCertificates(files),
    addCACert: (pem) => authorities.add(pem),
    crls: lists.length === 0 ? undefined : lists,
    algorithms: {
      ...versions,
      cipherSuites: cipherSuitesOf(ciphers, versions.maxVersion),
      groups: groupsOf(ecdhCurve),
      signatureSchemes: sigalgs === undefined || sigalgs === null ? undefined : signatureSchemesOf(sigalgs),
    },
    followsClientOrder:
      honorCipherOrder !== undefined &&
      !honorCipherOrder &&
      !isSet(constants.SSL_OP_CIPHER_SERVER_PREFERENCE),
    hasTickets: !isSet(constants.SSL_OP_NO_TICKET),
    // At most what RFC 9846 §4.7.1 allows; Node's 0 is as short as can be.
    sessionTimeout: sessionTimeout ? Math.min(sessionTimeout, maxTicketLifetime) : undefined,
    ticketKeys: ticketKeys ? bytesOfView(ticketKeys) : undefined,
  });
}

/** @param name what it was given as */
export function foreignContext(name: string): Error {
  return nodeError(
    'ERR_TLS_INVALID_CONTEXT',
    `${name} must be a SecureContext of tacit-tls/node: call the createSecureContext of that module, and not node:tls's`,
  );
}

/**
 * Who the options say that we are. A certificate without its chain has what `ca` knows of that, as in OpenSSL: many a server
 * has its intermediates there.
 */
function identitiesOf(
  options: SecureContextOptions,
  files: readonly PfxIdentity[],
  authorities: ContextAuthorities,
): readonly Identity[] {
  const schemes = options.sigalgs ? signatureSchemesOf(options.sigalgs) : undefined;
  const issuers: IssuerSource = (certificate) => authorities.issuersOf(certificate);
  // Each takes the place of those before it, and a `pfx` that of a `cert`, as in Node.
  return [...files.toReversed(), ...pairsOf(options, files)].map(({ chain, key }) => {
    // What it says of itself is the peer's to judge: Node shows certificates of version 1, too.
    const isAlone = chain.length === 1 && authorities.given !== undefined;
    const above = isAlone ? pathOf(chain, issuers).slice(1) : [];
    const whole = [...chain, ...above.map(({ raw }) => Uint8Array.from(raw))];
    const identity = loadIdentity({ chain: whole, signer: nodeSigner(key) });
    return schemes === undefined
      ? identity
      : { ...identity, signer: signingOnlyWith(identity.signer, schemes) };
  });
}

/** Each certificate with the key that is its own, wherever that stands among the keys. */
function pairsOf(options: SecureContextOptions, files: readonly PfxIdentity[]): readonly PfxIdentity[] {
  const given = !options.key ? [] : listOf(options.key).map((key) => keyOf(key, options.passphrase));
  const keys = [...given, ...files.map(({ key }) => key)];
  const chains = !options.cert ? [] : listOf(options.cert).map((cert) => certificatesOf(cert, 'cert'));
  // Without any key there is nothing to show: the handshakes of a server fail, and a client shows no certificate, as in Node.
  if (keys.length === 0) return [];
  return chains.map((chain) => {
    const [leaf] = chain.map(x509Of);
    const key = keys.find((candidate) => leaf?.checkPrivateKey(candidate) === true);
    if (key !== undefined) return { chain, key };
    throw osslError(
      'ERR_OSSL_X509_KEY_VALUES_MISMATCH',
      'error:05800074:x509 certificate routines::key values mismatch',
    );
  });
}

/** `sigalgs` says also what we sign with, as in OpenSSL. */
function signingOnlyWith(signer: Identity['signer'], allowed: readonly string[]): Identity['signer'] {
  return {
    schemes: signer.schemes.filter((scheme) => allowed.includes(scheme)),
    sign: (scheme, content, context) => signer.sign(scheme, content, context),
  };
}

type KeySource = PemSource | { readonly pem: PemSource; readonly passphrase?: string | undefined };

function keyOf(source: KeySource, passphrase: string | undefined): KeyObject {
  const { pem, own = passphrase } =
    typeof source === 'object' && 'pem' in source
      ? { pem: source.pem, own: source.passphrase }
      : { pem: source };
  const text = pemText(pem);
  try {
    return createPrivateKey({ key: text, format: 'pem', passphrase: own ?? '' });
  } catch (cause) {
    // What Node itself says of a passphrase that does not fit depends on the bytes that come out.
    if (!/^(-+BEGIN ENCRYPTED|Proc-Type: 4,ENCRYPTED)/m.test(text)) throw cause;
    const what = own === undefined ? 'there is no passphrase' : 'the passphrase does not fit';
    throw osslError('ERR_OSSL_BAD_DECRYPT', 'error:1C800064:Provider routines::bad decrypt', `key: ${what}`);
  }
}

/** @returns DER */
function certificatesOf(source: PemSource, what: string): readonly Uint8Array[] {
  const found = certificatesWithin(pemText(source));
  if (found.length > 0) return found;
  throw osslError(
    'ERR_OSSL_PEM_NO_START_LINE',
    'error:0480006C:PEM routines::no start line',
    `${what}: there is no certificate in it`,
  );
}

/** One of OpenSSL's, whose text has its library and its reason. */
function osslError(code: string, text: string, hint?: string): Error {
  const [, , library, , reason] = text.split(':');
  return nodeError(code, hint === undefined ? text : `${text} (${hint})`, { library, reason });
}

function listOf<One>(oneOrMore: One | readonly One[]): readonly One[] {
  return Array.isArray(oneOrMore) ? oneOrMore : [oneOrMore as One];
}

/** The provider of everything in this room. */
export const provider: typeof nodeCrypto = nodeCrypto;

/** A policy is made of it when there is a peer, and whenever there are others to trust: it stays what it is now. */
function copyOf(list: string | Uint8Array): string | Uint8Array {
  return ArrayBuffer.isView(list) ? bytesOfView(list) : list;
}

/** A copy of the bytes of any view. */
function bytesOfView({ buffer, byteOffset, byteLength }: NodeJS.ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength).slice();
}
