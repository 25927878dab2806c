import { describe, expect, it } from 'vitest';
import { noBytes, utf8 } from '../../src/base/bytes.ts';
import { TlsTimeoutError, TlsUsageError } from '../../src/base/errors.ts';
import { contentTypes } from '../../src/wire/names.ts';
import { type Endpoint, establishedPair, hex, newPair, pump, summary, trustAll } from '../support/engine.ts';
import { plaintextRecord, RawPeer, rawPeerOf, splitRecords } from '../support/raw-peer.ts';

const roles = ['client', 'server'] as const;
const farewell = [
  plaintextRecord(contentTypes.alert, Uint8Array.of(1, 90)),
  plaintextRecord(contentTypes.alert, Uint8Array.of(1, 0)),
];

describe.each(roles)('our close_notify sent, by a %s', (role) => {
  it('leaves alone, once, although tickets and an acknowledgement are owed', async () => {
    const { target, raw } = await rawPeerOf(role);
    raw.deliver(raw.keyUpdate('update_requested'));
    expect(raw.hear(target.closeWrite())).toEqual(['warning close_notify']);
    expect(target.closeWrite().output).toHaveLength(0);
    expect(target.engine.writeClosed).toBe(true);
    expect(target.engine.failure).toBeUndefined();
  });

  it('nothing more is sent, and we go on reading: KeyUpdate rotates the read key only', async () => {
    const { target, raw } = await rawPeerOf(role);
    target.closeWrite();
    const turn = raw.deliver(
      raw.data('old key'),
      raw.keyUpdate('update_requested'),
      raw.data('new key'),
      raw.alert('close_notify', 1),
    );
    expect(summary(turn.events)).toEqual(['data "old key"', 'data "new key"', 'end']);
    expect(turn.output).toHaveLength(0);
    expect(target.writes).toHaveLength(role === 'client' ? 3 : 2);
  });

  it('further writes are mistakes of the caller, and emit nothing', async () => {
    const { target } = await rawPeerOf(role);
    target.closeWrite();
    expect(() => target.engine.send(utf8('x'))).toThrow(TlsUsageError);
    expect(() => target.engine.updateKeys()).toThrow(TlsUsageError);
    expect(() => target.engine.sendTickets(1)).toThrow(TlsUsageError);
    expect(target.turn().output).toHaveLength(0);
  });
});

describe.each(roles)("peer's close_notify, read by a %s", (role) => {
  it('is the end of what we read, and is never answered by itself', async () => {
    const { target, raw } = await rawPeerOf(role);
    const turn = raw.deliver(raw.data('last'), raw.alert('close_notify', 1));
    expect(summary(turn.events)).toEqual(['data "last"', 'end']);
    expect(turn.output).toHaveLength(0);
    expect(target.receiveEnd()).toMatchObject({ events: [], output: noBytes });
    expect(target.engine.writeClosed).toBe(false);
  });

  it('lets us go on writing, an owed acknowledgement ahead', async () => {
    const { target, raw } = await rawPeerOf(role, { server: { tickets: { count: 0 } } });
    raw.deliver(raw.keyUpdate('update_requested'), raw.alert('close_notify', 1));
    expect(raw.hear(target.send('answer'))).toEqual(['key_update update_not_requested', 'data "answer"']);
    expect(raw.hear(target.send('more'))).toEqual(['data "more"']);
    expect(raw.hear(target.turn((engine) => engine.updateKeys()))).toEqual(['key_update update_requested']);
    expect(raw.hear(target.closeWrite())).toEqual(['warning close_notify']);
  });

  it('input after it is ignored, whatever it is', async () => {
    const { target, raw } = await rawPeerOf(role);
    raw.deliver(raw.alert('close_notify', 1));
    const behind = [
      raw.data('data'),
      raw.alert('internal_error'),
      plaintextRecord(99, noBytes),
      new Uint8Array(100_000),
    ];
    for (const bytes of behind) expect(raw.deliver(bytes)).toMatchObject({ events: [], output: noBytes });
    expect(target.engine.failure).toBeUndefined();
    expect(raw.hear(target.send('x')).at(-1)).toBe('data "x"');
  });

  it('what is behind it, in the same bytes or later, is there to be taken as it came', async () => {
    const { target, raw } = await rawPeerOf(role);
    raw.deliver(raw.alert('close_notify', 1), utf8('SMTP'));
    target.receive(utf8(' again'));
    expect(hex(target.engine.takeTrailing())).toBe(hex(utf8('SMTP again')));
    expect(target.engine.takeTrailing()).toHaveLength(0);
  });
});

describe('half-close', () => {
  it.each([
    ['client', 'server'],
    ['server', 'client'],
  ] as const)('the %s closes, the %s goes on', async (first, second) => {
    const pair = await establishedPair();
    const { [first]: closing, [second]: writing } = pair;
    closing.send('all I have');
    closing.closeWrite();
    pump(pair);
    expect(summary(writing.events).slice(-2)).toEqual(['data "all I have"', 'end']);
    for (const text of ['one', 'two', 'three']) {
      writing.send(text);
      pump(pair);
    }
    writing.turn((engine) => engine.updateKeys());
    writing.send('under new keys');
    writing.closeWrite();
    pump(pair);
    const heard = summary(closing.events).filter((text) => text !== 'session' && text !== 'handshakeDone');
    expect(heard).toEqual(['data "one"', 'data "two"', 'data "three"', 'data "under new keys"', 'end']);
    expect(closing.engine.failure ?? writing.engine.failure).toBeUndefined();
  });

  it('both close at once, and both come to the end', async () => {
    const pair = await establishedPair();
    pair.client.closeWrite();
    pair.server.closeWrite();
    pump(pair);
    expect(summary(pair.client.events).at(-1)).toBe('end');
    expect(summary(pair.server.events).at(-1)).toBe('end');
  });
});

describe('close() during the handshake', () => {
  it.each(roles)('before any byte of a %s left: nothing', async (role) => {
    const { [role]: endpoint } = await newPair();
    expect(endpoint.turn((engine) => engine.closeWrite())).toMatchObject({ events: [], output: noBytes });
    expect(endpoint.engine.writeClosed).toBe(true);
  });

  it('before the flight of a server that was made left: nothing', async () => {
    const { client, server } = await newPair();
    const hello = client.turn().output;
    const turn = server.turn((engine) => {
      engine.receive(hello);
      engine.next();
      engine.closeWrite();
    });
    expect(turn).toMatchObject({ events: [], output: noBytes });
  });

  it('a client with its ClientHello sent: user_canceled and close_notify, unprotected', async () => {
    const { client, server } = await newPair();
    const hello = client.turn().output;
    const turn = client.closeWrite();
    expect(splitRecords(turn.output).map(hex)).toEqual(farewell.map(hex));
    server.receive(hello);
    expect(summary(server.receive(turn.output).events)).toEqual(['failed received close_notify']);
    expect(server.turn().output).toHaveLength(0);
  });

  it('a client with a question open: both under its handshake keys', async () => {
    const trust = { ...trustAll, verify: (): Promise<never> => new Promise(() => undefined) };
    const { client, server } = await newPair({ client: { trust } });
    const flight = server.receive(client.turn().output).output;
    expect(summary(client.receive(flight).events)).toEqual(['question trust']);
    const raw = new RawPeer(client, { write: 'handshake', read: 'handshake' });
    expect(raw.hear(client.closeWrite())).toEqual(['warning user_canceled', 'warning close_notify']);
  });

  it('a server with its flight sent: both under its application keys', async () => {
    const { client, server } = await newPair();
    const flight = server.receive(client.turn().output).output;
    const raw = new RawPeer(server, { write: 'handshake', read: 'application' });
    const turn = server.closeWrite();
    expect(raw.hear(turn)).toEqual(['warning user_canceled', 'warning close_notify']);
    client.receive(flight);
    expect(summary(client.receive(turn.output).events)).toEqual(['end']);
  });

  it('ends everything: input is ignored, nothing follows', async () => {
    const { client, server } = await newPair();
    const flight = server.receive(client.turn().output).output;
    client.closeWrite();
    expect(client.receive(flight)).toMatchObject({ events: [], output: noBytes });
    expect(client.receiveEnd()).toMatchObject({ events: [], output: noBytes });
    expect(client.closeWrite().output).toHaveLength(0);
    expect(client.engine.wantsInput).toBe(false);
    expect(() => client.engine.send(utf8('x'))).toThrow(TlsUsageError);
  });

  it('a deadline takes the same way, and is the failure', async () => {
    const { client } = await newPair();
    client.turn();
    const error = new TlsTimeoutError('handshake', 'too slow');
    const turn = client.turn((engine) => engine.cancel(error));
    expect(turn.events).toEqual([{ type: 'failed', error }]);
    expect(splitRecords(turn.output).map(hex)).toEqual(farewell.map(hex));
    expect(client.engine.failure).toBe(error);
  });

  it('a deadline before any byte left sends nothing', async () => {
    const { server } = await newPair();
    const error = new TlsTimeoutError('handshake', 'too slow');
    const turn = server.turn((engine) => engine.cancel(error));
    expect(turn).toMatchObject({ events: [{ type: 'failed', error }], output: noBytes });
  });

  it('abandon() says nothing at any time', async () => {
    const { client, server } = await newPair();
    const hello = client.turn().output;
    expect(client.turn((engine) => engine.abandon())).toMatchObject({ events: [], output: noBytes });
    server.receive(hello);
    expect(server.turn((engine) => engine.abandon())).toMatchObject({ events: [], output: noBytes });
    const later: Endpoint = (await establishedPair()).client;
    expect(later.turn((engine) => engine.abandon())).toMatchObject({ events: [], output: noBytes });
    expect(later.engine.writeClosed).toBe(true);
  });
});
