import { describe, expect, it } from 'vitest';
import { concatBytes, noBytes } from '../../src/base/bytes.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import type { CryptoProvider } from '../../src/crypto/provider.ts';
import type { Flight } from '../../src/handshake/steps.ts';
import { contentTypes, handshakeTypes } from '../../src/wire/names.ts';
import {
  clientConfig,
  clientEndpoint,
  clientIdentity,
  type Endpoint,
  endOfTime,
  newPair,
  type Pair,
  pseudoRandomSizes,
  questionIn,
  serverConfig,
  serverEndpoint,
  serverIdentity,
  summary,
  trustAll,
} from '../support/engine.ts';
import { newSessionTicket, plaintextRecord, RawPeer, rawPeerOf, splitRecords } from '../support/raw-peer.ts';

/** How long the next chunk is. */
type Sizes = () => number;

const large = 'x'.repeat(17_000);

describe('framing across any split', () => {
  it.each([
    ['1 byte at a time', () => 1],
    ['2 bytes at a time', () => 2],
    ['5 bytes, as long as a header', () => 5],
    ['at random, seed 1', pseudoRandomSizes(30, 1)],
    ['at random, seed 2', pseudoRandomSizes(3000, 2)],
    ['at random, seed 3', pseudoRandomSizes(60_000, 3)],
  ])('gives the same events and the same writes: %s', async (_, sizes) => {
    const whole = await conversation(() => Number.POSITIVE_INFINITY);
    const split = await conversation(sizes);
    for (const role of ['client', 'server'] as const) {
      expect(summary(split[role].events)).toEqual(summary(whole[role].events));
      expect(split[role].writes.map(({ length }) => length)).toEqual(
        whole[role].writes.map(({ length }) => length),
      );
    }
    expect(summary(whole.server.events)).toEqual(['handshakeDone', 'data "hello"', 'data "bye"', 'end']);
    expect(whole.client.events.filter(({ type }) => type === 'session')).toHaveLength(2);
  });

  it('opens a record once, however many chunks it comes in', async () => {
    const counts: number[] = [];
    for (const size of [1, 40_000]) {
      const { provider, opened } = countingOpens();
      const { raw, target } = await rawPeerOf('server', { server: { provider } });
      const before = opened();
      const record = raw.data('x'.repeat(10_000));
      for (let at = 0; at < record.length; at += size) target.receive(record.subarray(at, at + size));
      expect(target.events.at(-1)?.type).toBe('data');
      counts.push(opened() - before);
    }
    expect(counts).toEqual([1, 1]);
  });

  it('keeps what it needs of a chunk: its array may change once `next` gave undefined', async () => {
    const { raw, target } = await rawPeerOf('server');
    const record = raw.data('not overwritten');
    for (const part of [record.slice(0, 3), record.slice(3, 12), record.slice(12)]) {
      target.receive(part);
      part.fill(0);
    }
    expect(summary(target.events).at(-1)).toBe('data "not overwritten"');
  });

  it('keeps what it needs of unprotected chunks, also while a question waits', async () => {
    const identity = await serverIdentity();
    const { client, server } = await newPair({ server: { identity: async () => identity } });
    const hello = client.turn().output.subarray(5);
    const records = [hello.subarray(0, 50), hello.subarray(50)].map((part) =>
      plaintextRecord(contentTypes.handshake, part),
    );
    const turns = records.map((record) => {
      const turn = server.receive(record);
      record.fill(0);
      return turn;
    });
    const question = questionIn(turns[1] ?? turns[0]!);
    const flight = server.turn((engine) => engine.answer(question, identity)).output;
    expect(summary(client.receive(flight).events)).toEqual(['handshakeDone']);
  });

  it('keeps copies of what waits behind a question, and behind the end', async () => {
    const verdict = { trusted: true as const, validUntil: endOfTime };
    const trust = { ...trustAll, verify: async () => verdict };
    const { client, server } = await newPair({ client: { trust, recordSizeLimit: 64 } });
    const flight = server.receive(client.turn().output).output;
    const asked = client.receive(flight);
    flight.fill(0);
    const turn = client.turn((engine) => engine.answer(questionIn(asked), verdict));
    expect(summary(turn.events)).toEqual(['handshakeDone']);
    const { raw, target } = await rawPeerOf('server');
    const trailing = concatBytes(raw.alert('close_notify', 1), Uint8Array.of(1, 2, 3));
    target.receive(trailing);
    trailing.fill(0);
    expect([...target.engine.takeTrailing()]).toEqual([1, 2, 3]);
  });

  it('empty chunks are none', async () => {
    const { raw, target } = await rawPeerOf('server');
    expect(summary(target.receive(noBytes, raw.data('x'), noBytes).events)).toEqual(['data "x"']);
  });
});

describe('several messages in a record', () => {
  it("is how a server's flight leaves: one record under its handshake keys", async () => {
    const { client, server } = await newPair({ server: { clientAuthentication: 'request' } });
    const flight = server.receive(client.turn().output).output;
    const records = splitRecords(flight).filter(([type]) => type === contentTypes.application_data);
    const raw = new RawPeer(server, { write: 'handshake', read: 'handshake' });
    const messages = records.flatMap((record) => raw.open(record)).flatMap((record) => record.messages);
    expect(records).toHaveLength(1);
    expect(messages.map(([type]) => type)).toEqual([8, 13, 11, 15, 20]);
  });

  it('and the beginning of the next one are read alike', async () => {
    const { raw } = await rawPeerOf('client');
    const ticket = newSessionTicket();
    const all = concatBytes(ticket, ticket, ticket);
    for (const cut of [1, 4, ticket.length + 2, ticket.length * 2 + 7]) {
      const turn = raw.deliver(raw.handshake(all.subarray(0, cut)), raw.handshake(all.subarray(cut)));
      expect(summary(turn.events)).toEqual(['session', 'session', 'session']);
    }
  });
});

describe('messages over several records', () => {
  it('are joined, wherever they are cut', async () => {
    const { raw } = await rawPeerOf('client');
    const ticket = newSessionTicket();
    for (let cut = 1; cut < ticket.length; cut++) {
      const first = raw.deliver(raw.handshake(ticket.subarray(0, cut)));
      expect(first).toMatchObject({ events: [], output: noBytes });
      expect(summary(raw.deliver(raw.handshake(ticket.subarray(cut))).events)).toEqual(['session']);
    }
  });

  it('are joined from records of one byte', async () => {
    const { raw } = await rawPeerOf('client');
    const records = [...newSessionTicket()].map((byte) => raw.handshake(Uint8Array.of(byte)));
    expect(summary(raw.deliver(...records, raw.data('x')).events)).toEqual(['session', 'data "x"']);
  });

  it('also where the ClientHello comes like that, and the answer waits for its last byte', async () => {
    const { client, server } = await newPair();
    const hello = client.turn().output.subarray(5);
    const records = [...hello].map((byte) => plaintextRecord(contentTypes.handshake, Uint8Array.of(byte)));
    for (const record of records.slice(0, -1)) expect(server.receive(record).output).toHaveLength(0);
    const flight = server.receive(records.at(-1) ?? noBytes).output;
    expect(summary(client.receive(flight).events)).toEqual(['handshakeDone']);
  });
});

describe('a message that is longer than its syntax allows is a decode_error, from its header (RFC 9846 §6)', () => {
  const announced = (type: number, length: number): Uint8Array =>
    Uint8Array.of(type, length >> 16, (length >> 8) & 0xff, length & 0xff);

  it.each([33, 64, 65, 16_380, 2 ** 24 - 1])('Finished of %d bytes', async (length) => {
    const { client, server } = await newPair();
    server.receive(client.turn().output);
    const raw = new RawPeer(server, { write: 'handshake', read: 'application' });
    const body = new Uint8Array(Math.min(length, 64));
    const turn = raw.deliver(raw.handshake(concatBytes(announced(handshakeTypes.finished, length), body)));
    expect(raw.hear(turn)).toEqual(['fatal decode_error']);
  });

  it.each(['client', 'server'] as const)('KeyUpdate, at a %s', async (role) => {
    for (const length of [2, 65, 16_384, 2 ** 24 - 1]) {
      const { raw } = await rawPeerOf(role);
      const turn = raw.deliver(raw.handshake(announced(handshakeTypes.key_update, length)));
      expect(raw.hear(turn)).toEqual(['fatal decode_error']);
    }
  });
});

describe('a key change inside a record is refused', () => {
  const extra = newSessionTicket();
  const refused = ['failed unexpected_message'];

  it.each([1, extra.length])('behind the ClientHello: %d bytes', async (length) => {
    const { client, server } = await newPair();
    const hello = client.turn().output.subarray(5);
    const record = plaintextRecord(contentTypes.handshake, concatBytes(hello, extra.subarray(0, length)));
    expect(summary(server.receive(record).events)).toEqual(refused);
  });

  it.each([1, extra.length])(
    'behind a ClientHello, and a HelloRetryRequest, too: %d bytes',
    async (length) => {
      const retry = { server: { groups: ['secp384r1'] as const } };
      const first = await newPair(retry);
      const hello = first.client.turn().output.subarray(5);
      const trailed = plaintextRecord(contentTypes.handshake, concatBytes(hello, extra.subarray(0, length)));
      expect(summary(first.server.receive(trailed).events)).toEqual(refused);
      const second = await newPair(retry);
      const [request = noBytes] = splitRecords(second.server.receive(second.client.turn().output).output);
      const content = concatBytes(request.subarray(5), extra.subarray(0, length));
      const turn = second.client.receive(plaintextRecord(contentTypes.handshake, content));
      expect(summary(turn.events)).toEqual(refused);
    },
  );

  it.each([1, extra.length])('behind the ServerHello: %d bytes', async (length) => {
    const { client, server } = await newPair();
    const [hello = noBytes] = splitRecords(server.receive(client.turn().output).output);
    const content = concatBytes(hello.subarray(5), extra.subarray(0, length));
    const turn = client.receive(plaintextRecord(contentTypes.handshake, content));
    expect(summary(turn.events)).toEqual(refused);
  });

  it.each([1, extra.length])("behind the server's Finished: %d bytes", async (length) => {
    const client = clientEndpoint(clientConfig());
    const server = serverEndpoint(await serverConfig(), trailing(extra.subarray(0, length)));
    const flight = server.receive(client.turn().output).output;
    expect(summary(client.receive(flight).events)).toEqual(refused);
  });

  it.each([1, extra.length])("behind the client's Finished: %d bytes", async (length) => {
    const client = clientEndpoint(clientConfig(), trailing(extra.subarray(0, length)));
    const server = serverEndpoint(await serverConfig());
    const finished = client.receive(server.receive(client.turn().output).output).output;
    expect(summary(server.receive(finished).events)).toEqual(refused);
  });
});

/** A flight with these bytes in one record with its Finished, behind it. */
function trailing(bytes: Uint8Array): (flight: Flight) => Flight {
  return (flight) => ({
    ...flight,
    send(message): void {
      flight.send(message);
      if (message[0] === handshakeTypes.finished) flight.send(bytes);
    },
  });
}

/** A conversation with everything in it, carried over in chunks of these sizes. */
async function conversation(sizes: Sizes): Promise<Pair> {
  const pair = await newPair({
    client: { identity: await clientIdentity(), recordSizeLimit: 100 },
    server: { clientAuthentication: 'require', recordSizeLimit: 1000, groups: ['secp384r1'] },
  });
  const { client, server } = pair;
  client.turn();
  carry(pair, sizes);
  client.send('hello');
  carry(pair, sizes);
  server.turn((engine) => engine.updateKeys());
  server.send(large);
  carry(pair, sizes);
  client.send('bye');
  client.closeWrite();
  carry(pair, sizes);
  server.send('last words');
  server.closeWrite();
  carry(pair, sizes);
  return pair;
}

function carry({ client, server }: Pair, sizes: Sizes): void {
  while (client.undelivered.length + server.undelivered.length > 0) {
    deliverSplit(client.undelivered.splice(0), server, sizes);
    deliverSplit(server.undelivered.splice(0), client, sizes);
  }
}

function deliverSplit(writes: readonly Uint8Array[], to: Endpoint, sizes: Sizes): void {
  const bytes = concatBytes(...writes);
  for (let at = 0; at < bytes.length; ) {
    const size = sizes();
    to.receive(bytes.slice(at, at + size));
    at += size;
  }
}

function countingOpens(): { readonly provider: CryptoProvider; readonly opened: () => number } {
  let opened = 0;
  const provider: CryptoProvider = {
    ...nodeCrypto,
    aead(algorithm, key) {
      const aead = nodeCrypto.aead(algorithm, key);
      return {
        seal: (run) => aead.seal(run),
        open(run): Uint8Array[] {
          opened += run.length;
          return aead.open(run);
        },
      };
    },
  };
  return { provider, opened: () => opened };
}
