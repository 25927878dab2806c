import { peerError } from '../base/errors.ts';
import { maxCertificateEntries } from '../base/limits.ts';
import {
  certificateStatus,
  chosenProtocol,
  distinguishedNames,
  flag,
  readDistinguishedNames,
  recordSizeLimit,
  renegotiatedConnection,
  uint8,
  uint8List,
} from './extension-codecs.ts';
import { type ExtensionBlock, type ExtensionCodecs, writeExtensions } from './extensions.ts';
import { encodeMessage } from './message.ts';
import { Reader } from './reader.ts';

/** A ServerHello of TLS 1.2 (RFC 5246 §7.4.1.3): what `decodeServerHello` gives where it has no supported_versions. */
export interface Tls12ServerHello {
  readonly kind: 'Tls12ServerHello';
  readonly version: number;
  readonly random: Uint8Array;
  readonly sessionId: Uint8Array;
  readonly cipherSuite: number;
  readonly compressionMethod: number;
  readonly extensions: Tls12ServerHelloExtensions;
}

export interface Tls12ServerHelloExtensions extends ExtensionBlock {
  readonly server_name?: true | undefined;
  readonly max_fragment_length?: number | undefined;
  /** A CertificateStatus may follow (RFC 6066 §8). */
  readonly status_request?: true | undefined;
  readonly ec_point_formats?: readonly number[] | undefined;
  readonly application_layer_protocol_negotiation?: string | undefined;
  readonly client_certificate_type?: number | undefined;
  readonly server_certificate_type?: number | undefined;
  readonly extended_master_secret?: true | undefined;
  readonly record_size_limit?: number | undefined;
  /** A NewSessionTicket will come (RFC 5077 §3.2). */
  readonly session_ticket?: true | undefined;
  readonly renegotiation_info?: Uint8Array | undefined;
}

export const tls12ServerHelloCodecs: ExtensionCodecs<Tls12ServerHelloExtensions> = {
  renegotiation_info: renegotiatedConnection,
  server_name: flag,
  max_fragment_length: uint8,
  ec_point_formats: uint8List,
  session_ticket: flag,
  status_request: flag,
  application_layer_protocol_negotiation: chosenProtocol,
  client_certificate_type: uint8,
  server_certificate_type: uint8,
  extended_master_secret: flag,
  record_size_limit: recordSizeLimit,
};

export function encodeTls12ServerHello(hello: Tls12ServerHello): Uint8Array {
  return encodeMessage('server_hello', (writer) => {
    writer.uint16(hello.version).bytes(hello.random).vector(1, hello.sessionId);
    writer.uint16(hello.cipherSuite).uint8(hello.compressionMethod);
    writer.vector(2, () => writeExtensions(writer, hello.extensions, tls12ServerHelloCodecs));
  });
}

/** The DER certificates of a Certificate message, leaf first (RFC 5246 §7.4.2). */
export function decodeTls12Certificate(body: Uint8Array): readonly Uint8Array[] {
  const reader = new Reader(body, 'Certificate');
  const list = reader.list(3, 0);
  reader.end();
  const chain: Uint8Array[] = [];
  while (list.remaining > 0) {
    if (chain.length === maxCertificateEntries)
      throw peerError('bad_certificate', `Certificate has more than ${maxCertificateEntries} entries`);
    chain.push(list.vector(3, 1));
  }
  return chain;
}

export function encodeTls12Certificate(chain: readonly Uint8Array[]): Uint8Array {
  return encodeMessage('certificate', (writer) => {
    writer.vector(3, () => {
      for (const certificate of chain) writer.vector(3, certificate);
    });
  });
}

/** The DER OCSP response in a CertificateStatus message (RFC 6066 §8). */
export function decodeCertificateStatus(body: Uint8Array): Uint8Array {
  const reader = new Reader(body, 'CertificateStatus');
  const response = certificateStatus.read(reader);
  reader.end();
  return response;
}

export function encodeCertificateStatus(response: Uint8Array): Uint8Array {
  return encodeMessage('certificate_status', (writer) => certificateStatus.write(writer, response));
}

/** ServerECDHParams with a named curve, and the signature over them (RFC 8422 §5.4). */
export interface ServerKeyExchange {
  readonly group: number;
  readonly publicValue: Uint8Array;
  /** Both of these as they stand on the wire: what is signed, behind the two random values. */
  readonly params: Uint8Array;
  readonly algorithm: number;
  readonly signature: Uint8Array;
}

/** ECCurveType named_curve (RFC 8422 §5.4); the others are forbidden. */
const namedCurve = 3;

export function decodeServerKeyExchange(body: Uint8Array): ServerKeyExchange {
  const reader = new Reader(body, 'ServerKeyExchange');
  const curveType = reader.uint8();
  if (curveType !== namedCurve)
    throw peerError(
      'illegal_parameter',
      `ServerKeyExchange has a curve of type ${curveType}, not a named one`,
    );
  const group = reader.uint16();
  const publicValue = reader.vector(1, 1);
  const params = body.subarray(0, reader.offset);
  const algorithm = reader.uint16();
  const signature = reader.vector(2, 0);
  reader.end();
  return { group, publicValue, params, algorithm, signature };
}

/** The `params` of a ServerKeyExchange. */
export function encodeServerParams(group: number, publicValue: Uint8Array): Uint8Array {
  const header = Uint8Array.of(namedCurve, group >> 8, group & 0xff, publicValue.length);
  const params = new Uint8Array(header.length + publicValue.length);
  params.set(header);
  params.set(publicValue, header.length);
  return params;
}

export function encodeServerKeyExchange(
  message: Pick<ServerKeyExchange, 'params' | 'algorithm' | 'signature'>,
): Uint8Array {
  return encodeMessage('server_key_exchange', (writer) => {
    writer.bytes(message.params).uint16(message.algorithm).vector(2, message.signature);
  });
}

/** RFC 5246 §7.4.4. */
export interface Tls12CertificateRequest {
  readonly certificateTypes: readonly number[];
  readonly signatureSchemes: readonly number[];
  /** DER distinguished names; empty: any. */
  readonly certificateAuthorities: readonly Uint8Array[];
}

/** ClientCertificateType (RFC 5246 §7.4.4, RFC 8422 §5.5). */
export const clientCertificateTypes = { rsa_sign: 1, ecdsa_sign: 64 } as const;

export function decodeTls12CertificateRequest(body: Uint8Array): Tls12CertificateRequest {
  const reader = new Reader(body, 'CertificateRequest');
  const certificateTypes = uint8List.read(reader);
  const signatureSchemes = reader.uint16List(2, 2);
  const certificateAuthorities = readDistinguishedNames(reader.list(2, 0));
  reader.end();
  return { certificateTypes, signatureSchemes, certificateAuthorities };
}

export function encodeTls12CertificateRequest(request: Tls12CertificateRequest): Uint8Array {
  return encodeMessage('certificate_request', (writer) => {
    uint8List.write(writer, request.certificateTypes);
    writer.uint16List(2, request.signatureSchemes);
    distinguishedNames.write(writer, request.certificateAuthorities);
  });
}

/** ServerHelloDone has no content (RFC 5246 §7.4.5). */
export function decodeServerHelloDone(body: Uint8Array): void {
  new Reader(body, 'ServerHelloDone').end();
}

export function encodeServerHelloDone(): Uint8Array {
  return encodeMessage('server_hello_done', () => {});
}

/** The client's public value (RFC 8422 §5.7). */
export function decodeClientKeyExchange(body: Uint8Array): Uint8Array {
  const reader = new Reader(body, 'ClientKeyExchange');
  const publicValue = reader.vector(1, 1);
  reader.end();
  return publicValue;
}

export function encodeClientKeyExchange(publicValue: Uint8Array): Uint8Array {
  return encodeMessage('client_key_exchange', (writer) => void writer.vector(1, publicValue));
}

/** RFC 5077 §3.3. */
export interface Tls12NewSessionTicket {
  /** Seconds; 0 says nothing. */
  readonly lifetimeHint: number;
  /** Empty where the server has changed its mind. */
  readonly ticket: Uint8Array;
}

export function decodeTls12NewSessionTicket(body: Uint8Array): Tls12NewSessionTicket {
  const reader = new Reader(body, 'NewSessionTicket');
  const message = { lifetimeHint: reader.uint32(), ticket: reader.vector(2, 0) };
  reader.end();
  return message;
}

export function encodeTls12NewSessionTicket({ lifetimeHint, ticket }: Tls12NewSessionTicket): Uint8Array {
  return encodeMessage('new_session_ticket', (writer) => void writer.uint32(lifetimeHint).vector(2, ticket));
}
