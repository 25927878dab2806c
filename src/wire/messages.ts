import { peerError } from '../base/errors.ts';
import { maxCertificateEntries } from '../base/limits.ts';
import {
  certificateStatus,
  chosenProtocol,
  compressionAlgorithms,
  distinguishedNames,
  flag,
  recordSizeLimit,
  uint8,
  uint16List,
  uint32,
} from './extension-codecs.ts';
import { type ExtensionBlock, type ExtensionCodecs, readExtensions, writeExtensions } from './extensions.ts';
import { encodeMessage } from './message.ts';
import { Reader } from './reader.ts';

/** RFC 9846 §4.4.1. */
export interface EncryptedExtensions extends ExtensionBlock {
  readonly server_name?: true | undefined;
  readonly max_fragment_length?: number | undefined;
  readonly supported_groups?: readonly number[] | undefined;
  /** The one protocol that the server chose; a list only on the wire. */
  readonly application_layer_protocol_negotiation?: string | undefined;
  readonly client_certificate_type?: number | undefined;
  readonly server_certificate_type?: number | undefined;
  readonly record_size_limit?: number | undefined;
  readonly ticket_request?: number | undefined;
  readonly early_data?: true | undefined;
}

const encryptedExtensionsCodecs: ExtensionCodecs<EncryptedExtensions> = {
  server_name: flag,
  max_fragment_length: uint8,
  supported_groups: uint16List,
  application_layer_protocol_negotiation: chosenProtocol,
  client_certificate_type: uint8,
  server_certificate_type: uint8,
  record_size_limit: recordSizeLimit,
  ticket_request: uint8,
  early_data: flag,
};

export function decodeEncryptedExtensions(body: Uint8Array): EncryptedExtensions {
  const reader = new Reader(body, 'EncryptedExtensions');
  const list = reader.list(2, 0);
  reader.end();
  return readExtensions<EncryptedExtensions>(list, 'EE', encryptedExtensionsCodecs);
}

export function encodeEncryptedExtensions(extensions: EncryptedExtensions): Uint8Array {
  return encodeMessage('encrypted_extensions', (writer) => {
    writer.vector(2, () => writeExtensions(writer, extensions, encryptedExtensionsCodecs));
  });
}

/** RFC 9846 §4.4.2. */
export interface CertificateRequest {
  readonly context: Uint8Array;
  readonly extensions: CertificateRequestExtensions;
}

export interface CertificateRequestExtensions extends ExtensionBlock {
  readonly status_request?: true | undefined;
  readonly signature_algorithms?: readonly number[] | undefined;
  readonly signature_algorithms_cert?: readonly number[] | undefined;
  readonly certificate_authorities?: readonly Uint8Array[] | undefined;
  readonly compress_certificate?: readonly number[] | undefined;
}

const certificateRequestCodecs: ExtensionCodecs<CertificateRequestExtensions> = {
  status_request: flag,
  signature_algorithms: uint16List,
  signature_algorithms_cert: uint16List,
  certificate_authorities: distinguishedNames,
  compress_certificate: compressionAlgorithms,
};

export function decodeCertificateRequest(body: Uint8Array): CertificateRequest {
  const reader = new Reader(body, 'CertificateRequest');
  const context = reader.vector(1, 0);
  const list = reader.list(2, 0);
  reader.end();
  return {
    context,
    extensions: readExtensions<CertificateRequestExtensions>(list, 'CR', certificateRequestCodecs),
  };
}

export function encodeCertificateRequest(request: CertificateRequest): Uint8Array {
  return encodeMessage('certificate_request', (writer) => {
    writer.vector(1, request.context);
    writer.vector(2, () => writeExtensions(writer, request.extensions, certificateRequestCodecs));
  });
}

/** RFC 9846 §4.5.1. */
export interface Certificate {
  readonly context: Uint8Array;
  readonly entries: readonly CertificateEntry[];
}

export interface CertificateEntry {
  /** DER. */
  readonly certificate: Uint8Array;
  readonly extensions: CertificateEntryExtensions;
}

export interface CertificateEntryExtensions extends ExtensionBlock {
  /** A DER OCSP response about this certificate. */
  readonly status_request?: Uint8Array | undefined;
}

const certificateEntryCodecs: ExtensionCodecs<CertificateEntryExtensions> = {
  status_request: certificateStatus,
};

export function decodeCertificate(body: Uint8Array): Certificate {
  const reader = new Reader(body, 'Certificate');
  const context = reader.vector(1, 0);
  const list = reader.list(3, 0);
  reader.end();
  const entries: CertificateEntry[] = [];
  while (list.remaining > 0) {
    if (entries.length === maxCertificateEntries) {
      throw peerError('bad_certificate', `Certificate has more than ${maxCertificateEntries} entries`);
    }
    const certificate = list.vector(3, 1);
    const extensions = readExtensions<CertificateEntryExtensions>(
      list.list(2, 0),
      'CT',
      certificateEntryCodecs,
    );
    entries.push({ certificate, extensions });
  }
  return { context, entries };
}

export function encodeCertificate(message: Certificate): Uint8Array {
  return encodeMessage('certificate', (writer) => {
    writer.vector(1, message.context).vector(3, () => {
      for (const entry of message.entries) {
        writer.vector(3, entry.certificate);
        writer.vector(2, () => writeExtensions(writer, entry.extensions, certificateEntryCodecs));
      }
    });
  });
}

/** RFC 9846 §4.5.2. */
export interface CertificateVerify {
  readonly algorithm: number;
  readonly signature: Uint8Array;
}

export function decodeCertificateVerify(body: Uint8Array): CertificateVerify {
  const reader = new Reader(body, 'CertificateVerify');
  const message = { algorithm: reader.uint16(), signature: reader.vector(2, 0) };
  reader.end();
  return message;
}

export function encodeCertificateVerify(message: CertificateVerify): Uint8Array {
  return encodeMessage('certificate_verify', (writer) => {
    writer.uint16(message.algorithm).vector(2, message.signature);
  });
}

/** The verify_data of a Finished, whose length must be the hash's (RFC 9846 §4.5.3). */
export function decodeFinished(body: Uint8Array, hashLength: number): Uint8Array {
  if (body.length !== hashLength) {
    throw peerError('decode_error', `Finished has ${body.length} bytes, not ${hashLength}`);
  }
  return body;
}

export function encodeFinished(verifyData: Uint8Array): Uint8Array {
  return encodeMessage('finished', (writer) => void writer.bytes(verifyData));
}

/** RFC 9846 §4.7.1. */
export interface NewSessionTicket {
  /** Seconds. */
  readonly lifetime: number;
  readonly ageAdd: number;
  readonly nonce: Uint8Array;
  readonly ticket: Uint8Array;
  readonly extensions: NewSessionTicketExtensions;
}

export interface NewSessionTicketExtensions extends ExtensionBlock {
  /** max_early_data_size, bytes. */
  readonly early_data?: number | undefined;
}

const newSessionTicketCodecs: ExtensionCodecs<NewSessionTicketExtensions> = { early_data: uint32 };

export function decodeNewSessionTicket(body: Uint8Array): NewSessionTicket {
  const reader = new Reader(body, 'NewSessionTicket');
  const lifetime = reader.uint32();
  const ageAdd = reader.uint32();
  const nonce = reader.vector(1, 0);
  const ticket = reader.vector(2, 1);
  const list = reader.list(2, 0);
  reader.end();
  const extensions = readExtensions<NewSessionTicketExtensions>(list, 'NST', newSessionTicketCodecs);
  return { lifetime, ageAdd, nonce, ticket, extensions };
}

export function encodeNewSessionTicket(message: NewSessionTicket): Uint8Array {
  return encodeMessage('new_session_ticket', (writer) => {
    writer.uint32(message.lifetime).uint32(message.ageAdd).vector(1, message.nonce).vector(2, message.ticket);
    writer.vector(2, () => writeExtensions(writer, message.extensions, newSessionTicketCodecs));
  });
}

/** Whether a KeyUpdate asks for one in return; other values are an illegal_parameter (RFC 9846 §4.7.3). */
export function decodeKeyUpdate(body: Uint8Array): boolean {
  const reader = new Reader(body, 'KeyUpdate');
  const value = reader.uint8();
  reader.end();
  if (value > 1) throw peerError('illegal_parameter', `KeyUpdate has request_update ${value}, not 0 or 1`);
  return value === 1;
}

export function encodeKeyUpdate(requestUpdate: boolean): Uint8Array {
  return encodeMessage('key_update', (writer) => void writer.uint8(requestUpdate ? 1 : 0));
}
