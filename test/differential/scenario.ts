import type { CipherSuiteName, ClientAuthentication, NamedGroup, SignatureScheme } from '../../src/index.ts';
import type { ProtocolVersion } from '../../src/wire/names.ts';
import type { TestKeyType } from '../support/certificates.ts';

/** Two connections at most, between a client and a server: plain data, which both libraries can be told. */
export interface Scenario {
  readonly seed: number;
  readonly transport: Transport;
  readonly records: RecordChoice;
  readonly first: Connection;
  /** A second connection, with what the client kept of the first one. */
  readonly again: Connection | undefined;
}

export type Transport = 'memory' | 'tcp';

export interface Connection {
  readonly client: ClientChoice;
  readonly server: ServerChoice;
  readonly traffic: Traffic;
}

export interface EndpointChoice {
  /** From the lowest to the highest. */
  readonly versions: readonly ProtocolVersion[];
  /** Of both versions, preferred ones first, here and below. */
  readonly suites: readonly CipherSuiteName[];
  readonly groups: readonly NamedGroup[];
  /** What the peer may sign with, and what is signed with; undefined: what the library likes. */
  readonly schemes: readonly SignatureScheme[] | undefined;
  /** Empty: no ALPN. */
  readonly alpn: readonly string[];
  readonly trusts: readonly Authority[];
}

export interface ClientChoice extends EndpointChoice {
  /** What the certificate has to be valid for. */
  readonly host: string;
  /** Empty: none is sent. */
  readonly serverName: string;
  readonly certificate: CertificateChoice | undefined;
}

export interface ServerChoice extends EndpointChoice {
  /** The first one is for clients that name nobody, or somebody else. */
  readonly certificates: readonly CertificateChoice[];
  /** Whether a name that no certificate has is refused. */
  readonly refusesUnknownNames: boolean;
  readonly clientAuthentication: ClientAuthentication;
}

export type Authority = 'root' | 'stranger';

export interface CertificateChoice {
  readonly purpose: 'server' | 'client';
  readonly key: TestKeyType;
  readonly names: readonly string[];
  readonly issuer: Authority;
  /** Of `withheld` ones the intermediate is not sent. */
  readonly chain: 'direct' | 'intermediate' | 'withheld';
  readonly validity: 'valid' | 'expired' | 'future';
  /** Whether its extendedKeyUsage is that of its purpose, or that of the other one. */
  readonly usage: 'right' | 'wrong';
}

/** What either library may do with its own records, and the other must take. */
export interface RecordChoice {
  readonly tacitPadding: number;
  readonly tacitLimit: number;
  readonly nodeFragment: number;
}

export interface Traffic {
  /** Lengths of the client's writes. */
  readonly up: readonly number[];
  readonly down: readonly number[];
  /** Before which writes the keys are updated, by whoever can. */
  readonly updates: { readonly up: readonly number[]; readonly down: readonly number[] };
  /** Whether the server waits for all that the client has to say. */
  readonly order: 'in turn' | 'at once';
  readonly ending: Ending;
}

export type Ending =
  | 'client first'
  | 'server first'
  | 'at once'
  | 'client destroys'
  | 'server destroys'
  /** The transport ends without a word, between two records or inside one. */
  | 'cut'
  | 'cut inside a record'
  /** The client reads nothing, not even what TLS sends by itself, and closes when it has written. */
  | 'write only';

/** Whether both sides say that they end. */
export function isPolite(ending: Ending): boolean {
  return ending === 'client first' || ending === 'server first' || ending === 'at once';
}

export function sum(lengths: readonly number[]): number {
  return lengths.reduce((total, length) => total + length, 0);
}

/** What each kind of key can sign with. */
export const schemesByKey: Partial<Record<TestKeyType, readonly SignatureScheme[]>> = {
  p256: ['ecdsa_secp256r1_sha256'],
  p384: ['ecdsa_secp384r1_sha384'],
  p521: ['ecdsa_secp521r1_sha512'],
  ed25519: ['ed25519'],
  rsa2048: [
    'rsa_pss_rsae_sha256',
    'rsa_pss_rsae_sha384',
    'rsa_pss_rsae_sha512',
    'rsa_pkcs1_sha256',
    'rsa_pkcs1_sha384',
    'rsa_pkcs1_sha512',
  ],
  // Its parameters name SHA-256.
  rsaPss2048: ['rsa_pss_pss_sha256'],
};

/** Whether this side may sign with the key of a certificate: with another one it shows nobody. */
export function canSign({ key }: CertificateChoice, choice: EndpointChoice): boolean {
  return schemesOf(choice)?.some((scheme) => schemesByKey[key]?.includes(scheme)) ?? true;
}

/** The highest version that both speak (RFC 9846 §4.3.1); undefined where there is none. */
export function commonVersion({
  client,
  server,
}: Pick<Connection, 'client' | 'server'>): ProtocolVersion | undefined {
  return client.versions.findLast((version) => server.versions.includes(version));
}

/** What is signed with: PKCS#1 is for TLS 1.2 alone (RFC 9846 §4.3.3), and nothing to ask for without it. */
export function schemesOf({
  schemes,
  versions,
}: Pick<EndpointChoice, 'schemes' | 'versions'>): EndpointChoice['schemes'] {
  if (versions.includes('TLSv1.2')) return schemes;
  return schemes?.filter((scheme) => !scheme.startsWith('rsa_pkcs1_'));
}

export function connectionsOf({ first, again }: Scenario): readonly Connection[] {
  return again === undefined ? [first] : [first, again];
}
