import { TlsCertificateError } from '../../../src/base/errors.ts';
import { nodeCrypto } from '../../../src/crypto/node/provider.ts';
import { anchorsOf } from '../../../src/pki/anchors.ts';
import type { Certificate } from '../../../src/pki/certificate.ts';
import { RevocationList } from '../../../src/pki/crl.ts';
import { verifyChain } from '../../../src/pki/verify.ts';
import { randomScenario } from './chain-deviations.ts';
import { type OpensslVerdict, opensslVerdicts } from './openssl.ts';
import { type Case, now, signed } from './scenario.ts';

/** A case on which the two differ. */
export interface Disagreement {
  readonly case: Case;
  readonly tacit: TacitVerdict;
  readonly openssl: OpensslVerdict;
  /** Where only Tacit trusts: what OpenSSL says when it gets nothing but the path that Tacit found. */
  readonly straight?: OpensslVerdict;
}

export interface TacitVerdict {
  /** Leaf first, anchor last; undefined where it is refused. */
  readonly path: readonly Certificate[] | undefined;
  readonly check: string;
  readonly message: string;
}

export function tacitVerdict(one: Case): TacitVerdict {
  try {
    const lists = one.lists?.map((list) => new RevocationList(list));
    const { path } = verifyChain({
      provider: nodeCrypto,
      chain: [one.leaf, ...one.intermediates],
      anchors: anchorsOf(one.anchors, nodeCrypto),
      purpose: 'server',
      host: one.host,
      now,
      revocation: lists && { lists, stapledResponses: 'ignore', unknownStatus: 'refuse' },
    });
    return { path, check: '', message: 'trusted' };
  } catch (error) {
    if (!(error instanceof TlsCertificateError)) throw error;
    return { path: undefined, check: error.check, message: error.message };
  }
}

/** What became of some cases. */
export interface Outcome {
  readonly trustedByBoth: number;
  readonly refusedByBoth: number;
  readonly disagreements: readonly Disagreement[];
}

/** Judges the cases of these seeds twice. */
export function compare(first: number, count: number): Outcome {
  const cases = Array.from({ length: count }, (_, index) => signed(randomScenario(first + index)));
  const ours = cases.map(tacitVerdict);
  const theirs = opensslVerdicts(cases);
  let trustedByBoth = 0;
  let refusedByBoth = 0;
  const disagreements: Disagreement[] = [];
  cases.forEach((one, index) => {
    const [tacit, openssl] = [ours[index]!, theirs[index]!];
    if ((tacit.path !== undefined) !== openssl.trusted) disagreements.push({ case: one, tacit, openssl });
    else if (openssl.trusted) trustedByBoth += 1;
    else refusedByBoth += 1;
  });
  return { trustedByBoth, refusedByBoth, disagreements: withStraightPaths(disagreements) };
}

function withStraightPaths(disagreements: readonly Disagreement[]): readonly Disagreement[] {
  const loose = disagreements.filter(({ tacit }) => tacit.path !== undefined);
  const verdicts = opensslVerdicts(
    loose.map(({ case: one, tacit }) => {
      const path = tacit.path!.map(({ der }) => der);
      return { ...one, anchors: path.slice(-1), intermediates: path.slice(1, -1) };
    }),
  );
  return disagreements.map((one) => {
    const straight = verdicts[loose.indexOf(one)];
    return straight === undefined ? one : { ...one, straight };
  });
}

export function describe({ case: one, tacit, openssl, straight }: Disagreement): string {
  return [
    `seed ${one.seed}, host ${one.host}`,
    ...one.deviations.map(({ id, role, detail }) => `  ${id} (${role}): ${detail}`),
    `  Tacit: ${tacit.check} ${tacit.message}`,
    `  OpenSSL: ${openssl.text.trim().replace(/\n/g, ' | ')}`,
    ...(straight === undefined
      ? []
      : [`  OpenSSL on that path: ${straight.text.trim().replace(/\n/g, ' | ')}`]),
  ].join('\n');
}
