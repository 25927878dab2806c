import { equalBytes } from '../base/bytes.ts';
import { type DnsName, dnsLabels, type GeneralName } from './general-names.ts';

/**
 * Whether a certificate with these alternative names is valid for `host` (RFC 9525 §6). A DNS name matches dNSName
 * entries only, an IP address iPAddress entries only. The subject is never looked at.
 * @param host a DNS name in its ASCII form, or an IP address as text
 */
export function matchesHost(host: string, names: readonly GeneralName[]): boolean {
  const address = addressBytes(host);
  if (address !== undefined) {
    return names.some((name) => name.form === 'iPAddress' && equalBytes(name.bytes, address));
  }
  const reference = referenceLabels(host);
  if (reference === undefined) return false;
  return names.some((name) => name.form === 'dNSName' && matchesDns(reference, name));
}

/** Up to five names of a certificate that a person may see: DNS names of plain characters, and IP addresses. */
export function readableNames(names: readonly GeneralName[]): readonly string[] {
  const readable: string[] = [];
  for (const name of names) {
    if (readable.length === 5) break;
    if (name.form === 'dNSName' && name.labels !== undefined && name.labels.length > 0)
      readable.push(name.labels.join('.'));
    if (name.form === 'iPAddress' && isAddress(name.bytes)) readable.push(addressText(name.bytes));
  }
  return readable;
}

/** An IP address as iPAddress has it: 4 or 16 bytes. Undefined for anything else. */
export function addressBytes(text: string): Uint8Array | undefined {
  if (!text.includes(':')) return ipv4Bytes(text);
  // What interface an address is reached over (RFC 4007 §11) is no part of it.
  const [address = '', zone] = text.split('%');
  return zone === '' ? undefined : ipv6Bytes(address);
}

/** What the caller asked for. A trailing dot is the root's and no part of what certificates write (RFC 9525 §6.3). */
function referenceLabels(host: string): readonly string[] | undefined {
  const labels = dnsLabels(host.endsWith('.') ? host.slice(0, -1) : host);
  if (labels?.[0] === '*') return undefined;
  // "127.1" and "0x7f000001" are addresses to a resolver, so that a dNSName must not vouch for them.
  const last = labels?.at(-1) ?? '';
  return /^(?:\d+|0x[0-9a-f]*)$/.test(last) ? undefined : labels;
}

/** RFC 9525 §6.3: `*` is the whole leftmost label (`dnsLabels` lets no other be one) and stands for exactly one. */
function matchesDns(reference: readonly string[], presented: DnsName): boolean {
  const { labels } = presented;
  if (labels === undefined || presented.leadingDot || labels.length !== reference.length) return false;
  // Nobody may hold all of a top-level domain.
  if (labels[0] === '*' && labels.length < 3) return false;
  return labels.every((label, index) => label === reference[index] || label === '*');
}

/** Four decimal numbers without leading zeros: others are octal to some resolvers. */
function ipv4Bytes(text: string): Uint8Array | undefined {
  const parts = text.split('.');
  const isAddress =
    parts.length === 4 && parts.every((part) => /^(?:0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256);
  return isAddress ? Uint8Array.from(parts, Number) : undefined;
}

/** RFC 4291 §2.2: groups of hexadecimal digits, `::` for some of zeros, perhaps an IPv4 address at the end. */
function ipv6Bytes(text: string): Uint8Array | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  // Only at the very end may there be an IPv4 address.
  const [front, back] = halves.map((half, index) => groups(half, index === halves.length - 1));
  if (front === undefined || (halves.length === 2 && back === undefined)) return undefined;
  const count = front.length + (back?.length ?? 0);
  if (back === undefined ? count !== 16 : count > 14) return undefined;
  return Uint8Array.from([...front, ...new Array<number>(16 - count).fill(0), ...(back ?? [])]);
}

/** The bytes of some groups; undefined where one is none. */
function groups(text: string, mayEndInIpv4: boolean): readonly number[] | undefined {
  if (text === '') return [];
  const parts = text.split(':');
  const bytes: number[] = [];
  for (const [index, part] of parts.entries()) {
    const isLast = index === parts.length - 1;
    const ipv4 = mayEndInIpv4 && isLast && part.includes('.') ? ipv4Bytes(part) : undefined;
    if (ipv4 !== undefined) bytes.push(...ipv4);
    else if (/^[0-9a-f]{1,4}$/i.test(part)) {
      const value = Number.parseInt(part, 16);
      bytes.push(value >> 8, value & 0xff);
    } else return undefined;
  }
  return bytes;
}

/** IPv4 or IPv6. */
export function isAddress(bytes: Uint8Array): boolean {
  return bytes.length === 4 || bytes.length === 16;
}

function addressText(address: Uint8Array): string {
  if (address.length === 4) return address.join('.');
  const parts: string[] = [];
  for (let i = 0; i < 16; i += 2) parts.push(((address[i]! << 8) | address[i + 1]!).toString(16));
  return parts.join(':');
}
