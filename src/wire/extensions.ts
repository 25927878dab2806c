import { peerError } from '../base/errors.ts';
import {
  type ExtensionContext,
  type ExtensionName,
  extensionByCode,
  extensionTypes,
} from './extension-types.ts';
import { Reader } from './reader.ts';
import type { Writer } from './writer.ts';

/** An extension as it stands on the wire. */
export interface RawExtension {
  readonly code: number;
  readonly data: Uint8Array;
}

/** Reads and writes the value of one extension in one kind of message. */
export interface ExtensionCodec<Value> {
  read(reader: Reader): Value;
  write(writer: Writer, value: Value): void;
}

/** The codecs of one kind of message: which field of its block holds which extension. */
export type ExtensionCodecs<Block> = {
  readonly [Name in ExtensionName & keyof Block]-?: ExtensionCodec<NonNullable<Block[Name]>>;
};

/** What every parsed block has beside its known fields. */
export interface ExtensionBlock {
  /** All extension types in wire order. Absent in blocks that we build: they are written in the order of the codecs. */
  readonly order?: readonly number[] | undefined;
  /** Those that have no field in this block, GREASE (RFC 8701) included, in wire order. */
  readonly others?: readonly RawExtension[] | undefined;
}

/**
 * Parses an extension block. A duplicate is an illegal_parameter, a recognized extension in the wrong message too
 * (RFC 9846 §4.3); data that does not parse is a decode_error.
 */
export function readExtensions<Block extends ExtensionBlock>(
  list: Reader,
  context: ExtensionContext,
  codecs: ExtensionCodecs<Block>,
): Block {
  const block: Record<string, unknown> = {};
  const seen = new Set<number>();
  const others: RawExtension[] = [];
  while (list.remaining > 0) {
    const code = list.uint16();
    const data = list.vector(2, 0);
    if (seen.has(code))
      throw peerError('illegal_parameter', `${contextNames[context]} has extension ${code} twice`);
    seen.add(code);
    const type = extensionByCode(code);
    if (type && !type.contexts.includes(context)) {
      throw peerError('illegal_parameter', `${type.name} must not appear in ${contextNames[context]}`);
    }
    const codec = type && codecFor(codecs, type.name);
    if (type && codec) {
      const reader = new Reader(data, `extension ${type.name} in ${contextNames[context]}`);
      block[type.name] = codec.read(reader);
      reader.end();
    } else {
      others.push({ code, data });
    }
  }
  return { ...block, order: [...seen], others } as unknown as Block;
}

/** Whether a block, given without its length, has an extension of this type. */
export function hasExtension(block: Uint8Array, code: number): boolean {
  const list = new Reader(block, 'extensions');
  let found = false;
  while (list.remaining > 0) {
    found = list.uint16() === code || found;
    list.vector(2, 0);
  }
  return found;
}

/** Writes the content of an extension block, without its length. */
export function writeExtensions<Block extends ExtensionBlock>(
  writer: Writer,
  block: Block,
  codecs: ExtensionCodecs<Block>,
): void {
  const names = Object.keys(codecs) as ExtensionName[];
  const order = block.order ?? [
    ...names.filter((name) => name !== 'pre_shared_key').map((name) => extensionTypes[name].code),
    ...(block.others ?? []).map((other) => other.code),
    // Always the last one in a ClientHello (RFC 9846 §4.3.11).
    extensionTypes.pre_shared_key.code,
  ];
  const values = block as unknown as Readonly<Record<string, unknown>>;
  const others = new Map((block.others ?? []).map((other) => [other.code, other]));
  for (const code of order) {
    const name = extensionByCode(code)?.name;
    const codec = name && codecFor(codecs, name);
    if (name && codec) {
      const value = values[name];
      if (value !== undefined) writer.uint16(code).vector(2, () => codec.write(writer, value));
    } else {
      const other = others.get(code);
      if (other) writer.uint16(code).vector(2, other.data);
    }
  }
}

const contextNames: Readonly<Record<ExtensionContext, string>> = {
  CH: 'ClientHello',
  SH: 'ServerHello',
  SH12: 'ServerHello',
  HRR: 'HelloRetryRequest',
  EE: 'EncryptedExtensions',
  CR: 'CertificateRequest',
  CT: 'Certificate',
  NST: 'NewSessionTicket',
};

function codecFor<Block>(
  codecs: ExtensionCodecs<Block>,
  name: ExtensionName,
): ExtensionCodec<unknown> | undefined {
  return (codecs as unknown as Partial<Record<ExtensionName, ExtensionCodec<unknown>>>)[name];
}
