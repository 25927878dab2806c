import { maxDerDepth } from '../base/limits.ts';
import { type DerReader, tags } from './der.ts';
import { booleanOf, checkBitString, checkInteger, checkObjectIdentifier } from './values.ts';

/**
 * Goes through what nobody reads here, to its end: it must be DER all the same (X.690 §8 to §11), so that no two
 * readers find two things in one certificate. Texts and times are not looked into.
 * @throws TlsCertificateError (`malformed`)
 */
export function checkUnread(reader: DerReader, depth = 0): void {
  if (depth > maxDerDepth) throw reader.error(`values more than ${maxDerDepth} deep`);
  while (!reader.atEnd) {
    const element = reader.next();
    const { tag, offset } = element;
    const isUniversal = tag < 0x40;
    if (tag === tags.boolean) booleanOf(reader, element);
    else if (tag === tags.integer || tag === tags.enumerated) checkInteger(reader, element);
    else if (tag === tags.bitString) checkBitString(reader, element);
    else if (tag === tags.objectIdentifier) checkObjectIdentifier(reader, element);
    else if (tag === tags.null && element.contentLength > 0)
      throw reader.errorAt('a NULL with contents', offset);
    else if (isUniversal && isConstructed(tag) !== mustBeConstructed(tag))
      throw reader.errorAt('a type in a form that it does not have', offset);
    else if (isConstructed(tag)) checkUnread(reader.inside(element), depth + 1);
  }
}

function isConstructed(tag: number): boolean {
  return (tag & 0x20) !== 0;
}

/** EXTERNAL, EMBEDDED PDV, SEQUENCE and SET are made of other values, and strings are not, in DER (X.690 §10.2). */
function mustBeConstructed(tag: number): boolean {
  return [0x08, 0x0b, 0x10, 0x11].includes(tag & 0x1f);
}
