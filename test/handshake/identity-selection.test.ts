import { beforeAll, describe, expect, it } from 'vitest';
import { nodeSigner } from '../../src/crypto/node/signer.ts';
import type { ClientHelloInfo, ServerIdentitySelector } from '../../src/handshake/config.ts';
import type { Identity, ServerIdentity } from '../../src/handshake/identity.ts';
import { serverCertificate, type TestKeyType } from '../support/certificates.ts';
import {
  clientConfig,
  clientEndpoint,
  type Endpoint,
  pump,
  questionIn,
  serverConfig,
  summary,
} from '../support/engine.ts';
import {
  bothDone,
  clientOf,
  outcome,
  outcomeOf,
  refusedByServer,
  serverOf,
  settle,
} from '../support/handshake.ts';
import { helloOf } from '../support/hello.ts';

const identities = new Map<string, Identity>();

beforeAll(async () => {
  for (const [name, key] of [
    ['ed.example', 'ed25519'],
    ['ec.example', 'p256'],
    ['rsa.example', 'rsa2048'],
  ] as const)
    identities.set(name, await identityFor(name, key));
});

async function identityFor(name: string, key: TestKeyType): Promise<Identity> {
  const certificate = await serverCertificate(undefined, { key, names: [name], subject: `CN=${name}` });
  return { chain: [certificate.der], signer: nodeSigner(certificate.key) };
}

const byName: ServerIdentitySelector = ({ serverName }) => identities.get(serverName ?? '');

async function connectTo(host: string, identity: ServerIdentity | ServerIdentitySelector): Promise<Endpoint> {
  const client = clientOf(clientConfig(), { host });
  const server = serverOf(await serverConfig({ identity }));
  await settle({ client, server });
  expect(outcome({ client, server })).toEqual(bothDone);
  return client;
}

describe('a server chooses its identity by server_name', () => {
  it.each(['ed.example', 'ec.example', 'rsa.example'])('at once: %s', async (host) => {
    const client = await connectTo(host, byName);
    expect(client.info.peerCertificates).toEqual(identities.get(host)?.chain);
  });

  it('later', async () => {
    const client = await connectTo('ec.example', async (hello, context) => byName(hello, context));
    expect(client.info.peerCertificates).toEqual(identities.get('ec.example')?.chain);
  });

  it('that differs from the last one, in one configuration', async () => {
    const config = await serverConfig({ identity: byName });
    const client = clientConfig();
    for (const host of ['ed.example', 'ec.example', 'ed.example']) {
      const endpoint = clientOf(client, { host });
      expect(outcomeOf(endpoint, serverOf(config))).toEqual(bothDone);
      expect(endpoint.info.peerCertificates).toEqual(identities.get(host)?.chain);
    }
  });

  it.each([
    ['undefined', () => undefined],
    ['a promise of undefined', async () => undefined],
  ])('and has none where the selector gives %s: unrecognized_name', async (_, identity) => {
    for (const host of ['other.example', '192.0.2.1']) {
      const client = clientOf(clientConfig(), { host });
      const server = serverOf(await serverConfig({ identity }));
      await settle({ client, server });
      expect(outcome({ client, server })).toEqual(refusedByServer('unrecognized_name'));
    }
  });

  it.each<[string, ServerIdentitySelector]>([
    [
      'throws',
      () => {
        throw new Error('the file is gone');
      },
    ],
    ['rejects', () => Promise.reject(new Error('the file is gone'))],
    ['gives no identity', () => 'an identity' as never],
    ['gives one without certificates', () => ({ ...(identities.get('ed.example') as Identity), chain: [] })],
  ])('where the selector %s, the server is at fault: internal_error', async (_, identity) => {
    const client = clientEndpoint(clientConfig());
    const server = serverOf(await serverConfig({ identity }));
    await settle({ client, server });
    expect(outcome({ client, server })).toEqual({ server: 'TLS_USAGE', client: 'received internal_error' });
  });

  it('is told what the client offers', async () => {
    const heard: ClientHelloInfo[] = [];
    const client = clientOf(
      clientConfig({
        alpnProtocols: ['h2', 'http/1.1'],
        cipherSuites: ['TLS_AES_256_GCM_SHA384', 'TLS_AES_128_GCM_SHA256'],
        groups: ['secp256r1', 'x25519'],
        signatureSchemes: ['ed25519', 'rsa_pss_rsae_sha256'],
      }),
      { host: 'Ed.Example' },
    );
    const identity: ServerIdentitySelector = (hello, context) => {
      heard.push(hello);
      return byName(hello, context);
    };
    expect(outcomeOf(client, serverOf(await serverConfig({ identity })))).toEqual(bothDone);
    expect(heard).toEqual([
      {
        protocolVersion: 'TLSv1.3',
        serverName: 'ed.example',
        alpnProtocols: ['h2', 'http/1.1'],
        certificateAuthorities: [],
        serverCertificateTypes: ['X509'],
        cipherSuites: [0x1302, 0x1301],
        groups: [0x0017, 0x001d],
        signatureSchemes: [0x0807, 0x0804],
        certificateSignatureSchemes: helloOf(client).extensions.signature_algorithms_cert,
      },
    ]);
  });

  it('is asked once, after a HelloRetryRequest and not before', async () => {
    let asked = 0;
    const identity: ServerIdentitySelector = (hello, context) => {
      asked += 1;
      return byName(hello, context);
    };
    const config = await serverConfig({ identity, groups: ['secp384r1'] });
    const client = clientOf(clientConfig(), { host: 'ed.example' });
    const server = serverOf(config);
    server.receive(client.turn().output);
    expect(asked).toBe(0);
    client.undelivered.length = 0;
    pump({ client, server });
    expect(outcome({ client, server })).toEqual(bothDone);
    expect(asked).toBe(1);
  });

  it('says nothing while it waits, and tells the function when nobody waits any more', async () => {
    let signal: AbortSignal | undefined;
    const identity: ServerIdentitySelector = (_, context) => {
      signal = context.signal;
      return new Promise(() => undefined);
    };
    const server = serverOf(await serverConfig({ identity }));
    const turn = server.receive(clientEndpoint(clientConfig()).turn().output);
    expect([summary(turn.events), turn.output.length]).toEqual([['question serverIdentity'], 0]);
    const question = questionIn(turn);
    expect(signal?.aborted).toBe(false);
    server.receiveEnd();
    expect(signal?.aborted).toBe(true);
    const late = server.turn((engine) => engine.answer(question, identities.get('ed.example')));
    expect([late.events.length, late.output.length]).toEqual([0, 0]);
  });
});
