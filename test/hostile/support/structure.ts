import type { ProtocolVersion } from '../../../src/wire/names.ts';
import { tls12Bodies } from './tls12-structure.ts';

/*
 * Where the length fields and extension blocks of a handshake message are, written down once more from RFC 9846 §4 and
 * RFC 8879 §4 (those of TLS 1.2 in another file), not from src/wire: what they find is what the tests falsify.
 */

/** A length field, and what lies in its vector. */
export interface LengthField {
  readonly what: string;
  readonly offset: number;
  readonly width: number;
  readonly end: number;
  /** The fields around it, innermost first. */
  readonly parents: readonly LengthField[];
}

/** One extension: all of it, type and length included. */
export interface ExtensionPlace {
  readonly code: number;
  readonly start: number;
  readonly end: number;
  /** The length field of its block. */
  readonly block: LengthField;
}

export interface MessageStructure {
  readonly lengths: readonly LengthField[];
  readonly blocks: readonly LengthField[];
  readonly extensions: readonly ExtensionPlace[];
}

export const messageNames: ReadonlyMap<number, string> = new Map([
  [1, 'ClientHello'],
  [2, 'ServerHello'],
  [4, 'NewSessionTicket'],
  [8, 'EncryptedExtensions'],
  [11, 'Certificate'],
  [12, 'ServerKeyExchange'],
  [13, 'CertificateRequest'],
  [14, 'ServerHelloDone'],
  [15, 'CertificateVerify'],
  [16, 'ClientKeyExchange'],
  [20, 'Finished'],
  [22, 'CertificateStatus'],
  [24, 'KeyUpdate'],
  [25, 'CompressedCertificate'],
]);

/** "CF 21 AD 74": how the random value of a HelloRetryRequest begins. */
export function isHelloRetryRequest(message: Uint8Array): boolean {
  return message[0] === 2 && Buffer.from(message.subarray(6, 10)).toString('hex') === 'cf21ad74';
}

export function nameOfMessage(message: Uint8Array): string {
  return isHelloRetryRequest(message) ? 'HelloRetryRequest' : (messageNames.get(message[0] ?? -1) ?? '?');
}

/** Finds every length field and extension; throws where the message is not laid out as the RFC says. */
export function structureOf(message: Uint8Array, version: ProtocolVersion = 'TLSv1.3'): MessageStructure {
  const walker = new Walker(message);
  const body = (version === 'TLSv1.2' ? tls12Bodies[message[0]!] : undefined) ?? bodies[message[0]!];
  walker.skip(1);
  walker.vector('message', 3, () => body?.(walker, message));
  if (walker.offset !== message.length) throw new Error('bytes are left behind the message');
  return walker;
}

/** The message with `bytes` put in at `offset`, and the length fields around it, given innermost first, made to fit. */
export function insert(
  message: Uint8Array,
  offset: number,
  bytes: Uint8Array,
  around: readonly LengthField[],
): Uint8Array {
  const result = new Uint8Array(message.length + bytes.length);
  result.set(message.subarray(0, offset));
  result.set(bytes, offset);
  result.set(message.subarray(offset), offset + bytes.length);
  for (const field of around) addTo(result, field, bytes.length);
  return result;
}

/** The message with something else in one of its vectors, and its length fields made to fit. */
export function withContent(message: Uint8Array, field: LengthField, content: Uint8Array): Uint8Array {
  const start = field.offset + field.width;
  const delta = content.length - (field.end - start);
  const result = new Uint8Array(message.length + delta);
  result.set(message.subarray(0, start));
  result.set(content, start);
  result.set(message.subarray(field.end), start + content.length);
  for (const around of [field, ...field.parents]) addTo(result, around, delta);
  return result;
}

/** The message with one more extension in the block, first in it or last. */
export function withExtension(
  message: Uint8Array,
  block: LengthField,
  code: number,
  data: Uint8Array,
  where: 'first' | 'last',
): Uint8Array {
  const extension = Uint8Array.of(code >> 8, code & 0xff, data.length >> 8, data.length & 0xff, ...data);
  const offset = where === 'first' ? block.offset + block.width : block.end;
  return insert(message, offset, extension, [block, ...block.parents]);
}

/** The message with the value of one length field changed, and nothing else. */
export function withLength(message: Uint8Array, field: LengthField, delta: number): Uint8Array {
  const result = message.slice();
  addTo(result, field, delta);
  return result;
}

/** The first `length` bytes of a message, with a header that says that it is so short. */
export function shortened(message: Uint8Array, length: number): Uint8Array {
  const result = message.slice(0, length);
  const body = length - 4;
  result.set([body >> 16, (body >> 8) & 0xff, body & 0xff], 1);
  return result;
}

function addTo(message: Uint8Array, { offset, width }: LengthField, delta: number): void {
  let value = delta;
  for (let i = 0; i < width; i++) value += message[offset + i]! * 256 ** (width - 1 - i);
  // 0 - 1 and 255 + 1 wrap, as a careless sender's would.
  value = (value + 256 ** width) % 256 ** width;
  for (let i = width - 1; i >= 0; i--) {
    message[offset + i] = value % 256;
    value = Math.floor(value / 256);
  }
}

export class Walker implements MessageStructure {
  readonly lengths: LengthField[] = [];
  readonly blocks: LengthField[] = [];
  readonly extensions: ExtensionPlace[] = [];
  readonly #bytes: Uint8Array;
  offset = 0;
  #around: LengthField[] = [];

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  skip(count: number): void {
    this.offset += count;
  }

  uint(width: number): number {
    let value = 0;
    for (let i = 0; i < width; i++) value = value * 256 + this.#bytes[this.offset + i]!;
    this.offset += width;
    return value;
  }

  /** A vector; `content` walks through it, by default it is opaque. */
  vector(what: string, width: number, content?: (end: number) => void): void {
    const offset = this.offset;
    const length = this.uint(width);
    const end = this.offset + length;
    const field: LengthField = { what, offset, width, end, parents: this.#around };
    this.lengths.push(field);
    if (content) {
      const around = this.#around;
      this.#around = [field, ...around];
      content(end);
      this.#around = around;
      if (this.offset !== end) throw new Error(`${what} ends at ${this.offset}, not at ${end}`);
    }
    this.offset = end;
  }

  /** A vector of like things. */
  list(what: string, width: number, item: () => void): void {
    this.vector(what, width, (end) => {
      while (this.offset < end) item();
    });
  }

  extensionBlock(layouts: Readonly<Record<number, (walker: Walker) => void>>): void {
    this.vector('extensions', 2, (end) => {
      const block = this.#around[0]!;
      this.blocks.push(block);
      while (this.offset < end) {
        const start = this.offset;
        const code = this.uint(2);
        const layout = layouts[code];
        this.vector(`extension ${code}`, 2, layout && (() => layout(this)));
        this.extensions.push({ code, start, end: this.offset, block });
      }
    });
  }
}

const uint16s = (walker: Walker): void => walker.list('list', 2, () => walker.skip(2));
const protocolNames = (walker: Walker): void => {
  walker.list('protocol names', 2, () => walker.vector('protocol name', 1));
};
const keyShare = (walker: Walker): void => {
  walker.skip(2);
  walker.vector('key_exchange', 2);
};

const clientHelloExtensions: Readonly<Record<number, (walker: Walker) => void>> = {
  0: (walker) =>
    walker.list('server names', 2, () => {
      walker.skip(1);
      walker.vector('host name', 2);
    }),
  10: uint16s,
  11: (walker) => walker.vector('point formats', 1),
  13: uint16s,
  16: protocolNames,
  27: (walker) => walker.list('algorithms', 1, () => walker.skip(2)),
  28: (walker) => walker.skip(2),
  41: (walker) => {
    walker.list('identities', 2, () => {
      walker.vector('identity', 2);
      walker.skip(4);
    });
    walker.list('binders', 2, () => walker.vector('binder', 1));
  },
  43: (walker) => walker.list('versions', 1, () => walker.skip(2)),
  44: (walker) => walker.vector('cookie', 2),
  45: (walker) => walker.vector('modes', 1),
  50: uint16s,
  51: (walker) => walker.list('client_shares', 2, () => keyShare(walker)),
  58: (walker) => walker.skip(2),
  65281: (walker) => walker.vector('renegotiated_connection', 1),
};

const serverHelloExtensions: Readonly<Record<number, (walker: Walker) => void>> = {
  41: (walker) => walker.skip(2),
  43: (walker) => walker.skip(2),
  51: keyShare,
};

const helloRetryRequestExtensions: Readonly<Record<number, (walker: Walker) => void>> = {
  43: (walker) => walker.skip(2),
  44: (walker) => walker.vector('cookie', 2),
  51: (walker) => walker.skip(2),
};

const bodies: Readonly<Record<number, (walker: Walker, message: Uint8Array) => void>> = {
  1: (walker) => {
    walker.skip(34);
    walker.vector('legacy_session_id', 1);
    walker.list('cipher_suites', 2, () => walker.skip(2));
    walker.vector('legacy_compression_methods', 1);
    walker.extensionBlock(clientHelloExtensions);
  },
  2: (walker, message) => {
    walker.skip(34);
    walker.vector('legacy_session_id_echo', 1);
    walker.skip(3);
    walker.extensionBlock(isHelloRetryRequest(message) ? helloRetryRequestExtensions : serverHelloExtensions);
  },
  4: (walker) => {
    walker.skip(8);
    walker.vector('ticket_nonce', 1);
    walker.vector('ticket', 2);
    walker.extensionBlock({});
  },
  8: (walker) =>
    walker.extensionBlock({
      10: uint16s,
      16: protocolNames,
      28: (inner) => inner.skip(2),
      58: (inner) => inner.skip(1),
    }),
  11: (walker) => {
    walker.vector('certificate_request_context', 1);
    walker.list('certificate_list', 3, () => {
      walker.vector('cert_data', 3);
      walker.extensionBlock({});
    });
  },
  13: (walker) => {
    walker.vector('certificate_request_context', 1);
    walker.extensionBlock({
      13: uint16s,
      27: (inner) => inner.list('algorithms', 1, () => inner.skip(2)),
      47: (inner) => inner.list('authorities', 2, () => inner.vector('name', 2)),
      50: uint16s,
    });
  },
  15: (walker) => {
    walker.skip(2);
    walker.vector('signature', 2);
  },
  20: (walker) => walker.skip(32),
  24: (walker) => walker.skip(1),
  25: (walker) => {
    walker.skip(5);
    walker.vector('compressed_certificate_message', 3);
  },
};
