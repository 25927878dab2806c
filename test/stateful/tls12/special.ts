import { type ClientSettings, createClientConfig } from '../../../src/connection/config.ts';
import type { ClientConfig } from '../../../src/handshake/config.ts';
import { signatureSchemeCodes } from '../../../src/wire/names.ts';
import { exactly, fixedIdentity } from '../../hostile/support/identities.ts';
import { signatures, testKey } from '../../support/certificates.ts';
import type { Scene, Scenes } from './scenes.ts';

/** Scenes of a client with another configuration, which do not all end well with an honest server. */
export interface SpecialScenes {
  /** It speaks TLS 1.3 alone. */
  readonly newer: Scene;
  /** The server has a key on P-384, which it signs with by SHA-256. */
  readonly ecdsa: Scene;
  /** The same, but the client has not offered that curve. */
  readonly foreignCurve: Scene;
}

export async function specialScenes({ client: { full } }: Scenes): Promise<SpecialScenes> {
  const withSettings = (settings: Partial<ClientSettings>): ClientConfig =>
    createClientConfig({ ...(full.config as ClientConfig), ...settings });
  const key = testKey('p384');
  const identity = await fixedIdentity('server', (value) => value, key, signatures.ecdsaWithSha256);
  const trust = exactly(identity, (value) => value);
  const onP384 = (groups: ClientSettings['groups']): Scene => ({
    ...full,
    config: withSettings({ trust, groups }),
    peer: { ...full.peer, identity, key, algorithm: signatureSchemeCodes.ecdsa_secp256r1_sha256 },
    facts: { ...full.facts, trusted: identity.chain[0]! },
  });
  return {
    newer: { ...full, config: withSettings({ minVersion: 'TLSv1.3', signatureSchemes: ['ed25519'] }) },
    ecdsa: onP384(['x25519', 'secp384r1']),
    foreignCurve: onP384(['x25519']),
  };
}
