import { describe, expect, it } from 'vitest';
import { noBytes, utf8 } from '../../src/base/bytes.ts';
import { TlsUsageError } from '../../src/base/errors.ts';
import { maxInnerPlaintext } from '../../src/base/limits.ts';
import { TlsConnection } from '../../src/connection/tls-connection.ts';
import { afterClientHello } from '../../src/handshake/client.ts';
import { firstClientHello } from '../../src/handshake/client-hello.ts';
import { Transcript } from '../../src/keys/transcript.ts';
import { encodeClientHello } from '../../src/wire/hello.ts';
import { decodeEncryptedExtensions, encodeEncryptedExtensions } from '../../src/wire/messages.ts';
import { contentTypes, handshakeTypes } from '../../src/wire/names.ts';
import {
  clientConfig,
  clientEndpoint,
  clientIdentity,
  Endpoint,
  establishedPair,
  newPair,
  type Pair,
  type PairSettings,
  pump,
  serverConfig,
  serverEndpoint,
  summary,
} from '../support/engine.ts';
import { type PlainRecord, RawPeer, rawPeerOf, splitRecords } from '../support/raw-peer.ts';

const roles = ['client', 'server'] as const;
const other = { client: 'server', server: 'client' } as const;
const roundUpTo = (multiple: number) => (length: number) => (multiple - ((length + 1) % multiple)) % multiple;

describe.each(roles)('record_size_limit that the peer of a %s announced', (role) => {
  it.each([64, 65, 100, 1000])(
    'covers handshake, tickets, KeyUpdates, data and alerts: %d',
    async (limit) => {
      const padding = (): number => 20_000;
      const identity = await clientIdentity();
      const pair = await establishedPair({
        client: { identity, ...(role === 'client' ? { padding } : { recordSizeLimit: limit }) },
        server: {
          clientAuthentication: 'require',
          ...(role === 'server' ? { padding } : { recordSizeLimit: limit }),
        },
      });
      const { [role]: target } = pair;
      const handshake = handshakeRecords(target);
      const raw = new RawPeer(target);
      raw.deliver(raw.keyUpdate('update_requested'));
      const turn = target.turn((engine) => {
        if (role === 'server') engine.sendTickets(8);
        engine.updateKeys();
        engine.send(new Uint8Array(5000));
        engine.closeWrite();
      });
      const records = [...handshake, ...raw.open(turn.output)];
      // Padding that wants more room than there is fills every record.
      expect(new Set(records.map(({ innerLength }) => innerLength))).toEqual(new Set([limit]));
    },
  );

  it('over 2^14+1 means 2^14+1', async () => {
    const settings = { client: { padding: () => 20_000 }, server: { padding: () => 20_000 } };
    const { client, server } = await pairAnnouncing(65_535, settings);
    for (const endpoint of [client, server]) {
      const raw = new RawPeer(endpoint);
      const records = raw.open(endpoint.send('x'.repeat(20_000)).output);
      for (const { innerLength } of records) expect(innerLength).toBe(maxInnerPlaintext);
    }
  });
});

describe.each(roles)('our own record_size_limit, of a %s', (role) => {
  const settings = { [role]: { recordSizeLimit: 100 } };

  it('covers content, type and padding of what we receive: one byte more is a record_overflow', async () => {
    for (const [length, padding] of [[99, 0] as const, [0, 99] as const, [50, 49] as const]) {
      const { raw } = await rawPeerOf(role, settings);
      const passes = raw.deliver(raw.data('x'.repeat(length), padding));
      expect(passes.output).toHaveLength(0);
      const turn = raw.deliver(raw.data('x'.repeat(length), padding + 1));
      expect(raw.hear(turn)).toEqual(['fatal record_overflow']);
    }
  });

  it('covers handshake messages behind EncryptedExtensions', async () => {
    const { raw } = await rawPeerOf(role, settings);
    const turn = raw.deliver(raw.record(contentTypes.handshake, new Uint8Array(100)));
    expect(summary(turn.events)).toEqual(['failed record_overflow']);
  });

  it('holds from the first protected record of a client on', async () => {
    const { client, server } = await newPair(settings);
    const flight = server.receive(client.turn().output).output;
    if (role === 'client') {
      expect(summary(client.receive(flight).events)).toEqual(['handshakeDone']);
      return;
    }
    const raw = new RawPeer(server, { write: 'handshake', read: 'application' });
    expect(raw.hear(raw.deliver(raw.record(contentTypes.handshake, new Uint8Array(100))))).toEqual([
      'fatal record_overflow',
    ]);
  });
});

it('a server whose client announces no limit does not enforce its own, which it could not announce', async () => {
  const { server } = await pairAnnouncing(undefined, { server: { recordSizeLimit: 100 } });
  const raw = new RawPeer(server);
  expect(raw.deliver(raw.data('x'.repeat(2000))).events).toMatchObject([{ type: 'data' }]);
  const [extensions = noBytes] = handshakeRecords(server).flatMap(({ messages }) => messages);
  expect(decodeEncryptedExtensions(extensions.subarray(4)).record_size_limit).toBeUndefined();
});

describe('record_size_limit under 64', () => {
  it('from a client is an illegal_parameter', async () => {
    const { server } = await pairAnnouncing(63, {});
    expect(server.engine.failure).toMatchObject({ alert: 'illegal_parameter', direction: 'sent' });
  });

  it('from a server is an illegal_parameter', async () => {
    const client = clientEndpoint(clientConfig());
    const server = serverEndpoint(await serverConfig(), (flight) => ({
      ...flight,
      send(message): void {
        const isExtensions = message[0] === handshakeTypes.encrypted_extensions;
        flight.send(isExtensions ? encodeEncryptedExtensions({ record_size_limit: 63 }) : message);
      },
    }));
    const turn = client.receive(server.receive(client.turn().output).output);
    expect(summary(turn.events)).toEqual(['failed illegal_parameter']);
  });

  it.each([63, 0, maxInnerPlaintext + 1, 100.5])('in a configuration is a mistake: %d', (recordSizeLimit) => {
    expect(() => clientConfig({ recordSizeLimit })).toThrow(TlsUsageError);
  });
});

describe.each(roles)('the padding option, of a %s', (role) => {
  it('pads every protected record: handshake, tickets, KeyUpdates, data, alerts', async () => {
    const { [role]: target } = await establishedPair({ [role]: { padding: roundUpTo(256) } });
    const raw = new RawPeer(target);
    raw.deliver(raw.keyUpdate('update_requested'));
    target.send('x');
    target.closeWrite();
    const [, , ...later] = role === 'client' ? target.writes : [noBytes, ...target.writes];
    const records = [...handshakeRecords(target), ...later.flatMap((write) => raw.open(write))];
    expect(records.length).toBeGreaterThan(3);
    for (const { innerLength } of records) expect(innerLength % 256).toBe(0);
  });

  it('is told the length of the content, and gives way to the limit', async () => {
    const lengths: number[] = [];
    const padding = (length: number): number => {
      lengths.push(length);
      return 1000;
    };
    const { target, raw } = await rawPeerOf(role, {
      [role]: { padding },
      [other[role]]: { recordSizeLimit: 512 },
      ...(role === 'server' ? { server: { padding, tickets: { count: 0 } } } : {}),
    });
    lengths.length = 0;
    const records = raw.open(target.send('x'.repeat(600)).output);
    expect(lengths).toEqual([511, 89]);
    expect(records.map(({ innerLength }) => innerLength)).toEqual([512, 512]);
    expect(records.map(({ content }) => content.length)).toEqual([511, 89]);
  });

  it.each([
    [Number.NaN, 2],
    [-1, 2],
    [0.9, 2],
    [2.9, 4],
    [Number.POSITIVE_INFINITY, maxInnerPlaintext],
  ])('takes %d for what can be made of it', async (padding, innerLength) => {
    const { target, raw } = await rawPeerOf(role, {
      client: { padding: () => padding },
      server: { padding: () => padding, tickets: { count: 0 } },
    });
    expect(raw.open(target.send('x').output)).toMatchObject([{ type: 23, innerLength }]);
  });

  it('pads nothing where its function throws', async () => {
    const padding = (): number => {
      throw new Error('no padding today');
    };
    const { target, raw } = await rawPeerOf(role, {
      client: { padding },
      server: { padding, tickets: { count: 0 } },
    });
    expect(raw.open(target.send('x').output)).toMatchObject([{ type: 23, innerLength: 2 }]);
  });

  it('makes nothing out of nothing', async () => {
    const { target } = await rawPeerOf(role, { [role]: { padding: () => 100 } });
    expect(target.turn((engine) => engine.send(noBytes)).output).toHaveLength(0);
  });

  it('is not seen by the peer', async () => {
    const pair = await establishedPair({ [role]: { padding: roundUpTo(1000) } });
    pair[role].turn((engine) => engine.send([utf8('one'), utf8('two')]));
    pump(pair);
    expect(summary(pair[other[role]].events).at(-1)).toBe('data "onetwo"');
  });
});

/** The protected records of a finished handshake. */
function handshakeRecords(endpoint: Endpoint): PlainRecord[] {
  const raw = new RawPeer(endpoint, { write: 'application', read: 'handshake' });
  const write = endpoint.role === 'client' ? endpoint.writes[1] : endpoint.writes[0];
  const records = splitRecords(write ?? noBytes).filter(([type]) => type === contentTypes.application_data);
  return records.flatMap((record) => raw.open(record));
}

/** A pair after its handshake, where that is possible, whose client announces this limit. */
async function pairAnnouncing(limit: number | undefined, settings: PairSettings): Promise<Pair> {
  const config = clientConfig(settings.client);
  const engine = new TlsConnection(config, function* (flight) {
    const transcript = new Transcript(config.provider);
    const keyExchanges = config.keyShares.map((group) => config.provider.initiateKeyExchange(group));
    const plain = firstClientHello(config, 'localhost', keyExchanges);
    const hello = { ...plain, extensions: { ...plain.extensions, record_size_limit: limit } };
    const bytes = encodeClientHello(hello);
    transcript.add(bytes);
    flight.send(bytes);
    const sent = { hello, keyExchanges, offered: undefined };
    return yield* afterClientHello(config, { host: 'localhost' }, flight, transcript, sent);
  });
  const pair = {
    client: new Endpoint('client', engine),
    server: serverEndpoint(await serverConfig(settings.server)),
  };
  pump(pair);
  return pair;
}

describe('a limit of one’s own', () => {
  it('is a whole number that a record can have', async () => {
    const { client } = await establishedPair();
    for (const length of [63, 64.5, 16_385, Number.NaN, '100', undefined])
      expect(() => client.engine.limitRecords(length as number)).toThrow(TlsUsageError);
    client.engine.limitRecords(64);
    const { output } = client.turn((engine) => engine.send(new Uint8Array(65)));
    expect(splitRecords(output)).toHaveLength(2);
  });
});
