import type { KeyObject } from 'node:crypto';
import { equalBytes } from '../../../src/base/bytes.ts';
import { TlsCertificateError } from '../../../src/base/errors.ts';
import { type NodeSigner, nodeSigner } from '../../../src/crypto/node/signer.ts';
import type {
  Identity,
  MaybePromise,
  Signer,
  TrustPolicy,
  TrustVerdict,
} from '../../../src/handshake/identity.ts';
import {
  clientCertificate,
  resign,
  type SignatureOverride,
  serverCertificate,
} from '../../support/certificates.ts';
import { der, objectIdentifier, sequence } from '../../support/der.ts';
import { Kept } from '../../support/kept.ts';
import { makeOcspResponse } from '../../support/ocsp.ts';
import { seededEd25519Key } from '../../support/seeded-provider.ts';
import type { Side } from './rehearsal.ts';

/** Certificates, keys and tickets are fixed in time too. */
export const now: number = Date.UTC(2026, 10, 23);

const ed25519: SignatureOverride = { algorithm: sequence(objectIdentifier('1.3.101.112')), hash: undefined };

/** When a function of a configuration answers. */
export type Answer = <Value>(value: Value) => MaybePromise<Value>;

/** Trusts one certificate, byte for byte. */
export function exactly({ chain: [trusted] }: Identity, answer: Answer): TrustPolicy {
  return {
    fingerprint: trusted ?? new Uint8Array(0),
    verify: ({ chain: [leaf] }) =>
      answer<TrustVerdict>(
        trusted && leaf && equalBytes(leaf, trusted)
          ? { trusted: true, validUntil: now + 1e9 }
          : {
              trusted: false,
              error: new TlsCertificateError('unknown_issuer', 'not the one that is trusted'),
            },
      ),
  };
}

/** The key of the identity that each side has in every scenario. */
export const identityKeys: Readonly<Record<Side, KeyObject>> = {
  client: seededEd25519Key('hostile client'),
  server: seededEd25519Key('hostile server'),
};

/** An identity that is the same in each process. */
export async function fixedIdentity(
  side: Side,
  answer: Answer,
  key: KeyObject = identityKeys[side],
  signature: SignatureOverride = ed25519,
): Promise<Identity> {
  const make = side === 'client' ? clientCertificate : serverCertificate;
  const certificate = await make(undefined, { key });
  // The generator's serial number is random: everything else in here is not.
  const fixed = resign(certificate.der, key, signature, (fields) =>
    fields.map((field, index) => (index === 1 ? der(0x02, Uint8Array.of(1)) : field)),
  );
  return { chain: [fixed], signer: signingOnce(nodeSigner(key), answer) };
}

/** The same with an OCSP response, which certifies itself. */
export function stapled(identity: Identity, answer: Answer): Identity {
  const key = identityKeys.server;
  const certificate = { der: identity.chain[0]!, key, pem: '', keyPem: '', subject: '' };
  const response = makeOcspResponse(certificate, certificate, {
    signature: ed25519,
    thisUpdate: new Date(now - 1e7),
    nextUpdate: new Date(now + 1e9),
  });
  return { ...identity, ocspResponse: () => answer(response) };
}

/** Signs the same content once with each scheme: Ed25519 gives the same signature each time. */
function signingOnce(signer: NodeSigner, answer: Answer): Signer {
  const signatures = new Kept<Uint8Array>();
  return {
    schemes: signer.schemes,
    sign(scheme, content): MaybePromise<Uint8Array> {
      const id = `${scheme} ${Buffer.from(content).toString('hex')}`;
      return answer(signatures.get(id, () => signer.sign(scheme, content)));
    },
  };
}
