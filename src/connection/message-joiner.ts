import { concatBytes, noBytes } from '../base/bytes.ts';
import { peerError } from '../base/errors.ts';
import { maxMessageSizes } from '../base/limits.ts';
import { messageHeaderLength, type RawMessage } from '../wire/message.ts';
import { handshakeTypeName } from '../wire/names.ts';

/** Joins the handshake content of records to messages: several in a record, one over several records (RFC 9846 §5.1). */
export class MessageJoiner {
  #parts: Uint8Array[] = [];
  #size = 0;
  /** Bytes that the message at the front needs; at first those of its header. */
  #needed = messageHeaderLength;

  push(content: Uint8Array): void {
    this.#parts.push(content);
    this.#size += content.length;
  }

  /** Whether no part of a message waits: the last message ended with its record. */
  get isEmpty(): boolean {
    return this.#size === 0;
  }

  /**
   * The next whole message. Type and length are refused from the header, before the body is there.
   * @throws TlsPeerError unexpected_message for another type than `expected`, illegal_parameter for one that is too long
   */
  next(expected: readonly number[]): RawMessage | undefined {
    if (this.#size < this.#needed) return undefined;
    const bytes = this.#join();
    const [type = 0, high = 0, middle = 0, low = 0] = bytes;
    if (!expected.includes(type)) throw unexpected(type, expected);
    const length = high * 65_536 + middle * 256 + low;
    const limit = maxMessageSizes[type] ?? 0;
    if (length > limit) {
      throw peerError(
        'illegal_parameter',
        `${handshakeTypeName(type)} of ${length} bytes; at most ${limit} are allowed`,
      );
    }
    this.#needed = messageHeaderLength + length;
    if (this.#size < this.#needed) return undefined;
    const rest = bytes.subarray(this.#needed);
    this.#parts = rest.length > 0 ? [rest] : [];
    this.#size = rest.length;
    const message = bytes.subarray(0, this.#needed);
    this.#needed = messageHeaderLength;
    return { type, body: message.subarray(messageHeaderLength), bytes: message };
  }

  clear(): void {
    this.#parts = [];
    this.#size = 0;
    this.#needed = messageHeaderLength;
  }

  #join(): Uint8Array {
    const [first = noBytes] = this.#parts;
    const joined = this.#parts.length === 1 ? first : concatBytes(...this.#parts);
    this.#parts = [joined];
    return joined;
  }
}

function unexpected(type: number, expected: readonly number[]): Error {
  const wanted = expected.length > 0 ? `, not ${expected.map(handshakeTypeName).join(' or ')}` : '';
  return peerError('unexpected_message', `${handshakeTypeName(type)} came${wanted}`);
}
