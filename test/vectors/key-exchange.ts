import { toHex } from '../../src/base/bytes.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import type { NamedGroup } from '../../src/crypto/provider.ts';
import { nextPrivateKeys } from '../support/fixed-key-pairs.ts';
import { bytesOf, type WycheproofCase } from '../support/wycheproof.ts';
import type { Suite } from './tally.ts';

const curveFlags = [
  'AdditionChain',
  'CVE-2017-8932',
  'CVE_2017_10176',
  'CompressedPoint',
  'EdgeCaseDoubling',
  'EdgeCaseEphemeralKey',
  'EdgeCaseSharedSecret',
  'InvalidCompressedPublic',
  'InvalidCurveAttack',
  'InvalidEncoding',
  'Normal',
  'WrongCurve',
];

/** X25519 and ECDH. The test file mocks node:crypto (see `withFixedKeyPairs`). */
export const keyExchangeSuites: readonly Suite[] = [
  {
    name: 'x25519',
    algorithm: 'XDH',
    groupType: 'XdhComp',
    flags: [
      'EdgeCaseMultiplication',
      'EdgeCasePrivateKey',
      'EdgeCaseShared',
      'Ktv',
      'LowOrderPublic',
      'Normal',
      'SmallPublicKey',
      'SpecialPublicKey',
    ],
    acceptable: {
      // All that a point of low order could do (RFC 9846 §7.4.2).
      ZeroSharedSecret: 'refuse',
      // RFC 7748 §5 says what comes of them, and that is what must come: points of the twist, and coordinates that
      // are not below the prime.
      Twist: 'accept',
      NonCanonicalPublic: 'accept',
    },
    open: () => (vector) => agrees('x25519', vector),
  },
  ...(['secp256r1', 'secp384r1', 'secp521r1'] as const).map((group) => ({
    name: `ecdh_${group}_ecpoint`,
    algorithm: 'ECDH',
    groupType: 'EcdhEcpointTest',
    flags: curveFlags,
    // TLS 1.3 has the uncompressed form only (RFC 9846 §4.3.8.2).
    acceptable: { CompressedPublic: 'refuse' } as const,
    open: () => (vector: WycheproofCase) => agrees(group, vector),
  })),
];

/** Whether both halves of a key exchange take the share, which must then give the secret that is said. */
function agrees(group: NamedGroup, vector: WycheproofCase): boolean {
  const [privateKey, share] = [bytesOf(vector, 'private'), bytesOf(vector, 'public')];
  const withKey = (halfOf: () => Uint8Array | undefined): string | undefined => {
    nextPrivateKeys.push(privateKey);
    const secret = halfOf();
    nextPrivateKeys.length = 0;
    return secret && toHex(secret);
  };
  const client = withKey(() => nodeCrypto.initiateKeyExchange(group).finish(share));
  if (client !== undefined && client !== vector['shared'])
    throw new Error(`the client's secret is ${client}`);
  // The arithmetic of a curve is slow, and the same on both sides.
  if (client !== undefined && group !== 'x25519' && vector.flags.some((flag) => flag.startsWith('EdgeCase')))
    return true;
  const server = withKey(() => nodeCrypto.respondToKeyExchange(group, share)?.sharedSecret);
  if (server !== client) throw new Error(`the client has ${client}, the server ${server}`);
  return client !== undefined;
}
