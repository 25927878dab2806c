import { alertFor } from '../../src/base/errors.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import {
  BrokenError,
  type ClientConfig,
  ClosedError,
  clientConfig,
  fromDuplex,
  type Identity,
  MemorySessionCache,
  type ServerConfig,
  serverConfig,
  TicketKeys,
  TlsError,
  TlsPeerError,
  TlsStream,
  TlsTruncatedError,
} from '../../src/index.ts';
import { authorityPem, identityFor, materialFor, nameOfLeaf } from './certificates.ts';
import { type Endpoint, exporterLabel, type Facts, type Failure, type Library } from './endpoint.ts';
import {
  type ClientChoice,
  type EndpointChoice,
  type RecordChoice,
  type ServerChoice,
  schemesOf,
} from './scenario.ts';

/** This one. */
export function tacit(records: RecordChoice): Library {
  const sessions = new MemorySessionCache();
  const keeper = new TicketKeys(nodeCrypto, 3600);
  const common = (choice: EndpointChoice): CommonOptions => ({
    minVersion: choice.versions[0]!,
    maxVersion: choice.versions.at(-1)!,
    cipherSuites: choice.suites,
    groups: choice.groups,
    ...(choice.schemes && { signatureSchemes: schemesOf(choice)! }),
    alpnProtocols: choice.alpn,
    padding: records.tacitPadding,
    recordSizeLimit: records.tacitLimit,
  });
  const clients = new Map<ClientChoice, ClientConfig>();
  const servers = new Map<ServerChoice, ServerConfig>();
  return {
    name: 'tacit',
    async client(choice, transport): Promise<Endpoint> {
      const material = choice.certificate && (await materialFor(choice.certificate));
      let config = clients.get(choice);
      config ??= clientConfig({
        ...common(choice),
        ca: authorityPem(choice.trusts),
        identity: material && identityFor(material, schemesOf(choice)),
        sessions,
      });
      clients.set(choice, config);
      const { host, serverName } = choice;
      return endpoint(
        TlsStream.client(fromDuplex(transport), config, { host: serverName || host, serverName }),
        'client',
        false,
      );
    },
    async server(choice, transport): Promise<Endpoint> {
      const asks = choice.clientAuthentication !== 'none';
      const identities = await Promise.all(
        choice.certificates.map(async (one) => identityFor(await materialFor(one), schemesOf(choice))!),
      );
      let config = servers.get(choice);
      config ??= serverConfig({
        ...common(choice),
        identity: choice.refusesUnknownNames ? strictly(choice, identities) : identities,
        clientAuthentication: choice.clientAuthentication,
        ...(asks && { ca: authorityPem(choice.trusts) }),
        tickets: { keeper },
      });
      servers.set(choice, config);
      return endpoint(TlsStream.server(fromDuplex(transport), config), 'server', asks);
    },
  };
}

type CommonOptions = Pick<
  NonNullable<Parameters<typeof clientConfig>[0]>,
  | 'minVersion'
  | 'maxVersion'
  | 'cipherSuites'
  | 'groups'
  | 'signatureSchemes'
  | 'alpnProtocols'
  | 'padding'
  | 'recordSizeLimit'
>;

/** The identity with the name, an exact one before a wildcard; none for a name that nobody has. */
function strictly(choice: ServerChoice, identities: readonly Identity[]) {
  return ({ serverName }: { readonly serverName: string | undefined }): Identity | undefined => {
    if (serverName === undefined) return identities[0];
    const wildcard = serverName.replace(/^[^.]*/, '*');
    for (const name of [serverName, wildcard]) {
      const index = choice.certificates.findIndex(({ names }) => names.includes(name));
      if (index !== -1) return identities[index];
    }
    return undefined;
  };
}

function endpoint(stream: TlsStream, side: 'client' | 'server', asks: boolean): Endpoint {
  return {
    async handshake(): Promise<Facts> {
      const info = await stream.handshake();
      const [leaf] = info.peerCertificates;
      return {
        version: info.protocolVersion,
        suite: info.cipherSuite,
        group: info.group,
        alpn: info.alpnProtocol,
        serverName: side === 'server' ? info.serverName : undefined,
        resumed: info.resumed,
        peer: leaf && nameOfLeaf(leaf),
        authorized: asks ? leaf !== undefined : undefined,
        exporter: Buffer.from(
          stream.exportKeyingMaterial(exporterLabel, new Uint8Array([1, 2, 3]), 32),
        ).toString('hex'),
      };
    },
    read: async () => (await stream.read()) ?? undefined,
    write: (bytes) => stream.write(bytes),
    // TLS 1.2 has none to update.
    updateKeys: async () => {
      const info = await stream.handshake();
      if (info.protocolVersion === 'TLSv1.3') await stream.updateKeys();
    },
    endWriting: () => stream.closeWrite(),
    stopReading(): void {},
    close: async () => void (await stream.close()),
    destroy: () => stream.destroy(),
    failureOf: async (error) => failureOf(stream.failure ?? error),
  };
}

function failureOf(error: unknown): Failure {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  if (error instanceof TlsPeerError && error.direction === 'received')
    return { by: 'peer', alert: error.alert, text };
  if (error instanceof TlsTruncatedError || error instanceof BrokenError || error instanceof ClosedError)
    return { by: 'transport', text };
  if (error instanceof TlsError) return { by: 'us', alert: alertFor(error), text };
  return { by: 'us', alert: undefined, text };
}
