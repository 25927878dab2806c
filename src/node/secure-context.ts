import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import tls, { type SecureContextOptions, type SecureVersion } from 'node:tls';
import { TlsUsageError } from '../base/errors.ts';
import type { ClientSettings } from '../connection/config.ts';
import { nodeCrypto } from '../crypto/node/provider.ts';
import { nodeSigner } from '../crypto/node/signer.ts';
import { trustAnchors } from '../net/anchors.ts';
import { loadIdentity } from '../net/identity.ts';
import { certificatesWithin } from '../net/pem.ts';
import { revocationSettings } from '../net/revocation.ts';
import { nodeError } from './errors.ts';
import { cipherSuitesOf, groupsOf, signatureSchemesOf, versionsOf } from './openssl-names.ts';

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

type Identity = ReturnType<typeof loadIdentity>;

/** Certificates, keys and algorithms, read once: what `SecureContext#context` holds here. */
export interface ContextMaterial {
  readonly identities: readonly Identity[];
  /** DER or PEM; undefined: the default ones. */
  readonly ca: readonly Uint8Array[] | undefined;
  readonly crls: readonly (string | Uint8Array)[] | undefined;
  readonly algorithms: Pick<
    ClientSettings,
    'minVersion' | 'maxVersion' | 'cipherSuites' | 'groups' | 'signatureSchemes'
  >;
  /** Seconds. */
  readonly sessionTimeout: number | undefined;
}

/** As `tls.SecureContext`: opaque to programs. */
export class SecureContext {
  readonly context: ContextMaterial;

  constructor(context: ContextMaterial) {
    this.context = context;
  }
}

/** What ignoring would make less safe or simply wrong, by the reason why Tacit does not have it. */
const refused: Readonly<Record<string, string>> = {
  pfx: 'Node has no reader of PKCS #12 to lend; give `cert` and `key` as PEM (openssl pkcs12 -in file -nodes)',
  clientCertEngine: 'there is no OpenSSL whose engine could be loaded; give `cert` and `key`',
  privateKeyEngine: 'there is no OpenSSL whose engine could be loaded; give `key`',
  privateKeyIdentifier: 'there is no OpenSSL whose engine could be loaded; give `key`',
  pskCallback: 'external pre-shared keys are not supported',
  pskIdentityHint: 'external pre-shared keys are not supported',
  ticketKeys: 'the keys of tickets rotate by themselves, and are not shared between processes yet',
};

/** The same of what is a socket's or a server's, and not a context's. */
export const refusedOfConnections: Readonly<Record<string, string>> = {
  ALPNCallback: 'a choice by a function is not supported; give ALPNProtocols',
  pskCallback: 'external pre-shared keys are not supported',
};

/** @throws TlsUsageError naming the first option that Tacit does not have on purpose */
export function refuseOptions(options: object, names: Readonly<Record<string, string>> = refused): void {
  for (const [name, why] of Object.entries(names)) {
    const value: unknown = (options as Record<string, unknown>)[name];
    if (value !== undefined && value !== null) throw new TlsUsageError(`${name}: ${why}`);
  }
}

/** @throws TlsUsageError naming the first option that a socket does not have on purpose */
export function refuseSocketOptions(options: object): void {
  refuseOptions(options, refusedOfConnections);
  const { server } = options as { readonly server?: object | null };
  // One of plain connections says nothing about TLS; what does STARTTLS hands it on.
  if (server && 'setSecureContext' in server)
    throw new TlsUsageError('server: the sockets of a TLS server are made by it; give SNICallback');
}

/**
 * As `tls.createSecureContext`, and reads and checks everything at once.
 * @throws Error with Node's codes, or TlsUsageError naming the option
 */
export function createSecureContext(options: SecureContextOptions = {}): SecureContext {
  refuseOptions(options);
  const {
    ca,
    crl,
    ciphers = defaults.DEFAULT_CIPHERS,
    ecdhCurve = defaults.DEFAULT_ECDH_CURVE,
    minVersion = defaults.DEFAULT_MIN_VERSION,
    maxVersion = defaults.DEFAULT_MAX_VERSION,
  } = options;
  if (options.secureProtocol !== undefined && (options.minVersion ?? options.maxVersion) !== undefined)
    throw nodeError(
      'ERR_TLS_PROTOCOL_VERSION_CONFLICT',
      'secureProtocol: it conflicts with minVersion and maxVersion; give one of them',
    );
  requireString('ciphers', ciphers);
  requireString('ecdhCurve', ecdhCurve);
  if (options.sigalgs !== undefined) requireString('sigalgs', options.sigalgs);
  const versions = versionsOf(minVersion, maxVersion, options.secureProtocol);
  const authorities =
    ca === undefined || ca === null
      ? undefined
      : listOf(ca).flatMap((source) => certificatesOf(source, 'ca'));
  const lists = crl === undefined || crl === null ? [] : listOf(crl);
  if (lists.length > 0) revocationSettings({ crls: lists });
  // What cannot be an anchor is said here, and not to the first peer.
  if (authorities !== undefined && authorities.length > 0) trustAnchors(authorities, 'server', provider);
  return new SecureContext({
    identities: identitiesOf(options),
    ca: authorities,
    crls: lists.length === 0 ? undefined : lists,
    algorithms: {
      ...versions,
      cipherSuites: cipherSuitesOf(ciphers, versions.maxVersion),
      groups: groupsOf(ecdhCurve),
      signatureSchemes: options.sigalgs === undefined ? undefined : signatureSchemesOf(options.sigalgs),
    },
    sessionTimeout: options.sessionTimeout,
  });
}

/** Each certificate with the key that is its own, wherever that stands among the keys. */
function identitiesOf(options: SecureContextOptions): readonly Identity[] {
  const keys = !options.key ? [] : listOf(options.key).map((key) => keyOf(key, options.passphrase));
  const chains = !options.cert ? [] : listOf(options.cert).map((cert) => certificatesOf(cert, 'cert'));
  return chains.map((chain) => {
    const [leaf] = chain.map((der) => new X509Certificate(der));
    const key = keys.find((candidate) => leaf?.checkPrivateKey(candidate) === true);
    if (key === undefined) {
      if (keys.length === 0) throw new TlsUsageError('key: `cert` is of no use without its private key');
      throw nodeError('ERR_OSSL_X509_KEY_VALUES_MISMATCH', 'key: none is the key of `cert`', {
        library: 'x509 certificate routines',
        reason: 'key values mismatch',
      });
    }
    // What it says of itself is the peer's to judge: Node shows certificates of version 1, too.
    return loadIdentity({ chain, signer: nodeSigner(key) });
  });
}

type KeySource =
  | string
  | Buffer
  | { readonly pem: string | Buffer; readonly passphrase?: string | undefined };

function keyOf(source: KeySource, passphrase: string | undefined): KeyObject {
  const { pem, own = passphrase } =
    typeof source === 'object' && 'pem' in source
      ? { pem: source.pem, own: source.passphrase }
      : { pem: source };
  if (typeof pem !== 'string' && !ArrayBuffer.isView(pem))
    throw nodeError('ERR_INVALID_ARG_TYPE', `key: expected PEM as text or bytes, got ${typeof pem}`);
  return createPrivateKey({
    key: Buffer.from(pem),
    format: 'pem',
    ...(own !== undefined && { passphrase: own }),
  });
}

/** @returns DER */
function certificatesOf(source: string | Buffer, what: string): readonly Uint8Array[] {
  if (typeof source !== 'string' && !ArrayBuffer.isView(source))
    throw nodeError('ERR_INVALID_ARG_TYPE', `${what}: expected PEM as text or bytes, got ${typeof source}`);
  const found = certificatesWithin(Buffer.from(source).toString('latin1'));
  if (found.length > 0) return found;
  throw nodeError('ERR_OSSL_PEM_NO_START_LINE', `${what}: there is no certificate in it`, {
    library: 'PEM routines',
    reason: 'no start line',
  });
}

function requireString(name: string, value: unknown): void {
  if (typeof value !== 'string')
    throw nodeError('ERR_INVALID_ARG_TYPE', `${name}: expected a string, got ${typeof value}`);
}

function listOf<One>(oneOrMore: One | readonly One[]): readonly One[] {
  return Array.isArray(oneOrMore) ? oneOrMore : [oneOrMore as One];
}

/** The provider of everything in this room. */
export const provider: typeof nodeCrypto = nodeCrypto;
