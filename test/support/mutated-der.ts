import { TlsCertificateError } from '../../src/base/errors.ts';
import { der } from './der.ts';

/** A value that was spoilt in one place: what was done, the whole, and where in it the spoilt element lies. */
export interface MutatedDer {
  readonly what: string;
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/** One value of a DER tree. */
export interface Element {
  readonly tag: number;
  /** Ahead of the children: the count of unused bits. */
  readonly prefix: Uint8Array;
  readonly content: Uint8Array;
  /** Of a constructed element, or of a string that holds one DER value. */
  readonly children: readonly Element[];
}

const none = new Uint8Array(0);
/** The one GeneralName that is no text, no address and not made of other values. */
const registeredId = 0x88;
const strings: ReadonlySet<number> = new Set([0x03, 0x04, 0x0c, 0x13, 0x16]);

/** Every element of a DER value in every form that DER forbids and BER, or a careless reader, takes (X.690 §10, §11). */
export function mutations(whole: Uint8Array): MutatedDer[] {
  const root = parse(whole);
  return elements(root).flatMap(({ element, path }) =>
    forbiddenForms(element).map(([form, bytes]) => {
      const { bytes: all, start } = encode(root, element, bytes);
      return { what: `${path}: ${form}`, bytes: all, start, end: start + bytes.length };
    }),
  );
}

/** What was taken, or refused for another reason or in another place than the spoilt one. */
export function survivors(mutated: readonly MutatedDer[], read: (bytes: Uint8Array) => unknown): string[] {
  return mutated.flatMap(({ what, bytes, start, end }) => {
    try {
      read(bytes);
      return [`${what} is taken`];
    } catch (error) {
      if (!(error instanceof TlsCertificateError) || error.check !== 'malformed') throw error;
      const place = Number(/ is not valid DER: .* at byte (\d+)$/.exec(error.message)?.[1]);
      return place >= start && place <= end ? [] : [`${what} (${start} to ${end}): ${error.message}`];
    }
  });
}

/** One element in every such form, each with what was done. */
export function forbiddenForms(element: Element): (readonly [string, Uint8Array])[] {
  const { tag, content } = element;
  const length = Uint8Array.from(lengthOf(content.length));
  const long = length[0]! < 0x80 ? [0x81, length[0]!] : [length[0]! + 1, 0, ...length.subarray(1)];
  const forms: (readonly [string, Uint8Array])[] = [
    ['a length that is longer than it must be', join([tag, ...long], content)],
    ['a tag of two bytes', join([tag | 0x1f, tag & 0x1f, ...length], content)],
  ];
  const value = (what: string, ...bytes: readonly (number | Uint8Array)[]): void => {
    const parts = bytes.map((part) => (typeof part === 'number' ? Uint8Array.of(part) : part));
    forms.push([what, der(tag, ...parts)]);
  };
  if ((tag & 0x20) !== 0) forms.push(['an indefinite length', join([tag, 0x80], content, [0, 0])]);
  if (strings.has(tag)) forms.push(['a string in pieces', der(tag | 0x20, der(tag, content))]);
  if (tag === 0x30 || tag === 0x31) forms.push(['a primitive form', join([tag & ~0x20, ...length], content)]);
  if (tag === 0x04 && element.children.length > 0) value('something behind the value', content, 0x05, 0x00);
  if (tag === 0x01) {
    value('a BOOLEAN of 01', 0x01);
    value('a BOOLEAN of two bytes', 0xff, 0xff);
    value('an empty BOOLEAN');
  }
  if (tag === 0x02 || tag === 0x0a) {
    value('a padded INTEGER', content[0]! < 0x80 ? 0x00 : 0xff, content);
    value('an empty INTEGER');
  }
  if (tag === 0x03) {
    value('nine unused bits', 0x09, content.subarray(1));
    value('unused bits that are set', 0x01, content.subarray(1, -1), 0x01);
    value('a BIT STRING without a count of unused bits');
    value('unused bits of no byte', 0x01);
  }
  if (tag === 0x05) value('a NULL with contents', 0x00);
  if (tag === 0x06 || tag === registeredId) {
    value('a padded arc', content[0]!, 0x80, content.subarray(1));
    value('an arc without an end', content.subarray(0, -1), content.at(-1)! | 0x80);
    value('an empty object identifier');
  }
  if (tag === 0x17 || tag === 0x18) {
    const text = content.subarray(0, -1);
    value('a time without seconds', text.subarray(0, -2), 0x5a);
    value('a time with an offset', text, new TextEncoder().encode('+0000'));
    value('a time with a fraction', text, new TextEncoder().encode('.5Z'));
    value('a local time', text);
  }
  return forms;
}

/** @param spoilt is written as `form` */
function encode(element: Element, spoilt: Element, form: Uint8Array): { bytes: Uint8Array; start: number } {
  if (element === spoilt) return { bytes: form, start: 0 };
  let start = -1;
  let before = element.prefix.length;
  const parts = [element.prefix];
  for (const child of element.children) {
    const part = encode(child, spoilt, form);
    if (part.start >= 0) start = before + part.start;
    before += part.bytes.length;
    parts.push(part.bytes);
  }
  const bytes = element.children.length > 0 ? der(element.tag, ...parts) : der(element.tag, element.content);
  return { bytes, start: start < 0 ? start : start + bytes.length - before };
}

function elements(element: Element, path = '.'): { element: Element; path: string }[] {
  const inner = element.children.flatMap((child, index) => elements(child, `${path}${index}.`));
  return [{ element, path: `${path} (0x${element.tag.toString(16)})` }, ...inner];
}

function parse(bytes: Uint8Array): Element {
  const [element, ...others] = parseAll(bytes) ?? [];
  if (element === undefined || others.length > 0)
    throw new Error('the value to be spoilt is not one DER value');
  return element;
}

/** Undefined for bytes that are no DER values. */
function parseAll(bytes: Uint8Array): Element[] | undefined {
  const found: Element[] = [];
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes[at]!;
    const first = bytes[at + 1];
    if (first === undefined) return undefined;
    const width = first < 0x80 ? 0 : first & 0x7f;
    let length = width === 0 ? first : 0;
    for (let i = 0; i < width; i++) length = length * 256 + (bytes[at + 2 + i] ?? 0);
    const start = at + 2 + width;
    if (start + length > bytes.length) return undefined;
    found.push(elementOf(tag, bytes.subarray(start, start + length)));
    at = start + length;
  }
  return found;
}

function elementOf(tag: number, content: Uint8Array): Element {
  if ((tag & 0x20) !== 0) return { tag, content, prefix: none, children: parseAll(content) ?? [] };
  const prefix = tag === 0x03 ? content.subarray(0, 1) : none;
  const held = tag === 0x03 || tag === 0x04 ? parseAll(content.subarray(prefix.length)) : undefined;
  return { tag, content, prefix, children: held?.length === 1 ? held : [] };
}

function lengthOf(length: number): number[] {
  const header = der(0, new Uint8Array(length));
  return [...header.subarray(1, header.length - length)];
}

function join(...parts: readonly (Uint8Array | readonly number[])[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts.map((part) => Uint8Array.from(part))));
}
