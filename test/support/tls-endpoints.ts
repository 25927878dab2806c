import type { ClientSettings, ServerSettings } from '../../src/connection/config.ts';
import { createClientConfig, createServerConfig } from '../../src/connection/config.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import { nodeSigner } from '../../src/crypto/node/signer.ts';
import type { ClientConfig, ServerConfig } from '../../src/handshake/config.ts';
import type { Identity, TrustPolicy } from '../../src/handshake/identity.ts';
import type { ByteStream } from '../../src/streams/byte-stream.ts';
import { TlsStream, type TlsStreamOptions } from '../../src/streams/tls-stream.ts';
import { clientCertificate, rootCertificate, serverCertificate } from './certificates.ts';
import { type MemoryOptions, type MemoryStream, memoryStreamPair } from './memory-streams.ts';

const root = await rootCertificate();
const serverLeaf = await serverCertificate(root);
const clientLeaf = await clientCertificate(root);

/** Whom test clients connect to. */
export const peer = { host: 'localhost', port: 443 };

export const rootPem: string = root.pem;
export const serverPem: { readonly cert: string; readonly key: string } = {
  cert: serverLeaf.pem,
  key: serverLeaf.keyPem,
};
export const clientPem: { readonly cert: string; readonly key: string } = {
  cert: clientLeaf.pem,
  key: clientLeaf.keyPem,
};
export const serverIdentity: Identity = { chain: [serverLeaf.der], signer: nodeSigner(serverLeaf.key) };
export const clientIdentity: Identity = { chain: [clientLeaf.der], signer: nodeSigner(clientLeaf.key) };

/** Streams are not about certificates: any chain will do. */
export const trustAll: TrustPolicy = {
  fingerprint: new Uint8Array([1]),
  verify: () => ({ trusted: true, validUntil: Date.now() + 86_400_000 }),
};

export function testClientConfig(settings: Partial<ClientSettings> = {}): ClientConfig {
  return createClientConfig({ provider: nodeCrypto, trust: trustAll, ...settings });
}

export function testServerConfig(settings: Partial<ServerSettings> = {}): ServerConfig {
  return createServerConfig({ provider: nodeCrypto, identity: serverIdentity, ...settings });
}

export interface PairOptions {
  readonly client?: TlsStreamOptions;
  readonly server?: TlsStreamOptions;
  readonly clientConfig?: ClientConfig;
  readonly serverConfig?: ServerConfig;
  readonly memory?: MemoryOptions;
}

export interface TlsPair {
  readonly client: TlsStream;
  readonly server: TlsStream;
  /** What the client's TLS writes to and reads from. */
  readonly clientTransport: MemoryStream;
  readonly serverTransport: MemoryStream;
}

/** A client and a server on a memory connection, before their handshake. */
export function tlsPair(options: PairOptions = {}): TlsPair {
  const [clientTransport, serverTransport] = memoryStreamPair(options.memory);
  return {
    client: TlsStream.client(
      clientTransport,
      options.clientConfig ?? testClientConfig(),
      peer,
      options.client,
    ),
    server: TlsStream.server(serverTransport, options.serverConfig ?? testServerConfig(), options.server),
    clientTransport,
    serverTransport,
  };
}

/** The same, after the handshake. */
export async function connectedPair(options: PairOptions = {}): Promise<TlsPair> {
  const pair = tlsPair(options);
  await Promise.all([pair.client.handshake(), pair.server.handshake()]);
  return pair;
}

const plainClientConfig = testClientConfig();
const plainServerConfig = testServerConfig();

/** Makes TLS on both ends of whatever connection, after the handshake. */
export function tlsOver(
  make: () => Promise<readonly [ByteStream, ByteStream]> | readonly [ByteStream, ByteStream],
): () => Promise<readonly [TlsStream, TlsStream]> {
  return async () => {
    const [near, far] = await make();
    const client = TlsStream.client(near, plainClientConfig, peer);
    const server = TlsStream.server(far, plainServerConfig);
    await Promise.all([client.handshake(), server.handshake()]);
    return [client, server];
  };
}
