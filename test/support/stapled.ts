import { expect } from 'vitest';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import type { CryptoProvider, PublicKey } from '../../src/crypto/provider.ts';
import type { TrustVerdict } from '../../src/handshake/identity.ts';
import type { RevocationOptions } from '../../src/net/revocation.ts';
import { x509Trust } from '../../src/net/trust.ts';
import { type CertificateOptions, makeCertificate, type TestCertificate } from './certificates.ts';
import { makeOcspResponse, type OcspOptions } from './ocsp.ts';
import { expectRefused, expectTrusted, intermediate, leaf, now, root } from './trust.ts';

export const host = 'www.example.org';

export function delegate(
  options: CertificateOptions = {},
  issuer: TestCertificate = intermediate,
): Promise<TestCertificate> {
  return makeCertificate({
    subject: 'CN=Test Responder',
    issuer,
    keyUsage: ['digitalSignature'],
    extendedKeyUsage: ['1.3.6.1.5.5.7.3.9'],
    ...options,
  });
}

export interface Judging {
  readonly chain?: readonly TestCertificate[];
  readonly revocation?: RevocationOptions;
  readonly now?: number;
  readonly purpose?: 'server' | 'client';
}

/** @param responses at the places of the certificates */
export function judge(responses: readonly (Uint8Array | undefined)[], judging: Judging = {}): TrustVerdict {
  const { chain = [leaf, intermediate], revocation, purpose = 'server' } = judging;
  const policy = x509Trust({ ca: root.pem, purpose, revocation }, nodeCrypto);
  const peer = {
    chain: chain.map((one) => one.der),
    ocspResponses: responses,
    purpose,
    host: purpose === 'server' ? host : undefined,
    now: judging.now ?? now,
  } as const;
  return policy.verify(peer, { signal: new AbortController().signal }) as TrustVerdict;
}

/** A response about the leaf. */
export function response(options: OcspOptions = {}): Uint8Array {
  return makeOcspResponse(leaf, intermediate, options);
}

/** As good as none: refused only where there must be one. */
export function saysNothing(bytes: Uint8Array, why: RegExp): void {
  expectTrusted(judge([bytes]));
  const verdict = judge([bytes], { revocation: { stapledResponses: 'require' } });
  const error = expectRefused(verdict, 'bad_ocsp_response', 'bad_certificate_status_response', {
    position: 0,
  });
  expect(error.message).toMatch(why);
}

export function refuses(bytes: Uint8Array, why: RegExp): void {
  const error = expectRefused(judge([bytes]), 'bad_ocsp_response', 'bad_certificate_status_response', {
    position: 0,
  });
  expect(error.message).toMatch(why);
}

export function countingProvider(on: { onVerify: () => void; onHash?: () => void }): CryptoProvider {
  return {
    ...nodeCrypto,
    sha1(data) {
      on.onHash?.();
      return nodeCrypto.sha1(data);
    },
    importPublicKey(spki) {
      const key = nodeCrypto.importPublicKey(spki);
      if (key === undefined) return undefined;
      const verifySigned: PublicKey['verifySigned'] = (...signed) => {
        on.onVerify();
        return key.verifySigned(...signed);
      };
      return { ...key, verifySigned };
    },
  };
}
