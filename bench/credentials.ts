import { type KeyObject, X509Certificate } from 'node:crypto';
import { type KeyKind, leafKey, newAnchor, newIntermediate, newLeaf, type Signer } from './certificates.ts';
import type { Credentials, LaneSetup } from './lane-protocol.ts';

/** What all lanes of one kind of key have in common: an authority, and who both sides are. */
export function newSetup(
  kind: KeyKind,
  { identities = 1, authenticatesClient = false }: SetupOptions = {},
): LaneSetup {
  const anchor = newAnchor(kind);
  const intermediate = newIntermediate(anchor);
  const hosts = Array.from({ length: identities }, (_, index) => `host${index}.example.org`);
  return {
    ca: pem(anchor.certificate),
    identities: hosts.map((host) => ({ host, ...credentials(intermediate, host) })),
    client: authenticatesClient ? credentials(intermediate, 'client.example.org') : undefined,
  };
}

interface SetupOptions {
  /** How many the server has. */
  readonly identities?: number;
  readonly authenticatesClient?: boolean;
}

function credentials(issuer: Signer, host: string): Credentials {
  const cert = pem(newLeaf(issuer, host)) + pem(issuer.certificate);
  return { cert, key: pemOf(leafKey(issuer.kind)) };
}

function pem(certificate: Uint8Array): string {
  return new X509Certificate(certificate).toString();
}

function pemOf(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}
