import { maxRelativeNames } from '../base/limits.ts';
import { constructed, type DerElement, type DerReader, implicit, tags } from './der.ts';
import { checkUnread, checkUnreadValue } from './unread.ts';
import { checkObjectIdentifier, latin1 } from './values.ts';

/** A GeneralName of subjectAltName or nameConstraints, as far as it is looked at here (RFC 5280 §4.2.1.6). */
export type GeneralName =
  | DnsName
  | { readonly form: 'iPAddress'; readonly bytes: Uint8Array }
  | DirectoryName
  /** The forms that are not compared here. */
  | { readonly form: `[${number}]` };

export interface DnsName {
  readonly form: 'dNSName';
  /** Lower case; the leftmost one may be `*`. Undefined where the text is no DNS name. */
  readonly labels: readonly string[] | undefined;
  /** A dot leads the labels, as in some name constraints. */
  readonly leadingDot: boolean;
}

export interface DirectoryName {
  readonly form: 'directoryName';
  /** DER RelativeDistinguishedNames. */
  readonly relativeNames: readonly Uint8Array[];
}

/** E-mail addresses, in the form that GeneralName gives to what is not compared. */
export const rfc822Name = '[1]';

/** The next GeneralName of a list. */
export function generalName(reader: DerReader): GeneralName {
  return generalNameOf(reader, reader.next());
}

/** @param element of `reader` */
export function generalNameOf(reader: DerReader, element: DerElement): GeneralName {
  const { tag } = element;
  const number = tag & 0x1f;
  // otherName, x400Address, directoryName and ediPartyName are constructed, the others are not.
  const isConstructed = number === 0 || number === 3 || number === 4 || number === 5;
  if (number > 8 || tag !== (isConstructed ? constructed(number) : implicit(number))) {
    throw reader.errorAt('a GeneralName of no known form', element.offset);
  }
  if (number === 2) return new WrittenDnsName(element);
  if (number === 4) {
    const name = reader.inside(element);
    const parts = relativeNames(name.enter(tags.sequence));
    name.end('a directoryName');
    return { form: 'directoryName', relativeNames: parts };
  }
  if (number === 7) return { form: 'iPAddress', bytes: element.content };
  if (isConstructed) checkUnread(reader.inside(element));
  if (number === 8) checkObjectIdentifier(reader, element);
  return { form: `[${number}]` };
}

/** The DER RelativeDistinguishedNames of a Name (RFC 5280 §4.1.2.4). @param list its contents */
export function relativeNames(list: DerReader): readonly Uint8Array[] {
  const names: Uint8Array[] = [];
  while (!list.atEnd) {
    const { position } = list;
    checkRelativeName(list, names.length);
    names.push(list.bytesFrom(position));
  }
  return names;
}

/** As `relativeNames`, where nobody asks for them. */
export function checkRelativeNames(list: DerReader): void {
  for (let count = 0; !list.atEnd; count++) checkRelativeName(list, count);
}

/** @param count of those before it */
function checkRelativeName(list: DerReader, count: number): void {
  if (count === maxRelativeNames) throw list.error(`a name of more than ${maxRelativeNames} parts`);
  const outer = list.open(tags.set);
  checkAttributes(list);
  list.close(outer, 'a part of a name');
}

/** AttributeTypeAndValues, to the end. */
export function checkAttributes(set: DerReader): void {
  if (set.atEnd) throw set.error('a part of a name without an attribute');
  while (!set.atEnd) {
    const outer = set.open(tags.sequence);
    checkObjectIdentifier(set, set.read(tags.objectIdentifier));
    checkUnreadValue(set);
    set.close(outer, 'an attribute');
  }
}

/**
 * The labels of a DNS name in lower case; undefined for what is none. Underscores are let through: RFC 952 forbids
 * them, internal names have them, and they equal nothing but themselves and a wildcard.
 */
export function dnsLabels(name: string): readonly string[] | undefined {
  if (name.length > 253) return undefined;
  // Tested before the case is folded: some letters outside ASCII have an ASCII lower case.
  return dnsPattern.test(name) ? name.toLowerCase().split('.') : undefined;
}

const dnsLabel = '[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?';
const dnsPattern = new RegExp(`^(?:\\*\\.)?${dnsLabel}(?:\\.${dnsLabel})*$`);

/** As a certificate has it; read when it is compared, as few are. */
class WrittenDnsName implements DnsName {
  readonly form = 'dNSName';
  readonly #element: DerElement;
  #labels: readonly string[] | undefined;
  #isRead = false;

  constructor(element: DerElement) {
    this.#element = element;
  }

  get labels(): readonly string[] | undefined {
    if (!this.#isRead) {
      const text = latin1(this.#element.content);
      // The empty text is the root of all names, in constraints.
      this.#labels = text === '' ? [] : dnsLabels(this.leadingDot ? text.slice(1) : text);
      this.#isRead = true;
    }
    return this.#labels;
  }

  get leadingDot(): boolean {
    return this.#element.at(0) === 0x2e;
  }
}
