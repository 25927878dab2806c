import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  clientCertificate,
  intermediateCertificate,
  pemChain,
  rootCertificate,
  serverCertificate,
  type TestCertificate,
} from '../../test/support/certificates.ts';
import type { IdentityFiles } from './peer.ts';

export const keyTypes = ['p256', 'p384', 'p521', 'ed25519', 'rsa2048', 'rsaPss2048'] as const;

export type KeyType = (typeof keyTypes)[number];

/** The name that the servers' certificates are for, beside `localhost` and 127.0.0.1. */
export const serverName = 'server.example';

/** Where the certificates of a run lie: chains of leaf and intermediate, below one root. */
export class CertificateFiles {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  get roots(): string {
    return join(this.#directory, 'root.pem');
  }

  server(type: KeyType = 'p256'): IdentityFiles {
    return this.#identity(`server-${type}`);
  }

  client(type: KeyType = 'p256'): IdentityFiles {
    return this.#identity(`client-${type}`);
  }

  /** The key of the intermediate, which issued all servers and clients. */
  get intermediateKey(): string {
    return join(this.#directory, 'intermediate-key.pem');
  }

  /** A root that has issued nothing but `stranger`. */
  get otherRoot(): string {
    return join(this.#directory, 'other-root.pem');
  }

  /** A client below the other root. */
  get stranger(): IdentityFiles {
    return this.#identity('stranger');
  }

  #identity(name: string): IdentityFiles {
    return {
      cert: join(this.#directory, `${name}.pem`),
      key: join(this.#directory, `${name}-key.pem`),
      intermediates: join(this.#directory, 'intermediate.pem'),
    };
  }
}

/** Makes every certificate that the interop tests use. */
export async function issueCertificates(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  const files = new CertificateFiles(directory);
  const save = async (path: IdentityFiles, ...chain: readonly TestCertificate[]): Promise<void> => {
    await writeFile(path.cert, pemChain(...chain));
    await writeFile(path.key, chain[0]!.keyPem);
  };

  const root = await rootCertificate();
  const intermediate = await intermediateCertificate(root);
  await writeFile(files.roots, root.pem);
  await writeFile(files.server().intermediates, intermediate.pem);
  await writeFile(files.intermediateKey, intermediate.keyPem);
  for (const type of keyTypes) {
    const names = [serverName, 'localhost', '127.0.0.1'];
    const key = keyOf(type);
    const server = await serverCertificate(intermediate, { key, names });
    const client = await clientCertificate(intermediate, { key });
    await save(files.server(type), server, intermediate);
    await save(files.client(type), client, intermediate);
  }
  const otherRoot = await rootCertificate({ subject: 'CN=Other Root' });
  await writeFile(files.otherRoot, otherRoot.pem);
  await save(files.stranger, await clientCertificate(otherRoot));
}

/** The fixed RSA-PSS key of the unit tests is for SHA-256 only; this one says nothing, so that any hash fits. */
function keyOf(type: KeyType): KeyObject | Exclude<KeyType, 'rsaPss2048'> {
  return type === 'rsaPss2048' ? generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).privateKey : type;
}
