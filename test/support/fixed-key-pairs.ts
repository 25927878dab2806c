type NodeCrypto = typeof import('node:crypto');

/** The private keys of the key pairs to come, first one first; while it is empty, key pairs are as random as ever. */
export const nextPrivateKeys: Uint8Array[] = [];

/**
 * node:crypto, but with the private keys of `nextPrivateKeys` wherever an X25519 or ECDH key pair is generated, so that
 * published vectors can be run through code that makes its own keys. In a test file, ahead of everything:
 *
 *     vi.mock('node:crypto', async (importOriginal) =>
 *       (await import('../support/fixed-key-pairs.ts')).withFixedKeyPairs(await importOriginal()));
 */
export function withFixedKeyPairs(original: NodeCrypto): NodeCrypto {
  function generateKeyPairSync(type: string, ...rest: unknown[]): unknown {
    const fixed = type === 'x25519' ? nextPrivateKeys.shift() : undefined;
    if (!fixed) return Reflect.apply(original.generateKeyPairSync, original, [type, ...rest]);
    const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b656e04220420', 'hex'), fixed]);
    const privateKey = original.createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
    return { privateKey, publicKey: original.createPublicKey(privateKey) };
  }
  function createECDH(curve: string): unknown {
    const ecdh = original.createECDH(curve);
    const generateKeys = (): Buffer => {
      const fixed = nextPrivateKeys.shift();
      if (!fixed) return ecdh.generateKeys();
      ecdh.setPrivateKey(fixed);
      return ecdh.getPublicKey();
    };
    return { generateKeys, computeSecret: (peer: Uint8Array) => ecdh.computeSecret(peer) };
  }
  return { ...original, generateKeyPairSync, createECDH } as NodeCrypto;
}
