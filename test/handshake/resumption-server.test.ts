import { beforeEach, describe, expect, it } from 'vitest';
import { utf8 } from '../../src/base/bytes.ts';
import type { ServerSettings } from '../../src/connection/config.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import { nodeSigner } from '../../src/crypto/node/signer.ts';
import type { ClientConfig } from '../../src/handshake/config.ts';
import type { Identity, TrustPolicy } from '../../src/handshake/identity.ts';
import type { Tls13ClientSession } from '../../src/sessions/client-session.ts';
import { TicketKeys } from '../../src/sessions/ticket-keys.ts';
import { serverCertificate } from '../support/certificates.ts';
import {
  clientConfig,
  clientIdentity,
  type Endpoint,
  endOfTime,
  serverConfig,
  serverIdentity,
  startOfTime,
  trustAll,
} from '../support/engine.ts';
import { clientOf, connect, serverOf, tls13Session } from '../support/handshake.ts';

const second = 1000;
const clock = { now: startOfTime };
let keys: TicketKeys;
/** What the client gave the server to resume; a test puts sessions in and takes them out as it likes. */
let held: Tls13ClientSession[];

beforeEach(() => {
  clock.now = startOfTime;
  keys = new TicketKeys(nodeCrypto, 604_800);
  held = [];
});

/** A client that offers the newest session that it holds, whatever its policy and the server's name. */
function carelessClient(settings: Partial<ClientConfig> = {}): ClientConfig {
  return {
    ...clientConfig({ now: () => clock.now }),
    ...settings,
    sessions: {
      put: (session) => void held.push({ ...tls13Session(session), psk: tls13Session(session).psk.slice() }),
      take: (scope) => {
        const session = held.at(-1);
        // The psk is wiped after use; a copy lets a test offer the session again.
        return (
          session && {
            ...session,
            scope,
            psk: session.psk.slice(),
            expiresAt: endOfTime,
            validUntil: endOfTime,
          }
        );
      },
    },
  };
}

async function serverWith(settings: Partial<ServerSettings> = {}): Promise<Endpoint> {
  const { tickets, ...others } = settings;
  return serverOf(
    await serverConfig({
      now: () => clock.now,
      ...others,
      tickets: { keeper: keys, lifetime: 604_800, ...tickets },
    }),
  );
}

/** Connects under a server's settings: whether the session at hand was resumed. */
async function resumedBy(
  settings: Partial<ServerSettings>,
  client: ClientConfig = carelessClient(),
): Promise<boolean> {
  const pair = connect(clientOf(client), await serverWith(settings));
  expect(pair.client.info.resumed).toBe(pair.server.info.resumed);
  return pair.server.info.resumed;
}

function trusting(fingerprint: string, validUntil: number = endOfTime): TrustPolicy {
  return { fingerprint: utf8(fingerprint), verify: () => ({ trusted: true, validUntil }) };
}

async function withIdentity(): Promise<ClientConfig> {
  return carelessClient({ identity: [await clientIdentity()] });
}

async function otherIdentity(): Promise<Identity> {
  const { der, key } = await serverCertificate(undefined, { key: 'ed25519', subject: 'CN=Other Server' });
  return { chain: [der], signer: nodeSigner(key) };
}

describe('a server resumes', () => {
  it('under the same policy', async () => {
    expect(await resumedBy({})).toBe(false);
    expect(await resumedBy({})).toBe(true);
  });

  it('under another ALPN protocol, which is negotiated anew', async () => {
    const client = carelessClient({ alpnProtocols: ['h2', 'http/1.1'] });
    const first = connect(clientOf(client), await serverWith({ alpnProtocols: ['h2'] }));
    expect(first.server.info.alpnProtocol).toBe('h2');
    const next = connect(clientOf(client), await serverWith({ alpnProtocols: ['http/1.1'] }));
    expect(next.server.info).toMatchObject({ resumed: true, alpnProtocol: 'http/1.1' });
    expect(next.client.info.alpnProtocol).toBe('http/1.1');
    const none = connect(clientOf(client), await serverWith({}));
    expect(none.server.info).toMatchObject({ resumed: true, alpnProtocol: undefined });
  });

  it('with the client identity that was verified, and passes it on to the next ticket', async () => {
    const client = await withIdentity();
    const settings = { clientAuthentication: 'require' } as const;
    const full = connect(clientOf(client), await serverWith(settings));
    for (let i = 0; i < 3; i++) {
      clock.now += 60 * second;
      const next = connect(clientOf(client), await serverWith(settings));
      expect(next.server.info.resumed).toBe(true);
      expect(next.server.info.peerCertificates).toEqual(full.server.info.peerCertificates);
      expect(next.server.info.authenticatedAt).toBe(startOfTime);
    }
    expect(full.server.info.peerCertificates).toEqual((await clientIdentity()).chain);
  });

  it('a client without a certificate where one is only requested, and asks for none', async () => {
    const settings = { clientAuthentication: 'request' } as const;
    expect(await resumedBy(settings)).toBe(false);
    expect(await resumedBy(settings)).toBe(true);
  });

  it('reports the server_name of this connection, not that of the session', async () => {
    const client = carelessClient();
    connect(clientOf(client, { host: 'a.example' }), await serverWith());
    const next = connect(clientOf(client, { host: 'b.example' }), await serverWith());
    expect(next.server.info).toMatchObject({ resumed: true, serverName: 'b.example' });
  });
});

describe('a server does not resume', () => {
  it('under another identity', async () => {
    await resumedBy({});
    expect(await resumedBy({ identity: await otherIdentity() })).toBe(false);
  });

  it('under another identity that the selector chooses now, by server_name', async () => {
    const [first, other] = [await serverIdentity(), await otherIdentity()];
    const settings: Partial<ServerSettings> = {
      identity: ({ serverName }) => (serverName === 'a.example' ? first : other),
    };
    const client = carelessClient();
    connect(clientOf(client, { host: 'a.example' }), await serverWith(settings));
    const again = connect(clientOf(client, { host: 'a.example' }), await serverWith(settings));
    expect(again.server.info.resumed).toBe(true);
    const elsewhere = connect(clientOf(client, { host: 'b.example' }), await serverWith(settings));
    expect(elsewhere.server.info.resumed).toBe(false);
  });

  it.each([
    ['none', 'request'],
    ['none', 'require'],
    ['request', 'none'],
    ['request', 'require'],
    ['require', 'none'],
    ['require', 'request'],
  ] as const)('where clients were authenticated by %s and are by %s now', async (before, now) => {
    const client = await withIdentity();
    expect(await resumedBy({ clientAuthentication: before }, client)).toBe(false);
    expect(await resumedBy({ clientAuthentication: before }, client)).toBe(true);
    const pair = connect(clientOf(client), await serverWith({ clientAuthentication: now }));
    expect(pair.server.info.resumed).toBe(false);
    expect(pair.server.info.peerCertificates.length).toBe(now === 'none' ? 0 : 1);
  });

  it('where the chosen identity authenticates its clients otherwise (CVE-2025-23419)', async () => {
    const identity = await serverIdentity();
    const settings: Partial<ServerSettings> = {
      identity: ({ serverName }) => ({
        ...identity,
        clientAuthentication: serverName === 'open.example' ? 'none' : 'require',
        clientTrust: trustAll,
      }),
    };
    const client = carelessClient();
    const open = connect(clientOf(client, { host: 'open.example' }), await serverWith(settings));
    expect(open.server.info.peerCertificates).toEqual([]);
    const closed = connect(clientOf(client, { host: 'closed.example' }), await serverWith(settings));
    expect(closed.server.engine.failure).toMatchObject({ code: 'TLS_CERTIFICATE', check: 'missing' });
  });

  it('where other authorities are trusted now (CVE-2025-68121)', async () => {
    const client = await withIdentity();
    const settings = { clientAuthentication: 'require' } as const;
    await resumedBy({ ...settings, clientTrust: trusting('first') }, client);
    expect(await resumedBy({ ...settings, clientTrust: trusting('first') }, client)).toBe(true);
    expect(await resumedBy({ ...settings, clientTrust: trusting('second') }, client)).toBe(false);
  });

  it('where the identity names other authorities than the configuration did', async () => {
    const client = await withIdentity();
    const settings = { clientAuthentication: 'require', clientTrust: trusting('first') } as const;
    await resumedBy(settings, client);
    const identity = { ...(await serverIdentity()), clientTrust: trusting('second') };
    expect(await resumedBy({ ...settings, identity }, client)).toBe(false);
  });

  it('once the client chain has expired', async () => {
    const client = await withIdentity();
    const clientTrust = trusting('until', startOfTime + 100 * second);
    const settings = { clientAuthentication: 'require', clientTrust } as const;
    await resumedBy(settings, client);
    clock.now = startOfTime + 99 * second;
    expect(await resumedBy(settings, client)).toBe(true);
    // The renewed ticket knows when the chain expires as well.
    clock.now = startOfTime + 100 * second;
    expect(await resumedBy(settings, client)).toBe(false);
  });

  it('past the lifetime, counted from the original authentication through every renewal', async () => {
    const settings = { tickets: { lifetime: 100 } };
    const client = carelessClient();
    const lifetimes: number[] = [];
    for (const [seconds, resumed] of [
      [0, false],
      [60, true],
      [90, true],
      [99, true],
    ] as const) {
      clock.now = startOfTime + seconds * second;
      expect(await resumedBy(settings, client), `after ${seconds} s`).toBe(resumed);
      const session = held.at(-1);
      lifetimes.push(((session?.expiresAt ?? 0) - (session?.receivedAt ?? 0)) / second);
    }
    expect(lifetimes).toEqual([100, 40, 10, 1]);
    clock.now = startOfTime + 100 * second;
    expect(await resumedBy(settings, client)).toBe(false);
  });

  it('past a lifetime that was made shorter since', async () => {
    await resumedBy({ tickets: { lifetime: 1000 } });
    clock.now += 100 * second;
    expect(await resumedBy({ tickets: { lifetime: 99 } })).toBe(false);
  });

  it('with ticket keys that are not the ones that sealed', async () => {
    await resumedBy({});
    keys = new TicketKeys(nodeCrypto, 604_800);
    expect(await resumedBy({})).toBe(false);
  });
});

describe('a ticket', () => {
  it('lives no longer than the client chain', async () => {
    const clientTrust = trusting('until', startOfTime + 50 * second);
    await resumedBy({ clientAuthentication: 'require', clientTrust }, await withIdentity());
    expect(held.at(-1)).toMatchObject({ expiresAt: startOfTime + 50 * second });
  });

  it('is not sent where the client chain expires at once', async () => {
    const clientTrust = trusting('until', startOfTime + second - 1);
    await resumedBy({ clientAuthentication: 'require', clientTrust }, await withIdentity());
    expect(held).toEqual([]);
  });
});
