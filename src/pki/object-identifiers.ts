import { fromHex } from '../base/bytes.ts';
import { DerReader } from './der.ts';

/** What nearly every certificate holds, in hexadecimal DER: making the text anew would be most of parsing one. */
const common = [
  // Attributes of names: CN, C, L, ST, O, OU.
  ...['0603550403', '0603550406', '0603550407', '0603550408', '060355040a', '060355040b'],
  // Extensions: subjectKeyIdentifier, keyUsage, subjectAltName, issuerAltName, basicConstraints, cRLNumber, reasonCode.
  ...['0603551d0e', '0603551d0f', '0603551d11', '0603551d12', '0603551d13', '0603551d14', '0603551d15'],
  // issuingDistributionPoint, nameConstraints, cRLDistributionPoints, certificatePolicies, authorityKeyIdentifier,
  // extKeyUsage; authorityInfoAccess, signed certificate timestamps (RFC 6962).
  ...['0603551d1c', '0603551d1e', '0603551d1f', '0603551d20', '0603551d23', '0603551d25'],
  ...['06082b06010505070101', '060a2b06010401d679020402'],
  // Policies of the CA/Browser Forum (domain and organization validated); serverAuth and clientAuth.
  ...['060667810c010201', '060667810c010202', '06082b06010505070301', '06082b06010505070302'],
  // Keys: rsaEncryption, id-ecPublicKey, id-Ed25519.
  ...['06092a864886f70d010101', '06072a8648ce3d0201', '06032b6570'],
];

interface Known {
  readonly content: Uint8Array;
  readonly text: string;
}

/** Those of 3 bytes, by `contentNumber`: nothing else has the same one. */
const short = new Map<number, string>();
/** The others, by `contentHash`: what is found has to be compared. */
const long = new Map<number, Known>();

for (const hex of common) {
  const element = new DerReader(fromHex(hex));
  element.read();
  const content = element.contentFrom(0);
  const number = element.contentNumber;
  if (number === undefined) long.set(element.contentHash, { content, text: dotted(content) });
  else short.set(number, dotted(content));
}

/** The dotted form of one that most certificates have, which was read last; undefined for others, well-formed or not. */
export function commonObjectIdentifier(reader: DerReader): string | undefined {
  const number = reader.contentNumber;
  if (number !== undefined) return short.get(number);
  const found = reader.contentLength > 10 ? undefined : long.get(reader.contentHash);
  return found !== undefined && reader.hasContent(found.content) ? found.text : undefined;
}

/** @param content whole arcs, each in its shortest form */
export function dotted(content: Uint8Array): string {
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
