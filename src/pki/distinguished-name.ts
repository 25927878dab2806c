import { DerReader, tags } from './der.ts';
import { latin1, objectIdentifier } from './values.ts';

const commonName = '2.5.4.3';

/** Attribute types by the short names that people write (RFC 4514 §3 and what OpenSSL prints). */
const attributeNames: ReadonlyMap<string, string> = new Map([
  [commonName, 'CN'],
  ['2.5.4.5', 'serialNumber'],
  ['2.5.4.6', 'C'],
  ['2.5.4.7', 'L'],
  ['2.5.4.8', 'ST'],
  ['2.5.4.9', 'street'],
  ['2.5.4.10', 'O'],
  ['2.5.4.11', 'OU'],
  ['2.5.4.12', 'title'],
  ['2.5.4.97', 'organizationIdentifier'],
  ['0.9.2342.19200300.100.1.1', 'UID'],
  ['0.9.2342.19200300.100.1.25', 'DC'],
  ['1.2.840.113549.1.9.1', 'emailAddress'],
]);

const stringTags = { utf8: 0x0c, bmp: 0x1e, universal: 0x1c } as const;

/** What a name may take up in a message. */
const maxText = 200;

/**
 * A DER Name on one line, for people: `CN=example.com, O=Example`. It is the peer's word, so it is bounded and
 * printable; `unreadable` where it is no name, `no name` where it is empty.
 */
export function nameText(name: Uint8Array): string {
  let text: string;
  try {
    text = attributes(name).join(', ');
  } catch {
    return 'unreadable';
  }
  if (text === '') return 'no name';
  // By characters, not by halves of them.
  const characters = [...text];
  return characters.length > maxText ? `${characters.slice(0, maxText).join('')}…` : text;
}

/** The contents of the common names in a DER Name: a character for each byte, whatever the type of string. */
export function commonNames(name: Uint8Array): readonly string[] {
  const found: string[] = [];
  const list = new DerReader(name).enter(tags.sequence);
  while (!list.atEnd) {
    const set = list.enter(tags.set);
    while (!set.atEnd) {
      const attribute = set.enter(tags.sequence);
      const isCommonName = objectIdentifier(attribute) === commonName;
      const { content } = attribute.next();
      if (isCommonName) found.push(latin1(content));
    }
  }
  return found;
}

function attributes(name: Uint8Array): readonly string[] {
  const texts: string[] = [];
  const list = new DerReader(name).enter(tags.sequence);
  let length = 0;
  // More would not fit anyway, and a peer decides how much there is.
  while (!list.atEnd && length <= maxText) {
    const set = list.enter(tags.set);
    const parts: string[] = [];
    while (!set.atEnd && length <= maxText) {
      const attribute = set.enter(tags.sequence);
      const oid = objectIdentifier(attribute);
      const { tag, content } = attribute.next();
      const part = `${attributeNames.get(oid) ?? oid}=${printable(stringOf(tag, content))}`;
      length += part.length;
      parts.push(part);
    }
    length += 1;
    texts.push(parts.join(' + '));
  }
  return texts;
}

function stringOf(tag: number, content: Uint8Array): string {
  if (tag === stringTags.utf8) return new TextDecoder().decode(content.subarray(0, 4 * maxText));
  if (tag === stringTags.bmp) return wide(content, 2);
  if (tag === stringTags.universal) return wide(content, 4);
  return latin1(content.subarray(0, 4 * maxText));
}

function wide(content: Uint8Array, width: number): string {
  let text = '';
  for (let i = 0; i + width <= content.length && text.length < maxText; i += width) {
    let code = 0;
    for (let j = 0; j < width; j++) code = code * 256 + (content[i + j] ?? 0);
    text += code <= 0x10ffff ? String.fromCodePoint(code) : '?';
  }
  return text;
}

/** Controls, and what turns the direction of writing, are the peer's way to write something else into a log. */
function printable(text: string): string {
  return text.replace(/[\p{C}\u2028\u2029]/gu, '?');
}
