import { createPublicKey, verify } from 'node:crypto';
import { equalBytes } from '../../src/base/bytes.ts';
import { RevocationList } from '../../src/pki/crl.ts';
import { makeCrl } from '../../test/support/crl.ts';
import { children } from '../../test/support/der.ts';
import { demand, type Target } from '../engine/target.ts';
import { ed25519, intermediate, now, root } from '../support/authorities.ts';
import { mutateDer } from '../support/der-tree.ts';
import { mutateParts, readParts } from '../support/parts.ts';
import { demandPlain, isLeafTrusted, parsed, signedAgain } from '../support/pki.ts';

const ofRoot = new RevocationList(makeCrl(root, { signature: ed25519 }));
const publicKey = createPublicKey(intermediate.key);
/** Contents of the INTEGER. */
const leafNumber = Uint8Array.of(3);

/** A revocation list: every number in it is found, and no other; a leaf is trusted by it only where it says so. */
export const crl: Target = {
  maxLength: 6_000,
  maxTime: 200,
  mutate: (input, random, other) => mutateParts(input, random, other, mutateDer),
  run(input) {
    const { options, values } = readParts(input);
    const [value = input] = values;
    const der = (options & 1) !== 0 ? signedAgain(value, intermediate.key) : value;
    const list = parsed(der, (bytes) => new RevocationList(bytes))?.value;
    if (!list) return;
    const numbers = numbersIn(der);
    for (const number of numbers) {
      const revocation = list.revocationOf(number);
      demand(revocation !== undefined, 'a number that is in the list is not found');
      demandPlain(revocation.reason);
    }
    const isListed = numbers.some((number) => equalBytes(number, leafNumber));
    demand(
      (list.revocationOf(leafNumber) !== undefined) === isListed,
      'a number that is not in the list is found',
    );
    const revocation = {
      lists: [ofRoot, list],
      stapledResponses: 'ignore',
      unknownStatus: 'refuse',
    } as const;
    if (isLeafTrusted(revocation)) demandClearance(list, der, isListed);
  },
};

function demandClearance(list: RevocationList, der: Uint8Array, isListed: boolean): void {
  const [signed, , signature] = children(der);
  demand(!isListed, 'a revoked certificate is trusted');
  demand(verify(null, signed!, publicKey, signature!.subarray(-64)), 'a list that nobody signed is believed');
  demand(list.thisUpdate <= now && now < list.nextUpdate + 1000, 'a list of another time is believed');
  demand(
    equalBytes(children(signed!)[2]!, children(children(intermediate.der)[0]!)[5]!),
    "another issuer's list",
  );
}

/** RFC 5280 §5.1: behind version, algorithm, issuer and two times, where there are any. */
function numbersIn(der: Uint8Array): readonly Uint8Array[] {
  const list = children(children(der)[0]!)[5];
  if (list?.[0] !== 0x30) return [];
  return children(list).map((entry) => {
    const number = children(entry)[0]!;
    return number.subarray(number.length < 0x82 ? 2 : number.length < 0x103 ? 3 : 4);
  });
}
