import { maxDerDepth } from '../base/limits.ts';
import { type DerReader, tags } from './der.ts';
import {
  booleanOf,
  checkBitString,
  checkInteger,
  checkObjectIdentifier,
  objectIdentifier,
} from './values.ts';

/**
 * Goes through what nobody reads here, to its end: it must be DER all the same (X.690 §8 to §11), so that no two
 * readers find two things in one certificate. Texts, times, reals and what has a tag of its own are not looked into.
 * @throws TlsCertificateError (`malformed`)
 */
export function checkUnread(reader: DerReader, depth = 0): void {
  if (depth > maxDerDepth) throw reader.error(`values more than ${maxDerDepth} deep`);
  while (!reader.atEnd) checkUnreadValue(reader, depth);
}

/** Goes through one value. */
export function checkUnreadValue(reader: DerReader, depth = 0): void {
  const element = reader.read();
  const { tag } = element;
  const isUniversal = tag < 0x40;
  if (tag === tags.boolean) booleanOf(reader, element);
  else if (tag === tags.integer || tag === tags.enumerated) checkInteger(reader, element);
  else if (tag === tags.bitString) checkBitString(reader, element);
  else if (tag === tags.objectIdentifier || tag === tags.relativeObjectIdentifier)
    checkObjectIdentifier(reader, element);
  else if (tag === tags.null && element.contentLength > 0)
    throw reader.errorAt('a NULL with contents', element.offset);
  else if (isUniversal && (isReserved(tag) || isConstructed(tag) !== mustBeConstructed(tag)))
    throw reader.errorAt('a type in a form that it does not have', element.offset);
  else if (isConstructed(tag)) checkUnread(reader.contents(), depth + 1);
}

/** Goes through an AlgorithmIdentifier (RFC 5280 §4.1.1.2). @returns its DER: a view */
export function algorithmIdentifier(reader: DerReader): Uint8Array {
  const { position } = reader;
  checkAlgorithm(reader);
  return reader.bytesFrom(position);
}

/** As `algorithmIdentifier`. @returns its object identifier */
export function algorithmOid(reader: DerReader): string {
  const outer = reader.open(tags.sequence);
  const oid = objectIdentifier(reader);
  checkParameters(reader);
  reader.close(outer, 'an algorithm');
  return oid;
}

/** As `algorithmIdentifier`, where nobody asks for it. */
export function checkAlgorithm(reader: DerReader): void {
  const outer = reader.open(tags.sequence);
  checkObjectIdentifier(reader, reader.read(tags.objectIdentifier));
  checkParameters(reader);
  reader.close(outer, 'an algorithm');
}

/** What is behind the object identifier of an algorithm. */
function checkParameters(reader: DerReader): void {
  if (!reader.atEnd) checkUnreadValue(reader);
}

/** End-of-contents, which only indefinite lengths have, and the number that X.680 §8.6 keeps back. */
function isReserved(tag: number): boolean {
  return (tag & 0x1f) === 0 || (tag & 0x1f) === 0x0f;
}

function isConstructed(tag: number): boolean {
  return (tag & 0x20) !== 0;
}

/** EXTERNAL, EMBEDDED PDV, SEQUENCE, SET and CHARACTER STRING are made of other values; strings are not (X.690 §10.2). */
function mustBeConstructed(tag: number): boolean {
  const number = tag & 0x1f;
  return number === 0x08 || number === 0x0b || number === 0x10 || number === 0x11 || number === 0x1d;
}
