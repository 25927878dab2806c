import { describe, expect, it } from 'vitest';
import { concatBytes } from '../../src/base/bytes.ts';
import { maxEmptyRecordsInARow } from '../../src/base/limits.ts';
import { contentTypes } from '../../src/wire/names.ts';
import { clientConfig, newPair, type PairSettings, pump, serverConfig, summary } from '../support/engine.ts';
import {
  altering,
  alteringServer,
  bothDone,
  clientOf,
  fateOf,
  outcome,
  outcomeOf,
  refusedByServer,
  serverOf,
} from '../support/handshake.ts';
import { plaintextRecord, splitRecords } from '../support/raw-peer.ts';
import {
  editedServerHello,
  establishedTls12Pair,
  protectedRecordsOf,
  Tls12RawPeer,
  tls12Only,
  tls12RawPeerOf,
} from '../support/tls12.ts';

const roles = ['client', 'server'] as const;
const other = { client: 'server', server: 'client' } as const;

/** Settings under which the peer of `role` accepts records of at most so much content. */
function limited(role: 'client' | 'server', recordSizeLimit: number): PairSettings {
  return { [other[role]]: { recordSizeLimit } };
}

describe.each(roles)('record_size_limit that the peer of a %s announced (RFC 8449)', (role) => {
  it.each([64, 65, 1000, 16_383, 16_384, 16_385])('%i: all of it is content', async (limit) => {
    const { target, raw } = await tls12RawPeerOf(role, limited(role, limit));
    const length = 2 * Math.min(limit, 16_384) + 1;
    const records = raw.open(target.turn((engine) => engine.send(new Uint8Array(length))).output);
    const most = Math.min(limit, 16_384);
    expect(records.map(({ content }) => content.length)).toEqual([most, most, 1]);
  });

  it('goes for Finished too, and handshakes are done with the smallest', async () => {
    const pair = await establishedTls12Pair({
      client: { recordSizeLimit: 64 },
      server: { recordSizeLimit: 64 },
    });
    for (const record of protectedRecordsOf(pair[role]))
      expect(record.length).toBeLessThanOrEqual(5 + 8 + 64 + 16);
    pair[role].send('x'.repeat(1000));
    pump(pair);
    expect(summary(pair[other[role]].events).filter((event) => event.startsWith('data'))).toHaveLength(16);
  });

  it('pads nothing up to it', async () => {
    const { target, raw } = await tls12RawPeerOf(role, { [role]: { padding: () => 50 } });
    const [record] = raw.open(target.send('abc').output);
    expect(record?.innerLength).toBe(3);
  });
});

describe.each(roles)('a %s accepts a record of TLS 1.2', (role) => {
  it.each([64, 1000, 16_384, 16_385])(
    'of as much content as it announced, and no byte more: %i',
    async (limit) => {
      const { raw } = await tls12RawPeerOf(role, { [role]: { recordSizeLimit: limit } });
      const most = Math.min(limit, 16_384);
      const fits = raw.deliver(raw.record(contentTypes.application_data, new Uint8Array(most)));
      expect(fits.events).toMatchObject([{ type: 'data' }]);
      const turn = raw.deliver(raw.record(contentTypes.application_data, new Uint8Array(most + 1)));
      expect(summary(turn.events)).toEqual(['failed record_overflow']);
    },
  );

  it('of 2^14 bytes where it announced nothing', async () => {
    const config = await serverConfig(tls12Only);
    const without = (message: Uint8Array): Uint8Array =>
      editedServerHello(message, (hello) => ({
        ...hello,
        extensions: { ...hello.extensions, record_size_limit: undefined },
      }));
    const pair = {
      client: clientOf(clientConfig(tls12Only)),
      server: alteringServer(config, 'server_hello', without),
    };
    expect(outcomeOf(pair.client, pair.server)).toEqual(bothDone);
    const raw = new Tls12RawPeer(pair, role);
    expect(raw.deliver(raw.record(23, new Uint8Array(16_384))).events).toMatchObject([{ type: 'data' }]);
    expect(summary(raw.deliver(raw.record(23, new Uint8Array(16_385))).events)).toEqual([
      'failed record_overflow',
    ]);
  });

  it('whose length field says no more than 2^14 and 256, of any type, before it is there', async () => {
    for (const type of [20, 21, 22, 23]) {
      const { target } = await tls12RawPeerOf(role);
      expect(target.receive(Uint8Array.of(type, 3, 3, 0x41, 0x00)).events, `type ${type}`).toEqual([]);
      const refusing = (await tls12RawPeerOf(role)).target;
      expect(summary(refusing.receive(Uint8Array.of(type, 3, 3, 0x41, 0x01)).events)).toEqual([
        'failed record_overflow',
      ]);
    }
  });

  it('without content, 32 of them in a row', async () => {
    const { raw } = await tls12RawPeerOf(role);
    const empty = (): Uint8Array => raw.data('');
    const first = raw.deliver(...Array.from({ length: maxEmptyRecordsInARow }, empty));
    expect(first.events).toEqual([]);
    expect(summary(raw.deliver(empty()).events)).toEqual(['failed unexpected_message']);
  });

  it('without content of another type never', async () => {
    for (const type of [contentTypes.handshake, contentTypes.alert]) {
      const { raw } = await tls12RawPeerOf(role);
      expect(summary(raw.deliver(raw.record(type, new Uint8Array(0))).events)).toEqual([
        'failed unexpected_message',
      ]);
    }
  });

  it('that is altered, sent again or left out: bad_record_mac', async () => {
    for (const spoil of ['alter', 'repeat', 'leave out'] as const) {
      const { raw } = await tls12RawPeerOf(role);
      const [first, second] = [raw.data('first'), raw.data('second')];
      if (spoil === 'alter') first[first.length - 1]! ^= 1;
      const wire = spoil === 'repeat' ? [first, first] : spoil === 'leave out' ? [second] : [first];
      expect(summary(raw.deliver(...wire).events).at(-1), spoil).toBe('failed bad_record_mac');
    }
  });
});

describe('change_cipher_spec in TLS 1.2', () => {
  const spec = plaintextRecord(contentTypes.change_cipher_spec, Uint8Array.of(1));

  /** The flight of both messages and Finished that a client sends, in records. */
  async function clientFlight(): Promise<{
    readonly server: ReturnType<typeof serverOf>;
    readonly flight: Uint8Array[];
  }> {
    const { client, server } = await newPair({ client: tls12Only, server: tls12Only });
    server.receive(client.turn().output);
    const { output } = client.receive(server.writes[0]!);
    return { server, flight: splitRecords(output) };
  }

  it.each<[string, (flight: Uint8Array[]) => Uint8Array[], string]>([
    ['as it should be', (flight) => flight, 'done'],
    // Finished is no ciphertext then, and another type than is due.
    ['none', ([exchange, , finished]) => [exchange!, finished!], 'unexpected_message'],
    ['one more', ([exchange, , finished]) => [exchange!, spec, spec, finished!], 'unexpected_message'],
    [
      'one ahead of ClientKeyExchange',
      ([exchange, , finished]) => [spec, exchange!, finished!],
      'unexpected_message',
    ],
    [
      'of other content',
      ([exchange, , finished]) => [exchange!, plaintextRecord(20, Uint8Array.of(2)), finished!],
      'illegal_parameter',
    ],
    [
      'of two bytes',
      ([exchange, , finished]) => [exchange!, plaintextRecord(20, Uint8Array.of(1, 1)), finished!],
      'illegal_parameter',
    ],
    [
      'without content',
      ([exchange, , finished]) => [exchange!, plaintextRecord(20, new Uint8Array(0)), finished!],
      'illegal_parameter',
    ],
    [
      'inside a message',
      ([exchange, , finished]) => [
        plaintextRecord(22, exchange!.subarray(5, 15)),
        spec,
        plaintextRecord(22, exchange!.subarray(15)),
        finished!,
      ],
      'unexpected_message',
    ],
    [
      'behind the beginning of another message in its record',
      ([exchange, , finished]) => [
        plaintextRecord(22, concatBytes(exchange!.subarray(5), Uint8Array.of(20, 0))),
        spec,
        finished!,
      ],
      'unexpected_message',
    ],
  ])('%s', async (_name, edit, fate) => {
    const { server, flight } = await clientFlight();
    expect(flight.map(([type]) => type)).toEqual([22, 20, 22]);
    server.receive(...edit(flight));
    expect(fateOf(server)).toBe(fate);
  });

  it('ahead of a server’s flight is nothing that a client of TLS 1.2 waits for', async () => {
    const { client, server } = await newPair({ client: tls12Only });
    const hello = client.turn().output;
    const [first = new Uint8Array(0), ...rest] = splitRecords(server.receive(hello).output);
    client.receive(first, spec, ...rest);
    expect(fateOf(client)).toBe('unexpected_message');
  });

  it('ahead of a NewSessionTicket that was announced: unexpected_message', async () => {
    const { client, server } = await newPair({ client: tls12Only });
    server.receive(client.turn().output);
    server.receive(client.receive(server.writes[0]!).output);
    const [, ...rest] = splitRecords(server.writes[1]!);
    client.receive(...rest);
    expect(fateOf(client)).toBe('unexpected_message');
  });
});

describe('Finished of TLS 1.2', () => {
  it('that does not verify is a decrypt_error, on either side', async () => {
    const edit = (message: Uint8Array): Uint8Array => message.slice().fill(0, 4);
    const client = clientOf(clientConfig(tls12Only), { host: 'localhost' }, altering('finished', edit));
    expect(outcomeOf(client, serverOf(await serverConfig(tls12Only)))).toEqual(
      refusedByServer('decrypt_error'),
    );
    const server = serverOf(await serverConfig(tls12Only), altering('finished', edit));
    const pair = { client: clientOf(clientConfig(tls12Only)), server };
    pump(pair);
    expect(outcome(pair).client).toBe('decrypt_error');
  });

  it.each([11, 13, 32])('of %i bytes is a decode_error', async (length) => {
    const edit = (): Uint8Array => Uint8Array.of(20, 0, 0, length, ...new Uint8Array(length));
    const client = clientOf(clientConfig(tls12Only), { host: 'localhost' }, altering('finished', edit));
    expect(outcomeOf(client, serverOf(await serverConfig(tls12Only)))).toEqual(
      refusedByServer('decode_error'),
    );
  });

  it('data ahead of it is refused: unexpected_message', async () => {
    const { client, server } = await newPair({ client: tls12Only });
    server.receive(client.turn().output);
    const [exchange, spec] = splitRecords(client.receive(server.writes[0]!).output);
    server.receive(exchange!, spec!);
    server.receive(plaintextRecord(23, new Uint8Array(40)));
    expect(fateOf(server)).toBe('bad_record_mac');
    const plain = serverOf(await serverConfig(tls12Only));
    plain.receive(client.writes[0]!, plaintextRecord(23, new Uint8Array(40)));
    expect(fateOf(plain)).toBe('unexpected_message');
  });
});
