import { describe, expect, test } from 'vitest';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import { anchorsOf } from '../../src/pki/anchors.ts';
import { RevocationList } from '../../src/pki/crl.ts';
import { verifyChain } from '../../src/pki/verify.ts';
import { sharedData } from '../support/shared-data.ts';

/** A case of x509-limbo, and what rustls-webpki says to it. */
interface LimboCase {
  readonly id: string;
  readonly validation_kind: 'SERVER' | 'CLIENT';
  readonly trusted_certs: readonly string[];
  readonly untrusted_intermediates: readonly string[];
  readonly peer_certificate: string;
  /** Null: any time soon after the suite was made. */
  readonly validation_time: string | null;
  readonly expected_peer_name: { readonly value: string } | null;
  readonly crls: readonly string[];
  readonly webpki_result: 'SUCCESS' | 'FAILURE' | 'SKIPPED';
}

const suite = sharedData('x509-limbo.json.gz') as { readonly testcases: readonly LimboCase[] } | undefined;

/** What is refused here and not by rustls-webpki: each is stricter, and each says why. */
const stricter: ReadonlyMap<string, RegExp> = new Map([
  ['rfc5280::aki::critical-aki', /critical extensions that Tacit does not know: 2\.5\.29\.35/],
  ['rfc5280::ca-empty-subject', /an issuer without a name/],
  ['rfc5280::unknown-critical-extension-root', /critical extensions that Tacit does not know/],
  ['rfc5280::root-missing-basic-constraints', /not a certificate authority/],
  ['webpki::nc::intermediate-permitted-excluded-subtrees-both-null', /empty nameConstraints/],
  [
    'webpki::nc::intermediate-permitted-excluded-subtrees-both-empty-sequences',
    /nameConstraints with an empty list/,
  ],
  ['webpki::forbidden-p192-leaf', /a key that Tacit does not take/],
]);

function der(pem: string): Uint8Array {
  return new Uint8Array(Buffer.from(pem.replace(/-----[^-]+-----/g, ''), 'base64'));
}

/** Undefined: trusted. */
function refusal(limbo: LimboCase): string | undefined {
  try {
    verifyChain({
      provider: nodeCrypto,
      chain: [limbo.peer_certificate, ...limbo.untrusted_intermediates].map(der),
      anchors: anchorsOf(limbo.trusted_certs.map(der), nodeCrypto),
      purpose: limbo.validation_kind === 'SERVER' ? 'server' : 'client',
      host: limbo.expected_peer_name?.value,
      revocation:
        limbo.crls.length === 0
          ? undefined
          : {
              lists: limbo.crls.map((pem) => new RevocationList(der(pem))),
              stapledResponses: 'check',
              unknownStatus: 'allow',
            },
      now: Date.parse(limbo.validation_time ?? '2026-11-01T00:00:00Z'),
    });
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

describe.skipIf(suite === undefined)('x509-limbo (needs the data beside the repository)', () => {
  test('nothing is trusted that rustls-webpki refuses, and what it trusts is, but for a list', () => {
    const cases = suite?.testcases.filter(({ webpki_result }) => webpki_result !== 'SKIPPED');
    const trustedHereOnly: string[] = [];
    const refusedHereOnly = new Map<string, string>();
    for (const limbo of cases ?? []) {
      const reason = refusal(limbo);
      if (limbo.webpki_result === 'FAILURE' && reason === undefined) trustedHereOnly.push(limbo.id);
      if (limbo.webpki_result === 'SUCCESS' && reason !== undefined) refusedHereOnly.set(limbo.id, reason);
    }
    console.log(`x509-limbo: ${cases?.length} cases, ${refusedHereOnly.size} refused here only`);
    expect(trustedHereOnly).toEqual([]);
    expect([...refusedHereOnly.keys()].toSorted()).toEqual([...stricter.keys()].toSorted());
    for (const [id, reason] of refusedHereOnly) expect(reason).toMatch(stricter.get(id) ?? /^$/);
  });
});
