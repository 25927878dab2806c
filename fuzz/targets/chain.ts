import { X509Certificate } from 'node:crypto';
import { equalBytes } from '../../src/base/bytes.ts';
import { maxIntermediates, maxSignatureChecks } from '../../src/base/limits.ts';
import { anchorsOf } from '../../src/pki/anchors.ts';
import { checkPresentedSize, type VerifiedChain, verifyChain } from '../../src/pki/verify.ts';
import { children } from '../../test/support/der.ts';
import { demand, type Target } from '../engine/target.ts';
import { host, now, privateKeyOf, root } from '../support/authorities.ts';
import { mutateDer, readTree } from '../support/der-tree.ts';
import { mutateParts, readParts } from '../support/parts.ts';
import { CountingProvider, demandPlain, demandRefusal, signedAgain } from '../support/pki.ts';

const hosts = [host, 'a.example.net', '192.0.2.7', '2001:db8::7'];
const counting = new CountingProvider();
const anchors = anchorsOf([root.der], counting.provider);

/** A chain below a root whose key signs whatever it is given: trusted only where OpenSSL finds each link good too. */
export const chain: Target = {
  maxLength: 12_000,
  maxTime: 500,
  mutate: (input, random, other) => mutateParts(input, random, other, mutateDer),
  run(input) {
    const { options, values } = readParts(input);
    const presented = (options & 1) !== 0 ? values.map((one) => again(one, values)) : values;
    const purpose = (options & 8) !== 0 ? 'client' : 'server';
    const name = hosts[(options >> 1) & 3]!;
    // As the face of `node:tls` asks.
    const isLenient = (options & 16) !== 0;
    counting.count = 0;
    let verified: VerifiedChain;
    try {
      checkPresentedSize(presented);
      verified = verifyChain(
        {
          provider: counting.provider,
          chain: presented,
          anchors,
          purpose,
          host: name,
          now,
          onDeadEnd: (_, { message }) => demandPlain(message),
        },
        isLenient ? { namesCheckedBy: 'caller', version1: 'leaf' } : undefined,
      );
    } catch (error) {
      demandRefusal(error);
      return;
    } finally {
      demand(counting.count <= maxSignatureChecks, `${counting.count} signatures were verified`);
    }
    demandTrust(verified, isLenient ? undefined : name, purpose);
  },
};

/** Signed by whoever it names as its issuer, as far as that one's key is ours. */
function again(certificate: Uint8Array, all: readonly Uint8Array[]): Uint8Array {
  const issuer = fieldOf(certificate, 3);
  const signer = [...all, root.der].find((one) => same(fieldOf(one, 5), issuer)) ?? root.der;
  const key = privateKeyOf(fieldOf(signer, 6) ?? signer) ?? root.key;
  return signedAgain(certificate, key);
}

function fieldOf(certificate: Uint8Array, place: number): Uint8Array | undefined {
  if (!readTree(certificate, false)?.children?.[0]?.children) return undefined;
  const fields = children(children(certificate)[0]!);
  // Version 1 is not written down.
  return fields[fields[0]?.[0] === 0xa0 ? place : place - 1];
}

function same(one: Uint8Array | undefined, other: Uint8Array | undefined): boolean {
  return one !== undefined && other !== undefined && equalBytes(one, other);
}

/** Nothing where it cannot read one of them: it looks into texts, which are nothing to Tacit. */
function readByOpenssl(path: readonly Uint8Array[]): readonly X509Certificate[] {
  try {
    return path.map((der) => new X509Certificate(der));
  } catch {
    return [];
  }
}

/** A second opinion on every link, by OpenSSL. @param name undefined: whoever asks compares names itself */
function demandTrust({ path, validUntil }: VerifiedChain, name: string | undefined, purpose: string): void {
  demand(equalBytes(path.at(-1)!.der, root.der), 'a path to nowhere');
  const isLeafTaken = path[0]!.version === 3 || name === undefined;
  demand(isLeafTaken && path.slice(1).every(({ version }) => version === 3), 'version 1 at a wrong place');
  demand(path.length <= maxIntermediates + 2, `a path of ${path.length}`);
  const certificates = readByOpenssl(path.map(({ der }) => der));
  const [leaf] = certificates;
  if (!leaf) return;
  for (const [i, one] of certificates.entries()) {
    const issuer = certificates[i + 1];
    if (issuer) {
      demand(one.checkIssued(issuer), 'a link that OpenSSL does not see');
      demand(one.verify(issuer.publicKey), 'a signature that does not verify');
      demand(issuer.ca, 'an issuer that is no authority');
    }
    const [from, to] = [Date.parse(one.validFrom), Date.parse(one.validTo)];
    demand(from <= now && now < to + 1000 && validUntil <= to, 'out of date');
  }
  if (path.length > 1 && name !== undefined) demandName(leaf, name);
  const purposes = leaf.keyUsage as readonly string[] | undefined;
  const expected = `1.3.6.1.5.5.7.3.${purpose === 'server' ? 1 : 2}`;
  demand(purposes === undefined || purposes.includes(expected), 'for another purpose');
}

function demandName(leaf: X509Certificate, name: string): void {
  const isAddress = /^[\d.]+$|:/.test(name);
  const found = isAddress
    ? leaf.checkIP(name)
    : leaf.checkHost(name, { subject: 'never', partialWildcards: false });
  demand(found !== undefined, `OpenSSL does not find the name ${name}`);
}
