import { equalBytes, fromHex } from '../../base/bytes.ts';

/** A SubjectPublicKeyInfo (RFC 5280 §4.1) of a supported algorithm. */
export type SubjectPublicKey =
  | { readonly type: 'rsa' | 'rsa-pss'; readonly modulus: Uint8Array; readonly exponent: Uint8Array }
  | { readonly type: 'ec'; readonly curve: Curve; readonly point: Uint8Array }
  | { readonly type: 'ed25519'; readonly key: Uint8Array };

/** Elliptic curves by their names in JWK (RFC 7518 §6.2.1.1). */
export type Curve = 'P-256' | 'P-384' | 'P-521';

const tags = { integer: 0x02, bitString: 0x03, sequence: 0x30 } as const;

/** What the AlgorithmIdentifier of each curve holds: id-ecPublicKey and the curve's name (RFC 5480 §2.1.1). */
const curves: readonly {
  readonly curve: Curve;
  readonly pointLength: number;
  readonly algorithm: Uint8Array;
}[] = [
  { curve: 'P-256', pointLength: 65, algorithm: fromHex('06072a8648ce3d020106082a8648ce3d030107') },
  { curve: 'P-384', pointLength: 97, algorithm: fromHex('06072a8648ce3d020106052b81040022') },
  { curve: 'P-521', pointLength: 133, algorithm: fromHex('06072a8648ce3d020106052b81040023') },
];
/** id-Ed25519 without parameters (RFC 8410 §3). */
const ed25519Algorithm = fromHex('06032b6570');
/** rsaEncryption with the parameters NULL (RFC 3279 §2.3.1). */
const rsaAlgorithm = fromHex('06092a864886f70d0101010500');
/** id-RSASSA-PSS, of which parameters may follow (RFC 4055 §3.1). */
const rsaPssOid = fromHex('06092a864886f70d01010a');

const smallestExponent = 3;
/** Verification takes longer with the exponent's length, which a peer chooses; nobody uses more than 33 bits. */
const largestExponent = 2 ** 33 - 1;

/**
 * Parses DER more strictly than OpenSSL, which takes trailing bytes, curves spelled out as parameters, compressed
 * points and the RSA exponent 1.
 *
 * @returns undefined where the algorithm is not supported or the encoding is wrong; whether a point lies on its curve
 *   and what the parameters of an RSA-PSS key say is not looked at
 */
export function parseSubjectPublicKeyInfo(der: Uint8Array): SubjectPublicKey | undefined {
  const [algorithm, bitString] = readSequence(der, [tags.sequence, tags.bitString]) ?? [];
  // The first byte of a BIT STRING counts unused bits: a key has none.
  if (!algorithm || bitString?.[0] !== 0) return undefined;
  const key = bitString.subarray(1);
  if (equalBytes(algorithm, rsaAlgorithm)) return parseRsaKey('rsa', key);
  if (equalBytes(algorithm.subarray(0, rsaPssOid.length), rsaPssOid)) return parseRsaKey('rsa-pss', key);
  if (equalBytes(algorithm, ed25519Algorithm))
    return key.length === 32 ? { type: 'ed25519', key } : undefined;
  for (const { curve, pointLength, algorithm: expected } of curves) {
    if (!equalBytes(algorithm, expected)) continue;
    return key.length === pointLength && key[0] === 4 ? { type: 'ec', curve, point: key } : undefined;
  }
  return undefined;
}

function parseRsaKey(type: 'rsa' | 'rsa-pss', der: Uint8Array): SubjectPublicKey | undefined {
  const [modulusInteger, exponentInteger] = readSequence(der, [tags.integer, tags.integer]) ?? [];
  const modulus = positiveInteger(modulusInteger);
  const exponent = positiveInteger(exponentInteger);
  if (!modulus || !exponent || exponent.length > 5) return undefined;
  let value = 0;
  for (const byte of exponent) value = value * 256 + byte;
  if (value < smallestExponent || value > largestExponent || value % 2 === 0) return undefined;
  return { type, modulus, exponent };
}

/** The bytes of a positive INTEGER in its shortest form, without the leading zero that keeps it positive. */
function positiveInteger(content: Uint8Array | undefined): Uint8Array | undefined {
  const [first, second] = content ?? [];
  if (content === undefined || first === undefined || first >= 0x80) return undefined;
  if (first !== 0) return content;
  return second !== undefined && second >= 0x80 ? content.subarray(1) : undefined;
}

/** The contents of the elements of `der`, which is one SEQUENCE of exactly these tags and nothing behind it. */
function readSequence(der: Uint8Array, elements: readonly number[]): Uint8Array[] | undefined {
  const sequence = readElement(der, 0, tags.sequence);
  if (!sequence || sequence.end !== der.length) return undefined;
  const contents: Uint8Array[] = [];
  let offset = sequence.start;
  for (const tag of elements) {
    const element = readElement(der, offset, tag);
    if (!element) return undefined;
    contents.push(der.subarray(element.start, element.end));
    offset = element.end;
  }
  return offset === sequence.end ? contents : undefined;
}

/** Where the content of the element at `offset` starts and ends; its length is in the shortest form (DER). */
function readElement(
  der: Uint8Array,
  offset: number,
  tag: number,
): { start: number; end: number } | undefined {
  const short = der[offset + 1];
  if (der[offset] !== tag || short === undefined) return undefined;
  let start = offset + 2;
  let length = short;
  if (short >= 0x80) {
    const count = short - 0x80;
    if (count === 0 || count > 3) return undefined;
    length = 0;
    for (const byte of der.subarray(start, start + count)) length = length * 256 + byte;
    if (length < 0x80 || length < 256 ** (count - 1)) return undefined;
    start += count;
  }
  const end = start + length;
  return end <= der.length ? { start, end } : undefined;
}
