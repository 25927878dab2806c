import { generateKeyPairSync } from 'node:crypto';
import { nodeCrypto } from '../src/crypto/node/provider.ts';
import { anchorsOf } from '../src/pki/anchors.ts';
import { verifyChain } from '../src/pki/verify.ts';
import { authority, commonName, rawCertificate } from '../test/support/raw-certificates.ts';
import { hostileChains, hostileHost } from './hostile-chains.ts';
import { type Figure, judged, median, microseconds } from './measure.ts';

/** Milliseconds that no chain may take. */
const limit = 50;

/** One row for each chain: how many times it fits into the limit. The first, cold run is among the repeats. */
export function* hostileFigures(repeats: number): Generator<Figure> {
  const key = generateKeyPairSync('ed25519').privateKey;
  const name = commonName('Root');
  const root = rawCertificate({ subject: name, issuer: name, key, signer: key, extensions: [authority] });
  const anchors = anchorsOf([root], nodeCrypto);
  const now = Date.UTC(2026, 5);
  for (const { what, chain } of hostileChains(key, name)) {
    const verify = (): void => {
      try {
        verifyChain({ provider: nodeCrypto, chain, anchors, purpose: 'server', host: hostileHost, now });
      } catch {
        // Most are refused; what is measured is how soon.
      }
    };
    const times = Array.from({ length: repeats }, () => microseconds(verify, 1) / 1000);
    const values = {
      figure: `hostile chain: ${what}`,
      unit: 'ms',
      tacit: median(times),
      nodeTls: null,
      floor: null,
    };
    yield judged(
      values,
      times.map((time) => limit / time),
      1,
    );
  }
}
