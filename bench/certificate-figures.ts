import { createPublicKey, type JsonWebKey, type KeyObject, verify } from 'node:crypto';
import { maxRememberedCertificates } from '../src/base/limits.ts';
import { nodeCrypto } from '../src/crypto/node/provider.ts';
import { anchorsOf } from '../src/pki/anchors.ts';
import { parseCertificate } from '../src/pki/certificate.ts';
import { verifyChain } from '../src/pki/verify.ts';
import { type KeyKind, newAnchor, newIntermediate, newLeaf, type Signer } from './certificates.ts';
import type { Comparison } from './measure.ts';

const host = 'www.example.org';

/** A path of leaf, intermediate and anchor, against the signature checks that nobody can do without. */
const pathTarget = 1 / 1.6;

/** @param quick leaves out what takes long to prepare */
export function* certificateFigures(quick: boolean): Generator<Comparison> {
  const anchor = newAnchor('ECDSA P-256');
  const leaf = newLeaf(newIntermediate(anchor), host);
  yield { figure: 'leaf parsed', tacit: () => parseCertificate(leaf), floor: fiveMicroseconds, target: 1 };
  for (const kind of ['ECDSA P-256', 'RSA-2048'] as const) {
    yield* pathFigures(kind, quick ? 0 : maxRememberedCertificates + 16);
  }
}

/** @param count of chains that are never met again before they are forgotten; 0: without them */
function* pathFigures(kind: KeyKind, count: number): Generator<Comparison> {
  const anchor = newAnchor(kind);
  const anchors = anchorsOf([anchor.certificate], nodeCrypto);
  const check = (chain: readonly Uint8Array[]): unknown =>
    verifyChain({ provider: nodeCrypto, chain, anchors, purpose: 'server', host, now: Date.UTC(2026, 5) });

  const intermediate = newIntermediate(anchor);
  const known = chainUnder(anchor, intermediate);
  yield {
    figure: `path of three, ${kind}, met before`,
    tacit: () => check(known.chain),
    floor: () => known.signatures.every(({ key, ...signed }) => isSigned(signed, key)),
    target: null,
  };
  if (count === 0) return;

  const leaves = Array.from({ length: count }, () => chainUnder(anchor, intermediate));
  const nextLeaf = inTurn(leaves);
  const nextBareLeaf = inTurn(leaves);
  yield {
    figure: `path of three, ${kind}, leaf not met before`,
    tacit: () => check(nextLeaf().chain),
    floor: () =>
      nextBareLeaf()
        .signatures.slice(0, 1)
        .every(({ key, ...signed }) => isSigned(signed, key)),
    target: pathTarget,
  };
  const strangers = Array.from({ length: count }, () => chainUnder(anchor, newIntermediate(anchor)));
  const next = inTurn(strangers);
  const nextBare = inTurn(strangers);
  yield {
    figure: `path of three, ${kind}, nothing met before`,
    tacit: () => check(next().chain),
    floor: () => nextBare().signatures.every(({ key, ...signed }) => isSigned(signed, key)),
    target: pathTarget,
  };
  yield {
    figure: `path of three, ${kind}, nothing met before, against signatures and the import of a key`,
    tacit: () => check(next().chain),
    floor: () =>
      nextBare().signatures.every(({ key, jwk, ...signed }) =>
        isSigned(signed, jwk === undefined ? key : createPublicKey({ key: jwk, format: 'jwk' })),
      ),
    target: null,
  };
}

interface Signed {
  readonly content: Uint8Array;
  readonly signature: Uint8Array;
}

interface Chain {
  readonly chain: readonly Uint8Array[];
  /** The anchor's key is imported long before; the intermediate's came with the chain, and is here in its cheapest form. */
  readonly signatures: readonly (Signed & {
    readonly key: KeyObject;
    readonly jwk: JsonWebKey | undefined;
  })[];
}

function chainUnder(anchor: Signer, intermediate: Signer): Chain {
  const chain = [newLeaf(intermediate, host), intermediate.certificate];
  const signatures = [intermediate, anchor].map((signer, index) => {
    const { toBeSigned: content, signature } = parseCertificate(chain[index]!);
    const key = createPublicKey(signer.key);
    return { content, signature, key, jwk: signer === anchor ? undefined : key.export({ format: 'jwk' }) };
  });
  return { chain, signatures };
}

function isSigned({ content, signature }: Signed, key: KeyObject): boolean {
  return verify('sha256', content, key, signature);
}

function inTurn<T>(items: readonly T[]): () => T {
  let index = 0;
  return () => {
    index = (index + 1) % items.length;
    return items[index]!;
  };
}

/**
 * The fixed loop: 2 500 steps of a 32-bit xorshift, all in registers. On the reference machine it takes 5.0 µs, so that
 * a ratio of 1 is 5 µs there, and the same work on every other machine.
 */
export function fiveMicroseconds(): number {
  let state = 1;
  for (let i = 0; i < 2_500; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
  }
  return state;
}
