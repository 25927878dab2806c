import { type HandshakeType, handshakeTypes } from './names.ts';
import { Writer } from './writer.ts';

/** Bytes of a handshake message header: type and length (RFC 9846 §4). */
export const messageHeaderLength: number = 4;

/** A handshake message as it came: its body, and with its header as it goes into the transcript. */
export interface RawMessage {
  readonly type: number;
  readonly body: Uint8Array;
  readonly bytes: Uint8Array;
}

/** A whole handshake message around what `body` writes. */
export function encodeMessage(type: HandshakeType, body: (writer: Writer) => void): Uint8Array {
  const writer = new Writer();
  writer.uint8(handshakeTypes[type]).vector(3, () => body(writer));
  return writer.finish();
}
