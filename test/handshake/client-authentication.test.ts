import { beforeAll, describe, expect, it } from 'vitest';
import { noBytes, utf8 } from '../../src/base/bytes.ts';
import { TlsUsageError } from '../../src/base/errors.ts';
import type { ClientSettings, ServerSettings } from '../../src/connection/config.ts';
import type { CertificateRequestInfo } from '../../src/handshake/config.ts';
import type { Identity, PeerChain } from '../../src/handshake/identity.ts';
import {
  decodeCertificate,
  decodeCertificateRequest,
  encodeCertificate,
  encodeCertificateRequest,
} from '../../src/wire/messages.ts';
import {
  clientConfig,
  clientEndpoint,
  clientIdentity,
  type Endpoint,
  endOfTime,
  serverConfig,
  serverIdentity,
  trustAll,
} from '../support/engine.ts';
import {
  altering,
  alteringServer,
  bothDone,
  type Edit,
  outcomeOf,
  refusedByClient,
  refusedByServer,
  serverOf,
  settle,
} from '../support/handshake.ts';
import { fromHex } from '../support/hex.ts';

let identity: Identity;

beforeAll(async () => {
  identity = await clientIdentity();
});

async function run(
  client: Partial<ClientSettings>,
  server: Partial<ServerSettings>,
): Promise<{
  readonly fate: ReturnType<typeof outcomeOf>;
  readonly client: Endpoint;
  readonly server: Endpoint;
}> {
  const pair = { client: clientEndpoint(clientConfig(client)), server: serverOf(await serverConfig(server)) };
  await settle(pair);
  return { fate: outcomeOf(pair.client, pair.server), ...pair };
}

/** What a client that is asked by this CertificateRequest hears, and sends. */
async function asked(
  edit: (message: ReturnType<typeof decodeCertificateRequest>) => ReturnType<typeof decodeCertificateRequest>,
  chosen: Identity | undefined = undefined,
): Promise<{ readonly heard: CertificateRequestInfo[]; readonly fate: ReturnType<typeof outcomeOf> }> {
  const heard: CertificateRequestInfo[] = [];
  const client = clientEndpoint(
    clientConfig({
      identity: (request) => {
        heard.push(request);
        return chosen;
      },
    }),
  );
  const config = await serverConfig({ clientAuthentication: 'request' });
  const server = alteringServer(config, 'certificate_request', (message) =>
    encodeCertificateRequest(edit(decodeCertificateRequest(message.subarray(4)))),
  );
  return { heard, fate: outcomeOf(client, server) };
}

describe('a server that authenticates its clients', () => {
  it.each(['request', 'require'] as const)(
    'by %s gets a certificate, and its scheme',
    async (clientAuthentication) => {
      const { fate, server } = await run({ identity }, { clientAuthentication });
      expect(fate).toEqual(bothDone);
      expect(server.info).toMatchObject({ peerCertificates: identity.chain, peerSignatureScheme: 'ed25519' });
    },
  );

  it('judges the chain as one of a client, without a name', async () => {
    const judged: PeerChain[] = [];
    const clientTrust = {
      fingerprint: utf8('judging'),
      verify: (peer: PeerChain) => {
        judged.push(peer);
        return { trusted: true, validUntil: endOfTime } as const;
      },
    };
    await run({ identity }, { clientAuthentication: 'require', clientTrust });
    expect(judged).toMatchObject([{ chain: identity.chain, purpose: 'client', host: undefined }]);
  });

  it('takes none where it only requests one, and refuses that where it requires one', async () => {
    const requested = await run({}, { clientAuthentication: 'request' });
    expect(requested.fate).toEqual(bothDone);
    expect(requested.server.info).toMatchObject({ peerCertificates: [], peerSignatureScheme: undefined });
    const required = await run({}, { clientAuthentication: 'require' });
    expect(required.fate).toEqual({ client: 'received certificate_required', server: 'TLS_CERTIFICATE' });
    expect(required.server.engine.failure).toMatchObject({ check: 'missing' });
  });

  it('asks for none by default', async () => {
    const { fate, server } = await run({ identity }, {});
    expect(fate).toEqual(bothDone);
    expect(server.info.peerCertificates).toEqual([]);
  });

  it('and does not ask refuses a Certificate that comes nevertheless: unexpected_message', async () => {
    const through = altering('finished', (finished) => [
      encodeCertificate({ context: noBytes, entries: [] }),
      finished,
    ]);
    const client = clientEndpoint(clientConfig(), through);
    expect(outcomeOf(client, serverOf(await serverConfig()))).toEqual(refusedByServer('unexpected_message'));
  });

  it.each<[string, Edit, string]>([
    ['no Certificate', () => [], 'unexpected_message'],
    [
      'a certificate_request_context',
      (message) => encodeCertificate({ ...decodeCertificate(message.subarray(4)), context: fromHex('01') }),
      'illegal_parameter',
    ],
    ['two Certificates', (message) => [message, message], 'unexpected_message'],
  ])('refuses %s', async (_, edit, alert) => {
    const client = clientEndpoint(clientConfig({ identity }), altering('certificate', edit));
    const server = serverOf(await serverConfig({ clientAuthentication: 'request' }));
    expect(outcomeOf(client, server)).toEqual(refusedByServer(alert));
  });

  it('refuses a certificate without CertificateVerify, and a CertificateVerify without certificate', async () => {
    const config = await serverConfig({ clientAuthentication: 'request' });
    const silent = clientEndpoint(
      clientConfig({ identity }),
      altering('certificate_verify', () => []),
    );
    expect(outcomeOf(silent, serverOf(config))).toEqual(refusedByServer('unexpected_message'));
    const empty = encodeCertificate({ context: noBytes, entries: [] });
    const emptied = clientEndpoint(
      clientConfig({ identity }),
      altering('certificate', () => empty),
    );
    expect(outcomeOf(emptied, serverOf(config))).toEqual(refusedByServer('unexpected_message'));
  });

  it('refuses a certificate that is none: bad_certificate', async () => {
    const chain = [fromHex('3003020100')];
    const { fate } = await run({ identity: { ...identity, chain } }, { clientAuthentication: 'require' });
    expect(fate).toEqual({ client: 'received bad_certificate', server: 'TLS_CERTIFICATE' });
  });

  it('needs to know whom to trust', async () => {
    await expect(serverConfig({ clientAuthentication: 'request', clientTrust: undefined })).rejects.toThrow(
      TlsUsageError,
    );
    const { fate } = await run(
      {},
      {
        clientTrust: undefined,
        identity: { ...(await serverIdentity()), clientAuthentication: 'request' },
      },
    );
    expect(fate).toEqual({ client: 'received internal_error', server: 'TLS_USAGE' });
  });

  it('lets the chosen identity say how', async () => {
    const own = await serverIdentity();
    const strict = {
      ...own,
      clientAuthentication: 'require',
      clientTrust: trustAll,
    } as const;
    const { fate } = await run(
      {},
      { identity: () => strict, clientAuthentication: 'none', clientTrust: undefined },
    );
    expect(fate.client).toBe('received certificate_required');
    const open = { ...own, clientAuthentication: 'none' } as const;
    const { fate: done } = await run({}, { identity: () => open, clientAuthentication: 'require' });
    expect(done).toEqual(bothDone);
  });
});

describe('a client that is asked for a certificate', () => {
  it('refuses a CertificateRequest with a context: illegal_parameter', async () => {
    const { fate, heard } = await asked((request) => ({ ...request, context: fromHex('01') }));
    expect(fate).toEqual(refusedByClient('illegal_parameter'));
    expect(heard).toEqual([]);
  });

  it('refuses one without signature_algorithms: missing_extension', async () => {
    const { fate } = await asked(({ context }) => ({
      context,
      extensions: { signature_algorithms_cert: [0x0403] },
    }));
    expect(fate).toEqual(refusedByClient('missing_extension'));
  });

  it('tells its selector what the server accepts', async () => {
    const { heard, fate } = await asked(({ context }) => ({
      context,
      extensions: {
        signature_algorithms: [0x0807, 0x3a3a],
        signature_algorithms_cert: [0x0403],
        certificate_authorities: [fromHex('3000'), fromHex('3003020100')],
      },
    }));
    expect(fate).toEqual(bothDone);
    expect(heard).toEqual([
      {
        signatureSchemes: [0x0807, 0x3a3a],
        certificateSignatureSchemes: [0x0403],
        certificateAuthorities: [fromHex('3000'), fromHex('3003020100')],
      },
    ]);
  });

  it('takes signature_algorithms for certificates too where nothing else is said', async () => {
    const { heard } = await asked(({ context }) => ({
      context,
      extensions: { signature_algorithms: [0x0807] },
    }));
    expect(heard).toMatchObject([{ certificateSignatureSchemes: [0x0807], certificateAuthorities: [] }]);
  });

  it('sends an empty Certificate, not none, where no scheme of its key is accepted', async () => {
    const { fate } = await asked(
      ({ context }) => ({ context, extensions: { signature_algorithms: [0x0403] } }),
      identity,
    );
    expect(fate).toEqual(bothDone);
    const { server } = await run(
      { identity },
      { clientAuthentication: 'request', signatureSchemes: ['ecdsa_secp256r1_sha256'] },
    );
    expect(server.info.peerCertificates).toEqual([]);
  });

  it.each<[string, ClientSettings['identity']]>([
    ['undefined', () => undefined],
    ['a promise of undefined', async () => undefined],
  ])('sends an empty Certificate where its selector gives %s', async (_, selector) => {
    const { fate, server } = await run({ identity: selector }, { clientAuthentication: 'request' });
    expect(fate).toEqual(bothDone);
    expect(server.info.peerCertificates).toEqual([]);
  });

  it('sends the identity that a promise gives', async () => {
    const { fate, server } = await run(
      { identity: async () => identity },
      { clientAuthentication: 'require' },
    );
    expect(fate).toEqual(bothDone);
    expect(server.info.peerCertificates).toEqual(identity.chain);
  });

  it('ends with internal_error where its selector fails, or gives an identity without certificates', async () => {
    const failing = await run(
      { identity: () => Promise.reject(new Error('no')) },
      { clientAuthentication: 'request' },
    );
    expect(failing.fate).toEqual({ client: 'TLS_USAGE', server: 'received internal_error' });
    const empty = await run({ identity: { ...identity, chain: [] } }, { clientAuthentication: 'request' });
    expect(empty.fate).toEqual({ client: 'TLS_USAGE', server: 'received internal_error' });
  });

  it('twice refuses the second: unexpected_message', async () => {
    const config = await serverConfig({ clientAuthentication: 'request' });
    const server = serverOf(
      config,
      altering('certificate_request', (message) => [message, message]),
    );
    expect(outcomeOf(clientEndpoint(clientConfig()), server)).toEqual(refusedByClient('unexpected_message'));
  });
});
