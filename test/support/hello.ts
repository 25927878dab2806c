import { concatBytes } from '../../src/base/bytes.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import type { CryptoProvider, HashAlgorithm, KeyExchange, RunningHash } from '../../src/crypto/provider.ts';
import { afterClientHello } from '../../src/handshake/client.ts';
import {
  encodeWithSession,
  firstClientHello,
  type OfferedSession,
  type PeerName,
  pskOf,
  sessionScope,
  takeSession,
} from '../../src/handshake/client-hello.ts';
import type { ClientConfig, ServerConfig } from '../../src/handshake/config.ts';
import { serverHandshake } from '../../src/handshake/server.ts';
import { receive } from '../../src/handshake/steps.ts';
import { cipherSuites } from '../../src/keys/cipher-suites.ts';
import { hashLengths } from '../../src/keys/hkdf.ts';
import { earlySecret } from '../../src/keys/key-schedule.ts';
import { Transcript } from '../../src/keys/transcript.ts';
import type { Tls13ClientSession } from '../../src/sessions/client-session.ts';
import {
  bindersLength,
  type ClientHello,
  type ClientHelloExtensions,
  decodeClientHello,
  encodeClientHello,
  encodeServerHello,
  type HelloRetryRequest,
} from '../../src/wire/hello.ts';
import { messageHeaderLength } from '../../src/wire/message.ts';
import { handshakeTypes, protocolVersions } from '../../src/wire/names.ts';
import { recordHeaderLength } from '../../src/wire/record.ts';
import { clientConfig, type Endpoint } from './engine.ts';
import { hashOf, scripted, tls13Session } from './handshake.ts';
import { splitRecords } from './raw-peer.ts';

const peer = { host: 'localhost' };

/** A ClientHello as our client makes it, and the key exchanges that belong to it. */
export function newHello(config: ClientConfig = clientConfig()): {
  readonly hello: ClientHello;
  readonly keyExchanges: readonly KeyExchange[];
} {
  const keyExchanges = config.keyShares.map((group) => config.provider.initiateKeyExchange(group));
  return { hello: firstClientHello(config, 'localhost', keyExchanges), keyExchanges };
}

/** What a client that connects now has to offer. */
export function takePsk(config: ClientConfig, to: PeerName): OfferedSession | undefined {
  const session = takeSession(config, sessionScope(config, to));
  return session && pskOf(config, tls13Session(session));
}

/** An encoded ClientHello with other extensions: undefined takes one away. */
export function helloWith(extensions: Partial<ClientHelloExtensions>, config?: ClientConfig): Uint8Array {
  const { hello } = newHello(config);
  return encodeClientHello({ ...hello, extensions: { ...hello.extensions, ...extensions } });
}

/** A client whose first ClientHello is altered before binders are made and anything is hashed: all goes on as ever. */
export function clientWithHello(config: ClientConfig, edit: (hello: ClientHello) => ClientHello): Endpoint {
  return scripted(config, function* (flight) {
    const transcript = new Transcript(config.provider);
    const { hello: original, keyExchanges } = newHello(config);
    const hello = edit(original);
    const offered = takePsk(config, peer);
    const bytes = offered
      ? encodeWithSession(hello, offered, transcript, config.now())
      : encodeClientHello(hello);
    transcript.add(bytes);
    flight.send(bytes);
    return yield* afterClientHello(config, peer, flight, transcript, { hello, keyExchanges, offered });
  });
}

/** A client that sends two messages of a test's making, the second one after the server's first answer. */
export function clientWithHellos(first: Uint8Array, second: (retry: Uint8Array) => Uint8Array): Endpoint {
  return scripted(clientConfig(), function* (flight) {
    flight.send(first);
    const { bytes } = yield* receive('server_hello');
    flight.send(second(bytes));
    yield* receive('server_hello');
    throw new Error('this client goes no further');
  });
}

/** What a pre_shared_key offers. */
export interface OfferedPsk {
  readonly session: Tls13ClientSession;
  readonly ticket?: Uint8Array;
  readonly age?: number;
  /** Instead of the right one. */
  readonly binder?: Uint8Array;
}

/**
 * A ClientHello with PSKs, each with its binder.
 * @param before what the transcript holds before it, after a HelloRetryRequest
 */
export function helloWithPsks(
  hello: ClientHello,
  psks: readonly OfferedPsk[],
  before: (hash: HashAlgorithm) => Uint8Array = () => new Uint8Array(0),
): Uint8Array {
  const identities = psks.map(({ session, ticket, age }) => ({
    identity: ticket ?? session.ticket,
    obfuscatedTicketAge: age ?? session.ticketAgeAdd,
  }));
  const encode = (binders: readonly Uint8Array[]): Uint8Array =>
    encodeClientHello({
      ...hello,
      extensions: { ...hello.extensions, pre_shared_key: { identities, binders } },
    });
  const lengths = psks.map(
    ({ session, binder }) => binder?.length ?? cipherSuites[session.cipherSuite].hashLength,
  );
  const placeholders = lengths.map((length) => new Uint8Array(length));
  const truncated = encode(placeholders).subarray(0, -bindersLength({ identities, binders: placeholders }));
  return encode(
    psks.map(({ session, binder }) => {
      const { hash } = cipherSuites[session.cipherSuite];
      const covered = hashOf(nodeCrypto, hash, concatBytes(before(hash), truncated));
      return binder ?? earlySecret(nodeCrypto, hash, session.psk).binder(covered);
    }),
  );
}

/** What a transcript holds after a HelloRetryRequest: ClientHello1 as its hash, and the HelloRetryRequest. */
export function retriedTranscript(hash: HashAlgorithm, first: Uint8Array, retry: Uint8Array): Uint8Array {
  const header = Uint8Array.of(handshakeTypes.message_hash, 0, 0, hashLengths[hash]);
  return concatBytes(header, hashOf(nodeCrypto, hash, first), retry);
}

/** A HelloRetryRequest that answers a ClientHello well, but for what `changes` say. */
export function retryFor(hello: ClientHello, changes: Partial<HelloRetryRequest>): HelloRetryRequest {
  return {
    kind: 'HelloRetryRequest',
    legacyVersion: protocolVersions.tls12,
    legacySessionIdEcho: hello.legacySessionId,
    cipherSuite: hello.cipherSuites[0] ?? 0,
    legacyCompressionMethod: 0,
    ...changes,
    extensions: { supported_versions: protocolVersions.tls13, ...changes.extensions },
  };
}

/** A server that asks again with a HelloRetryRequest of a test's making, and goes on as ever with the second ClientHello. */
export function retryingServer(
  config: ServerConfig,
  changes: Partial<HelloRetryRequest>,
  heard: (hello: ClientHello, bytes: Uint8Array) => void = () => undefined,
): Endpoint {
  return scripted(config, function* (flight) {
    const first = yield* receive('client_hello');
    const hello = decodeClientHello(first.body);
    heard(hello, first.bytes);
    const retry = encodeServerHello(retryFor(hello, changes));
    flight.send(retry);
    flight.sendChangeCipherSpec();
    const provider = afterRetry(config.provider, first.bytes, retry, heard);
    return yield* serverHandshake({ ...config, provider }, flight);
  });
}

/** A server that sends what a test makes of each ClientHello, and nothing else. */
export function answeringServer(
  config: ServerConfig,
  ...answers: readonly ((hello: ClientHello) => Uint8Array)[]
): Endpoint {
  return scripted(config, function* (flight) {
    for (const answer of answers) {
      const { body } = yield* receive('client_hello');
      flight.send(answer(decodeClientHello(body)));
    }
    yield* receive('client_hello');
    throw new Error('this server goes no further');
  });
}

/** The hello that our client sends first, decoded: what a server may alter its answer by. */
export function helloOf(client: Endpoint): ClientHello {
  const [write] = client.writes.length > 0 ? client.writes : [client.turn().output];
  if (!write) throw new Error('the client has not sent anything');
  const message = concatBytes(...splitRecords(write).map((record) => record.subarray(recordHeaderLength)));
  return decodeClientHello(message.subarray(messageHeaderLength));
}

/** Hashes that begin with ClientHello1 and HelloRetryRequest wherever they begin with a ClientHello. */
function afterRetry(
  provider: CryptoProvider,
  first: Uint8Array,
  retry: Uint8Array,
  heard: (hello: ClientHello, bytes: Uint8Array) => void,
): CryptoProvider {
  const wrap = (hash: RunningHash, algorithm: HashAlgorithm, isFresh: boolean): RunningHash => {
    let fresh = isFresh;
    return {
      update(data): void {
        if (fresh && data[0] === handshakeTypes.client_hello && data.length > 40) {
          hash.update(retriedTranscript(algorithm, first, retry));
          if (data.length === 4 + data[1]! * 65_536 + data[2]! * 256 + data[3]!)
            heard(decodeClientHello(data.subarray(4)), data);
        }
        if (data.length > 0) fresh = false;
        hash.update(data);
      },
      copy: () => wrap(hash.copy(), algorithm, fresh),
      digest: () => hash.digest(),
    };
  };
  return { ...provider, hash: (algorithm) => wrap(provider.hash(algorithm), algorithm, true) };
}
