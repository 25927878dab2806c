import { describe, expect, it } from 'vitest';
import type { ClientSettings, ServerSettings } from '../../src/connection/config.ts';
import { type ClientHello, encodeClientHello } from '../../src/wire/hello.ts';
import type { ProtocolVersion } from '../../src/wire/names.ts';
import { clientConfig, hex, type Pair, serverConfig } from '../support/engine.ts';
import {
  altering,
  alteringServer,
  bothDone,
  clientOf,
  type outcome,
  outcomeOf,
  plaintextMessage,
  plaintextRefusal,
  refusedByClient,
  refusedByServer,
  serverOf,
} from '../support/handshake.ts';
import { newHello } from '../support/hello.ts';
import { randomOf } from '../support/tls12.ts';

type Range = readonly [ProtocolVersion, ProtocolVersion];

const ranges: readonly Range[] = [
  ['TLSv1.2', 'TLSv1.2'],
  ['TLSv1.2', 'TLSv1.3'],
  ['TLSv1.3', 'TLSv1.3'],
];
const pairs = ranges.flatMap((client) => ranges.map((server) => ({ client, server })));

/** "DOWNGRD" and 1 or 0 (RFC 9846 §4.2.3). */
const sentinels = { tls12: '444f574e47524401', tls11: '444f574e47524400' };
const none: Partial<ClientSettings & ServerSettings> = {};

function settingsOf([minVersion, maxVersion]: Range): {
  minVersion: ProtocolVersion;
  maxVersion: ProtocolVersion;
} {
  return { minVersion, maxVersion };
}

async function pairOf(client: Partial<ClientSettings>, server: Partial<ServerSettings>): Promise<Pair> {
  return { client: clientOf(clientConfig(client)), server: serverOf(await serverConfig(server)) };
}

describe.each(pairs)('a client of $client and a server of $server', ({ client, server }) => {
  const common = (['TLSv1.3', 'TLSv1.2'] as const).find(
    (version) => client.includes(version) && server.includes(version),
  );

  it(common ? `agree on ${common}` : 'agree on nothing: protocol_version', async () => {
    const pair = await pairOf(settingsOf(client), settingsOf(server));
    const fate = outcomeOf(pair.client, pair.server);
    if (!common) {
      expect(fate).toEqual(refusedByServer('protocol_version'));
      return;
    }
    expect(fate).toEqual(bothDone);
    expect([pair.client.info.protocolVersion, pair.server.info.protocolVersion]).toEqual([common, common]);
    // In TLS 1.3 all is bound to the handshake.
    expect([pair.client.info.extendedMasterSecret, pair.server.info.extendedMasterSecret]).toEqual([
      true,
      true,
    ]);
  });

  if (common !== 'TLSv1.2') return;

  it('the server says whether it could have spoken TLS 1.3', async () => {
    const pair = await pairOf(settingsOf(client), settingsOf(server));
    outcomeOf(pair.client, pair.server);
    const end = hex(randomOf(pair.server).subarray(-8));
    if (server.includes('TLSv1.3')) expect(end).toBe(sentinels.tls12);
    else expect(Object.values(sentinels)).not.toContain(end);
  });
});

describe('a server', () => {
  /** What it does with this hello: the alert, or the version. */
  async function answerTo(
    edit: (hello: ClientHello) => ClientHello,
    settings: Partial<ServerSettings> = none,
    offered: Partial<ClientSettings> = none,
  ): Promise<string> {
    const server = serverOf(await serverConfig(settings));
    const turn = server.receive(
      plaintextMessage(encodeClientHello(edit(newHello(clientConfig(offered)).hello))),
    );
    if (server.engine.failure) return plaintextRefusal(server, turn);
    // TLS 1.3 goes on under keys.
    return server.secrets.size > 0 ? 'TLSv1.3' : 'TLSv1.2';
  }

  const versions =
    (supported_versions: readonly number[] | undefined, legacyVersion = 0x0303) =>
    (hello: ClientHello): ClientHello => ({
      ...hello,
      legacyVersion,
      extensions: { ...hello.extensions, supported_versions },
    });

  it.each<[string, ReturnType<typeof versions>, string]>([
    ['both, the lower one first: the highest', versions([0x0303, 0x0304]), 'TLSv1.3'],
    ['GREASE among them', versions([0x0a0a, 0x0303, 0x7f1c]), 'TLSv1.2'],
    ['an even higher one', versions([0x0305, 0x0303]), 'TLSv1.2'],
    ['no supported_versions, legacy_version 1.2', versions(undefined), 'TLSv1.2'],
    ['no supported_versions, a higher legacy_version', versions(undefined, 0x0304), 'TLSv1.2'],
    ['no supported_versions, a much higher legacy_version', versions(undefined, 0x03ff), 'TLSv1.2'],
    ['no supported_versions, legacy_version 1.1', versions(undefined, 0x0302), 'protocol_version'],
    // Where the extension is there, legacy_version says nothing.
    ['only 1.1 in supported_versions, legacy_version 1.2', versions([0x0302]), 'protocol_version'],
    ['1.2 in supported_versions, legacy_version 1.0', versions([0x0303], 0x0301), 'TLSv1.2'],
  ])('that is offered %s', async (_name, edit, answer) => {
    expect(await answerTo(edit)).toBe(answer);
  });

  const fallback = (hello: ClientHello): ClientHello => ({
    ...hello,
    cipherSuites: [...hello.cipherSuites, 0x5600],
  });

  it('refuses a client that fell back to a lower version than need be: inappropriate_fallback (RFC 7507)', async () => {
    const tls12 = { maxVersion: 'TLSv1.2' } as const;
    expect(await answerTo(fallback, none, tls12)).toBe('inappropriate_fallback');
    // It speaks nothing higher itself.
    expect(await answerTo(fallback, tls12, tls12)).toBe('TLSv1.2');
    expect(
      await answerTo(fallback, { cipherSuites: ['TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256'] }, tls12),
    ).toBe('TLSv1.2');
    // Nobody fell back.
    expect(await answerTo(fallback)).toBe('TLSv1.3');
  });

  it('of both versions answers a client of both, which has suites of 1.2 alone in common with it, with an alert', async () => {
    // The version comes first (RFC 9846 §4.3.1), and the cipher suite after that.
    const cipherSuites = ['TLS_AES_256_GCM_SHA384', 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256'] as const;
    const client = { cipherSuites: ['TLS_AES_128_GCM_SHA256', cipherSuites[1]] } as const;
    const pair = await pairOf(client, { cipherSuites });
    expect(outcomeOf(pair.client, pair.server)).toEqual(refusedByServer('handshake_failure'));
  });
});

describe('a client', () => {
  /** What it makes of a TLS 1.2 server’s random value that ends like this. */
  async function fateWith(
    mark: string,
    settings: Partial<ClientSettings>,
  ): Promise<ReturnType<typeof outcome>> {
    const server = alteringServer(
      await serverConfig({ maxVersion: 'TLSv1.2' }),
      'server_hello',
      (message) => {
        const marked = message.slice();
        marked.set(Buffer.from(mark, 'hex'), 4 + 2 + 32 - 8);
        return marked;
      },
    );
    return outcomeOf(clientOf(clientConfig(settings)), server);
  }

  it.each(Object.entries(sentinels))(
    'of both versions refuses the sentinel of %s: illegal_parameter',
    async (_name, mark) => {
      expect(await fateWith(mark, none)).toEqual(refusedByClient('illegal_parameter'));
    },
  );

  it('of TLS 1.2 alone looks at no sentinel', async () => {
    // The server signs the random value that it meant to send, so that a client which goes on finds that out.
    for (const mark of Object.values(sentinels))
      expect(await fateWith(mark, { maxVersion: 'TLSv1.2' })).toEqual(refusedByClient('decrypt_error'));
    expect(await fateWith('444f574e47524402', none)).toEqual(refusedByClient('decrypt_error'));
  });

  it('is not brought down to TLS 1.2 by whoever takes 1.3 out of its ClientHello on the way', async () => {
    const through = altering('client_hello', (message) => {
      const { hello } = newHello(clientConfig({ maxVersion: 'TLSv1.2' }));
      const random = message.slice(6, 38);
      return encodeClientHello({ ...hello, random });
    });
    const client = clientOf(clientConfig(), { host: 'localhost' }, through);
    expect(outcomeOf(client, serverOf(await serverConfig()))).toEqual(refusedByClient('illegal_parameter'));
  });

  it.each([
    ['TLS 1.1', 0x0302],
    ['SSL 3', 0x0300],
    ['a version after 1.2, without supported_versions', 0x0304],
  ])('refuses %s in a ServerHello: protocol_version', async (_name, version) => {
    const server = alteringServer(
      await serverConfig({ maxVersion: 'TLSv1.2' }),
      'server_hello',
      (message) => {
        const older = message.slice();
        new DataView(older.buffer).setUint16(4, version);
        return older;
      },
    );
    expect(outcomeOf(clientOf(clientConfig()), server)).toEqual(refusedByClient('protocol_version'));
  });
});
