import { beforeAll, describe, expect, it } from 'vitest';
import { utf8 } from '../../src/base/bytes.ts';
import { TlsCertificateError } from '../../src/base/errors.ts';
import type { Identity, TrustPolicy } from '../../src/handshake/identity.ts';
import { contentTypes } from '../../src/wire/names.ts';
import {
  clientConfig,
  clientEndpoint,
  clientIdentity,
  type Endpoint,
  pump,
  serverConfig,
  summary,
} from '../support/engine.ts';
import { altering, fateOf, outcome, outcomeOf, serverOf, withHeader } from '../support/handshake.ts';
import { plaintextRecord, RawPeer, splitRecords } from '../support/raw-peer.ts';

let identity: Identity;

beforeAll(async () => {
  identity = await clientIdentity();
});

const nobody: TrustPolicy = {
  fingerprint: utf8('nobody'),
  verify: () => ({ trusted: false, error: new TlsCertificateError('expired', 'out of date') }),
};

describe('a server that refuses a client after its own Finished uses application keys', () => {
  it.each([
    ['whose chain is bad', { clientTrust: nobody }, true, 'certificate_expired'],
    ['that has no certificate', {}, false, 'certificate_required'],
  ])('%s', async (_, settings, hasIdentity, alert) => {
    const client = clientEndpoint(clientConfig(hasIdentity ? { identity } : {}));
    const server = serverOf(await serverConfig({ clientAuthentication: 'require', ...settings }));
    const pair = { client, server };
    pump(pair);
    expect(outcome(pair)).toEqual({ client: `received ${alert}`, server: 'TLS_CERTIFICATE' });
    expect(summary(client.events)).toEqual(['handshakeDone', `failed received ${alert}`]);
    expect(new RawPeer(server).hear({ output: server.writes.at(-1) } as never)).toEqual([`fatal ${alert}`]);
  });

  it('whose Finished does not verify', async () => {
    const client = clientEndpoint(
      clientConfig(),
      altering('finished', (message) => message.fill(0, 4)),
    );
    const server = serverOf(await serverConfig());
    expect(outcomeOf(client, server)).toEqual({ client: 'received decrypt_error', server: 'decrypt_error' });
    expect(new RawPeer(server).hear({ output: server.writes.at(-1) } as never)).toEqual([
      'fatal decrypt_error',
    ]);
  });
});

describe('a client that refuses a server', () => {
  it('uses handshake keys where it has them', async () => {
    const client = clientEndpoint(clientConfig({ trust: nobody }));
    const server = serverOf(await serverConfig());
    expect(outcomeOf(client, server)).toEqual({
      client: 'TLS_CERTIFICATE',
      server: 'received certificate_expired',
    });
    const output = client.writes.at(-1) ?? new Uint8Array(0);
    const alert = splitRecords(output).at(-1);
    expect(
      new RawPeer(client, { read: 'handshake', write: 'handshake' }).hear({ output: alert } as never),
    ).toEqual(['fatal certificate_expired']);
  });

  it('uses none where its keys could not be made', async () => {
    const client = clientEndpoint(clientConfig());
    const server = serverOf(
      await serverConfig(),
      altering('server_hello', (message) => withHeader('server_hello', message.subarray(4, -1))),
    );
    outcomeOf(client, server);
    expect(client.writes.at(-1)).toEqual(plaintextRecord(contentTypes.alert, Uint8Array.of(2, 50)));
  });
});

describe('an alert in the clear', () => {
  const handshakeFailure = plaintextRecord(contentTypes.alert, Uint8Array.of(2, 40));

  /** A server that has sent its flight, and asks for a certificate. */
  async function waitingServer(): Promise<Endpoint> {
    const server = serverOf(await serverConfig({ clientAuthentication: 'request' }));
    server.receive(clientEndpoint(clientConfig()).turn().output);
    return server;
  }

  it('is the client’s as long as no record of it was decrypted', async () => {
    const server = await waitingServer();
    expect(summary(server.receive(handshakeFailure).events)).toEqual(['failed received handshake_failure']);
  });

  it('is an unexpected_message from then on', async () => {
    const server = await waitingServer();
    const raw = new RawPeer(server, { read: 'application', write: 'handshake' });
    raw.deliver(raw.handshake(withHeader('certificate', new Uint8Array(4))));
    expect(fateOf(server)).toBe('waiting');
    expect(summary(server.receive(handshakeFailure).events)).toEqual(['failed unexpected_message']);
  });

  it('is the server’s before a client has keys', () => {
    const client = clientEndpoint(clientConfig());
    client.turn();
    expect(summary(client.receive(handshakeFailure).events)).toEqual(['failed received handshake_failure']);
  });
});
