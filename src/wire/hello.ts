import { equalBytes, noBytes } from '../base/bytes.ts';
import { peerError } from '../base/errors.ts';
import {
  compressionAlgorithms,
  cookie,
  distinguishedNames,
  flag,
  type KeyShareEntry,
  keyShareEntry,
  type OfferedPsks,
  offeredKeyShares,
  offeredPsks,
  offeredServerName,
  offeredVersions,
  opaque,
  protocolNames,
  recordSizeLimit,
  renegotiatedConnection,
  type StatusRequest,
  statusRequest,
  type TicketRequest,
  ticketRequest,
  uint8,
  uint8List,
  uint16,
  uint16List,
} from './extension-codecs.ts';
import { extensionTypes } from './extension-types.ts';
import {
  type ExtensionBlock,
  type ExtensionCodecs,
  hasExtension,
  readExtensions,
  writeExtensions,
} from './extensions.ts';
import { encodeMessage } from './message.ts';
import { Reader } from './reader.ts';
import {
  type Tls12ServerHello,
  type Tls12ServerHelloExtensions,
  tls12ServerHelloCodecs,
} from './tls12-messages.ts';

/** RFC 9846 §4.2.2. Lists are in the client's order and hold unknown values too. */
export interface ClientHello {
  readonly legacyVersion: number;
  readonly random: Uint8Array;
  readonly legacySessionId: Uint8Array;
  readonly cipherSuites: readonly number[];
  readonly legacyCompressionMethods: Uint8Array;
  readonly extensions: ClientHelloExtensions;
}

export interface ClientHelloExtensions extends ExtensionBlock {
  readonly server_name?: string | undefined;
  readonly max_fragment_length?: number | undefined;
  readonly status_request?: StatusRequest | undefined;
  readonly supported_groups?: readonly number[] | undefined;
  readonly ec_point_formats?: readonly number[] | undefined;
  readonly signature_algorithms?: readonly number[] | undefined;
  readonly signature_algorithms_cert?: readonly number[] | undefined;
  readonly application_layer_protocol_negotiation?: readonly string[] | undefined;
  readonly client_certificate_type?: readonly number[] | undefined;
  readonly server_certificate_type?: readonly number[] | undefined;
  readonly padding?: Uint8Array | undefined;
  readonly extended_master_secret?: true | undefined;
  readonly compress_certificate?: readonly number[] | undefined;
  readonly record_size_limit?: number | undefined;
  /** A ticket of TLS 1.2, or empty: one is wanted (RFC 5077 §3.2). */
  readonly session_ticket?: Uint8Array | undefined;
  readonly supported_versions?: readonly number[] | undefined;
  readonly cookie?: Uint8Array | undefined;
  readonly psk_key_exchange_modes?: readonly number[] | undefined;
  readonly certificate_authorities?: readonly Uint8Array[] | undefined;
  readonly post_handshake_auth?: true | undefined;
  readonly key_share?: readonly KeyShareEntry[] | undefined;
  readonly ticket_request?: TicketRequest | undefined;
  /** renegotiated_connection: empty in a first handshake (RFC 5746 §3.2). */
  readonly renegotiation_info?: Uint8Array | undefined;
  readonly early_data?: true | undefined;
  readonly pre_shared_key?: OfferedPsks | undefined;
}

const clientHelloCodecs: ExtensionCodecs<ClientHelloExtensions> = {
  server_name: offeredServerName,
  supported_versions: offeredVersions,
  supported_groups: uint16List,
  ec_point_formats: uint8List,
  signature_algorithms: uint16List,
  signature_algorithms_cert: uint16List,
  status_request: statusRequest,
  application_layer_protocol_negotiation: protocolNames,
  max_fragment_length: uint8,
  client_certificate_type: uint8List,
  server_certificate_type: uint8List,
  compress_certificate: compressionAlgorithms,
  record_size_limit: recordSizeLimit,
  extended_master_secret: flag,
  renegotiation_info: renegotiatedConnection,
  session_ticket: opaque,
  certificate_authorities: distinguishedNames,
  post_handshake_auth: flag,
  psk_key_exchange_modes: uint8List,
  ticket_request: ticketRequest,
  key_share: offeredKeyShares,
  cookie,
  early_data: flag,
  padding: opaque,
  pre_shared_key: offeredPsks,
};

/** RFC 9846 §4.2.3. */
export interface ServerHello {
  readonly kind: 'ServerHello';
  readonly legacyVersion: number;
  readonly random: Uint8Array;
  readonly legacySessionIdEcho: Uint8Array;
  readonly cipherSuite: number;
  readonly legacyCompressionMethod: number;
  readonly extensions: ServerHelloExtensions;
}

export interface ServerHelloExtensions extends ExtensionBlock {
  readonly supported_versions?: number | undefined;
  readonly key_share?: KeyShareEntry | undefined;
  readonly pre_shared_key?: number | undefined;
}

const serverHelloCodecs: ExtensionCodecs<ServerHelloExtensions> = {
  supported_versions: uint16,
  key_share: keyShareEntry,
  pre_shared_key: uint16,
};

/** A ServerHello with a random value of its own (RFC 9846 §4.2.4). */
export interface HelloRetryRequest {
  readonly kind: 'HelloRetryRequest';
  readonly legacyVersion: number;
  readonly legacySessionIdEcho: Uint8Array;
  readonly cipherSuite: number;
  readonly legacyCompressionMethod: number;
  readonly extensions: HelloRetryRequestExtensions;
}

export interface HelloRetryRequestExtensions extends ExtensionBlock {
  readonly supported_versions?: number | undefined;
  readonly key_share?: number | undefined;
  readonly cookie?: Uint8Array | undefined;
}

const helloRetryRequestCodecs: ExtensionCodecs<HelloRetryRequestExtensions> = {
  supported_versions: uint16,
  key_share: uint16,
  cookie,
};

/** SHA-256 of "HelloRetryRequest". */
const helloRetryRequestRandom: Uint8Array = Uint8Array.of(
  ...[0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91],
  ...[0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c],
);

/** Parses the body of a ClientHello, also one of a version before 1.3, which may end without extensions. */
export function decodeClientHello(body: Uint8Array): ClientHello {
  const reader = new Reader(body, 'ClientHello');
  const legacyVersion = reader.uint16();
  const random = reader.bytes(32);
  const legacySessionId = reader.vector(1, 0, 32);
  const cipherSuites = reader.uint16List(2, 2);
  const legacyCompressionMethods = reader.vector(1, 1);
  const list = reader.remaining > 0 ? reader.list(2, 0) : new Reader(noBytes, 'ClientHello');
  reader.end();
  const extensions = readExtensions<ClientHelloExtensions>(list, 'CH', clientHelloCodecs);
  if (extensions.pre_shared_key && extensions.order?.at(-1) !== extensionTypes.pre_shared_key.code) {
    throw peerError('illegal_parameter', 'pre_shared_key is not the last extension of ClientHello');
  }
  return { legacyVersion, random, legacySessionId, cipherSuites, legacyCompressionMethods, extensions };
}

/** The whole message, with its 4-byte header. */
export function encodeClientHello(hello: ClientHello): Uint8Array {
  return encodeMessage('client_hello', (writer) => {
    writer.uint16(hello.legacyVersion).bytes(hello.random).vector(1, hello.legacySessionId);
    writer.uint16List(2, hello.cipherSuites).vector(1, hello.legacyCompressionMethods);
    writer.vector(2, () => writeExtensions(writer, hello.extensions, clientHelloCodecs));
  });
}

/** The bytes that the binders list of an encoded ClientHello takes at its end (RFC 9846 §4.3.11.2). */
export function bindersLength(psks: OfferedPsks): number {
  return psks.binders.reduce((length, binder) => length + 1 + binder.length, 2);
}

/** Parses the body of a ServerHello; its random value says whether it is a HelloRetryRequest. */
export function decodeServerHello(body: Uint8Array): ServerHello | Tls12ServerHello | HelloRetryRequest {
  const reader = new Reader(body, 'ServerHello');
  const legacyVersion = reader.uint16();
  const random = reader.bytes(32);
  const legacySessionIdEcho = reader.vector(1, 0, 32);
  const cipherSuite = reader.uint16();
  const legacyCompressionMethod = reader.uint8();
  const block = reader.remaining > 0 ? reader.vector(2, 0) : noBytes;
  reader.end();
  const isRetry = equalBytes(random, helloRetryRequestRandom);
  const list = new Reader(block, isRetry ? 'HelloRetryRequest' : 'ServerHello');
  // The version comes first: an older ServerHello has extensions in it that 1.3 forbids there (RFC 9846 §4.3.1).
  if (!hasExtension(block, extensionTypes.supported_versions.code)) {
    if (isRetry) throw peerError('missing_extension', 'HelloRetryRequest has no supported_versions');
    const extensions = readExtensions<Tls12ServerHelloExtensions>(list, 'SH12', tls12ServerHelloCodecs);
    const fields = { version: legacyVersion, random, sessionId: legacySessionIdEcho, cipherSuite };
    return { kind: 'Tls12ServerHello', ...fields, compressionMethod: legacyCompressionMethod, extensions };
  }
  const fields = { legacyVersion, legacySessionIdEcho, cipherSuite, legacyCompressionMethod };
  if (isRetry) {
    const extensions = readExtensions<HelloRetryRequestExtensions>(list, 'HRR', helloRetryRequestCodecs);
    return { kind: 'HelloRetryRequest', ...fields, extensions };
  }
  const extensions = readExtensions<ServerHelloExtensions>(list, 'SH', serverHelloCodecs);
  return { kind: 'ServerHello', ...fields, random, extensions };
}

export function encodeServerHello(hello: ServerHello | HelloRetryRequest): Uint8Array {
  return encodeMessage('server_hello', (writer) => {
    writer.uint16(hello.legacyVersion);
    writer.bytes(hello.kind === 'ServerHello' ? hello.random : helloRetryRequestRandom);
    writer.vector(1, hello.legacySessionIdEcho);
    writer.uint16(hello.cipherSuite).uint8(hello.legacyCompressionMethod);
    writer.vector(2, () => {
      if (hello.kind === 'ServerHello') writeExtensions(writer, hello.extensions, serverHelloCodecs);
      else writeExtensions(writer, hello.extensions, helloRetryRequestCodecs);
    });
  });
}
