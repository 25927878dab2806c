import { expect } from 'vitest';
import type { AlertName } from '../../src/base/alerts.ts';
import { alertFor, type CertificateCheck, TlsCertificateError } from '../../src/base/errors.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import type { TrustPolicy, TrustVerdict } from '../../src/handshake/identity.ts';
import { x509Trust } from '../../src/net/trust.ts';
import {
  intermediateCertificate,
  rootCertificate,
  serverCertificate,
  type TestCertificate,
} from './certificates.ts';

/** The time at which chains are judged. */
export const now: number = Date.parse('2026-06-01T00:00:00Z');
export const hour: number = 3_600_000;

/** A chain of three in which everything is as it should be. There from `makeChain` on. */
export let root: TestCertificate;
export let intermediate: TestCertificate;
export let leaf: TestCertificate;

/** For `beforeAll`. */
export async function makeChain(): Promise<void> {
  root = await rootCertificate();
  intermediate = await intermediateCertificate(root);
  leaf = await serverCertificate(intermediate, { names: ['www.example.org', '192.0.2.7', '2001:db8::7'] });
}

export interface Judging {
  readonly ca?: readonly TestCertificate[];
  readonly host?: string | undefined;
  readonly purpose?: 'server' | 'client';
  readonly now?: number;
}

export function judge(chain: readonly (TestCertificate | Uint8Array)[], judging: Judging = {}): TrustVerdict {
  const { ca = [root], purpose = 'server' } = judging;
  const host = 'host' in judging ? judging.host : purpose === 'server' ? 'www.example.org' : undefined;
  const policy = policyFor(ca, purpose);
  const verdict = policy.verify(
    {
      chain: chain.map((one) => (one instanceof Uint8Array ? one : one.der)),
      purpose,
      host,
      now: judging.now ?? now,
    },
    { signal: new AbortController().signal },
  );
  return verdict as TrustVerdict;
}

const policies = new Map<string, TrustPolicy>();

/** Anchors cost more to read than chains to judge. */
function policyFor(ca: readonly TestCertificate[], purpose: 'server' | 'client'): TrustPolicy {
  const key = purpose + ca.map(({ pem }) => pem).join('');
  let policy = policies.get(key);
  if (policy === undefined) {
    policy = x509Trust({ ca: ca.map(({ pem }) => pem), purpose }, nodeCrypto);
    policies.set(key, policy);
  }
  return policy;
}

export function expectTrusted(verdict: TrustVerdict): number {
  if (!verdict.trusted) throw verdict.error;
  return verdict.validUntil;
}

export function expectRefused(
  verdict: TrustVerdict,
  check: CertificateCheck,
  alert: AlertName,
  place?: { subject?: string; position: number },
): TlsCertificateError {
  if (verdict.trusted) throw new Error(`trusted, instead of refused as ${check}`);
  const { error } = verdict;
  expect(error).toBeInstanceOf(TlsCertificateError);
  expect(`${error.check}: ${error.message}`).toContain(`${check}: `);
  expect(alertFor(error)).toBe(alert);
  if (place !== undefined) expect(error.certificate).toMatchObject(place);
  return error;
}

/** A chain through an intermediate that is not as it should be. */
export async function chainThrough(
  options: Parameters<typeof intermediateCertificate>[1],
): Promise<TestCertificate[]> {
  const middle = await intermediateCertificate(root, options);
  return [await serverCertificate(middle, { names: ['www.example.org'] }), middle];
}

/** A leaf below the intermediate that is not as it should be. */
export async function leafWith(options: Parameters<typeof serverCertificate>[1]): Promise<TestCertificate[]> {
  return [await serverCertificate(intermediate, { names: ['www.example.org'], ...options }), intermediate];
}
