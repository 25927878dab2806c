import type { AlertName } from '../base/alerts.ts';
import { noBytes } from '../base/bytes.ts';
import { peerError } from '../base/errors.ts';
import { maxMessageSizes, messagesBoundedBySyntax } from '../base/limits.ts';
import { messageHeaderLength, type RawMessage } from '../wire/message.ts';
import { handshakeTypeName, handshakeTypes } from '../wire/names.ts';

/** Joins the handshake content of records to messages: several in a record, one over several records (RFC 9846 §5.1). */
export class MessageJoiner {
  /** What waits begins at `#start` and ends at `#end`. A record's content as it came, until another one is added. */
  #buffer = noBytes;
  #start = 0;
  #end = 0;
  /** Bytes that the message at the front needs; at first those of its header. */
  #needed = messageHeaderLength;

  /** @param content is the joiner's from then on */
  push(content: Uint8Array): void {
    if (this.isEmpty) {
      this.#buffer = content;
      this.#start = 0;
      this.#end = content.length;
      return;
    }
    if (this.#end + content.length > this.#buffer.length) this.#grow(content.length);
    this.#buffer.set(content, this.#end);
    this.#end += content.length;
  }

  /** Whether no part of a message waits: the last message ended with its record. */
  get isEmpty(): boolean {
    return this.#start === this.#end;
  }

  /**
   * The next whole message. Type and length are refused from the header, before the body is there.
   * @param longest bytes of a body, where less than what the type may have is allowed now
   * @throws TlsPeerError unexpected_message for another type than `expected`; what `alertForLength` says for one that is
   *   too long
   */
  next(expected: readonly number[], longest: number = Number.POSITIVE_INFINITY): RawMessage | undefined {
    if (this.#end - this.#start < this.#needed) return undefined;
    const [type = 0, high = 0, middle = 0, low = 0] = this.#buffer.subarray(this.#start, this.#end);
    if (!expected.includes(type)) throw unexpected(type, expected);
    const length = high * 65_536 + middle * 256 + low;
    const limit = Math.min(maxMessageSizes[type] ?? 0, longest);
    if (length > limit) {
      throw peerError(
        alertForLength(type),
        `${handshakeTypeName(type)} of ${length} bytes; at most ${limit} are allowed`,
      );
    }
    this.#needed = messageHeaderLength + length;
    if (this.#end - this.#start < this.#needed) return undefined;
    const message = this.#buffer.subarray(this.#start, this.#start + this.#needed);
    this.#start += this.#needed;
    if (this.isEmpty) this.clear();
    else this.#needed = messageHeaderLength;
    return { type, body: message.subarray(messageHeaderLength), bytes: message };
  }

  clear(): void {
    this.#buffer = noBytes;
    this.#start = 0;
    this.#end = 0;
    this.#needed = messageHeaderLength;
  }

  /** Doubles, so that a message in records of one byte costs no more than twice what was received of it. */
  #grow(extra: number): void {
    const waiting = this.#buffer.subarray(this.#start, this.#end);
    const larger = new Uint8Array(Math.max(waiting.length * 2, waiting.length + extra));
    larger.set(waiting);
    this.#buffer = larger;
    this.#start = 0;
    this.#end = waiting.length;
  }
}

/** A length out of range cannot be parsed (RFC 9846 §6); what we refuse to decompress has an alert too (RFC 8879 §4). */
function alertForLength(type: number): AlertName {
  if (messagesBoundedBySyntax.has(type)) return 'decode_error';
  return type === handshakeTypes.compressed_certificate ? 'bad_certificate' : 'illegal_parameter';
}

function unexpected(type: number, expected: readonly number[]): Error {
  const wanted = expected.length > 0 ? `, not ${expected.map(handshakeTypeName).join(' or ')}` : '';
  return peerError('unexpected_message', `${handshakeTypeName(type)} came${wanted}`);
}
