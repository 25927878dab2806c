import { TlsCertificateError } from '../base/errors.ts';
import { type DerReader, type DerValue, tags } from './der.ts';
import { commonObjectIdentifier, dotted } from './object-identifiers.ts';

/** The dotted form of an OBJECT IDENTIFIER (X.690 §8.19). */
export function objectIdentifier(reader: DerReader): string {
  reader.read(tags.objectIdentifier);
  const common = commonObjectIdentifier(reader);
  if (common !== undefined) return common;
  checkObjectIdentifier(reader, reader);
  return dotted(reader.contentFrom(0));
}

/** Whole arcs, each in its shortest form (X.690 §8.19.2), and not too many. */
export function checkObjectIdentifier(reader: DerReader, element: DerValue): void {
  const { contentLength, offset } = element;
  if (contentLength === 0 || contentLength > 64)
    throw reader.errorAt('an object identifier of impossible length', offset);
  let isFirst = true;
  for (let i = 0; i < contentLength; i++) {
    const byte = element.at(i);
    if (isFirst && byte === 0x80) throw reader.errorAt('an object identifier with a padded arc', offset);
    isFirst = byte < 0x80;
  }
  if (!isFirst) throw reader.errorAt('an object identifier that ends inside an arc', offset);
}

/**
 * A BOOLEAN where it is the next value, else its default, false. An explicit FALSE is accepted: DER forbids it, real
 * certificates have it, and it changes nothing.
 */
export function optionalBoolean(reader: DerReader): boolean {
  return reader.nextIs(tags.boolean) && booleanOf(reader, reader.read());
}

/** 00 or FF (X.690 §11.1). */
export function booleanOf(reader: DerReader, element: DerValue): boolean {
  const value = element.at(0);
  if (element.contentLength !== 1 || (value !== 0 && value !== 0xff))
    throw reader.errorAt('a BOOLEAN of another value than 00 and FF', element.offset);
  return value === 0xff;
}

/** The contents of an INTEGER, of any sign and size, in its shortest form (X.690 §8.3.2). */
export function integer(reader: DerReader): Uint8Array {
  checkInteger(reader, reader.read(tags.integer));
  return reader.contentFrom(0);
}

export function checkInteger(reader: DerReader, element: DerValue): void {
  const { contentLength, offset } = element;
  if (contentLength === 0) throw reader.errorAt('an INTEGER without a value', offset);
  const [first, second] = [element.at(0), element.at(1)];
  const isPadded = contentLength > 1 && (first === 0 ? second < 0x80 : first === 0xff && second >= 0x80);
  if (isPadded) throw reader.errorAt('an INTEGER that is padded', offset);
}

/** An INTEGER that must not be negative; values past 2^31 come back as 2^31. */
export function smallInteger(reader: DerReader): number {
  const element = reader.read(tags.integer);
  checkInteger(reader, element);
  if (element.at(0) >= 0x80) throw reader.errorAt('an INTEGER that is negative', element.offset);
  let value = 0;
  for (let i = 0; i < element.contentLength; i++) value = Math.min(value * 256 + element.at(i), 2 ** 31);
  return value;
}

/** The bytes of a BIT STRING that has no unused bits, such as a key or a signature. */
export function wholeBytes(reader: DerReader): Uint8Array {
  checkWholeBytes(reader, reader.read(tags.bitString));
  return reader.contentFrom(1);
}

export function checkWholeBytes(reader: DerReader, element: DerValue): void {
  if (element.contentLength === 0 || element.at(0) !== 0)
    throw reader.errorAt('a BIT STRING that is not whole bytes', element.offset);
}

/** The named bits of a BIT STRING: bit n is 2^n. At most 16 of them. @param tag where it has another one */
export function namedBits(reader: DerReader, tag: number = tags.bitString): number {
  const element = reader.read(tag);
  checkBitString(reader, element);
  if (element.contentLength > 3) throw reader.errorAt('a BIT STRING of impossible length', element.offset);
  const bytes = (element.at(1) << 8) | element.at(2);
  let bits = 0;
  for (let bit = 0; bit < 16; bit++) if ((bytes & (0x8000 >> bit)) !== 0) bits |= 1 << bit;
  return bits;
}

/** As many unused bits as a byte can have, and they are zero (X.690 §11.2.1). */
export function checkBitString(reader: DerReader, element: DerValue): void {
  const { contentLength, offset } = element;
  const unused = element.at(0);
  if (contentLength === 0 || unused > 7 || (contentLength === 1 && unused > 0))
    throw reader.errorAt('a BIT STRING of impossible length', offset);
  const last = contentLength === 1 ? 0 : element.at(contentLength - 1);
  if ((last & ((1 << unused) - 1)) !== 0) throw reader.errorAt('a BIT STRING with unused bits set', offset);
}

/** UTCTime or GeneralizedTime as RFC 5280 §4.1.2.5 restricts them, in milliseconds since 1970. */
export function time(reader: DerReader): number {
  const element = reader.read();
  const { tag, contentLength, offset } = element;
  if (tag !== tags.utcTime && tag !== tags.generalizedTime)
    throw reader.errorAt('a time of another type', offset);
  const yearDigits = tag === tags.utcTime ? 2 : 4;
  const first = pairOf(element, 0);
  const century = yearDigits === 4 ? first * 100 : first < 50 ? 2000 : 1900;
  const year = century + (yearDigits === 4 ? pairOf(element, 2) : first);
  const month = pairOf(element, yearDigits);
  const day = pairOf(element, yearDigits + 2);
  const hour = pairOf(element, yearDigits + 4);
  const minute = pairOf(element, yearDigits + 6);
  const second = pairOf(element, yearDigits + 8);
  const isInForm =
    contentLength === yearDigits + 11 &&
    element.at(contentLength - 1) === 0x5a &&
    !Number.isNaN(year + month + day + hour + minute + second);
  if (!isInForm) throw reader.errorAt('a time that is not in UTC, to the second', offset);
  const exists = day > 0 && day <= daysIn(year, month) && hour < 24 && minute < 60 && second < 60;
  if (!exists) throw reader.errorAt('a time that does not exist', offset);
  return (daysTo(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second) * 1_000;
}

/** Days from 1970 on (Date.UTC takes four times as long, and the years before 100 for those of a century ago). */
function daysTo(year: number, month: number, day: number): number {
  // Years that begin in March have the leap day at their end.
  const years = month > 2 ? year : year - 1;
  const months = month > 2 ? month - 3 : month + 9;
  const leapDays = Math.floor(years / 4) - Math.floor(years / 100) + Math.floor(years / 400);
  return years * 365 + leapDays + Math.floor((months * 153 + 2) / 5) + day - 719_469;
}

/** The number that two digits are; NaN for anything else. */
function pairOf(element: DerValue, index: number): number {
  const [tens, ones] = [element.at(index) - 0x30, element.at(index + 1) - 0x30];
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : Number.NaN;
}

/** Of a month; none where there is no such month. */
function daysIn(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  if (month < 1 || month > 12) return 0;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/** A time where UTCTime is not allowed, as in OCSP (RFC 6960 §4.2.1). */
export function generalizedTime(reader: DerReader): number {
  if (!reader.nextIs(tags.generalizedTime)) throw reader.error('a time of another type than GeneralizedTime');
  return time(reader);
}

/** What is wrong with something, where it is. */
export function orError<T>(ask: () => T): T | TlsCertificateError {
  try {
    return ask();
  } catch (error) {
    if (error instanceof TlsCertificateError) return error;
    throw error;
  }
}

/** Undefined where something is malformed. */
export function orNone<T>(parse: () => T): T | undefined {
  const result = orError(parse);
  return result instanceof TlsCertificateError ? undefined : result;
}

/** One character for each byte. */
export function latin1(bytes: Uint8Array): string {
  if (bytes.length <= 4_096) return String.fromCharCode.apply(undefined, bytes as unknown as number[]);
  let text = '';
  // Arguments of a call are bounded.
  for (let i = 0; i < bytes.length; i += 4_096)
    text += String.fromCharCode.apply(undefined, bytes.subarray(i, i + 4_096) as unknown as number[]);
  return text;
}
