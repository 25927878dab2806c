import { fileURLToPath } from 'node:url';
import { curlClient } from './curl.ts';
import { type DriverProgram, driverClient, driverServer } from './driver.ts';
import { gnutlsClient, gnutlsServer } from './gnutls.ts';
import { everyGroup, everySignatureScheme } from './names.ts';
import { opensslClient, opensslServer } from './openssl.ts';
import { opensslEnvironment } from './openssl-config.ts';
import type { PeerAbilities, PeerClient, PeerServer } from './peer.ts';
import { run } from './run.ts';

/** A peer, and why it cannot be tested, where it cannot. */
export interface Candidate<Peer> {
  readonly peer: Peer;
  readonly missing: string | undefined;
}

const libraryAbilities: PeerAbilities = {
  groups: everyGroup,
  signatureSchemes: everySignatureScheme,
  mixesCurvesAndHashes: true,
  narrowsSignatureSchemes: true,
  updatesKeys: false,
  alpnMismatch: 'alert',
  refusal: 'unknown_ca',
  otherVersion: 'protocol_version',
  tls12MissingCertificate: 'handshake_failure',
  heedsAuthorities: false,
  limitsRecords: false,
  takesTls12Tickets: true,
  resumesById: true,
  dropsExtendedMasterSecret: true,
  halfCloses: true,
  remembersGroups: false,
  namesAlerts: true,
};

const source = (name: string): string => fileURLToPath(new URL(`../peers/${name}`, import.meta.url));

export const pythonProgram: DriverProgram = {
  name: 'Python ssl',
  command: [programOf('python'), source('python.py')],
  // It can narrow the groups, but only to one and never to X25519: all comes from OpenSSL's configuration.
  environment: opensslEnvironment,
  // Nor one to end its direction: unwrap() waits for the peer's close_notify, and takes no tickets then.
  abilities: { ...libraryAbilities, alpnMismatch: 'ignored', halfCloses: false },
};

export const nodeProgram: DriverProgram = {
  name: 'node:tls',
  command: [process.execPath, source('node-tls.mjs')],
  abilities: { ...libraryAbilities, refusal: 'close' },
};

export const goProgram: DriverProgram = {
  name: 'Go crypto/tls',
  command: [programOf('go')],
  // Its go.mod asks for an old release, whose defaults it would have: without this key share and its size.
  environment: async () => ({ GODEBUG: 'tlsmlkem=1' }),
  abilities: {
    ...libraryAbilities,
    // Its certificates know RSA-PSS as a signature, not as a kind of key.
    signatureSchemes: everySignatureScheme.filter((scheme) => !scheme.startsWith('rsa_pss_pss')),
    narrowsSignatureSchemes: false,
    heedsAuthorities: true,
    resumesById: false,
    dropsExtendedMasterSecret: false,
  },
};

export const rustlsProgram: DriverProgram = {
  name: 'rustls',
  command: [programOf('rustls')],
  abilities: {
    ...libraryAbilities,
    groups: everyGroup.filter((group) => group !== 'secp521r1'),
    signatureSchemes: everySignatureScheme.filter((scheme) => !/pss_pss|p521/.test(scheme)),
    mixesCurvesAndHashes: false,
    updatesKeys: true,
    // An alert of TLS 1.3.
    tls12MissingCertificate: 'certificate_required',
    dropsExtendedMasterSecret: false,
    remembersGroups: true,
  },
};

export const clients: readonly Candidate<PeerClient>[] = [
  candidate('openssl', opensslClient),
  candidate('curl', curlClient),
  candidate('python', driverClient(pythonProgram)),
  candidate('node', driverClient(nodeProgram)),
  candidate('gnutls-cli', gnutlsClient),
  candidate('go', driverClient(goProgram)),
  candidate('rustls', driverClient(rustlsProgram)),
];

export const servers: readonly Candidate<PeerServer>[] = [
  candidate('openssl', opensslServer),
  candidate('python', driverServer(pythonProgram)),
  candidate('node', driverServer(nodeProgram)),
  candidate('gnutls-serv', gnutlsServer),
  candidate('go', driverServer(goProgram)),
  candidate('rustls', driverServer(rustlsProgram)),
];

/** Why the tests of `name` are skipped; undefined if they are not. */
export function missing(name: string): string | undefined {
  const state = run.peers[name];
  if (state === undefined) return 'unknown to the setup';
  return 'missing' in state ? state.missing : undefined;
}

/** The program that the setup found or built. */
export function programOf(name: string): string {
  const state = run.peers[name];
  return state === undefined || 'missing' in state ? name : state.program;
}

function candidate<Peer>(name: string, peer: Peer): Candidate<Peer> {
  return { peer, missing: missing(name) };
}
