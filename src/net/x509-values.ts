import { TlsCertificateError } from '../base/errors.ts';
import { DerReader } from '../pki/der.ts';

/** ASN.1 tags inside certificates; `implicit` and `explicit` are the context-specific ones (X.690 §8.1.2). */
export const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** [n] of a primitive type under IMPLICIT tagging. */
export function implicit(number: number): number {
  return 0x80 | number;
}

/** [n] of a constructed type. */
export function constructed(number: number): number {
  return 0xa0 | number;
}

export function malformed(found: string): TlsCertificateError {
  return new TlsCertificateError('malformed', `a certificate is not well formed: ${found}`);
}

/** The contents of the one element that `bytes` consist of. */
export function only(bytes: Uint8Array, tag: number, what: string): DerReader {
  const reader = new DerReader(bytes);
  const { content } = reader.next(tag);
  atEnd(reader, what);
  return new DerReader(content);
}

export function atEnd(reader: DerReader, what: string): void {
  if (!reader.atEnd) throw malformed(`${what} has values behind its last one`);
}

/** The dotted form of an OBJECT IDENTIFIER's contents (X.690 §8.19). */
export function objectIdentifier(content: Uint8Array): string {
  if (content.length === 0 || content.length > 64)
    throw malformed('an object identifier of impossible length');
  const arcs: bigint[] = [];
  let arc = 0n;
  let first = true;
  for (const byte of content) {
    if (first && byte === 0x80) throw malformed('an object identifier with a padded arc');
    arc = (arc << 7n) | BigInt(byte & 0x7f);
    first = byte < 0x80;
    if (!first) continue;
    if (arcs.length > 0) arcs.push(arc);
    else {
      const root = arc < 40n ? 0n : arc < 80n ? 1n : 2n;
      arcs.push(root, arc - root * 40n);
    }
    arc = 0n;
  }
  if (!first) throw malformed('an object identifier that ends inside an arc');
  return arcs.join('.');
}

/**
 * A BOOLEAN where it is the next value, else its default, false. An explicit FALSE is accepted: DER forbids it, real
 * certificates have it, and it changes nothing.
 */
export function optionalBoolean(reader: DerReader): boolean {
  if (!reader.nextIs(tags.boolean)) return false;
  const { content } = reader.next();
  if (content.length !== 1 || (content[0] !== 0 && content[0] !== 0xff))
    throw malformed('a BOOLEAN of another value');
  return content[0] === 0xff;
}

/** The contents of an INTEGER that must not be negative; values past 2^31 come back as 2^31. */
export function smallInteger(content: Uint8Array): number {
  const [first, second] = content;
  if (first === undefined || first >= 0x80) throw malformed('an INTEGER that is empty or negative');
  if (first === 0 && second !== undefined && second < 0x80) throw malformed('an INTEGER that is padded');
  let value = 0;
  for (const byte of content) value = Math.min(value * 256 + byte, 2 ** 31);
  return value;
}

/** The named bits of a BIT STRING's contents: bit n is 2^n. At most 16 of them. */
export function namedBits(content: Uint8Array): number {
  const [unused, ...bytes] = content;
  const last = bytes.at(-1) ?? 0;
  if (unused === undefined || unused > 7 || bytes.length > 2 || (bytes.length === 0 && unused > 0)) {
    throw malformed('a BIT STRING of impossible length');
  }
  if ((last & ((1 << unused) - 1)) !== 0) throw malformed('a BIT STRING with unused bits set');
  let bits = 0;
  bytes.forEach((byte, index) => {
    for (let bit = 0; bit < 8; bit++) if ((byte & (0x80 >> bit)) !== 0) bits |= 1 << (index * 8 + bit);
  });
  return bits;
}

/** UTCTime or GeneralizedTime as RFC 5280 §4.1.2.5 restricts them, in milliseconds since 1970. */
export function time(reader: DerReader): number {
  const { tag, content } = reader.next();
  if (tag !== tags.utcTime && tag !== tags.generalizedTime) throw malformed('a time of another type');
  const pattern = tag === tags.utcTime ? /^(\d\d)(\d{10})Z$/ : /^(\d{4})(\d{10})Z$/;
  const [, yearDigits, rest] = pattern.exec(latin1(content)) ?? [];
  if (yearDigits === undefined || rest === undefined)
    throw malformed('a time that is not in UTC, to the second');
  let year = Number(yearDigits);
  if (tag === tags.utcTime) year += year < 50 ? 2000 : 1900;
  const [month, day, hour, minute, second] = (rest.match(/\d\d/g) ?? []).map(Number) as [
    number,
    number,
    number,
    number,
    number,
  ];
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, second);
  const text = date.toISOString().replace(/\D/g, '');
  if (text !== `${String(year).padStart(4, '0')}${rest}000`) throw malformed('a time that does not exist');
  return date.getTime();
}

/** One character for each byte. */
export function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}
