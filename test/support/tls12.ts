import { concatBytes } from '../../src/base/bytes.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import { nodeSigner } from '../../src/crypto/node/signer.ts';
import type { Identity } from '../../src/handshake/identity.ts';
import { type Tls12CipherSuite, tls12CipherSuites } from '../../src/keys/tls12-cipher-suites.ts';
import { tls12Keys } from '../../src/keys/tls12-key-schedule.ts';
import { Tls12RecordOpener, Tls12RecordSealer } from '../../src/keys/tls12-record-protection.ts';
import type {
  ClientSession,
  ClientSessionCache,
  Tls12ClientSession,
} from '../../src/sessions/client-session.ts';
import {
  type ClientHello,
  decodeClientHello,
  decodeServerHello,
  encodeClientHello,
} from '../../src/wire/hello.ts';
import { contentTypes, type Tls12CipherSuiteName } from '../../src/wire/names.ts';
import { recordHeaderLength } from '../../src/wire/record.ts';
import { encodeTls12ServerHello, type Tls12ServerHello } from '../../src/wire/tls12-messages.ts';
import { rootCertificate, serverCertificate, type TestKeyType } from './certificates.ts';
import {
  type Endpoint,
  endOfTime,
  establishedPair,
  type Pair,
  type PairSettings,
  type Turn,
} from './engine.ts';
import { ProtectedRecords, splitMessages, splitRecords } from './raw-peer.ts';

/** Settings of an endpoint that speaks no other version. */
export const tls12Only = { maxVersion: 'TLSv1.2' } as const;

/** Two endpoints of TLS 1.2 after their handshake. */
export function establishedTls12Pair(settings: PairSettings = {}): Promise<Pair> {
  return establishedPair({
    client: { ...tls12Only, ...settings.client },
    server: { ...tls12Only, ...settings.server },
  });
}

/** A server's identity with a key of this type, of which each has its own. */
export async function identityWithKey(type: TestKeyType): Promise<Identity> {
  const { der, key } = await serverCertificate(await rootCertificate(), { key: type });
  return { chain: [der], signer: nodeSigner(key) };
}

/** A session that has to be one of TLS 1.2. */
export function tls12Session(session: ClientSession): Tls12ClientSession {
  if (session.protocolVersion !== 'TLSv1.2') throw new Error('the session is one of TLS 1.3');
  return session;
}

/** The sessions that a client was given. */
export function sessionsOf({ events }: Endpoint): Tls12ClientSession[] {
  return events.flatMap((event) => (event.type === 'session' ? [tls12Session(event.session)] : []));
}

/** A copy with a secret of its own: that of a session is wiped when it is used. */
export function copyOfSession(session: Tls12ClientSession): Tls12ClientSession {
  return { ...session, masterSecret: session.masterSecret.slice() };
}

/** A cache that gives the newest of these sessions again and again, whatever its age and the server's name and policy. */
export function carelessCache(held: Tls12ClientSession[]): ClientSessionCache {
  return {
    put: (session) => void held.push(copyOfSession(tls12Session(session))),
    take: (scope) => {
      const session = held.at(-1);
      return session && { ...copyOfSession(session), scope, expiresAt: endOfTime, validUntil: endOfTime };
    },
  };
}

/** An encoded ClientHello with other content. */
export function editedClientHello(
  message: Uint8Array,
  edit: (hello: ClientHello) => ClientHello,
): Uint8Array {
  return encodeClientHello(edit(decodeClientHello(message.subarray(4))));
}

/** An encoded ServerHello of TLS 1.2 with other content. */
export function editedServerHello(
  message: Uint8Array,
  edit: (hello: Tls12ServerHello) => Tls12ServerHello,
): Uint8Array {
  const hello = decodeServerHello(message.subarray(4));
  if (hello.kind !== 'Tls12ServerHello') throw new Error(`it is a ${hello.kind}`);
  // What is not in the order that it came in would not be written.
  return encodeTls12ServerHello(edit({ ...hello, extensions: { ...hello.extensions, order: undefined } }));
}

/** The suite that an endpoint negotiated. */
export function tls12SuiteOf({ info }: Endpoint): Tls12CipherSuite {
  return tls12CipherSuites[info.cipherSuite as Tls12CipherSuiteName];
}

/** The handshake messages that an endpoint sent ahead of its change_cipher_spec, headers included. */
export function plaintextMessagesOf(endpoint: Endpoint): Uint8Array[] {
  const records = splitRecords(concatBytes(...endpoint.writes));
  const change = records.findIndex(([type]) => type === contentTypes.change_cipher_spec);
  const plain = (change < 0 ? records : records.slice(0, change)).filter(
    ([type]) => type === contentTypes.handshake,
  );
  return splitMessages(concatBytes(...plain.map((record) => record.subarray(recordHeaderLength)))).messages;
}

/** The random value in the first message that an endpoint sent, which is its hello. */
export function randomOf(endpoint: Endpoint): Uint8Array {
  const [hello] = plaintextMessagesOf(endpoint);
  if (!hello) throw new Error('no hello was sent');
  return hello.slice(6, 38);
}

/** Records of TLS 1.2 from the place of one end of an established connection, and the other end, which gets them. */
export class Tls12RawPeer extends ProtectedRecords {
  readonly target: Endpoint;

  constructor(pair: Pair, role: 'client' | 'server') {
    const target = pair[role];
    const other = role === 'client' ? 'server' : 'client';
    const masterSecret = target.secrets.get('CLIENT_RANDOM');
    if (!masterSecret) throw new Error('the master secret was not logged');
    const suite = tls12SuiteOf(target);
    const randoms = { client: randomOf(pair.client), server: randomOf(pair.server) };
    const keys = tls12Keys(nodeCrypto, suite, masterSecret, randoms);
    const sealer = new Tls12RecordSealer(nodeCrypto, suite, keys[other]);
    const opener = new Tls12RecordOpener(nodeCrypto, suite, keys[role]);
    super(sealer, opener);
    this.target = target;
    // What both have said under these keys already: Finished, at least.
    for (const _ of protectedRecordsOf(pair[other]))
      sealer.seal(contentTypes.handshake, [{ content: [], padding: 0 }]);
    this.open(concatBytes(...protectedRecordsOf(target)));
  }

  /** Lets the endpoint receive these bytes at once. */
  deliver(...wire: readonly Uint8Array[]): Turn {
    return this.target.receive(concatBytes(...wire));
  }
}

/** An endpoint of TLS 1.2 after its handshake, and a raw peer in the place of the other one. */
export async function tls12RawPeerOf(
  role: 'client' | 'server',
  settings: PairSettings = {},
): Promise<{ readonly target: Endpoint; readonly raw: Tls12RawPeer }> {
  const raw = new Tls12RawPeer(await establishedTls12Pair(settings), role);
  return { target: raw.target, raw };
}

/** The records that an endpoint sent behind its change_cipher_spec, headers included. */
export function protectedRecordsOf(endpoint: Endpoint): Uint8Array[] {
  const records = splitRecords(concatBytes(...endpoint.writes));
  const change = records.findIndex(([type]) => type === contentTypes.change_cipher_spec);
  return change < 0 ? [] : records.slice(change + 1);
}
