import { equalBytes, toHex } from '../../src/base/bytes.ts';
import { TlsCertificateError } from '../../src/base/errors.ts';
import { createClientConfig, createServerConfig } from '../../src/connection/config.ts';
import type { ConnectionEvent } from '../../src/connection/events.ts';
import { TlsConnection } from '../../src/connection/tls-connection.ts';
import { nodeSigner } from '../../src/crypto/node/signer.ts';
import type { Identity, TrustPolicy } from '../../src/handshake/identity.ts';
import { secretOf } from '../../src/sessions/client-session.ts';
import type { CipherSuiteName } from '../../src/wire/names.ts';
import { SeededProvider, seededEd25519Key } from '../support/seeded-provider.ts';

/** The file of recorded connections. Bytes are in base64. */
export interface Recording {
  /** What `openssl version` said. */
  readonly openssl: string;
  /** DER: OpenSSL's own certificate, and the one that Tacit has on either side. */
  readonly certificates: { readonly openssl: string; readonly tacit: string };
  readonly groups: readonly RecordedGroup[];
  /** A connection between two OpenSSLs: what each side wrote, and the key log. */
  readonly tapped: { readonly client: string; readonly server: string; readonly keyLog: readonly string[] };
}

/** Connections that one configuration of Tacit made one after the other, so that a later one can resume an earlier one. */
export interface RecordedGroup {
  readonly name: GroupName;
  readonly connections: readonly RecordedConnection[];
}

export interface RecordedConnection {
  readonly name: string;
  /** What Tacit did, with what came of it; both sides' bytes in order. */
  readonly steps: readonly RecordedStep[];
}

/** One call on the engine. `bytes` are what it received or sent; `output` is what it wrote then. */
export interface RecordedStep {
  readonly call: 'start' | 'receive' | 'receiveEnd' | 'send' | 'updateKeys' | 'closeWrite';
  readonly bytes?: string;
  readonly output?: string;
  readonly events?: readonly string[];
}

export const groupNames = [
  'client',
  'client, retry for a group',
  'client, retry for a cookie',
  'client with a certificate',
  'server',
  'server, retry for a group',
  'server of clients with certificates',
] as const;

export type GroupName = (typeof groupNames)[number];

/** All clocks stand still. */
const now = Date.UTC(2026, 10, 23);

/** Makes the engines of a group: all that is random in them follows from the group's name, so that they can be made again. */
export function engineMaker(name: GroupName, certificates: Recording['certificates']): () => TlsConnection {
  const provider = new SeededProvider(`recorded ${name}`);
  const common = {
    provider,
    now: () => now,
    keyLog: true,
    minVersion: 'TLSv1.3' as const,
    cipherSuites: [cipherSuites[name]],
    alpnProtocols: ['recorded/1'],
    // This OpenSSL has none, and what zlib makes is not the same in every version of Node.
    certificateCompression: [],
  };
  const identity: Identity = {
    chain: [fromBase64(certificates.tacit)],
    signer: nodeSigner(seededEd25519Key(tacitKeySeed)),
  };
  const trust = exactly(fromBase64(certificates.openssl));
  if (name.startsWith('client')) {
    const config = createClientConfig({
      ...common,
      trust,
      identity: name === 'client with a certificate' ? identity : undefined,
      groups: ['x25519', 'secp256r1'],
      // A peer that takes P-256 only has to ask for it.
      keyShares: ['x25519'],
      // OpenSSL's stateless server takes no change_cipher_spec.
      compatibilityMode: name !== 'client, retry for a cookie',
    });
    return () => TlsConnection.client(config, { host: 'localhost', port: 443 });
  }
  const config = createServerConfig({
    ...common,
    identity,
    groups: name === 'server, retry for a group' ? ['secp256r1'] : ['x25519', 'secp256r1'],
    clientAuthentication: name === 'server of clients with certificates' ? 'require' : 'none',
    clientTrust: name === 'server of clients with certificates' ? trust : undefined,
  });
  return () => TlsConnection.server(config);
}

/** What the key of Tacit's certificate follows from. */
export const tacitKeySeed = 'recorded tacit key';

const cipherSuites: Readonly<Record<GroupName, CipherSuiteName>> = {
  client: 'TLS_AES_128_GCM_SHA256',
  'client, retry for a group': 'TLS_CHACHA20_POLY1305_SHA256',
  'client, retry for a cookie': 'TLS_AES_256_GCM_SHA384',
  'client with a certificate': 'TLS_AES_256_GCM_SHA384',
  server: 'TLS_AES_128_GCM_SHA256',
  'server, retry for a group': 'TLS_AES_256_GCM_SHA384',
  'server of clients with certificates': 'TLS_CHACHA20_POLY1305_SHA256',
};

/** Does what a step says; gives what came of it in the form of a step. */
export function perform(engine: TlsConnection, step: Pick<RecordedStep, 'call' | 'bytes'>): RecordedStep {
  const bytes = fromBase64(step.bytes ?? '');
  if (step.call === 'receive') engine.receive(bytes);
  else if (step.call === 'send') engine.send(bytes);
  else if (step.call !== 'start') engine[step.call]();
  const events: string[] = [];
  for (let event = engine.next(); event; event = engine.next()) events.push(describeEvent(event));
  const output = Buffer.concat(engine.takeOutput()).toString('base64');
  return {
    ...step,
    ...(output === '' ? {} : { output }),
    ...(events.length === 0 ? {} : { events }),
  };
}

export function fromBase64(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'base64'));
}

/** An event with everything in it that must be the same again. */
function describeEvent(event: ConnectionEvent): string {
  switch (event.type) {
    case 'handshakeDone': {
      // The recordings are older than these: the first is always true in TLS 1.3, the others stand in the messages.
      const {
        peerCertificates,
        extendedMasterSecret: _,
        peerAcceptedSchemes: _schemes,
        finished: _finished,
        ...info
      } = event.info;
      return `handshakeDone ${JSON.stringify({ ...info, peerCertificates: peerCertificates.length })}`;
    }
    case 'data':
      return `data ${Buffer.from(event.data).toString('latin1')}`;
    case 'session':
      return `session ${toHex(secretOf(event.session))}`;
    case 'keyLog':
      return `keyLog ${event.line}`;
    case 'failed':
      return `failed ${event.error.message}`;
    default:
      return event.type;
  }
}

function exactly(trusted: Uint8Array): TrustPolicy {
  return {
    fingerprint: trusted,
    verify: ({ chain: [leaf] }) =>
      leaf && equalBytes(leaf, trusted)
        ? { trusted: true, validUntil: now + 1e9 }
        : { trusted: false, error: new TlsCertificateError('unknown_issuer', 'not the one that is trusted') },
  };
}
