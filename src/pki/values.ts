import { TlsCertificateError } from '../base/errors.ts';
import { type DerElement, type DerReader, tags } from './der.ts';

/** The dotted form of an OBJECT IDENTIFIER (X.690 §8.19). */
export function objectIdentifier(reader: DerReader): string {
  const element = reader.next(tags.objectIdentifier);
  checkObjectIdentifier(reader, element);
  const { content } = element;
  const arcs: (number | bigint)[] = [];
  let arc = 0;
  let start = 0;
  for (let at = 0; at < content.length; at++) {
    const byte = content[at] ?? 0;
    arc = arc * 128 + (byte & 0x7f);
    if (byte >= 0x80) continue;
    // Seven groups of seven bits are exact in a number.
    const whole = at - start < 7 ? arc : bigArc(content.subarray(start, at + 1));
    if (start > 0) arcs.push(whole);
    else if (typeof whole === 'bigint') arcs.push(2, whole - 80n);
    else {
      const root = Math.min(Math.floor(whole / 40), 2);
      arcs.push(root, whole - root * 40);
    }
    arc = 0;
    start = at + 1;
  }
  return arcs.join('.');
}

function bigArc(groups: Uint8Array): bigint {
  let arc = 0n;
  for (const group of groups) arc = (arc << 7n) | BigInt(group & 0x7f);
  return arc;
}

/** Whole arcs, each in its shortest form (X.690 §8.19.2), and not too many. */
export function checkObjectIdentifier(reader: DerReader, { content, offset }: DerElement): void {
  const fail = (found: string): Error => reader.errorAt(found, offset);
  if (content.length === 0 || content.length > 64) throw fail('an object identifier of impossible length');
  let isFirst = true;
  for (const byte of content) {
    if (isFirst && byte === 0x80) throw fail('an object identifier with a padded arc');
    isFirst = byte < 0x80;
  }
  if (!isFirst) throw fail('an object identifier that ends inside an arc');
}

/**
 * A BOOLEAN where it is the next value, else its default, false. An explicit FALSE is accepted: DER forbids it, real
 * certificates have it, and it changes nothing.
 */
export function optionalBoolean(reader: DerReader): boolean {
  const element = reader.optional(tags.boolean);
  return element !== undefined && booleanOf(reader, element);
}

/** 00 or FF (X.690 §11.1). */
export function booleanOf(reader: DerReader, { content, offset }: DerElement): boolean {
  if (content.length !== 1 || (content[0] !== 0 && content[0] !== 0xff))
    throw reader.errorAt('a BOOLEAN of another value than 00 and FF', offset);
  return content[0] === 0xff;
}

/** The contents of an INTEGER, of any sign and size, in its shortest form (X.690 §8.3.2). */
export function integer(reader: DerReader): Uint8Array {
  const element = reader.next(tags.integer);
  checkInteger(reader, element);
  return element.content;
}

export function checkInteger(reader: DerReader, { content, offset }: DerElement): void {
  const first = content[0];
  const second = content[1] ?? 0;
  if (first === undefined) throw reader.errorAt('an INTEGER without a value', offset);
  const isPadded = content.length > 1 && (first === 0 ? second < 0x80 : first === 0xff && second >= 0x80);
  if (isPadded) throw reader.errorAt('an INTEGER that is padded', offset);
}

/** An INTEGER that must not be negative; values past 2^31 come back as 2^31. */
export function smallInteger(reader: DerReader): number {
  const { position } = reader;
  const content = integer(reader);
  if ((content[0] ?? 0) >= 0x80) throw reader.errorAt('an INTEGER that is negative', position);
  let value = 0;
  for (const byte of content) value = Math.min(value * 256 + byte, 2 ** 31);
  return value;
}

/** The bytes of a BIT STRING that has no unused bits, such as a key or a signature. */
export function wholeBytes(reader: DerReader): Uint8Array {
  const { content, offset } = reader.next(tags.bitString);
  if (content[0] !== 0) throw reader.errorAt('a BIT STRING that is not whole bytes', offset);
  return content.subarray(1);
}

/** The named bits of a BIT STRING: bit n is 2^n. At most 16 of them. @param tag where it has another one */
export function namedBits(reader: DerReader, tag: number = tags.bitString): number {
  const element = reader.next(tag);
  checkBitString(reader, element);
  const bytes = element.content.subarray(1);
  if (bytes.length > 2) throw reader.errorAt('a BIT STRING of impossible length', element.offset);
  let bits = 0;
  bytes.forEach((byte, index) => {
    for (let bit = 0; bit < 8; bit++) if ((byte & (0x80 >> bit)) !== 0) bits |= 1 << (index * 8 + bit);
  });
  return bits;
}

/** As many unused bits as a byte can have, and they are zero (X.690 §11.2.1). */
export function checkBitString(reader: DerReader, { content, offset }: DerElement): void {
  const unused = content[0];
  if (unused === undefined || unused > 7 || (content.length === 1 && unused > 0))
    throw reader.errorAt('a BIT STRING of impossible length', offset);
  const last = content.length === 1 ? 0 : (content.at(-1) ?? 0);
  if ((last & ((1 << unused) - 1)) !== 0) throw reader.errorAt('a BIT STRING with unused bits set', offset);
}

/** UTCTime or GeneralizedTime as RFC 5280 §4.1.2.5 restricts them, in milliseconds since 1970. */
export function time(reader: DerReader): number {
  const { tag, content, offset } = reader.next();
  const fail = (found: string): Error => reader.errorAt(found, offset);
  if (tag !== tags.utcTime && tag !== tags.generalizedTime) throw fail('a time of another type');
  const yearDigits = tag === tags.utcTime ? 2 : 4;
  const digits = content.subarray(0, -1);
  const isInForm =
    content.length === yearDigits + 11 &&
    content.at(-1) === 0x5a &&
    digits.every((digit) => digit >= 0x30 && digit <= 0x39);
  if (!isInForm) throw fail('a time that is not in UTC, to the second');
  const pair = (at: number): number => ((digits[at] ?? 0) - 0x30) * 10 + (digits[at + 1] ?? 0) - 0x30;
  let year = pair(0);
  if (yearDigits === 4) year = year * 100 + pair(2);
  else year += year < 50 ? 2000 : 1900;
  const [month, day] = [pair(yearDigits), pair(yearDigits + 2)];
  const [hour, minute, second] = [pair(yearDigits + 4), pair(yearDigits + 6), pair(yearDigits + 8)];
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  // A day or a month that does not exist becomes one of the next month or year.
  const exists = date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  if (!exists || hour > 23 || minute > 59 || second > 59) throw fail('a time that does not exist');
  return date.setUTCHours(hour, minute, second);
}

/** A time where UTCTime is not allowed, as in OCSP (RFC 6960 §4.2.1). */
export function generalizedTime(reader: DerReader): number {
  if (!reader.nextIs(tags.generalizedTime)) throw reader.error('a time of another type than GeneralizedTime');
  return time(reader);
}

/** Undefined where something is malformed. */
export function orNone<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (error instanceof TlsCertificateError) return undefined;
    throw error;
  }
}

/** One character for each byte. */
export function latin1(bytes: Uint8Array): string {
  let text = '';
  // Arguments of a call are bounded.
  for (let i = 0; i < bytes.length; i += 4_096)
    text += String.fromCharCode.apply(undefined, bytes.subarray(i, i + 4_096) as unknown as number[]);
  return text;
}
