import { createPublicKey, verify } from 'node:crypto';
import { equalBytes } from '../../src/base/bytes.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import { parseCertificate } from '../../src/pki/certificate.ts';
import { parseOcspResponse } from '../../src/pki/ocsp.ts';
import { mayStaple } from '../../src/pki/stapled.ts';
import { children } from '../../test/support/der.ts';
import { responseOf } from '../../test/support/ocsp.ts';
import { demand, type Target } from '../engine/target.ts';
import { intermediate, leaf, now, responder } from '../support/authorities.ts';
import { mutateDer, readTree } from '../support/der-tree.ts';
import { mutateParts, readParts } from '../support/parts.ts';
import { isLeafTrusted, parsed, signedAgain, signedPart } from '../support/pki.ts';

const serialNumber = Uint8Array.of(3);

/** An OCSP response: a leaf is trusted by it only where it says that the leaf is good, and somebody signed it who may. */
export const ocsp: Target = {
  maxLength: 6_000,
  maxTime: 200,
  mutate: (input, random, other) => mutateParts(input, random, other, mutateDer),
  run(input) {
    const { options, values } = readParts(input);
    const [value = input] = values;
    const bytes = (options & 1) !== 0 ? withSignature(value, (options & 2) !== 0) : value;
    const found = parsed(bytes, parseOcspResponse);
    mayStaple(bytes, leaf.der, { provider: nodeCrypto, now });
    // What cannot be read is judged now and then: it takes most of the time.
    if (!found && (options & 4) === 0) return;
    const revocation = { lists: [], stapledResponses: 'require', unknownStatus: 'allow' } as const;
    if (!isLeafTrusted(revocation, [bytes])) return;
    const response = found?.value;
    demand(response !== undefined, 'a response that cannot be read is believed');
    const [signed] = children(basicOf(bytes)!);
    demand(equalBytes(signed!, response.toBeSigned), 'something else is signed');
    const isGood = response.statuses.some(
      ({ id, status, thisUpdate }) =>
        equalBytes(id.serialNumber, serialNumber) && status === 'good' && thisUpdate <= now + 300_000,
    );
    demand(isGood, 'the response does not say that it is good');
    const byDelegate = response.certificates.some(isDelegate);
    const signers = [intermediate.key, ...(byDelegate ? [responder.key] : [])].map((key) =>
      createPublicKey(key),
    );
    demand(
      signers.some((key) => verify(null, response.toBeSigned, key, response.signature)),
      'a response that nobody signed is believed',
    );
  },
};

/** A certificate of our responder's key that the intermediate has signed. */
function isDelegate(bytes: Uint8Array): boolean {
  try {
    const { subjectPublicKeyInfo, toBeSigned, signature } = parseCertificate(bytes);
    const own = createPublicKey(responder.key).export({ format: 'der', type: 'spki' });
    const isOurs = equalBytes(subjectPublicKeyInfo, new Uint8Array(own));
    return isOurs && verify(null, toBeSigned, createPublicKey(intermediate.key), signature);
  } catch {
    return false;
  }
}

/** RFC 6960 §4.2.1: in the response bytes, in an OCTET STRING. */
function basicOf(bytes: Uint8Array): Uint8Array | undefined {
  const octets = readTree(bytes, true)?.children?.[1]?.children?.[0]?.children?.[1];
  const basic = octets?.tag === 0x04 && octets.children?.length === 1 ? octets.content : undefined;
  return basic && signedPart(basic) ? basic : undefined;
}

function withSignature(bytes: Uint8Array, byDelegate: boolean): Uint8Array {
  const basic = basicOf(bytes);
  if (!basic) return bytes;
  return responseOf(signedAgain(basic, byDelegate ? responder.key : intermediate.key));
}
