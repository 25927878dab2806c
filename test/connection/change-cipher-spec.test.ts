import { describe, expect, it } from 'vitest';
import { concatBytes, noBytes } from '../../src/base/bytes.ts';
import { maxEmptyRecordsInARow } from '../../src/base/limits.ts';
import { contentTypes } from '../../src/wire/names.ts';
import { type Endpoint, hex, newPair, pump, summary, type Turn } from '../support/engine.ts';
import { plaintextRecord, RawPeer, rawPeerOf, splitRecords } from '../support/raw-peer.ts';

const changeCipherSpec = changeCipherSpecOf(1);
const roles = ['client', 'server'] as const;
const refused = ['failed unexpected_message'];

describe('change_cipher_spec (RFC 9846 §5)', () => {
  it('is dropped by a client from its ClientHello on, anywhere before the Finished', async () => {
    const { client, server } = await newPair();
    const records = splitRecords(server.receive(client.turn().output).output);
    const between = records.flatMap((record) => [changeCipherSpec, record]);
    const turn = client.receive(...between);
    expect(summary(turn.events)).toEqual(['handshakeDone']);
    expect(summary(server.receive(turn.output).events)).toEqual(['handshakeDone']);
  });

  it('is dropped by a server from the ClientHello on, anywhere before the Finished', async () => {
    const { client, server } = await newPair();
    const flight = server.receive(client.turn().output, changeCipherSpec).output;
    const records = splitRecords(client.receive(flight).output);
    const turn = server.receive(changeCipherSpec, ...records.flatMap((record) => [changeCipherSpec, record]));
    expect(summary(turn.events)).toEqual(['handshakeDone']);
    expect(turn.output).toHaveLength(0);
  });

  it('is refused by a server before the ClientHello, and inside it', async () => {
    const before = await newPair();
    expect(summary(before.server.receive(changeCipherSpec).events)).toEqual(refused);
    const inside = await newPair();
    const hello = inside.client.turn().output.subarray(5);
    const parts = [hello.subarray(0, 20), hello.subarray(20)].map((part) => plaintextRecord(22, part));
    const turn = inside.server.receive(parts[0] ?? noBytes, changeCipherSpec, parts[1] ?? noBytes);
    expect(summary(turn.events)).toEqual(refused);
  });

  it('is refused by a client inside a message, where no other record may come (§5.1)', async () => {
    const { client, server } = await newPair({ client: { recordSizeLimit: 64 } });
    const records = splitRecords(server.receive(client.turn().output).output);
    const turn = client.receive(...records.slice(0, -1), changeCipherSpec);
    expect(summary(turn.events)).toEqual(refused);
  });

  it.each(roles)("is refused by a %s after the peer's Finished", async (role) => {
    const { raw } = await rawPeerOf(role);
    const turn = raw.deliver(changeCipherSpec);
    expect(summary(turn.events)).toEqual(refused);
    expect(raw.hear(turn)).toEqual(['fatal unexpected_message']);
  });

  it("is refused by a client right behind the server's Finished, while its own flight waits", async () => {
    const { client, server } = await newPair();
    const flight = server.receive(client.turn().output).output;
    expect(summary(client.receive(flight, changeCipherSpec).events)).toEqual(['handshakeDone', ...refused]);
  });

  it.each([
    ['of another value', changeCipherSpecOf(2)],
    ['of value 0', changeCipherSpecOf(0)],
    ['of two bytes', changeCipherSpecOf(1, 1)],
    ['that is empty', changeCipherSpecOf()],
  ])('is refused where it is one %s', async (_, record) => {
    const toClient = await newPair();
    toClient.client.turn();
    expect(summary(toClient.client.receive(record).events)).toEqual(refused);
    const toServer = await newPair();
    const turn = toServer.server.receive(toServer.client.turn().output, record);
    expect(summary(turn.events)).toEqual(refused);
  });

  it.each(roles)('is refused where it is protected, during the handshake too (%s)', async (role) => {
    const after = await rawPeerOf(role);
    const protectedOne = after.raw.record(contentTypes.change_cipher_spec, Uint8Array.of(1));
    expect(summary(after.raw.deliver(protectedOne).events)).toEqual(refused);
    const during = await rawPeerInHandshake(role);
    const early = during.record(contentTypes.change_cipher_spec, Uint8Array.of(1));
    expect(summary(during.deliver(early).events)).toEqual(refused);
  });

  it.each(roles)('more than 32 are refused (%s)', async (role) => {
    const count = maxEmptyRecordsInARow - (role === 'client' ? 1 : 0);
    const passes = await afterHello(role);
    expect(summary(receiveTimes(passes, count).events)).toEqual([]);
    expect(summary(passes.receive(changeCipherSpec).events)).toEqual(refused);
  });
});

describe('our own change_cipher_spec', () => {
  it('is one on each side: behind ServerHello, and ahead of the second flight of the client', async () => {
    const { client, server } = await newPair();
    pump({ client, server });
    expect(client.writes.map(types)).toEqual([[22], [20, 23]]);
    expect(server.writes.map(types)).toEqual([[22, 20, 23]]);
  });

  it('with a HelloRetryRequest: behind that, and ahead of the second ClientHello', async () => {
    const { client, server } = await newPair({ server: { groups: ['secp384r1'] } });
    pump({ client, server });
    expect(server.info.helloRetryRequest).toBe(true);
    expect(client.writes.map(types)).toEqual([[22], [20, 22], [23]]);
    expect(server.writes.map(types)).toEqual([
      [22, 20],
      [22, 23],
    ]);
  });

  it('is none without compatibility mode', async () => {
    const { client, server } = await newPair({ client: { compatibilityMode: false } });
    pump({ client, server });
    expect([...client.writes, ...server.writes].flatMap(types)).not.toContain(
      contentTypes.change_cipher_spec,
    );
  });
});

it('our legacy_record_version is 0x0303, but for an initial ClientHello, which says 0x0301 (§5.1)', async () => {
  const { client, server } = await newPair({ server: { groups: ['secp384r1'] } });
  pump({ client, server });
  client.send('x');
  server.send('x');
  const versions = (write: Uint8Array): string[] =>
    splitRecords(write).map((record) => hex(record.subarray(1, 3)));
  const [initial = noBytes, ...others] = client.writes;
  expect(versions(initial)).toEqual(['0301']);
  expect(new Set([...others, ...server.writes].flatMap(versions))).toEqual(new Set(['0303']));
});

function changeCipherSpecOf(...bytes: number[]): Uint8Array {
  return plaintextRecord(contentTypes.change_cipher_spec, Uint8Array.from(bytes));
}

function types(write: Uint8Array): (number | undefined)[] {
  return splitRecords(write).map(([type]) => type);
}

/** A client that has received ServerHello, or a server that has received the ClientHello. */
async function afterHello(role: 'client' | 'server'): Promise<Endpoint> {
  const { client, server } = await newPair();
  const flight = server.receive(client.turn().output).output;
  if (role === 'server') return server;
  const [hello = noBytes, spec = noBytes] = splitRecords(flight);
  client.receive(hello, spec);
  return client;
}

async function rawPeerInHandshake(role: 'client' | 'server'): Promise<RawPeer> {
  const read = role === 'client' ? 'handshake' : 'application';
  return new RawPeer(await afterHello(role), { write: 'handshake', read });
}

function receiveTimes(endpoint: Endpoint, count: number): Turn {
  return endpoint.receive(concatBytes(...Array.from({ length: count }, () => changeCipherSpec)));
}
