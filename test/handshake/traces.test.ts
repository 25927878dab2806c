import { describe, expect, it } from 'vitest';
import { concatBytes, toHex } from '../../src/base/bytes.ts';
import { createClientConfig, createServerConfig } from '../../src/connection/config.ts';
import type { ConnectionEvent } from '../../src/connection/events.ts';
import { TlsConnection } from '../../src/connection/tls-connection.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import type { CryptoProvider, KeyExchange, NamedGroup, SignatureScheme } from '../../src/crypto/provider.ts';
import { afterClientHello } from '../../src/handshake/client.ts';
import type { ClientConfig, ServerConfig } from '../../src/handshake/config.ts';
import type { Identity, TrustPolicy } from '../../src/handshake/identity.ts';
import type { HandshakeOutcome } from '../../src/handshake/outcome.ts';
import { type Flight, type Handshake, receive } from '../../src/handshake/steps.ts';
import { receiveClientFlight } from '../../src/handshake/tls13-server.ts';
import { cipherSuites } from '../../src/keys/cipher-suites.ts';
import type { TrafficSecrets } from '../../src/keys/key-schedule.ts';
import { Transcript } from '../../src/keys/transcript.ts';
import { subjectPublicKeyInfo } from '../../src/pki/certificate.ts';
import { extensionTypes } from '../../src/wire/extension-types.ts';
import { decodeClientHello } from '../../src/wire/hello.ts';
import { decodeCertificate, decodeCertificateVerify } from '../../src/wire/messages.ts';
import { handshakeTypes, nameOf, signatureSchemeCodes } from '../../src/wire/names.ts';
import { tls13Session } from '../support/handshake.ts';
import { recode } from '../support/recode.ts';
import { ecKeyPair, x25519KeyPair } from '../support/seeded-provider.ts';
import { publishedTraces, type Side, type Trace } from '../support/traces.ts';

const traces = publishedTraces();

/** Without the one that sends 0-RTT data, which is not accepted yet. */
const names = ['simple-1rtt', 'hello-retry-request', 'client-auth', 'compatibility-mode'] as const;

const suite = cipherSuites.TLS_AES_128_GCM_SHA256;
const now = Date.UTC(2018, 8, 1);

describe.skipIf(!traces)('the published connections (tls13-traces.json)', () => {
  it('every message parses, and encodes back to the same bytes', () => {
    const count: Record<string, number> = {};
    for (const [name, trace] of traces ?? []) {
      for (const message of [...trace.messages('client'), ...trace.messages('server')]) {
        expect(toHex(recode(message)), name).toBe(toHex(message));
        count[name] = (count[name] ?? 0) + 1;
      }
    }
    expect(count).toEqual({
      'simple-1rtt': 8,
      'resumed-0rtt': 6,
      'hello-retry-request': 9,
      'client-auth': 10,
      'compatibility-mode': 7,
    });
  });

  it.each(names)('%s: a client with its keys accepts the server, and says the same', (name) => {
    const trace = traceOf(name);
    const config = createClientConfig({
      provider: providerOf(trace, 'client'),
      now: () => now,
      trust: everybody,
      identity: name === 'client-auth' ? recordedIdentity(trace, 'client') : undefined,
      keyLog: true,
    });
    const { connection, events } = play(
      trace,
      'client',
      new TlsConnection(config, (flight) => clientScript(config, trace, flight)),
    );
    expect(secretsOf(events)).toEqual(expectedSecrets(trace));
    expect(connection.handshakeInfo).toMatchObject({
      cipherSuite: suite.name,
      group: name === 'hello-retry-request' ? 'secp256r1' : 'x25519',
      peerSignatureScheme: name === 'client-auth' ? 'ecdsa_secp256r1_sha256' : 'rsa_pss_rsae_sha256',
      helloRetryRequest: name === 'hello-retry-request',
      resumed: false,
    });
    const sessions = events.flatMap((event) =>
      event.type === 'session' ? [toHex(tls13Session(event.session).psk)] : [],
    );
    expect(sessions).toEqual(trace.resumptionPsk ? [toHex(trace.resumptionPsk)] : []);
  });

  it.each(names)('%s: a server with its secrets accepts the client, and says the same', (name) => {
    const trace = traceOf(name);
    const config = createServerConfig({
      provider: nodeCrypto,
      now: () => now,
      identity: recordedIdentity(trace, 'server'),
      clientAuthentication: name === 'client-auth' ? 'require' : 'none',
      clientTrust: everybody,
    });
    const { connection } = play(
      trace,
      'server',
      new TlsConnection(config, (flight) => serverScript(config, trace, flight)),
    );
    const expected =
      name === 'client-auth'
        ? decodeCertificate(trace.message('certificate', 'client').subarray(4))
        : undefined;
    expect(connection.handshakeInfo?.peerCertificates).toEqual(
      expected?.entries.map((entry) => entry.certificate) ?? [],
    );
  });
});

const everybody: TrustPolicy = {
  fingerprint: new Uint8Array(0),
  // The traces' RSA keys have 1 024 bits, their certificates no names: that is not what is judged here.
  verify: () => ({ trusted: true, validUntil: now + 1e9 }),
};

/**
 * Lets an endpoint hear what the trace's peer says, and do what the trace's endpoint does; what it says has to be what
 * the trace's endpoint says, byte for byte.
 */
function play(
  trace: Trace,
  side: Side,
  connection: TlsConnection,
): { readonly connection: TlsConnection; readonly events: readonly ConnectionEvent[] } {
  const events: ConnectionEvent[] = [];
  let output: Uint8Array = new Uint8Array(0);
  // A ticket of ours is another one: from there on the sequence numbers differ.
  let isComparable = true;
  for (const record of trace.records) {
    const isOwn = record.side === side;
    if (!isOwn) connection.receive(record.wire);
    for (let event = connection.next(); event; event = connection.next()) events.push(event);
    if (isOwn && record.type === 'application_data') connection.send(record.payload);
    if (isOwn && record.type === 'alert') connection.closeWrite();
    output = concatBytes(output, ...connection.takeOutput());
    if (isOwn && record.payload[0] === handshakeTypes.new_session_ticket) isComparable = false;
    if (!isOwn || !isComparable) continue;
    expect(toHex(output.subarray(0, record.wire.length))).toBe(toHex(record.wire));
    output = output.subarray(record.wire.length);
  }
  if (isComparable) expect(output).toHaveLength(0);
  const data = trace.records.filter((record) => record.side !== side && record.type === 'application_data');
  const kinds = events.map((event) => event.type).filter((type) => type !== 'keyLog' && type !== 'session');
  expect(kinds).toEqual(['handshakeDone', ...data.map(() => 'data'), 'end']);
  expect(events.flatMap((event) => (event.type === 'data' ? [toHex(event.data)] : []))).toEqual(
    data.map((record) => toHex(record.payload)),
  );
  return { connection, events };
}

/** A client from the recorded ClientHello on. */
function* clientScript(config: ClientConfig, trace: Trace, flight: Flight): Handshake<HandshakeOutcome> {
  const [first, second] = trace.messages('client') as [Uint8Array, Uint8Array];
  const hello = decodeClientHello(first.subarray(4));
  const recorded = second[0] === handshakeTypes.client_hello ? second : undefined;
  const transcript = new RecordedTranscript(first, recorded);
  flight.send(first);
  return yield* afterClientHello(
    config,
    { host: 'server' },
    { ...flight, send: (message) => flight.send(asRecorded(message, recorded)) },
    transcript,
    {
      // Without the recorded order, in which a cookie would have no place.
      hello: { ...hello, extensions: { ...hello.extensions, order: undefined } },
      keyExchanges: [config.provider.initiateKeyExchange('x25519')],
      offered: undefined,
    },
  );
}

/** A transcript in which the recorded second ClientHello stands for ours, which says the same in another order. */
class RecordedTranscript extends Transcript {
  readonly #second: Uint8Array | undefined;

  constructor(first: Uint8Array, second: Uint8Array | undefined) {
    super(nodeCrypto);
    this.#second = second;
    super.add(first);
  }

  override add(message: Uint8Array): void {
    super.add(asRecorded(message, this.#second));
  }
}

function asRecorded(message: Uint8Array, second: Uint8Array | undefined): Uint8Array {
  if (message[0] !== handshakeTypes.client_hello || !second) return message;
  expect(unordered(message)).toEqual(unordered(second));
  return second;
}

/** What a ClientHello says, in whatever order its extensions are, and without padding. */
function unordered(message: Uint8Array): unknown {
  const { extensions, ...fields } = decodeClientHello(message.subarray(4));
  const { order = [], others = [], padding, ...values } = extensions;
  const codes = order.filter((code) => code !== extensionTypes.padding.code).sort((a, b) => a - b);
  return { ...fields, values, codes, others: new Map(others.map(({ code, data }) => [code, data])) };
}

/** A server that says what the recorded one said, and judges the client's flight itself. */
function* serverScript(config: ServerConfig, trace: Trace, flight: Flight): Handshake<HandshakeOutcome> {
  const transcript = new Transcript(nodeCrypto);
  const send = (message: Uint8Array): void => {
    transcript.add(message);
    flight.send(message);
  };
  const messages = [...trace.messages('server')];
  const next = (): Uint8Array => messages.shift()!;
  transcript.add((yield* receive('client_hello')).bytes);
  transcript.start(suite.hash);
  if (messages[1]?.[0] === handshakeTypes.server_hello) {
    transcript.replaceByMessageHash();
    send(next());
    transcript.add((yield* receive('client_hello')).bytes);
  }
  send(next());
  if (trace.records.some(({ side, type }) => side === 'server' && type === 'change_cipher_spec'))
    flight.sendChangeCipherSpec();
  const handshakeTraffic = trafficSecrets(trace, 'hs');
  const applicationTraffic = trafficSecrets(trace, 'ap');
  flight.installWriteKeys(suite, handshakeTraffic.server);
  flight.installReadKeys(suite, handshakeTraffic.client);
  for (const message of messages) if (message[0] !== handshakeTypes.new_session_ticket) send(message);
  flight.installWriteKeys(suite, applicationTraffic.server);
  const { clientAuthentication, clientTrust } = config;
  const requested =
    clientAuthentication === 'none'
      ? undefined
      : { policy: { clientAuthentication, clientTrust, hash: noHash }, certificateType: 'X509' as const };
  const state = { config, flight, transcript, suite };
  const client = yield* receiveClientFlight({ state, handshakeTraffic, applicationTraffic, requested });
  expect(toHex(transcript.digest())).toBe(toHex(trace.secret('res master').transcriptHash));
  return {
    protocolVersion: 'TLSv1.3',
    suite,
    group: 'x25519',
    peerSignatureScheme: client?.signatureScheme,
    peerAcceptedSchemes: [],
    alpnProtocol: undefined,
    serverName: undefined,
    resumed: false,
    helloRetryRequest: false,
    peerCertificates: client?.chain ?? [],
    peerRawPublicKey: undefined,
    authenticatedAt: now,
    validUntil: now + 1e9,
    exporterSecret: trace.secret('exp master').secret,
    resumptionSecret: trace.secret('res master').secret,
    resumption: { side: 'server', policy: noHash, ticketsOwed: 0, ticketsUsable: false },
  };
}

const noHash = new Uint8Array(32);

function trafficSecrets(trace: Trace, phase: 'hs' | 'ap'): TrafficSecrets {
  return {
    client: trace.secret(`c ${phase} traffic`).secret,
    server: trace.secret(`s ${phase} traffic`).secret,
  };
}

/** node:crypto with the key pairs that one side of the trace made. */
function providerOf(trace: Trace, side: Side): CryptoProvider {
  const keyPairs = trace.keyPairs.filter((keyPair) => keyPair.side === side);
  const initiateKeyExchange = (group: NamedGroup): KeyExchange => {
    const recorded = keyPairs.shift();
    if (recorded?.group !== group) throw new Error(`the trace has no key pair of ${group} here`);
    const { privateKey } = recorded;
    const { publicValue, derive } =
      group === 'x25519' ? x25519KeyPair(privateKey) : ecKeyPair('prime256v1', privateKey);
    expect(toHex(publicValue)).toBe(toHex(recorded.publicValue));
    return { group, publicValue, finish: derive };
  };
  return { ...nodeCrypto, initiateKeyExchange };
}

/** The certificate of one side, and its signature wherever that is the one to what is to be signed. */
function recordedIdentity(trace: Trace, side: Side): Identity {
  const chain = decodeCertificate(trace.message('certificate', side).subarray(4)).entries.map(
    (entry) => entry.certificate,
  );
  const { algorithm, signature } = decodeCertificateVerify(
    trace.message('certificate_verify', side).subarray(4),
  );
  const scheme = nameOf(signatureSchemeCodes, algorithm) as SignatureScheme;
  const sign = (_: SignatureScheme, content: Uint8Array): Uint8Array => {
    const key = nodeCrypto.importPublicKey(subjectPublicKeyInfo(chain[0]!));
    expect(key?.verify(scheme, content, signature)).toBe(true);
    return signature;
  };
  return { chain, signer: { schemes: [scheme], sign } };
}

/** The key log's secrets by the labels of the key schedule. */
function secretsOf(events: readonly ConnectionEvent[]): Readonly<Record<string, string>> {
  const lines = events.flatMap((event) => (event.type === 'keyLog' ? [event.line.split(' ')] : []));
  return Object.fromEntries(lines.map(([label = '', , secret = '']) => [logLabels[label] ?? label, secret]));
}

function expectedSecrets(trace: Trace): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.values(logLabels).map((label) => [label, toHex(trace.secret(label).secret)]),
  );
}

const logLabels: Readonly<Record<string, string>> = {
  CLIENT_HANDSHAKE_TRAFFIC_SECRET: 'c hs traffic',
  SERVER_HANDSHAKE_TRAFFIC_SECRET: 's hs traffic',
  CLIENT_TRAFFIC_SECRET_0: 'c ap traffic',
  SERVER_TRAFFIC_SECRET_0: 's ap traffic',
  EXPORTER_SECRET: 'exp master',
};

function traceOf(name: string): Trace {
  const trace = traces?.get(name);
  if (!trace) throw new Error(`there is no trace ${name}`);
  return trace;
}
