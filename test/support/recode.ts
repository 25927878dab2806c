import {
  decodeCompressedCertificate,
  encodeCompressedCertificate,
} from '../../src/wire/compressed-certificate.ts';
import {
  decodeClientHello,
  decodeServerHello,
  encodeClientHello,
  encodeServerHello,
} from '../../src/wire/hello.ts';
import { encodeMessage } from '../../src/wire/message.ts';
import {
  decodeCertificate,
  decodeCertificateRequest,
  decodeCertificateVerify,
  decodeEncryptedExtensions,
  decodeFinished,
  decodeKeyUpdate,
  decodeNewSessionTicket,
  encodeCertificate,
  encodeCertificateRequest,
  encodeCertificateVerify,
  encodeEncryptedExtensions,
  encodeFinished,
  encodeKeyUpdate,
  encodeNewSessionTicket,
} from '../../src/wire/messages.ts';
import { handshakeTypes } from '../../src/wire/names.ts';
import { encodeTls12ServerHello } from '../../src/wire/tls12-messages.ts';

function recodeServerHello(body: Uint8Array): Uint8Array {
  const hello = decodeServerHello(body);
  return hello.kind === 'Tls12ServerHello' ? encodeTls12ServerHello(hello) : encodeServerHello(hello);
}

/** A handshake message, header and all, parsed and encoded again. */
export function recode(message: Uint8Array): Uint8Array {
  const body = message.subarray(4);
  switch (message[0]) {
    case handshakeTypes.client_hello:
      return encodeClientHello(decodeClientHello(body));
    case handshakeTypes.server_hello:
      return recodeServerHello(body);
    case handshakeTypes.encrypted_extensions:
      return encodeEncryptedExtensions(decodeEncryptedExtensions(body));
    case handshakeTypes.certificate_request:
      return encodeCertificateRequest(decodeCertificateRequest(body));
    case handshakeTypes.certificate:
      return encodeCertificate(decodeCertificate(body));
    case handshakeTypes.compressed_certificate:
      return encodeCompressedCertificate(decodeCompressedCertificate(body));
    case handshakeTypes.certificate_verify:
      return encodeCertificateVerify(decodeCertificateVerify(body));
    case handshakeTypes.finished:
      return encodeFinished(decodeFinished(body, body.length));
    case handshakeTypes.new_session_ticket:
      return encodeNewSessionTicket(decodeNewSessionTicket(body));
    case handshakeTypes.key_update:
      return encodeKeyUpdate(decodeKeyUpdate(body));
    case handshakeTypes.end_of_early_data:
      return encodeMessage('end_of_early_data', (writer) => void writer.bytes(body));
    default:
      throw new Error(`there is no handshake message of type ${message[0]}`);
  }
}

/** The handshake messages in the content of one record. */
export function messagesIn(content: Uint8Array): Uint8Array[] {
  const messages: Uint8Array[] = [];
  for (let offset = 0; offset < content.length; ) {
    const length = 4 + content[offset + 1]! * 65_536 + content[offset + 2]! * 256 + content[offset + 3]!;
    if (offset + length > content.length) throw new Error('a message goes beyond its record');
    messages.push(content.slice(offset, offset + length));
    offset += length;
  }
  return messages;
}
