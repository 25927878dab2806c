import { describe, expect, it } from 'vitest';
import { noBytes, utf8 } from '../../src/base/bytes.ts';
import { maxKeyUpdatesInARow, maxRecordsPerKey } from '../../src/base/limits.ts';
import { nodeCrypto } from '../../src/crypto/node/provider.ts';
import type { CryptoProvider } from '../../src/crypto/provider.ts';
import { encodeKeyUpdate } from '../../src/wire/messages.ts';
import {
  contentTypes,
  handshakeTypes,
  type Tls13CipherSuiteName,
  tls13CipherSuiteCodes,
} from '../../src/wire/names.ts';
import { clientConfig, establishedPair, newPair, pump, serverConfig, summary } from '../support/engine.ts';
import { message, newSessionTicket, RawPeer, rawPeerOf, splitRecords } from '../support/raw-peer.ts';

const roles = ['client', 'server'] as const;
const suiteNames = Object.keys(tls13CipherSuiteCodes) as Tls13CipherSuiteName[];
const asks = encodeKeyUpdate(true);
const answers = encodeKeyUpdate(false);

describe.each(roles)('KeyUpdate flood, at a %s', (role) => {
  it.each(['update_requested', 'update_not_requested'] as const)(
    '32 in a row pass, 33 do not: %s',
    async (kind) => {
      const { raw } = await rawPeerOf(role);
      const first = raw.deliver(...times(maxKeyUpdatesInARow, () => raw.keyUpdate(kind)));
      expect(first).toMatchObject({ events: [], output: noBytes });
      expect(summary(raw.deliver(raw.keyUpdate(kind)).events)).toEqual(['failed unexpected_message']);
    },
  );

  it('application data between them makes it none', async () => {
    const { raw } = await rawPeerOf(role);
    for (let i = 0; i < 3; i++) {
      const updates = times(maxKeyUpdatesInARow, () => raw.keyUpdate('update_not_requested'));
      expect(summary(raw.deliver(...updates, raw.data('x')).events)).toEqual(['data "x"']);
    }
  });

  it('empty or padding-only records do not reset the count, nor do tickets', async () => {
    const { raw } = await rawPeerOf(role);
    raw.deliver(...times(maxKeyUpdatesInARow, () => raw.keyUpdate('update_not_requested')));
    const others = [raw.data(''), raw.data('', 50)];
    if (role === 'client') others.push(raw.handshake(newSessionTicket()));
    const turn = raw.deliver(...others, raw.keyUpdate('update_not_requested'));
    expect(summary(turn.events).at(-1)).toBe('failed unexpected_message');
  });

  it('the answer to our own outstanding request does not count', async () => {
    const { target, raw } = await rawPeerOf(role);
    target.turn((engine) => engine.updateKeys());
    const turn = raw.deliver(...times(maxKeyUpdatesInARow + 1, () => raw.keyUpdate('update_not_requested')));
    expect(summary(turn.events)).toEqual([]);
    expect(summary(raw.deliver(raw.keyUpdate('update_not_requested')).events)).toEqual([
      'failed unexpected_message',
    ]);
  });

  it('a request that crosses our own does count', async () => {
    const { target, raw } = await rawPeerOf(role);
    target.turn((engine) => engine.updateKeys());
    const turn = raw.deliver(...times(maxKeyUpdatesInARow + 1, () => raw.keyUpdate('update_requested')));
    expect(summary(turn.events)).toEqual(['failed unexpected_message']);
  });

  it('each costs one read-key derivation, also while an acknowledgement is owed', async () => {
    const { provider, counts } = countingProvider();
    const { raw } = await rawPeerOf(role, { [role]: { provider } });
    raw.deliver(raw.keyUpdate('update_requested'));
    const before = { ...counts };
    raw.deliver(raw.keyUpdate('update_requested'));
    const each = { keys: counts.keys - before.keys, hmacs: counts.hmacs - before.hmacs };
    expect(each).toEqual({ keys: 1, hmacs: 3 });
    raw.deliver(...times(10, () => raw.keyUpdate('update_requested')));
    expect(counts.keys - before.keys).toBe(11);
    expect(counts.hmacs - before.hmacs).toBe(33);
  });
});

describe.each(roles)('KeyUpdate framing, at a %s', (role) => {
  it('it must end its record', async () => {
    for (const behind of [answers, answers.subarray(0, 1)]) {
      const { raw } = await rawPeerOf(role);
      const turn = raw.deliver(raw.handshake(answers, behind));
      expect(summary(turn.events)).toEqual(['failed unexpected_message']);
    }
  });

  it('over two records it is one KeyUpdate, and the keys change behind the second', async () => {
    const { raw } = await rawPeerOf(role);
    const records = [raw.handshake(asks.subarray(0, 2)), raw.handshake(asks.subarray(2))];
    raw.updateWriteKeys();
    expect(summary(raw.deliver(...records, raw.data('new key')).events)).toEqual(['data "new key"']);
  });

  it.each([2, 255])('a value other than 0 or 1 is an illegal_parameter: %d', async (value) => {
    const { raw } = await rawPeerOf(role);
    const turn = raw.deliver(raw.handshake(message(handshakeTypes.key_update, Uint8Array.of(value))));
    expect(raw.hear(turn)).toEqual(['fatal illegal_parameter']);
  });

  it('without its value it is a decode_error', async () => {
    const { raw } = await rawPeerOf(role);
    const turn = raw.deliver(raw.handshake(message(handshakeTypes.key_update, noBytes)));
    expect(raw.hear(turn)).toEqual(['fatal decode_error']);
  });

  it("before the peer's Finished it is an unexpected_message", async () => {
    const { client, server } = await newPair();
    const flight = server.receive(client.turn().output).output;
    const [hello = noBytes] = splitRecords(flight);
    client.receive(hello);
    const pair = { client, server };
    const read = role === 'client' ? 'handshake' : 'application';
    const raw = new RawPeer(pair[role], { write: 'handshake', read });
    const turn = raw.deliver(raw.handshake(answers));
    expect(summary(turn.events)).toEqual(['failed unexpected_message']);
  });

  it('a record behind it under the old keys does not decrypt, nor one under new keys without it', async () => {
    const old = await rawPeerOf(role);
    const turn = old.raw.deliver(old.raw.handshake(answers), old.raw.data('old key'));
    expect(summary(turn.events)).toEqual(['failed bad_record_mac']);
    const early = await rawPeerOf(role);
    early.raw.updateWriteKeys();
    expect(summary(early.raw.deliver(early.raw.data('new key')).events)).toEqual(['failed bad_record_mac']);
  });
});

describe.each(roles)('updateKeys, of a %s', (role) => {
  const settings = { server: { tickets: { count: 0 } } };

  it('has at most one update_requested outstanding, and the next are update_not_requested', async () => {
    const { target, raw } = await rawPeerOf(role, settings);
    const update = (): string[] => raw.hear(target.turn((engine) => engine.updateKeys()));
    expect(update()).toEqual(['key_update update_requested']);
    expect(update()).toEqual(['key_update update_not_requested']);
    raw.deliver(raw.data('x'));
    expect(update()).toEqual(['key_update update_not_requested']);
    raw.deliver(raw.keyUpdate('update_not_requested'));
    expect(update()).toEqual(['key_update update_requested']);
    expect(update()).toEqual(['key_update update_not_requested']);
  });

  it('comes behind the acknowledgement that is owed', async () => {
    const { target, raw } = await rawPeerOf(role, settings);
    raw.deliver(raw.keyUpdate('update_requested'));
    expect(raw.hear(target.turn((engine) => engine.updateKeys()))).toEqual([
      'key_update update_not_requested',
      'key_update update_requested',
    ]);
    expect(raw.hear(target.send('x'))).toEqual(['data "x"']);
  });

  it('long write: an owed acknowledgement goes before the next record that is sealed', async () => {
    const { target, raw } = await rawPeerOf(role, settings);
    const piece = 'x'.repeat(20_000);
    const first = raw.hear(target.send(piece));
    expect(first.map((text) => text.slice(0, 4))).toEqual(['data', 'data']);
    raw.deliver(raw.keyUpdate('update_requested'));
    const second = raw.hear(target.send(piece));
    expect(second.map((text) => text.slice(0, 4))).toEqual(['key_', 'data', 'data']);
  });
});

it('updateKeys of both sides at once: the requests cross, and data flows on', async () => {
  const pair = await establishedPair();
  const { client, server } = pair;
  client.turn((engine) => engine.updateKeys());
  server.turn((engine) => engine.updateKeys());
  pump(pair);
  client.send('from the client');
  server.send('from the server');
  pump(pair);
  expect(summary(server.events).at(-1)).toBe('data "from the client"');
  expect(summary(client.events).at(-1)).toBe('data "from the server"');
});

describe.each(suiteNames)('AEAD limit, %s', (suiteName) => {
  const settings = { cipherSuites: [suiteName], keyUpdateAfterRecords: 4, tickets: { count: 0 } };

  it.each(roles)(
    'a key seals no more records than it may, the last one a KeyUpdate without request (%s)',
    async (role) => {
      const { [role]: target } = await establishedPair({ client: settings, server: settings });
      const raw = new RawPeer(target, undefined, suiteName);
      const heard = raw.hear(target.turn((engine) => engine.send(new Uint8Array(16_384 * 7).fill(0x78))));
      const brief = heard.map((text) => (text.startsWith('data') ? 'data' : text));
      const update = 'key_update update_not_requested';
      expect(brief).toEqual(['data', 'data', 'data', update, 'data', 'data', 'data', update, 'data']);
    },
  );

  it.each(roles)('is never enforced on receive (%s)', async (role) => {
    const { [role]: target } = await establishedPair({ client: settings, server: settings });
    const raw = new RawPeer(target, undefined, suiteName);
    const turn = raw.deliver(...times(50, () => raw.data('x')));
    expect(turn.events).toHaveLength(50);
    expect(turn.output).toHaveLength(0);
  });
});

describe('AEAD limit', () => {
  it('is 2^24 records for every suite by default, and cannot be set higher', async () => {
    expect(clientConfig().keyUpdateAfterRecords).toBe(2 ** 24);
    expect((await serverConfig()).keyUpdateAfterRecords).toBe(2 ** 24);
    expect(() => clientConfig({ keyUpdateAfterRecords: maxRecordsPerKey + 1 })).toThrow(
      'keyUpdateAfterRecords',
    );
  });

  it('counts tickets, acknowledgements and all other records of a key', async () => {
    const limit = 3;
    const { target, raw } = await rawPeerOf('server', { server: { keyUpdateAfterRecords: limit } });
    let underThisKey = 0;
    for (let i = 0; i < 60; i++) {
      if (i % 3 === 0) raw.deliver(raw.keyUpdate('update_requested'), raw.data('x'));
      const turn = target.turn((engine) => {
        if (i % 4 === 0) engine.sendTickets(1);
        if (i % 5 === 0) engine.updateKeys();
        engine.send(utf8('data'));
      });
      for (const { type, content } of raw.open(turn.output)) {
        underThisKey += 1;
        expect(underThisKey).toBeLessThanOrEqual(limit);
        if (type === contentTypes.handshake && content[0] === handshakeTypes.key_update) underThisKey = 0;
      }
    }
  });

  it('makes no KeyUpdate within a handshake, where none is allowed', async () => {
    const limits = { keyUpdateAfterRecords: 4, recordSizeLimit: 64 };
    const { client, server } = await establishedPair({ client: limits, server: limits });
    expect(client.info.resumed).toBe(false);
    expect(server.info.resumed).toBe(false);
  });

  it('makes no KeyUpdate for a close_notify, which no record follows', async () => {
    const settings = { keyUpdateAfterRecords: 4, tickets: { count: 0 } };
    const { target, raw } = await rawPeerOf('server', { server: settings });
    for (const text of ['1', '2', '3']) raw.hear(target.send(text));
    expect(raw.hear(target.closeWrite())).toEqual(['warning close_notify']);
  });
});

function times(count: number, make: () => Uint8Array): Uint8Array[] {
  return Array.from({ length: count }, make);
}

/** node:crypto, with a count of the AEAD keys and HMACs that it made. */
function countingProvider(): {
  readonly provider: CryptoProvider;
  readonly counts: { keys: number; hmacs: number };
} {
  const counts = { keys: 0, hmacs: 0 };
  const provider: CryptoProvider = {
    ...nodeCrypto,
    aead(algorithm, key) {
      counts.keys += 1;
      return nodeCrypto.aead(algorithm, key);
    },
    hmac(algorithm, key, data) {
      counts.hmacs += 1;
      return nodeCrypto.hmac(algorithm, key, data);
    },
  };
  return { provider, counts };
}
