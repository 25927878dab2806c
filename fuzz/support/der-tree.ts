/*
 * A second reader of DER, which shares nothing with the one under test: into a tree, and back with every length in its
 * shortest form.
 */

import { concatBytes, equalBytes } from '../../src/base/bytes.ts';
import type { Random } from '../../test/hostile/support/mutations.ts';
import { der } from '../../test/support/der.ts';
import { forbiddenForms } from '../../test/support/mutated-der.ts';
import { randomBytes } from './message-mutations.ts';

export interface DerNode {
  readonly tag: number;
  /** Ahead of the children: the count of unused bits of a BIT STRING. */
  readonly prefix: Uint8Array;
  readonly content: Uint8Array;
  /** Undefined where the content is not made of values. */
  readonly children: readonly DerNode[] | undefined;
  /** How it is written, where that is not the form that it ought to have. */
  readonly form?: Uint8Array | undefined;
}

const nothing = new Uint8Array(0);
const deepest = 40;

/** @param strings whether to look for a value in strings too, where extensions and responses keep theirs */
export function readTree(bytes: Uint8Array, strings: boolean): DerNode | undefined {
  const nodes = readAll(bytes, strings, 0);
  return nodes?.length === 1 ? nodes[0] : undefined;
}

export function writeTree({ tag, prefix, content, children, form }: DerNode): Uint8Array {
  if (form) return form;
  return children ? der(tag, prefix, ...children.map(writeTree)) : der(tag, content);
}

/** Undefined where the bytes are the one DER form of what they say (X.690 §10), and why not otherwise. */
export function whyNotCanonical(bytes: Uint8Array): string | undefined {
  const tree = readTree(bytes, false);
  if (!tree) return 'they are not one value';
  if (!equalBytes(writeTree(tree), bytes)) return 'they encode to other bytes';
  return whyWrong(tree);
}

function whyWrong({ tag, content, children = [] }: DerNode): string | undefined {
  for (const child of children) {
    const why = whyWrong(child);
    if (why) return why;
  }
  const { length } = content;
  const last = content.at(-1) ?? 0;
  switch (tag) {
    case 0x01:
      return length === 1 && (last === 0 || last === 0xff) ? undefined : 'a BOOLEAN';
    case 0x02:
    case 0x0a: {
      const padded =
        length > 1 && (content[0] === 0 || content[0] === 0xff) && content[0] >> 7 === content[1]! >> 7;
      return length > 0 && !padded ? undefined : 'an INTEGER';
    }
    case 0x03: {
      const unused = content[0] ?? 8;
      const isClean = unused === 0 || (length > 1 && last % 2 ** unused === 0);
      return unused < 8 && isClean ? undefined : 'a BIT STRING';
    }
    case 0x05:
      return length === 0 ? undefined : 'a NULL';
    case 0x06: {
      const isPadded = content.some((byte, i) => byte === 0x80 && (i === 0 || content[i - 1]! < 0x80));
      return length > 0 && last < 0x80 && !isPadded ? undefined : 'an OBJECT IDENTIFIER';
    }
    default:
      return undefined;
  }
}

/** The bytes with one of their values changed, and all lengths made to fit. */
export function mutateDer(bytes: Uint8Array, random: Random, other: Uint8Array): Uint8Array {
  const tree = readTree(bytes, true);
  if (!tree) return bytes;
  const foreign = readTree(other, true);
  const strangers = foreign ? nodesOf(foreign) : [];
  const stranger = strangers[random.below(Math.max(strangers.length, 1))];
  const nodes = nodesOf(tree);
  // Names and times mean something only as long as they look like it.
  const texts = random.below(4) === 0 ? nodes.filter(isText) : [];
  const chosen = texts[random.below(Math.max(texts.length, 1))];
  const target = chosen ? nodes.indexOf(chosen) : random.below(nodes.length);
  let count = -1;
  const walk = (node: DerNode): readonly DerNode[] => {
    count += 1;
    if (count === target) return chosen ? [withText(node, random)] : changed(node, random, stranger);
    return [node.children ? { ...node, children: node.children.flatMap(walk) } : node];
  };
  return concatBytes(...walk(tree).map(writeTree));
}

const tags = [
  ...[0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0a, 0x0c, 0x13, 0x16, 0x17, 0x18, 0x30, 0x31],
  ...[0x80, 0x81, 0x82, 0x84, 0x86, 0x87, 0x88, 0xa0, 0xa1, 0xa2, 0xa3, 0xa4],
];

function changed(node: DerNode, random: Random, stranger: DerNode | undefined): readonly DerNode[] {
  const { content, children } = node;
  const at = random.below(content.length + 1);
  const few = random.below(4);
  switch (random.below(11)) {
    case 0:
      return [];
    case 1:
      return [node, node];
    case 10: {
      if (content.length === 0) return [node];
      const forms = forbiddenForms({ ...node, children: [] });
      return [{ ...node, form: forms[random.below(forms.length)]![1] }];
    }
    case 2:
      return stranger ? [stranger] : [node];
    case 3:
      return stranger ? [node, stranger] : [node];
    case 4:
      return [{ ...node, tag: tags[random.below(tags.length)]! }];
    case 5:
      // One level more.
      return [{ tag: 0x30, prefix: nothing, content: writeTree(node), children: [node] }];
    case 6:
      return children && children.length > 1
        ? [{ ...node, children: [...children.slice(1), children[0]!] }]
        : [node];
    default: {
      const inserted = randomBytes(random, few);
      // Now and then all that is behind goes.
      const rest = content.subarray(at + (random.below(4) === 0 ? content.length : random.below(4)));
      return [
        { ...node, content: concatBytes(content.subarray(0, at), inserted, rest), children: undefined },
      ];
    }
  }
}

/** A time, or a name with dots in it. */
function isText({ tag, content }: DerNode): boolean {
  const isName = content.includes(0x2e) && content.every((byte) => byte >= 0x20 && byte < 0x7f);
  return tag === 0x17 || tag === 0x18 || isName;
}

function withText(node: DerNode, random: Random): DerNode {
  const content = node.content.slice();
  const at = random.below(Math.max(content.length, 1));
  if (!content.includes(0x2e)) {
    content[at] = 0x30 + random.below(10);
    return { ...node, content, children: undefined };
  }
  const labels = Buffer.from(content).toString('latin1').split('.');
  const place = random.below(labels.length);
  const label = ['*', '', 'a', `${labels[place]}x`, labels[0]!.toUpperCase()][random.below(5)]!;
  const changedLabels = [labels.toSpliced(place, 1), labels.toSpliced(place, 1, label), [...labels, label]];
  const text = changedLabels[random.below(3)]!.join('.');
  return { ...node, content: new Uint8Array(Buffer.from(text, 'latin1')), children: undefined };
}

function nodesOf(node: DerNode): readonly DerNode[] {
  return [node, ...(node.children ?? []).flatMap(nodesOf)];
}

function readAll(bytes: Uint8Array, strings: boolean, depth: number): DerNode[] | undefined {
  if (depth > deepest) return undefined;
  const nodes: DerNode[] = [];
  for (let at = 0; at < bytes.length; ) {
    const [tag = 0, first] = bytes.subarray(at, at + 2);
    if (first === undefined || (tag & 0x1f) === 0x1f || first === 0x80 || first > 0x84) return undefined;
    const width = first < 0x80 ? 0 : first - 0x80;
    let length = width === 0 ? first : 0;
    for (let i = 0; i < width; i++) length = length * 256 + (bytes[at + 2 + i] ?? 0);
    const start = at + 2 + width;
    if (start + length > bytes.length) return undefined;
    const node = nodeOf(tag, bytes.subarray(start, start + length), strings, depth);
    if (!node) return undefined;
    nodes.push(node);
    at = start + length;
  }
  return nodes;
}

function nodeOf(tag: number, content: Uint8Array, strings: boolean, depth: number): DerNode | undefined {
  if ((tag & 0x20) !== 0) {
    const children = readAll(content, strings, depth + 1);
    return children && { tag, content, prefix: nothing, children };
  }
  const prefix = tag === 0x03 ? content.subarray(0, 1) : nothing;
  const isString = strings && (tag === 0x03 || tag === 0x04);
  const held = isString ? readAll(content.subarray(prefix.length), strings, depth + 1) : undefined;
  return { tag, content, prefix, children: held && held.length > 0 ? held : undefined };
}
