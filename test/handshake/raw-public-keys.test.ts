import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { noBytes } from '../../src/base/bytes.ts';
import type { ClientSettings, ServerSettings } from '../../src/connection/config.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import { nodeSigner } from '../../src/crypto/node/signer.ts';
import type { Identity, PeerChain, TrustPolicy } from '../../src/handshake/identity.ts';
import { MemorySessionCache } from '../../src/sessions/client-session.ts';
import { TicketKeys } from '../../src/sessions/ticket-keys.ts';
import { decodeClientHello } from '../../src/wire/hello.ts';
import {
  decodeCertificate,
  decodeEncryptedExtensions,
  encodeCertificate,
  encodeEncryptedExtensions,
} from '../../src/wire/messages.ts';
import type { CertificateType } from '../../src/wire/names.ts';
import {
  clientConfig,
  clientIdentity,
  type Endpoint,
  endOfTime,
  pump,
  serverConfig,
  serverIdentity,
  trustAll,
} from '../support/engine.ts';
import {
  altering,
  alteringServer,
  bothDone,
  clientOf,
  connect,
  type Edit,
  outcome,
  outcomeOf,
  refusedByClient,
  refusedByServer,
  serverOf,
} from '../support/handshake.ts';

let serverKey: Identity;
let clientKey: Identity;
let certificate: Identity;

beforeAll(async () => {
  serverKey = rawIdentity(generateKeyPairSync('ed25519').privateKey);
  clientKey = rawIdentity(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
  certificate = await serverIdentity();
});

function rawIdentity(key: KeyObject): Identity {
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
  return { certificateType: 'RawPublicKey', chain: [new Uint8Array(spki)], signer: nodeSigner(key) };
}

/** Takes these types, and keeps what it is asked. */
function taking(certificateTypes: readonly CertificateType[], seen: PeerChain[] = []): TrustPolicy {
  return {
    ...trustAll,
    certificateTypes,
    verify: (peer) => {
      seen.push(peer);
      return { trusted: true, validUntil: endOfTime };
    },
  };
}

async function run(
  client: Partial<ClientSettings>,
  server: Partial<ServerSettings>,
): Promise<{
  readonly fate: ReturnType<typeof outcome>;
  readonly client: Endpoint;
  readonly server: Endpoint;
}> {
  const pair = { client: clientOf(clientConfig(client)), server: serverOf(await serverConfig(server)) };
  pump(pair);
  return { ...pair, fate: outcome(pair) };
}

const raw = taking(['RawPublicKey']);

describe('a server with a raw public key', () => {
  it('is known by it, and by nothing else', async () => {
    const seen: PeerChain[] = [];
    const { fate, client } = await run({ trust: taking(['RawPublicKey'], seen) }, { identity: serverKey });
    expect(fate).toEqual(bothDone);
    expect(seen).toEqual([
      expect.objectContaining({ certificateType: 'RawPublicKey', chain: serverKey.chain, purpose: 'server' }),
    ]);
    expect(client.info.peerRawPublicKey).toEqual(serverKey.chain[0]);
    expect(client.info.peerCertificates).toEqual([]);
    expect(client.info.peerSignatureScheme).toBe('ed25519');
  });

  it('shows what the client likes best of what it has', async () => {
    const both = [certificate, serverKey];
    const shown = async (
      types: readonly CertificateType[],
      identity: readonly Identity[],
    ): Promise<string> => {
      const { client, fate } = await run({ trust: taking(types) }, { identity });
      expect(fate).toEqual(bothDone);
      return client.info.peerRawPublicKey ? 'RawPublicKey' : 'X509';
    };
    expect(await shown(['RawPublicKey', 'X509'], both)).toBe('RawPublicKey');
    expect(await shown(['X509', 'RawPublicKey'], both)).toBe('X509');
    expect(await shown(['X509'], both)).toBe('X509');
    expect(await shown(['RawPublicKey'], both)).toBe('RawPublicKey');
    expect(await shown(['RawPublicKey', 'X509'], [certificate])).toBe('X509');
    expect(await shown(['X509', 'RawPublicKey'], [serverKey])).toBe('RawPublicKey');
  });

  it('refuses a client that takes certificates only: unsupported_certificate', async () => {
    const { fate } = await run({}, { identity: serverKey });
    expect(fate).toEqual(refusedByServer('unsupported_certificate'));
    const chosen = await run({}, { identity: () => serverKey });
    expect(chosen.fate).toEqual(refusedByServer('unsupported_certificate'));
  });

  it('is not what a server with a certificate is: unsupported_certificate', async () => {
    const { fate } = await run({ trust: raw }, { identity: certificate });
    expect(fate).toEqual(refusedByServer('unsupported_certificate'));
  });

  it('is chosen by a function that is told what the client takes', async () => {
    const heard: unknown[] = [];
    const { fate } = await run(
      { trust: taking(['RawPublicKey', 'X509']) },
      {
        identity: (hello) => {
          heard.push(hello.serverCertificateTypes);
          return serverKey;
        },
      },
    );
    expect(fate).toEqual(bothDone);
    expect(heard).toEqual([['RawPublicKey', 'X509']]);
  });

  it('comes back in a resumed session', async () => {
    const sessions = new MemorySessionCache();
    const client = clientConfig({ trust: raw, sessions });
    const server = await serverConfig({ identity: serverKey });
    connect(clientOf(client), serverOf(server));
    const again = connect(clientOf(client), serverOf(server));
    expect(again.client.info).toMatchObject({ resumed: true, peerRawPublicKey: serverKey.chain[0] });
  });
});

describe('the messages', () => {
  function helloOf(settings: Partial<ClientSettings>): ReturnType<typeof decodeClientHello>['extensions'] {
    const message = clientOf(clientConfig(settings)).turn().output.subarray(5);
    return decodeClientHello(message.subarray(4)).extensions;
  }

  it('offer nothing where X.509 goes without saying', async () => {
    const { server_certificate_type, client_certificate_type } = helloOf({
      identity: await clientIdentity(),
    });
    expect([server_certificate_type, client_certificate_type]).toEqual([undefined, undefined]);
  });

  it('offer the types in their order', async () => {
    const identity = [clientKey, await clientIdentity()];
    const extensions = helloOf({ trust: taking(['RawPublicKey', 'X509']), identity });
    expect(extensions.server_certificate_type).toEqual([2, 0]);
    expect(extensions.client_certificate_type).toEqual([2, 0]);
    expect(helloOf({ identity: clientKey }).client_certificate_type).toEqual([2]);
  });

  const answering =
    (answer: { server_certificate_type?: number | undefined; client_certificate_type?: number }): Edit =>
    (message) => {
      const { order: _, ...before } = decodeEncryptedExtensions(message.subarray(4));
      return encodeEncryptedExtensions({ ...before, ...answer });
    };

  it('answer for the server in a resumed session as well, and for the client only where it is asked (RFC 7250 §4.2)', async () => {
    const answers: unknown[] = [];
    const watching = altering('encrypted_extensions', (message) => {
      const { server_certificate_type, client_certificate_type } = decodeEncryptedExtensions(
        message.subarray(4),
      );
      answers.push([server_certificate_type, client_certificate_type]);
      return message;
    });
    const client = clientConfig({ trust: raw, identity: clientKey, sessions: new MemorySessionCache() });
    const settings = { identity: serverKey, clientAuthentication: 'require', clientTrust: raw } as const;
    const server = await serverConfig(settings);
    connect(clientOf(client), serverOf(server, watching));
    expect(connect(clientOf(client), serverOf(server, watching)).client.info.resumed).toBe(true);
    expect(answers).toEqual([
      [2, 2],
      [2, undefined],
    ]);
  });

  it('are judged in a resumed session too', async () => {
    const client = clientConfig({ trust: raw, sessions: new MemorySessionCache() });
    const server = await serverConfig({ identity: serverKey });
    connect(clientOf(client), serverOf(server));
    const wrong = alteringServer(server, 'encrypted_extensions', answering({ server_certificate_type: 99 }));
    expect(outcomeOf(clientOf(client), wrong)).toEqual(refusedByClient('illegal_parameter'));
  });

  it.each([
    ['a type that was not offered', { server_certificate_type: 0 }, 'illegal_parameter'],
    ['a type that nobody knows', { server_certificate_type: 1 }, 'illegal_parameter'],
    [
      'none, where only a raw public key is taken',
      { server_certificate_type: undefined },
      'unsupported_certificate',
    ],
    ['an answer to no offer', { client_certificate_type: 2 }, 'unsupported_extension'],
  ] as const)('of a server with %s are refused', async (_, answer, alert) => {
    const config = await serverConfig({ identity: serverKey });
    const server = alteringServer(config, 'encrypted_extensions', answering(answer));
    expect(outcomeOf(clientOf(clientConfig({ trust: raw })), server)).toEqual(refusedByClient(alert));
  });

  const twice: Edit = (message) => {
    const [entry] = decodeCertificate(message.subarray(4)).entries;
    return encodeCertificate({ context: noBytes, entries: [entry!, entry!] });
  };

  it('hold one key, not two: illegal_parameter', async () => {
    const config = await serverConfig({ identity: serverKey });
    const server = alteringServer(config, 'certificate', twice);
    expect(outcomeOf(clientOf(clientConfig({ trust: raw })), server)).toEqual(
      refusedByClient('illegal_parameter'),
    );
  });

  it.each([
    ['a certificate', () => certificate.chain[0]!],
    ['something else', () => Uint8Array.of(0x30, 0)],
  ])('hold a key, not %s: unsupported_certificate', async (_, other) => {
    const edit: Edit = () =>
      encodeCertificate({ context: noBytes, entries: [{ certificate: other(), extensions: {} }] });
    const config = await serverConfig({ identity: serverKey });
    const server = alteringServer(config, 'certificate', edit);
    expect(outcomeOf(clientOf(clientConfig({ trust: raw })), server)).toEqual(
      refusedByClient('unsupported_certificate'),
    );
  });

  it('prove that the server has the key', async () => {
    const stranger = rawIdentity(generateKeyPairSync('ed25519').privateKey);
    const { fate } = await run({ trust: raw }, { identity: { ...serverKey, signer: stranger.signer } });
    expect(fate).toEqual(refusedByClient('decrypt_error'));
  });
});

describe('a client with a raw public key', () => {
  const asked = (settings: Partial<ServerSettings>): Partial<ServerSettings> => ({
    clientAuthentication: 'require',
    clientTrust: raw,
    ...settings,
  });

  it('is known by it to a server that takes it', async () => {
    const { fate, server } = await run({ identity: clientKey }, asked({}));
    expect(fate).toEqual(bothDone);
    expect(server.info).toMatchObject({ peerRawPublicKey: clientKey.chain[0], peerCertificates: [] });
  });

  it('shows what it likes best of what the server takes', async () => {
    const both = [clientKey, await clientIdentity()];
    const shown = async (types: readonly CertificateType[]): Promise<unknown> =>
      (await run({ identity: both }, asked({ clientTrust: taking(types) }))).server.info.peerRawPublicKey;
    expect(await shown(['RawPublicKey', 'X509'])).toEqual(clientKey.chain[0]);
    expect(await shown(['X509', 'RawPublicKey'])).toEqual(clientKey.chain[0]);
    expect(await shown(['X509'])).toBeUndefined();
  });

  it('has nothing for a server that takes certificates only', async () => {
    const required = await run({ identity: clientKey }, asked({ clientTrust: trustAll }));
    expect(required.fate).toEqual(refusedByServer('unsupported_certificate'));
    const settings = asked({ clientTrust: trustAll, clientAuthentication: 'request' });
    const { fate, server } = await run({ identity: clientKey }, settings);
    expect(fate).toEqual(bothDone);
    expect(server.info).toMatchObject({ peerRawPublicKey: undefined, peerCertificates: [] });
  });

  it('is wanted in vain of one with a certificate', async () => {
    const { fate } = await run({ identity: await clientIdentity() }, asked({}));
    expect(fate).toEqual(refusedByServer('unsupported_certificate'));
  });

  it('comes back in a resumed session', async () => {
    const client = clientConfig({ identity: clientKey, sessions: new MemorySessionCache() });
    const server = await serverConfig(asked({}));
    connect(clientOf(client), serverOf(server));
    const again = connect(clientOf(client), serverOf(server));
    expect(again.server.info).toMatchObject({ resumed: true, peerRawPublicKey: clientKey.chain[0] });
  });

  it('is not chosen by a function, which is a mistake', async () => {
    const { fate } = await run({ identity: () => clientKey }, asked({ clientTrust: trustAll }));
    expect(fate.client).toBe('TLS_USAGE');
  });

  it('has to prove it too', async () => {
    const { signer } = rawIdentity(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
    const { fate } = await run({ identity: { ...clientKey, signer } }, asked({}));
    expect(fate).toEqual({ client: 'received decrypt_error', server: 'decrypt_error' });
  });
});

it('a session of one type is none where another is taken, whatever the fingerprints say', async () => {
  const alike = { fingerprint: new Uint8Array(1), verify: trustAll.verify };
  const client = clientConfig({ identity: clientKey, sessions: new MemorySessionCache() });
  const keeper = new TicketKeys(nodeCrypto, 3_600);
  const server = (certificateTypes: readonly CertificateType[]) =>
    serverConfig({
      clientAuthentication: 'require',
      clientTrust: { ...alike, certificateTypes },
      tickets: { keeper },
    });
  connect(clientOf(client), serverOf(await server(['RawPublicKey'])));
  const fate = outcomeOf(clientOf(client), serverOf(await server(['X509'])));
  expect(fate).toEqual(refusedByServer('unsupported_certificate'));
  const [one, other] = (['RawPublicKey', 'X509'] as const).map(
    (type) => clientConfig({ trust: { ...alike, certificateTypes: [type] } }).sessionScope,
  );
  expect(one).not.toBe(other);
});

it.each<[TrustPolicy['certificateTypes'], RegExp]>([
  [[], /^trust\.certificateTypes is empty/],
  [['X509', 'X509'], /^trust\.certificateTypes has a name twice/],
  ['RawPublicKey' as never, /^trust\.certificateTypes: expected an array/],
])('types that a policy cannot take are named (%#)', (certificateTypes, message) => {
  expect(() => clientConfig({ trust: { ...trustAll, certificateTypes } })).toThrow(message);
});

it('an unknown type in an offer is passed over', async () => {
  const edit: Edit = (message) => {
    const at = Buffer.from(message).indexOf(Buffer.from('00140003020200', 'hex'));
    const changed = message.slice();
    changed[at + 5] = 9;
    return changed;
  };
  const trust = taking(['RawPublicKey', 'X509']);
  const client = clientOf(clientConfig({ trust }), { host: 'localhost' }, altering('client_hello', edit));
  const server = serverOf(await serverConfig({ identity: [serverKey, certificate] }));
  server.receive(client.turn().output);
  // The transcripts differ: what the server chose shows in what it did not refuse.
  expect(server.engine.failure).toBeUndefined();
});
